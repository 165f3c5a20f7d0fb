using System.Text;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Processes;

/// <summary>
/// Process 1 of a machine, as of an initramfs: no other process mounts what programs need, and when it ends the kernel
/// panics. So it mounts /proc, /sys, /dev and /run where nothing is mounted, and at the end says on the console how its
/// command ended, and reboots.
/// <para>
/// Process 1 of a container mounts and reboots nothing. The two are told apart by the number of their process namespace, which
/// the kernel fixes for the first one. That needs /proc: where it is missing, as container runtimes never leave it, it is
/// mounted to look, and unmounted again in a container.
/// </para>
/// </summary>
internal static class FirstProcess
{
    /// <summary>PROC_PID_INIT_INO, include/linux/proc_ns.h.</summary>
    private const string NamespaceOfMachine = "pid:[4026531836]";

    private const string DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>Whether this is process 1 of a machine. Set by <see cref="Prepare"/>, at the start of the main thread.</summary>
    public static bool IsOfMachine { get; private set; }

    /// <summary>
    /// Before anything else: finds out whether this is process 1 of a machine, and makes the machine usable if so.
    /// </summary>
    public static void Prepare()
    {
        if (Environment.ProcessId != 1) return;
        const ulong Plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
        bool hadProc = Namespace != null;
        if (!hadProc) _ = Mount("proc", "/proc", Plain);
        IsOfMachine = Namespace == NamespaceOfMachine;
        if (!IsOfMachine)
        {
            if (!hadProc && Namespace != null) _ = umount2("/proc", 0);
            return;
        }
        string mounted = Mounts();
        if (!mounted.Contains(" /sys ", StringComparison.Ordinal)) _ = Mount("sysfs", "/sys", Plain);
        if (!mounted.Contains(" /dev ", StringComparison.Ordinal)) _ = Mount("devtmpfs", "/dev", MS_NOSUID);
        if (!mounted.Contains(" /run ", StringComparison.Ordinal)) _ = Mount("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755");
        OpenConsole();
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("PATH")))
            Sys.SetVariable("PATH", DefaultPath);
    }

    /// <summary>Says a last line on the console, and reboots. Does not return.</summary>
    public static void End(string line)
    {
        int console = Sys.Open("/dev/console", O_RDWR | O_NOCTTY);
        Say.Write(console < 0 ? 2 : console, $"{Say.ProgramName}: {line}\n");
        sync();
        _ = reboot(RB_AUTOBOOT);
        // Not allowed to: this process must not end all the same.
        Thread.Sleep(Timeout.Infinite);
    }

    private static string? Namespace => Sys.ReadLink("/proc/self/ns/pid");

    private static int Mount(string type, string target, ulong flags, string? data = null)
    {
        _ = Sys.MakeDirectory(target, 0x1ed); // 0755
        return Sys.Mount(type, target, type, flags, data);
    }

    /// <summary>The table of mounts: a line each, the second word is where.</summary>
    private static string Mounts()
    {
        int fd = Sys.Open("/proc/self/mounts", O_RDONLY);
        if (fd < 0) return "";
        using FileDescriptor file = new(fd);
        StringBuilder text = new();
        byte[] buffer = new byte[4096];
        int n;
        while ((n = Sys.Read(fd, buffer)) > 0) text.Append(Encoding.Latin1.GetString(buffer, 0, n));
        return text.ToString();
    }

    /// <summary>Without /dev/console in the initramfs the kernel starts process 1 with its standard descriptors closed.</summary>
    private static void OpenConsole()
    {
        int fd;
        // open(2) takes the lowest number that is free.
        while ((fd = Sys.Open("/dev/console", O_RDWR | O_NOCTTY)) is >= 0 and <= 2)
            _ = Sys.SetCloseOnExec(fd, false);
        if (fd >= 0) Sys.Close(fd);
    }
}
