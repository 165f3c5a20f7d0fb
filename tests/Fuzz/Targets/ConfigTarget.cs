using WireGuard.Vsock.Config;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// A tunnel's configuration file: settings or mistakes, in order, each at a place in the text; none shows a key or a character
/// that a terminal obeys.
/// </summary>
internal sealed class ConfigTarget : FuzzTarget
{
    public override IEnumerable<string> Words =>
    [
        .. ConfigKeys.OfInterface.Concat(ConfigKeys.OfPeer).Select(key => $"{key} = "), "[Interface]\n", "[Peer]\n",
        Texts.PrivateKey, Texts.PublicKey, Texts.OtherPublicKey, Texts.PresharedKey, "generate", "off", "vsock", "tcp", "udp",
        "unix", "nitro", "first",
        "10.0.0.1/24", "fd00::1/64", "0.0.0.0/0", "vm(6):1", " to-host", "a.example:5", "%i", "vsock:16:1", "unix:/run/v.sock:5",
    ];

    public override IEnumerable<byte[]> Seeds()
    {
        string head = $"[Interface]\nPrivateKey = {Texts.PrivateKey}\n", peer = $"[Peer]\nPublicKey = {Texts.PublicKey}\n";
        string pcr = new('a', 96);
        yield return Texts.Bytes($"{head}ListenPort = 51820\nAddress = 10.0.0.1/24, fd00::1/64\nMTU = 1420\nDNS = 1.1.1.1, lan\n"
            + $"Table = off\nPostUp = ip link # more\nNetwork = udp\nFwMark = 0x7\n{peer}PresharedKey = {Texts.PresharedKey}\n"
            + "AllowedIPs = 10.0.0.2/32, ::/0\nEndpoint = a.example:5\nPersistentKeepalive = 25\n");
        yield return Texts.Bytes($"{head}Network = vsock\nProvision = nitro\nProvisionFrom = {Texts.PublicKey}\n");
        yield return Texts.Bytes($"{head}Network = vsock\n[Peer]\nAttest = vsock:16:1\nPCR0 = {pcr}\nAllowedIPs = 10.0.0.2/32\n");
        yield return Texts.Bytes($"[Interface]\nPrivateKey = generate\nNetwork = unix\n{peer}Endpoint = unix:/run/v.sock:5\n");
        yield return Texts.Bytes($"\uFEFF# c\n[interface]\r\nPrivateKeyFile = /k\r\nSaveConfig = true\r\nX = 1\r\n{peer}{peer}");
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        string text = Texts.Of(input);
        using ConfigResult result = ConfigReader.Read(text, Texts.InterfaceIndex);
        Fact.Same(result.Settings is null, result.Diagnostics.Any(found => !found.IsWarning), "whether there is a mistake");
        CheckDiagnostics(text, result.Diagnostics);
        foreach (KeyMention key in result.Keys)
            CheckPlace(text.Split('\n'), key.Place);
    }

    /// <summary>In order, each within the text, and none with a key in it.</summary>
    internal static void CheckDiagnostics(string text, IEnumerable<Diagnostic> diagnostics)
    {
        string[] lines = text.Split('\n');
        Place last = default;
        foreach (Diagnostic found in diagnostics)
        {
            CheckPlace(lines, found.Place);
            int order = (found.Place.Line, found.Place.Column).CompareTo((last.Line, last.Column));
            Fact.Holds(order >= 0, "what is wrong is said in order");
            last = found.Place;
            string said = found.ToText("f");
            Texts.CheckHidesKeys(said);
            Fact.Holds(!said.Contains('\n', StringComparison.Ordinal), "what is wrong is one line");
            Texts.CheckShown(said, "what is wrong");
        }
    }

    private static void CheckPlace(string[] lines, Place place)
    {
        Fact.Holds(place.Line >= 1 && place.Line <= lines.Length, "a line is one of the text");
        Fact.Holds(place.Column >= 1 && place.Column <= lines[place.Line - 1].Length + 1, "a column is one of its line");
    }
}
