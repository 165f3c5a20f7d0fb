using System.Buffers.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// Interfaces as JSON: an object by interface, each with an object of its peers by public key. Fields are those of
/// contrib/json/wg-json of wireguard-tools, then ours; what is zero or none is left out. Keys are base64.
/// </summary>
internal static class ShowJson
{
    internal static readonly JsonWriterOptions Options = new()
    {
        Indented = true,
        IndentCharacter = '\t',
        IndentSize = 1,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // not for HTML: '+' of base64 stays
    };

    /// <param name="name">The interface; null for all that answer.</param>
    public static int Run(string? name, bool showsSecrets)
    {
        using SecretText text = new();
        using Utf8JsonWriter json = new(text, Options);
        json.WriteStartObject();
        IReadOnlyList<string> names = name is null ? [] : [name];
        int code = WgCommand.Try("Unable to list interfaces", () => names = name is null ? UapiClient.Interfaces() : names);
        bool hasShown = false;
        foreach (string one in names)
        {
            string failure = name is null ? $"Unable to access interface {one}" : "Unable to access interface";
            hasShown |= WgCommand.Try(failure, () =>
            {
                using UapiClient client = UapiClient.Connect(one);
                Write(json, one, WgCommand.StatusOf(client), showsSecrets);
            }) == 0;
        }

        json.WriteEndObject();
        json.Flush();
        if (code != 0 || (names.Count != 0 && !hasShown))
            return 1;
        Say.Write(1, text.Append("\n").Bytes);
        return 0;
    }

    internal static void Write(Utf8JsonWriter json, string name, DeviceStatus device, bool showsSecrets)
    {
        json.WriteStartObject(name);
        if (showsSecrets)
            WriteKey(json, "privateKey", device.PrivateKey is null ? default : device.PrivateKey.Bytes);
        WriteKey(json, "publicKey", device.PrivateKey is null ? default : device.PrivateKey.PublicKey.Bytes);
        WriteNumber(json, "listenPort", device.ListenPort);
        WriteNumber(json, "fwmark", device.FirewallMark);
        if (device.Details is { } details)
            WriteDetails(json, details);
        json.WriteStartObject("peers");
        foreach (PeerStatus peer in device.Peers)
        {
            json.WriteStartObject(Text(peer.PublicKey));
            WritePeer(json, peer, showsSecrets);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WritePeer(Utf8JsonWriter json, PeerStatus peer, bool showsSecrets)
    {
        if (showsSecrets && peer.PresharedKey is { IsZero: false } presharedKey)
            WriteKey(json, "presharedKey", presharedKey.Bytes);
        WriteText(json, "endpoint", EndpointText.Of(peer));
        WriteNumber(json, "latestHandshake", peer.LastHandshakeSeconds);
        WriteNumber(json, "transferRx", peer.RxBytes);
        WriteNumber(json, "transferTx", peer.TxBytes);
        WriteNumber(json, "persistentKeepalive", peer.PersistentKeepalive);
        json.WriteStartArray("allowedIps");
        foreach (IpPrefix prefix in peer.AllowedIps)
            json.WriteStringValue($"{ShowText.Address(prefix)}/{prefix.Length}");
        json.WriteEndArray();
        if (peer.Details is { } details)
            WriteDetails(json, details);
    }

    private static void WriteDetails(Utf8JsonWriter json, DeviceDetails device)
    {
        json.WriteString("network", device.Network.Word);
        json.WriteBoolean("up", device.IsUp);
        json.WriteNumber("mtu", device.Mtu);
        json.WriteBoolean("superpackets", device.Superpackets);
        json.WriteString("version", device.Version);
        WriteText(json, "sandbox", device.Sandbox);
        if (device.LocalCid is { } cid)
            json.WriteNumber("localCid", cid);
        WriteText(json, "listenError", device.ListenError);
        if (device.UnlockedBytes != 0)
            json.WriteNumber("unlockedBytes", device.UnlockedBytes);
        ShowNotes.Write(json, device.Notes);
        json.WriteStartObject("counters");
        foreach (Counter counter in device.Counters)
            json.WriteNumber(counter.Name, counter.Value);
        json.WriteEndObject();
    }

    private static void WriteDetails(Utf8JsonWriter json, PeerDetails peer)
    {
        WriteText(json, "endpointName", peer.EndpointName);
        json.WriteBoolean("session", peer.HasSession);
        json.WriteBoolean("superpackets", peer.Superpackets);
        WriteText(json, "handshakeError", peer.HandshakeError);
        if (peer.Note is { } note)
            ShowNotes.Write(json, note);
        WriteNumber(json, "droppedPackets", (ulong)peer.DroppedPackets);
        WriteNumber(json, "queuedBytes", (ulong)peer.QueuedBytes);
        json.WriteStartArray("connections");
        foreach (ConnectionStatus connection in peer.Connections)
        {
            json.WriteStartObject();
            json.WriteString("address", connection.Address.ToString());
            json.WriteBoolean("dialled", connection.IsDialed);
            json.WriteString("use", ShowLong.UseOf(connection.Use));
            json.WriteNumber("age", connection.AgeSeconds);
            WriteNumber(json, "reconnects", (ulong)connection.Reconnects);
            WriteNumber(json, "rx", (ulong)connection.RxBytes);
            WriteNumber(json, "tx", (ulong)connection.TxBytes);
            WriteNumber(json, "queuedBytes", (ulong)connection.QueuedBytes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, ulong value)
    {
        if (value != 0)
            json.WriteNumber(name, value);
    }

    private static void WriteText(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
            json.WriteString(name, value);
    }

    /// <summary>Without a string of the key on the heap.</summary>
    private static void WriteKey(Utf8JsonWriter json, string name, ReadOnlySpan<byte> key)
    {
        if (!key.IsEmpty)
            json.WriteBase64String(name, key);
    }

    private static ReadOnlySpan<byte> Text(PublicKey key)
    {
        byte[] text = new byte[Base64.GetMaxEncodedToUtf8Length(PublicKey.Size)];
        Base64.EncodeToUtf8(key.Bytes, text, out _, out _);
        return text;
    }
}
