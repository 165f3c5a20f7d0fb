using WireGuard.Protocol;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Routing;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Interleavings.Scenarios;

/// <summary>A lane sees all of a published change or nothing of it, and never an older one after a newer.</summary>
internal sealed class SnapshotScenario : Scenario, IDisposable
{
    private const int Versions = 16;

    private readonly Snapshot[] _versions = new Snapshot[Versions];
    private readonly CookieChecker[] _cookies = new CookieChecker[Versions];
    private Published _published = new();

    public SnapshotScenario()
    {
        for (int i = 0; i < Versions; i++)
        {
            byte[] key = new byte[PublicKey.Size];
            key[0] = (byte)(i + 1);
            var macKeys = new MacKeys(new PublicKey(key));
            _cookies[i] = new CookieChecker(macKeys);
            _versions[i] = Version(i, macKeys);
        }
    }

    public override string Name => "snapshot: a change is seen whole";

    public override int Threads => 3;

    public override void Prepare(Random random) => _published = new Published { Snapshot = _versions[0] };

    public override void Run(int thread, Random random)
    {
        int last = 0;
        for (int i = 1; i < Versions; i++)
        {
            if (thread == 2)
            {
                // Made anew, as control does: what a lane sees of it must have been written before it was published.
                Snapshot model = _versions[i];
                _published.Snapshot = Version(i, model.MacKeys!);
            }
            else
            {
                Snapshot seen = _published.Snapshot;
                int version = seen.Mtu;
                Interleaving.Point();
                Require(seen.Cookies == _cookies[version] && seen.MacKeys == _versions[version].MacKeys, "parts of two changes");
                Require(version >= last, "an older change is seen after a newer one");
                last = version;
            }

            Interleaving.Point();
        }
    }

    public override void Check() => Require(_published.Snapshot.Mtu == Versions - 1, "the last change is lost");

    public void Dispose() => Array.ForEach(_cookies, cookies => cookies.Dispose());

    private Snapshot Version(int i, MacKeys macKeys) =>
        new(AllowedIps<Peer>.Empty, macKeys, i) { Cookies = _cookies[i], HasSeveralPeers = (i & 1) != 0 };
}
