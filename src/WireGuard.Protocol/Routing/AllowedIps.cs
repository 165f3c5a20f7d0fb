using System.Buffers.Binary;
using System.Collections.Immutable;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Routing;

/// <summary>
/// The cryptokey routing table (section 2 of the WireGuard paper): which peer owns an address, by longest prefix. It is
/// immutable: control makes the next table from this one, sharing what is equal, and lanes read theirs without locks.
/// </summary>
/// <remarks>
/// A lookup allocates nothing and takes at most one step a bit, in practice about log2 of the number of prefixes; in a table from
/// <see cref="WithIndex"/>, a few. An edit costs one path of the trie and of the map from owner to prefixes; dropping an
/// owner costs that for each of its own.
/// </remarks>
/// <typeparam name="T">The owner, compared by reference.</typeparam>
internal sealed class AllowedIps<T>
    where T : class
{
    private readonly PrefixNode<uint, T>? _root4;
    private readonly PrefixNode<UInt128, T>? _root6;
    private readonly ImmutableDictionary<T, ImmutableSortedSet<IpPrefix>> _prefixes;
    private readonly PrefixIndex<uint, T>? _index4;
    private readonly PrefixIndex<UInt128, T>? _index6;

    private AllowedIps(
        PrefixNode<uint, T>? root4, PrefixNode<UInt128, T>? root6, ImmutableDictionary<T, ImmutableSortedSet<IpPrefix>> prefixes)
    {
        _root4 = root4;
        _root6 = root6;
        _prefixes = prefixes;
    }

    /// <summary>The same table with its index.</summary>
    private AllowedIps(AllowedIps<T> table)
        : this(table._root4, table._root6, table._prefixes)
    {
        _index4 = PrefixIndex<uint, T>.Of(_root4);
        _index6 = PrefixIndex<UInt128, T>.Of(_root6);
        IsIndexed = true;
    }

    /// <summary>The table without prefixes.</summary>
#pragma warning disable CA1000 // like ImmutableList<T>.Empty
    public static AllowedIps<T> Empty { get; } =
#pragma warning restore CA1000
        new(null, null, ImmutableDictionary.Create<T, ImmutableSortedSet<IpPrefix>>(ReferenceEqualityComparer.Instance));

    /// <summary>The owner of the longest prefix that holds this address, or null.</summary>
    /// <param name="address">The address as a host integer: 10.0.0.1 is 0x0A000001.</param>
    public T? LookupIPv4(uint address) => _index4 is { } index ? index.Lookup(address) : _root4?.Lookup(address);

    /// <summary>The owner of the longest prefix that holds this address, or null.</summary>
    /// <param name="address">The address as a host integer: ::1 is 1.</param>
    public T? LookupIPv6(UInt128 address) => _index6 is { } index ? index.Lookup(address) : _root6?.Lookup(address);

    /// <summary>The owner of a packet's source address, or null.</summary>
    public T? LookupSource(ReadOnlySpan<byte> packet, in PacketHeaders headers) => Lookup(headers.Source(packet));

    /// <summary>The owner of a packet's destination address, or null.</summary>
    public T? LookupDestination(ReadOnlySpan<byte> packet, in PacketHeaders headers) => Lookup(headers.Destination(packet));

    /// <summary>Whether this table is from <see cref="WithIndex"/>.</summary>
    public bool IsIndexed { get; }

    /// <summary>
    /// The same table, with faster look-ups if it has a thousand prefixes or more: the one to publish. It costs about as much as
    /// visiting every prefix; tables made from it have no index.
    /// </summary>
    public AllowedIps<T> WithIndex() => IsIndexed ? this : new(this);

    /// <summary>Whether both families were large enough for an index, for tests.</summary>
    internal bool HasIndex => _index4 is not null && _index6 is not null;

    /// <summary>This owner's prefixes: IPv4 first, then by address, then by length.</summary>
    public IReadOnlyCollection<IpPrefix> PrefixesOf(T owner) => SetOf(owner);

    /// <summary>The table in which this prefix is the owner's, taken from its previous owner.</summary>
    public AllowedIps<T> With(IpPrefix prefix, T owner)
    {
        T? previous = Find(prefix);
        if (ReferenceEquals(previous, owner))
            return this;
        var prefixes = _prefixes.SetItem(owner, SetOf(owner).Add(prefix));
        if (previous is not null)
            prefixes = Unlist(prefixes, prefix, previous);
        return prefix.IsIPv6
            ? new(_root4, PrefixNode<UInt128, T>.With(_root6, prefix.Address, prefix.Length, owner), prefixes)
            : new(PrefixNode<uint, T>.With(_root4, Address4(prefix), prefix.Length, owner), _root6, prefixes);
    }

    /// <summary>The table without this prefix; the same table when the prefix is not the owner's.</summary>
    public AllowedIps<T> Without(IpPrefix prefix, T owner)
    {
        if (!ReferenceEquals(Find(prefix), owner))
            return this;
        var prefixes = Unlist(_prefixes, prefix, owner);
        return prefix.IsIPv6
            ? new(_root4, PrefixNode<UInt128, T>.Without(_root6, prefix.Address, prefix.Length), prefixes)
            : new(PrefixNode<uint, T>.Without(_root4, Address4(prefix), prefix.Length), _root6, prefixes);
    }

    /// <summary>The table without this owner; the same table if it owns nothing.</summary>
    public AllowedIps<T> WithoutOwner(T owner)
    {
        if (!_prefixes.TryGetValue(owner, out ImmutableSortedSet<IpPrefix>? owned))
            return this;
        PrefixNode<uint, T>? root4 = _root4;
        PrefixNode<UInt128, T>? root6 = _root6;
        foreach (IpPrefix prefix in owned)
        {
            if (prefix.IsIPv6)
                root6 = PrefixNode<UInt128, T>.Without(root6, prefix.Address, prefix.Length);
            else
                root4 = PrefixNode<uint, T>.Without(root4, Address4(prefix), prefix.Length);
        }
        return new(root4, root6, _prefixes.Remove(owner));
    }

    private T? Lookup(ReadOnlySpan<byte> address) => address.Length == sizeof(uint)
        ? LookupIPv4(BinaryPrimitives.ReadUInt32BigEndian(address))
        : LookupIPv6(BinaryPrimitives.ReadUInt128BigEndian(address));

    private T? Find(IpPrefix prefix) => prefix.IsIPv6
        ? PrefixNode<UInt128, T>.Find(_root6, prefix.Address, prefix.Length)
        : PrefixNode<uint, T>.Find(_root4, Address4(prefix), prefix.Length);

    private ImmutableSortedSet<IpPrefix> SetOf(T owner) => _prefixes.GetValueOrDefault(owner, NoPrefixes);

    private static ImmutableDictionary<T, ImmutableSortedSet<IpPrefix>> Unlist(
        ImmutableDictionary<T, ImmutableSortedSet<IpPrefix>> prefixes, IpPrefix prefix, T owner)
    {
        ImmutableSortedSet<IpPrefix> rest = prefixes[owner].Remove(prefix);
        // An owner of nothing is not kept: the table must not hold peers that are gone.
        return rest.IsEmpty ? prefixes.Remove(owner) : prefixes.SetItem(owner, rest);
    }

    private static uint Address4(IpPrefix prefix) => (uint)(prefix.Address >> 96);

    private static ImmutableSortedSet<IpPrefix> NoPrefixes { get; } = ImmutableSortedSet.Create<IpPrefix>(new ListingOrder());

    private sealed class ListingOrder : IComparer<IpPrefix>
    {
        public int Compare(IpPrefix x, IpPrefix y)
        {
            int order = x.IsIPv6.CompareTo(y.IsIPv6);
            if (order == 0)
                order = x.Address.CompareTo(y.Address);
            return order != 0 ? order : x.Length.CompareTo(y.Length);
        }
    }
}
