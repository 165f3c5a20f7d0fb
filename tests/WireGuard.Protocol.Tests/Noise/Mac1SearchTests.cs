using System.Security.Cryptography;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Tests.Noise;

/// <summary>Section 5.4.4, for many receivers: beside <see cref="MacKeys"/>, which asks libcrypto.</summary>
public sealed class Mac1SearchTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(8)]
    [InlineData(301)]
    public void Each_receiver_is_found_by_its_mac1(int count)
    {
        MacKeys[] receivers = [.. Enumerable.Range(0, count).Select(_ => Receiver())];
        var search = new Mac1Search(receivers);
        for (int i = 0; i < count; i++)
            Assert.Equal(i, search.Find(InitiationFor(receivers[i])));
        Assert.Equal(-1, search.Find(InitiationFor(Receiver())));
    }

    [Fact]
    public void Mac1_covers_all_before_it_and_nothing_behind()
    {
        MacKeys[] receivers = [.. Enumerable.Range(0, 7).Select(_ => Receiver())];
        var search = new Mac1Search(receivers);
        byte[] message = InitiationFor(receivers[5]);
        for (int i = 0; i < message.Length; i++)
        {
            byte[] tampered = [.. message];
            tampered[i] ^= 1;
            Assert.Equal(i < message.Length - MacKeys.MacSize ? -1 : 5, search.Find(tampered));
        }
    }

    [Fact]
    public void Lanes_without_a_key_find_nothing()
    {
        var search = new Mac1Search([Receiver()]);
        byte[] message = RandomNumberGenerator.GetBytes(InitiationMessage.Size);
        Blake2s.Mac(new byte[Blake2s.HashSize], message.AsSpan(0, 116), message.AsSpan(116, MacKeys.MacSize));
        Assert.Equal(-1, search.Find(message));
    }

    private static MacKeys Receiver() => new(new PublicKey(RandomNumberGenerator.GetBytes(PublicKey.Size)));

    private static byte[] InitiationFor(MacKeys receiver)
    {
        byte[] message = RandomNumberGenerator.GetBytes(InitiationMessage.Size);
        receiver.WriteMac1(message);
        return message;
    }
}
