using WireGuard.Attestation;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Provisioning;

/// <summary>A prover whose response holds.</summary>
/// <param name="Key">Its public key.</param>
/// <param name="Port">On which its tunnel listens.</param>
/// <param name="IsAttested">Whether a document holds; else the settings allowed that there is none.</param>
/// <param name="Module">The document's module_id; null without one.</param>
/// <param name="Pcrs">The document's measurements that are not zero.</param>
internal sealed record ProvenPeer(PublicKey Key, uint Port, bool IsAttested, string? Module, IReadOnlyList<ShownPcr> Pcrs)
{
    /// <param name="result">Without problems.</param>
    public static ProvenPeer Of(AttemptResult result) => result is { IsAttested: true, Document: { } document }
        ? new ProvenPeer(result.Key!.Value, result.Port, true, document.ModuleId, PcrsOf(document))
        : new ProvenPeer(result.Key!.Value, result.Port, false, null, []);

    private static List<ShownPcr> PcrsOf(AttestationDocument document)
    {
        List<ShownPcr> pcrs = [];
        for (int i = 0; i < AttestationDocument.PcrCount; i++)
        {
            ReadOnlySpan<byte> value = document.Pcr(i).Span;
            if (value.ContainsAnyExcept((byte)0))
                pcrs.Add(new ShownPcr(i, Convert.ToHexStringLower(value)));
        }

        return pcrs;
    }
}
