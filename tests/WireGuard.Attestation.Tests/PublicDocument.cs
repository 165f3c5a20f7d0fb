namespace WireGuard.Attestation.Tests;

/// <summary>The documents that others have published: Documents/README.md.</summary>
internal static class PublicDocument
{
    internal static byte[] Bytes(string name)
    {
        using Stream stream = typeof(PublicDocument).Assembly.GetManifestResourceStream(name)!;
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    internal static AttestationDocument Read(string name)
    {
        bool isRead = AttestationDocument.TryRead(Bytes(name), out AttestationDocument? document, out AttestationProblem problem);
        Assert.True(isRead, problem.Text);
        return document!;
    }

    /// <summary>At its own time, with its own PCR0 pinned.</summary>
    internal static AttestationPolicy PolicyOf(string name)
    {
        AttestationDocument document = Read(name);
        return new() { Now = document.Timestamp, Pins = [new PcrPin(0, document.Pcr(0))] };
    }
}
