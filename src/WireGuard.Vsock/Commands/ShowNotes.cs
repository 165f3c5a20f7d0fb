using System.Globalization;
using System.Text.Json;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Commands;

/// <summary>What is known of provisioning: of peers that were learned or taken, and of those that are awaited.</summary>
internal static class ShowNotes
{
    private const string Unattested = "unattested";

    public static void Write(ShowText text, DeviceNotes notes, TextStyle style)
    {
        if (notes.Provision is { } kind)
        {
            string port = notes.ProvisionPort is { } number ? $", port {number}" : "";
            string doubt = kind == Unattested ? ": nothing proves what runs here" : "";
            text.Line("provision", (doubt.Length == 0 ? kind : style.Warning(kind)) + port + doubt);
        }

        foreach (AwaitedPeer peer in notes.Awaited)
            text.Line("awaited", $"{peer.Address}: {peer.Reason}");
    }

    public static void Write(ShowText text, PeerNote note, TextStyle style, ulong now)
    {
        string module = note.Module is { } name ? $", module {name}" : "";
        if (note is { Attest: { } address, AttestedAt: > 0 })
            text.Line("attested", $"{Quantity.Ago((ulong)note.AttestedAt, now, style)}{module}, {address}");
        else if (note.Attest is { } unproved)
            text.Line("attested", $"{style.Warning(Unattested)}: nothing proves what runs at {unproved}");
        if (note.ProvisionedAt > 0)
            text.Line("provisioned", Quantity.Ago((ulong)note.ProvisionedAt, now, style));
    }

    /// <summary>The measurements, in full.</summary>
    public static void WritePcrs(ShowText text, PeerNote note)
    {
        foreach ((int index, string hex) in note.Pcrs)
            text.Line(string.Create(CultureInfo.InvariantCulture, $"pcr{index}"), hex);
    }

    public static void Write(Utf8JsonWriter json, DeviceNotes notes)
    {
        if (notes.Provision is { } kind)
            json.WriteString("provision", kind);
        if (notes.ProvisionPort is { } port)
            json.WriteNumber("provisionPort", port);
        if (notes.Awaited.Count == 0)
            return;
        json.WriteStartArray("awaited");
        foreach (AwaitedPeer peer in notes.Awaited)
        {
            json.WriteStartObject();
            json.WriteString("address", peer.Address);
            json.WriteString("reason", peer.Reason);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    public static void Write(Utf8JsonWriter json, PeerNote note)
    {
        if (note.Attest is { } address)
        {
            json.WriteStartObject("attestation");
            json.WriteString("address", address);
            json.WriteBoolean("attested", note.AttestedAt > 0);
            if (note.AttestedAt > 0)
                json.WriteNumber("time", note.AttestedAt);
            if (note.Module is { } module)
                json.WriteString("module", module);
            json.WriteStartObject("pcrs");
            foreach ((int index, string hex) in note.Pcrs)
                json.WriteString(index.ToString(CultureInfo.InvariantCulture), hex);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        if (note.ProvisionedAt > 0)
            json.WriteNumber("provisionedAt", note.ProvisionedAt);
    }
}
