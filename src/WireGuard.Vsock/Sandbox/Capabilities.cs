using System.Globalization;
using System.Numerics;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Sandbox;

/// <summary>
/// The capabilities that a process keeps (capabilities(7)):
/// <code>
/// CAP_NET_RAW            SO_MARK, since Linux 5.17
/// CAP_NET_ADMIN          SO_MARK before that; of the relay, buffers of datagrams above the system's limit
/// CAP_NET_BIND_SERVICE   ports below 1024
/// CAP_CHOWN              sockets in folders of other users, as of a virtual machine monitor with a user of its own,
/// CAP_DAC_OVERRIDE         which they must be able to use, and we theirs
/// </code>
/// CAP_NET_RAW is worth nothing with the filter, which has no raw sockets. With CAP_NET_ADMIN an attacker in the daemon
/// can change links, addresses and routes of its network namespace, by the netlink sockets that are open; the relay has none.
/// </summary>
internal static class Capabilities
{
    /// <summary>capability.h: CAP_LAST_CAP has been 40 since Linux 5.9; the kernel knows which there are.</summary>
    private const int Most = 64;

    private static readonly (int Number, string Name)[] s_names =
    [
        (CAP_CHOWN, "CAP_CHOWN"), (CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"), (CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE"),
        (CAP_NET_ADMIN, "CAP_NET_ADMIN"), (CAP_NET_RAW, "CAP_NET_RAW"),
    ];

    /// <summary>Of those that this thread has.</summary>
    public static ulong KeptFor(SandboxNeeds needs)
    {
        ulong kept = 0;
        // A container or a service may have been given the one and not the other.
        bool isRawEnough = KernelRelease.Current.IsAtLeast(5, 17) && (Sys.Capabilities() & (1UL << CAP_NET_RAW)) != 0;
        if (needs.ForcesBuffers || (needs.SetsMark && !isRawEnough))
            kept |= 1UL << CAP_NET_ADMIN;
        else if (needs.SetsMark)
            kept |= 1UL << CAP_NET_RAW;
        if (needs.BindsLowPorts)
            kept |= 1UL << CAP_NET_BIND_SERVICE;
        if (needs.EntersOthersFolders)
            kept |= (1UL << CAP_CHOWN) | (1UL << CAP_DAC_OVERRIDE);
        return kept & Sys.Capabilities();
    }

    /// <summary>Takes the others from this thread, from all of its sets, for good.</summary>
    /// <returns>
    /// 0, or a negated errno: -EPERM only where the filter of a container or of a service manager refuses it to all.
    /// </returns>
    public static int Keep(ulong kept)
    {
        // Before Linux 4.3 there are none. Without CAP_SETPCAP the bounding set stays: it only matters to programs that are
        // started, and no_new_privs has them gain nothing.
        _ = Sys.ProcessControl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
        for (int i = 0; i < Most; i++)
        {
            if ((kept & (1UL << i)) == 0)
                _ = Sys.ProcessControl(PR_CAPBSET_DROP, (nuint)i);
        }

        return Sys.SetCapabilities(kept, kept);
    }

    /// <summary>For people.</summary>
    public static string TextOf(ulong capabilities)
    {
        List<string> names = [];
        ulong others = capabilities;
        foreach ((int number, string name) in s_names)
        {
            if ((capabilities & (1UL << number)) != 0)
                names.Add(name);
            others &= ~(1UL << number);
        }

        if (others != 0)
            names.Add(string.Create(CultureInfo.InvariantCulture, $"and {BitOperations.PopCount(others)} others"));

        return names.Count == 0 ? "no capabilities" : string.Join(" ", names);
    }
}
