using WireGuard.Protocol.Tests;
using WireGuard.Protocol.Tests.Crypto;
using WireGuard.Protocol.Tests.Noise;

// Runs each, says which passed, and ends with the number of those that failed.
WycheproofTests wycheproof = new();
(string Name, Action Test)[] tests =
[
    ("Wycheproof, X25519", wycheproof.X25519_passes),
    ("Wycheproof, ChaCha20-Poly1305", wycheproof.Chacha20_poly1305_passes),
    ("Wycheproof, XChaCha20-Poly1305", wycheproof.Xchacha20_poly1305_passes),
    ("cacophony, IKpsk2", new IKpsk2VectorTests().Handshake_and_transport_agree_with_cacophony),
    ("a packet each way", CarryPackets),
];
int failed = 0;
foreach ((string name, Action test) in tests)
{
    try
    {
        test();
        Console.WriteLine($"passed: {name}");
    }
    catch (Exception e)
    {
        Console.WriteLine($"failed: {name}: {e.GetType().Name}: {e.Message}");
        failed++;
    }
}

return failed;

static void CarryPackets()
{
    List<string> shown = [];
    ReadmeExample.Run(1_000_000, (what, bytes) => shown.Add(what));
    Assert.Equal(3, shown.Count);
}
