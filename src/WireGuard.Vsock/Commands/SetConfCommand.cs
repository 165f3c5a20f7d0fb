using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Config;
using WireGuard.Vsock.Control;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Commands;

/// <summary>Gives an interface the configuration of a file, as <c>wg setconf</c> does.</summary>
internal static class SetConfCommand
{
    private const int MaxBytes = 64 * 1024 * 1024;

    public static CommandPage Page => new(
        "setconf", "Give an interface the configuration of a file, in place of what it has", ["INTERFACE FILE"], Run)
    {
        Paragraphs =
        [
            "The file is wg(8)'s: PrivateKey, ListenPort and FwMark of [Interface]; PublicKey, PresharedKey, AllowedIPs, "
            + "Endpoint and PersistentKeepalive of each [Peer]. What it does not say is removed. Files of wg-quick are for up.",
        ],
    };

    private static int Run(IReadOnlyList<string> arguments) => Apply(arguments, replaces: true, syncs: false);

    /// <param name="replaces">Whether what the file does not say is removed.</param>
    /// <param name="syncs">Whether peers that stay keep their sessions.</param>
    internal static int Apply(IReadOnlyList<string> arguments, bool replaces, bool syncs)
    {
        if (arguments is not [{ } name, { } path])
            throw new UsageException("two arguments: an interface and a file");
        return WgCommand.Try("Unable to modify interface", () =>
        {
            using DeviceChange change = Read(name, path, replaces);
            if (syncs)
                Sync(name, change);
            using UapiClient client = UapiClient.Connect(name);
            client.Set(change);
        });
    }

    private static DeviceChange Read(string name, string path, bool replaces)
    {
        try
        {
            using SecretFile file = SecretFile.Read(path, MaxBytes, takesPipes: true);
            DeviceChange? change = WgConfigReader.Read(
                file.Text, replaces, new EndpointArgument(name).Read, out IReadOnlyList<string> messages);
            if (change is null)
                throw new WgMistake(string.Join('\n', messages));
            foreach (string warning in messages)
                WgCommand.Complain(warning);
            return change;
        }
        catch (LinuxException e)
        {
            throw new WgMistake($"fopen: {Errno.Text(e.Errno)}: {Printable.Quote(path)}");
        }
    }

    /// <summary>
    /// Has peers that the device has and the file names changed rather than removed and added: what the file does not say of
    /// them is removed, but for their endpoints, and their sessions stay. DEVIATION: wg(8) of Debian 12 leaves a preshared key or
    /// a keepalive that the file does not say; later ones remove it, so that the file says what there is.
    /// Test: Syncconf_removes_what_the_file_does_not_say_and_nothing_else.
    /// </summary>
    internal static void Sync(DeviceStatus current, DeviceChange change)
    {
        Dictionary<PublicKey, PeerStatus> known = current.Peers.DistinctBy(peer => peer.PublicKey)
            .ToDictionary(peer => peer.PublicKey);
        if (known.Count == 0 || change.Peers.Count == 0)
            return;
        change.ReplacesPeers = false;
        HashSet<PublicKey> named = [.. change.Peers.Select(peer => peer.PublicKey)];
        // A peer may have several sections: what none of them says is removed, by the first.
        foreach (IGrouping<PublicKey, PeerChange> sections in change.Peers.GroupBy(peer => peer.PublicKey))
        {
            if (!known.TryGetValue(sections.Key, out PeerStatus? before))
                continue;
            PeerChange first = sections.First();
            if (before.PresharedKey is not null && sections.All(section => section.PresharedKey is null))
                first.PresharedKey = new PresharedKey(new byte[PresharedKey.Size]);
            if (before.PersistentKeepalive != 0 && sections.All(section => section.PersistentKeepalive is null))
                first.PersistentKeepalive = 0;
        }

        change.Peers.InsertRange(
            0, known.Keys.Where(key => !named.Contains(key)).Select(key => new PeerChange(key) { Removes = true }));
    }

    private static void Sync(string name, DeviceChange change)
    {
        if (change.Peers.Count == 0)
            return;
        try
        {
            using UapiClient client = UapiClient.Connect(name);
            Sync(client.Get(), change);
        }
        catch (UapiException e)
        {
            throw new WgMistake($"Unable to retrieve current interface configuration: {e.Reason}");
        }
    }
}
