namespace WireGuard.Attestation.Tests;

/// <summary>What the library's README shows compiles, runs, and does what it says.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public void Example_of_the_README_is_the_one_that_is_run()
    {
        string[] source = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "ReadmeExample.cs"));
        string[] readme = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "README.md"));
        string[] shown = Between(readme, "```csharp", "```");
        string[] run = Between(source, "// README begins", "// README ends");
        Assert.Equal(run.Select(line => line.Length == 0 ? "" : line[8..]), shown);
        Assert.InRange(shown.Length, 1, 20);
    }

    [Fact]
    public void Example_of_the_README_verifies_a_real_document()
    {
        AttestationDocument real = PublicDocument.Read("real-1");
        List<string> shown = [];
        byte[] nonce = real.Nonce!.Value.ToArray(), pcr0 = real.Pcr(0).ToArray(), document = PublicDocument.Bytes("real-1");
        ReadmeExample.Run(document, nonce, pcr0, real.Timestamp, shown.Add);
        ReadmeExample.Run(document, new byte[32], pcr0, real.Timestamp, shown.Add);
        Assert.Equal(
            [
                "i-020b6af9246d90e92-enc0183d09086c24190 runs it, and its key has 0 bytes",
                "refused: its nonce is not the one that was asked for",
            ],
            shown);
    }

    private static string[] Between(string[] lines, string first, string last)
    {
        int begin = Array.FindIndex(lines, line => line.Trim() == first) + 1;
        int end = Array.FindIndex(lines, begin, line => line.Trim() == last);
        return lines[begin..end];
    }
}
