using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Peers;

/// <summary>
/// HELLO, between two daemons over streams. It is said once under each new session: by the initiator as soon as it has the
/// response, by the responder once the session is confirmed. It is then owed under a session
/// <code>
/// under which the peer has said it, and we have not    handshakes have crossed: each end sends with its own keypair
/// under which we have said something else              superpackets were withdrawn
/// </code>
/// For the timers it is a keepalive. Owner thread only.
/// </summary>
public partial class WireGuardPeer
{
    /// <summary>The bytes of the message that carries one, padding included.</summary>
    internal const int HelloMessageSize = TransportMessage.Overhead + Limits.PaddingMultiple;

    /// <summary>
    /// What the peer accepts under the session that we send with; null if it may not send, or the peer has not said.
    /// </summary>
    internal Hello? RemoteHello(long nowMs) =>
        Keypairs.Current is { } keypair && keypair.CanSend(nowMs) ? keypair.RemoteHello : null;

    /// <summary>Writes HELLO under the session that we send with, and notes that it is sent.</summary>
    /// <param name="aead">The calling thread's.</param>
    /// <param name="hello">What we accept, and whether the connection joins, or asks.</param>
    /// <param name="message">Receives <see cref="HelloMessageSize"/> bytes.</param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <returns>False when no session may send, or the peer that is asked gives no answers.</returns>
    internal bool TryWriteHello(Aead aead, Hello hello, Span<byte> message, long nowMs) =>
        Keypairs.Current is { } keypair
        && ((hello.Features & HelloFeatures.Asks) == 0 || keypair.RemoteHello is { Answers: true })
        && TryWriteHello(keypair, aead, hello, message, nowMs);

    /// <summary>Writes a HELLO that is owed. To be called until it returns false: there may be one for each session.</summary>
    /// <inheritdoc cref="TryWriteHello(Aead, Hello, Span{byte}, long)"/>
    internal bool TryWriteOwedHello(Aead aead, Hello hello, Span<byte> message, long nowMs)
    {
        foreach (Keypair keypair in Keypairs.All)
        {
            bool isOwed = keypair.SaidHello is { } said ? said != hello.OfPeer : keypair.RemoteHello is not null;
            if (isOwed && TryWriteHello(keypair, aead, hello, message, nowMs))
                return true;
        }

        return false;
    }

    private bool TryWriteHello(Keypair keypair, Aead aead, Hello hello, Span<byte> message, long nowMs)
    {
        if (!keypair.CanSend(nowMs))
            return false;
        message.Clear();
        hello.Write(message[TransportMessage.HeaderSize..]);
        if (!keypair.TrySeal(aead, message, nowMs))
            return false;
        keypair.SaidHello = hello.OfPeer;
        Activity.Sent(nowMs);
        return true;
    }
}
