using WireGuard.Protocol;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Interleavings.Scenarios;

/// <summary>
/// Lanes post signals of peers, control sleeps until its descriptor is readable. No signal is lost, and there are no more
/// wake-ups than posts.
/// </summary>
internal sealed class InboxScenario : Scenario, IDisposable
{
    private readonly ControlInbox _inbox = new();
    private readonly Peer[] _peers = new Peer[3];
    private readonly int[] _posted = new int[3];
    private readonly int[] _seen = new int[3]; // how many had been posted when signals were last taken
    private int _postsLeft;
    private int _posts;
    private int _wakes;

    public InboxScenario()
    {
        for (int i = 0; i < _peers.Length; i++)
        {
            byte[] key = new byte[PublicKey.Size];
            key[0] = (byte)(i + 1);
            _peers[i] = new Peer(new PublicKey(key));
        }
    }

    public override string Name => "inbox: no signal is lost";

    public override int Threads => 3;

    public override void Prepare(Random random)
    {
        Array.Clear(_posted);
        Array.Clear(_seen);
        _wakes = 0;
        _posts = _postsLeft = 2 * 4;
    }

    public override void Run(int thread, Random random)
    {
        if (thread == 2)
        {
            Control();
            return;
        }

        for (int i = 0; i < 4; i++)
        {
            int peer = random.Next(_peers.Length);
            PeerSignals signal = thread == 0 ? PeerSignals.HasStaged : PeerSignals.Roamed;
            Interlocked.Increment(ref _posted[peer]);
            _inbox.Post(_peers[peer], signal);
            Interlocked.Decrement(ref _postsLeft);
            Interleaving.Point();
        }
    }

    public override void Check()
    {
        for (int i = 0; i < _peers.Length; i++)
            Require(_posted[i] == _seen[i], $"control sleeps, and has seen {_seen[i]} of {_posted[i]} signals");
        Require(_wakes <= _posts, $"{_wakes} wake-ups for {_posts} posts");
    }

    public void Dispose() => _inbox.Dispose();

    private void Control()
    {
        while (true)
        {
            // Before the look: after the last post it must be readable, or all was taken.
            bool isOver = Volatile.Read(ref _postsLeft) == 0;
            if (Sys.Poll(_inbox.Fd, POLLIN, 0) > 0)
            {
                _wakes++;
                _inbox.BeginTaking();
                for (int left = _inbox.PeersWaiting; left > 0 && _inbox.TryTake(out Peer? peer); left--)
                {
                    int index = Array.IndexOf(_peers, peer);
                    Require(peer.TakeSignals() != PeerSignals.None, "a peer without signals was queued");
                    _seen[index] = Volatile.Read(ref _posted[index]);
                    Interleaving.Point();
                }
            }
            else if (isOver)
            {
                return;
            }
            else
            {
                Thread.Yield();
            }
        }
    }
}
