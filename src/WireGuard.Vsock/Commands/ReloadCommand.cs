using WireGuard.Vsock.Config;
using WireGuard.Vsock.Processes;

namespace WireGuard.Vsock.Commands;

/// <summary>Has a tunnel take up what has changed in its configuration file.</summary>
internal static class ReloadCommand
{
    public static CommandPage Page => new("reload", "Have a tunnel take up changes of its file", ["FILE|NAME"], Run)
    {
        Paragraphs =
        [
            "Sets what differs: keys, peers, addresses, MTU and routes. Sessions with peers that did not change go on, and a "
                + "key that was generated stays. No hook is run. The file is the one that up has read; of FILE only the name "
                + "counts.",
            "SIGHUP to an up that stays does the same, unless it runs a COMMAND, which gets it; but one in the background has "
                + "nowhere to say what is wrong with the file: reload says it. A daemon that up has left alone only logs that "
                + "reload is the way.",
            "A ListenPort or FwMark that was taken out of the file is reset, as by wg syncconf: to any free port, and to no "
                + "mark. A port that the file never named stays, and so does a private key that was taken out.",
            "Network, Streams, Superpackets, DNS, SocketGroup, SocketMode and Metrics are taken up by down and up only.",
        ],
        Examples = [new HelpItem("wireguard-vsock reload wg0", "Take up what was written into wg0's file.")],
    };

    /// <summary>Reloads the tunnel of that name.</summary>
    public static void Reload(string name) =>
        Tunnels.Reload.Run(name, TunnelFile.Read, key => TunnelFile.SayGenerated(key, output: 1));

    /// <summary>SIGHUP was received by the process of a tunnel: whatever is wrong is said, and ends nothing.</summary>
    /// <param name="file">The tunnel's configuration file.</param>
    public static void OnHangup(string file)
    {
        bool isTold = ServiceNotify.Reloading();
        try
        {
            Reload(ConfigFile.NameOf(file));
        }
        catch (Exception e)
        {
            Say.Error($"reload: {e.Message}");
        }

        if (isTold)
            ServiceNotify.Ready();
    }

    private static int Run(IReadOnlyList<string> arguments)
    {
        Reload(ConfigFile.NameOf(TunnelArguments.One(arguments)));
        return 0;
    }
}
