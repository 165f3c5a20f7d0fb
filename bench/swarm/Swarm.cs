using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Swarm;

/// <summary>
/// All peers together: makes them, then lets a few at a time shake hands, each on a thread that blocks. A few, because the
/// daemon asks for cookies when 32 handshake messages wait, and that is another measurement.
/// </summary>
internal sealed class Swarm : IDisposable
{
    private readonly SwarmPeer[] _peers;
    private int _next = -1;
    private int _failed;

    public Swarm(int peers, PublicKey daemon, bool isStream)
    {
        _peers = new SwarmPeer[peers];
        for (int i = 0; i < peers; i++)
            _peers[i] = new SwarmPeer(i, daemon, isStream);
    }

    /// <summary>Peers that have no session.</summary>
    public int Failed => _failed;

    /// <summary>Initiations that had to be sent again.</summary>
    public int Retries => _peers.Sum(peer => peer.Retries);

    /// <summary>All peers shake hands.</summary>
    /// <returns>How long it took.</returns>
    public TimeSpan ShakeHands(EndPoint daemon, int atATime)
    {
        var threads = new Thread[atATime];
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < atATime; i++)
        {
            threads[i] = new Thread(() => ShakeHands(daemon));
            threads[i].Start();
        }

        foreach (Thread thread in threads)
            thread.Join();
        return Stopwatch.GetElapsedTime(began);
    }

    public void Dispose()
    {
        foreach (SwarmPeer peer in _peers)
            peer.Dispose();
    }

    private void ShakeHands(EndPoint daemon)
    {
        using var aead = new Aead();
        int i;
        while ((i = Interlocked.Increment(ref _next)) < _peers.Length)
        {
            try
            {
                _peers[i].ShakeHands(daemon, aead);
            }
            catch (Exception e) when (e is SocketException or TimeoutException)
            {
                if (Interlocked.Increment(ref _failed) == 1)
                    Console.Error.WriteLine($"swarm: peer {i}: {e.Message}");
            }
        }
    }
}
