using System.Text;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// Lines to the person at the terminal, on stdout and stderr themselves. .NET's Console would take signals and descriptors and
/// change the terminal's settings, none of which a daemon should.
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
            if (n <= 0) return; // nobody hears; there is nobody to tell
            rest = rest[n..];
        }
    }
}
