using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;

namespace WireGuard.Protocol.Tests.Peers;

/// <summary>
/// A session that ends while another thread uses its keys, on a device that wipes them at once: they may be zero under the call.
/// </summary>
public sealed class EndingSessionTests
{
    private const int Tries = 100;

    // To seal or open it takes milliseconds: enough for a session to end meanwhile.
    private static readonly byte[] s_long = [.. Enumerable.Repeat((byte)7, 16 << 20)];

    [Fact]
    public void Message_that_is_sealed_while_its_session_ends_is_not_sent()
    {
        byte[] message = new byte[WireGuardPeer.SealedLength(s_long.Length)];
        Assert.False(WhileSessionEnds(
            _ => { },
            ends => ends.A.Peer.TrySeal(ends.Aead, s_long, message, ends.NowMs, out _),
            ends => ends.A.Keypair.NextCounter > 1));
        Assert.Equal(-1, message.AsSpan().IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void Message_that_is_opened_while_its_session_ends_is_not_authentic()
    {
        byte[] message = new byte[WireGuardPeer.SealedLength(s_long.Length)];
        byte first = 0;
        Assert.False(WhileSessionEnds(
            ends =>
            {
                do
                    Assert.True(ends.B.Peer.TrySeal(ends.Aead, s_long, message, ends.NowMs, out _));
                while ((first = message[TransportMessage.HeaderSize]) == s_long[0]);
            },
            ends => ends.A.Device.TryOpen(ends.Aead, message, ends.NowMs, out _, out _),
            _ => Volatile.Read(ref message[TransportMessage.HeaderSize]) != first));
        Assert.Equal(-1, message.AsSpan()[TransportMessage.HeaderSize..^16].IndexOfAnyExcept((byte)0));
    }

    /// <summary>
    /// Whether a call on another thread succeeds each time, though the session of A ends once it has begun. One success proves
    /// nothing: the call may have been over just before.
    /// </summary>
    private static bool WhileSessionEnds(Action<Ends> prepare, Func<Ends, bool> call, Func<Ends, bool> hasBegun)
    {
        for (int i = 0; i < Tries; i++)
        {
            using var ends = new Ends();
            ends.Connect();
            prepare(ends);
            bool answer = true;
            var thread = new Thread(() => answer = call(ends));
            thread.Start();
            while (!hasBegun(ends) && thread.IsAlive)
                Thread.Yield();
            bool isInTime = hasBegun(ends);
            ends.A.Device.EndSessions();
            thread.Join();
            if (isInTime && !answer)
                return false;
        }

        return true;
    }
}
