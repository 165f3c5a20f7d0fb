using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// Reads the lines of a daemon's answer into a <see cref="DeviceStatus"/>: the inverse of <see cref="UapiWriter"/>, and what any
/// other daemon says by https://www.wireguard.com/xplatform/. Unknown keys are passed over, as by <c>wg(8)</c>. A daemon may be
/// under an attacker's control, and what it says is shown on a terminal: no control character is read. What only our daemon tells
/// is read in StatusReader.Details.cs.
/// </summary>
/// <param name="name">The interface's.</param>
/// <param name="isStatus">Whether it is the answer to <c>status</c>.</param>
internal sealed partial class StatusReader(string name, bool isStatus)
{
    private readonly char[] _line = GC.AllocateUninitializedArray<char>(UapiExchange.MaxLine, pinned: true); // wiped after each
    private readonly List<PeerStatus> _peers = [];
    private DeviceStatus _device = new();
    private int _lineNumber;
    private int? _errno;

    /// <summary>What has been read; its keys are the caller's to wipe.</summary>
    public DeviceStatus Status => _device with { Peers = _peers };

    /// <summary>Takes a line without its newline.</summary>
    /// <exception cref="UapiException">It is malformed.</exception>
    public void Take(ReadOnlySpan<byte> line)
    {
        _lineNumber++;
        Span<char> text = _line.AsSpan(0, Encoding.Latin1.GetChars(line, _line));
        foreach (ref char character in text)
            character = char.IsControl(character) ? '?' : character;
        try
        {
            int equals = text.IndexOf('=');
            if (equals < 0)
                throw Malformed("is not key=value");
            ReadOnlySpan<char> key = text[..equals], value = text[(equals + 1)..];
            if (key is "errno")
                _errno = (int)Number(key, value.TrimStart('-'), int.MaxValue);
            else if (key is "public_key")
                TakePublicKey(value);
            else if (_peers.Count == 0)
                TakeDeviceKey(key, value);
            else
                _peers[^1] = TakePeerKey(_peers[^1], key, value);
        }
        finally
        {
            text.Clear();
        }
    }

    /// <summary>
    /// Whether the answer to <c>status</c> is an errno and nothing of ours: some daemons answer so to an operation that they do
    /// not know, where others close.
    /// </summary>
    public bool IsRefusedStatus => isStatus && _errno is not (null or 0) && _device.Details is null;

    /// <summary>The answer is whole.</summary>
    /// <exception cref="UapiException">The daemon answered an error, or nothing of the kind.</exception>
    public DeviceStatus Finish()
    {
        if (_errno is not { } errno)
            throw Malformed("says no errno");
        if (errno != 0)
            throw new UapiException(name, errno);
        if (isStatus && _device.Details is null)
            throw Malformed("says no network");
        return Status;
    }

    private void TakeDeviceKey(ReadOnlySpan<char> key, ReadOnlySpan<char> value)
    {
        switch (key)
        {
            case "private_key":
                // DEVIATION: wg(8) shows it as the daemon says it; here it is clamped, as every private key is.
                // Test: An_answer_is_read_whatever_else_it_says.
                _device.PrivateKey?.Dispose();
                _device = _device with { PrivateKey = ReadKey(key, value, bytes => new PrivateKey(bytes)) };
                break;
            case "listen_port":
                _device = _device with { ListenPort = (ushort)Number(key, value, ushort.MaxValue) };
                break;
            case "fwmark":
                _device = _device with { FirewallMark = (uint)Number(key, value, uint.MaxValue) };
                break;
            default:
                if (isStatus)
                    _device = _device with { Details = TakeDetail(_device.Details, key, value) };
                break;
        }
    }

    private void TakePublicKey(ReadOnlySpan<char> value)
    {
        if (!PublicKey.TryParseHex(value, out PublicKey publicKey))
            throw Malformed("public_key is not 64 hexadecimal digits");
        if (_peers.Count == Limits.MaxPeers)
            throw Malformed($"more than {Limits.MaxPeers} peers");
        _peers.Add(new PeerStatus
        {
            PublicKey = publicKey,
            AllowedIps = new List<IpPrefix>(),
            Details = isStatus ? new PeerDetails { Connections = new List<ConnectionStatus>() } : null,
        });
    }

    private PeerStatus TakePeerKey(PeerStatus peer, ReadOnlySpan<char> key, ReadOnlySpan<char> value)
    {
        switch (key)
        {
            case "preshared_key":
                peer.PresharedKey?.Dispose();
                return peer with { PresharedKey = ReadKey(key, value, bytes => new PresharedKey(bytes)) };
            case "endpoint":
                return ReadEndpoint(peer, value);
            case "last_handshake_time_sec":
                return peer with { LastHandshakeSeconds = Number(key, value, long.MaxValue) };
            case "last_handshake_time_nsec":
                return peer with { LastHandshakeNanoseconds = (uint)Number(key, value, 999_999_999) };
            case "tx_bytes":
                return peer with { TxBytes = Number(key, value, ulong.MaxValue) };
            case "rx_bytes":
                return peer with { RxBytes = Number(key, value, ulong.MaxValue) };
            case "persistent_keepalive_interval":
                return peer with { PersistentKeepalive = (ushort)Number(key, value, ushort.MaxValue) };
            case "allowed_ip":
                if (!IpPrefix.TryParse(value, out IpPrefix prefix))
                    throw Malformed("allowed_ip is not ADDRESS/LENGTH");
                ((List<IpPrefix>)peer.AllowedIps).Add(prefix);
                return peer;
            default:
                return peer.Details is { } details ? peer with { Details = TakeDetail(details, key, value) } : peer;
        }
    }

    /// <summary>What is no address is kept as the daemon says it.</summary>
    private PeerStatus ReadEndpoint(PeerStatus peer, ReadOnlySpan<char> value)
    {
        if (value.IsEmpty)
            throw Malformed("endpoint is empty");
        NetworkKind network = _device.Details?.Network ?? NetworkKind.Udp;
        bool isAddress = EndpointAddress.TryParse(value, network, Sys.InterfaceIndex, out EndpointAddress endpoint, out _);
        return peer with { Endpoint = isAddress ? endpoint : null, EndpointText = value.ToString() };
    }

    /// <summary>The all-zero key is none.</summary>
    private T? ReadKey<T>(ReadOnlySpan<char> key, ReadOnlySpan<char> value, Func<ReadOnlySpan<byte>, T> make)
        where T : class
    {
        Span<byte> bytes = stackalloc byte[PrivateKey.Size];
        try
        {
            bool isKey = value.Length == 2 * PrivateKey.Size
                && Convert.FromHexString(value, bytes, out _, out _) == OperationStatus.Done;
            if (!isKey)
                throw Malformed($"{key} is not 64 hexadecimal digits");
            return bytes.ContainsAnyExcept((byte)0) ? make(bytes) : null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private ulong Number(ReadOnlySpan<char> key, ReadOnlySpan<char> value, ulong max)
    {
        // Only digits, as many as wg(8) reads: leading zeros as well, and more than 64 bits are the most that they can say.
        bool isNumber = !value.IsEmpty && !value.ContainsAnyExceptInRange('0', '9');
        if (!ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number))
            number = ulong.MaxValue;
        return isNumber && number <= max ? number : throw Malformed($"{key} is not a number up to {max}");
    }

    private UapiException Malformed(string what) => new(
        name, Errno.EPROTO, $"{Errno.Text(Errno.EPROTO)}: line {_lineNumber} of the daemon's answer: {what}");
}
