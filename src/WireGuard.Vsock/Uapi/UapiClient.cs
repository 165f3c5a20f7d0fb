using System.Text;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// The other end of an interface's control socket: that of our daemon, or of any other that listens in
/// <see cref="UapiListener.Folder"/>. Each request has a connection of its own, as with <c>wg(8)</c>. What was read is this
/// object's: <see cref="Dispose"/> wipes its keys.
/// </summary>
internal sealed class UapiClient : IDisposable
{
    private const string Suffix = ".sock";

    private readonly string _path;
    private readonly List<DeviceStatus> _read = [];

    private UapiClient(string name, string path)
    {
        Name = name;
        _path = path;
    }

    public string Name { get; }

    /// <summary>
    /// The interfaces that have a daemon, in the folder's order, as <c>wg(8)</c> lists them. DEVIATION: wg(8) removes the socket
    /// of a daemon that died; here it only does not count, since it may be one that does not listen yet.
    /// Test: A_socket_without_a_daemon_is_no_interface.
    /// </summary>
    /// <exception cref="UapiException">The folder cannot be read.</exception>
    public static IReadOnlyList<string> Interfaces(string folder = UapiListener.Folder)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries(folder, "*" + Suffix)
                .Select(path => Path.GetFileName(path)![..^Suffix.Length])
                .Where(name => name.Length != 0 && HasListener(name, folder))];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UapiException(folder, e is IOException ? Errno.EIO : Errno.EACCES);
        }
    }

    /// <summary>Whether a daemon of an interface of that name listens.</summary>
    public static bool HasListener(string name, string folder = UapiListener.Folder)
    {
        try
        {
            new UapiClient(name, PathOf(name, folder)).Open().Dispose();
            return true;
        }
        catch (UapiException e)
        {
            return e.Errno != Errno.ENODEV;
        }
    }

    /// <exception cref="UapiException">ENODEV: there is no such interface, or it has no daemon.</exception>
    public static UapiClient Connect(string name, string folder = UapiListener.Folder)
    {
        var client = new UapiClient(name, PathOf(name, folder));
        client.Open().Dispose();
        return client;
    }

    /// <summary>The answer to <c>get</c>.</summary>
    /// <exception cref="UapiException">There is none in time, or it is not as it must be.</exception>
    public DeviceStatus Get() => Ask("get=1\n\n"u8, isStatus: false) ?? throw new UapiException(Name, Errno.EPROTO);

    /// <summary>The answer to <c>status</c>; null if the daemon does not know that: it is not ours, or an earlier one.</summary>
    /// <param name="maxBytes">Of the answer.</param>
    /// <exception cref="UapiException">There is none in time, or it is not as it must be.</exception>
    public DeviceStatus? TryStatus(int maxBytes = UapiExchange.MaxBytes) => Ask("status=1\n\n"u8, isStatus: true, maxBytes);

    /// <summary>Begins a handshake with every peer that has an endpoint and no session.</summary>
    /// <exception cref="UapiException">The daemon does not answer, or does not know how.</exception>
    public void BeginHandshakes() => Do("handshake=1\n\n"u8);

    /// <summary>Begins a handshake with one peer, also if it has a session. Nothing, if there is no such peer.</summary>
    /// <exception cref="UapiException">The daemon does not answer, or does not know how.</exception>
    public void BeginHandshake(PublicKey peer) => Do(Encoding.ASCII.GetBytes($"handshake={peer.ToHex()}\n\n"));

    /// <exception cref="UapiException">The daemon does not answer, or refuses: then nothing has changed.</exception>
    public void Set(DeviceChange change)
    {
        using SecretText request = new();
        SetRequestWriter.Write(change, request);
        Do(request.Bytes);
    }

    public void Dispose() => Forget();

    /// <summary>Wipes the keys of all that was read so far.</summary>
    public void Forget()
    {
        foreach (DeviceStatus status in _read)
            status.WipeKeys();
        _read.Clear();
    }

    private DeviceStatus? Ask(ReadOnlySpan<byte> request, bool isStatus, int maxBytes = UapiExchange.MaxBytes)
    {
        using UapiExchange exchange = Open();
        StatusReader reader = new(Name, isStatus);
        try
        {
            exchange.Send(request);
            if (!exchange.Receive(reader.Take, maxBytes) || reader.IsRefusedStatus)
            {
                reader.Status.WipeKeys();
                return null;
            }

            DeviceStatus status = reader.Finish();
            _read.Add(status);
            return status;
        }
        catch
        {
            reader.Status.WipeKeys();
            throw;
        }
    }

    private void Do(ReadOnlySpan<byte> request)
    {
        using UapiExchange exchange = Open();
        StatusReader reader = new(Name, isStatus: false);
        exchange.Send(request);
        if (!exchange.Receive(reader.Take))
            throw new UapiException(Name, Errno.EPROTO);
        reader.Finish();
    }

    private static string PathOf(string name, string folder) => $"{folder}/{name}{Suffix}";

    /// <exception cref="UapiException">It cannot be connected.</exception>
    private UapiExchange Open()
    {
        byte[] address = [AF_UNIX, 0, .. Encoding.UTF8.GetBytes(_path), 0];
        bool isName = Name.Length != 0 && !Name.Contains('/') && address.Length <= UapiExchange.MaxAddress;
        if (!isName || (Sys.Stat(_path, out statx_t file) is var found && found < 0 && found != -Errno.EACCES)
            || (found >= 0 && (file.stx_mode & S_IFMT) != S_IFSOCK))
        {
            throw new UapiException(Name, Errno.ENODEV);
        }

        return new UapiExchange(Name, address);
    }
}
