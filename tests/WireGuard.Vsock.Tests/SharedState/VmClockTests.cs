using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tests.SharedState;

/// <summary>The hypervisor's page, include/uapi/linux/vmclock-abi.h.</summary>
public sealed class VmClockTests : IDisposable
{
    private readonly VmClockFile _file = new();

    public void Dispose() => _file.Dispose();

    [Fact]
    public void Marker_is_seen_as_soon_as_it_is_written()
    {
        using VmClock clock = VmClock.TryOpen(_file.Path)!;
        Assert.Equal(7ul, clock.Marker);
        _file.Restore(8, sequence: 4);
        Assert.Equal(8ul, clock.Marker);
    }

    [Fact]
    public void Change_that_never_ends_does_not_stop_the_reader()
    {
        using VmClock clock = VmClock.TryOpen(_file.Path)!;
        _file.Restore(9, sequence: 3);
        Assert.Equal(9ul, clock.Marker);
    }

    [Theory]
    [InlineData(0, 0)] // magic
    [InlineData(8, 2)] // version
    [InlineData(5, 0)] // size: 0
    public void Page_of_another_layout_is_none(int at, byte value)
    {
        _file.Change(at, value);
        Assert.Null(VmClock.TryOpen(_file.Path));
    }

    [Fact]
    public void File_that_is_too_short_or_missing_is_none()
    {
        File.WriteAllBytes(_file.Path, File.ReadAllBytes(_file.Path)[..20]);
        Assert.Null(VmClock.TryOpen(_file.Path));
        Assert.Null(VmClock.TryOpen(_file.Path + ".missing"));
    }
}
