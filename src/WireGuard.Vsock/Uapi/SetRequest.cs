using System.Buffers;
using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
#if DOORS
using WireGuard.Vsock.Sandbox;
#endif
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// Gathers the lines of one <c>set</c> into a <see cref="DeviceChange"/>: the device's keys first, then for each public_key those
/// of that peer (https://www.wireguard.com/xplatform/). Keys and their limits are wireguard-go's; endpoint_name and the notes
/// (SetRequest.Notes.cs) are ours. The last of a repeated key counts. Strings are compared whole, so no key or value passes in
/// another spelling.
/// </summary>
internal sealed partial class SetRequest(NetworkKind network, Func<string, uint> interfaceIndex) : IDisposable
{
    /// <summary>Enough to remove all peers and add as many others.</summary>
    internal const int MaxPeers = 2 * Limits.MaxPeers;

    /// <summary>The most allowed IPs, of all peers together.</summary>
    internal const int MaxAllowedIps = 1 << 20;

    private const int ManyParts = 1 << 16;

    private static readonly SearchValues<char> WordLetters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz_");

    private PeerChange? _peer; // null until the first public_key
    private int _allowedIps;

    /// <summary>All that was asked; the caller's from now on.</summary>
    internal DeviceChange Change { get; } = new();

    /// <summary>Whether it takes megabytes of memory.</summary>
    internal bool IsLarge => Change.Peers.Count + _allowedIps >= ManyParts;

    /// <summary>Takes a line without its newline. Null, or what is wrong with it, after which no more may be taken.</summary>
    internal UapiError? TakeLine(ReadOnlySpan<char> line)
    {
        int equals = line.IndexOf('=');
        if (equals < 0)
            return new UapiError(Errno.EPROTO, "is not key=value");
        ReadOnlySpan<char> key = line[..equals];
        ReadOnlySpan<char> value = line[(equals + 1)..];
        if (key is "public_key" && Change.Peers.Count == MaxPeers)
            return new UapiError(Errno.ENOSPC, $"more than {MaxPeers} peers are named");
        if (key is "allowed_ip" && _allowedIps == MaxAllowedIps)
            return new UapiError(Errno.ENOSPC, $"more than {MaxAllowedIps} allowed IPs are named");
        string? error = key is "public_key" ? TakePublicKey(value)
            : _peer is null ? TakeDeviceKey(key, value)
            : TakePeerKey(_peer, key, value);
#if DOORS
        if (_peer is null && key is "door" && Door.Try(value.ToString()) is < 0 and var refused)
            return new UapiError(-refused, "the door is shut");
#endif
        return error is null ? null : new UapiError(Errno.EINVAL, error);
    }

    /// <summary>Wipes the keys gathered so far: the request is void.</summary>
    public void Dispose() => Change.Dispose();

    private string? TakePublicKey(ReadOnlySpan<char> value)
    {
        if (!PublicKey.TryParseHex(value, out PublicKey publicKey))
            return "public_key is not 64 hexadecimal digits";
        _peer = new PeerChange(publicKey);
        Change.Peers.Add(_peer);
        return null;
    }

    private string? TakeDeviceKey(ReadOnlySpan<char> key, ReadOnlySpan<char> value)
    {
        switch (key)
        {
            case "private_key":
                return TakePrivateKey(value);
            case "listen_port":
                if (!DecimalText.TryParse(value, ushort.MaxValue, out uint port))
                    return "listen_port is not a number from 0 to 65535";
                Change.ListenPort = (ushort)port;
                return null;
            case "fwmark":
                uint mark = 0; // nothing at all also removes the mark
                if (!value.IsEmpty && !DecimalText.TryParse(value, uint.MaxValue, out mark))
                    return "fwmark is not a number from 0 to 4294967295";
                Change.FirewallMark = mark;
                return null;
            case "replace_peers":
                Change.ReplacesPeers = true;
                return RequireTrue(key, value);
            case "provision" or "provision_port" or "awaited":
                return TakeNote(key, value);
#if DOORS
            case "door":
                return null;
            case "door_lane":
                Door.Leave(value.ToString());
                return null;
#endif
            default:
                return $"{Printable(key)} is not a key of the device";
        }
    }

    private string? TakePeerKey(PeerChange peer, ReadOnlySpan<char> key, ReadOnlySpan<char> value)
    {
        switch (key)
        {
            case "update_only":
                peer.UpdatesOnly = true;
                return RequireTrue(key, value);
            case "remove":
                peer.Removes = true;
                return RequireTrue(key, value);
            case "preshared_key":
                return TakePresharedKey(peer, value);
            case "endpoint":
                if (!EndpointAddress.TryParse(value, network, interfaceIndex, out EndpointAddress endpoint, out string error))
                    return $"endpoint: {error}";
                peer.Endpoint = endpoint;
                return null;
            case "endpoint_name":
                return TakeEndpointName(peer, value);
            case "persistent_keepalive_interval":
                if (!DecimalText.TryParse(value, ushort.MaxValue, out uint seconds))
                    return "persistent_keepalive_interval is not a number from 0 to 65535";
                peer.PersistentKeepalive = (ushort)seconds;
                return null;
            case "replace_allowed_ips":
                peer.ReplacesAllowedIps = true;
                peer.AllowedIps.Clear(); // those given before are among the replaced
                return RequireTrue(key, value);
            case "allowed_ip":
                return TakeAllowedIp(peer, value);
            case "attest" or "attested_at" or "attested_module" or "attested_pcr" or "provisioned_at":
                return TakeNote(peer, key, value);
            case "protocol_version":
                return value is "1" ? null : "protocol_version is not 1";
            default:
                return $"{Printable(key)} is not a key of a peer";
        }
    }

    private string? TakePrivateKey(ReadOnlySpan<char> value)
    {
        Span<byte> bytes = stackalloc byte[PrivateKey.Size];
        try
        {
            if (!TryParseSecret(value, bytes))
                return "private_key is not 64 hexadecimal digits";
            Change.PrivateKey?.Dispose();
            // Checked before the key is made, which sets a bit of it.
            Change.RemovesPrivateKey = IsZero(bytes);
            Change.PrivateKey = Change.RemovesPrivateKey ? null : new PrivateKey(bytes);
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private static string? TakePresharedKey(PeerChange peer, ReadOnlySpan<char> value)
    {
        Span<byte> bytes = stackalloc byte[PrivateKey.Size];
        try
        {
            if (!TryParseSecret(value, bytes))
                return "preshared_key is not 64 hexadecimal digits";
            peer.PresharedKey?.Dispose();
            peer.PresharedKey = new PresharedKey(bytes);
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private string? TakeEndpointName(PeerChange peer, ReadOnlySpan<char> value)
    {
        if (!network.IsIP)
            return $"endpoint_name: the network is {network.Word}, which knows no names";
        if (!HostName.TryParse(value, out _, out _, out string error))
            return $"endpoint_name: {error}";
        peer.EndpointName = value.ToString();
        return null;
    }

    private string? TakeAllowedIp(PeerChange peer, ReadOnlySpan<char> value)
    {
        bool removes = value.StartsWith('-');
        if (!IpPrefix.TryParse(removes ? value[1..] : value, out IpPrefix prefix))
            return "allowed_ip is not ADDRESS/LENGTH";
        peer.AllowedIps.Add(new AllowedIpChange(prefix, removes));
        _allowedIps++;
        return null;
    }

    /// <summary>Flags can only be set. One that is set for another word does no harm: the request is void.</summary>
    private static string? RequireTrue(ReadOnlySpan<char> key, ReadOnlySpan<char> value) =>
        value is "true" ? null : $"{key} is not true";

    private static bool TryParseSecret(ReadOnlySpan<char> value, Span<byte> bytes) =>
        value.Length == 2 * PrivateKey.Size
        && Convert.FromHexString(value, bytes, out _, out _) == OperationStatus.Done;

    private static bool IsZero(ReadOnlySpan<byte> bytes)
    {
        Span<byte> zero = stackalloc byte[PrivateKey.Size];
        zero.Clear();
        return CryptographicOperations.FixedTimeEquals(bytes, zero);
    }

    /// <summary>An unknown key as the log may show it. What is not a plain word could be a secret before a base64 '='.</summary>
    private static ReadOnlySpan<char> Printable(ReadOnlySpan<char> key)
    {
        const int LongestWord = 31;
        bool isWord = key.Length is > 0 and <= LongestWord && !key.ContainsAnyExcept(WordLetters);
        return isWord ? key : "what precedes the '='";
    }
}
