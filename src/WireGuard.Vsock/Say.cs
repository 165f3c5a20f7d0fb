using System.Text;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Processes;

namespace WireGuard.Vsock;

/// <summary>
/// Lines for the terminal, written to stdout and stderr directly. .NET's Console would take signals and descriptors and
/// change the terminal's settings.
/// </summary>
internal static class Say
{
    public const string ProgramName = "wireguard-vsock";

    private static int _outputError;
    private static volatile string s_note = "";

    /// <summary>
    /// The errno, positive, of the first write to stdout that failed; 0 for none, and where its reader has gone (EPIPE), which
    /// is its own affair. DEVIATION: wg(8) takes no notice. Test: A_failed_write_to_stdout_is_code_1.
    /// </summary>
    public static int OutputError => Volatile.Read(ref _outputError);

    /// <summary>
    /// A word that lines for stderr begin with, as those of the log do, behind the program's name: of a prover that shows no
    /// document. Empty for none.
    /// </summary>
    public static string Note
    {
        get => s_note;
        set => s_note = value;
    }

    /// <summary>How a line for stderr begins.</summary>
    public static string LineStart => $"{ProgramName}: {(Note.Length == 0 ? "" : Note + " ")}";

    public static void Output(string text) => Write(1, text + "\n");

    public static void Error(string text) => Write(2, $"{(Journal.IsStderr ? "<3>" : "")}{LineStart}{text}\n");

    /// <summary>Writes a text as it is to stdout (1) or stderr (2).</summary>
    public static void Write(int fd, string text) => Write(fd, Encoding.UTF8.GetBytes(text));

    /// <summary>Writes a text in UTF-8.</summary>
    public static void Write(int fd, ReadOnlySpan<byte> rest)
    {
        while (rest.Length > 0)
        {
            int n = Sys.Write(fd, rest);
            if (n == -Errno.EAGAIN)
            {
                _ = Sys.Poll(fd, Libc.POLLOUT, -1);
                continue;
            }
            if (n < 0 && n != -Errno.EPIPE && fd == 1)
                _ = Interlocked.CompareExchange(ref _outputError, -n, 0);
            if (n <= 0) return; // the terminal is gone
            rest = rest[n..];
        }
    }
}
