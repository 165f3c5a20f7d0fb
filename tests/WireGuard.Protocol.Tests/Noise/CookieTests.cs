using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Tests.Noise;

/// <summary>Sections 5.3, 5.4.4 and 5.4.7: what a responder under load asks of an initiator.</summary>
public sealed class CookieTests
{
    private const long Now = 1_000_000;
    private const long Lifetime = 120_000;
    private static readonly byte[] Source = [192, 0, 2, 1, 0xca, 0x6c];

    [Fact]
    public void Initiation_after_a_cookie_reply_has_a_valid_mac2()
    {
        (Party a, Party b) = Party.Pair();
        byte[] first = a.Initiate(Now);
        Assert.False(b.Cookies.IsMac2Valid(first, Source, Now));
        byte[] reply = b.GiveCookie(first, Source, Now);
        Assert.Equal(MessageType.CookieReply, new CookieReplyMessage(reply).Type);
        Assert.Equal(new InitiationMessage(first).SenderIndex, new CookieReplyMessage(reply).ReceiverIndex);
        Assert.True(a.TakeCookie(reply, Now));
        byte[] second = a.Initiate(Now + 5_000);
        Assert.True(b.MacKeys.IsMac1Valid(second));
        Assert.True(b.Cookies.IsMac2Valid(second, Source, Now + 5_000));
        Assert.NotNull(a.Consume(b.Respond(second, Now + 5_000)!, Now + 5_000));
    }

    [Fact]
    public void Response_after_a_cookie_reply_has_a_valid_mac2()
    {
        (Party a, Party b) = Party.Pair();
        byte[] response = b.Respond(a.Initiate(Now), Now)!;
        Assert.True(b.TakeCookie(a.GiveCookie(response, Source, Now), Now));
        response = b.Respond(a.Initiate(Now + 5_000), Now + 5_000)!;
        Assert.True(a.Cookies.IsMac2Valid(response, Source, Now + 5_000));
    }

    [Fact]
    public void Mac2_covers_all_before_it()
    {
        (Party a, Party b) = Party.Pair();
        byte[] message = WithCookie(a, b, Source);
        for (int i = 0; i < message.Length; i++)
        {
            byte[] tampered = [.. message];
            tampered[i] ^= 1;
            Assert.False(b.Cookies.IsMac2Valid(tampered, Source, Now), $"byte {i}");
        }

        Assert.True(b.Cookies.IsMac2Valid(message, Source, Now));
    }

    [Fact]
    public void Cookie_is_bound_to_every_byte_of_its_source()
    {
        (Party a, Party b) = Party.Pair();
        byte[] message = WithCookie(a, b, Source);
        for (int i = 0; i < Source.Length; i++)
        {
            byte[] other = [.. Source];
            other[i] ^= 1;
            Assert.False(b.Cookies.IsMac2Valid(message, other, Now));
        }

        Assert.False(b.Cookies.IsMac2Valid(message, Source.AsSpan(0, 4), Now));
        Assert.False(b.Cookies.IsMac2Valid(message, [], Now));
    }

    [Fact]
    public void Cookie_reply_to_another_message_is_rejected()
    {
        (Party a, Party b) = Party.Pair();
        byte[] reply = b.GiveCookie(a.Initiate(Now), Source, Now);
        a.Initiate(Now); // has a mac1 of its own
        Assert.False(a.TakeCookie(reply, Now));
    }

    [Fact]
    public void Cookie_reply_by_someone_who_has_not_seen_the_message_is_rejected()
    {
        (Party a, Party b) = Party.Pair();
        byte[] guess = a.Initiate(Now);
        guess[116] ^= 1; // mac1
        Assert.False(a.TakeCookie(b.GiveCookie(guess, Source, Now), Now));
    }

    [Fact]
    public void Cookie_reply_before_any_message_is_rejected()
    {
        (Party a, Party b) = Party.Pair();
        byte[] reply = b.GiveCookie(new byte[InitiationMessage.Size], Source, Now); // its mac1 is zero
        Assert.False(a.TakeCookie(reply, Now));
    }

    [Fact]
    public void Tampered_cookie_reply_is_rejected_and_changes_nothing()
    {
        (Party a, Party b) = Party.Pair();
        byte[] reply = b.GiveCookie(a.Initiate(Now), Source, Now);
        for (int i = 8; i < reply.Length; i++)
        {
            byte[] tampered = [.. reply];
            tampered[i] ^= 0x80;
            Assert.False(a.TakeCookie(tampered, Now), $"byte {i}");
        }

        Assert.True(a.TakeCookie(reply, Now));
    }

    [Fact]
    public void Cookie_reply_is_taken_once()
    {
        (Party a, Party b) = Party.Pair();
        byte[] reply = b.GiveCookie(a.Initiate(Now), Source, Now);
        Assert.True(a.TakeCookie(reply, Now));
        Assert.False(a.TakeCookie(reply, Now + 1)); // its age counts from the first time
    }

    [Fact]
    public void Sender_uses_a_cookie_for_120_s()
    {
        (Party a, Party b) = Party.Pair();
        Assert.True(a.TakeCookie(b.GiveCookie(a.Initiate(Now), Source, Now), Now));
        Assert.NotEqual(new byte[16], a.Initiate(Now + Lifetime - 1)[^16..]);
        Assert.Equal(new byte[16], a.Initiate(Now + Lifetime)[^16..]);
    }

    [Fact]
    public void Receiver_honours_a_cookie_until_its_secret_is_120_s_old()
    {
        (Party a, Party b) = Party.Pair();
        byte[] message = WithCookie(a, b, Source);
        Assert.True(b.Cookies.IsMac2Valid(message, Source, Now + Lifetime - 1));
        Assert.False(b.Cookies.IsMac2Valid(message, Source, Now + Lifetime));
    }

    [Fact]
    public void Secret_changes_with_the_first_reply_after_120_s()
    {
        (Party a, Party b) = Party.Pair();
        byte[] old = WithCookie(a, b, Source);
        Assert.True(b.Cookies.IsMac2Valid(a.Initiate(Now + 1), Source, Now + 1));
        b.GiveCookie(old, Source, Now + Lifetime - 1); // the secret stays
        Assert.True(b.Cookies.IsMac2Valid(old, Source, Now + Lifetime - 1));
        b.GiveCookie(old, Source, Now + Lifetime);
        Assert.False(b.Cookies.IsMac2Valid(old, Source, Now + Lifetime));
    }

    [Fact]
    public void Mac2_is_not_valid_before_a_cookie_was_given_out()
    {
        (Party a, Party b) = Party.Pair();
        byte[] message = a.Initiate(Now);
        // What it would be under a secret of zeros.
        byte[] cookie = new byte[16];
        Blake2s.Mac(new byte[32], Source, cookie);
        Blake2s.Mac(cookie, message.AsSpan(0, 132), message.AsSpan(132));
        Assert.False(b.Cookies.IsMac2Valid(message, Source, Now));
        Assert.False(b.Cookies.IsMac2Valid(message, Source, 0));
    }

    [Fact]
    public void Mac2_is_not_valid_once_the_secret_was_wiped_nor_under_zeros()
    {
        (Party a, Party b) = Party.Pair();
        byte[] message = WithCookie(a, b, Source), zeros = [.. message];
        byte[] cookie = new byte[16];
        Blake2s.Mac(new byte[32], Source, cookie);
        Blake2s.Mac(cookie, zeros.AsSpan(0, 132), zeros.AsSpan(132));
        Assert.True(b.Cookies.IsMac2Valid(message, Source, Now));
        b.Cookies.Dispose();
        Assert.False(b.Cookies.IsMac2Valid(message, Source, Now));
        Assert.False(b.Cookies.IsMac2Valid(zeros, Source, Now));
    }

    [Fact]
    public void Nonce_of_a_reply_is_never_the_same()
    {
        (Party a, Party b) = Party.Pair();
        byte[] message = a.Initiate(Now);
        Assert.NotEqual(b.GiveCookie(message, Source, Now)[8..32], b.GiveCookie(message, Source, Now)[8..32]);
    }

    private static byte[] WithCookie(Party a, Party b, byte[] source)
    {
        Assert.True(a.TakeCookie(b.GiveCookie(a.Initiate(Now), source, Now), Now));
        return a.Initiate(Now);
    }
}
