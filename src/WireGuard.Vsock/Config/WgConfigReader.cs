using System.Runtime.InteropServices;
using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Control;

namespace WireGuard.Vsock.Config;

/// <summary>
/// Reads a file for <c>setconf</c>, <c>addconf</c> and <c>syncconf</c> as <c>wg(8)</c> does (config.c of wireguard-tools): its
/// own keys only, the last of a repeated one counts, white space means nothing anywhere, and the first line that is wrong ends
/// it, with wg's words. DEVIATION: those words leave out what could be a secret key. Test: WgConfigReaderTests.
/// </summary>
internal sealed class WgConfigReader
{
    private readonly EndpointReader _readEndpoint;
    private readonly DeviceChange _change;
    private readonly List<string> _messages = [];
    private readonly HashSet<PeerChange> _named = []; // those whose public key was given
    private Section _section;
    private int _lineNumber;

    private WgConfigReader(DeviceChange change, EndpointReader readEndpoint)
    {
        _change = change;
        _readEndpoint = readEndpoint;
    }

    /// <summary>Reads an endpoint, without white space, into the peer. Null, or what is wrong.</summary>
    internal delegate string? EndpointReader(string text, PeerChange peer);

    private enum Section
    {
        None,
        Interface,
        Peer,
    }

    /// <summary>Reads a file's text.</summary>
    /// <param name="replaces">Whether what the file does not say is removed, as setconf does; else it stays.</param>
    /// <param name="messages">Lines for stderr: warnings, and the mistake.</param>
    /// <returns>What the file asks for, the caller's to dispose of; null after a mistake.</returns>
    internal static DeviceChange? Read(
        ReadOnlySpan<char> text, bool replaces, EndpointReader readEndpoint, out IReadOnlyList<string> messages)
    {
        var change = new DeviceChange { ReplacesPeers = replaces, RemovesPrivateKey = replaces };
        if (replaces)
            (change.ListenPort, change.FirewallMark) = (0, 0);
        var reader = new WgConfigReader(change, readEndpoint);
        messages = reader._messages;
        if (reader.ReadLines(text) && reader.AreAllNamed())
            return change;
        change.Dispose();
        return null;
    }

    private bool ReadLines(ReadOnlySpan<char> text)
    {
        char[] squeezed = GC.AllocateUninitializedArray<char>(text.Length, pinned: true);
        try
        {
            foreach (Range range in text.Split('\n'))
            {
                _lineNumber++;
                int length = Squeeze(text[range], squeezed);
                if (length == 0 || ReadLine(squeezed.AsSpan(0, length)) is not { } mistake)
                    continue;
                _messages.Add(mistake);
                _messages.Add("Configuration parsing error");
                return false;
            }

            return true;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(squeezed.AsSpan()));
        }
    }

    /// <summary>What wg sees of a line: nothing from a '#' or a zero byte on, and no white space.</summary>
    private static int Squeeze(ReadOnlySpan<char> line, Span<char> squeezed)
    {
        int end = line.IndexOfAny('#', '\0');
        int length = 0;
        foreach (char character in end < 0 ? line : line[..end])
        {
            if (character is not (' ' or '\t' or '\v' or '\f' or '\r'))
                squeezed[length++] = character;
        }

        return length;
    }

    private bool AreAllNamed()
    {
        if (_change.Peers.TrueForAll(_named.Contains))
            return true;
        _messages.Add("A peer is missing a public key");
        _messages.Add("Invalid configuration");
        return false;
    }

    private string? ReadLine(ReadOnlySpan<char> line)
    {
        if (line.Equals(ConfigKeys.InterfaceSection, StringComparison.OrdinalIgnoreCase))
        {
            _section = Section.Interface;
            return null;
        }

        if (line.Equals(ConfigKeys.PeerSection, StringComparison.OrdinalIgnoreCase))
        {
            _section = Section.Peer;
            _change.Peers.Add(new PeerChange(default) { ReplacesAllowedIps = true });
            return null;
        }

        int equals = line.IndexOf('=');
        // As in wg, a key with nothing behind its '=' is none.
        ReadOnlySpan<char> value = equals < 0 ? [] : line[(equals + 1)..];
        string key = equals is > 0 and < 32 && !value.IsEmpty ? line[..equals].ToString() : "";
        string? known = ConfigKeys.OfWg.FirstOrDefault(name => name.Equals(key, StringComparison.OrdinalIgnoreCase));
        return (_section, known) switch
        {
            (Section.Interface, ConfigKeys.ListenPort) => ReadListenPort(value),
            (Section.Interface, ConfigKeys.FwMark) => ReadFwMark(value),
            (Section.Interface, ConfigKeys.PrivateKey) => ReadPrivateKey(value),
            (Section.Peer, not (null or ConfigKeys.ListenPort or ConfigKeys.FwMark or ConfigKeys.PrivateKey)) =>
                ReadPeerValue(_change.Peers[^1], known, value),
            _ => Unrecognized(line, key),
        };
    }

    private string? ReadListenPort(ReadOnlySpan<char> value)
    {
        string? mistake = WgValues.ReadPort(value, out ushort port);
        _change.ListenPort = port;
        return mistake;
    }

    private string? ReadFwMark(ReadOnlySpan<char> value)
    {
        string? mistake = WgValues.ReadFwMark(value, out uint mark);
        _change.FirewallMark = mark;
        return mistake;
    }

    private string? ReadPrivateKey(ReadOnlySpan<char> value)
    {
        _change.PrivateKey?.Dispose();
        _change.RemovesPrivateKey = KeyText.IsZero(value); // the key of zeros removes the one there is
        _change.PrivateKey = _change.RemovesPrivateKey ? null : KeyText.ParsePrivate(value);
        return _change.PrivateKey is null && !_change.RemovesPrivateKey ? WgValues.BadKey : null;
    }

    private string? ReadPeerValue(PeerChange peer, string key, ReadOnlySpan<char> value)
    {
        switch (key)
        {
            case ConfigKeys.PublicKey:
                if (!KeyText.TryParse(value, out PublicKey publicKey))
                    return WgValues.BadKey;
                peer.PublicKey = publicKey;
                _named.Add(peer);
                return null;
            case ConfigKeys.PresharedKey:
                peer.PresharedKey?.Dispose();
                peer.PresharedKey = KeyText.ParsePreshared(value);
                return peer.PresharedKey is null ? WgValues.BadKey : null;
            case ConfigKeys.AllowedIps:
                return WgValues.ReadAllowedIps(value, peer.AllowedIps, _messages.Add);
            case ConfigKeys.Endpoint:
                const string toHost = "to-host"; // ours: a word of its own, behind the port
                bool isToHost = value.EndsWith(toHost, StringComparison.Ordinal);
                string text = isToHost ? $"{value[..^toHost.Length]} {toHost}" : value.ToString();
                return _readEndpoint(text, peer);
            default:
                string? mistake = WgValues.ReadKeepalive(value, out ushort seconds);
                peer.PersistentKeepalive = seconds;
                return mistake;
        }
    }

    /// <summary>
    /// The value of a key that is nearly one of those for keys is likely one. A line that is not shown is told by its number.
    /// </summary>
    private string Unrecognized(ReadOnlySpan<char> line, string key)
    {
        bool isSecret = key.EndsWith("Key", StringComparison.OrdinalIgnoreCase)
            || ConfigKeys.Nearest(key, ConfigKeys.OfWg)?.EndsWith("Key", StringComparison.Ordinal) == true;
        string name = KeyText.MayBeIn(key) ? "" : Printable.Quote(key);
        bool hides = isSecret || KeyText.MayBeIn(line);
        return hides
            ? $"Line unrecognized: `{name}={KeyText.Hidden}', line {_lineNumber}"
            : $"Line unrecognized: `{Printable.Quote(line)}'";
    }
}
