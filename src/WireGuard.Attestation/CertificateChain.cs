using System.Runtime.InteropServices;
using static WireGuard.Attestation.AttestationFault;
using static WireGuard.Attestation.Interop.Libcrypto;

namespace WireGuard.Attestation;

/// <summary>
/// A document's certificates, from its root to its leaf. They hold if the root is pinned, each issued the one after it, and each
/// was valid, and allowed to do what it did, at the document's time. The first part is checked here, so that each thing has its
/// line; then libcrypto verifies the chain as a whole (RFC 5280 section 6), with a store that has the pinned root and nothing
/// else: no default paths, no network. Not with X509_V_FLAG_X509_STRICT, which demands an authority key identifier that the leaf
/// certificates of Nitro do not have. Revocation is not looked at: leaf certificates live three hours. An extended key usage is
/// not looked at, and refused where it is critical: a root is one of a CA that issues nothing but attestation certificates.
/// </summary>
internal sealed unsafe class CertificateChain : IDisposable
{
    /// <summary>P-256, SHA-256, RSA with 3,072 bits, and what is stronger.</summary>
    internal const int SecurityBits = 128;

    private const int SecurityLevel = 3; // the same, as libcrypto counts

    private readonly AttestationDocument _document;
    private readonly List<AttestationProblem> _problems;
    private readonly nint[] _certificates; // X509, the root first, the leaf last; 0: not readable

    /// <summary>Reads the leaf certificate of a document. What is wrong with the chain goes to the list.</summary>
    internal CertificateChain(AttestationDocument document, List<AttestationProblem> problems)
    {
        _document = document;
        _problems = problems;
        _certificates = new nint[document.CaBundle.Count + 1];
        Read(Leaf);
    }

    private int Leaf => _certificates.Length - 1;

    /// <summary>EVP_PKEY, valid as long as this; null if there is none to be read.</summary>
    internal void* LeafKey => _certificates[Leaf] == 0 ? null : X509_get0_pubkey(At(Leaf));

    /// <summary>
    /// One certificate, to be freed; null unless the bytes are one, whole, and around what was signed as DER has it. What was
    /// signed is compared with nothing: libcrypto keeps its bytes, and no other ones have the signature.
    /// </summary>
    internal static void* ReadCertificate(ReadOnlySpan<byte> der)
    {
        fixed (byte* begin = der)
        {
            byte* end = begin;
            void* certificate = d2i_X509(null, &end, der.Length);
            if (certificate != null && end == begin + der.Length && IsEncodedAs(certificate, der))
                return certificate;
            X509_free(certificate);
            ERR_clear_error();
            return null;
        }
    }

    /// <summary>Checks all of it, and says everything that is wrong.</summary>
    internal bool Holds(IReadOnlyList<ReadOnlyMemory<byte>> roots)
    {
        bool isRootPinned = CheckRoot(roots);
        for (int i = 0; i < Leaf; i++)
            Read(i);
        if (Array.IndexOf(_certificates, 0) >= 0)
            return false;
        bool isInOrder = true, isRead = true;
        int before = _problems.Count;
        long seconds = _document.Timestamp.ToUnixTimeSeconds();
        for (int i = 0; i <= Leaf; i++)
        {
            CheckValidity(i, seconds);
            (bool wasRead, isRead) = (isRead, CheckExtensions(i));
            isInOrder &= isRead && (i == 0 || !wasRead || CheckIssuer(i));
        }

        return isRootPinned && isInOrder && VerifyWhole(seconds, isFirst: _problems.Count == before) && _problems.Count == before;
    }

    public void Dispose()
    {
        foreach (nint certificate in _certificates)
            X509_free((void*)certificate);
        ERR_clear_error();
    }

    private void Read(int i)
    {
        _certificates[i] = (nint)ReadCertificate(Bytes(i).Span);
        if (_certificates[i] == 0)
            Add(MalformedCertificate, $"{Name(i)} is not a certificate, or not as DER has it");
    }

    private bool CheckRoot(IReadOnlyList<ReadOnlyMemory<byte>> roots)
    {
        if (IsPinned(Bytes(0).Span, roots))
            return true;
        for (int i = 1; i <= Leaf; i++)
        {
            if (!IsPinned(Bytes(i).Span, roots)) continue;
            Add(RootNotFirst, $"the pinned root is {Name(i)}, and has to be the first");
            return false;
        }

        string pinned = roots.Count == 0 ? "AWS's root G1" : "pinned";
        Add(UnknownRoot, $"its root is not {pinned}: it has SHA-256 {Sha256(Bytes(0).Span)}");
        return false;
    }

    private static bool IsPinned(ReadOnlySpan<byte> certificate, IReadOnlyList<ReadOnlyMemory<byte>> roots)
    {
        foreach (ReadOnlyMemory<byte> root in roots)
        {
            if (certificate.SequenceEqual(root.Span)) return true;
        }

        return roots.Count == 0 && certificate.SequenceEqual(AwsRoot.G1);
    }

    private void CheckValidity(int i, long seconds)
    {
        if (ASN1_TIME_cmp_time_t(X509_get0_notBefore(At(i)), seconds) is not (-1 or 0))
            Add(CertificateNotYetValid, $"{Name(i)} was not valid yet when the document was made");
        if (ASN1_TIME_cmp_time_t(X509_get0_notAfter(At(i)), seconds) is not 1) // its last second is over, as libcrypto has it
            Add(CertificateExpired, $"{Name(i)} was no longer valid when the document was made");
    }

    /// <summary>Gives whether they can be read: if not, what they say is not known, and nothing is said of it.</summary>
    private bool CheckExtensions(int i)
    {
        uint flags = X509_get_extension_flags(At(i)), usage = X509_get_key_usage(At(i));
        bool isCa = (flags & EXFLAG_CA) != 0;
        if ((flags & EXFLAG_INVALID) != 0)
        {
            Add(MalformedCertificate, $"{Name(i)} has an extension that cannot be read");
            return false;
        }

        if (HasOtherCriticalExtension(At(i)))
            Add(UnknownCriticalExtension, $"{Name(i)} has a critical extension that is not looked at here");
        if (i < Leaf && !isCa)
            Add(NotCa, $"{Name(i)} is not a CA's: its basic constraints do not say so");
        if (i == Leaf && isCa)
            Add(LeafIsCa, $"{Name(i)} is a CA's, and signs a document");
        (uint needed, string name) = i < Leaf ? (KU_KEY_CERT_SIGN, "certificates") : (KU_DIGITAL_SIGNATURE, "documents");
        if ((flags & EXFLAG_KUSAGE) == 0 || (usage & needed) == 0)
            Add(WrongKeyUsage, $"{Name(i)} may not sign {name}: its key usage does not say so");
        return true;
    }

    /// <summary>Others than those that are looked at, here or by libcrypto: it knows more of them than it looks at.</summary>
    internal static bool HasOtherCriticalExtension(void* certificate)
    {
        for (int i = 0; i < X509_get_ext_count(certificate); i++)
        {
            void* extension = X509_get_ext(certificate, i);
            if (X509_EXTENSION_get_critical(extension) != 0
                && OBJ_obj2nid(X509_EXTENSION_get_object(extension)) is not
                    (NID_key_usage or NID_subject_alt_name or NID_basic_constraints or NID_name_constraints))
                return true;
        }

        return false;
    }

    /// <summary>By names and key identifiers; key usage has a line of its own, and signatures come with the whole.</summary>
    private bool CheckIssuer(int i)
    {
        if (X509_check_issued(At(i - 1), At(i)) is X509_V_OK or X509_V_ERR_KEYUSAGE_NO_CERTSIGN)
            return true;
        Add(ChainOutOfOrder, $"{Name(i)} was not issued by the one before it");
        return false;
    }

    /// <summary>What was found before is not said again in libcrypto's words.</summary>
    private bool VerifyWhole(long seconds, bool isFirst)
    {
        void* store = null, untrusted = null, context = null;
        try
        {
            store = Require(X509_STORE_new());
            Require(X509_STORE_add_cert(store, At(0)));
            untrusted = Require(OPENSSL_sk_new_null());
            for (int i = 1; i < Leaf; i++)
                Require(OPENSSL_sk_push(untrusted, At(i)));
            context = Require(X509_STORE_CTX_new());
            Require(X509_STORE_CTX_init(context, store, At(Leaf), untrusted));
            void* parameters = X509_STORE_CTX_get0_param(context);
            X509_VERIFY_PARAM_set_time(parameters, seconds);
            X509_VERIFY_PARAM_set_auth_level(parameters, SecurityLevel);
            bool holds = X509_verify_cert(context) == 1;
            int error = X509_STORE_CTX_get_error(context);
            if (!holds)
                AddError(error, isFirst);
            else if (!IsThis(X509_STORE_CTX_get0_chain(context)))
                Add(BrokenChain, "its chain holds only in another order than its own");
            else
                return true;
            return false;
        }
        finally
        {
            X509_STORE_CTX_free(context);
            OPENSSL_sk_free(untrusted);
            X509_STORE_free(store);
            ERR_clear_error();
        }
    }

    private void AddError(int error, bool isFirst)
    {
        string words = Marshal.PtrToStringUTF8((nint)X509_verify_cert_error_string(error)) ?? "";
        if (error is X509_V_ERR_EE_KEY_TOO_SMALL or X509_V_ERR_CA_KEY_TOO_SMALL or X509_V_ERR_CA_MD_TOO_WEAK)
            Add(WeakCertificate, $"a certificate has a key or a digest of less than 128 bits of security ({words})");
        else if (error == X509_V_ERR_PATH_LENGTH_EXCEEDED)
            Add(PathTooLong, $"its chain is longer than one of its CAs allows ({words})");
        else if (isFirst || error == X509_V_ERR_CERT_SIGNATURE_FAILURE)
            Add(BrokenChain, $"its chain does not hold: {words}");
    }

    /// <summary>Whether libcrypto took each certificate in its place: it puts the leaf first.</summary>
    private bool IsThis(void* chain)
    {
        bool isThis = OPENSSL_sk_num(chain) == _certificates.Length;
        for (int i = 0; isThis && i <= Leaf; i++)
            isThis = X509_cmp(OPENSSL_sk_value(chain, Leaf - i), At(i)) == 0;
        return isThis;
    }

    private static bool IsEncodedAs(void* certificate, ReadOnlySpan<byte> der)
    {
        if (i2d_X509(certificate, null) != der.Length) return false;
        byte[] encoded = new byte[der.Length];
        fixed (byte* begin = encoded)
        {
            byte* end = begin;
            return i2d_X509(certificate, &end) == der.Length && der.SequenceEqual(encoded);
        }
    }

    private static string Sha256(ReadOnlySpan<byte> bytes)
    {
        byte* hash = stackalloc byte[32];
        nuint length = 32;
        fixed (byte* data = bytes)
            Require(EVP_Q_digest(null, "SHA256", null, data, (nuint)bytes.Length, hash, &length));
        return Convert.ToHexStringLower(new ReadOnlySpan<byte>(hash, 32));
    }

    private ReadOnlyMemory<byte> Bytes(int i) => i < Leaf ? _document.CaBundle[i] : _document.Certificate;

    private void* At(int i) => (void*)_certificates[i];

    private string Name(int i) =>
        i == 0 ? "its root" : i == Leaf ? "its leaf certificate" : $"certificate {i + 1} of its {_certificates.Length}";

    private void Add(AttestationFault fault, string text) => _problems.Add(new(fault, text));
}
