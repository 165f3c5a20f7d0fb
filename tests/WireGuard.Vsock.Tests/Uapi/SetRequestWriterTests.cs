using System.Text;
using CsCheck;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Tests.Uapi.UapiText;

namespace WireGuard.Vsock.Tests.Uapi;

/// <summary>What is written of a change is the change, read again.</summary>
public sealed class SetRequestWriterTests
{
    private static Gen<PeerChange> GenPeer { get; } =
        from key in Gen.Byte.Array[32]
        from preshared in Gen.Byte.Array[32]
        from flags in Gen.Int[0, 31]
        from cid in Gen.UInt[0, uint.MaxValue - 1]
        from port in Gen.UInt[0, uint.MaxValue - 1]
        from keepalive in Gen.UShort
        from prefixes in Gen.Select(Gen.ULong, Gen.ULong, Gen.Int[0, 128], Gen.Bool).Array[0, 4]
        from note in NoteGenerators.Peer.Null()
        select Make(key, preshared, flags, EndpointAddress.Vsock(cid, port), keepalive, prefixes, note);

    [Fact]
    public void Every_change_is_read_back_as_it_was() =>
        Gen.Select(GenPeer.Array[0, 4], Gen.Byte.Array[32], Gen.UShort, Gen.UInt, Gen.Int[0, 15], NoteGenerators.Device.Null())
        .Sample(
            (peers, key, port, mark, flags, notes) =>
            {
                using DeviceChange change = new()
                {
                    PrivateKey = flags % 4 == 1 ? new PrivateKey(key) : null,
                    RemovesPrivateKey = flags % 4 == 2,
                    ListenPort = (flags & 4) == 0 ? null : port,
                    FirewallMark = (flags & 8) == 0 ? null : mark,
                    ReplacesPeers = flags % 3 == 0,
                    Notes = notes,
                };
                change.Peers.AddRange(peers);
                using SecretText text = new();
                SetRequestWriter.Write(change, text);
                using UapiParser parser = NewParser();
                parser.Append(text.Bytes);
                UapiRequest read = Assert.Single(TakeAll(parser));
                Assert.Equal(Describe(UapiRequest.Set(change)), Describe(read));
                read.Change!.Dispose();
            },
            iter: 1_000);

    /// <summary>What a peer answers or a document says must not be a line of its own.</summary>
    [Fact]
    public void A_notes_text_is_one_line_whatever_is_in_it()
    {
        AwaitedPeer[] awaited = [new("tcp:[::1]:1", "no\nprivate_key=0\u00e9"), new("vsock:3:1", "")];
        using DeviceChange change = new() { Notes = new DeviceNotes { Awaited = awaited } };
        var note = new PeerNote { Module = new string('m', 600) + "\n", Attest = "vsock:3:1" };
        change.Peers.Add(new PeerChange(default) { Note = note });
        using SecretText text = new();
        SetRequestWriter.Write(change, text);
        using DeviceChange read = ParseSet(Encoding.UTF8.GetString(text.Bytes)["set=1\n".Length..^1]);
        Assert.Equal(["no?private_key=0?", "?"], read.Notes!.Awaited.Select(peer => peer.Reason));
        Assert.Equal(new string('m', 512), read.Peers[0].Note!.Module);
    }

    [Fact]
    public void Nothing_is_left_of_a_text_that_was_wiped()
    {
        SecretText text = new();
        text.Append("private_key=").AppendHex([0xab, 0xcd]).AppendBase64([1, 2, 3]);
        Assert.Equal("private_key=abcdAQID", Encoding.UTF8.GetString(text.Bytes));
        Memory<byte> rest = text.GetMemory(1);
        text.Clear();
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray<byte>(rest, out ArraySegment<byte> array));
        Assert.DoesNotContain(array.Array!, value => value != 0);
        text.Dispose();
    }

    private static PeerChange Make(
        byte[] key, byte[] preshared, int flags, EndpointAddress endpoint, ushort keepalive,
        (ulong, ulong, int, bool)[] prefixes, PeerNote? note)
    {
        PeerChange peer = new(new PublicKey(key))
        {
            Removes = (flags & 1) != 0,
            UpdatesOnly = (flags & 2) != 0,
            ReplacesAllowedIps = (flags & 4) != 0,
            PresharedKey = (flags & 8) == 0 ? null : new PresharedKey(preshared),
            Endpoint = (flags & 16) == 0 ? null : endpoint,
            PersistentKeepalive = keepalive % 3 == 0 ? null : keepalive,
            Note = note,
        };
        foreach ((ulong high, ulong low, int length, bool removes) in prefixes)
        {
            IpPrefix prefix = length <= 32 && removes
                ? IpPrefix.IPv4((uint)high, length)
                : IpPrefix.IPv6(((UInt128)high << 64) | low, length);
            peer.AllowedIps.Add(new AllowedIpChange(prefix, removes));
        }

        return peer;
    }
}
