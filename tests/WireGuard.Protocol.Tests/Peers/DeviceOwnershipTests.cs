using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Peers;

namespace WireGuard.Protocol.Tests.Peers;

/// <summary>What belongs to a device: its keys, each wiped once and no sooner than it is replaced, and its peers.</summary>
public sealed class DeviceOwnershipTests : IDisposable
{
    private readonly Ends _ends = new();

    private Ends.End A => _ends.A;

    private Ends.End B => _ends.B;

    public void Dispose() => _ends.Dispose();

    [Fact]
    public void Private_key_that_is_set_again_is_kept_and_so_are_the_sessions()
    {
        _ends.Connect();
        A.Device.SetPrivateKey(A.Device.PrivateKey);
        Assert.Equal(A.PublicKey, new PrivateKey(A.Device.PrivateKey!.Bytes).PublicKey);
        AssertCarries();
        _ends.NowMs += 5_000;
        _ends.Connect();
    }

    [Fact]
    public void Private_key_that_is_replaced_is_wiped()
    {
        PrivateKey old = A.Device.PrivateKey!;
        A.Device.SetPrivateKey(PrivateKey.Generate());
        Assert.Throws<ObjectDisposedException>(() => old.Bytes.Length);
        Assert.True(A.Peer.CanHandshake);
    }

    [Fact]
    public void Key_that_was_disposed_of_is_refused_and_changes_nothing()
    {
        _ends.Connect();
        var key = PrivateKey.Generate();
        key.Dispose();
        Assert.Throws<ObjectDisposedException>(() => A.Device.SetPrivateKey(key));
        var presharedKey = new PresharedKey([.. Enumerable.Repeat((byte)7, 32)]);
        presharedKey.Dispose();
        Assert.Throws<ObjectDisposedException>(() => A.Peer.SetPresharedKey(presharedKey));
        AssertCarries();
        _ends.NowMs += 5_000;
        _ends.Connect();
    }

    [Fact]
    public void Preshared_key_that_is_set_again_is_kept()
    {
        A.Peer.SetPresharedKey(new PresharedKey([.. Enumerable.Repeat((byte)7, 32)]));
        B.Peer.SetPresharedKey(new PresharedKey([.. Enumerable.Repeat((byte)7, 32)]));
        A.Peer.SetPresharedKey(A.Peer.PresharedKey!);
        _ends.Connect();
    }

    [Fact]
    public void Device_that_is_disposed_of_answers_nothing_and_begins_nothing()
    {
        byte[]? initiation = _ends.Begin(A), response = _ends.Receive(B, initiation).Reply;
        B.Device.Dispose();
        A.Device.Dispose();
        Assert.Null(B.Device.PrivateKey);
        Assert.Equal(HandshakeOutcome.Ignored, _ends.Receive(B, initiation).Outcome);
        Assert.Equal(HandshakeOutcome.Ignored, _ends.Receive(B, initiation, new MessageSource([1], 1)).Outcome);
        Assert.Equal(HandshakeOutcome.Ignored, _ends.Receive(A, response).Outcome);
        Assert.Null(_ends.Begin(A));
    }

    [Fact]
    public void Only_the_peer_itself_can_be_removed_and_no_other_with_its_key()
    {
        _ends.Connect();
        A.Device.Remove(new WireGuardPeer(A.Peer.PublicKey));
        A.Device.Remove(B.Peer);
        Assert.Same(A.Peer, A.Device.Peers[A.Peer.PublicKey]);
        AssertCarries();
    }

    [Fact]
    public void Peer_that_is_or_was_of_a_device_is_not_added()
    {
        Assert.Throws<InvalidOperationException>(() => A.Device.Add(A.Peer));
        Assert.Throws<InvalidOperationException>(() => A.Device.Add(B.Peer));
        Assert.Throws<ArgumentException>(() => A.Device.Add(new WireGuardPeer(A.Peer.PublicKey)));
        Assert.Same(A.Peer, Assert.Single(A.Device.Peers).Value);
        _ends.Connect();
        A.Device.Remove(A.Peer);
        Assert.Throws<InvalidOperationException>(() => A.Device.Add(A.Peer));
        A.Device.Add(A.Peer = new WireGuardPeer(B.PublicKey));
        _ends.NowMs += 5_000;
        _ends.Connect();
    }

    /// <summary>The session of the two carries a packet each way.</summary>
    private void AssertCarries()
    {
        Assert.NotNull(_ends.Open(B, _ends.Seal(A, [1])));
        Assert.NotNull(_ends.Open(A, _ends.Seal(B, [1])));
    }
}
