using WireGuard.Protocol;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.Interleavings.Scenarios;

/// <summary>
/// While control begins and confirms sessions, lanes find a keypair to send with at any time, and never an older one after a
/// newer.
/// </summary>
internal sealed class RotationScenario : Scenario, IDisposable
{
    private const int Sessions = 4;

    private readonly Aead _aead = new();
    private readonly byte[] _message = new byte[TransportMessage.MinSize];
    private readonly Keypair[] _sessions = new Keypair[Sessions + 1];
    private readonly Keypair[] _peers = new Keypair[Sessions + 1];
    private KeypairRotation _rotation = new(_ => { });
    private int _isOver;

    public override string Name => "rotation: never an older keypair after a newer";

    public override int Threads => 3;

    public override void Prepare(Random random)
    {
        Keypairs.BeginRound();
        _rotation = new KeypairRotation(_ => { });
        _isOver = 0;
        for (int i = 0; i <= Sessions; i++)
        {
            _sessions[i]?.Dispose();
            _peers[i]?.Dispose();
            int number = Keypairs.NextNumber();
            _sessions[i] = Keypairs.Make(number, isInitiator: false, (uint)i, (uint)i);
            _peers[i] = Keypairs.Make(number, isInitiator: true, (uint)i, (uint)i);
        }

        _rotation.BeginAsInitiator(_sessions[0]);
    }

    public override void Run(int thread, Random random)
    {
        if (thread == 2)
            Control();
        else
            Lane();
    }

    public override void Check() => Require(_rotation.Current == _sessions[Sessions], "the last session is not the current one");

    public void Dispose() => _aead.Dispose();

    private void Lane()
    {
        uint last = 0;
        while (Volatile.Read(ref _isOver) == 0)
        {
            Keypair? current = _rotation.Current;
            Require(current is not null, "there is no keypair to send with");
            Require(current!.LocalIndex >= last, "an older keypair is found after a newer one");
            last = current.LocalIndex;
            Interleaving.Point();
        }
    }

    private void Control()
    {
        try
        {
            for (int i = 1; i <= Sessions; i++)
            {
                _rotation.BeginAsResponder(_sessions[i]);
                Interleaving.Point();
                long now = Keypairs.NowMs;
                // A first message comes in under it.
                bool isHeard = _peers[i].TrySeal(_aead, _message, now) && _sessions[i].TryOpen(_aead, _message, now, out _);
                Require(isHeard, "no message");
                Interleaving.Point();
                Require(_rotation.TryConfirm(), "a session that was heard is not confirmed");
                Interleaving.Point();
            }
        }
        finally
        {
            Volatile.Write(ref _isOver, 1);
        }
    }
}
