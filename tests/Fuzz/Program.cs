using WireGuard.Fuzz;
using WireGuard.Fuzz.Targets;

// WireGuard.Fuzz list                             the targets' names
// WireGuard.Fuzz afl TARGET                       by afl-fuzz only
// WireGuard.Fuzz replay TARGET FILE|FOLDER...     runs inputs; what breaks is printed
// WireGuard.Fuzz seeds TARGET FOLDER              writes what to begin with
// WireGuard.Fuzz minimise TARGET TO FROM...       keeps what reaches more, of folders
AflServer.GiveMap();
Dictionary<string, Func<FuzzTarget>> targets = new()
{
    ["frames"] = () => new FrameTarget(),
    ["handshakes"] = () => new HandshakeTarget(),
    ["opener"] = () => new OpenerTarget(),
    ["replay-window"] = () => new ReplayWindowTarget(),
    ["coalesce"] = () => new CoalesceTarget(),
    ["segment"] = () => new SegmentTarget(),
    ["uapi"] = () => new UapiTarget(),
    ["status"] = () => new StatusTarget(),
    ["config"] = () => new ConfigTarget(),
    ["relay-file"] = () => new RelayFileTarget(),
    ["setconf"] = () => new SetConfTarget(),
    ["addresses"] = () => new AddressTarget(),
    ["guest-connect"] = () => new GuestConnectTarget(),
    ["exchange"] = () => new ExchangeTarget(),
    ["provisioner"] = () => new ProvisionerTarget(),
    ["attestation"] = () => new AttestationTarget(),
    ["netlink"] = () => new NetlinkTarget(),
    ["metrics"] = () => new MetricsRequestTarget(),
    ["relay-routes"] = () => new RelayRoutesTarget(),
    ["state"] = () => new StateTarget(),
};

FuzzTarget Named(string name) =>
    targets.TryGetValue(name, out Func<FuzzTarget>? make) ? make() : throw new ArgumentException($"no target is named {name}");

switch (args)
{
    case ["list"]:
        foreach (string name in targets.Keys)
            Console.WriteLine(name);
        return 0;
    case ["afl", var name]:
        AflServer.Serve(Named(name));
        return 0;
    case ["seeds", var name, var folder]:
        Corpus.WriteSeeds(Named(name), folder);
        return 0;
    case ["minimise", var name, var to, .. var from]:
        Corpus.Minimise(Named(name), name, from, to);
        return 0;
    case ["replay", var name, .. var files]:
        return Replay(Named(name), name, files);
    default:
        Console.Error.WriteLine("WireGuard.Fuzz list | seeds TARGET FOLDER | replay TARGET FILE... | minimise TARGET TO FROM...");
        return 2;
}

static int Replay(FuzzTarget target, string name, string[] files)
{
    int broken = 0;
    foreach (string file in files.SelectMany(file => Directory.Exists(file) ? Directory.GetFiles(file) : [file]))
    {
        TimeSpan began = Environment.CpuUsage.TotalTime;
        try
        {
            target.Run(File.ReadAllBytes(file));
            TimeSpan took = Environment.CpuUsage.TotalTime - began;
            if (took > AflServer.LongestRun)
                throw new TimeoutException($"the run took {took.TotalSeconds:0} s of processor time");
        }
        catch (Exception e)
        {
            Console.WriteLine($"{file}: {e}");
            broken++;
        }
    }

    Console.WriteLine($"{name}: {broken} broken");
    return broken == 0 ? 0 : 1;
}
