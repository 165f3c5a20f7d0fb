using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Config;
using static WireGuard.Vsock.Tests.Config.ConfigText;

namespace WireGuard.Vsock.Tests.Config;

public sealed class ConfigFileTests : IDisposable
{
    private const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _folder = Directory.CreateTempSubdirectory("config-").FullName;

    public ConfigFileTests() => File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("wg0.conf", "wg0")]
    [InlineData("a=b_c+d.e-f.conf", "a=b_c+d.e-f")]
    [InlineData("123456789012345.conf", "123456789012345")]
    public void The_interface_is_the_files_name(string file, string expected) =>
        Assert.Equal(expected, ConfigFile.Find(Write(file, Head)).InterfaceName);

    [Theory]
    [InlineData("wg0", "must be named INTERFACE.conf")]
    [InlineData("1234567890123456.conf", "must be named INTERFACE.conf")]
    [InlineData("a b.conf", "must be named INTERFACE.conf")]
    [InlineData(".conf", "must be named INTERFACE.conf")]
    [InlineData("..conf", "is no interface name")]
    public void A_file_that_is_not_named_for_an_interface_is_refused(string file, string expected) =>
        Assert.Contains(expected, WhyNot(Write(file, Head)), StringComparison.Ordinal);

    [Fact]
    public void A_name_is_looked_for_in_one_folder_after_the_other()
    {
        string second = Directory.CreateDirectory(Path.Combine(_folder, "second")).FullName;
        string file = Write("second/wg7.conf", Head);
        Assert.Equal(file, ConfigFile.Find("wg7", [_folder, second]).Path);
        string first = Write("wg7.conf", Head);
        Assert.Equal(first, ConfigFile.Find("wg7", [_folder, second]).Path);
        string why = Assert.Throws<SetupException>(() => ConfigFile.Find("wg8", [_folder, second])).Message;
        Assert.Equal($"there is neither {_folder}/wg8.conf nor {second}/wg8.conf", why);
    }

    [Theory]
    [InlineData("no/such.conf", "no/such.conf does not exist")]
    [InlineData("such.conf", "such.conf does not exist")]
    [InlineData("a b", "'a b' is neither a file INTERFACE.conf nor an interface's name")]
    [InlineData("", "'' is neither a file")]
    public void What_is_not_there_is_a_line(string name, string expected) =>
        Assert.StartsWith(expected, WhyNot(name), StringComparison.Ordinal);

    [Theory]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("./")]
    [InlineData("/etc")]
    public void A_folder_is_no_file(string name) =>
        Assert.Equal($"{name} is a directory, not a file: name a file", WhyNot(name));

    [Fact]
    public void A_file_is_read()
    {
        using ConfigResult result = ConfigFile.Find(Write("wg0.conf", Head + Peer)).Read();
        Assert.Empty(result.Diagnostics);
        Assert.Single(result.Settings!.Peers);
    }

    [Fact]
    public void A_directory_a_pipe_and_what_is_too_long_are_lines()
    {
        string directory = Directory.CreateDirectory(Path.Combine(_folder, "dir.conf")).FullName;
        Assert.Contains("is a directory, not a file", WhyNotRead(directory), StringComparison.Ordinal);
        string device = Path.Combine(_folder, "null.conf");
        File.CreateSymbolicLink(device, "/dev/zero");
        Assert.Contains("is a device, not a file", WhyNotRead(device), StringComparison.Ordinal);
        string link = Path.Combine(_folder, "loop.conf");
        File.CreateSymbolicLink(link, link);
        Assert.Contains("cannot be read", WhyNotRead(link), StringComparison.Ordinal);
        string large = Write("large.conf", new string('#', (1 << 20) + 1));
        Assert.Contains("has more than 1048576 bytes", WhyNotRead(large), StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_not_UTF_8_have_a_place()
    {
        string file = Write("wg0.conf", "");
        File.WriteAllBytes(file, [.. Encoding.ASCII.GetBytes(Head + "PostUp = "), 0xFF, 0xFE]);
        using ConfigResult result = ConfigFile.Find(file).Read();
        Assert.Equal(new Place(3, 10), Assert.Single(result.Diagnostics).Place);
    }

    [Fact]
    public void Keys_are_read_from_files_beside_it()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "keys"));
        Write("keys/private", $"{Private}\n");
        Write("psk", $"{Preshared}");
        ConfigFile file = ConfigFile.Find(
            Write("wg0.conf", $"[Interface]\nPrivateKeyFile = keys/private\n{Peer}PresharedKeyFile = psk\n"));
        using ConfigResult result = file.Read();
        Assert.Empty(result.Diagnostics);
        using var key = file.ReadPrivateKey(result.Settings!.Interface.PrivateKey.File!);
        Assert.Equal(Private, Convert.ToBase64String(key.Bytes));
        using var preshared = file.ReadPresharedKey(Path.Combine(_folder, "psk"));
        Assert.False(preshared.IsZero);
    }

    [Theory]
    [InlineData(null, "cannot be read")]
    [InlineData("", "holds no key")]
    [InlineData(Private + "\n" + Private, "holds no key")]
    [InlineData(Zero, "holds no key")]
    public void A_key_file_without_a_key_is_a_mistake(string? content, string expected)
    {
        if (content is not null)
            Write("key", content);
        ConfigFile file = ConfigFile.Find(Write("wg0.conf", "[Interface]\nPrivateKeyFile = key\nMTU = x\n"));
        using ConfigResult result = file.Read();
        Assert.True(result.HasMistakes);
        Assert.Equal(2, result.Diagnostics.Count);
        string said = result.Diagnostics[0].ToText("f");
        Assert.StartsWith("f:2:18: PrivateKeyFile: 'key'"[..23], said, StringComparison.Ordinal);
        Assert.Contains(expected, said, StringComparison.Ordinal);
        Assert.DoesNotContain(Private[..12], said, StringComparison.Ordinal);
        using ConfigResult alone = file.ReadAlone();
        Assert.Single(alone.Diagnostics);
    }

    [Fact]
    public void A_key_file_that_PreUp_may_make_is_a_warning()
    {
        ConfigFile file = ConfigFile.Find(Write("wg0.conf", "[Interface]\nPrivateKeyFile = key\nPreUp = fetch >key\n"));
        using ConfigResult result = file.Read();
        Assert.False(result.HasMistakes);
        Assert.True(Assert.Single(result.Diagnostics).IsWarning);
    }

    [Theory]
    [InlineData("[Interface]\nPrivateKeyFile = key\n", true)]
    [InlineData("[Interface]\nPrivateKeyFile = key\nPreUp = true\n", true)]
    [InlineData("[Interface]\nPrivateKeyFile = key\nMTU = x\n", true)]
    [InlineData("[Interface]\nPrivateKeyFile = other\n", false)]
    public void A_peer_with_the_public_half_of_the_key_in_a_file_is_a_mistake(string head, bool isOwn)
    {
        Write("key", Private);
        Write("other", Preshared);
        using var key = new PrivateKey(Convert.FromBase64String(Private));
        string own = Convert.ToBase64String(key.PublicKey.Bytes);
        string file = Write("wg0.conf", $"{head}{Peer}[Peer]\nPublicKey = {own}\nAllowedIPs = 10.0.0.3\n");
        using ConfigResult result = ConfigFile.Find(file).Read();
        Assert.Equal(isOwn, result.HasMistakes);
        int line = head.Count(letter => letter == '\n') + 5;
        string[] said = [.. result.Diagnostics.Where(found => found.Key == "PublicKey").Select(found => found.ToText("f"))];
        Assert.Equal(isOwn ? [$"f:{line}:13: PublicKey: it is this interface's own: put the other machine's"] : [], said);
    }

    [Fact]
    public void A_key_that_everyone_can_read_is_a_warning()
    {
        string path = Write("wg0.conf", $"{Head}{Peer}PresharedKey = {Preshared}\n"); // once for all its keys
        File.SetUnixFileMode(path, Own | UnixFileMode.OtherRead);
        using ConfigResult result = ConfigFile.Find(path).Read();
        Assert.Equal(
            $"f:2:14: PrivateKey: warning: everyone can read or write the key in {path}: chmod 600 {path}",
            Assert.Single(result.Diagnostics).ToText("f"));

        // As in wg-quick: whoever cannot enter the folder cannot read what is in it.
        File.SetUnixFileMode(_folder, Own | UnixFileMode.UserExecute);
        using ConfigResult closed = ConfigFile.Find(path).Read();
        Assert.Empty(closed.Diagnostics);
    }

    [Fact]
    public void A_file_that_others_can_put_another_in_the_place_of_is_a_warning()
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, "open")).FullName;
        string path = Write("open/wg0.conf", $"{Head}{Peer}");
        const UnixFileMode All = (UnixFileMode)0b111_111_111;
        File.SetUnixFileMode(folder, All);
        string link = Path.Combine(_folder, "wg1.conf");
        File.CreateSymbolicLink(link, path);
        foreach (string file in (string[])[path, link])
        {
            using ConfigResult result = ConfigFile.Find(file).Read();
            Assert.Equal(
                $"f:1:1: warning: everyone can change {folder}, and so run any program as who brings the tunnel up",
                Assert.Single(result.Diagnostics).ToText("f"));
        }

        // Neither the link's name nor its target's say who may change the folder that both lead through.
        string around = Path.Combine(_folder, "around");
        File.CreateSymbolicLink(around, "open");
        using ConfigResult through = ConfigFile.Find(Path.Combine(around, "wg0.conf")).Read();
        string warning = Assert.Single(through.Diagnostics).ToText("f");
        Assert.Contains($"everyone can change {folder}", warning, StringComparison.Ordinal);

        File.SetUnixFileMode(folder, All | UnixFileMode.StickyBit);
        using ConfigResult sticky = ConfigFile.Find(path).Read();
        Assert.Empty(sticky.Diagnostics);
    }

    /// <summary>In a user namespace it stands for whoever has no number there.</summary>
    [Theory]
    [InlineData("         0          0 4294967295\n", false)]
    [InlineData("         0       1000          1\n", true)]
    [InlineData("         0          0      65536\n", true)]
    [InlineData("         0          0          1\n         1     100000      65536\n", true)]
    [InlineData("", true)]
    public void The_user_nobody_is_unknown_only_where_some_have_no_number(string map, bool isUnknown) =>
        Assert.Equal(isUnknown, FileWriters.LeavesSomeOut(map));

    [TunFact]
    public void A_file_of_nobody_is_another_users_outside_of_user_namespaces()
    {
        string path = Write("wg0.conf", Head);
        Namespace.Sh($"chown nobody {path}");
        bool isOutside = !FileWriters.LeavesSomeOut(File.ReadAllText("/proc/self/uid_map"));
        Assert.Equal(isOutside ? (path, "user 65534") : null, FileWriters.Find(path));
        Namespace.Sh($"chown root:65534 {path}; chmod 660 {path}");
        Assert.Equal(isOutside ? (path, "group 65534") : null, FileWriters.Find(path));
    }

    [Fact]
    public void A_file_without_a_key_may_be_read_by_everyone()
    {
        string key = Write("key", Private);
        string path = Write("wg0.conf", "[Interface]\nPrivateKeyFile = key\n");
        File.SetUnixFileMode(path, Own | UnixFileMode.OtherRead);
        using ConfigResult result = ConfigFile.Find(path).Read();
        Assert.Empty(result.Diagnostics);
        File.SetUnixFileMode(key, Own | UnixFileMode.OtherRead);
        using ConfigResult open = ConfigFile.Find(path).Read();
        string said = Assert.Single(open.Diagnostics).ToText("f");
        Assert.StartsWith("f:2:18: PrivateKeyFile: warning: everyone", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "f:6:14: AttestRoot: root.pem cannot be read: No such file or directory")]
    [InlineData("PreUp = fetch >root.pem\n", "f:7:14: AttestRoot: warning: root.pem cannot be read: No such file or directory")]
    public void A_root_that_is_not_there_is_a_mistake_or_for_PreUp_to_make(string hook, string expected)
    {
        string peer = $"[Peer]\nAttest = vsock:16:1\nPCR0 = {new string('a', 96)}\nAttestRoot = root.pem\n";
        string text = $"[Interface]\nPrivateKey = generate\n{hook}{peer}AllowedIPs = 10.0.0.2\nOfferAllowedIPs = ::/0\n";
        using ConfigResult result = ConfigFile.Find(Write("wg0.conf", text)).Read();
        Assert.Equal(expected, Assert.Single(result.Diagnostics).ToText("f"));
        Assert.Equal(hook.Length == 0, result.HasMistakes);
    }

    [Fact]
    public void A_root_is_read_from_beside_the_file_and_bounded()
    {
        Write("root.pem", new string('x', 65537));
        ConfigFile file = ConfigFile.Find(Write("wg0.conf", Head));
        string why = Assert.Throws<SetupException>(() => file.ReadRoot("root.pem")).Message;
        Assert.Contains("has more than 65536 bytes", why, StringComparison.Ordinal);
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        CertificateRequest request = new("CN=root", key, HashAlgorithmName.SHA384);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        using X509Certificate2 root = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100));
        Write("root.pem", root.ExportCertificatePem());
        Assert.Equal(root.RawData, file.ReadRoot("root.pem").ToArray());
        File.WriteAllBytes(Path.Combine(_folder, "root.der"), root.RawData);
        Assert.Equal(root.RawData, file.ReadRoot("root.der").ToArray());
    }

    [Fact]
    public void A_root_that_is_no_certificate_is_a_mistake()
    {
        Write("root.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        string peer = $"[Peer]\nAttest = vsock:16:1\nPCR0 = {new string('a', 96)}\nAttestRoot = root.pem\n";
        string text = $"[Interface]\nPrivateKey = generate\n{peer}AllowedIPs = 10.0.0.2\nOfferAllowedIPs = ::/0\n";
        using ConfigResult result = ConfigFile.Find(Write("wg0.conf", text)).Read();
        Assert.Equal(
            "f:6:14: AttestRoot: root.pem: it is not one certificate, in PEM or DER",
            Assert.Single(result.Diagnostics).ToText("f"));
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, Own);
        return path;
    }

    private static string WhyNot(string name) => Assert.Throws<SetupException>(() => ConfigFile.Find(name)).Message;

    private static string WhyNotRead(string path) => Assert.Throws<SetupException>(() => ConfigFile.Find(path).Read()).Message;
}
