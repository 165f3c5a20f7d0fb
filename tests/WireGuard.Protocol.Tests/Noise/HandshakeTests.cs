using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Peers;

namespace WireGuard.Protocol.Tests.Noise;

/// <summary>Sections 5.1 to 5.4: two ends in memory.</summary>
public sealed class HandshakeTests
{
    private const long Now = 1_000_000;
    private static readonly byte[] Key1 = [.. Enumerable.Repeat((byte)1, 32)];
    private static readonly byte[] Key2 = [.. Enumerable.Repeat((byte)2, 32)];

    public static TheoryData<byte[]?, byte[]?, bool> PresharedKeys => new()
    {
        // A's, B's, whether a session comes about
        { null, null, true },
        { Key1, Key1, true },
        { new byte[32], null, true }, // all zero means none
        { Key1, Key2, false },
        { Key1, null, false },
        { null, Key1, false },
    };

    // ---- section 5.4: both ends derive one session ----------------------------------------------------------------

    [Theory]
    [MemberData(nameof(PresharedKeys))]
    public void Session_comes_about_when_both_have_the_same_preshared_key(byte[]? ofA, byte[]? ofB, bool expected)
    {
        (Party a, Party b) = Party.Pair(ofA, ofB);
        using (a)
        using (b)
        {
            byte[] response = b.Respond(a.Initiate(Now), Now)!;
            Assert.NotNull(response);
            Assert.Equal(expected, a.Consume(response, Now) is not null);
            if (expected)
                AssertTheyTalk(a, b, Now);
        }
    }

    [Fact]
    public void Indices_go_where_they_are_to_be_sent_to()
    {
        (Party a, Party b) = Party.Pair();
        byte[] initiation = a.Initiate(Now), response = b.Respond(initiation, Now)!;
        Keypair keypair = a.Consume(response, Now)!;
        Assert.Equal(MessageType.Initiation, new InitiationMessage(initiation).Type);
        uint ofA = new InitiationMessage(initiation).SenderIndex, ofB = new ResponseMessage(response).SenderIndex;
        Assert.Equal(MessageType.Response, new ResponseMessage(response).Type);
        Assert.Equal(ofA, new ResponseMessage(response).ReceiverIndex);
        Assert.Equal((ofA, ofB), (keypair.LocalIndex, keypair.RemoteIndex));
        Assert.True(keypair.IsInitiator);
        Keypair other = b.Peer.Keypairs.All.Single();
        Assert.Equal((ofB, ofA), (other.LocalIndex, other.RemoteIndex));
        Assert.False(other.IsInitiator);
    }

    [Fact]
    public void Responder_sends_only_after_the_initiator_has()
    {
        (Party a, Party b) = Party.Pair();
        a.Consume(b.Respond(a.Initiate(Now), Now)!, Now);
        Keypair next = b.Peer.Keypairs.All.Single();
        Assert.Null(b.Current);
        Assert.NotNull(b.Open(a.Seal([], Now)!, Now));
        Assert.Same(next, b.Current);
    }

    [Fact]
    public void Second_session_uses_new_keys()
    {
        (Party a, Party b) = Party.Connected(Now);
        byte[] first = a.Seal([1, 2, 3], Now)!;
        Party.Connect(a, b, Now + 20);
        byte[] second = a.Seal([1, 2, 3], Now + 20)!;
        Assert.NotEqual(first[8..], second[8..]);
        Assert.NotNull(b.Open(first, Now + 20)); // still under way
        Assert.NotNull(b.Open(second, Now + 20));
    }

    [Fact]
    public void Newer_initiation_replaces_the_one_that_waits()
    {
        (Party a, Party b) = Party.Pair();
        byte[] old = b.Respond(a.Initiate(Now), Now)!;
        byte[] current = b.Respond(a.Initiate(Now + 20), Now + 20)!;
        Assert.Null(a.Consume(old, Now + 20));
        Assert.NotNull(a.Consume(current, Now + 20));
        AssertTheyTalk(a, b, Now + 20);
    }

    // ---- section 5.4.4: macs --------------------------------------------------------------------------------------

    [Fact]
    public void Mac1_is_valid_for_the_receiver_alone_and_mac2_is_zero_without_a_cookie()
    {
        (Party a, Party b) = Party.Pair();
        byte[] initiation = a.Initiate(Now), response = b.Respond(initiation, Now)!;
        Assert.True(b.MacKeys.IsMac1Valid(initiation));
        Assert.False(a.MacKeys.IsMac1Valid(initiation));
        Assert.True(a.MacKeys.IsMac1Valid(response));
        Assert.False(b.MacKeys.IsMac1Valid(response));
        Assert.Equal(new byte[16], initiation[^16..]);
        Assert.Equal(new byte[16], response[^16..]);
    }

    [Fact]
    public void Any_flipped_bit_up_to_mac1_makes_mac1_wrong()
    {
        (Party a, Party b) = Party.Pair();
        byte[] initiation = a.Initiate(Now);
        for (int i = 0; i < initiation.Length - MacKeys.MacSize; i++)
        {
            Assert.Null(b.Respond(Flipped(initiation, i), Now));
        }

        Assert.NotNull(b.Respond(initiation, Now));
    }

    // ---- a failed message changes nothing -------------------------------------------------------------------------

    [Fact]
    public void Tampered_initiation_with_a_right_mac1_is_rejected_and_changes_nothing()
    {
        (Party a, Party b) = Party.Pair();
        byte[] initiation = a.Initiate(Now);
        for (int i = 8; i < 116; i++) // ephemeral, static, timestamp
        {
            byte[] tampered = Flipped(initiation, i);
            b.MacKeys.WriteMac1(tampered);
            Assert.True(b.Respond(tampered, Now) is null, $"byte {i}");
        }

        Assert.Empty(b.Peer.Keypairs.All);
        Assert.Equal(0, b.Peer.Timers.Activity.LastTraversal);
        Assert.NotNull(a.Consume(b.Respond(initiation, Now)!, Now));
        AssertTheyTalk(a, b, Now);
    }

    [Fact]
    public void Tampered_response_with_a_right_mac1_is_rejected_and_changes_nothing()
    {
        (Party a, Party b) = Party.Pair();
        byte[] response = b.Respond(a.Initiate(Now), Now)!;
        for (int i = 8; i < 60; i++) // receiver index, ephemeral, nothing
        {
            byte[] tampered = Flipped(response, i);
            a.MacKeys.WriteMac1(tampered);
            Assert.True(a.Consume(tampered, Now) is null, $"byte {i}");
        }

        Assert.Null(a.Peer.Keypairs.Current);
        Assert.NotEqual(0u, a.Peer.HandshakeIndex);
        Assert.NotNull(a.Consume(response, Now));
        AssertTheyTalk(a, b, Now);
    }

    [Fact]
    public void Response_that_was_taken_is_not_taken_again()
    {
        (Party a, Party b) = Party.Pair();
        byte[] response = b.Respond(a.Initiate(Now), Now)!;
        Keypair? keypair = a.Consume(response, Now);
        Assert.Equal(0u, a.Peer.HandshakeIndex);
        Assert.Null(a.Consume(response, Now));
        Assert.Same(keypair, a.Current);
    }

    [Fact]
    public void Response_to_another_index_is_rejected()
    {
        (Party a, Party b) = Party.Pair();
        byte[] response = b.Respond(a.Initiate(Now), Now)!;
        new ResponseMessage(response).ReceiverIndex++;
        a.MacKeys.WriteMac1(response);
        Assert.Null(a.Consume(response, Now));
    }

    [Fact]
    public void Response_from_someone_who_has_not_the_responders_key_is_rejected()
    {
        (Party a, Party b) = Party.Pair();
        byte[] initiation = a.Initiate(Now), forged = new byte[ResponseMessage.Size];
        var seen = new InitiationMessage(initiation);
        // All that goes into the response but es and ss, which take A's or B's private key.
        var state = SymmetricState.Create(SymmetricState.Identifier, b.Key.PublicKey.Bytes);
        state.MixHash(seen.Ephemeral);
        state.MixKey(seen.Ephemeral);
        state.MixHash(seen.EncryptedStatic);
        state.MixHash(seen.EncryptedTimestamp);
        using PrivateKey ephemeral = PrivateKey.Generate();
        var response = new ResponseMessage(forged) { Type = MessageType.Response, ReceiverIndex = seen.SenderIndex };
        ephemeral.PublicKey.CopyTo(response.Ephemeral);
        Assert.True(IKpsk2.TryWriteResponse(
            ref state, b.Aead, ephemeral.Bytes, ephemeral.PublicKey.Bytes, a.Key.PublicKey.Bytes, seen.Ephemeral, new byte[32],
            default, response.EncryptedNothing));
        a.MacKeys.WriteMac1(forged);
        Assert.Null(a.Consume(forged, Now));
        Assert.NotNull(a.Consume(b.Respond(initiation, Now)!, Now));
    }

    [Fact]
    public void Initiation_to_another_static_key_is_rejected()
    {
        (Party a, Party b) = Party.Pair();
        using PrivateKey other = PrivateKey.Generate();
        using var lost = new Party(a.Key, other.PublicKey);
        byte[] initiation = lost.Initiate(Now);
        Assert.Null(b.Respond(initiation, Now));
        b.MacKeys.WriteMac1(initiation);
        Assert.Null(b.Respond(initiation, Now));
    }

    [Fact]
    public void Initiation_under_a_peers_name_by_someone_without_its_key_is_rejected()
    {
        (Party a, Party b) = Party.Pair();
        using PrivateKey evil = PrivateKey.Generate();
        byte[] message = new byte[InitiationMessage.Size];
        using var toB = new RemoteIdentity(b.Key.PublicKey, evil); // a static-static secret that is not A's
        using var ephemeral = PrivateKey.Generate();
        var state = SymmetricState.Create(SymmetricState.Identifier, b.Key.PublicKey.Bytes);
        var initiation = new InitiationMessage(message);
        Assert.True(IKpsk2.TryWriteInitiation(
            ref state, a.Aead, ephemeral.Bytes, ephemeral.PublicKey.Bytes, a.Key.PublicKey.Bytes, b.Key.PublicKey.Bytes,
            toB.StaticStatic, new byte[12], initiation.EncryptedStatic, initiation.EncryptedTimestamp));
        ephemeral.PublicKey.CopyTo(initiation.Ephemeral);
        var responder = new HandshakeResponder(b.Key, b.Aead, initiation);
        Assert.True(responder.TryOpen(out PublicKey claimed));
        Assert.Equal(a.Key.PublicKey, claimed);
        Assert.False(responder.TryAuthenticate(b.Peer.Remote, out _));
    }

    // ---- sections 5.1 and 5.3: replays and floods -----------------------------------------------------------------

    [Fact]
    public void Replayed_initiation_is_rejected()
    {
        (Party a, Party b) = Party.Pair();
        byte[] initiation = a.Initiate(Now);
        Assert.NotNull(b.Respond(initiation, Now));
        Assert.Null(b.Respond(initiation, Now + 1_000));
    }

    [Fact]
    public void Initiation_older_than_the_last_is_rejected()
    {
        (Party a, Party b) = Party.Pair();
        byte[] older = a.Initiate(Now), newer = a.Initiate(Now);
        Assert.NotNull(b.Respond(newer, Now));
        Assert.Null(b.Respond(older, Now + 1_000));
    }

    [Fact]
    public void Replayed_initiation_is_rejected_after_its_keys_were_wiped()
    {
        (Party a, Party b) = Party.Pair();
        byte[] initiation = a.Initiate(Now);
        Assert.NotNull(b.Respond(initiation, Now));
        b.Peer.WipeKeys();
        Assert.Null(b.Respond(initiation, Now + 1_000));
    }

    [Fact]
    public void Initiation_within_20_ms_of_the_last_is_a_flood()
    {
        (Party a, Party b) = Party.Pair();
        Assert.NotNull(b.Respond(a.Initiate(Now), Now));
        byte[] next = a.Initiate(Now);
        Assert.Null(b.Respond(next, Now + 19));
        Assert.NotNull(b.Respond(next, Now + 20)); // nothing was noted of it
    }

    [Fact]
    public void Time_is_told_from_zero_too()
    {
        (Party a, Party b) = Party.Pair();
        Assert.NotNull(a.Consume(b.Respond(a.Initiate(0), 0)!, 0));
    }

    // ---- DEVIATION in HandshakeInitiator: an initiation of ours outlives one of theirs ----------------------------

    [Fact]
    public void Crossing_initiations_both_complete()
    {
        (Party a, Party b) = Party.Pair();
        byte[] fromA = a.Initiate(Now), fromB = b.Initiate(Now);
        byte[] responseOfA = a.Respond(fromB, Now)!, responseOfB = b.Respond(fromA, Now)!;
        Assert.NotNull(a.Consume(responseOfB, Now));
        Assert.NotNull(b.Consume(responseOfA, Now));
        AssertTheyTalk(a, b, Now);
        AssertTheyTalk(b, a, Now);
    }

    [Fact]
    public void Crossing_initiations_both_complete_though_one_end_is_a_message_behind()
    {
        (Party a, Party b) = Party.Pair();
        byte[] fromA = a.Initiate(Now), fromB = b.Initiate(Now);
        Assert.NotNull(a.Consume(b.Respond(fromA, Now)!, Now));
        Assert.NotNull(b.Open(a.Seal([1], Now)!, Now));
        Assert.NotNull(b.Consume(a.Respond(fromB, Now)!, Now));
        AssertTheyTalk(a, b, Now);
        AssertTheyTalk(b, a, Now);
    }

    [Fact]
    public void Session_after_crossing_initiations_can_be_renewed()
    {
        (Party a, Party b) = Party.Pair();
        byte[] fromA = a.Initiate(Now), fromB = b.Initiate(Now);
        byte[] responseOfA = a.Respond(fromB, Now)!, responseOfB = b.Respond(fromA, Now)!;
        a.Consume(responseOfB, Now);
        b.Consume(responseOfA, Now);
        Party.Connect(b, a, Now + 20);
        AssertTheyTalk(a, b, Now + 20);
        Party.Connect(a, b, Now + 40);
        AssertTheyTalk(a, b, Now + 40);
    }

    // ---- keys that are none ---------------------------------------------------------------------------------------

    public static TheoryData<string> LowOrderPoints => new()
    {
        // https://cr.yp.to/ecdh.html, "points of low order": 0, 1, two of order 8, p - 1, p, p + 1
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };

    [Theory]
    [MemberData(nameof(LowOrderPoints))]
    public void Peer_with_a_low_order_key_gets_no_handshake(string hex)
    {
        Assert.True(PublicKey.TryParseHex(hex, out PublicKey worthless));
        using var party = new Party(PrivateKey.Generate(), worthless);
        Assert.False(party.Peer.Remote.CanHandshake);
        Assert.False(party.TryInitiate(new byte[InitiationMessage.Size], Now));
        Assert.Equal(0u, party.Peer.HandshakeIndex);
        Assert.True(party.Peer.Timers.MayInitiate(Now));
    }

    [Theory]
    [MemberData(nameof(LowOrderPoints))]
    public void Initiation_with_a_low_order_ephemeral_is_rejected(string hex)
    {
        (Party a, Party b) = Party.Pair();
        byte[] initiation = a.Initiate(Now);
        Convert.FromHexString(hex).CopyTo(initiation.AsSpan(8));
        b.MacKeys.WriteMac1(initiation);
        Assert.Null(b.Respond(initiation, Now));
    }

    [Fact]
    public void Peer_of_a_device_without_a_private_key_gets_no_handshake()
    {
        using PrivateKey local = PrivateKey.Generate(), remote = PrivateKey.Generate();
        using var device = new WireGuardDevice<WireGuardPeer>();
        var peer = new WireGuardPeer(remote.PublicKey);
        device.Add(peer);
        Assert.False(peer.CanHandshake);
        device.SetPrivateKey(local);
        Assert.True(peer.CanHandshake);
        device.SetPrivateKey(null);
        Assert.False(peer.CanHandshake);
    }

    [Fact]
    public void Secret_of_the_static_keys_goes_with_our_private_key()
    {
        using PrivateKey local = PrivateKey.Generate(), remote = PrivateKey.Generate();
        using var identity = new RemoteIdentity(remote.PublicKey, local);
        Assert.NotEqual(new byte[32], identity.StaticStatic.ToArray());
        identity.SetLocal(null);
        Assert.True(identity.StaticStatic.IsEmpty);
    }

    private static void AssertTheyTalk(Party a, Party b, long nowMs)
    {
        byte[] packet = [.. Enumerable.Range(0, 48).Select(i => (byte)i)];
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(packet, b.Open(a.Seal(packet, nowMs)!, nowMs));
            Assert.Equal(packet, a.Open(b.Seal(packet, nowMs)!, nowMs));
        }
    }

    private static byte[] Flipped(byte[] message, int index)
    {
        byte[] copy = [.. message];
        copy[index] ^= (byte)(1 << (index % 8));
        return copy;
    }
}
