using CsCheck;
using WireGuard.Vsock.SharedState;

namespace WireGuard.Vsock.Tests.Uapi;

/// <summary>Notes as a daemon may keep them.</summary>
internal static class NoteGenerators
{
    private static readonly Gen<string> SomeText = Gen.String[Gen.Char[' ', '~'], 1, 512];

    private static readonly Gen<string> Address = Gen.String[Gen.Char['!', '~'], 1, 120];

    private static readonly Gen<ShownPcr> Pcr =
        from index in Gen.Int[0, 31]
        from size in Gen.Int[2, 4].Select(words => 16 * words)
        from bytes in Gen.Byte.Array[size]
        select new ShownPcr(index, Convert.ToHexStringLower(bytes));

    internal static Gen<PeerNote> Peer { get; } =
        from isAttested in Gen.Bool
        from address in Address
        from module in SomeText.Null()
        from seconds in Gen.Long[0, long.MaxValue]
        from pcrs in Pcr.Array[0, PeerNote.MaxPcrs]
        select isAttested
            ? new PeerNote { Attest = address, AttestedAt = seconds, Module = module, Pcrs = pcrs }
            : new PeerNote { ProvisionedAt = seconds % 4 == 0 ? 0 : seconds }; // one that replaces another by nothing

    internal static Gen<DeviceNotes> Device { get; } =
        from kind in Gen.Int[0, 2].Select(string? (number) => number == 0 ? null : number == 1 ? "nitro" : "unattested")
        from port in Gen.UInt.Nullable()
        from awaited in Gen.Select(Address, SomeText).Array[0, 4]
        select new DeviceNotes
        {
            Provision = kind,
            ProvisionPort = port,
            Awaited = [.. awaited.Select(one => new AwaitedPeer(one.Item1, one.Item2))],
        };
}
