using WireGuard.Attestation;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Sandbox;

namespace WireGuard.Vsock.Commands;

/// <summary>Verifies by hand what runs at the other end: <see cref="AttestationVerifier"/>.</summary>
internal static class AttestCommand
{
    private const string Name = "attest";

    public static CommandPage Page => new(
        Name,
        "Verify what runs in an enclave, and show its key",
        [
            "ADDRESS --pcr0 HEX [--pcrN HEX...] [--root FILE] [--debug-mode] [--json] [--sandbox=on|off]",
            "--file DOCUMENT [--at TIME] --pcr0 HEX [--pcrN HEX...] [--root FILE] [--debug-mode] [--json] [--sandbox=on|off]",
        ],
        Run)
    {
        Paragraphs =
        [
            "Asks the enclave at ADDRESS, whose file says Provision = nitro, for an attestation document, and verifies it: its "
                + "signature, the certificates up to AWS's root, its time (within 5 minutes of now: clocks drift), that it is "
                + "not of debug mode, that it answers this very question, and the measurements. Then it prints the public key "
                + "of the enclave's tunnel, the module, the document's age, and the measurements that are not zero. Nothing "
                + "changes at either end.",
            "The exit code is 0 only if everything holds; else each thing that does not is a line on stderr, and what the "
                + "document says is printed as not verified. Without any of --pcr0, --pcr2 and --pcr8 nothing holds, but the "
                + "measurements of a new image can be seen that way.",
            "With --file a saved document is verified as of TIME. No nonce is asked for, so it may be a copy of an old one; the "
                + "public key that it carries is printed, of any size: in base64 if it can be WireGuard's, else in hexadecimal.",
            "A measurement names code, not a machine: the same image elsewhere passes too.",
        ],
        Options =
        [
            new("ADDRESS", "vsock:CID:PORT, tcp:HOST:PORT or unix:PATH:PORT, unix:PATH being the socket of a Firecracker or "
                + "Cloud Hypervisor guest. The port is that of Provision, ListenPort + 1 if its file does not say otherwise."),
            new("--pcr0 HEX, --pcr2 HEX, --pcr8 HEX", "What the image, its application, or the certificate that signed the image "
                + "has to measure: 96 hexadecimal digits, as nitro-cli build-enclave prints them. One given more than once may "
                + "be any of them."),
            new("--pcrN HEX", "The same of any other, up to 31: of the kernel, the role or the instance, for example."),
            new("--root FILE", "A certificate in PEM or DER, in place of AWS's root: of a CA that issues nothing but attestation "
                + "certificates, since any other holder of a certificate of it could sign documents."),
            new("--debug-mode", "Take an enclave in debug mode, too: PCR0 is all zero, and its host can read its console."),
            new("--file DOCUMENT", "A saved document: a COSE_Sign1 in CBOR."),
            new("--at TIME", "As of when, as 2026-03-01T12:00:00Z; now if not given."),
            new("--sandbox=on|off", "Whether the process gives up all that it does not need of the system before it reads the "
                + "answer; on if not given."),
            new("--json", "Print an object: holds, problems, publicKey, module, time, age in seconds, and all pcrs."),
        ],
        Examples =
        [
            new($"{Say.ProgramName} attest vsock:16:51821 --pcr0 HEX", "Verify the enclave with the CID 16."),
            new($"{Say.ProgramName} attest vsock:16:51821", "See what a new image measures. The exit code is 1."),
            new(
                $"{Say.ProgramName} attest --file document.bin --at 2026-03-01T12:00:00Z --pcr0 HEX",
                "Verify a saved document as of then."),
        ],
    };

    private static int Run(IReadOnlyList<string> arguments) =>
        Run(AttestArguments.Read(arguments), text => Say.Write(1, text), Say.Error);

    /// <summary>Gives the exit code.</summary>
    /// <param name="output">Takes a whole text.</param>
    /// <param name="error">Takes a line.</param>
    internal static int Run(AttestArguments arguments, Action<string> output, Action<string> error)
    {
        if (!CryptoLibrary.IsAvailable(out string reason))
            throw new SetupException(reason);
        ReadOnlyMemory<byte>? root = null;
        if (arguments.RootFile is { } file)
            root = ReadRoot(file);
        AttestReport report = arguments.Address is null ? Verify(arguments, root) : Ask(arguments, root);
        output(arguments.IsJson ? report.ToJson() : report.ToText());
        foreach (string problem in report.Problems)
            error($"{Name}: {problem}");
        if (report.Hint is { } hint)
            error($"{Name}: {hint}");
        return report.Holds ? 0 : 1;
    }

    private static AttestReport Verify(AttestArguments arguments, ReadOnlyMemory<byte>? root)
    {
        DateTimeOffset now = arguments.At ?? Now();
        byte[] document = ReadFile(arguments.File!);
        Confine(arguments);
        AttestationVerdict verdict = AttestationVerifier.Verify(document, new AttestationPolicy
        {
            Now = now,
            Pins = arguments.Pins,
            AllowsDebugMode = arguments.AllowsDebug,
            Roots = root is { } given ? [given] : [],
        });
        List<string> problems = [];
        foreach (AttestationProblem problem in verdict.Problems)
            problems.Add(problem.Text);
        return new AttestReport(verdict.Document?.PublicKey, verdict.Document, problems, now, arguments.Pins);
    }

    /// <summary>What an enclave, or a file, says is read by a process that can do little else.</summary>
    private static void Confine(AttestArguments arguments)
    {
        _ = Confinement.Begin(Needs.OfAttest(arguments.Address), Needs.Unconfined(arguments.IsSandboxed)).Complete();
        if (!arguments.IsSandboxed)
            Say.Error($"{Name}: the sandbox is off");
    }

    /// <summary>With a key that is made for this alone: nothing is confirmed with it.</summary>
    private static AttestReport Ask(AttestArguments arguments, ReadOnlyMemory<byte>? root)
    {
        using EventLoop loop = new();
        using PrivateKey key = PrivateKey.Generate();
        AttestSettings settings = new()
        {
            Address = arguments.Address!,
            Pins = arguments.Pins,
            AllowsDebug = arguments.AllowsDebug,
            Offer = new Offer(),
        };
        Confine(arguments);
        AttemptResult? result = null;
        using Attempt attempt = Attempt.Start(loop, settings, root, key, onHolds: null, ended => result = ended);
        while (result is null)
            loop.RunOnce(-1);
        ReadOnlyMemory<byte>? learned = null;
        if (result.Key is { } prover)
            learned = prover.Bytes.ToArray();
        return new AttestReport(learned, result.Document, result.Problems, Now(), arguments.Pins);
    }

    private static ReadOnlyMemory<byte> ReadRoot(string path) =>
        AttestationVerifier.TryReadRoot(ReadFile(path), out ReadOnlyMemory<byte> der, out AttestationProblem problem)
            ? der
            : throw new SetupException($"{Printable.Quote(path)}: {problem.Text}");

    private static byte[] ReadFile(string path)
    {
        int result = Sys.ReadFile(path, out byte[] content);
        return result >= 0 ? content : throw new SetupException($"cannot read {Printable.Quote(path)}: {Errno.Text(-result)}");
    }

    private static DateTimeOffset Now()
    {
        Sys.RealTime(out long seconds, out int nanoseconds);
        return DateTimeOffset.FromUnixTimeMilliseconds((seconds * 1000) + (nanoseconds / 1_000_000));
    }
}
