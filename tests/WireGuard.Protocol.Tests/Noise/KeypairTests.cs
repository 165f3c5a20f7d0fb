using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Tests.Noise;

/// <summary>Sections 5.4.5, 5.4.6, 6.1 and 6.2: one session's keys, until their end.</summary>
public sealed class KeypairTests : IDisposable
{
    private const long Born = 1_000_000;
    private readonly Aead _aead = new();
    private readonly Keypair _initiator;
    private readonly Keypair _responder;

    public KeypairTests()
    {
        (_initiator, _responder) = Pair(Born);
    }

    internal static (Keypair Initiator, Keypair Responder) Pair(long nowMs, uint firstIndex = 1)
    {
        byte[] random = new byte[32];
        SecureRandom.Fill(random);
        var state = SymmetricState.Create(SymmetricState.Identifier, random);
        return (Keypair.Derive(ref state, isInitiator: true, firstIndex, firstIndex + 1, nowMs),
            Keypair.Derive(ref state, isInitiator: false, firstIndex + 1, firstIndex, nowMs));
    }

    public void Dispose()
    {
        _aead.Dispose();
        _initiator.Dispose();
        _responder.Dispose();
    }

    // ---- section 5.4.6: messages ----------------------------------------------------------------------------------

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1420)]
    [InlineData(65_535)]
    public void Packet_survives_either_way(int length)
    {
        byte[] packet = new byte[length];
        new Random(length).NextBytes(packet);
        Assert.Equal(packet, Open(_responder, Seal(_initiator, packet)));
        Assert.Equal(packet, Open(_initiator, Seal(_responder, packet)));
    }

    [Fact]
    public void Counters_ascend_from_zero_each_way()
    {
        Assert.Equal(0u, _initiator.NextCounter);
        for (ulong counter = 0; counter < 3; counter++)
        {
            byte[] message = Seal(_initiator, [1]);
            Assert.Equal(counter, TransportMessage.Counter(message));
            Assert.Equal(counter + 1, _initiator.NextCounter);
            Assert.Equal(2u, TransportMessage.ReceiverIndex(message));
            Assert.Equal([4, 0, 0, 0], message[..4]);
        }

        Assert.Equal(0u, TransportMessage.Counter(Seal(_responder, [1])));
    }

    [Fact]
    public void Replayed_message_is_rejected()
    {
        byte[] message = Seal(_initiator, [1, 2, 3]);
        Assert.NotNull(Open(_responder, message));
        Assert.Null(Open(_responder, message));
    }

    [Fact]
    public void Messages_may_overtake_each_other()
    {
        byte[] first = Seal(_initiator, [1]), second = Seal(_initiator, [2]);
        Assert.Equal([2], Open(_responder, second));
        Assert.Equal([1], Open(_responder, first));
    }

    [Fact]
    public void Tampered_message_is_rejected_wherever_the_byte()
    {
        byte[] message = Seal(_initiator, [1, 2, 3]);
        for (int i = 8; i < message.Length; i++) // before that: type and receiver index, which found the keypair
        {
            byte[] tampered = [.. message];
            tampered[i] ^= 1;
            Assert.Null(Open(_responder, tampered));
        }

        Assert.NotNull(Open(_responder, message));
    }

    [Fact]
    public void Forged_message_does_not_move_the_window()
    {
        byte[] genuine = Seal(_initiator, [1]);
        byte[] forged = [.. genuine];
        TransportMessage.WriteHeader(forged, 2, 1_000_000);
        Assert.Null(Open(_responder, forged));
        Assert.False(_responder.HasReceived);
        Assert.NotNull(Open(_responder, genuine));
        Assert.True(_responder.HasReceived);
    }

    [Fact]
    public void Own_message_sent_back_is_rejected() => Assert.Null(Open(_initiator, Seal(_initiator, [1])));

    [Theory]
    [InlineData(0)]
    [InlineData(16)]
    [InlineData(31)]
    public void Message_shorter_than_a_keepalive_is_rejected(int length) =>
        Assert.False(_responder.TryOpen(_aead, new byte[length], Born, out _));

    // ---- sections 6.1 and 6.2: age --------------------------------------------------------------------------------

    [Fact]
    public void Key_sends_until_REJECT_AFTER_TIME()
    {
        Assert.True(_initiator.CanSend(Born + 179_999));
        Assert.True(_initiator.TrySeal(_aead, new byte[32], Born + 179_999));
        Assert.False(_initiator.CanSend(Born + 180_000));
        Assert.False(_initiator.TrySeal(_aead, new byte[32], Born + 180_000));
        Assert.Equal(1u, _initiator.NextCounter);
    }

    [Fact]
    public void Key_receives_until_REJECT_AFTER_TIME()
    {
        byte[] first = Seal(_initiator, [1]), second = Seal(_initiator, [2]);
        Assert.NotNull(Open(_responder, first, Born + 179_999));
        Assert.Null(Open(_responder, second, Born + 180_000));
    }

    [Fact]
    public void Initiator_asks_for_a_handshake_when_it_sends_after_REKEY_AFTER_TIME()
    {
        Assert.False(_initiator.NeedsRekeyAfterSending(Born + 119_999));
        Assert.True(_initiator.NeedsRekeyAfterSending(Born + 120_000));
        Assert.True(_initiator.NeedsRekeyAfterSending(Born + 120_001)); // as often as it sends
        Assert.False(_responder.NeedsRekeyAfterSending(Born + 120_000));
        Assert.False(_responder.NeedsRekeyAfterSending(Born + 179_999));
    }

    [Fact]
    public void Initiator_asks_once_for_a_handshake_when_it_receives_at_165_s()
    {
        Assert.False(_initiator.NeedsRekeyAfterReceiving(Born + 164_999));
        Assert.True(_initiator.NeedsRekeyAfterReceiving(Born + 165_000));
        Assert.False(_initiator.NeedsRekeyAfterReceiving(Born + 165_000));
        Assert.False(_responder.NeedsRekeyAfterReceiving(Born + 165_000));
    }

    [Fact]
    public void Expired_key_neither_sends_nor_receives()
    {
        byte[] message = Seal(_initiator, [1]);
        _initiator.Expire();
        _responder.Expire();
        Assert.False(_initiator.CanSend(Born));
        Assert.False(_initiator.TrySeal(_aead, new byte[32], Born));
        Assert.Null(Open(_responder, message));
    }

    [Fact]
    public void Disposed_key_neither_sends_nor_receives()
    {
        byte[] message = Seal(_initiator, [1]);
        _initiator.Dispose();
        _responder.Dispose();
        Assert.False(_initiator.TrySeal(_aead, new byte[32], Born));
        Assert.Null(Open(_responder, message));
    }

    // ---- sections 6.1 and 6.2: messages ---------------------------------------------------------------------------

    [Fact]
    public void Key_sends_and_receives_until_REJECT_AFTER_MESSAGES()
    {
        _initiator.SetNextCounter(Limits.RejectAfterMessages - 1);
        Assert.True(_initiator.CanSend(Born));
        byte[] last = Seal(_initiator, [1]);
        Assert.Equal(Limits.RejectAfterMessages - 1, TransportMessage.Counter(last));
        Assert.NotNull(Open(_responder, last));
        for (int i = 0; i < 3; i++)
        {
            Assert.False(_initiator.CanSend(Born));
            Assert.False(_initiator.TrySeal(_aead, new byte[32], Born));
            Assert.Equal(Limits.RejectAfterMessages, _initiator.NextCounter);
        }
    }

    [Fact]
    public void Either_end_asks_for_a_handshake_after_REKEY_AFTER_MESSAGES()
    {
        foreach (Keypair keypair in (Keypair[])[_initiator, _responder])
        {
            keypair.SetNextCounter(Limits.RekeyAfterMessages - 1);
            Seal(keypair, [1]);
            Assert.False(keypair.NeedsRekeyAfterSending(Born));
            Seal(keypair, [1]);
            Assert.True(keypair.NeedsRekeyAfterSending(Born));
        }
    }

    [Fact]
    public void Limits_are_the_papers()
    {
        Assert.Equal(1UL << 60, Limits.RekeyAfterMessages);
        Assert.Equal(ulong.MaxValue - (1 << 13), Limits.RejectAfterMessages); // 2^64 - 2^13 - 1
        Assert.Equal(120_000, Limits.RekeyAfterTimeMs);
        Assert.Equal(180_000, Limits.RejectAfterTimeMs);
        Assert.Equal(90_000, Limits.RekeyAttemptTimeMs);
        Assert.Equal(5_000, Limits.RekeyTimeoutMs);
        Assert.Equal(10_000, Limits.KeepaliveTimeoutMs);
    }

    // ---- law 3: a nonce is never used twice -----------------------------------------------------------------------

    [Theory]
    [InlineData(0)]
    [InlineData(Limits.RejectAfterMessages - 20_000)] // the limit is reached in the midst of it
    public void Two_threads_never_seal_with_one_counter(ulong first)
    {
        const int Each = 20_000;
        _initiator.SetNextCounter(first);
        var counters = new List<ulong>[2];
        Parallel.For(0, 2, thread =>
        {
            using var aead = new Aead();
            byte[] message = new byte[TransportMessage.MinSize];
            counters[thread] = new List<ulong>(Each);
            for (int i = 0; i < Each; i++)
            {
                if (_initiator.TrySeal(aead, message, Born))
                    counters[thread].Add(TransportMessage.Counter(message));
            }
        });
        HashSet<ulong> all = [.. counters[0], .. counters[1]];
        Assert.Equal(counters[0].Count + counters[1].Count, all.Count);
        Assert.Equal(first == 0 ? 2 * Each : Each, all.Count);
        Assert.True(all.Max() < Limits.RejectAfterMessages);
    }

    [Fact]
    public void Sealing_and_opening_allocate_nothing()
    {
        byte[] message = new byte[TransportMessage.Overhead + 1420];
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 100; i++)
            {
                if (!_initiator.TrySeal(_aead, message, Born) || !_responder.TryOpen(_aead, message, Born, out _))
                    throw new InvalidOperationException();
                _initiator.NeedsRekeyAfterSending(Born);
                _responder.NeedsRekeyAfterReceiving(Born);
            }
        }));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Window_is_the_kernels_unless_the_peer_has_said_hello(bool hasSaidHello)
    {
        if (hasSaidHello)
            _responder.RemoteHello = new Hello(0, HelloFeatures.None);
        Assert.True(OpensAt(100_000));
        Assert.False(OpensAt(90_000));
        Assert.True(OpensAt(200_000));
        Assert.Equal(hasSaidHello, OpensAt(190_000));
        Assert.False(OpensAt(190_000));

        bool OpensAt(ulong counter)
        {
            _initiator.SetNextCounter(counter);
            return Open(_responder, Seal(_initiator, [])) is not null;
        }
    }

    private byte[] Seal(Keypair keypair, byte[] packet)
    {
        byte[] message = new byte[TransportMessage.Overhead + packet.Length];
        packet.CopyTo(message, TransportMessage.HeaderSize);
        Assert.True(keypair.TrySeal(_aead, message, Born));
        return message;
    }

    private byte[]? Open(Keypair keypair, byte[] message, long nowMs = Born)
    {
        byte[] copy = [.. message];
        return keypair.TryOpen(_aead, copy, nowMs, out _) ? copy[TransportMessage.HeaderSize..^Aead.TagSize] : null;
    }
}
