using System.Text;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// Lines for the terminal, written to stdout and stderr directly. .NET's Console would take signals and descriptors and
/// change the terminal's settings.
/// </summary>
internal static class Say
{
    public static void Output(string text) => Line(1, text);

    public static void Error(string text) => Line(2, $"{CommandLine.ProgramName}: {text}");

    private static void Line(int fd, string text)
    {
        ReadOnlySpan<byte> rest = Encoding.UTF8.GetBytes(text + "\n");
        while (rest.Length > 0)
        {
            int n = Sys.Write(fd, rest);
            if (n <= 0) return; // the terminal is gone
            rest = rest[n..];
        }
    }
}
