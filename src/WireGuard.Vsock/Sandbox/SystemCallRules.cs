using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.SystemCall;
using static WireGuard.Vsock.Sandbox.SystemCallAnswer;

namespace WireGuard.Vsock.Sandbox;

/// <summary>
/// Which system calls each process of ours may make once it runs. What stands in no rule ends the process. What the C library
/// may ask for and can do without is refused.
/// </summary>
internal static class SystemCallRules
{
    /// <summary>
    /// Of pthread_create(3): CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, PARENT_SETTID and CHILD_CLEARTID.
    /// </summary>
    private const uint CloneOfThread = 0x003d0f00;

    private const uint CLONE_THREAD = 0x00010000;
    private const uint PROT_EXEC = 4;

    /// <summary>__O_TMPFILE, the same on both architectures; and those bits of open(2) that write or make.</summary>
    private const uint OpensForWriting = 3 | Libc.O_CREAT | Libc.O_TRUNC | 0x400000;

    /// <summary>On x86-64 and arm64: uapi/asm-generic/ioctls.h.</summary>
    private const uint TCGETS = 0x5401, FIONREAD = 0x541b;

    private const uint TypeMask = 0xf; // of socket(2): the rest are flags

    private static readonly int[] s_familiesOfIP = [Libc.AF_INET, Libc.AF_INET6];

    private static readonly SystemCall[] s_everyProcess =
    [
        // Bytes to and from what is open: sockets, the interface, the log, files.
        read, write, readv, writev, pread64, lseek, close, fstat, newfstatat, statx,
        // Waiting for them.
        poll, ppoll, epoll_wait, epoll_pwait, epoll_ctl, epoll_create1, eventfd2,
        // Memory of the collector, of malloc(3), of stacks, and pages for keys.
        mremap, munmap, madvise, brk, mlock, munlock, mlock2, membarrier,
        // Threads and their locks; the collector stops them by signals.
        futex, sched_yield, sched_getaffinity, set_robust_list, rseq, gettid, exit, exit_group, getcpu,
        rt_sigaction, rt_sigprocmask, rt_sigreturn, sigaltstack, restart_syscall,
        // Time, mostly without a call; randomness.
        clock_gettime, clock_getres, gettimeofday, time, nanosleep, clock_nanosleep, getrandom,
        // What this process and this machine are.
        getpid, getppid, getuid, geteuid, getgid, getegid, uname, sysinfo, getrusage, getrlimit,
        // Paths are looked up, never changed.
        access, faccessat, faccessat2, readlink, readlinkat,
        // The ends of connections. Of what they are told, setsockopt(2) has a rule.
        connect, getsockname, getpeername, sendto, recvfrom, sendmsg, recvmsg, sendmmsg, recvmmsg, shutdown, getsockopt,
    ];

    private static readonly SystemCall[] s_listening = [bind, listen, accept4];

    /// <summary>Our own sockets in the file system go with us.</summary>
    private static readonly SystemCall[] s_removing = [unlink, unlinkat];

    /// <summary>Those of guests are made with a mode and an owner.</summary>
    private static readonly SystemCall[] s_socketFiles = [umask, fchownat];

    /// <summary>Options of sockets, by their level.</summary>
    private static readonly (int Level, int[] Names)[] s_options =
    [
        // Buffers, and the firewall's mark; a port shared among lanes, or with a connection that has ended.
        (Libc.SOL_SOCKET, [Libc.SO_SNDBUF, Libc.SO_RCVBUF, Libc.SO_MARK]),
        (Libc.SOL_SOCKET, [Libc.SO_REUSEADDR, Libc.SO_REUSEPORT]),
        // Connections that end when the other end is gone.
        (Libc.SOL_SOCKET, [Libc.SO_KEEPALIVE]),
        (Libc.IPPROTO_TCP, [Libc.TCP_NODELAY, Libc.TCP_NOTSENT_LOWAT, Libc.TCP_USER_TIMEOUT]),
        (Libc.IPPROTO_TCP, [Libc.TCP_KEEPIDLE, Libc.TCP_KEEPINTVL, Libc.TCP_KEEPCNT]),
        // What datagrams tell of their way, and trains of them.
        (Libc.IPPROTO_IP, [Libc.IP_PKTINFO, Libc.IP_MTU_DISCOVER, Libc.IP_RECVTOS]),
        (Libc.IPPROTO_IPV6, [Libc.IPV6_V6ONLY, Libc.IPV6_RECVPKTINFO, Libc.IPV6_RECVTCLASS]),
        (Libc.IPPROTO_UDP, [Libc.UDP_GRO]),
        // The resolver wants to hear of servers that cannot be reached, and fails without.
        (Libc.IPPROTO_IP, [Libc.IP_RECVERR]),
        (Libc.IPPROTO_IPV6, [Libc.IPV6_RECVERR]),
        (Libc.AF_VSOCK, [Libc.SO_VM_SOCKETS_BUFFER_SIZE, Libc.SO_VM_SOCKETS_BUFFER_MAX_SIZE]),
    ];

    /// <summary>Buffers above the system's limit.</summary>
    private static readonly (int Level, int[] Names) s_forced = (Libc.SOL_SOCKET, [Libc.SO_SNDBUFFORCE, Libc.SO_RCVBUFFORCE]);

    /// <param name="needs">What the process does.</param>
    /// <param name="process">Its id: it may send signals to itself.</param>
    public static IReadOnlyList<SystemCallRule> Of(SandboxNeeds needs, int process)
    {
        List<SystemCallRule> rules = [];
        (int Level, int[] Names)[] options = needs.ForcesBuffers ? [.. s_options, s_forced] : s_options;
        Allow(rules, s_everyProcess);
        if (needs.Role != SandboxRole.Attest)
            Allow(rules, s_listening);
        if (needs.SocketFolders.Count != 0)
            Allow(rules, s_removing);
        if (needs.Families.Contains(Libc.AF_UNIX))
            Allow(rules, s_socketFiles);
        rules.AddRange(
        [
            // No memory is executable but what was loaded; a library that is asked for later is refused.
            new(mmap, NotPermitted, new SystemCallClause(SystemCallAnswer.Allow, new ArgumentCondition(2, 0, PROT_EXEC))),
            new(mprotect, Kill, new SystemCallClause(SystemCallAnswer.Allow, new ArgumentCondition(2, 0, PROT_EXEC))),
            // No process but this one, whose threads are made as the C library does where there is no clone3(2).
            new(clone, Kill, new SystemCallClause(
                SystemCallAnswer.Allow, new(0, 0, ~CloneOfThread), new(0, CLONE_THREAD, CLONE_THREAD))),
            new(clone3, NoSuchCall),
            new(kill, Kill, One(0, (uint)process)),
            new(tgkill, Kill, One(0, (uint)process)),
            new(openat, Kill, new SystemCallClause(SystemCallAnswer.Allow, new ArgumentCondition(2, 0, OpensForWriting))),
            new(prctl, Kill, One(0, Libc.PR_SET_NAME), One(0, Libc.PR_SET_VMA)),
            // It is read, and not set.
            new(prlimit64, NotPermitted, new SystemCallClause(SystemCallAnswer.Allow, new(2, 0), new(2, 0, IsHigh: true))),
            new(fcntl, Kill, One(1, Libc.F_GETFD), One(1, Libc.F_SETFD), One(1, Libc.F_GETFL), One(1, Libc.F_SETFL)),
            new(ioctl, Kill, [.. Ioctls(needs).Select(request => One(1, request))]),
            new(socket, Kill, [.. Sockets(needs)]),
            // A C library may try others that it can do without.
            new(setsockopt, NotPermitted, [.. options.SelectMany(level => level.Names.Select(name => new SystemCallClause(
                SystemCallAnswer.Allow, new(1, (uint)level.Level), new(2, (uint)name))))]),
            // Where memory lies, asked for on large machines.
            new(mbind, NotPermitted),
        ]);
        return rules;
    }

    /// <summary>
    /// Unix and netlink sockets would lead to what other programs serve, and to routes: without them the resolver asks no daemon
    /// for names, and sorts addresses by less.
    /// </summary>
    private static IEnumerable<SystemCallClause> Sockets(SandboxNeeds needs)
    {
        foreach (int family in needs.Families)
        {
            ArgumentCondition itself = new(0, (uint)family), plain = new(2, 0);
            yield return new SystemCallClause(SystemCallAnswer.Allow, itself, new(1, Libc.SOCK_STREAM, TypeMask), plain);
            if (family is Libc.AF_INET or Libc.AF_INET6)
                yield return new SystemCallClause(SystemCallAnswer.Allow, itself, new(1, Libc.SOCK_DGRAM, TypeMask), plain);
        }

        // Of datagrams, where streams are allowed: if_nametoindex(3) asks for them first, and then for those of IP, also where no
        // network is IP: for the scope of an address in a file that is read again.
        yield return new SystemCallClause(NoSuchFamily, new ArgumentCondition(0, Libc.AF_UNIX));
        yield return new SystemCallClause(NoSuchFamily, new ArgumentCondition(0, Libc.AF_NETLINK));
        foreach (int family in s_familiesOfIP.Except(needs.Families))
            yield return new SystemCallClause(NoSuchFamily, new ArgumentCondition(0, (uint)family));
    }

    private static IEnumerable<uint> Ioctls(SandboxNeeds needs) =>
    [
        TCGETS, FIONREAD, Libc.SIOCGIFNAME, Libc.SIOCGIFINDEX,
        .. needs.Role == SandboxRole.Daemon
            ? [Libc.TUNGETIFF, Libc.SIOCUNIXFILE, (uint)Libc.IOCTL_VM_SOCKETS_GET_LOCAL_CID]
            : needs.Role == SandboxRole.Relay ? (uint[])[Libc.SIOCUNIXFILE] : [],
        .. needs.Ioctls,
    ];

    private static void Allow(List<SystemCallRule> rules, SystemCall[] calls)
    {
        foreach (SystemCall call in calls)
            rules.Add(new SystemCallRule(call, SystemCallAnswer.Allow));
    }

    private static SystemCallClause One(int argument, uint value) =>
        new(SystemCallAnswer.Allow, new ArgumentCondition(argument, value));
}
