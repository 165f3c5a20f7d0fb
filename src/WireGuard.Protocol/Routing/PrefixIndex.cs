using System.Numerics;
using System.Runtime.CompilerServices;

namespace WireGuard.Protocol.Routing;

/// <summary>
/// A table in place of the upper levels of a large trie: a look-up begins at the slot that the address's leading bits choose and
/// then visits two or three nodes instead of about 17 among 100,000 prefixes, each a possible cache miss. Immutable.
/// </summary>
/// <typeparam name="TAddress">The address as a host integer.</typeparam>
/// <typeparam name="T">The owner.</typeparam>
/// <remarks>
/// The bits are those after the common start of nearly all prefixes, say 2001:db8::/32. Addresses without that start are looked
/// up in the trie.
/// </remarks>
internal sealed class PrefixIndex<TAddress, T>
    where TAddress : unmanaged, IBinaryInteger<TAddress>
    where T : class
{
    /// <summary>Fewer prefixes than this are found fast enough without.</summary>
    private const int MinPrefixes = 1024;

    private const int MaxBits = 17;

    private readonly PrefixNode<TAddress, T> _root;
    private readonly PrefixNode<TAddress, T> _base;
    private readonly Slot[] _slots;
    private readonly int _bits;  // that choose the slot
    private readonly int _shift; // of the address, so that those bits are its last

    private PrefixIndex(PrefixNode<TAddress, T> root, PrefixNode<TAddress, T> top, T? owner, int bits)
    {
        _root = root;
        _base = top;
        _bits = bits;
        _shift = BitCount - top.Length - bits;
        _slots = new Slot[1 << bits];
        Fill(top, owner, 0, _slots.Length);
    }

    private static int BitCount => Unsafe.SizeOf<TAddress>() * 8;

    /// <summary>The index of a trie; null for one that needs none.</summary>
    public static PrefixIndex<TAddress, T>? Of(PrefixNode<TAddress, T>? root)
    {
        int count = Count(root, int.MaxValue);
        if (count < MinPrefixes)
            return null;
        PrefixNode<TAddress, T> top = root!;
        T? owner = null;
        while (HeavyChild(top, count) is { } child)
        {
            owner = top.Owner ?? owner;
            top = child;
        }

        int bits = Math.Min(Math.Min(BitOperations.Log2((uint)count) + 1, MaxBits), BitCount - top.Length);
        return bits == 0 ? null : new PrefixIndex<TAddress, T>(root!, top, owner, bits);
    }

    /// <summary>The owner of the longest prefix that holds the address, or null.</summary>
    public T? Lookup(TAddress address)
    {
        if (!_base.Holds(address))
            return _root.Lookup(address);
        Slot slot = _slots[SlotOf(address)];
        return slot.Rest is null ? slot.Owner : slot.Rest.Lookup(address) ?? slot.Owner;
    }

    /// <summary>The child that has nearly all of so many prefixes; null if there is none.</summary>
    private static PrefixNode<TAddress, T>? HeavyChild(PrefixNode<TAddress, T> node, int count)
    {
        int most = count - (count / 16);
        for (int side = 0; side < 2; side++)
        {
            if (Count(node.Child(side), most) >= most)
                return node.Child(side);
        }

        return null;
    }

    /// <summary>How many prefixes there are from this node on; not more than that many are counted.</summary>
    private static int Count(PrefixNode<TAddress, T>? node, int atMost)
    {
        if (node is null)
            return 0;
        int count = node.Owner is null ? 0 : 1;
        if (count < atMost)
            count += Count(node.Child(0), atMost - count);
        if (count < atMost)
            count += Count(node.Child(1), atMost - count);
        return count;
    }

    private int SlotOf(TAddress address) => int.CreateTruncating(address >> _shift) & (_slots.Length - 1);

    /// <summary>Fills a range of slots, in which the node is the only one at its level.</summary>
    private void Fill(PrefixNode<TAddress, T>? node, T? owner, int from, int to)
    {
        if (node is null || node.Length >= _base.Length + _bits)
        {
            // Prefixes that the slots' bits do not distinguish are left to the node itself.
            _slots.AsSpan(from, to - from).Fill(new Slot(owner, null));
            if (node is not null)
                _slots[SlotOf(node.Prefix)] = new Slot(owner, node);
            return;
        }

        int start = SlotOf(node.Prefix), size = 1 << (_base.Length + _bits - node.Length);
        int middle = start + (size / 2), end = start + size;
        _slots.AsSpan(from, start - from).Fill(new Slot(owner, null));
        _slots.AsSpan(end, to - end).Fill(new Slot(owner, null));
        owner = node.Owner ?? owner;
        Fill(node.Child(0), owner, start, middle);
        Fill(node.Child(1), owner, middle, end);
    }

    /// <param name="Owner">Of the longest prefix that the slot's bits are within.</param>
    /// <param name="Rest">Where the longer ones begin; null for none.</param>
    private readonly record struct Slot(T? Owner, PrefixNode<TAddress, T>? Rest);
}
