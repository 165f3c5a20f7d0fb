using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Peers;

namespace WireGuard.Protocol.Tests;

/// <summary>The example in the library's README, word for word: see <see cref="ReadmeTests"/>.</summary>
internal static class ReadmeExample
{
    public static void Run(long nowMs, Action<string, byte[]> show)
    {
        // README begins
        using WireGuardDevice<WireGuardPeer> a = new(PrivateKey.Generate()), b = new(PrivateKey.Generate());
        WireGuardPeer toB = new(b.PrivateKey!.PublicKey), toA = new(a.PrivateKey!.PublicKey);
        a.Add(toB);
        b.Add(toA);
        using var aead = new Aead(); // one for each thread
        byte[] message = new byte[WireGuardPeer.SealedLength(1420)], reply = new byte[WireGuardPeer.MaxHandshakeSize];

        if (!a.TryBegin(toB, isRetry: false, DateTimeOffset.UtcNow, aead, nowMs, message)) // to B: an initiation
            return;
        Span<byte> response = b.Receive(aead, message.AsSpan(0, reply.Length), nowMs, reply).Reply; // to A
        if (a.Receive(aead, response, nowMs, message).Outcome != HandshakeOutcome.Completed
            || !toB.TrySeal(aead, "from A to B"u8, message, nowMs, out _)) // to B, at once: it confirms the session
            return;
        if (b.TryOpen(aead, message.AsSpan(0, WireGuardPeer.SealedLength(11)), nowMs, out _, out OpenedMessage atB))
            show("B reads", atB.Payload[..11].ToArray()); // without its padding
        for (PeerAction due; (due = toA.Poll(nowMs)) != PeerAction.None;) // at NextDeadline, and when News says so
            show($"B: {due}", []);
        if (toA.TrySeal(aead, "from B to A"u8, message, nowMs, out _) // to A
            && a.TryOpen(aead, message.AsSpan(0, WireGuardPeer.SealedLength(11)), nowMs, out _, out OpenedMessage atA))
            show($"A reads, B's next deadline is {toA.NextDeadline(nowMs) - nowMs} ms away", atA.Payload[..11].ToArray());
        // README ends
    }
}
