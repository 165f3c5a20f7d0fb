using WireGuard.Protocol.Tests;
using WireGuard.Protocol.Tests.Crypto;
using WireGuard.Protocol.Tests.Framing;
using WireGuard.Protocol.Tests.Noise;
using WireGuard.Protocol.Tests.Segmentation;

// Runs each, says which passed, and ends with the number of those that failed. Built by `make RUNTIME=linux-arm64
// out/linux-arm64/WireGuard.Vectors`.
WycheproofTests wycheproof = new();
InternetChecksumTests sums = new();
FrameCodecTests frames = new();
(string Name, Action Test)[] tests =
[
    ("Wycheproof, X25519", wycheproof.X25519_passes),
    ("Wycheproof, ChaCha20-Poly1305", wycheproof.Chacha20_poly1305_passes),
    ("Wycheproof, XChaCha20-Poly1305", wycheproof.Xchacha20_poly1305_passes),
    ("cacophony, IKpsk2", new IKpsk2VectorTests().Handshake_and_transport_agree_with_cacophony),
    ("a packet each way", CarryPackets),
    ("checksums of every length and alignment", sums.Every_length_and_alignment_agrees_with_the_naive_sum),
    ("checksums of large packets", sums.Large_ones_agree_with_the_naive_sum),
    ("zlib's CRC-32", frames.Header_is_length_and_checksum_in_little_endian),
    ("CRC-32, every flipped bit", frames.Every_flipped_bit_is_noticed),
    ("frames, every prefix", frames.Every_prefix_of_a_frame_is_incomplete_and_says_how_long_it_will_be),
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
