using System.Text.RegularExpressions;

namespace WireGuard.Vsock.Tests;

/// <summary>The units of systemd, whose sandbox must have room for what the program does.</summary>
public sealed partial class UnitsTests
{
    /// <summary>They are there in every sandbox.</summary>
    private static readonly string[] s_always = ["/dev/null", "/dev/tty", "/dev/console"];

    [Fact]
    public void The_tunnels_unit_allows_every_device_that_the_source_names()
    {
        string unit = File.ReadAllText(Path.Combine(Repository.Root, "packaging/systemd/wireguard-vsock@.service"));
        string source = Path.Combine(Repository.Root, "src/WireGuard.Vsock");
        string[] devices = [.. Directory.GetDirectories(source)
            .Where(folder => Path.GetFileName(folder) is not ("bin" or "obj"))
            .SelectMany(folder => Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories))
            .SelectMany(file => Device().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value))
            .Distinct()
            .Except(s_always)];
        Assert.Contains("/dev/net/tun", devices);
        Assert.All(devices, device => Assert.Contains($"\nDeviceAllow={device} r", unit, StringComparison.Ordinal));
    }

    [GeneratedRegex("\"(/dev/[a-z0-9/]+)\"")]
    private static partial Regex Device();
}
