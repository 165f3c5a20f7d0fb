using System.Text;
using CsCheck;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Tests.Uapi;

/// <summary>What the daemon writes is read back, and whatever else a daemon may write is read or refused.</summary>
public sealed class StatusReaderTests
{
    private static readonly string?[] Texts = [null, "a reason, in words = and all", "no answer since 5 s"];

    private static Gen<EndpointAddress> GenVsock { get; } =
        Gen.Select(Gen.UInt[0, uint.MaxValue - 1], Gen.UInt[0, uint.MaxValue - 1], Gen.Bool, EndpointAddress.Vsock);

    private static Gen<ConnectionStatus> GenConnection { get; } =
        from address in GenVsock
        from isDialed in Gen.Bool
        from use in Gen.Int[0, 2]
        from reconnects in Gen.Int[0, int.MaxValue]
        from numbers in Gen.Long[0, long.MaxValue].Array[4]
        select new ConnectionStatus(
            address, isDialed, (ConnectionUse)use, numbers[0], reconnects, numbers[1], numbers[2], numbers[3]);

    private static Gen<PeerStatus> GenPeer { get; } =
        from key in Gen.Byte.Array[32]
        from presharedKey in Gen.Byte.Array[32]
        from endpoint in GenVsock
        from flags in Gen.Int[0, 15]
        from numbers in Gen.Long[0, long.MaxValue].Array[5]
        from keepalive in Gen.UShort
        from prefixes in Gen.Select(Gen.ULong, Gen.ULong, Gen.Int[0, 128]).Array[0, 3]
        from connections in GenConnection.Array[0, 3]
        from text in Gen.Int[0, Texts.Length - 1]
        from note in NoteGenerators.Peer.Null()
        select new PeerStatus
        {
            PublicKey = new PublicKey(key),
            PresharedKey = (flags & 1) == 0 ? null : new PresharedKey(presharedKey),
            Endpoint = (flags & 2) == 0 ? null : endpoint,
            LastHandshakeSeconds = (ulong)numbers[0],
            LastHandshakeNanoseconds = (uint)(numbers[0] % 1_000_000_000),
            TxBytes = (ulong)numbers[1] * 2,
            RxBytes = (ulong)numbers[2],
            PersistentKeepalive = keepalive,
            AllowedIps = [.. prefixes.Select(one => IpPrefix.IPv6(((UInt128)one.Item1 << 64) | one.Item2, one.Item3))],
            Details = new PeerDetails
            {
                Superpackets = (flags & 4) != 0,
                HasSession = (flags & 8) != 0,
                HandshakeError = Texts[text],
                DroppedPackets = numbers[3],
                QueuedBytes = numbers[4],
                Note = note,
                Connections = connections,
            },
        };

    private static Gen<DeviceStatus> GenDevice { get; } =
        from peers in GenPeer.Array[0, 4]
        from key in Gen.Byte.Array[32]
        from flags in Gen.Int[0, 15]
        from port in Gen.UShort
        from mark in Gen.UInt
        from text in Gen.Int[0, Texts.Length - 1]
        from notes in NoteGenerators.Device
        select new DeviceStatus
        {
            PrivateKey = (flags & 1) == 0 ? null : new PrivateKey(key),
            ListenPort = port,
            FirewallMark = mark,
            Peers = peers,
            Details = new DeviceDetails
            {
                Network = NetworkKind.Vsock,
                IsUp = (flags & 2) != 0,
                Mtu = port,
                Superpackets = (flags & 4) != 0,
                Instance = (flags & 8) == 0 ? null : "0123abcd",
                Version = "0.3.0",
                LocalCid = (flags & 8) == 0 ? null : mark,
                ListenError = Texts[text],
                UnlockedBytes = text,
                Notes = notes,
                Counters = [new Counter("not_sent", mark), new Counter("too_long", 1)],
            },
        };

    [Fact]
    public void Every_status_is_read_back_as_it_was_written() => GenDevice.Sample(
        device =>
        {
            string text = UapiWriterTests.Write(device);
            DeviceStatus read = Read(text, isStatus: true);
            Assert.Equal(text, UapiWriterTests.Write(read));
            read.WipeKeys();
            device.WipeKeys();
        },
        iter: 500);

    [Fact]
    public void A_status_with_bytes_changed_is_read_or_refused_in_one_line() =>
        Gen.Select(GenDevice, Gen.Select(Gen.Int[0, 100_000], Gen.Byte).Array[1, 5], Gen.Bool).Sample(
            (device, changes, isStatus) =>
            {
                byte[] bytes = Encoding.ASCII.GetBytes(UapiWriterTests.Write(device));
                foreach ((int position, byte value) in changes)
                    bytes[position % bytes.Length] = value;
                try
                {
                    Read(Encoding.Latin1.GetString(bytes), isStatus).WipeKeys();
                }
                catch (UapiException e)
                {
                    Assert.DoesNotContain('\n', e.Message);
                }
            },
            iter: 2_000);

    [Fact]
    public void Counters_are_bounded()
    {
        string most = string.Concat(Enumerable.Range(0, StatusReader.MaxCounters).Select(i => $"c{i}=1\n"));
        string begin = "network=vsock\nversion=1\n";
        Assert.Equal(StatusReader.MaxCounters, Read(begin + most + "errno=0\n", isStatus: true).Details!.Counters.Count());
        Assert.Throws<UapiException>(() => Read(begin + most + "one=1\nerrno=0\n", isStatus: true));
    }

    /// <summary>It is shown on a terminal, and the daemon may be somebody else's by now.</summary>
    [Fact]
    public void No_control_character_is_read()
    {
        DeviceStatus read = Read(
            "network=vsock\nversion=\u009b2J\nawaited=vsock:16:1 \u001b]0;x\u0007\n"
            + $"public_key={UapiText.Peer1}\nendpoint=a\u001b[2J\nhandshake_error=\r \nerrno=0\n",
            isStatus: true);
        Assert.Equal("?2J", read.Details!.Version);
        Assert.Equal("?]0;x?", read.Details.Notes.Awaited[0].Reason);
        PeerStatus peer = Assert.Single(read.Peers);
        Assert.Equal("a?[2J", peer.EndpointText);
        Assert.Equal("? ", peer.Details!.HandshakeError);
    }

    private static DeviceStatus Read(string text, bool isStatus)
    {
        StatusReader reader = new("wg0", isStatus);
        foreach (string line in text.Split('\n'))
        {
            if (line.Length == 0)
                break;
            reader.Take(Encoding.Latin1.GetBytes(line));
        }

        return reader.Finish();
    }
}
