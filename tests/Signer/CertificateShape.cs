using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace WireGuard.Attestation.Signing;

/// <summary>What a certificate of a chain says; a test makes it wrong with <c>with</c>.</summary>
public sealed record CertificateShape(string Name, DateTimeOffset NotBefore, DateTimeOffset NotAfter)
{
    /// <summary>null: without basic constraints.</summary>
    public bool? IsCa { get; init; } = true;

    public int? PathLength { get; init; }

    /// <summary>null: without key usage.</summary>
    public X509KeyUsageFlags? Usage { get; init; } = X509KeyUsageFlags.KeyCertSign;

    /// <summary>Of Nitro's certificates, the leaf's is not.</summary>
    public bool IsUsageCritical { get; init; } = true;

    /// <summary>Whether it names its key and, but for the root, its issuer's. Nitro's leaf does not.</summary>
    public bool HasKeyIdentifiers { get; init; } = true;

    /// <summary>Whatever else it says.</summary>
    public IReadOnlyList<X509Extension> Extensions { get; init; } = [];

    /// <summary>null: a key on <see cref="Curve"/>.</summary>
    public int? RsaBits { get; init; }

    public ECCurve Curve { get; init; } = ECCurve.NamedCurves.nistP384;

    public HashAlgorithmName Hash { get; init; } = HashAlgorithmName.SHA384;

    /// <summary>The issuer's name; null: that of the certificate before it.</summary>
    public string? Issuer { get; init; }

    /// <summary>The chain of an enclave as AWS makes it: five certificates, of which the last lives three hours.</summary>
    public static List<CertificateShape> Nitro(DateTimeOffset now) =>
    [
        new("CN=root, O=Not AWS, OU=tests of wireguard-vsock", now.AddYears(-3), now.AddYears(27)),
        new("CN=region, O=Not AWS", now.AddDays(-5), now.AddDays(15)) { PathLength = 2 },
        new("CN=zone, O=Not AWS", now.AddDays(-1), now.AddDays(5)) { PathLength = 1 },
        new("CN=instance, O=Not AWS", now.AddMinutes(-15), now.AddDays(1)) { PathLength = 0 },
        new("CN=enclave, O=Not AWS", now.AddSeconds(-3), now.AddHours(3))
        {
            IsCa = false,
            Usage = X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.NonRepudiation,
            IsUsageCritical = false,
            HasKeyIdentifiers = false,
        },
    ];

    /// <summary>The certificate for a key, in DER, signed by its issuer's.</summary>
    internal byte[] Sign(AsymmetricAlgorithm key, CertificateShape issuer, AsymmetricAlgorithm issuerKey)
    {
        var request = new CertificateRequest(new X500DistinguishedName(Name), new PublicKey(key), Hash);
        if (IsCa is { } ca)
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(ca, PathLength != null, PathLength ?? 0, true));
        if (Usage is { } usage)
            request.CertificateExtensions.Add(new X509KeyUsageExtension(usage, IsUsageCritical));
        if (HasKeyIdentifiers)
            request.CertificateExtensions.Add(IdentifierOf(key));
        if (HasKeyIdentifiers && key != issuerKey)
        {
            request.CertificateExtensions.Add(
                X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(IdentifierOf(issuerKey)));
        }

        foreach (X509Extension extension in Extensions)
            request.CertificateExtensions.Add(extension);
        using X509Certificate2 certificate = request.Create(
            new X500DistinguishedName(Issuer ?? issuer.Name),
            GeneratorOf(issuerKey),
            NotBefore,
            NotAfter,
            RandomNumberGenerator.GetBytes(16));
        return certificate.RawData;
    }

    internal AsymmetricAlgorithm MakeKey() => RsaBits is { } bits ? RSA.Create(bits) : ECDsa.Create(Curve);

    private static X509SubjectKeyIdentifierExtension IdentifierOf(AsymmetricAlgorithm key) => new(new PublicKey(key), false);

    private X509SignatureGenerator GeneratorOf(AsymmetricAlgorithm key) => key switch
    {
        RSA rsa => X509SignatureGenerator.CreateForRSA(rsa, RSASignaturePadding.Pkcs1),
        ECDsa ec when Hash == HashAlgorithmName.SHA1 => new WeakGenerator(ec),
        ECDsa ec => X509SignatureGenerator.CreateForECDsa(ec),
        _ => throw new NotSupportedException(),
    };

    /// <summary>ecdsa-with-SHA1 (RFC 3279 section 2.2.3), with which .NET does not sign.</summary>
    private sealed class WeakGenerator(ECDsa key) : X509SignatureGenerator
    {
        public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm) =>
            [0x30, 0x09, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];

        public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm) =>
            key.SignData(data, HashAlgorithmName.SHA1, DSASignatureFormat.Rfc3279DerSequence);

        protected override PublicKey BuildPublicKey() => new(key);
    }
}
