using System.Globalization;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Interop;

/// <summary>
/// The first two numbers of the kernel's release, for features that cannot be probed.
/// </summary>
internal readonly record struct KernelRelease(int Major, int Minor)
{
    /// <summary>The one this process runs on.</summary>
    public static unsafe KernelRelease Current
    {
        get
        {
            utsname name;
            return uname(&name) < 0 ? default : Parse(System.Text.Encoding.ASCII.GetString(
                System.Runtime.InteropServices.MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name.release)));
        }
    }

    /// <summary>Reads a release of uname(2), such as "5.10.0-28-amd64" or "6.1-rc3"; 0.0 for anything else.</summary>
    public static KernelRelease Parse(ReadOnlySpan<char> release) =>
        TryTakeNumber(ref release, out int major) && release is ['.', .. var rest] && TryTakeNumber(ref rest, out int minor)
            ? new KernelRelease(major, minor)
            : default;

    public bool IsAtLeast(int major, int minor) => Major > major || (Major == major && Minor >= minor);

    private static bool TryTakeNumber(ref ReadOnlySpan<char> text, out int number)
    {
        int length = text.IndexOfAnyExceptInRange('0', '9');
        if (length < 0)
            length = text.Length;
        bool isNumber = int.TryParse(text[..length], NumberStyles.None, CultureInfo.InvariantCulture, out number);
        text = text[length..];
        return isNumber;
    }
}
