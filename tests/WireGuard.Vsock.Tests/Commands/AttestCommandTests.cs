using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using WireGuard.Attestation.Signing;
using WireGuard.Vsock.Commands;
using WireGuard.Vsock.Tests.Provisioning;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Commands;

/// <summary>With public documents: tests/WireGuard.Attestation.Tests/Documents/README.md.</summary>
public sealed class AttestCommandTests : IDisposable
{
    private const string Time1 = "2022-10-13T08:58:02Z", Time2 = "2024-08-07T06:38:09Z";
    private const string Pcr0Of1 =
        "f4d48b81a460c9916d1e685119074bf24660afd3e34fae9fca0a0d28d9d5599936332687e6f66fc890ac8cf150142d8b";

    private readonly List<string> _errors = [];
    private string _output = "";
    private string? _made;

    public void Dispose()
    {
        if (_made is not null) File.Delete(_made);
    }

    [Fact]
    public void Document_that_holds_is_0_and_told()
    {
        Assert.Equal(0, Attest("--file", Document("real-1"), "--at", Time1, "--pcr0", Pcr0Of1));
        Assert.Empty(_errors);
        string[] lines = _output.TrimEnd('\n').Split('\n');
        Assert.Equal("public key: (none)", lines[0]);
        Assert.Equal("module: i-020b6af9246d90e92-enc0183d09086c24190", lines[1]);
        Assert.Equal("made: 2022-10-13T08:58:02Z, now", lines[2]);
        Assert.Equal($"pcr0: {Pcr0Of1} (as asked)", lines[3]);
        Assert.Equal(["pcr0", "pcr1", "pcr2", "pcr3", "pcr4", "pcr8"], lines[3..].Select(line => line.Split(':')[0]));
        Assert.DoesNotContain("(as asked)", string.Concat(lines[4..]), StringComparison.Ordinal);
    }

    [Fact]
    public void Any_of_several_measurements_will_do_and_capitals_too()
    {
        string other = new('a', 96), capitals = Pcr0Of1.ToUpperInvariant();
        Assert.Equal(0, Attest($"--file={Document("real-1")}", $"--at={Time1}", "--pcr0", other, $"--pcr0={capitals}"));
    }

    [Fact]
    public void Public_key_is_shown_of_any_size()
    {
        Attest("--file", Document("real-2"), "--at", Time2);
        Assert.Matches("\npublic key: 57febcf9e7f5081d[0-9a-f]{112}\n", _output);
    }

    [Fact]
    public void Each_thing_that_is_wrong_is_a_line_and_the_code_is_1()
    {
        Assert.Equal(1, Attest("--file", Document("real-1"), "--at", Time2, "--pcr0", new string('a', 96)));
        Assert.Equal(2, _errors.Count);
        Assert.Matches("^attest: it was made 57361[0-9]{3} s ago, over 300 s: it is an old one, or the ", _errors[0]);
        Assert.Equal($"attest: its PCR0 is {Pcr0Of1}, which is not pinned", _errors[1]);
        Assert.StartsWith("not verified; this is what the document says:\npublic key: ", _output, StringComparison.Ordinal);
        Assert.DoesNotContain("(as asked)", _output, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_measurement_it_is_told_how_to_ask_for_it()
    {
        Assert.Equal(1, Attest("--file", Document("real-1"), "--at", Time1, "--pcr3", new string('a', 96)));
        Assert.Equal(2, _errors.Count);
        Assert.Equal(1, Attest("--file", Document("real-1"), "--at", Time1));
        Assert.Equal(
            [
                "attest: none of PCR0, PCR2 and PCR8 is pinned to a measurement: any image would pass",
                $"attest: all else holds: if it is the image that you built, ask for --pcr0 {Pcr0Of1}",
            ],
            _errors);
        Assert.StartsWith("not verified; ", _output, StringComparison.Ordinal);
    }

    [Fact]
    public void Debug_mode_and_another_root_have_their_options()
    {
        string zero = new('0', 96), at = "2024-12-13T09:05:45Z", other = Document("other-root");
        Assert.Equal(1, Attest("--file", other, "--at", at, "--pcr0", zero));
        Assert.Equal(3, _errors.Count);
        Assert.Equal(1, Attest("--file", other, "--at", at, "--pcr0", zero, "--debug-mode"));
        Assert.StartsWith("attest: its root is not AWS's root G1: ", Assert.Single(_errors), StringComparison.Ordinal);
        _made = Path.GetTempFileName();
        Assert.True(Attestation.AttestationDocument.TryRead(File.ReadAllBytes(other), out var document, out _));
        File.WriteAllBytes(_made, document.CaBundle[0].ToArray());
        Assert.Equal(0, Attest("--file", other, "--at", at, "--pcr0", zero, "--debug-mode", "--root", _made));
    }

    [Fact]
    public void As_JSON_it_is_one_object()
    {
        Assert.Equal(0, Attest("--file", Document("real-1"), "--at", "2022-10-13T08:59:02Z", "--pcr0", Pcr0Of1, "--json"));
        JsonElement json = JsonDocument.Parse(_output).RootElement;
        Assert.True(json.GetProperty("holds").GetBoolean());
        Assert.Equal(0, json.GetProperty("problems").GetArrayLength());
        Assert.Equal("i-020b6af9246d90e92-enc0183d09086c24190", json.GetProperty("module").GetString());
        Assert.Equal("2022-10-13T08:58:02Z", json.GetProperty("time").GetString());
        Assert.Equal(59, json.GetProperty("age").GetInt64());
        Assert.Equal(16, json.GetProperty("pcrs").EnumerateObject().Count());
        Assert.Equal(Pcr0Of1, json.GetProperty("pcrs").GetProperty("0").GetString());
        Assert.False(json.TryGetProperty("publicKey", out _));
    }

    [Fact]
    public void What_is_no_document_is_told()
    {
        _made = Path.GetTempFileName();
        Assert.Equal(1, Attest("--file", _made, "--pcr0", Pcr0Of1));
        Assert.Equal("", _output);
        Assert.Equal("attest: it is not an attestation document: it is not well-formed CBOR", Assert.Single(_errors));
        Assert.Equal(1, Attest("--file", _made, "--pcr0", Pcr0Of1, "--json"));
        Assert.False(JsonDocument.Parse(_output).RootElement.GetProperty("holds").GetBoolean());
        Assert.Throws<SetupException>(() => Attest("--file", Document("real-1"), "--root", _made));
        Assert.Throws<SetupException>(() => Attest("--file", _made + ".missing"));
    }

    [Fact]
    public async Task Prover_is_asked_and_its_key_told()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string address = $"tcp:{listener.LocalEndpoint}";
        using Signer signer = Signer.Create(DateTimeOffset.UtcNow);
        _made = Path.GetTempFileName();
        File.WriteAllText(_made, signer.RootPem);
        using var prover = new ProverParts(isAttested: true)
        {
            MakeDocument = (nonce, key, data) =>
                signer.Document(Signer.Pcrs((0, Convert.FromHexString(Pcr0Of1))), nonce, key, data, DateTimeOffset.UtcNow),
        };
        bool isOver = false; // interlocked
        Task served = Task.Run(() => Serve(prover, listener, () => Volatile.Read(ref isOver)));
        try
        {
            Assert.Equal(0, Attest(address, "--pcr0", Pcr0Of1, "--root", _made));
            Assert.Equal($"public key: {Convert.ToBase64String(prover.Key.PublicKey.Bytes)}", _output.Split('\n')[0]);
            Assert.Contains($"\npcr0: {Pcr0Of1} (as asked)\n", _output, StringComparison.Ordinal);
            Assert.Equal(1, Attest(address, "--root", _made));
            Assert.Equal($"attest: all else holds: if it is the image that you built, ask for --pcr0 {Pcr0Of1}", _errors[1]);
        }
        finally
        {
            Volatile.Write(ref isOver, true);
            await served;
        }

        Assert.Empty(prover.Taken);
    }

    [Theory]
    [InlineData("whom? ")]
    [InlineData("an ADDRESS is asked now; ", "tcp:192.0.2.1:51821", "--file", "x")]
    [InlineData("an ADDRESS is asked now; ", "tcp:192.0.2.1:51821", "--at", Time1)]
    [InlineData("one ADDRESS at a time, ", "tcp:192.0.2.1:1", "tcp:192.0.2.1:2")]
    [InlineData("attesting is over a stream: write tcp", "udp:192.0.2.1:51821")]
    [InlineData("'vsock:51821': which machine? ", "vsock:51821")]
    [InlineData("'yesterday' is no time as ", "--file", "x", "--at", "yesterday")]
    [InlineData("there is no option '--pcr-0'", "--pcr-0", "x")]
    [InlineData("there is no option '--rot': did you mean --root?", "--rot", "x")]
    [InlineData("there is no option '--json'", "--json=yes")]
    [InlineData("there is no PCR32: ", "--pcr32", Pcr0Of1)]
    [InlineData("what follows --pcr0 is not 96 hexadecimal digits", "--pcr0", "f4d48b")]
    [InlineData("what follows '--pcr0'?", "--pcr0")]
    public void Mistakes_are_told(string begins, params string[] arguments)
    {
        UsageException mistake = Assert.Throws<UsageException>(() => AttestArguments.Read(arguments));
        Assert.StartsWith(begins, mistake.Message, StringComparison.Ordinal);
    }

    private static void Serve(ProverParts prover, TcpListener listener, Func<bool> isOver)
    {
        while (!isOver())
        {
            prover.Loop.RunOnce(1);
            if (!listener.Pending())
                continue;
            Socket accepted = listener.AcceptSocket();
            accepted.Blocking = false;
            prover.Prover.Accept((int)accepted.Handle, EndpointAddress.IPv4(0x7F000001, 1)); // which now owns it
            accepted.SafeHandle.SetHandleAsInvalid();
        }
    }

    private int Attest(params string[] arguments)
    {
        _errors.Clear();
        return AttestCommand.Run(AttestArguments.Read(arguments), text => _output = text, _errors.Add);
    }

    private static string Document(string name) =>
        Path.Combine(Repository.Root, "tests", "WireGuard.Attestation.Tests", "Documents", $"{name}.bin");
}
