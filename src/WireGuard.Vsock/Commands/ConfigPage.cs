using WireGuard.Vsock.Config;

namespace WireGuard.Vsock.Commands;

/// <summary>Help on configuration files: the man page wireguard-vsock.conf(5), and <c>help conf</c>.</summary>
internal static class ConfigPage
{
    private const string Name = $"{Say.ProgramName}.conf";

    private static readonly HelpItem[] s_files =
    [
        new("/etc/wireguard/NAME.conf", "What up NAME and check NAME mean. down and reload take the file that up "
            + "has read."),
        new("/etc/wireguard-vsock/NAME.conf", "The same, if the first is not there."),
    ];

    public static IEnumerable<HelpBlock> Blocks =>
    [
        new HelpBlock.Heading("Name"),
        new HelpBlock.Paragraph($"{Name} - configuration of a tunnel or a relay"),
        new HelpBlock.Heading("Description"),
        new HelpBlock.Paragraph(
            $"{Say.ProgramName} up brings a tunnel up from a file of this form, which is wg-quick's with a few keys more. The "
            + "interface is called as the file without its .conf: up to 15 of a-z, A-Z, 0-9 and _=+.-"),
        new HelpBlock.Paragraph(
            "There is one section [Interface], and a section [Peer] for each peer. A line is a key, = and its value; the case of "
            + "letters in keys does not matter, and the rest of a line after # is a comment. A user who can read the file knows "
            + "its keys: let it be root's alone (chmod 600). check tells all that is wrong with a file, and changes nothing."),
        .. HelpBlock.Items("[Interface]", ItemsOf(KeyMeaning.OfInterface)),
        .. HelpBlock.Items("[Peer]", ItemsOf(KeyMeaning.OfPeer)),
        new HelpBlock.Heading("A relay's file"),
        new HelpBlock.Paragraph(
            $"{Say.ProgramName} relay FILE reads a file of the same form, under any name, with sections of its own: a [Relay] "
            + "for each rule, and one [General] for all of them, which may be left out. It holds no secrets."),
        .. HelpBlock.Items("[Relay]", ItemsOf(KeyMeaning.OfRelay)),
        .. HelpBlock.Items("[General]", ItemsOf(KeyMeaning.OfGeneral)),
        .. HelpBlock.Items("Files", s_files),
        new HelpBlock.Heading("Examples"),
        new HelpBlock.Paragraph("An enclave that makes a new key at each start and calls its host, which is CID 3 to it:"),
        .. Lines(
            "[Interface]", "PrivateKey = generate", "Address = 203.0.113.2/24", "", "[Peer]",
            "PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", "AllowedIPs = 203.0.113.1/32", "Endpoint = 3:8172"),
        new HelpBlock.Paragraph(
            "An image that serves any number of enclaves: each makes its key at boot, and gets its address and its peer from a "
            + "verifier with this key:"),
        .. Lines(
            "[Interface]", "PrivateKey = generate", "ListenPort = 51820", "Provision = nitro",
            "ProvisionFrom = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="),
        new HelpBlock.Paragraph("That verifier, which knows one of these enclaves by what it runs:"),
        .. Lines(
            "[Interface]", "PrivateKeyFile = wg0.key", "Address = 203.0.113.1/24", "", "[Peer]", "Attest = vsock:16:51821",
            "PCR0 = 3f1c52a19d0e4b7788c1f02e6a9d3b5c3f1c52a19d0e4b7788c1f02e6a9d3b5c3f1c52a19d0e4b7788c1f02e6a9d3b5c",
            "AllowedIPs = 203.0.113.2/32"),
        new HelpBlock.Paragraph("A host's relay, by which the world reaches two enclaves, and they reach a server:"),
        .. Lines(
            "[Relay]", "Listen = udp:51820", "Peer = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg==vsock:16:51820",
            "Peer = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0==vsock:17:51820", "", "[Relay]", "Listen = vsock:51820",
            "To = udp:vpn.example.org:51820"),
        new HelpBlock.Heading("See also"),
        new HelpBlock.Paragraph($"{Say.ProgramName}(8), wg(8), wg-quick(8)"),
    ];

    public static string ManPage => Roff.Of(Name, 5, "File Formats", Blocks);

    private static IEnumerable<HelpItem> ItemsOf(IEnumerable<KeyMeaning> keys) =>
        keys.Select(key => new HelpItem($"{key.Key} = {key.Value}", key.Meaning));

    private static IEnumerable<HelpBlock> Lines(params string[] lines) => lines.Select(line => new HelpBlock.Line(line));
}
