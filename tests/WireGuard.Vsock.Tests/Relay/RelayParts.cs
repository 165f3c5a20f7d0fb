using System.Buffers.Binary;
using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Relay;

/// <summary>Enclaves behind a relay, and messages to and from them, with nothing in them but what the relay looks at.</summary>
internal sealed class RelayParts : IDisposable
{
    private readonly MacKeys[] _keys;
    private uint _lastSender = 1_000_000;

    public RelayParts(int enclaves)
    {
        Peers =
        [
            .. Enumerable.Range(0, enclaves).Select(i => new RelayPeer(
                new PublicKey(RandomNumberGenerator.GetBytes(PublicKey.Size)),
                new TransportAddress(NetworkKind.Vsock, "", (uint)(16 + i), 51820))),
        ];
        _keys = [.. Peers.Select(peer => new MacKeys(peer.Key))];
        Routes = new PeerRoutes(Peers, Admission);
    }

    public Admission Admission { get; } = new(new RelayLimits());

    public PeerRoutes Routes { get; }

    /// <summary>What the last decision wrote, where it was to answer.</summary>
    public byte[] Reply { get; } = new byte[CookieReplyMessage.Size];

    public static EndpointAddress Source(uint number) => EndpointAddress.IPv4(number, 51820);

    public RelayPeer[] Peers { get; }

    public PublicKey KeyOf(int enclave) => Peers[enclave].Key;

    public CookieGenerator ClientOf(int enclave) => new(_keys[enclave]);

    public RouteDecision FromNear(
        ref NearRoutes? near, EndpointAddress source, byte[] message, long nowMs, bool isStream = false) =>
        Routes.FromNear(ref near, source, isStream, message, nowMs, Reply);

    public byte[] Initiation(int enclave, uint? sender = null) => Initiation(new CookieGenerator(_keys[enclave]), 0, sender);

    /// <summary>With the macs of a client that may have a cookie.</summary>
    public byte[] Initiation(CookieGenerator client, long nowMs, uint? sender = null)
    {
        byte[] message = new byte[InitiationMessage.Size];
        _ = new InitiationMessage(message) { Type = MessageType.Initiation, SenderIndex = sender ?? ++_lastSender };
        client.WriteMacs(message, nowMs);
        return message;
    }

    public static byte[] Response(uint sender, uint receiver)
    {
        byte[] message = new byte[ResponseMessage.Size];
        _ = new ResponseMessage(message) { Type = MessageType.Response, SenderIndex = sender, ReceiverIndex = receiver };
        return message;
    }

    public static byte[] Cookie(uint receiver)
    {
        byte[] message = new byte[CookieReplyMessage.Size];
        _ = new CookieReplyMessage(message) { Type = MessageType.CookieReply, ReceiverIndex = receiver };
        return message;
    }

    public static byte[] Transport(uint receiver)
    {
        byte[] message = new byte[TransportMessage.MinSize];
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)MessageType.Transport);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), receiver);
        return message;
    }

    public void Dispose() => Routes.Dispose();
}
