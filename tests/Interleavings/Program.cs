using System.Globalization;
using System.Runtime.Versioning;
using WireGuard.Interleavings;
using WireGuard.Interleavings.Scenarios;

[assembly: SupportedOSPlatform("linux")]

// What lanes and control share, under schedules that a seed makes bad. One line a scenario, and one for all:
//     interleavings SECONDS [SEED [SCENARIO]]
#if DOORS
WireGuard.Protocol.Interleaving.Disturbance = Disturbance.Pass;
#else
Console.Error.WriteLine("built without its points: make interleavings");
return 2;
#endif
#pragma warning disable CS0162 // without its points it ends above
double seconds = args.Length > 0 ? double.Parse(args[0], CultureInfo.InvariantCulture) : 60;
bool hasSeed = args.Length > 1 && args[1].Length > 0;
ulong seed = hasSeed ? ulong.Parse(args[1], CultureInfo.InvariantCulture) : (ulong)DateTime.UtcNow.Ticks;
string pattern = args.Length > 2 ? args[2] : "";
Scenario[] all =
[
    new GraceScenario(), new SnapshotScenario(), new ActivityScenario(), new InboxScenario(), new CallersScenario(),
    new HandshakeQueueScenario(), new IndexScenario(), new RotationScenario(), new KeypairScenario(), new CookieScenario(),
    new SecretScenario(), new SendingScenario(),
];
Scenario[] chosen = [.. all.Where(scenario => scenario.Name.Contains(pattern, StringComparison.OrdinalIgnoreCase))];
Console.WriteLine($"seed {seed}");
int failed = 0;
long schedules = 0;
foreach (Scenario scenario in chosen)
{
    using var rounds = new Rounds(scenario, seed);
    string? problem = rounds.RunFor(TimeSpan.FromSeconds(seconds / chosen.Length));
    Console.WriteLine(problem is null
        ? $"ok     {scenario.Name}: {rounds.Count} schedules"
        : $"FAILED {scenario.Name}: {problem}; again with SEED={seed}");
    failed += problem is null ? 0 : 1;
    schedules += rounds.Count;
}

Console.WriteLine($"{schedules} schedules, seed {seed}");
Console.WriteLine($"{chosen.Length - failed} passed, {failed} failed");
return failed == 0 && chosen.Length > 0 ? 0 : 1;
