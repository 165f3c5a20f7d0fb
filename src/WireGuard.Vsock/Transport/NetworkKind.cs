using WireGuard.Protocol.Framing;
using WireGuard.Protocol.Noise;

namespace WireGuard.Vsock.Transport;

/// <summary>The network under the tunnel: the word after <c>--network</c>. Without a digit, both IP versions.</summary>
internal enum NetworkKind
{
    Vsock,
    Tcp,
    Tcp4,
    Tcp6,
    Udp,
    Udp4,
    Udp6,

    /// <summary>The Unix socket by which Firecracker and Cloud Hypervisor show a guest's VSOCK to their host.</summary>
    Unix,
}

/// <summary>Properties of each network.</summary>
internal static class NetworkKinds
{
    extension(NetworkKind network)
    {
        /// <summary>Whether messages travel framed in a stream of bytes rather than each as a datagram.</summary>
        internal bool IsStream => network is not (NetworkKind.Udp or NetworkKind.Udp4 or NetworkKind.Udp6);

        /// <summary>Whether endpoints are IP addresses, which may have names and need routes.</summary>
        internal bool IsIP => network.AllowsIPv4 || network.AllowsIPv6;

        internal bool AllowsIPv4 => network is NetworkKind.Tcp or NetworkKind.Tcp4 or NetworkKind.Udp or NetworkKind.Udp4;

        internal bool AllowsIPv6 => network is NetworkKind.Tcp or NetworkKind.Tcp6 or NetworkKind.Udp or NetworkKind.Udp6;

        /// <summary>The longest message that it carries, to any address.</summary>
        internal int LargestMessage =>
            network.IsStream ? FrameCodec.MaxMessageSize
            : network.AllowsIPv4 ? UdpDestination.LargestIPv4Payload
            : UdpDestination.LargestIPv6Payload;

        /// <summary>The longest inner packet: the largest MTU that works.</summary>
        internal int LargestPacket => network.LargestMessage - TransportMessage.Overhead;

        /// <summary>All words, for a mistake's line.</summary>
        internal static string Words => "vsock, tcp, tcp4, tcp6, udp, udp4, udp6, unix";

        /// <summary>The word of the command line.</summary>
        internal string Word => network switch
        {
            NetworkKind.Vsock => "vsock",
            NetworkKind.Tcp => "tcp",
            NetworkKind.Tcp4 => "tcp4",
            NetworkKind.Tcp6 => "tcp6",
            NetworkKind.Udp => "udp",
            NetworkKind.Udp4 => "udp4",
            NetworkKind.Udp6 => "udp6",
            NetworkKind.Unix => "unix",
            _ => throw new ArgumentOutOfRangeException(nameof(network), network, null),
        };

        /// <summary>
        /// Reads the word of the command line; false for any other. Not named TryParse: NetworkKind.TryParse would be Enum's,
        /// which takes numbers and the names of this file.
        /// </summary>
        internal static bool TryFromWord(ReadOnlySpan<char> word, out NetworkKind parsed)
        {
            for (parsed = NetworkKind.Vsock; parsed <= NetworkKind.Unix; parsed++)
            {
                if (word.SequenceEqual(parsed.Word))
                    return true;
            }

            parsed = default;
            return false;
        }
    }
}
