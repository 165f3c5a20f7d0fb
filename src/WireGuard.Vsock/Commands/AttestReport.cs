using System.Globalization;
using System.Text;
using System.Text.Json;
using WireGuard.Attestation;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Commands;

/// <summary>What <c>attest</c> found, for people or as JSON.</summary>
/// <param name="Key">The public key that the document carries; null for none.</param>
/// <param name="Document">Null if there is none to be read.</param>
/// <param name="Problems">A line each; none: everything holds.</param>
/// <param name="Now">As of when.</param>
/// <param name="Pins">What was asked for.</param>
internal sealed record AttestReport(
    ReadOnlyMemory<byte>? Key,
    AttestationDocument? Document,
    IReadOnlyList<string> Problems,
    DateTimeOffset Now,
    IReadOnlyList<PcrPin> Pins)
{
    private const int WireGuardKeySize = 32;

    public bool Holds => Document is not null && Problems.Count == 0;

    private bool PinsCode => Pins.Any(pin => pin.Index is 0 or 2 or 8);

    /// <summary>Lines "label: value"; empty where there is no document. What does not hold is marked as such.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        if (Document is null)
            return "";
        if (!Holds)
            text.Append("not verified; this is what the document says:\n");
        text.Append(CultureInfo.InvariantCulture, $"public key: {(Key is { } key ? KeyText(key.Span) : "(none)")}\n");
        text.Append(CultureInfo.InvariantCulture, $"module: {Printable(Document.ModuleId)}\n");
        text.Append(CultureInfo.InvariantCulture, $"made: {Rfc3339.Format(Document.Timestamp)}, {AgeText()}\n");
        foreach ((int index, string hex) in Measurements())
        {
            string mark = !Holds || !Pins.Any(pin => pin.Index == index) ? "" : " (as asked)";
            text.Append(CultureInfo.InvariantCulture, $"pcr{index}: {hex}{mark}\n");
        }

        return text.ToString();
    }

    /// <summary>How to pin what was found, where that is all that is missing; null otherwise.</summary>
    public string? Hint => Document is not null && Problems.Count == 1 && !PinsCode
        && Document.Pcr(0).Span.ContainsAnyExcept((byte)0) // in debug mode it is no image's
        ? $"all else holds: if it is the image that you built, ask for --pcr0 {Convert.ToHexStringLower(Document.Pcr(0).Span)}"
        : null;

    public string ToJson()
    {
        using SecretText text = new();
        using Utf8JsonWriter json = new(text, ShowJson.Options);
        json.WriteStartObject();
        json.WriteBoolean("holds", Holds);
        json.WriteStartArray("problems");
        foreach (string problem in Problems)
            json.WriteStringValue(problem);
        json.WriteEndArray();
        if (Document is not null)
            WriteDocument(json, Document);
        json.WriteEndObject();
        json.Flush();
        return Encoding.UTF8.GetString(text.Bytes) + "\n";
    }

    private void WriteDocument(Utf8JsonWriter json, AttestationDocument document)
    {
        if (Key is { } key)
            json.WriteString("publicKey", KeyText(key.Span));
        json.WriteString("module", Printable(document.ModuleId));
        json.WriteString("time", Rfc3339.Format(document.Timestamp));
        json.WriteNumber("age", AgeSeconds);
        json.WriteStartObject("pcrs");
        for (int index = 0; index < AttestationDocument.PcrCount; index++)
        {
            ReadOnlyMemory<byte> value = document.Pcr(index);
            if (!value.IsEmpty)
                json.WriteString(index.ToString(CultureInfo.InvariantCulture), Convert.ToHexStringLower(value.Span));
        }

        json.WriteEndObject();
    }

    private long AgeSeconds => (long)(Now - Document!.Timestamp).TotalSeconds;

    private string AgeText() => AgeSeconds switch
    {
        0 => "now",
        > 0 and var age => $"{Quantity.Time((ulong)age, default)} ago",
        var ahead => $"{Quantity.Time((ulong)-ahead, default)} ahead",
    };

    /// <summary>PCR0, and those that are not all zero or were asked for.</summary>
    private IEnumerable<ShownPcr> Measurements()
    {
        for (int index = 0; index < AttestationDocument.PcrCount; index++)
        {
            ReadOnlyMemory<byte> value = Document!.Pcr(index);
            bool isShown = index == 0 || value.Span.ContainsAnyExcept((byte)0) || Pins.Any(pin => pin.Index == index);
            if (isShown && !value.IsEmpty)
                yield return new ShownPcr(index, Convert.ToHexStringLower(value.Span));
        }
    }

    /// <summary>As WireGuard has keys, where it can be one.</summary>
    private static string KeyText(ReadOnlySpan<byte> key) =>
        key.Length == WireGuardKeySize ? Convert.ToBase64String(key) : Convert.ToHexStringLower(key);

    private static string Printable(string text) => Config.Printable.Quote(text);
}
