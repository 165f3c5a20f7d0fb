using WireGuard.Protocol.Crypto;
using WireGuard.Protocol.Noise;
using WireGuard.Protocol.Segmentation;

namespace WireGuard.Protocol.Peers;

/// <summary>
/// HELLO, between peers of our kind over streams: under which session it is owed, and what it says. It goes out once under each
/// new session, by the initiator as soon as it has the response, by the responder once the session is confirmed; and it is owed
/// under a session
/// <code>
/// under which the peer has said it and we have not    when handshakes have crossed, each end sends with a keypair of its own
/// under which we have said what is so no longer       superpackets were taken back
/// </code>
/// It asks for no answer, so it starts no timer but the ones that a keepalive starts. Owner thread only.
/// </summary>
public partial class WireGuardPeer
{
    /// <summary>The size of the message that carries one, padded as everything is.</summary>
    internal const int HelloMessageSize = TransportMessage.Overhead + Limits.PaddingMultiple;

    /// <summary>Writes HELLO under the session that we send with, and notes that it is sent.</summary>
    /// <param name="aead">The calling thread's.</param>
    /// <param name="hello">What we take; and of a connection, whether it joins, or asks.</param>
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
            bool isOwed = keypair.SaidHello is { } said ? said != hello : keypair.RemoteHello is not null;
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
