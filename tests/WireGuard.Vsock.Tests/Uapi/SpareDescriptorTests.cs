using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Tests.Uapi;

[Collection(Alone.Name)]
public sealed class SpareDescriptorTests
{
    [Fact]
    public void Descriptor_is_free_once_it_is_released_and_taken_again_when_one_is_closed()
    {
        using var spare = new SpareDescriptor();
        using (DescriptorLimit.None())
        {
            Assert.True(Errno.IsShortage(Sys.EventFd()));
            Assert.True(spare.TryRelease());
            Assert.False(spare.TryRelease());
            int fd = Sys.Check(Sys.EventFd(), "eventfd");
            spare.Refill();
            Assert.False(spare.TryRelease());
            Sys.Close(fd);
            spare.Refill();
            Assert.True(Errno.IsShortage(Sys.EventFd()));
            Assert.True(spare.TryRelease());
        }
    }

    [Fact]
    public void There_is_none_to_spare_when_there_was_none_from_the_start()
    {
        using (DescriptorLimit.None())
        {
            using var spare = new SpareDescriptor();
            Assert.False(spare.TryRelease());
        }
    }
}
