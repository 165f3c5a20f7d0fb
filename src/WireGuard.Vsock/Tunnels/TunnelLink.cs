using WireGuard.Vsock.Config;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Link;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// Gives the interface addresses, an MTU, routes and rules: what is asked for and missing is made, what an earlier call made and
/// is no longer asked for is deleted, and what others made stays. The state is saved before each step.
/// </summary>
internal sealed class TunnelLink
{
    private readonly RouteSocket _kernel;
    private readonly TunnelState _state;
    private readonly LinkState _link;

    /// <exception cref="SetupException">There is no such interface.</exception>
    public TunnelLink(RouteSocket kernel, TunnelState state)
    {
        _kernel = kernel;
        _state = state;
        Check(_kernel.Find(state.Name, out _link), $"cannot find the interface {state.Name}");
    }

    public int Index => _link.Index;

    public void SetAddresses(IReadOnlyList<InterfaceAddress> wanted)
    {
        List<InterfaceAddress> gone = [.. _state.Addresses.Except(wanted)];
        Remember(_state.Addresses, wanted);
        foreach (InterfaceAddress address in gone)
        {
            Delete(
                _kernel.Delete(new AddressMessage(address, _link.Index)),
                $"cannot take the address {address} from {_state.Name}");
        }

        // The kernel may delete others of the same network along with one.
        List<AddressMessage> present = [.. List<AddressMessage>(isIPv6: false), .. List<AddressMessage>(isIPv6: true)];
        foreach (AddressMessage address in wanted.Select(address => new AddressMessage(address, _link.Index)).Except(present))
            Check(_kernel.Add(address), $"cannot give {_state.Name} the address {address.Address}");
        Forget(_state.Addresses, gone);
    }

    public void SetMtu(int mtu)
    {
        if (mtu != _link.Mtu)
            Check(_kernel.SetMtu(_link.Index, mtu), $"cannot set the MTU of {_state.Name} to {mtu}");
    }

    public void SetUp() => Check(_kernel.SetUp(_link.Index, true), $"cannot bring {_state.Name} up");

    /// <summary>Makes the routes in their order, each default route followed by its rules.</summary>
    public void SetRoutes(IReadOnlyList<PlannedRoute> planned, InterfaceSettings settings)
    {
        List<RouteMessage> present = [.. List<RouteMessage>(isIPv6: false), .. List<RouteMessage>(isIPv6: true)];
        List<RouteMessage> inMain = [.. present.Where(route => route.Table == Libc.RT_TABLE_MAIN && !IsOurs(route))];
        List<PlannedRoute> wanted = [.. planned.Where(route => !route.IsCovered(inMain, settings.Table.Kind))];
        List<RuleMessage> rules = [.. wanted.Where(route => route.HasRules).SelectMany(RulesOf)];
        List<RouteMessage> routes = [.. wanted.Select(route => RouteMessage.To(route.Destination, link: 0, route.Table))];
        List<RouteMessage> goneRoutes = [.. _state.Routes.Except(routes)];
        List<RuleMessage> goneRules = [.. _state.Rules.Except(rules)], newRules = [.. rules.Except(_state.Rules)];
        Remember(_state.Routes, routes, saves: false);
        Remember(_state.Rules, rules);

        foreach (RuleMessage rule in goneRules)
            Delete(_kernel.DeleteExactly(rule), $"cannot delete the rule '{rule}'");
        foreach (RouteMessage route in goneRoutes)
            Delete(_kernel.Delete(route with { Interface = _link.Index }), $"cannot delete the route '{route}'");
        foreach (RouteMessage route in routes)
        {
            RouteMessage made = route with { Interface = _link.Index };
            if (!present.Contains(made))
                Check(_kernel.Add(made), $"cannot make the route '{route}' to {_state.Name}");
            if (route.Destination.Length > 0)
                continue;
            foreach (RuleMessage rule in newRules.Where(rule => rule.IsIPv6 == route.Destination.IsIPv6))
                Check(_kernel.Add(rule), $"cannot make the rule '{rule}'");
        }

        Forget(_state.Routes, goneRoutes, saves: false);
        Forget(_state.Rules, goneRules);
    }

    /// <exception cref="SetupException">A request has failed.</exception>
    private void Check(int result, string what)
    {
        if (result < 0)
            throw new SetupException($"{what}: {_kernel.Explain(result)}{Mend(result)}");
    }

    private static string Mend(int result) => result switch
    {
        -Errno.EPERM => ": run as root",
        -Errno.EACCES => ": is IPv6 switched off (sysctl disable_ipv6)?",
        _ when RouteSocket.IsUnsupported(result) => ": this kernel lacks it, as it may lack IPv6",
        _ => "",
    };

    /// <summary>What is gone already needs no deleting.</summary>
    private void Delete(int result, string what)
    {
        if (result is not (-Errno.ENOENT or -Errno.ESRCH or -Errno.EADDRNOTAVAIL))
            Check(result, what);
    }

    private bool IsOurs(RouteMessage route) => _state.Routes.Contains(route with { Interface = 0 });

    /// <summary>Those that were made before, or new ones.</summary>
    private IReadOnlyList<RuleMessage> RulesOf(PlannedRoute route)
    {
        bool isIPv6 = route.Destination.IsIPv6;
        List<RuleMessage> made = [.. _state.Rules.Where(rule => rule.IsIPv6 == isIPv6)];
        if (made.Exists(rule => rule.Table == route.Table))
            return made;
        return TunnelPlan.RulesOf(isIPv6, route.Table, List<RuleMessage>(isIPv6, link: 0));
    }

    private List<T> List<T>(bool isIPv6)
        where T : struct, IRouteMessage<T> => List<T>(isIPv6, _link.Index);

    /// <summary>Nothing where the kernel lacks the family.</summary>
    private List<T> List<T>(bool isIPv6, int link)
        where T : struct, IRouteMessage<T>
    {
        List<T> found = [];
        int result = _kernel.List(new RouteFilter(isIPv6, link), found);
        if (!RouteSocket.IsUnsupported(result))
            Check(result, "cannot read the kernel's addresses, routes and rules");
        return found;
    }

    private void Remember<T>(List<T> remembered, IReadOnlyList<T> wanted, bool saves = true)
    {
        remembered.AddRange(wanted.Except(remembered).ToList());
        if (saves)
            _state.Save();
    }

    private void Forget<T>(List<T> remembered, List<T> gone, bool saves = true)
    {
        _ = remembered.RemoveAll(gone.Contains);
        if (saves && gone.Count > 0)
            _state.Save();
    }
}
