using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using WireGuard.Attestation.Signing;
using static WireGuard.Attestation.AttestationFault;

namespace WireGuard.Attestation.Tests;

public sealed class RootTests
{
    private static byte[] Pem => Encoding.ASCII.GetBytes(Good.Signer.RootPem);

    [Fact]
    public void Root_is_read_from_PEM_and_from_DER()
    {
        foreach (byte[] file in (byte[][])[Good.Signer.Root, Pem, [.. "Our root\n"u8, .. Pem, .. "\n\n"u8]])
        {
            bool isRoot = AttestationVerifier.TryReadRoot(file, out ReadOnlyMemory<byte> der, out AttestationProblem problem);
            Assert.True(isRoot, problem.Text);
            Assert.Equal(Good.Signer.Root, der.ToArray());
        }
    }

    [Fact]
    public void Root_that_is_built_in_could_be_given() =>
        Assert.True(AttestationVerifier.TryReadRoot(AwsRoot.G1.ToArray(), out _, out _));

    [Fact]
    public void What_is_no_root_is_refused()
    {
        Assert.Equal(MalformedCertificate, Refused([]));
        Assert.Equal(MalformedCertificate, Refused([.. Good.Signer.Root, 0]));
        Assert.Equal(MalformedCertificate, Refused([.. Pem, .. Pem]));
        string key = PemEncoding.WriteString("PUBLIC KEY", Good.Signer.Root);
        Assert.Equal(MalformedCertificate, Refused(Encoding.ASCII.GetBytes(key)));
        Assert.Equal(MalformedCertificate, Refused("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"u8.ToArray()));
        Assert.Equal(NotCa, Refused(Good.Signer.Chain[1]));
        Assert.Equal(NotCa, Refused(Good.Signer.Chain[4]));
    }

    /// <summary>Said when it is read: later there would be nothing but documents that do not hold.</summary>
    [Fact]
    public void Root_that_no_document_can_have_is_refused()
    {
        Assert.Equal(WrongCertificateSize, RefusedWith(s => s with { Extensions = [new("1.2.3.4", new byte[1000], false)] }));
        Assert.Equal(WrongKeyUsage, RefusedWith(s => s with { Usage = null }));
        Assert.Equal(WrongKeyUsage, RefusedWith(s => s with { Usage = X509KeyUsageFlags.CrlSign }));
        Assert.Equal(WeakCertificate, RefusedWith(s => s with { Curve = ECCurve.CreateFromValue("1.3.132.0.33") })); // P-224
        Assert.Equal(WeakCertificate, RefusedWith(s => s with { RsaBits = 2048 }));
        Assert.Equal(MalformedCertificate, RefusedWith(s => s with { Extensions = [ChainTests.UnreadableName] }));
        Assert.Equal(UnknownCriticalExtension, RefusedWith(s => s with { Extensions = [ChainTests.ForServers(true)] }));
    }

    private static AttestationFault RefusedWith(Func<CertificateShape, CertificateShape> change)
    {
        using Signer signer = Signer.Create([change(CertificateShape.Nitro(Good.Time)[0])]);
        return Refused(signer.Root);
    }

    private static AttestationFault Refused(byte[] file)
    {
        Assert.False(AttestationVerifier.TryReadRoot(file, out _, out AttestationProblem problem));
        Assert.Matches("^[ -~]{20,200}$", problem.Text);
        return problem.Fault;
    }
}
