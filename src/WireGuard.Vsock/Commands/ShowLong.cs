using System.Globalization;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Commands;

/// <summary>What only our daemon tells of an interface and its peers, in the form of the lines of wg(8) before it.</summary>
internal sealed class ShowLong(DeviceStatus device, TextStyle style)
{
    /// <summary>Of the device if the peer is null.</summary>
    public void Write(ShowText text, PeerStatus? peer)
    {
        if (peer is { Details: { } ofPeer })
            WritePeer(text, ofPeer);
        else if (peer is null && device.Details is { } ofDevice)
            WriteDevice(text, ofDevice);
        else if (peer is null)
            text.Line("daemon", "another than wireguard-vsock, or an earlier one: it tells no more");
    }

    public static string UseOf(ConnectionUse use) => use switch
    {
        ConnectionUse.Current => "current",
        ConnectionUse.Used => "used",
        _ => "unused",
    };

    private static void WriteDevice(ShowText text, DeviceDetails details)
    {
        string cid = details.LocalCid is { } local ? $", this machine is CID {local}" : "";
        text.Line("network", details.Network.Word + cid);
        text.Line("link", details.IsUp ? "up" : "down: nothing is sent or received");
        if (details.ListenError is { } error)
            text.Line("not listening", error);
        text.Line("mtu", $"{details.Mtu}");
        text.Line("superpackets", details.Superpackets ? "on" : "off");
        text.Line("version", details.Version);
        if (details.UnlockedBytes != 0)
            text.Line("keys", $"{details.UnlockedBytes} bytes may be swapped out: raise RLIMIT_MEMLOCK (ulimit -l)");
        if (details.Sandbox is { } sandbox)
            text.Line("sandbox", sandbox);
        foreach (Counter counter in details.Counters)
        {
            if (DropWords.Of(counter.Name) is { } words)
                text.Line("dropped", $"{counter.Value} {words}");
        }
    }

    private void WritePeer(ShowText text, PeerDetails details)
    {
        if (details.Note is { } note)
            ShowNotes.WritePcrs(text, note);
        if (details.EndpointName is { } name)
            text.Line("endpoint name", name);
        text.Line("session", details.HasSession ? "yes" : "none");
        if (details.HandshakeError is { } error)
            text.Line("no handshake", error);
        if (details.HasSession)
            text.Line("superpackets", details.Superpackets ? "on" : "off");
        foreach (string connection in Aligned([.. details.Connections.Select(Columns)]))
            text.Line("connection", connection);
        if (details.QueuedBytes != 0)
            text.Line("queued", Quantity.Bytes((ulong)details.QueuedBytes, style));
        if (details.DroppedPackets != 0)
            text.Line("dropped", $"{details.DroppedPackets} packets to this peer");
    }

    private Column[] Columns(ConnectionStatus connection)
    {
        ulong age = (ulong)connection.AgeSeconds;
        return
        [
            new(connection.Address.ToString()),
            new(connection.IsDialed ? "dialled" : "accepted"),
            Styled(with => age == 0 ? "now" : Quantity.Time(age, with) + " ago"),
            new(Times(connection.Reconnects, "reconnect")),
            Styled(with => Quantity.Bytes((ulong)connection.RxBytes, with) + " received"),
            Styled(with => Quantity.Bytes((ulong)connection.TxBytes, with) + " sent"),
            Styled(with => Quantity.Bytes((ulong)connection.QueuedBytes, with) + " queued"),
            new(UseOf(connection.Use)),
        ];
    }

    private Column Styled(Func<TextStyle, string> text) => new(text(style), text(default).Length);

    private static string Times(int count, string noun) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {noun}{(count == 1 ? "" : "s")}");

    /// <summary>Each row as a line whose columns begin below those of the others.</summary>
    private static IEnumerable<string> Aligned(IReadOnlyList<Column[]> rows)
    {
        foreach (Column[] row in rows)
        {
            yield return string.Concat(row.Select((column, i) => i == row.Length - 1
                ? column.Text
                : column.Text + "," + new string(' ', rows.Max(other => other[i].Width) - column.Width + 1)));
        }
    }

    /// <summary>A text, and how many characters of it are seen.</summary>
    private readonly record struct Column(string Text, int Width)
    {
        public Column(string text)
            : this(text, text.Length)
        {
        }
    }
}
