using WireGuard.Vsock.Sandbox;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Sandbox;

public sealed class SandboxNeedsTests
{
    private static readonly SandboxNeeds s_none = new(SandboxRole.Relay);

    private static readonly SandboxNeeds s_all = s_none with
    {
        Families = [AF_VSOCK, AF_UNIX, AF_INET, AF_INET6],
        SetsMark = true,
        BindsLowPorts = true,
        EntersOthersFolders = true,
        SocketFolders = ["/run/vm", "/srv"],
        ReadPaths = ["/etc"],
        Ioctls = [TUNGETIFF],
    };

    public static TheoryData<string> Wanted => [.. s_wanted.Select(wanted => wanted.Words)];

    private static readonly (string Words, SandboxNeeds Needs)[] s_wanted =
    [
        ("vsock sockets", s_none with { Families = [AF_VSOCK] }),
        ("Unix sockets", s_none with { Families = [AF_UNIX] }),
        ("IPv4 sockets", s_none with { Families = [AF_INET, AF_INET6] }),
        ("IPv6 sockets", s_none with { Families = [AF_INET6] }),
        ("a port below 1024", s_none with { BindsLowPorts = true }),
        ("the mark of sockets", s_none with { SetsMark = true }),
        ("folders of other users", s_none with { EntersOthersFolders = true }),
        ("sockets in /run/vm", s_none with { SocketFolders = ["/run/vm"] }),
        ("to read /etc/hosts", s_none with { ReadPaths = ["/etc/hosts"] }),
        ("another ioctl(2)", s_none with { Ioctls = [TUNGETIFF] }),
    ];

    [Theory]
    [MemberData(nameof(Wanted))]
    public void What_was_not_kept_is_beyond(string words)
    {
        SandboxNeeds needs = s_wanted.Single(wanted => wanted.Words == words).Needs;
        Assert.Equal(words, needs.Beyond(s_none));
        Assert.Null(needs.Beyond(needs));
        Assert.Null(needs.Beyond(s_all));
        Assert.Null(s_none.Beyond(needs));
    }

    [Fact]
    public void What_goes_with_less_is_never_beyond() => Assert.Null((s_none with { ForcesBuffers = true }).Beyond(s_none));

    [Theory]
    [InlineData("/run/vm", true)]
    [InlineData("/run/vm/1", true)]
    [InlineData("/srv/a/b", true)]
    [InlineData("/run", false)]
    [InlineData("/run/vm1", false)]
    [InlineData("/", false)]
    public void Folder_is_kept_with_all_below_it(string folder, bool isKept)
    {
        SandboxNeeds sockets = s_none with { SocketFolders = [folder] }, reading = s_none with { ReadPaths = [folder] };
        Assert.Equal(isKept ? null : $"sockets in {folder}", sockets.Beyond(s_all));
        Assert.Equal(isKept ? null : $"to read {folder}", reading.Beyond(s_all with { ReadPaths = s_all.SocketFolders }));
        Assert.Null(sockets.Beyond(s_all with { SocketFolders = ["/"] }));
    }
}
