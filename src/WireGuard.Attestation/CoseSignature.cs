using static WireGuard.Attestation.Interop.Libcrypto;

namespace WireGuard.Attestation;

/// <summary>
/// A document's own signature, by the key of its leaf certificate: ES384, ECDSA on P-384 with SHA-384 (RFC 9053 section 2.1).
/// </summary>
internal static unsafe class CoseSignature
{
    private const int NumberSize = 48; // r, and s

    internal static bool Holds(AttestationDocument document, void* leafKey, out AttestationProblem problem)
    {
        problem = default;
        if (!IsOnP384(leafKey))
            problem = new(AttestationFault.WrongLeafKey, "its leaf certificate has no key on P-384");
        else if (!Verify(leafKey, ToBeSigned(document.Payload.Span), ToDer(document.Signature.Span)))
            problem = new(AttestationFault.WrongSignature, "its signature is not that of its leaf certificate's key");
        return problem.Fault == AttestationFault.None;
    }

    private static bool IsOnP384(void* key)
    {
        byte* name = stackalloc byte[16];
        nuint length = 0;
        bool isNamed = key != null && EVP_PKEY_get_group_name(key, name, 16, &length) == 1;
        ERR_clear_error();
        return isNamed && new ReadOnlySpan<byte>(name, (int)length).SequenceEqual("secp384r1"u8);
    }

    private static bool Verify(void* key, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        void* context = Require(EVP_MD_CTX_new());
        try
        {
            Require(EVP_DigestVerifyInit_ex(context, null, "SHA384", null, null, key, null));
            fixed (byte* data = message, signed = signature)
                return EVP_DigestVerify(context, signed, (nuint)signature.Length, data, (nuint)message.Length) == 1;
        }
        finally
        {
            EVP_MD_CTX_free(context);
            ERR_clear_error();
        }
    }

    /// <summary>Sig_structure (RFC 9052 section 4.4): [ "Signature1", protected header, no further data, payload ].</summary>
    private static byte[] ToBeSigned(ReadOnlySpan<byte> payload)
    {
        (byte low, byte high) = ((byte)payload.Length, (byte)(payload.Length >> 8));
        ReadOnlySpan<byte> length = payload.Length switch
        {
            < 24 => [(byte)(0x40 | low)],
            < 256 => [0x58, low],
            _ => [0x59, high, low], // AttestationDocument.MaxSize is less than 65,536
        };
        return [0x84, 0x6a, .. "Signature1"u8, 0x44, .. DocumentReader.Es384Header, 0x40, .. length, .. payload];
    }

    /// <summary>COSE has r and s beside each other; libcrypto wants SEQUENCE { INTEGER, INTEGER }, as X.509 has them.</summary>
    internal static ReadOnlySpan<byte> ToDer(ReadOnlySpan<byte> signature)
    {
        byte[] der = new byte[2 + 2 * (3 + NumberSize)];
        int length = 2;
        length += WriteInteger(signature[..NumberSize], der.AsSpan(length));
        length += WriteInteger(signature[NumberSize..], der.AsSpan(length));
        der[0] = 0x30;
        der[1] = (byte)(length - 2);
        return der.AsSpan(0, length);
    }

    /// <summary>Without the zeros in front, but with one where the number would else be negative.</summary>
    private static int WriteInteger(ReadOnlySpan<byte> number, Span<byte> der)
    {
        number = number.TrimStart((byte)0);
        int sign = number.IsEmpty || number[0] >= 0x80 ? 1 : 0;
        der[0] = 0x02;
        der[1] = (byte)(sign + number.Length);
        number.CopyTo(der[(2 + sign)..]);
        return 2 + sign + number.Length;
    }
}
