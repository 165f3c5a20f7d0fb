using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// The answers of one control connection, waiting to be sent: lines as wireguard-go writes them and in its order, each answer
/// closed by errno=N and an empty line. <c>wg(8)</c> wants the device's keys before the first public_key and reads errno with the
/// kernel's sign, 0 or negative.
///
/// Answers hold keys: the buffer is pinned and wiped whenever it is empty, replaced or disposed of.
/// </summary>
internal sealed class UapiWriter : IDisposable
{
    private const int InitialSize = 4096;
    private const int MaxKeptSize = 64 * 1024;

    private static readonly byte[] ZeroKey = new byte[PublicKey.Size];

    private byte[] _buffer = [];
    private int _start; // of what is unsent
    private int _end;

    /// <summary>What is to be sent next. Valid until the next call.</summary>
    internal ReadOnlySpan<byte> Unsent => _buffer.AsSpan(_start, _end - _start);

    /// <summary>So many bytes of <see cref="Unsent"/> were sent.</summary>
    internal void MarkSent(int count)
    {
        Debug.Assert(count <= _end - _start, "more than there was");
        _start += count;
        if (_start == _end)
            Clear();
    }

    /// <summary>Writes the answer to <c>get</c>, or to <c>status</c> if it has details.</summary>
    internal void WriteStatus(DeviceStatus device)
    {
        if (device.PrivateKey is not null)
            WriteKey("private_key="u8, device.PrivateKey.Bytes);
        if (device.ListenPort != 0)
            WriteNumber("listen_port="u8, device.ListenPort);
        if (device.FirewallMark != 0)
            WriteNumber("fwmark="u8, device.FirewallMark);
        if (device.Details is { } details)
            WriteDetails(details);
        foreach (PeerStatus peer in device.Peers)
        {
            WritePeer(peer);
            if (peer.Details is { } ofPeer)
                WriteDetails(ofPeer);
        }

        WriteResult(0);
    }

    /// <summary>Writes the answer to <c>counters</c>: what was dropped, by reason, then for each peer.</summary>
    internal void WriteCounters(IEnumerable<Counter> device, IEnumerable<(PublicKey Peer, IEnumerable<Counter> Counters)> peers)
    {
        WriteAll(device);
        foreach ((PublicKey peer, IEnumerable<Counter> counters) in peers)
        {
            WriteKey("public_key="u8, peer.Bytes);
            WriteAll(counters);
        }

        WriteResult(0);
    }

    /// <summary>Writes the answer to <c>set</c>, or to a request that failed.</summary>
    /// <param name="errno">Linux's number, positive, or 0 when all went well.</param>
    internal void WriteResult(int errno)
    {
        Debug.Assert(errno >= 0, "the sign is put on here");
        Span<byte> line = Reserve(32);
        "errno="u8.CopyTo(line);
        Utf8Formatter.TryFormat(-errno, line[6..], out int digits);
        "\n\n"u8.CopyTo(line[(6 + digits)..]);
        _end += 6 + digits + 2;
    }

    public void Dispose()
    {
        Clear();
        _buffer = [];
    }

    private void WriteAll(IEnumerable<Counter> counters)
    {
        foreach (Counter counter in counters)
            WriteText(Encoding.ASCII.GetBytes(counter.Name + "="), counter.Value.ToString(CultureInfo.InvariantCulture));
    }

    private void WritePeer(PeerStatus peer)
    {
        WriteKey("public_key="u8, peer.PublicKey.Bytes);
        WriteKey("preshared_key="u8, peer.PresharedKey is null ? ZeroKey : peer.PresharedKey.Bytes);
        WriteText("protocol_version="u8, "1");
        if (peer.Endpoint is { } endpoint)
            WriteText("endpoint="u8, peer.Details is null ? endpoint.ToUapi() : endpoint.ToString());
        WriteNumber("last_handshake_time_sec="u8, peer.LastHandshakeSeconds);
        WriteNumber("last_handshake_time_nsec="u8, peer.LastHandshakeNanoseconds);
        WriteNumber("tx_bytes="u8, peer.TxBytes);
        WriteNumber("rx_bytes="u8, peer.RxBytes);
        WriteNumber("persistent_keepalive_interval="u8, peer.PersistentKeepalive);
        Span<char> text = stackalloc char[IpPrefix.MaxTextLength];
        foreach (IpPrefix prefix in peer.AllowedIps)
        {
            prefix.TryFormat(text, out int length);
            WriteText("allowed_ip="u8, text[..length]);
        }
    }

    private void WriteDetails(DeviceDetails device)
    {
        WriteText("network="u8, device.Network.Word);
        WriteFlag("up="u8, device.IsUp);
        WriteNumber("mtu="u8, (ulong)device.Mtu);
        WriteFlag("superpackets="u8, device.Superpackets);
        WriteText("version="u8, device.Version);
        if (device.Instance is { } instance)
            WriteText("instance="u8, instance);
        if (device.Interface is { } name)
            WriteText("interface="u8, name);
        if (device.Namespace is { } inode)
            WriteNumber("netns="u8, inode);
        if (device.LocalCid is { } cid)
            WriteNumber("local_cid="u8, cid);
        if (device.ListenError is { } error)
            WriteText("listen_error="u8, error);
        if (device.UnlockedBytes != 0)
            WriteNumber("unlocked_bytes="u8, (ulong)device.UnlockedBytes);
        if (device.Sandbox is { } sandbox)
            WriteText("sandbox="u8, sandbox);
        WriteNotes(device.Notes);
        WriteAll(device.Counters);
    }

    private void WriteDetails(PeerDetails peer)
    {
        if (peer.EndpointName is { } name)
            WriteText("endpoint_name="u8, name);
        WriteFlag("superpackets="u8, peer.Superpackets);
        WriteFlag("session="u8, peer.HasSession);
        if (peer.HandshakeError is { } error)
            WriteText("handshake_error="u8, error);
        if (peer.Note is { } note)
            WriteNote(note);
        WriteNumber("dropped_packets="u8, (ulong)peer.DroppedPackets);
        WriteNumber("queued_bytes="u8, (ulong)peer.QueuedBytes);
        foreach (ConnectionStatus connection in peer.Connections)
            WriteText("connection="u8, TextOf(connection));
    }

    private void WriteNotes(DeviceNotes notes)
    {
        if (notes.Provision is { } kind)
            WriteText("provision="u8, kind);
        if (notes.ProvisionPort is { } port)
            WriteNumber("provision_port="u8, port);
        foreach (AwaitedPeer peer in notes.Awaited)
            WriteText("awaited="u8, $"{peer.Address} {peer.Reason}");
    }

    private void WriteNote(PeerNote note)
    {
        if (note.Attest is { } address)
        {
            WriteText("attest="u8, address);
            WriteNumber("attested_at="u8, (ulong)note.AttestedAt);
        }

        if (note.Module is { } module)
            WriteText("attested_module="u8, module);
        foreach ((int index, string hex) in note.Pcrs)
            WriteText("attested_pcr="u8, string.Create(CultureInfo.InvariantCulture, $"{index}:{hex}"));
        if (note.ProvisionedAt != 0)
            WriteNumber("provisioned_at="u8, (ulong)note.ProvisionedAt);
    }

    /// <summary>The address, which may contain a space, and seven words.</summary>
    private static string TextOf(in ConnectionStatus connection)
    {
        string use = connection.Use switch
        {
            ConnectionUse.Current => "current",
            ConnectionUse.Used => "used",
            _ => "unused",
        };
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{connection.Address} {(connection.IsDialed ? "dialled" : "accepted")} {use} age={connection.AgeSeconds} "
            + $"reconnects={connection.Reconnects} rx={connection.RxBytes} tx={connection.TxBytes} "
            + $"queued={connection.QueuedBytes}");
    }

    private void WriteFlag(ReadOnlySpan<byte> name, bool value) => WriteText(name, value ? "true" : "false");

    private void WriteKey(ReadOnlySpan<byte> name, ReadOnlySpan<byte> key)
    {
        Span<byte> line = StartLine(name, 2 * key.Length);
        Convert.TryToHexStringLower(key, line, out int length);
        EndLine(name.Length + length);
    }

    private void WriteNumber(ReadOnlySpan<byte> name, ulong value)
    {
        const int MostDigits = 20;
        Span<byte> line = StartLine(name, MostDigits);
        Utf8Formatter.TryFormat(value, line, out int length);
        EndLine(name.Length + length);
    }

    private void WriteText(ReadOnlySpan<byte> name, ReadOnlySpan<char> value)
    {
        Span<byte> line = StartLine(name, value.Length);
        EndLine(name.Length + Encoding.ASCII.GetBytes(value, line));
    }

    /// <summary>Writes "name=" and gives the place for the value.</summary>
    private Span<byte> StartLine(ReadOnlySpan<byte> name, int valueSize)
    {
        Span<byte> line = Reserve(name.Length + valueSize + 1);
        name.CopyTo(line);
        return line[name.Length..];
    }

    private void EndLine(int length)
    {
        _end += length;
        _buffer[_end++] = (byte)'\n';
    }

    /// <summary>Everything after the end, at least so many bytes.</summary>
    private Span<byte> Reserve(int size)
    {
        if (_buffer.Length - _end < size)
        {
            int needed = checked(_end + size);
            int doubled = (int)Math.Min(2L * _buffer.Length, Array.MaxLength);
            byte[] larger = GC.AllocateUninitializedArray<byte>(Math.Max(InitialSize, Math.Max(needed, doubled)), pinned: true);
            _buffer.AsSpan(0, _end).CopyTo(larger);
            CryptographicOperations.ZeroMemory(_buffer);
            _buffer = larger;
        }

        return _buffer.AsSpan(_end);
    }

    private void Clear()
    {
        CryptographicOperations.ZeroMemory(_buffer.AsSpan(0, _end));
        _start = _end = 0;
        if (_buffer.Length > MaxKeptSize)
            _buffer = [];
    }
}
