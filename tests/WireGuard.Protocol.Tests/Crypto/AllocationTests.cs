using WireGuard.Protocol.Crypto;

namespace WireGuard.Protocol.Tests.Crypto;

/// <summary>No collection is to run while data flows, so what is called once a packet or handshake leaves no garbage.</summary>
public sealed class AllocationTests
{
    private static readonly byte[] OneKey = new byte[32];
    private static readonly byte[] OtherKey = [.. Enumerable.Repeat((byte)1, 32)];
    private static readonly byte[] LongNonce = new byte[24];
    private static readonly byte[] Digest = new byte[32];
    private static readonly byte[] Packet = new byte[1436];

    private static readonly Dictionary<string, Action<Aead>> AllCalls = new()
    {
        ["Aead.Seal"] = aead => aead.Seal(OneKey, 1, Digest, Packet.AsSpan(0, 1420), Packet),
        ["Aead.TryOpen"] = aead => aead.TryOpen(OneKey, 1, Digest, Packet, Packet.AsSpan(0, 1420)),
        ["Aead.Forget"] = aead => aead.Forget(),
        ["XChaCha20Poly1305.Seal"] = _ => XChaCha20Poly1305.Seal(OneKey, LongNonce, Digest, Packet.AsSpan(0, 1420), Packet),
        ["XChaCha20Poly1305.TryOpen"] = _ => XChaCha20Poly1305.TryOpen(OneKey, LongNonce, Digest, Packet, Packet.AsSpan(0, 1420)),
        ["Blake2s.Hash"] = _ => Blake2s.Hash(OneKey, OtherKey, Digest),
        ["Blake2s.Mac"] = _ => Blake2s.Mac(OneKey, Packet, Digest.AsSpan(0, 16)),
        ["Blake2s.Hmac"] = _ => Blake2s.Hmac(OneKey, Packet, Digest),
        ["X25519.TrySharedSecret"] = _ => X25519.TrySharedSecret(OtherKey, Digest, Digest),
        ["X25519.TrySharedSecret of a point of low order"] = _ => X25519.TrySharedSecret(OtherKey, OneKey, Digest),
        ["SecureRandom.Fill"] = _ => SecureRandom.Fill(Digest),
    };

    public static TheoryData<string> Calls => [.. AllCalls.Keys];

    [Theory]
    [MemberData(nameof(Calls))]
    public void No_call_allocates(string name)
    {
        Action<Aead> call = AllCalls[name];
        using var aead = new Aead();
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 200; i++) call(aead);
        }));
    }
}
