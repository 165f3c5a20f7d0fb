using System.Runtime.InteropServices;

namespace WireGuard.Vsock.Interop;

/// <summary>
/// System calls and their numbers: x86-64's (arch/x86/entry/syscalls/syscall_64.tbl) in the upper half, arm64's
/// (include/uapi/asm-generic/unistd.h) in the lower.
/// </summary>
internal enum SystemCall : uint
{
    /// <summary>In place of a number: the architecture has no such call.</summary>
    None = 0xffff,

    read = (0 << 16) | 63,
    write = (1 << 16) | 64,
    readv = (19 << 16) | 65,
    writev = (20 << 16) | 66,
    pread64 = (17 << 16) | 67,
    close = (3 << 16) | 57,
    fstat = (5 << 16) | 80,
    newfstatat = (262 << 16) | 79,
    statx = (332 << 16) | 291,
    lseek = (8 << 16) | 62,
    mmap = (9 << 16) | 222,
    mprotect = (10 << 16) | 226,
    munmap = (11 << 16) | 215,
    mremap = (25 << 16) | 216,
    madvise = (28 << 16) | 233,
    brk = (12 << 16) | 214,
    mlock = (149 << 16) | 228,
    munlock = (150 << 16) | 229,
    mlock2 = (325 << 16) | 284,
    membarrier = (324 << 16) | 283,
    rt_sigaction = (13 << 16) | 134,
    rt_sigprocmask = (14 << 16) | 135,
    rt_sigreturn = (15 << 16) | 139,
    sigaltstack = (131 << 16) | 132,
    restart_syscall = (219 << 16) | 128,
    ioctl = (16 << 16) | 29,
    fcntl = (72 << 16) | 25,
    poll = (7 << 16) | None,
    ppoll = (271 << 16) | 73,
    epoll_wait = (232 << 16) | None,
    epoll_pwait = (281 << 16) | 22,
    epoll_ctl = (233 << 16) | 21,
    epoll_create1 = (291 << 16) | 20,
    eventfd2 = (290 << 16) | 19,
    sched_yield = (24 << 16) | 124,
    sched_getaffinity = (204 << 16) | 123,
    nanosleep = (35 << 16) | 101,
    clock_nanosleep = (230 << 16) | 115,
    clock_gettime = (228 << 16) | 113,
    clock_getres = (229 << 16) | 114,
    gettimeofday = (96 << 16) | 169,
    getpid = (39 << 16) | 172,
    gettid = (186 << 16) | 178,
    getppid = (110 << 16) | 173,
    getuid = (102 << 16) | 174,
    geteuid = (107 << 16) | 175,
    getgid = (104 << 16) | 176,
    getegid = (108 << 16) | 177,
    uname = (63 << 16) | 160,
    sysinfo = (99 << 16) | 179,
    getrusage = (98 << 16) | 165,
    getrlimit = (97 << 16) | 163,
    prlimit64 = (302 << 16) | 261,
    getcpu = (309 << 16) | 168,
    getrandom = (318 << 16) | 278,
    futex = (202 << 16) | 98,
    set_robust_list = (273 << 16) | 99,
    rseq = (334 << 16) | 293,
    exit = (60 << 16) | 93,
    exit_group = (231 << 16) | 94,
    tgkill = (234 << 16) | 131,
    kill = (62 << 16) | 129,
    clone = (56 << 16) | 220,
    clone3 = (435 << 16) | 435,
    prctl = (157 << 16) | 167,
    socket = (41 << 16) | 198,
    bind = (49 << 16) | 200,
    listen = (50 << 16) | 201,
    accept4 = (288 << 16) | 242,
    connect = (42 << 16) | 203,
    getsockname = (51 << 16) | 204,
    getpeername = (52 << 16) | 205,
    sendto = (44 << 16) | 206,
    recvfrom = (45 << 16) | 207,
    sendmsg = (46 << 16) | 211,
    recvmsg = (47 << 16) | 212,
    sendmmsg = (307 << 16) | 269,
    recvmmsg = (299 << 16) | 243,
    shutdown = (48 << 16) | 210,
    setsockopt = (54 << 16) | 208,
    getsockopt = (55 << 16) | 209,
    openat = (257 << 16) | 56,
    unlink = (87 << 16) | None,
    unlinkat = (263 << 16) | 35,
    readlink = (89 << 16) | None,
    readlinkat = (267 << 16) | 78,
    access = (21 << 16) | None,
    faccessat = (269 << 16) | 48,
    faccessat2 = (439 << 16) | 439,
    umask = (95 << 16) | 166,
    fchownat = (260 << 16) | 54,
    execve = (59 << 16) | 221,
    execveat = (322 << 16) | 281,
    ptrace = (101 << 16) | 117,
    mount = (165 << 16) | 40,
    setns = (308 << 16) | 268,
    unshare = (272 << 16) | 97,
    seccomp = (317 << 16) | 277,
    landlock_create_ruleset = (444 << 16) | 444,
    landlock_add_rule = (445 << 16) | 445,
    landlock_restrict_self = (446 << 16) | 446,
    mbind = (237 << 16) | 235,
    dup = (32 << 16) | 23,
    dup3 = (292 << 16) | 24,
    pipe2 = (293 << 16) | 59,
    time = (201 << 16) | None,
}

internal static class SystemCalls
{
    extension(SystemCall call)
    {
        /// <summary>Its number; -1 where there is no such call.</summary>
        internal int NumberOn(Architecture architecture)
        {
            uint number = architecture == Architecture.Arm64 ? (uint)call & 0xffff : (uint)call >> 16;
            return number == (uint)SystemCall.None ? -1 : (int)number;
        }
    }
}
