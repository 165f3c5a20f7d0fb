using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Tests.Interop;

public sealed class KernelReleaseTests
{
    [Theory]
    [InlineData("5.10.0-28-amd64", 5, 10)]
    [InlineData("6.1.0", 6, 1)]
    [InlineData("6.12", 6, 12)]
    [InlineData("6.1-rc3", 6, 1)]
    [InlineData("5.4.0-1128-aws-fips", 5, 4)]
    [InlineData("4.14.336-257.568.amzn2.x86_64", 4, 14)]
    [InlineData("10.0.1+", 10, 0)]
    [InlineData("", 0, 0)]
    [InlineData("6", 0, 0)]
    [InlineData("6.", 0, 0)]
    [InlineData(".6.1", 0, 0)]
    [InlineData("six.one", 0, 0)]
    [InlineData("-6.1", 0, 0)]
    [InlineData("99999999999.1", 0, 0)]
    public void Release_is_its_first_two_numbers(string release, int major, int minor) =>
        Assert.Equal(new KernelRelease(major, minor), KernelRelease.Parse(release));

    [Fact]
    public void Later_releases_have_what_came_earlier()
    {
        Assert.True(new KernelRelease(5, 12).IsAtLeast(5, 12));
        Assert.True(new KernelRelease(5, 13).IsAtLeast(5, 12));
        Assert.True(new KernelRelease(6, 0).IsAtLeast(5, 12));
        Assert.False(new KernelRelease(5, 11).IsAtLeast(5, 12));
        Assert.False(new KernelRelease(4, 20).IsAtLeast(5, 12));
        Assert.False(default(KernelRelease).IsAtLeast(5, 12));
    }

    [Fact]
    public void This_kernel_has_a_release() => Assert.True(KernelRelease.Current.IsAtLeast(3, 0));
}
