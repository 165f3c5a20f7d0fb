using WireGuard.Protocol;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.Interleavings.Scenarios;

/// <summary>
/// Keypairs that are wiped while lanes use them, without a grace period: what a lane may send was sealed with the right key and a
/// counter of its own, also by a lane that has used a wiped key before; and no other secret is where the keys were.
/// </summary>
internal sealed class KeypairScenario : Scenario, IDisposable
{
    private const int Each = 6;

    private readonly Aead[] _aeads = [new(), new()];
    private readonly Aead _checking = new();
    private readonly Keypair[] _near = new Keypair[2];
    private readonly Keypair[] _far = new Keypair[2];
    private readonly List<byte[]>[] _sealed = [[], []];
    private readonly List<Secret> _others = [];

    public override string Name => "keypair: wiped under a lane, it seals nothing that is sent";

    public override int Threads => 3;

    public override void Prepare(Random random)
    {
        Keypairs.BeginRound();
        for (int i = 0; i < 2; i++)
        {
            int number = Keypairs.NextNumber();
            _near[i] = Keypairs.Make(number, isInitiator: true, 1, 2);
            _far[i] = Keypairs.Make(number, isInitiator: false, 2, 1);
            _sealed[i].Clear();
        }

        _others.ForEach(secret => secret.Dispose());
        _others.Clear();
    }

    public override void Run(int thread, Random random)
    {
        if (thread == 2)
        {
            int expired = random.Next(2);
            Interleaving.Point();
            _near[expired].Wipe();
            for (int i = 0; i < 8; i++)
            {
                var secret = new Secret(2 * Secret.KeySize);
                secret.Bytes.Fill(0xA5);
                _others.Add(secret);
            }

            return;
        }

        for (int i = 0; i < Each; i++)
        {
            Keypair keypair = _near[i & 1];
            byte[] message = new byte[TransportMessage.Overhead + 16];
            if (keypair.TrySeal(_aeads[thread], message, Keypairs.NowMs) && !keypair.HasExpired)
                _sealed[thread].Add(message);
            else
                _aeads[thread].ForgetShort();
            Interleaving.Point();
        }
    }

    public override void Check()
    {
        foreach (byte[] message in _sealed[0].Concat(_sealed[1]))
        {
            bool isOpened = false;
            foreach (Keypair far in _far)
                isOpened |= far.TryOpen(_checking, message.ToArray(), Keypairs.NowMs, out _);
            Require(isOpened, "a message was sealed with another key, or with a counter twice");
        }

        foreach (Secret secret in _others)
            Require(secret.Bytes.IndexOfAnyExcept((byte)0xA5) < 0, "a secret was written over");
        foreach (Keypair keypair in _near.Concat(_far))
            keypair.Dispose();
    }

    public void Dispose()
    {
        Array.ForEach(_aeads, aead => aead.Dispose());
        _checking.Dispose();
    }
}
