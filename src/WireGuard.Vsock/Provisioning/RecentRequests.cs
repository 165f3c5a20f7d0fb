using System.Buffers.Binary;
using WireGuard.Protocol.Crypto;

namespace WireGuard.Vsock.Provisioning;

/// <summary>
/// The requests that provers with one key have seen. It outlasts a prover that listens elsewhere: a recorded exchange is good
/// again for one that has forgotten it.
/// </summary>
internal sealed class SeenRequests
{
    public RecentRequests Responded { get; } = new();

    /// <summary>Apart: only verifiers that are taken can fill it.</summary>
    public RecentRequests Taken { get; } = new();

    public bool HasSeen(ReadOnlySpan<byte> request) => Responded.Contains(request) || Taken.Contains(request);
}

/// <summary>Remembers requests, the last 4,096 of them, to know one that comes again.</summary>
internal sealed class RecentRequests
{
    public const int Most = 4096;

    private readonly UInt128[] _names = new UInt128[Most];
    private int _count; // ever

    public bool Contains(ReadOnlySpan<byte> request)
    {
        UInt128 name = NameOf(request);
        for (int i = 0; i < Math.Min(_count, Most); i++)
        {
            if (_names[i] == name)
                return true;
        }

        return false;
    }

    public void Add(ReadOnlySpan<byte> request) => _names[_count++ % Most] = NameOf(request);

    /// <summary>Of all of it: a nonce that another verifier has used says nothing.</summary>
    private static UInt128 NameOf(ReadOnlySpan<byte> request)
    {
        Span<byte> digest = stackalloc byte[Blake2s.HashSize];
        Blake2s.Hash(request, [], digest);
        return BinaryPrimitives.ReadUInt128LittleEndian(digest);
    }
}
