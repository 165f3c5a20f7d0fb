using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Routing;

/// <summary>
/// The receiver indices that we have given out (section 5.4): each names either a keypair or an initiation that waits for its
/// response. They are random, so that they cannot be guessed. Looked up without a lock by all lanes, changed by one thread.
/// </summary>
/// <typeparam name="TOwner">A peer.</typeparam>
internal sealed class IndexTable<TOwner>
    where TOwner : class
{
    private readonly ConcurrentDictionary<uint, Entry> _entries = new();

    // The reverse: the indices that we send to. Peers choose those, so two may be equal.
    private readonly ConcurrentDictionary<uint, TOwner> _receivers = new();

    public int Count => _entries.Count;

    /// <summary>Gives out a fresh index for a handshake in progress.</summary>
    public uint Allocate(TOwner owner)
    {
        Span<byte> random = stackalloc byte[sizeof(uint)];
        while (true)
        {
            SecureRandom.Fill(random);
            uint index = BinaryPrimitives.ReadUInt32LittleEndian(random);
            if (index != 0 && _entries.TryAdd(index, new Entry(owner, null)))
                return index;
        }
    }

    /// <summary>From now on the keypair's local index names it.</summary>
    public void Bind(TOwner owner, Keypair keypair)
    {
        _entries[keypair.LocalIndex] = new Entry(owner, keypair);
        Interleaving.Point();
        _receivers[keypair.RemoteIndex] = owner;
    }

    public void Free(uint index)
    {
        if (_entries.TryRemove(index, out Entry entry) && entry.Keypair is { } keypair)
        {
            Interleaving.Point();
            _receivers.TryRemove(new KeyValuePair<uint, TOwner>(keypair.RemoteIndex, entry.Owner));
        }
    }

    /// <summary>The peer that gave us an index that we send to.</summary>
    public bool TryFindReceiver(uint remoteIndex, [MaybeNullWhen(false)] out TOwner owner) =>
        _receivers.TryGetValue(remoteIndex, out owner);

    /// <summary>The owner of an index; false for one that was not given out.</summary>
    public bool TryFind(uint index, [MaybeNullWhen(false)] out TOwner owner, out Keypair? keypair)
    {
        bool found = _entries.TryGetValue(index, out Entry entry);
        owner = entry.Owner;
        keypair = entry.Keypair;
        return found;
    }

    private readonly record struct Entry(TOwner Owner, Keypair? Keypair);
}
