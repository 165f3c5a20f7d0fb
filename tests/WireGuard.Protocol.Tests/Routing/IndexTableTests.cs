using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Routing;
using WireGuard.Protocol.Tests.Noise;

namespace WireGuard.Protocol.Tests.Routing;

/// <summary>Section 5.4: receiver indices.</summary>
public sealed class IndexTableTests
{
    private readonly IndexTable<string> _table = new();

    [Fact]
    public void Index_names_a_handshake_until_its_keypair_takes_it_over()
    {
        uint index = _table.Allocate("peer");
        Assert.True(_table.TryFind(index, out string? owner, out Keypair? keypair));
        Assert.Equal("peer", owner);
        Assert.Null(keypair);

        (Keypair derived, _) = KeypairTests.Pair(0, index);
        _table.Bind("peer", derived);
        Assert.True(_table.TryFind(index, out owner, out keypair));
        Assert.Equal("peer", owner);
        Assert.Same(derived, keypair);
        Assert.Equal(1, _table.Count);
    }

    [Fact]
    public void Index_that_we_send_to_names_its_peer_while_its_keypair_is_known()
    {
        uint index = _table.Allocate("peer");
        (Keypair keypair, _) = KeypairTests.Pair(0, index);
        Assert.False(_table.TryFindReceiver(keypair.RemoteIndex, out _));
        _table.Bind("peer", keypair);
        Assert.True(_table.TryFindReceiver(keypair.RemoteIndex, out string? owner));
        Assert.Equal("peer", owner);
        _table.Free(index);
        Assert.False(_table.TryFindReceiver(keypair.RemoteIndex, out _));
    }

    [Fact]
    public void Freed_index_names_nobody()
    {
        uint index = _table.Allocate("peer");
        _table.Free(index);
        Assert.False(_table.TryFind(index, out string? owner, out Keypair? keypair));
        Assert.Null(owner);
        Assert.Null(keypair);
        _table.Free(index); // nothing is freed twice
        Assert.Equal(0, _table.Count);
    }

    [Fact]
    public void Zero_names_nobody() => Assert.False(_table.TryFind(0, out _, out _));

    [Fact]
    public void Indices_differ_and_are_not_in_any_order()
    {
        uint[] indices = [.. Enumerable.Range(0, 10_000).Select(_ => _table.Allocate("peer"))];
        Assert.Equal(indices.Length, indices.Distinct().Count());
        Assert.DoesNotContain(0u, indices);
        Assert.InRange(indices.Zip(indices.Skip(1)).Count(pair => pair.First < pair.Second), 4_000, 6_000);
    }

    [Fact]
    public void Looking_up_allocates_nothing()
    {
        uint index = _table.Allocate("peer");
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (uint i = 0; i < 1_000; i++)
            {
                _table.TryFind(index, out _, out _);
                _table.TryFind(i, out _, out _);
            }
        }));
    }
}
