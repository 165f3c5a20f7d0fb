using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Transport;

public sealed class NameFilesTests
{
    [Fact]
    public void A_file_that_takes_anothers_place_is_another_and_one_that_is_written_is_not()
    {
        string path = Path.GetTempFileName(), other = Path.GetTempFileName();
        ulong before = NameFiles.Identity([path, path + ".none"]);
        File.WriteAllText(path, "nameserver 192.0.2.1");
        Assert.Equal(before, NameFiles.Identity([path, path + ".none"]));
        File.Move(other, path, overwrite: true);
        Assert.NotEqual(before, NameFiles.Identity([path, path + ".none"]));
        File.Delete(path);
    }
}
