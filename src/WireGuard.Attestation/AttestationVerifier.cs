using System.Buffers.Text;
using System.Security.Cryptography;
using WireGuard.Attestation.Interop;
using static WireGuard.Attestation.AttestationFault;
using static WireGuard.Attestation.Interop.Libcrypto;

namespace WireGuard.Attestation;

/// <summary>
/// Documents in, verdicts out. There is no I/O, the time is a parameter, and bytes of any kind make a verdict, no exception.
/// The order: its shape (<see cref="DocumentReader"/>), its signature (<see cref="CoseSignature"/>), who vouches for that
/// (<see cref="CertificateChain"/>), and what it says (<see cref="PolicyChecks"/>).
/// </summary>
public static class AttestationVerifier
{
    /// <summary>Verifies a document.</summary>
    /// <param name="document">A COSE_Sign1, as the Nitro Security Module made it.</param>
    /// <param name="policy">What it has to say.</param>
    /// <returns>What was read of it, and all that is wrong; nothing is, if it holds.</returns>
    /// <exception cref="ArgumentNullException">There is no policy.</exception>
    public static AttestationVerdict Verify(ReadOnlyMemory<byte> document, AttestationPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        if (!AttestationDocument.TryRead(document, out AttestationDocument? read, out AttestationProblem unread))
            return new(null, [unread]);
        var problems = new List<AttestationProblem>();
        try
        {
            Verify(read, policy, problems);
        }
        catch (Exception e) when (IsOfLibrary(e))
        {
            problems.Add(NoLibrary(e));
        }

        return new(read, problems);
    }

    /// <summary>Reads a root for <see cref="AttestationPolicy.Roots"/>.</summary>
    /// <param name="file">One certificate, in PEM or DER, of a CA that issues nothing but attestation certificates.</param>
    /// <param name="der">The certificate in DER, if it can be a root; not to be used otherwise.</param>
    /// <param name="problem">Why it cannot be a root.</param>
    /// <returns>Whether it can be one.</returns>
    public static bool TryReadRoot(ReadOnlyMemory<byte> file, out ReadOnlyMemory<byte> der, out AttestationProblem problem)
    {
        problem = default;
        der = file;
        try
        {
            if (PemEncoding.TryFindUtf8(file.Span, out PemFields pem))
                der = FromPem(file.Span, pem);
            problem = CheckRoot(der.Span);
        }
        catch (Exception e) when (IsOfLibrary(e))
        {
            problem = NoLibrary(e);
        }

        return problem.Fault == None;
    }

    private static unsafe void Verify(AttestationDocument document, AttestationPolicy policy, List<AttestationProblem> problems)
    {
        using var chain = new CertificateChain(document, problems);
        if (!CoseSignature.Holds(document, chain.LeafKey, out AttestationProblem problem))
        {
            problems.Add(problem); // and no more: other checks of bytes that were changed say nothing
            return;
        }

        if (!chain.Holds(policy.Roots) && problems.Count == 0)
            problems.Add(new(BrokenChain, "its chain does not hold"));
        PolicyChecks.Check(document, policy, problems);
    }

    private static ReadOnlyMemory<byte> FromPem(ReadOnlySpan<byte> file, PemFields pem)
    {
        byte[] der = new byte[pem.DecodedDataLength];
        bool isOne = file[pem.Label].SequenceEqual("CERTIFICATE"u8) && !PemEncoding.TryFindUtf8(file[pem.Location.End..], out _);
        Base64.DecodeFromUtf8(file[pem.Base64Data], der, out _, out int length);
        return isOne ? der.AsMemory(0, length) : default;
    }

    private static unsafe AttestationProblem CheckRoot(ReadOnlySpan<byte> der)
    {
        void* root = CertificateChain.ReadCertificate(der);
        if (root == null)
            return new(MalformedCertificate, "it is not one certificate, in PEM or DER");
        AttestationProblem problem = CheckRoot(root, der.Length);
        X509_free(root);
        ERR_clear_error();
        return problem;
    }

    /// <summary>One with which no document could hold is refused here, where words about it are of use.</summary>
    private static unsafe AttestationProblem CheckRoot(void* root, int size)
    {
        const int Most = DocumentReader.MaxCertificateSize, Bits = CertificateChain.SecurityBits;
        uint flags = X509_get_extension_flags(root), usage = X509_get_key_usage(root);
        void* key = X509_get0_pubkey(root);
        if ((flags & EXFLAG_INVALID) != 0)
            return new(MalformedCertificate, "it has an extension that cannot be read");
        if ((flags & (EXFLAG_CA | EXFLAG_SS)) != (EXFLAG_CA | EXFLAG_SS))
            return new(NotCa, "it is not a root: a CA's certificate, signed by itself");
        if (size > Most)
            return new(WrongCertificateSize, $"it has {size} bytes, and in a document at most {Most}");
        if ((flags & EXFLAG_KUSAGE) == 0 || (usage & KU_KEY_CERT_SIGN) == 0)
            return new(WrongKeyUsage, "it may not sign certificates: its key usage does not say so");
        if (CertificateChain.HasOtherCriticalExtension(root))
            return new(UnknownCriticalExtension, "it has a critical extension that is not looked at here");
        return key != null && EVP_PKEY_get_security_bits(key) >= Bits
            ? default
            : new(WeakCertificate, $"its key is of less than {Bits} bits of security, or of no known kind");
    }

    private static bool IsOfLibrary(Exception e) =>
        e is LibcryptoException or DllNotFoundException or EntryPointNotFoundException or BadImageFormatException;

    private static AttestationProblem NoLibrary(Exception e) =>
        new(NoCryptoLibrary, $"libcrypto.so.3 (OpenSSL 3) is needed, and is not there or does not work: {e.Message}");
}
