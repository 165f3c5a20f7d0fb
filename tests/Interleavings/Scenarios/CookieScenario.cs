using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.Interleavings.Scenarios;

/// <summary>
/// A mac2 under zeros, which anybody can make, is never taken, though the secret is wiped under those who check.
/// </summary>
internal sealed class CookieScenario : Scenario, IDisposable
{
    private readonly MacKeys _keys = new(new PublicKey([1, .. new byte[31]]));
    private readonly byte[] _source = [1, 2, 3, 4];
    private readonly byte[] _forged = new byte[InitiationMessage.Size];
    private readonly byte[] _genuine = new byte[InitiationMessage.Size];
    private CookieChecker _cookies;

    public CookieScenario()
    {
        _cookies = new CookieChecker(_keys);
        Span<byte> cookie = stackalloc byte[CookieReplyMessage.CookieSize];
        Blake2s.Mac(new byte[Blake2s.HashSize], _source, cookie);
        Blake2s.Mac(cookie, _forged.AsSpan()[..^MacKeys.MacSize], _forged.AsSpan()[^MacKeys.MacSize..]);
    }

    public override string Name => "cookies: none is taken of a secret that was wiped";

    public override int Threads => 3;

    public override void Prepare(Random random)
    {
        _cookies.Dispose();
        _cookies = new CookieChecker(_keys);
        Span<byte> cookie = stackalloc byte[CookieReplyMessage.CookieSize];
        Blake2s.Mac(_cookies.Refresh(1).Bytes, _source, cookie);
        Blake2s.Mac(cookie, _genuine.AsSpan()[..^MacKeys.MacSize], _genuine.AsSpan()[^MacKeys.MacSize..]);
        Scenario.Require(_cookies.IsMac2Valid(_genuine, _source, 1), "a genuine mac2 is refused");
    }

    public override void Run(int thread, Random random)
    {
        for (int i = 0; i < 4; i++)
        {
            if (thread == 2)
                _cookies.Refresh((i + 2) * Limits.CookieRefreshTimeMs);
            else
                Require(!_cookies.IsMac2Valid(_forged, _source, (i + 2) * Limits.CookieRefreshTimeMs), "a forged mac2 is taken");
        }
    }

    public override void Check() =>
        Require(!_cookies.IsMac2Valid(_genuine, _source, 5 * Limits.CookieRefreshTimeMs), "an old cookie is taken");

    public void Dispose() => _cookies.Dispose();
}
