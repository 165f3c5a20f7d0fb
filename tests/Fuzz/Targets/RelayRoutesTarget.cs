using System.Buffers.Binary;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Transport;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// Messages of near ends and of enclaves to a relay with peers: an initiation goes to the enclave whose key its mac1 is made
/// with, and to no other; later messages only to enclaves that have sent their index; what is dropped makes no near end; a cookie
/// reply is the only answer, and shorter than what it answers; tables are bounded.
/// <code>steps: u8 kind | u8 near end, enclave | numbers or bytes</code>
/// </summary>
internal sealed class RelayRoutesTarget : FuzzTarget
{
    private const int Enclaves = 5, NearEnds = 3, MostSteps = 200;

    private static readonly PublicKey[] s_keys =
        [.. Enumerable.Range(1, Enclaves).Select(i => new PublicKey([.. Enumerable.Repeat((byte)i, PublicKey.Size)]))];

    private static readonly MacKeys[] s_macs = [.. s_keys.Select(key => new MacKeys(key))];

    private static readonly RelayPeer[] s_peers = [.. s_keys.Select((key, i) =>
        new RelayPeer(key, new TransportAddress(NetworkKind.Vsock, "", (uint)(16 + i), 51820)))];

    public override IEnumerable<byte[]> Seeds()
    {
        Chosen exchange = new Chosen().Byte(0).Byte(1).UInt32(5).Byte(1).Byte(1).UInt32(77).Byte(2).Byte(0).UInt32(77);
        yield return exchange.Byte(3).Byte(0).UInt32(77).Byte(4).Byte(2).UInt32(77).Byte(2).Byte(1).UInt32(77).ToArray();
        yield return new Chosen().Byte(0).Byte(1).UInt32(5).Byte(6).Byte(200).Byte(5).Byte(0).Piece(new byte[148]).ToArray();
        yield return new Chosen().Byte(5).Byte(0).Piece([4, 0, 0, 0, .. new byte[28]]).Byte(7).UInt16(30_000).ToArray();
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        Choices choices = new(input);
        using PeerRoutes routes = new(s_peers, new Admission(new RelayLimits()));
        NearRoutes?[] near = new NearRoutes?[NearEnds];
        HashSet<(uint Index, int Target)> sent = [];
        CookieGenerator[] clients = [.. s_macs.Select(keys => new CookieGenerator(keys))];
        long nowMs = 1_000_000;
        for (int step = 0; step < MostSteps && !choices.IsAtEnd; step++)
        {
            int kind = choices.Byte() % 8, who = choices.Byte();
            int end = who % NearEnds, enclave = who / NearEnds % Enclaves;
            if (kind == 6)
                nowMs += who;
            else if (kind == 7)
                nowMs += choices.UInt16() * 10L;
            if (kind >= 6)
                continue;
            byte[] message = Message(ref choices, kind, clients[enclave], nowMs);
            if (kind is 1 or 4)
                FromFar(routes, near[end], enclave, message, sent, nowMs);
            else
                FromNear(routes, ref near[end], (uint)who, message, sent, clients, nowMs);
            Fact.Holds(routes.Known.Count <= KnownIndices.MaxCount, "known indices are bounded");
            int learned = near[end]?.LearnedCount ?? 0;
            Fact.Holds(learned <= NearRoutes.MaxPerTarget * Enclaves, "learned ones are, too");
        }
    }

    private static byte[] Message(ref Choices choices, int kind, CookieGenerator client, long nowMs)
    {
        if (kind == 5)
            return choices.Piece().ToArray();
        byte[] message = new byte[kind switch { 0 => 148, 1 => 92, 2 => 32, 3 => 92, _ => 148 }];
        message[0] = (byte)(kind switch { 0 => 1, 1 => 2, 2 => 4, 3 => 2, _ => 1 });
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(kind == 3 ? 8 : 4), choices.UInt32());
        if (kind == 0)
            client.WriteMacs(message, nowMs);
        return message;
    }

    private static void FromFar(
        PeerRoutes routes, NearRoutes? near, int enclave, byte[] message, HashSet<(uint, int)> sent, long nowMs)
    {
        if (near is null)
            return;
        bool isAnswer = routes.FromFar(near, enclave, message, nowMs);
        Fact.Same(message[0] is 1 or 2, isAnswer, "whether it is an answer");
        sent.Add((BinaryPrimitives.ReadUInt32LittleEndian(message.AsSpan(4)), enclave));
        Fact.Holds(near.IsAnswered, "an answered near end is known as such");
    }

    private static void FromNear(
        PeerRoutes routes, ref NearRoutes? near, uint source, byte[] message, HashSet<(uint, int)> sent,
        CookieGenerator[] clients, long nowMs)
    {
        Span<byte> reply = stackalloc byte[CookieReplyMessage.Size];
        bool wasThere = near is not null;
        EndpointAddress from = EndpointAddress.IPv4(source, 5);
        RouteDecision decision = routes.FromNear(ref near, from, isStream: source % 2 != 0, message, nowMs, reply);
        Fact.Holds(decision.Kind == RouteKind.Carry || wasThere == near is not null, "what is not carried makes no near end");
        Fact.Same(decision.Kind == RouteKind.Carry, !decision.Targets.IsNone, "whether it goes anywhere");
        MessageType type = MessageTypes.Of(message);
        Fact.Holds(decision.Kind != RouteKind.Answer || (type == MessageType.Initiation && message.Length > reply.Length),
            "a cookie reply answers an initiation");
        if (decision.Kind == RouteKind.Answer)
            TakeCookie(message, reply, clients, nowMs);
        if (decision.Kind != RouteKind.Carry)
            return;
        if (type == MessageType.Initiation)
        {
            int expected = Array.FindIndex(s_macs, keys => keys.IsMac1Valid(message));
            Fact.Same(new RouteTargets(expected), decision.Targets, "to whom an initiation goes");
            return;
        }

        uint index = BinaryPrimitives.ReadUInt32LittleEndian(message.AsSpan(type == MessageType.Response ? 8 : 4));
        Fact.Holds(sent.Contains((index, decision.Targets.First)), "it goes to an enclave that has sent its index");
        Fact.Holds(!decision.Targets.IsTwo || sent.Contains((index, decision.Targets.Second)), "so does the other");
        Fact.Holds(decision.Targets.First != decision.Targets.Second, "it goes to an enclave once");
    }

    /// <summary>It is made in the enclave's name, so that the sender takes it.</summary>
    private static void TakeCookie(byte[] message, Span<byte> reply, CookieGenerator[] clients, long nowMs)
    {
        int enclave = Array.FindIndex(s_macs, keys => keys.IsMac1Valid(message));
        Fact.Holds(enclave >= 0, "a cookie is given to who knows a key");
        CookieReplyMessage cookie = new(reply);
        Fact.Same(new InitiationMessage(message).SenderIndex, cookie.ReceiverIndex, "whom a cookie is for");
        clients[enclave].TryConsumeReply(cookie, nowMs);
    }
}
