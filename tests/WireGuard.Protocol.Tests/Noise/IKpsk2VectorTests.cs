using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;

namespace WireGuard.Protocol.Tests.Noise;

/// <summary>
/// The Noise specification's pattern IKpsk2, section 5.4 of the paper, against the vector of cacophony
/// (https://github.com/haskell-cryptography/cacophony), with its own prologue and payloads.
/// </summary>
public sealed class IKpsk2VectorTests
{
    private readonly ILookup<string, string[]> _values =
        VectorTable.Lines("cacophony_IKpsk2").Select(line => line.Split(' ')).ToLookup(words => words[0], words => words[1..]);

    [Fact]
    public void Handshake_and_transport_agree_with_cacophony()
    {
        (byte[] Payload, byte[] Ciphertext)[] messages =
            [.. _values["message"].Select(words => (VectorTable.Bytes(words[0]), VectorTable.Bytes(words[1])))];
        Assert.Equal(6, messages.Length);
        using PrivateKey initiatorStatic = new(Bytes("init_static")), initiatorEphemeral = new(Bytes("init_ephemeral"));
        using PrivateKey responderStatic = new(Bytes("resp_static")), responderEphemeral = new(Bytes("resp_ephemeral"));
        byte[] prologue = Bytes("init_prologue"), presharedKey = Bytes("init_psk");
        Assert.Equal(prologue, Bytes("resp_prologue"));
        Assert.Equal(presharedKey, Bytes("resp_psk"));
        Assert.Equal(Bytes("init_remote_static"), responderStatic.PublicKey.Bytes.ToArray());
        using var aead = new Aead();
        byte[] staticStatic = new byte[32];
        Assert.True(X25519.TrySharedSecret(initiatorStatic.Bytes, responderStatic.PublicKey.Bytes, staticStatic));

        // The initiation: ephemeral 32 | static 32 + 16 | payload n + 16
        (byte[] payload, byte[] expected) = messages[0];
        byte[] encryptedStatic = new byte[48], encryptedPayload = new byte[payload.Length + 16];
        var initiator = SymmetricState.Create(prologue, responderStatic.PublicKey.Bytes);
        Assert.True(IKpsk2.TryWriteInitiation(
            ref initiator, aead, initiatorEphemeral.Bytes, initiatorEphemeral.PublicKey.Bytes, initiatorStatic.PublicKey.Bytes,
            responderStatic.PublicKey.Bytes, staticStatic, payload, encryptedStatic, encryptedPayload));
        Assert.Equal<byte[]>(expected, [.. initiatorEphemeral.PublicKey.Bytes, .. encryptedStatic, .. encryptedPayload]);

        byte[] openedStatic = new byte[32], openedPayload = new byte[payload.Length];
        var responder = SymmetricState.Create(prologue, responderStatic.PublicKey.Bytes);
        Assert.True(IKpsk2.TryReadInitiationStatic(
            ref responder, aead, responderStatic.Bytes, expected.AsSpan(0, 32), expected.AsSpan(32, 48), openedStatic));
        Assert.Equal(initiatorStatic.PublicKey.Bytes.ToArray(), openedStatic);
        Assert.True(IKpsk2.TryReadInitiationPayload(ref responder, aead, staticStatic, expected.AsSpan(80), openedPayload));
        Assert.Equal(payload, openedPayload);

        // The response: ephemeral 32 | payload n + 16
        (payload, expected) = messages[1];
        encryptedPayload = new byte[payload.Length + 16];
        Assert.True(IKpsk2.TryWriteResponse(
            ref responder, aead, responderEphemeral.Bytes, responderEphemeral.PublicKey.Bytes, openedStatic,
            initiatorEphemeral.PublicKey.Bytes, presharedKey, payload, encryptedPayload));
        Assert.Equal<byte[]>(expected, [.. responderEphemeral.PublicKey.Bytes, .. encryptedPayload]);

        openedPayload = new byte[payload.Length];
        Assert.True(IKpsk2.TryReadResponse(
            ref initiator, aead, initiatorEphemeral.Bytes, initiatorStatic.Bytes, expected.AsSpan(0, 32), presharedKey,
            expected.AsSpan(32), openedPayload));
        Assert.Equal(payload, openedPayload);
        Assert.Equal(Bytes("handshake_hash"), initiator.Hash.ToArray());
        Assert.Equal(Bytes("handshake_hash"), responder.Hash.ToArray());

        AssertTransport(ref initiator, messages[2..], aead);
        AssertTransport(ref responder, messages[2..], aead);
    }

    /// <summary>From the third message on the two take turns, the initiator first, each counting its own.</summary>
    private static void AssertTransport(
        ref SymmetricState state, (byte[] Payload, byte[] Ciphertext)[] messages, Aead aead)
    {
        byte[][] keys = [new byte[32], new byte[32]];
        state.Split(keys[0], keys[1]);
        for (int i = 0; i < messages.Length; i++)
        {
            byte[] ciphertext = new byte[messages[i].Payload.Length + 16];
            aead.Seal(keys[i % 2], (ulong)i / 2, default, messages[i].Payload, ciphertext);
            Assert.Equal(messages[i].Ciphertext, ciphertext);
        }
    }

    private byte[] Bytes(string name) => VectorTable.Bytes(Assert.Single(Assert.Single(_values[name])));
}
