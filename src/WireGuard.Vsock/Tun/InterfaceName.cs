using System.Text;
using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tun;

/// <summary>
/// What the kernel accepts as an interface's name (net/core/dev.c, dev_valid_name and dev_alloc_name): 1 to 15 bytes, neither "."
/// nor "..", without '/', ':' and white space; a single "%d" is replaced by the lowest number that is free. The name is a file's
/// name as well (NAME.sock), so it is checked before anything is made.
/// </summary>
internal static class InterfaceName
{
    public const int MaxBytes = Libc.IFNAMSIZ - 1;

    /// <summary>One line that says what is wrong with a name; null if nothing is.</summary>
    public static string? Check(string name)
    {
        if (name.Length == 0) return "the interface needs a name, such as wg0";
        int bytes = Encoding.UTF8.GetByteCount(name);
        if (bytes > MaxBytes) return $"the interface name '{name}' has {bytes} bytes; {MaxBytes} is the most Linux takes";
        bool bad = name is "." or ".."
            || name.AsSpan().ContainsAny('/', ':') || name.Any(c => char.IsWhiteSpace(c) || char.IsControl(c));
        if (bad) return $"'{name}' is no interface name: no '/', ':', white space, and neither '.' nor '..'";
        int percent = name.IndexOf('%');
        bool pattern = percent >= 0 && name.AsSpan(percent).StartsWith("%d") && name.LastIndexOf('%') == percent;
        return percent < 0 || pattern ? null : $"'{name}' is no interface name: '%' may stand there once, as %d, for a number";
    }
}
