using System.Text;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;
using static WireGuard.Vsock.Tests.Uapi.UapiText;

namespace WireGuard.Vsock.Tests.Uapi;

/// <summary>The answer to <c>status</c>, as docs/protocol.md has it.</summary>
public sealed class StatusTextTests
{
    [Fact]
    public void All_that_the_daemon_knows_stands_behind_what_get_says()
    {
        var status = new DeviceStatus
        {
            ListenPort = 12912,
            Details = new DeviceDetails
            {
                Network = NetworkKind.Vsock,
                IsUp = true,
                Mtu = 1420,
                Superpackets = true,
                Version = "0.3.0",
                Instance = "c0ffee",
                Interface = "wg0",
                Namespace = 4026531840,
                LocalCid = 16,
                ListenError = "listening port 1 is taken",
                UnlockedBytes = 32768,
                Notes = new DeviceNotes
                {
                    Provision = "nitro",
                    ProvisionPort = 12913,
                    Awaited = [new AwaitedPeer("vsock:16:51821", "no answer yet")],
                },
                Counters = [new Counter("not_authentic", 7)],
            },
            Peers =
            [
                new PeerStatus
                {
                    PublicKey = new(Convert.FromHexString(Peer1)),
                    Endpoint = EndpointAddress.Vsock(3, 4_000_000_000, isToHost: true),
                    AllowedIps = [IpPrefix.IPv4(0x0A000000, 8)],
                    Details = new PeerDetails
                    {
                        Superpackets = true,
                        HasSession = true,
                        Note = new PeerNote
                        {
                            Attest = "vsock:3:4000000001",
                            AttestedAt = 1_795_000_000,
                            Module = "i-0abc-enc0def",
                            Pcrs = [new ShownPcr(0, Peer1)],
                        },
                        DroppedPackets = 1,
                        QueuedBytes = 2,
                        Connections =
                        [
                            new ConnectionStatus(
                                EndpointAddress.Vsock(3, 4_000_000_000, isToHost: true),
                                IsDialed: true, ConnectionUse.Current, 12, 1, 81632, 4711, 2),
                            new ConnectionStatus(
                                EndpointAddress.Vsock(3, 1024), IsDialed: false, ConnectionUse.Used, 3, 0, 1, 2, 0),
                            new ConnectionStatus(
                                EndpointAddress.Vsock(3, 1025), IsDialed: false, ConnectionUse.Unused, 0, 0, 0, 0, 0),
                        ],
                    },
                },
                new PeerStatus
                {
                    PublicKey = new(Convert.FromHexString(Peer2)),
                    Details = new PeerDetails
                    {
                        EndpointName = "vpn.example.com:51820",
                        HandshakeError = "connect: Connection refused",
                        Note = new PeerNote { ProvisionedAt = 1_795_000_001 },
                    },
                },
            ],
        };
        using var writer = new UapiWriter();
        writer.WriteStatus(status);
        Assert.Equal(
            $"""
            listen_port=12912
            network=vsock
            up=true
            mtu=1420
            superpackets=true
            version=0.3.0
            instance=c0ffee
            interface=wg0
            netns=4026531840
            local_cid=16
            listen_error=listening port 1 is taken
            unlocked_bytes=32768
            provision=nitro
            provision_port=12913
            awaited=vsock:16:51821 no answer yet
            not_authentic=7
            public_key={Peer1}
            preshared_key={Zero}
            protocol_version=1
            endpoint=vm(3):4000000000 to-host
            last_handshake_time_sec=0
            last_handshake_time_nsec=0
            tx_bytes=0
            rx_bytes=0
            persistent_keepalive_interval=0
            allowed_ip=10.0.0.0/8
            superpackets=true
            session=true
            attest=vsock:3:4000000001
            attested_at=1795000000
            attested_module=i-0abc-enc0def
            attested_pcr=0:{Peer1}
            dropped_packets=1
            queued_bytes=2
            connection=vm(3):4000000000 to-host dialled current age=12 reconnects=1 rx=81632 tx=4711 queued=2
            connection=vm(3):1024 accepted used age=3 reconnects=0 rx=1 tx=2 queued=0
            connection=vm(3):1025 accepted unused age=0 reconnects=0 rx=0 tx=0 queued=0
            public_key={Peer2}
            preshared_key={Zero}
            protocol_version=1
            last_handshake_time_sec=0
            last_handshake_time_nsec=0
            tx_bytes=0
            rx_bytes=0
            persistent_keepalive_interval=0
            endpoint_name=vpn.example.com:51820
            superpackets=false
            session=false
            handshake_error=connect: Connection refused
            provisioned_at=1795000001
            dropped_packets=0
            queued_bytes=0
            errno=0


            """,
            Encoding.ASCII.GetString(writer.Unsent));
    }

    [Fact]
    public void Without_details_an_endpoint_is_what_wg_can_read()
    {
        using var writer = new UapiWriter();
        var peer = new PeerStatus
        {
            PublicKey = new(Convert.FromHexString(Peer1)),
            Endpoint = EndpointAddress.Vsock(3, 51820, isToHost: true),
        };
        writer.WriteStatus(new DeviceStatus { Peers = [peer] });
        Assert.Contains("\nendpoint=0.0.0.3:51820\n", Encoding.ASCII.GetString(writer.Unsent), StringComparison.Ordinal);
    }
}
