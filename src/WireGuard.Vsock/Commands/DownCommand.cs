using WireGuard.Vsock.Config;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Vsock.Commands;

/// <summary>Takes a tunnel down.</summary>
internal static class DownCommand
{
    public static CommandPage Page => new("down", "Take a tunnel down that `up` has brought up", ["FILE|NAME"], Run)
    {
        Paragraphs =
        [
            "Runs PreDown, deletes the interface, and with it its addresses and routes, takes policy rules and DNS servers "
                + "back, and runs PostDown. The daemon ends by itself. Interfaces that `up` has not made are left alone.",
            "What another program has changed since stays as it is: /etc/resolv.conf is put back only if it still holds what "
                + "`up` wrote. Hooks are those that stand in the configuration file now; if it cannot be read, the rest is "
                + "done without them.",
            "A tunnel whose interface was deleted by hand, or whose daemon was killed, is taken down in the same way, but "
                + "without PreDown; what an `up` that was killed has left, without any hook.",
        ],
        Examples = [new HelpItem("wireguard-vsock down wg0", "Take the tunnel wg0 down.")],
    };

    private static int Run(IReadOnlyList<string> arguments)
    {
        TakeDown.Run(ConfigFile.NameOf(TunnelArguments.One(arguments)));
        return 0;
    }
}
