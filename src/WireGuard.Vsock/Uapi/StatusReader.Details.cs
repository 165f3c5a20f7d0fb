using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Uapi;

/// <summary>What <c>status</c> tells beside what <c>get</c> does: our daemon's alone, of this version or a later one.</summary>
internal sealed partial class StatusReader
{
    private const int ConnectionWords = 7; // after the address

    /// <summary>Many more than our daemon has: each takes ten times its shortest line.</summary>
    internal const int MaxCounters = 1024;

    /// <param name="details">Null until the network has been told, which comes first.</param>
    private DeviceDetails TakeDetail(DeviceDetails? details, ReadOnlySpan<char> key, ReadOnlySpan<char> value)
    {
        if (key is "network")
        {
            if (!NetworkKind.TryFromWord(value, out NetworkKind network))
                throw Malformed("network is none that is known");
            return new DeviceDetails { Network = network, Version = "", Counters = new List<Counter>() };
        }

        if (details is null)
            throw Malformed("does not begin with the network");
        switch (key)
        {
            case "up":
                return details with { IsUp = Flag(key, value) };
            case "mtu":
                return details with { Mtu = (int)Number(key, value, int.MaxValue) };
            case "superpackets":
                return details with { Superpackets = Flag(key, value) };
            case "version":
                return details with { Version = value.ToString() };
            case "instance":
                return details with { Instance = value.ToString() };
            case "interface":
                return details with { Interface = value.ToString() };
            case "netns":
                return details with { Namespace = Number(key, value, ulong.MaxValue) };
            case "local_cid":
                return details with { LocalCid = (uint)Number(key, value, uint.MaxValue) };
            case "listen_error":
                return details with { ListenError = value.ToString() };
            case "unlocked_bytes":
                return details with { UnlockedBytes = (long)Number(key, value, long.MaxValue) };
            case "sandbox":
                return details with { Sandbox = value.ToString() };
            case "provision":
                return details with { Notes = details.Notes with { Provision = value.ToString() } };
            case "provision_port":
                uint port = (uint)Number(key, value, uint.MaxValue);
                return details with { Notes = details.Notes with { ProvisionPort = port } };
            case "awaited":
                return details with { Notes = details.Notes with { Awaited = [.. details.Notes.Awaited, ReadAwaited(value)] } };
            default:
                // A later version may tell more, and not only numbers.
                List<Counter> counters = (List<Counter>)details.Counters;
                if (counters.Count == MaxCounters)
                    throw Malformed($"more than {MaxCounters} counters");
                if (!value.IsEmpty && !value.ContainsAnyExceptInRange('0', '9'))
                    counters.Add(new Counter(key.ToString(), (long)Number(key, value, long.MaxValue)));
                return details;
        }
    }

    private PeerDetails TakeDetail(PeerDetails details, ReadOnlySpan<char> key, ReadOnlySpan<char> value)
    {
        switch (key)
        {
            case "endpoint_name":
                return details with { EndpointName = value.ToString() };
            case "superpackets":
                return details with { Superpackets = Flag(key, value) };
            case "session":
                return details with { HasSession = Flag(key, value) };
            case "handshake_error":
                return details with { HandshakeError = value.ToString() };
            case "dropped_packets":
                return details with { DroppedPackets = (long)Number(key, value, long.MaxValue) };
            case "queued_bytes":
                return details with { QueuedBytes = (long)Number(key, value, long.MaxValue) };
            case "connection":
                ((List<ConnectionStatus>)details.Connections).Add(ReadConnection(value.ToString()));
                return details;
            case "attest" or "attested_at" or "attested_module" or "attested_pcr" or "provisioned_at":
                return details with { Note = TakeNote(details.Note ?? new PeerNote(), key, value) };
            default:
                return details;
        }
    }

    private AwaitedPeer ReadAwaited(ReadOnlySpan<char> value)
    {
        int space = value.IndexOf(' ');
        return space > 0 && _device.Details!.Notes.Awaited.Count < DeviceNotes.MaxAwaited
            ? new AwaitedPeer(value[..space].ToString(), value[(space + 1)..].ToString())
            : throw Malformed("awaited is not an address and a reason, or there are too many");
    }

    private PeerNote TakeNote(PeerNote note, ReadOnlySpan<char> key, ReadOnlySpan<char> value) => key switch
    {
        "attest" => note with { Attest = value.ToString() },
        "attested_at" => note with { AttestedAt = (long)Number(key, value, long.MaxValue) },
        "attested_module" => note with { Module = value.ToString() },
        "provisioned_at" => note with { ProvisionedAt = (long)Number(key, value, long.MaxValue) },
        _ => NoteText.TryReadPcr(value, out ShownPcr? pcr) && note.Pcrs.Count < PeerNote.MaxPcrs
            ? note with { Pcrs = [.. note.Pcrs, pcr] }
            : throw Malformed("attested_pcr is not INDEX:HEX, or there are too many"),
    };

    private ConnectionStatus ReadConnection(string value)
    {
        string[] words = value.Split(' ');
        int first = words.Length - ConnectionWords;
        if (first < 1)
            throw Malformed("connection is not an address and seven words");
        string address = string.Join(' ', words[..first]);
        if (!EndpointAddress.TryParse(address, _device.Details!.Network, Sys.InterfaceIndex, out EndpointAddress parsed, out _))
            throw Malformed("connection begins with no address");
        ReadOnlySpan<string> rest = words.AsSpan(first);
        ConnectionUse use = rest[1] switch
        {
            "current" => ConnectionUse.Current,
            "used" => ConnectionUse.Used,
            _ => ConnectionUse.Unused,
        };
        return new ConnectionStatus(
            parsed,
            rest[0] == "dialled",
            use,
            Labelled(rest[2], "age="),
            (int)Math.Min(Labelled(rest[3], "reconnects="), int.MaxValue),
            Labelled(rest[4], "rx="),
            Labelled(rest[5], "tx="),
            Labelled(rest[6], "queued="));
    }

    private long Labelled(string word, string label) => word.StartsWith(label, StringComparison.Ordinal)
        ? (long)Number(label.AsSpan(0, label.Length - 1), word.AsSpan(label.Length), long.MaxValue)
        : throw Malformed($"connection says no {label[..^1]}");

    private bool Flag(ReadOnlySpan<char> key, ReadOnlySpan<char> value) =>
        value is "true" || (value is "false" ? false : throw Malformed($"{key} is neither true nor false"));
}
