using System.Net;
using System.Net.Sockets;
using WireGuard.Attestation;
using WireGuard.Attestation.Signing;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Provisioning;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Tests.Provisioning;

/// <summary>A verifier, the provers that it attests, and what stands between the two.</summary>
internal sealed class AttemptParts : IDisposable
{
    private static readonly Lazy<Signer> s_signer = new(() => Signer.Create(DateTimeOffset.UtcNow));

    private readonly List<IDisposable> _parts = [];

    public static byte[] Pcr0 { get; } = [.. Enumerable.Repeat((byte)0x5A, 48)];

    public PrivateKey Verifier { get; } = PrivateKey.Generate();

    public void Dispose()
    {
        Enumerable.Reverse(_parts).ToList().ForEach(part => part.Dispose());
        Verifier.Dispose();
    }

    public ProverParts Prover(bool isAttested)
    {
        var prover = new ProverParts(isAttested) { MakeDocument = (nonce, key, data) => Sign(s_signer.Value, nonce, key, data) };
        _parts.Add(prover);
        return prover;
    }

    public Middle Between(ProverParts prover)
    {
        var middle = new Middle(prover);
        _parts.Add(middle);
        return middle;
    }

    public Attempt Begin(ProverParts prover, TransportAddress to, Action<AttemptResult> onEnded)
    {
        Attempt attempt = null!;
        attempt = Attempt.Start(
            prover.Loop, Settings(to), s_signer.Value.Root, Verifier, _ => attempt.Answer(null), onEnded);
        return attempt;
    }

    public AttemptResult Run(
        ProverParts prover,
        Middle middle,
        Func<AttestSettings, AttestSettings>? with = null,
        Func<AttemptResult, string?>? refuses = null,
        bool confirms = true,
        PrivateKey? key = null)
    {
        AttestSettings settings = Settings(middle.Address);
        AttemptResult? result = null;
        Attempt attempt = null!;
        attempt = Attempt.Start(
            prover.Loop,
            with is null ? settings : with(settings),
            s_signer.Value.Root,
            key ?? Verifier,
            confirms ? shown => attempt.Answer(refuses?.Invoke(shown)) : null,
            ended => result = ended);
        Until(prover, () =>
        {
            middle.Pass();
            return result is not null;
        });
        attempt.Dispose();
        return result!;
    }

    public static TransportAddress AddressOf(TcpListener listener) =>
        new(NetworkKind.Tcp, "127.0.0.1", 0, (uint)((IPEndPoint)listener.LocalEndpoint).Port);

    public static Socket Accept(ProverParts prover, TcpListener listener)
    {
        Until(prover, listener.Pending);
        Socket accepted = listener.AcceptSocket();
        Until(prover, () => accepted.Available > 0);
        return accepted;
    }

    /// <summary>Turns the loop until it is so.</summary>
    public static void Until(ProverParts prover, Func<bool> isSo)
    {
        for (int i = 0; !isSo(); i++)
        {
            if (i == 20_000)
                throw new TimeoutException("it does not come about");
            prover.Loop.RunOnce(1);
        }
    }

    public static byte[] Sign(Signer signer, byte[] nonce, byte[] key, byte[] userData) =>
        signer.Document(Signer.Pcrs((0, Pcr0)), nonce, key, userData, DateTimeOffset.UtcNow);

    private static AttestSettings Settings(TransportAddress address) => new()
    {
        Address = address,
        Pins = [new PcrPin(0, Pcr0)],
        AllowsUnattested = true,
        Offer = new Offer { Mtu = 1_380 },
    };
}
