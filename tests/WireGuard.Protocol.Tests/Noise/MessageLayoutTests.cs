using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Tests.Noise;

/// <summary>Sections 5.4.2, 5.4.3, 5.4.6 and 5.4.7: where each field lies.</summary>
public sealed class MessageLayoutTests
{
    [Fact]
    public void Messages_have_the_papers_sizes()
    {
        Assert.Equal(148, InitiationMessage.Size);
        Assert.Equal(92, ResponseMessage.Size);
        Assert.Equal(64, CookieReplyMessage.Size);
        Assert.Equal(16, TransportMessage.HeaderSize);
        Assert.Equal(32, TransportMessage.MinSize);
    }

    [Fact]
    public void Initiation_is_type_sender_ephemeral_static_timestamp_and_two_macs()
    {
        byte[] bytes = new byte[InitiationMessage.Size];
        var message = new InitiationMessage(bytes) { Type = MessageType.Initiation, SenderIndex = 0x04030201 };
        message.Ephemeral.Fill(0xe0);
        message.EncryptedStatic.Fill(0x50);
        message.EncryptedTimestamp.Fill(0x70);
        Assert.Equal(
            "01000000" + "01020304" + Repeat("e0", 32) + Repeat("50", 48) + Repeat("70", 28) + Repeat("00", 32),
            Convert.ToHexStringLower(bytes));
        Assert.Equal(MessageType.Initiation, message.Type);
        Assert.Equal(0x04030201u, message.SenderIndex);
    }

    [Fact]
    public void Response_is_type_sender_receiver_ephemeral_nothing_and_two_macs()
    {
        byte[] bytes = new byte[ResponseMessage.Size];
        var message = new ResponseMessage(bytes)
        {
            Type = MessageType.Response,
            SenderIndex = 0x04030201,
            ReceiverIndex = 0x0d0c0b0a,
        };
        message.Ephemeral.Fill(0xe0);
        message.EncryptedNothing.Fill(0x90);
        Assert.Equal(
            "02000000" + "01020304" + "0a0b0c0d" + Repeat("e0", 32) + Repeat("90", 16) + Repeat("00", 32),
            Convert.ToHexStringLower(bytes));
        Assert.Equal(MessageType.Response, message.Type);
        Assert.Equal(0x04030201u, message.SenderIndex);
        Assert.Equal(0x0d0c0b0au, message.ReceiverIndex);
    }

    [Fact]
    public void Cookie_reply_is_type_receiver_nonce_and_cookie()
    {
        byte[] bytes = new byte[CookieReplyMessage.Size];
        var message = new CookieReplyMessage(bytes) { Type = MessageType.CookieReply, ReceiverIndex = 0x0d0c0b0a };
        message.Nonce.Fill(0x11);
        message.EncryptedCookie.Fill(0xc0);
        Assert.Equal("03000000" + "0a0b0c0d" + Repeat("11", 24) + Repeat("c0", 32), Convert.ToHexStringLower(bytes));
        Assert.Equal(MessageType.CookieReply, message.Type);
        Assert.Equal(0x0d0c0b0au, message.ReceiverIndex);
    }

    [Fact]
    public void Transport_message_is_type_receiver_counter_and_packet()
    {
        byte[] bytes = new byte[TransportMessage.MinSize];
        TransportMessage.WriteHeader(bytes, 0x0d0c0b0a, 0x0807060504030201);
        Assert.Equal("04000000" + "0a0b0c0d" + "0102030405060708" + Repeat("00", 16), Convert.ToHexStringLower(bytes));
        Assert.Equal(0x0d0c0b0au, TransportMessage.ReceiverIndex(bytes));
        Assert.Equal(0x0807060504030201u, TransportMessage.Counter(bytes));
    }

    [Fact]
    public void Mac1_and_mac2_are_the_last_32_bytes()
    {
        byte[] message = [.. new byte[60], .. Enumerable.Repeat((byte)1, 16), .. Enumerable.Repeat((byte)2, 16)];
        Assert.Equal(Repeat("01", 16), Convert.ToHexStringLower(MacKeys.Mac1(message)));
        Assert.Equal(Repeat("02", 16), Convert.ToHexStringLower(MacKeys.Mac2(message)));
    }

    private static string Repeat(string hex, int count) => string.Concat(Enumerable.Repeat(hex, count));
}
