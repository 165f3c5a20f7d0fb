using System.Text;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// DNS servers and search domains: given to resolvconf(8) where there is one, as wg-quick does, else written to /etc/resolv.conf.
/// </summary>
internal static class Dns
{
    private const string Resolvconf = "resolvconf";

    /// <exception cref="SetupException">It failed.</exception>
    public static void Set(InterfaceSettings settings, TunnelState state)
    {
        if (settings.DnsServers.Count == 0)
            return; // search domains alone do nothing, as with wg-quick
        if (ProgramPath.TryFind(Resolvconf) is not { } resolvconf)
        {
            state.HasResolvConf = true;
            state.Save();
            ResolvConf.Set(state.Name, Encoding.UTF8.GetBytes($"""
                # By wireguard-vsock up, for {state.Name}; wireguard-vsock down {state.Name} puts back what was here.
                {LinesOf(WithoutRoutingDomains(settings))}
                """));
            return;
        }

        _ = Sys.ReadFile("/etc/resolvconf/interface-order", out byte[] order);
        state.ResolvconfName = PrefixIn(Encoding.UTF8.GetString(order)) + state.Name;
        state.Save();
        string[] arguments = ["-a", state.ResolvconfName, "-m", "0", "-x"];
        int code = Programs.RunResolvconf(resolvconf, arguments, Encoding.UTF8.GetBytes(LinesOf(settings)));
        if (code != 0)
            throw new SetupException($"resolvconf ended with code {code}");
    }

    /// <summary>Takes them back. What cannot be done is said.</summary>
    public static void Unset(TunnelState state)
    {
        if (state.ResolvconfName is { } name)
        {
            if (ProgramPath.TryFind(Resolvconf) is not { } resolvconf)
                Say.Error($"resolvconf is gone: {state.Name}'s DNS servers may still be in use");
            else if (Programs.RunResolvconf(resolvconf, ["-d", name, "-f"], input: null) is var code and not 0)
                Say.Error($"resolvconf ended with code {code}: {state.Name}'s DNS servers may still be in use");
        }

        if (state.HasResolvConf && ResolvConf.Restore(state.Name) == ResolvConfFate.NotOurs)
            Say.Error("/etc/resolv.conf was changed since, and stays as it is");
    }

    /// <summary>Which names go to which server (~DOMAIN, systemd-resolved's) is nothing that resolv.conf can say.</summary>
    internal static InterfaceSettings WithoutRoutingDomains(InterfaceSettings settings)
    {
        string[] left = [.. settings.SearchDomains.Where(domain => domain.StartsWith('~'))];
        if (left.Length > 0)
            Say.Error($"without resolvconf, {string.Join(' ', left)} does nothing: /etc/resolv.conf has no routing domains");
        return settings with { SearchDomains = [.. settings.SearchDomains.Except(left)] };
    }

    /// <summary>As <see cref="Unset"/>, of a tunnel that stays up.</summary>
    /// <exception cref="SetupException">The state cannot be written.</exception>
    public static void TakeBack(TunnelState state)
    {
        Unset(state);
        (state.ResolvconfName, state.HasResolvConf) = (null, false);
        state.Save();
    }

    /// <summary>As resolv.conf(5) has them.</summary>
    internal static string LinesOf(InterfaceSettings settings)
    {
        var lines = new StringBuilder();
        foreach (string server in settings.DnsServers)
            lines.Append("nameserver ").Append(server).Append('\n');
        if (settings.SearchDomains.Count > 0)
            lines.Append("search ").AppendJoin(' ', settings.SearchDomains).Append('\n');
        return lines.ToString();
    }

    /// <summary>
    /// What Debian's resolvconf wants before an interface's name, so that it comes first: the first PREFIX* of letters, digits
    /// and '-' in its interface-order, followed by a dot.
    /// </summary>
    internal static string PrefixIn(string interfaceOrder)
    {
        foreach (string line in interfaceOrder.Split('\n').Select(line => line.Trim(' ', '\t')))
        {
            if (line.Length > 1 && line[^1] == '*' && line[..^1].All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))
                return line[..^1] + ".";
        }

        return "";
    }
}
