using System.Collections.Concurrent;

namespace WireGuard.Attestation.Tests;

public sealed class BitFlipTests
{
    /// <summary>Each bit of it carries something: none can be another one.</summary>
    [Fact]
    public void Real_document_with_any_single_bit_flipped_is_refused()
    {
        byte[] real = PublicDocument.Bytes("real-2");
        AttestationPolicy policy = PublicDocument.PolicyOf("real-2");
        Assert.True(AttestationVerifier.Verify(real, policy).Holds);
        var held = new ConcurrentBag<int>();
        Parallel.For(0, real.Length, () => real.ToArray(), (i, _, bytes) =>
        {
            for (int bit = 0; bit < 8; bit++)
            {
                bytes[i] ^= (byte)(1 << bit);
                if (AttestationVerifier.Verify(bytes, policy).Holds)
                    held.Add(i * 8 + bit);
                bytes[i] ^= (byte)(1 << bit);
            }

            return bytes;
        }, _ => { });
        Assert.Empty(held);
    }
}
