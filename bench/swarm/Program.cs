using System.Globalization;
using System.Net;
using WireGuard.Protocol.Crypto;
using WireGuard.Swarm;

// Many peers of one daemon in one process, to see what they cost it:
//
//   swarm config PEERS [ALLOWED-IPS]                 prints their sections for `wg addconf`
//   swarm run PEERS tcp|udp ADDRESS:PORT KEY PID [AT-A-TIME]
//
// `run` has all of them shake hands with the daemon whose public key (base64) and process id are given, prints what it took as
// lines "name<TAB>value", keeps them connected, and ends when its standard input does. Their source addresses (10.128.0.0/16)
// must be local here: ip route add local 10.128.0.0/16 dev lo.
if (args is ["config", ..] && args.Length is 2 or 3)
{
    int peers = Number(args[1], Population.Max);
    int allowedIps = args.Length == 3 ? Number(args[2], Population.MaxAllowedIps) : 1;
    using var output = new StreamWriter(Console.OpenStandardOutput());
    Population.WriteConfiguration(output, peers, allowedIps);
    return 0;
}

if (args is ["run", _, "tcp" or "udp", _, _, _, ..] && args.Length is 6 or 7)
{
    var process = new DaemonProcess(Number(args[5], int.MaxValue));
    int atATime = args.Length == 7 ? Number(args[6], 1024) : 24;
    return Run(Number(args[1], Population.Max), args[2] == "tcp", IPEndPoint.Parse(args[3]), args[4], process, atATime);
}

Console.Error.WriteLine("usage: swarm config PEERS [ALLOWED-IPS] | swarm run PEERS tcp|udp ADDRESS:PORT KEY PID [AT-A-TIME]");
return 2;

static int Number(string text, int most) => int.Parse(text, CultureInfo.InvariantCulture) is > 0 and var number && number <= most
    ? number
    : throw new ArgumentException($"{text} is not a number from 1 to {most}.");

static int Run(int peers, bool isStream, IPEndPoint endpoint, string key, DaemonProcess daemon, int atATime)
{
    using var swarm = new Swarm(peers, new PublicKey(Convert.FromBase64String(key)), isStream);
    Say("rss_before_kb", daemon.StatusKb("VmRSS"));
    daemon.WaitUntilIdle();
    (double cpu, double control) = (daemon.CpuSeconds, daemon.ControlCpuSeconds);
    TimeSpan took = swarm.ShakeHands(endpoint, atATime);
    daemon.WaitUntilIdle();
    (cpu, control) = (daemon.CpuSeconds - cpu, daemon.ControlCpuSeconds - control);

    int done = peers - swarm.Failed;
    Say("handshakes", done);
    Say("failed", swarm.Failed);
    Say("retries", swarm.Retries);
    Say("seconds", took.TotalSeconds);
    Say("per_second", done / took.TotalSeconds);
    Say("cpu_seconds", cpu);
    Say("per_cpu_second", done / cpu);
    Say("control_cpu_seconds", control);
    Say("per_control_cpu_second", done / control);
    Say("rss_kb", daemon.StatusKb("VmRSS"));
    Say("peak_rss_kb", daemon.StatusKb("VmHWM"));
    Say("descriptors", daemon.Descriptors);
    Console.WriteLine("ready");
    while (Console.In.Read() >= 0)
    {
        // Until the end of its input.
    }

    return swarm.Failed == 0 ? 0 : 1;
}

static void Say(string name, double value) =>
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}\t{Math.Round(value, 3)}"));
