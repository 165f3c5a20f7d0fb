using System.Text;
using System.Text.Json;
using WireGuard.Vsock.Commands;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// A daemon's answer, which `show` reads: it is refused with one kind of exception, or read, written and read again the same; and
/// shown without a character that a terminal obeys, in JSON that is whole.
/// <code>u8 whether it is of `status` | lines</code>
/// </summary>
internal sealed class StatusTarget : FuzzTarget
{
    private const ulong Now = 1_700_000_000;

    public override IEnumerable<string> Words =>
    [
        "private_key=", "listen_port=", "fwmark=", "network=tcp\n", "network=vsock\n", "network=unix\n", "up=true\n", "mtu=",
        "superpackets=true\n", "version=", "instance=", "interface=", "netns=", "local_cid=", "listen_error=",
        "provision=nitro\n", "provision_port=", "awaited=", "public_key=", "preshared_key=", "endpoint=",
        "last_handshake_time_sec=",
        "last_handshake_time_nsec=", "tx_bytes=", "rx_bytes=", "persistent_keepalive_interval=", "allowed_ip=", "endpoint_name=",
        "session=true\n", "handshake_error=", "dropped_packets=", "queued_bytes=", "connection=", " accepted current ", "attest=",
        "attested_at=", "attested_module=", "attested_pcr=0:", "provisioned_at=", "errno=0\n\n", "errno=-2\n\n", Texts.PrivateHex,
        Texts.PublicHex, Texts.OtherPublicHex, "age=1 reconnects=0 rx=1 tx=2 queued=0", "10.0.0.0/8", "18446744073709551615",
    ];

    public override IEnumerable<byte[]> Seeds()
    {
        string plain = $"private_key={Texts.PrivateHex}\nlisten_port=1\nfwmark=2\n";
        string ofDevice = "network=tcp\nup=true\nmtu=1420\nsuperpackets=true\nversion=0.6.0\ninstance=ab\ninterface=wg0\n"
            + "netns=4\nprovision=nitro\nprovision_port=5\nawaited=vsock:16:1 no answer\nlisten_error=taken\nnot_authentic=5\n";
        string peer = $"public_key={Texts.PublicHex}\npreshared_key={Texts.PresharedHex}\nprotocol_version=1\n"
            + "endpoint=192.0.2.1:5\nlast_handshake_time_sec=1699999990\nlast_handshake_time_nsec=5\ntx_bytes=7\nrx_bytes=8\n"
            + "persistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\nallowed_ip=::/0\n";
        string ofPeer = "endpoint_name=a.example:5\nsuperpackets=true\nsession=true\nhandshake_error=none\n"
            + $"attest=vsock:16:1\nattested_at=1699999000\nattested_module=i-0\nattested_pcr=0:{Texts.PublicHex}\n"
            + "provisioned_at=1\ndropped_packets=1\nqueued_bytes=2\n"
            + "connection=192.0.2.1:5 dialled current age=1 reconnects=2 rx=3 tx=4 queued=5\n";
        yield return Latin1(0, $"{plain}{peer}errno=0\n\n");
        string other = peer.Replace(Texts.PublicHex, Texts.OtherPublicHex);
        yield return Latin1(1, $"{plain}{ofDevice}{peer}{ofPeer}{other}errno=0\n\n");
        yield return Latin1(1, $"network=vsock\nlocal_cid=3\n{peer.Replace("192.0.2.1", "vm(6)")}errno=0\n\n");
        yield return Latin1(0, "errno=-2\n\n");
        yield return Latin1(1, "errno=71\n\n");
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        bool isStatus = input.Length != 0 && (input[0] & 1) != 0;
        string text = Encoding.Latin1.GetString(input[Math.Min(input.Length, 1)..]);
        if (WrittenAgain(text, isStatus) is not { } written)
            return;
        Fact.Same(written, WrittenAgain(written, isStatus), "a status that is written, read and written");
        DeviceStatus status = Read(text, isStatus)!;
        CheckShown(status);
        status.WipeKeys();
    }

    /// <summary>The text of what was read; null if it is refused.</summary>
    public static string? WrittenAgain(string text, bool isStatus)
    {
        if (Read(text, isStatus) is not { } status)
            return null;
        using UapiWriter writer = new();
        writer.WriteStatus(status);
        string written = Encoding.Latin1.GetString(writer.Unsent);
        status.WipeKeys();
        return written;
    }

    private static byte[] Latin1(int isStatus, string text) => [(byte)isStatus, .. Encoding.Latin1.GetBytes(text)];

    /// <summary>As UapiExchange gives lines: each cut at its bound, up to the empty one.</summary>
    private static DeviceStatus? Read(string text, bool isStatus)
    {
        StatusReader reader = new("wg0", isStatus);
        try
        {
            foreach (string line in text.Split('\n').TakeWhile(line => line.Length != 0))
                reader.Take(Encoding.Latin1.GetBytes(line[..Math.Min(line.Length, UapiExchange.MaxLine)]));
            return reader.IsRefusedStatus ? null : reader.Finish();
        }
        catch (UapiException e)
        {
            Fact.Holds(e.Message.Length < 500, "what is wrong is said shortly");
            Texts.CheckShown(e.Message, "what is wrong with an answer");
            reader.Status.WipeKeys();
            return null;
        }
    }

    private static void CheckShown(DeviceStatus status)
    {
        using SecretText text = new();
        Action<ShowText, PeerStatus?>? more = status.Details is null ? null : new ShowLong(status, default).Write;
        new ShowText(text, default, Now).Write("wg0", status, more);
        Texts.CheckShown(Encoding.UTF8.GetString(text.Bytes), "what is shown");
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, ShowJson.Options))
        {
            json.WriteStartObject();
            ShowJson.Write(json, "wg0", status, showsSecrets: true);
            json.WriteEndObject();
        }

        using JsonDocument document = JsonDocument.Parse(stream.ToArray().AsMemory());
        foreach (string field in ShowFields.Names)
        {
            text.Clear();
            ShowFields.Write(text, field, status, "wg0");
            Texts.CheckShown(Encoding.UTF8.GetString(text.Bytes).Replace('\t', ' '), "a field that is shown");
        }
    }
}
