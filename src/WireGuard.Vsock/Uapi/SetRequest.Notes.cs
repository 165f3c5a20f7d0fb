using System.Globalization;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// What is noted for `show`: keys of ours. All of the device's take the place of its notes, the empty <c>provision</c> as well,
/// and all of a peer's take the place of its note.
/// <code>
/// provision         nitro, unattested, or nothing      attest            ADDRESS
/// provision_port    0..4294967295                      attested_at       Unix time in seconds; 0 for unattested
/// awaited           ADDRESS REASON, repeatable         attested_module   TEXT
///                                                      attested_pcr      INDEX:HEX, repeatable
///                                                      provisioned_at    Unix time in seconds
/// </code>
/// </summary>
internal sealed partial class SetRequest
{
    /// <summary>Null, or what is wrong.</summary>
    private string? TakeNote(ReadOnlySpan<char> key, ReadOnlySpan<char> value)
    {
        DeviceNotes notes = Change.Notes ?? new DeviceNotes();
        switch (key)
        {
            case "provision":
                if (value is not ("" or "nitro" or "unattested"))
                    return "provision is neither nitro nor unattested";
                notes = notes with { Provision = value.IsEmpty ? null : value.ToString() };
                break;
            case "provision_port":
                if (!DecimalText.TryParse(value, uint.MaxValue, out uint port))
                    return "provision_port is not a number from 0 to 4294967295";
                notes = notes with { ProvisionPort = port };
                break;
            default:
                int space = value.IndexOf(' ');
                if (space <= 0 || !NoteText.IsValid(value[..space]) || !NoteText.IsValid(value[(space + 1)..]))
                    return "awaited is not ADDRESS REASON in short printable text";
                if (notes.Awaited.Count == DeviceNotes.MaxAwaited)
                    return $"awaited is given more than {DeviceNotes.MaxAwaited} times";
                AwaitedPeer awaited = new(value[..space].ToString(), value[(space + 1)..].ToString());
                notes = notes with { Awaited = [.. notes.Awaited, awaited] };
                break;
        }

        Change.Notes = notes;
        return null;
    }

    /// <summary>Null, or what is wrong.</summary>
    private static string? TakeNote(PeerChange peer, ReadOnlySpan<char> key, ReadOnlySpan<char> value)
    {
        PeerNote note = peer.Note ?? new PeerNote();
        switch (key)
        {
            case "attested_at" or "provisioned_at":
                if (!long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds))
                    return $"{key} is not a number of seconds";
                note = key is "attested_at" ? note with { AttestedAt = seconds } : note with { ProvisionedAt = seconds };
                break;
            case "attested_pcr":
                if (!NoteText.TryReadPcr(value, out ShownPcr? pcr))
                    return "attested_pcr is not INDEX:HEX, INDEX from 0 to 31";
                if (note.Pcrs.Count == PeerNote.MaxPcrs)
                    return $"attested_pcr is given more than {PeerNote.MaxPcrs} times";
                note = note with { Pcrs = [.. note.Pcrs, pcr] };
                break;
            default:
                if (!NoteText.IsValid(value))
                    return $"{key} is not short printable text";
                note = key is "attest" ? note with { Attest = value.ToString() } : note with { Module = value.ToString() };
                break;
        }

        peer.Note = note;
        return null;
    }
}
