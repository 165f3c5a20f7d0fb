using System.Globalization;
using WireGuard.Attestation;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Commands;

/// <summary>What <c>attest</c> was asked for, checked.</summary>
internal sealed record AttestArguments
{
    private const string PcrOption = "--pcr";

    private static readonly string[] s_options = ["--file", "--at", "--root", "--debug-mode", "--json", "--sandbox", "--pcr0"];

    /// <summary>Whom to ask; null with <see cref="File"/>.</summary>
    public TransportAddress? Address { get; private set; }

    /// <summary>A saved document.</summary>
    public string? File { get; private set; }

    /// <summary>As of when a saved document is verified; null for now.</summary>
    public DateTimeOffset? At { get; private set; }

    public List<PcrPin> Pins { get; } = [];

    public string? RootFile { get; private set; }

    public bool AllowsDebug { get; private set; }

    public bool IsJson { get; private set; }

    /// <summary>Whether the process is confined.</summary>
    public bool IsSandboxed { get; private set; } = true;

    /// <exception cref="UsageException">The first mistake.</exception>
    public static AttestArguments Read(IReadOnlyList<string> words)
    {
        var arguments = new AttestArguments();
        for (int i = 0; i < words.Count; i++)
        {
            string word = words[i];
            int equals = word.StartsWith('-') ? word.IndexOf('=') : -1;
            string option = equals < 0 ? word : word[..equals];
            if (!word.StartsWith('-'))
                arguments.TakeAddress(word);
            else if (equals < 0 && option is "--json")
                arguments.IsJson = true;
            else if (equals < 0 && option is "--debug-mode")
                arguments.AllowsDebug = true;
            else if (equals >= 0)
                arguments.Take(option, word[(equals + 1)..]);
            else
                arguments.Take(option, i + 1 < words.Count ? words[++i] : throw Mistake($"what follows {Shown(option)}?"));
        }

        if (arguments.Address is null && arguments.File is null)
            throw Mistake("whom? For example: attest vsock:16:51821 --pcr0 HEX, or attest --file DOCUMENT --pcr0 HEX");
        if (arguments.Address is not null && (arguments.File is not null || arguments.At is not null))
            throw Mistake("an ADDRESS is asked now; --file and --at are for a saved document, without an ADDRESS");
        return arguments;
    }

    private void TakeAddress(string word)
    {
        if (Address is not null)
            throw Mistake($"one ADDRESS at a time, and {Shown(word)} is another");
        if (!TransportAddress.TryParse(word, AddressUse.Send, out TransportAddress address, out string error))
            throw Mistake($"{Shown(word)}: {error}");
        Address = address.Network != NetworkKind.Udp ? address : throw Mistake("attesting is over a stream: write tcp");
    }

    private void Take(string option, string value)
    {
        switch (option)
        {
            case "--file":
                File = value;
                break;
            case "--root":
                RootFile = value;
                break;
            case "--at":
                At = Rfc3339.TryParse(value, out DateTimeOffset time)
                    ? time
                    : throw Mistake($"{Shown(value)} is no time as 2026-03-01T12:00:00Z (RFC 3339)");
                break;
            case "--sandbox":
                IsSandboxed = value switch
                {
                    "on" => true,
                    "off" => false,
                    _ => throw Mistake($"{Shown(value)} is neither on nor off"),
                };
                break;
            default:
                TakePcr(option, value);
                break;
        }
    }

    private void TakePcr(string option, string value)
    {
        bool isPcr = option.StartsWith(PcrOption, StringComparison.Ordinal)
            && int.TryParse(option.AsSpan(PcrOption.Length), NumberStyles.None, CultureInfo.InvariantCulture, out _);
        if (!isPcr)
        {
            string? nearest = NearestWord.To(option, s_options);
            throw Mistake($"there is no option {Shown(option)}" + (nearest is null ? "" : $": did you mean {nearest}?"));
        }

        int index = int.Parse(option.AsSpan(PcrOption.Length), NumberStyles.None, CultureInfo.InvariantCulture);
        if (index >= AttestationDocument.PcrCount)
            throw Mistake($"there is no PCR{index}: they are 0 to {AttestationDocument.PcrCount - 1}");
        if (value.Length is not (64 or 96 or 128) || !value.All(char.IsAsciiHexDigit))
            throw Mistake($"what follows {option} is not 96 hexadecimal digits, as nitro-cli build-enclave prints them");
        Pins.Add(new PcrPin(index, Convert.FromHexString(value)));
    }

    private static string Shown(string word) => $"'{Printable.Quote(word)}'";

    private static UsageException Mistake(string text) => new(text);
}
