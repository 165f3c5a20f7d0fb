using System.Diagnostics.CodeAnalysis;
using WireGuard.Attestation;
using WireGuard.Attestation.Signing;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// Attestation documents: as they come; and with a right signature over a payload that the input says, in which 0xFF and a number
/// stands for a certificate of the chain, or for the chain. A verdict holds without problems and never otherwise, says what the
/// policy asks, and its words can be shown; a root that is taken is one CA's certificate.
/// <code>u8 0 a document, 1 a payload to be signed, 2 a root, 3 changes of a good payload | bytes</code>
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "It lives as long as the process.")]
internal sealed class AttestationTarget : FuzzTarget
{
    private static readonly DateTimeOffset s_time = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly byte[] s_nonce = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
    private static readonly byte[] s_publicKey = [.. Enumerable.Repeat((byte)7, 32)];
    private static readonly byte[] s_userData = [.. Enumerable.Repeat((byte)9, 32)];
    private static readonly byte[] s_image = [.. Enumerable.Repeat((byte)0x3f, 48)];

    private readonly Signer _signer = Signer.Create(s_time);
    private readonly byte[] _good;
    private readonly AttestationPolicy _policy;

    public AttestationTarget()
    {
        _good = Draft().Payload();
        _policy = new AttestationPolicy
        {
            Now = s_time,
            Pins = [new PcrPin(0, s_image)],
            Roots = [_signer.Root],
            Nonce = s_nonce,
            PublicKey = s_publicKey,
            UserData = s_userData,
        };
    }

    public override IEnumerable<string> Words =>
    [
        "module_id", "digest", "SHA384", "timestamp", "pcrs", "certificate", "cabundle", "public_key", "user_data", "nonce",
        "Signature1",
    ];

    public override IEnumerable<byte[]> Seeds()
    {
        yield return [1, .. Folded(_good)];
        yield return [0, .. new Draft { Raw = _good }.With(_good, new byte[96])];
        yield return [3, .. new Chosen().Byte(0).UInt16(30).Piece([1, 2]).Byte(1).UInt16(700).Piece([0xa0]).ToArray()];
        yield return [3];
        yield return [2, .. _signer.Root];
        yield return [2, .. Texts.Bytes(_signer.RootPem)];
        for (int index = 1; index <= 5; index++)
            yield return [1, 0xFF, (byte)index];
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        int kind = input.Length == 0 ? 0 : input[0] % 4;
        ReadOnlySpan<byte> rest = input[Math.Min(input.Length, 1)..];
        if (kind == 2)
        {
            CheckRoot(rest.ToArray());
            return;
        }

        byte[] document = kind switch
        {
            0 => rest.ToArray(),
            1 => new Draft { Raw = Unfolded(rest) }.Sign(_signer.Key),
            _ => new Draft { Raw = Changed(rest) }.Sign(_signer.Key),
        };
        AttestationVerdict verdict = AttestationVerifier.Verify(document, _policy);
        Fact.Same(verdict.Problems.Count == 0, verdict.Holds, "whether it holds");
        Fact.Holds(!verdict.Holds || kind != 0, "what nobody signed does not hold");
        Fact.Holds(!verdict.Holds || SaysTheSame(verdict.Document!), "what holds says what is asked");
        Fact.Holds(verdict.Problems.Count < 100, "problems are bounded");
        foreach (AttestationProblem problem in verdict.Problems)
        {
            bool isShort = problem.Text.Length is >= 10 and <= 250 && !problem.Text.Any(letter => letter is < ' ' or > '~');
            Fact.Holds(isShort, $"a problem is said in printable words: {problem.Fault}");
        }
    }

    private Draft Draft() =>
        _signer.Draft(Signer.Pcrs((0, s_image)), s_nonce, s_publicKey, s_userData, s_time);

    private bool SaysTheSame(AttestationDocument document) =>
        document.Certificate.Span.SequenceEqual(_signer.Chain[^1]) && document.Pcr(0).Span.SequenceEqual(s_image)
        && document.Nonce!.Value.Span.SequenceEqual(s_nonce) && document.PublicKey!.Value.Span.SequenceEqual(s_publicKey)
        && document.UserData!.Value.Span.SequenceEqual(s_userData);

    private static void CheckRoot(byte[] bytes)
    {
        bool isRoot = AttestationVerifier.TryReadRoot(bytes, out ReadOnlyMemory<byte> der, out AttestationProblem problem);
        Fact.Same(isRoot, problem.Fault == AttestationFault.None, "whether a problem is said");
        Fact.Holds(!isRoot || (der.Length is > 0 and <= 1024 && der.Span[0] == 0x30), "a root is a certificate of bounded size");
    }

    /// <summary>Each change: u8 kind | u16 where | u16 length | bytes that are put there, or left out.</summary>
    private byte[] Changed(ReadOnlySpan<byte> changes)
    {
        Choices choices = new(changes);
        byte[] payload = _good;
        for (int i = 0; i < 4 && !choices.IsAtEnd; i++)
        {
            int kind = choices.Byte() % 4, at = choices.UInt16() % (payload.Length + 1);
            byte[] piece = choices.Piece().ToArray();
            int end = Math.Min(at + piece.Length, payload.Length);
            payload = kind switch
            {
                0 => [.. payload[..at], .. piece, .. payload[end..]],
                1 => [.. payload[..at], .. piece, .. payload[at..]],
                2 => [.. payload[..at], .. payload[end..]],
                _ => payload[..at],
            };
        }

        return payload;
    }

    /// <summary>Puts the chain's certificates, whose keys are new in each process, where their numbers stand.</summary>
    private byte[] Unfolded(ReadOnlySpan<byte> folded)
    {
        List<byte> payload = [];
        for (int i = 0; i < folded.Length && payload.Count < 1 << 16; i++)
        {
            if (folded[i] != 0xFF || i + 1 == folded.Length || folded[i + 1] >= _signer.Chain.Count)
                payload.Add(folded[i]);
            else
                payload.AddRange(ByteString(_signer.Chain[folded[++i]]));
        }

        return [.. payload];
    }

    private byte[] Folded(byte[] payload)
    {
        for (int i = 0; i < _signer.Chain.Count; i++)
        {
            byte[] certificate = ByteString(_signer.Chain[i]);
            int at = payload.AsSpan().IndexOf(certificate);
            payload = [.. payload[..at], 0xFF, (byte)i, .. payload[(at + certificate.Length)..]];
        }

        return payload;
    }

    private static byte[] ByteString(byte[] bytes) => [0x59, (byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];
}
