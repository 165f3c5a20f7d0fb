using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Tests.Noise;

/// <summary>
/// The truth table of <see cref="KeypairRotation"/>, after the kernel's add_new_keypair and wg_noise_received_with_keypair. A row
/// is what happens, then what is sent with, and what was retired by it. Letters name keypairs: lower case begun as responder.
/// </summary>
public sealed class KeypairRotationTests
{
    private const long Now = 1_000_000;

    [Theory]
    // begin as initiator: A | begin as responder: a | the newest responder's is used: ! | clear: x
    [InlineData("A", "A", "")]
    [InlineData("AB", "B", "")] // A is previous
    [InlineData("ABC", "C", "A")] // B is previous
    [InlineData("a", "", "")] // a is next
    [InlineData("a!", "a", "")]
    [InlineData("ab", "", "a")] // b is next, a was never confirmed
    [InlineData("ab!", "b", "a")]
    [InlineData("Ab", "A", "")] // b is next
    [InlineData("ABc", "B", "")] // c is next, A is still previous
    [InlineData("Ab!", "b", "")] // A is previous
    [InlineData("Ab!c", "b", "")] // c is next, A is still previous
    [InlineData("Ab!c!", "c", "A")] // b is previous
    [InlineData("aB", "B", "")] // a is previous, although it was never confirmed
    [InlineData("AbC", "C", "A")] // b is previous
    [InlineData("AbCD", "D", "Ab")] // C is previous
    [InlineData("ABcD", "D", "AB")] // c is previous
    [InlineData("x", "", "")]
    [InlineData("ABx", "", "AB")]
    [InlineData("Abx", "", "Ab")]
    [InlineData("AbCx", "", "AbC")]
    [InlineData("Abx!", "", "Ab")] // nobody is left to be confirmed
    [InlineData("AbxC", "C", "Ab")]
    public void Truth_table_holds(string events, string current, string retired)
    {
        var names = new Dictionary<Keypair, char>();
        List<char> retiredNow = [];
        var rotation = new KeypairRotation(keypair => retiredNow.Add(names[keypair]));
        Keypair? next = null, sendsToNext = null;
        foreach (char c in events)
        {
            if (c == 'x')
            {
                rotation.Clear();
            }
            else if (c == '!')
            {
                Assert.False(rotation.TryConfirm()); // nothing was received yet
                Receive(sendsToNext!, next!);
                Assert.Equal(rotation.IsUnconfirmed(next!), rotation.TryConfirm());
                Assert.False(rotation.IsUnconfirmed(next!));
                Assert.False(rotation.TryConfirm());
            }
            else if (char.IsUpper(c))
            {
                (Keypair keypair, _) = KeypairTests.Pair(Now);
                names.Add(keypair, c);
                rotation.BeginAsInitiator(keypair);
                Assert.False(rotation.IsUnconfirmed(keypair));
            }
            else
            {
                (sendsToNext, next) = KeypairTests.Pair(Now);
                names.Add(next, c);
                rotation.BeginAsResponder(next);
                Assert.True(rotation.IsUnconfirmed(next));
            }
        }

        Assert.Equal(current, rotation.Current is { } keypairNow ? names[keypairNow].ToString() : "");
        Assert.Equal(retired, string.Concat(retiredNow.OrderBy(char.ToUpperInvariant)));
        Assert.Equal(names.Values.Except(retiredNow).Order(), rotation.All.Select(keypair => names[keypair]).Order());

        // In the end each was retired once, and only once.
        rotation.Clear();
        Assert.Equal(names.Values.Order(), retiredNow.Order());
    }

    [Fact]
    public void The_next_keypair_is_sent_with_as_soon_as_something_has_come_in_under_it()
    {
        var rotation = new KeypairRotation(_ => { });
        Keypair old = KeypairTests.Pair(Now).Initiator;
        (Keypair sendsToNext, Keypair next) = KeypairTests.Pair(Now);
        rotation.BeginAsInitiator(old);
        rotation.BeginAsResponder(next);
        Assert.Same(old, rotation.Current);

        Receive(sendsToNext, next);

        Assert.Same(next, rotation.Current);
        Assert.True(rotation.TryConfirm());
        Assert.Same(next, rotation.Current);
    }

    [Fact]
    public void What_is_retired_is_not_current_any_more()
    {
        KeypairRotation? rotation = null;
        var retired = new List<Keypair>();
        rotation = new KeypairRotation(keypair =>
        {
            Assert.NotSame(keypair, rotation!.Current);
            Assert.False(rotation.IsUnconfirmed(keypair));
            retired.Add(keypair);
        });
        var random = new Random(1);
        Keypair? next = null, sendsToNext = null;
        for (int i = 0; i < 1_000; i++)
        {
            switch (random.Next(4))
            {
                case 0:
                    rotation.BeginAsInitiator(KeypairTests.Pair(Now).Initiator);
                    break;
                case 1:
                    (sendsToNext, next) = KeypairTests.Pair(Now);
                    rotation.BeginAsResponder(next);
                    break;
                case 2 when next is not null && rotation.IsUnconfirmed(next):
                    Receive(sendsToNext!, next);
                    Assert.True(rotation.TryConfirm());
                    break;
                case 3 when random.Next(10) == 0:
                    rotation.Clear();
                    break;
            }
        }

        Assert.Equal(retired.Count, retired.Distinct().Count());
    }

    [Fact]
    public void After_crossed_handshakes_the_keypair_that_the_peer_sends_with_outlives_our_next_handshake()
    {
        (KeypairRotation rotation, List<Keypair> retired, Keypair ours, Keypair theirs) = Cross();
        Keypair renewed = KeypairTests.Pair(Now).Initiator;

        rotation.BeginAsInitiator(renewed);

        Assert.Equal([ours], retired);
        Assert.Equal([theirs, renewed], rotation.All);
    }

    [Fact]
    public void After_crossed_handshakes_the_keypair_that_the_peer_sends_with_outlives_its_next_handshake()
    {
        (KeypairRotation rotation, List<Keypair> retired, Keypair ours, Keypair theirs) = Cross();
        (Keypair sendsToRenewed, Keypair renewed) = KeypairTests.Pair(Now);

        rotation.BeginAsResponder(renewed);
        Assert.Empty(retired);
        Receive(sendsToRenewed, renewed);
        Assert.True(rotation.TryConfirm());

        Assert.Equal([ours], retired);
        Assert.Equal([theirs, renewed], rotation.All);
    }

    [Fact]
    public void Older_keypair_is_sent_with_until_something_has_come_in_under_a_newer_one()
    {
        var rotation = new KeypairRotation(_ => { });
        (Keypair first, Keypair sendsToFirst) = KeypairTests.Pair(Now);
        (Keypair sendsToSecond, Keypair second) = KeypairTests.Pair(Now + 60_000);
        (Keypair third, Keypair sendsToThird) = KeypairTests.Pair(Now + 120_000);
        rotation.BeginAsInitiator(first);
        Receive(sendsToFirst, first);
        Assert.True(rotation.IsSentWith(first));

        // As responder: an initiation that was kept back leads to a keypair that the peer does not have.
        rotation.BeginAsResponder(second);
        Receive(sendsToFirst, first);
        Assert.True(rotation.IsSentWith(first));
        Receive(sendsToSecond, second, Now + 60_000);
        Assert.False(rotation.IsSentWith(first));
        Assert.True(rotation.IsSentWith(second));
        rotation.TryConfirm();
        Assert.False(rotation.IsSentWith(first));
        Assert.True(rotation.IsSentWith(second));

        // As initiator: the peer has not heard from us yet.
        rotation.BeginAsInitiator(third);
        Assert.True(rotation.IsSentWith(second));
        Receive(sendsToThird, third, Now + 120_000);
        Assert.False(rotation.IsSentWith(second));
        Assert.True(rotation.IsSentWith(third));
    }

    [Fact]
    public void Either_keypair_is_sent_with_after_crossed_handshakes_until_the_next_one()
    {
        (KeypairRotation rotation, _, Keypair ours, Keypair theirs) = Cross();
        Assert.True(rotation.IsSentWith(ours));
        Assert.True(rotation.IsSentWith(theirs));

        (Keypair renewed, Keypair sendsToRenewed) = KeypairTests.Pair(Now + 120_000);
        rotation.BeginAsInitiator(renewed);
        Assert.True(rotation.IsSentWith(theirs));
        Receive(sendsToRenewed, renewed, Now + 120_000);
        Assert.False(rotation.IsSentWith(theirs));
    }

    /// <summary>Both ends have begun, and each sends with the keypair of its own. HELLO has come under both.</summary>
    private static (KeypairRotation Rotation, List<Keypair> Retired, Keypair Ours, Keypair Theirs) Cross()
    {
        List<Keypair> retired = [];
        var rotation = new KeypairRotation(retired.Add);
        (Keypair ours, Keypair sendsToOurs) = KeypairTests.Pair(Now);
        (Keypair sendsToTheirs, Keypair theirs) = KeypairTests.Pair(Now);
        rotation.BeginAsResponder(theirs);
        rotation.BeginAsInitiator(ours);
        Receive(sendsToTheirs, theirs);
        Receive(sendsToOurs, ours, Now + 1);
        Receive(sendsToTheirs, theirs, Now + 1_000);
        Assert.Same(ours, rotation.Current);
        Assert.Empty(retired);
        return (rotation, retired, ours, theirs);
    }

    private static void Receive(Keypair from, Keypair to, long nowMs = Now)
    {
        using var aead = new Aead();
        byte[] message = new byte[TransportMessage.MinSize];
        Assert.True(from.TrySeal(aead, message, nowMs));
        Assert.True(to.TryOpen(aead, message, nowMs, out _));
    }
}
