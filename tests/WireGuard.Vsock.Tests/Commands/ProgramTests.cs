using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tests.Commands;

/// <summary>The program itself, started as a person starts it. Always over TCP: a test opens no AF_VSOCK socket.</summary>
public sealed partial class ProgramTests
{
    private static readonly string s_program = Path.Combine(AppContext.BaseDirectory, "wireguard-vsock");
    private const long PidFdOpen = 434; // asm-generic/unistd.h
    private static int s_names;

    private readonly string _name = $"wt{Environment.ProcessId % 100_000}-{Interlocked.Increment(ref s_names)}";

    private string ControlSocket => $"/var/run/wireguard/{_name}.sock";

    [TunFact]
    public void In_the_background_it_returns_when_interface_and_socket_are_there() => Namespace.Run(() =>
    {
        Assert.Equal((0, ""), Run($"{s_program} -n tcp {_name}"));
        Assert.Contains("mtu 1420", Namespace.Sh($"ip link show {_name}"));
        Assert.True(File.Exists(ControlSocket));
        AssertEnds(pid => Namespace.Sh($"kill {pid}"));
        Assert.False(File.Exists(ControlSocket));
    });

    [TunFact]
    public void Deleting_the_interface_ends_it() => Namespace.Run(() =>
    {
        Assert.Equal((0, ""), Run($"{s_program} -n tcp {_name}"));
        AssertEnds(_ => Namespace.Sh($"ip link del {_name}"));
        Assert.False(File.Exists(ControlSocket));
    });

    [TunFact]
    public void Removing_the_control_socket_ends_it() => Namespace.Run(() =>
    {
        Assert.Equal((0, ""), Run($"{s_program} -n tcp {_name}"));
        AssertEnds(_ => File.Delete(ControlSocket));
        Assert.DoesNotContain(_name, Namespace.Sh("ip link"));
    });

    [TunFact]
    public void A_name_that_is_taken_is_one_line_and_code_1() => Namespace.Run(() =>
    {
        Namespace.Sh($"ip tuntap add mode tap name {_name}");
        AssertRefused("", $"cannot create {_name}: an interface of that name is there already: ip link show {_name}");
    });

    [TunFact]
    public void A_control_socket_that_answers_is_one_line_and_code_1() => Namespace.Run(() =>
    {
        Assert.Equal((0, ""), Run($"{s_program} -n tcp {_name}"));
        Namespace.Run(() => AssertRefused("", $"{ControlSocket} is in use by a running daemon: stop it, or take another name"));
        AssertEnds(_ => Namespace.Sh($"ip link del {_name}"));
    });

    [TunFact]
    public void Missing_privilege_is_one_line_and_code_1() => Namespace.Run(() => AssertRefused(
        "setpriv --bounding-set=-net_admin --inh-caps=-net_admin ",
        $"cannot create {_name}: Operation not permitted: run as root or with CAP_NET_ADMIN"));

    [TunFact]
    public void A_missing_TUN_device_is_one_line_and_code_1() => Namespace.Run(() => AssertRefused(
        "unshare -m sh -c 'mount -t tmpfs none /dev/net && exec \"$0\" \"$@\"' ",
        $"cannot create {_name}: /dev/net/tun: there is no such device: "
        + "load the driver (modprobe tun) or give it to the container (--device /dev/net/tun)"));

    [TunFact]
    public void A_descriptor_that_is_none_is_one_line_and_code_1() => Namespace.Run(() =>
    {
        AssertRefused("WG_TUN_FD=x ", "WG_TUN_FD='x' is no descriptor's number");
        AssertRefused("WG_TUN_FD=77 ", "WG_TUN_FD: descriptor 77 is not a TUN interface's: Bad file descriptor");
        AssertRefused("WG_UAPI_FD=0 ", "WG_UAPI_FD: descriptor 0 is not a UNIX socket");
    });

    [TunFact]
    public void The_log_level_decides_what_is_said() => Namespace.Run(() =>
    {
        foreach ((string level, bool speaks) in new[] { ("verbose", true), ("error", false) })
        {
            string errors = RunUntilReady($"LOG_LEVEL={level} WG_PROCESS_FOREGROUND=1 exec {s_program} -n tcp {_name}");
            if (speaks) Assert.StartsWith($"DEBUG: ({_name}) ", errors);
            else Assert.Equal("", errors);
        }
    });

    /// <summary>In the background and in the foreground alike.</summary>
    private void AssertRefused(string before, string line)
    {
        foreach (string flag in new[] { "", "-f " })
        {
            Assert.Equal((1, $"wireguard-vsock: {line}\n"), Run($"{before}{s_program} {flag}-n tcp {_name} </dev/null"));
        }
    }

    private static (int Code, string Errors) Run(string command)
    {
        using Process process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", command]) { RedirectStandardError = true })!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, errors);
    }

    /// <summary>Runs it in the foreground until it is ready and its control socket answers; what it said.</summary>
    private string RunUntilReady(string command)
    {
        string path = Path.Combine(Path.GetTempPath(), $"{_name}.notify");
        using var notify = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        notify.Bind(new UnixDomainSocketEndPoint(path));
        try
        {
            var start = new ProcessStartInfo("/bin/sh", ["-c", command]) { RedirectStandardError = true };
            start.Environment["NOTIFY_SOCKET"] = path;
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            Task ready = ReadyAsync(notify);
            Assert.Same(ready, Task.WhenAny(ready, errors).GetAwaiter().GetResult());
            Assert.True(Answers());
            Namespace.Sh($"kill -INT {process.Id}");
            process.WaitForExit();
            return errors.GetAwaiter().GetResult();
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static async Task ReadyAsync(Socket notify)
    {
        byte[] message = new byte[1_024];
        int length;
        do length = await notify.ReceiveAsync(message);
        while (Encoding.UTF8.GetString(message, 0, length) != "READY=1");
    }

    private bool Answers()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(ControlSocket));
            return socket.Send("get=1\n\n"u8) > 0 && socket.Receive(new byte[1]) > 0;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>The process whose last argument is our interface's name.</summary>
    private int DaemonPid()
    {
        foreach (string folder in Directory.GetDirectories("/proc").Where(f => char.IsAsciiDigit(f[6])))
        {
            try
            {
                string commandLine = File.ReadAllText($"{folder}/cmdline");
                if (commandLine.EndsWith($"\0{_name}\0", StringComparison.Ordinal)) return int.Parse(folder[6..]);
            }
            catch (IOException)
            {
                // It ended meanwhile.
            }
        }
        throw new InvalidOperationException("the daemon does not run");
    }

    /// <summary>The daemon ends when something is done, which is given its process id.</summary>
    private void AssertEnds(Action<int> end)
    {
        int pid = DaemonPid();
        using FileDescriptor daemon = new((int)syscall(PidFdOpen, pid, 0));
        end(pid);
        Assert.Equal(Libc.POLLIN, Sys.Poll(daemon.Fd, Libc.POLLIN, timeoutMs: 60_000)); // it has ended: pidfd_open(2)
    }

    [LibraryImport("libc")]
    private static partial long syscall(long number, int pid, uint flags);
}
