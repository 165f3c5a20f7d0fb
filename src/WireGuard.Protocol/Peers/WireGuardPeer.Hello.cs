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
/// One that promises anything is long (<see cref="Hello.ProvingSize"/>), so that it is lost where superpackets would be. An
/// ordinary message goes in front of it, which confirms the session all the same. For the timers it is a keepalive. Owner thread
/// only.
/// </summary>
public partial class WireGuardPeer
{
    /// <summary>The bytes of the message that carries one which is not to be as long as its promises ask for.</summary>
    internal const int ShortHelloSize = TransportMessage.Overhead + Limits.PaddingMultiple;

    /// <summary>
    /// What the peer accepts under the session that we send with; null if it may not send, or the peer has not said.
    /// </summary>
    internal Hello? RemoteHello(long nowMs) =>
        Keypairs.Current is { } keypair && keypair.CanSend(nowMs) ? keypair.RemoteHello : null;

    /// <summary>
    /// Under one session it is said on no more connections than a peer may have, so that no peer has us say it with every message
    /// that moves the peer from one to another.
    /// </summary>
    internal const int MaxHellos = 16;

    /// <summary>Whether it is to be said, under the session that we send with, on a connection.</summary>
    /// <param name="hello">What is to be said.</param>
    /// <param name="saidUnder">The receiver index under which it was last said there; null if it was not.</param>
    internal bool MustSay(Hello hello, uint? saidUnder) =>
        Keypairs.Current is { } keypair
        && (keypair.SaidHello != hello.OfPeer || (saidUnder != keypair.RemoteIndex && keypair.HellosSaid < MaxHellos));

    /// <summary>Writes HELLO under the session that we send with, and notes that it is sent.</summary>
    /// <param name="aead">The calling thread's.</param>
    /// <param name="hello">What we accept, and whether the connection joins, or asks.</param>
    /// <param name="first">
    /// Receives the message to be sent in front of it: a keepalive in <see cref="TransportMessage.MinSize"/> bytes,
    /// the same HELLO in <see cref="ShortHelloSize"/>; empty for none.
    /// </param>
    /// <param name="message">
    /// Receives HELLO: <see cref="Hello.ProvingSize"/> bytes if it promises anything, and does not only repeat it; else
    /// <see cref="ShortHelloSize"/>.
    /// </param>
    /// <param name="nowMs">Boot time in ms.</param>
    /// <returns>False when no session may send, or the peer that is asked gives no answers.</returns>
    internal bool TryWriteHello(Aead aead, Hello hello, Span<byte> first, Span<byte> message, long nowMs) =>
        Keypairs.Current is { } keypair
        && ((hello.Features & HelloFeatures.Asks) == 0 || keypair.RemoteHello is { Answers: true })
        && TryWriteHello(keypair, aead, hello, first, message, nowMs);

    /// <summary>Writes a HELLO that is owed. To be called until it returns false: there may be one for each session.</summary>
    /// <inheritdoc cref="TryWriteHello(Aead, Hello, Span{byte}, Span{byte}, long)"/>
    internal bool TryWriteOwedHello(Aead aead, Hello hello, Span<byte> first, Span<byte> message, long nowMs)
    {
        foreach (Keypair keypair in Keypairs.All)
        {
            bool isOwed = keypair.SaidHello is { } said ? said != hello.OfPeer : keypair.RemoteHello is not null;
            if (isOwed && TryWriteHello(keypair, aead, hello, first, message, nowMs))
                return true;
        }

        return false;
    }

    private bool TryWriteHello(
        Keypair keypair, Aead aead, Hello hello, Span<byte> first, Span<byte> message, long nowMs)
    {
        if (!keypair.CanSend(nowMs)
            || (!first.IsEmpty && !TrySealHello(keypair, aead, hello, first, nowMs))
            || !TrySealHello(keypair, aead, hello, message, nowMs))
            return false;
        if (!hello.Promises || message.Length >= Hello.ProvingSize)
            keypair.Say(hello.OfPeer);
        Activity.Sent(nowMs);
        return true;
    }

    /// <summary>Where there is no space for it, the message is a keepalive.</summary>
    private static bool TrySealHello(Keypair keypair, Aead aead, Hello hello, Span<byte> message, long nowMs)
    {
        message.Clear();
        if (message.Length > TransportMessage.MinSize)
            hello.Write(message[TransportMessage.HeaderSize..]);
        return keypair.TrySeal(aead, message, nowMs);
    }
}
