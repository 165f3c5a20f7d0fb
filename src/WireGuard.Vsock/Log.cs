using Microsoft.Extensions.Logging;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Relay;
using WireGuard.Vsock.Sandbox;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock;

/// <summary>Everything the daemon logs, by folder. No line contains a secret.</summary>
internal static partial class Log
{
    // ---- startup ------------------------------------------------------------------------------------------------

    [LoggerMessage(Level = LogLevel.Debug, Message = "Starting wireguard-vsock version {Version}, network {Network}")]
    public static partial void Starting(ILogger log, string version, string network);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Interface has {Queues} queues; UAPI listener at {Path}")]
    public static partial void Opened(ILogger log, int queues, string path);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Sandbox {Report}")]
    public static partial void Sandbox(ILogger log, SandboxReport report);

    [LoggerMessage(Level = LogLevel.Error, Message = "The sandbox is off: this process keeps all its rights")]
    public static partial void SandboxOff(ILogger log);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Received {Signal}")]
    public static partial void SignalReceived(ILogger log, string signal);

    [LoggerMessage(Level = LogLevel.Error, Message = "SIGHUP changes nothing: {Command} takes up what has changed in the file")]
    public static partial void HangupIgnored(ILogger log, string command);

    [LoggerMessage(Level = LogLevel.Error, Message = "The daemon failed")]
    public static partial void Failed(ILogger log, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "The daemon ends as one that failed: {Reason}")]
    public static partial void FailedSince(ILogger log, string reason);

    // ---- the device ---------------------------------------------------------------------------------------------

    [LoggerMessage(Level = LogLevel.Debug, Message = "Interface is up")]
    public static partial void InterfaceUp(ILogger log);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Listening on port {Port}")]
    public static partial void Listening(ILogger log, int port);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Interface is down")]
    public static partial void InterfaceDown(ILogger log);

    [LoggerMessage(Level = LogLevel.Debug, Message = "MTU is {Mtu}")]
    public static partial void MtuChanged(ILogger log, int mtu);

    [LoggerMessage(Level = LogLevel.Error, Message = "The kernel does not lock {Bytes} bytes of memory for keys, which may be "
        + "swapped out: raise RLIMIT_MEMLOCK (ulimit -l)")]
    public static partial void KeysNotLocked(ILogger log, long bytes);

    [LoggerMessage(Level = LogLevel.Error, Message = "MTU {Mtu} is too large: packets above {Largest} bytes are dropped; "
        + "set {Largest} or less (ip link set mtu {Largest} dev NAME)")]
    public static partial void MtuTooLarge(ILogger log, int mtu, int largest);

    [LoggerMessage(Level = LogLevel.Error, Message = "Cannot listen on port {Port}: {Reason}")]
    public static partial void ListenFailed(ILogger log, int port, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "None is left of the UDP sockets that the start has set aside with large "
        + "buffers, for each time the port is opened: from now on net.core.rmem_max and wmem_max limit them; raise both to "
        + "{Bytes} (sysctl -w), or start the daemon anew")]
    public static partial void UdpReserveSpent(ILogger log, int bytes);

    [LoggerMessage(Level = LogLevel.Error, Message = "The kernel refuses unsegmented packets on the interface, though it has "
        + "said that it takes them: they are segmented here from now on, which costs speed")]
    public static partial void UnsegmentedRefused(ILogger log);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Interface moved where it cannot be followed; it is taken to be up")]
    public static partial void LinkOutOfSight(ILogger log);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Path} tells of clones of this machine")]
    public static partial void VmClockFound(ILogger log, string path);

    [LoggerMessage(Level = LogLevel.Debug, Message = "The machine was suspended or cloned: all sessions end")]
    public static partial void SessionsExpired(ILogger log);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Shutting down: {Reason}")]
    public static partial void ShuttingDown(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Lane {Lane} hangs: the service manager's watchdog is not fed")]
    public static partial void LaneStuck(ILogger log, int lane);

    // ---- configuration ------------------------------------------------------------------------------------------

    [LoggerMessage(Level = LogLevel.Debug, Message = "UAPI: request refused: {Reason}")]
    public static partial void RequestRefused(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "UAPI: private key set")]
    public static partial void PrivateKeySet(ILogger log);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Added")]
    public static partial void PeerAdded(ILogger log, Peer peer);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - {Name} is resolved: the endpoint is {Endpoint} from now on")]
    public static partial void NameResolved(ILogger log, Peer peer, string name, EndpointAddress endpoint);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - {Name} cannot be resolved: {Reason}")]
    public static partial void NameUnresolved(ILogger log, Peer peer, string name, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Removed")]
    public static partial void PeerRemoved(ILogger log, Peer peer);

    // ---- handshakes ---------------------------------------------------------------------------------------------

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Sending handshake initiation")]
    public static partial void InitiationSent(ILogger log, Peer peer);

    [LoggerMessage(
        Level = LogLevel.Debug,
        Message = "Rejected a handshake initiation from {From}: it is not made with our public key")]
    public static partial void InitiationNotForUs(ILogger log, EndpointAddress from);

    [LoggerMessage(
        Level = LogLevel.Debug,
        Message = "Rejected a handshake initiation from {From}: no peer has the public key {Key}")]
    public static partial void InitiatorUnknown(ILogger log, EndpointAddress from, PublicKey key);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Rejected a handshake initiation from {From}: it is not authentic")]
    public static partial void InitiationNotAuthentic(ILogger log, Peer peer, EndpointAddress from);

    [LoggerMessage(
        Level = LogLevel.Debug,
        Message = "{Peer} - Rejected a handshake initiation from {From}: its timestamp is {Seconds:0.0} s behind the newest: "
            + "a replay, or the clock there was set back")]
    public static partial void InitiationOld(ILogger log, Peer peer, EndpointAddress from, double seconds);

    [LoggerMessage(
        Level = LogLevel.Debug,
        Message = "{Peer} - Rejected a handshake initiation from {From}: {Ms} ms after the one before is too soon")]
    public static partial void InitiationTooSoon(ILogger log, Peer peer, EndpointAddress from, long ms);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Received handshake initiation from {From}, sending response")]
    public static partial void ResponseSent(ILogger log, Peer peer, EndpointAddress from);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Received handshake response from {From}")]
    public static partial void ResponseReceived(ILogger log, Peer peer, EndpointAddress from);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Rejected a handshake response from {From}")]
    public static partial void ResponseRejected(ILogger log, EndpointAddress from);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Handshake confirmed")]
    public static partial void HandshakeConfirmed(ILogger log, Peer peer);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Under load: sending a cookie to {To}")]
    public static partial void CookieSent(ILogger log, EndpointAddress to);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Received a cookie")]
    public static partial void CookieReceived(ILogger log, Peer peer);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - No answer to the handshake initiation, trying again")]
    public static partial void NoResponse(ILogger log, Peer peer);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Handshake did not complete, giving up")]
    public static partial void HandshakeAbandoned(ILogger log, Peer peer);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - No way to begin a handshake, dropping what waits for one")]
    public static partial void NoWay(ILogger log, Peer peer);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Nothing heard since data was sent, beginning a new handshake")]
    public static partial void NoReply(ILogger log, Peer peer);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Sending keepalive")]
    public static partial void KeepaliveSent(ILogger log, Peer peer);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Sending HELLO")]
    public static partial void HelloSent(ILogger log, Peer peer);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Removing all keys: the session was not renewed")]
    public static partial void KeysWiped(ILogger log, Peer peer);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "{Peer} - Routing loop: messages to {Endpoint} come back into this interface and are dropped")]
    public static partial void RoutingLoop(ILogger log, Peer peer, EndpointAddress endpoint);

    // ---- streams ------------------------------------------------------------------------------------------------

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Dialling {Endpoint}")]
    public static partial void Dialing(ILogger log, Peer peer, EndpointAddress endpoint);

    [LoggerMessage(
        Level = LogLevel.Debug,
        Message = "{Peer} - Dialling {Endpoint} by the transport to the host, as if it said to-host ({Reason} without)")]
    public static partial void DialingToHost(ILogger log, Peer peer, EndpointAddress endpoint, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - Connected to {Endpoint}")]
    public static partial void ConnectionDialed(ILogger log, Peer peer, EndpointAddress? endpoint);

    [LoggerMessage(
        Level = LogLevel.Debug,
        Message = "{Peer} - No connection to {Endpoint} ({Reason}), not again for {DelayMs} ms")]
    public static partial void DialFailed(ILogger log, Peer peer, EndpointAddress? endpoint, string reason, int delayMs);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Listening at {Path}")]
    public static partial void ListeningForGuest(ILogger log, string path);

    [LoggerMessage(Level = LogLevel.Error, Message = "Cannot listen at {Path}: {Reason}; it is tried again each second")]
    public static partial void GuestListenFailed(ILogger log, string path, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Path} was removed or replaced")]
    public static partial void GuestListenerGone(ILogger log, string path);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "{Path} cannot be given to the owner of {Guest}: {Reason}; unless it runs as root, its virtual machine cannot "
            + "connect")]
    public static partial void GuestOwnerFailed(ILogger log, string path, string guest, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Accepted a connection from {From}")]
    public static partial void ConnectionAccepted(ILogger log, EndpointAddress from);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - One more connection, with {Address}: {Count} now")]
    public static partial void ConnectionJoined(ILogger log, Peer peer, EndpointAddress address, int count);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - The connection with {Address} is superseded")]
    public static partial void ConnectionSuperseded(ILogger log, Peer peer, EndpointAddress address);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} - The connection with {Address} does not answer, others are used")]
    public static partial void ConnectionSilent(ILogger log, Peer peer, EndpointAddress address);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Closed the connection with {Address}: {Reason}")]
    public static partial void ConnectionClosed(ILogger log, EndpointAddress address, string reason);

    // ---- provisioning -------------------------------------------------------------------------------------------

    [LoggerMessage(Level = LogLevel.Debug, Message = "Verifiers are answered on {Address}")]
    public static partial void ProvisioningOn(ILogger log, TransportAddress address);

    [LoggerMessage(Level = LogLevel.Error, Message = "Verifiers get no attestation document: {Reason}")]
    public static partial void NoDocument(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Dropped of all that verifiers began: {Counts}")]
    public static partial void ProvisioningDrops(ILogger log, string counts);

    [LoggerMessage(Level = LogLevel.Information, Message = "A confirm from {From} has a wrong mac")]
    public static partial void ConfirmWrong(ILogger log, EndpointAddress from);

    [LoggerMessage(Level = LogLevel.Information, Message = "Provisioned by the verifier {Verifier}, from {From}")]
    public static partial void VerifierTaken(ILogger log, PublicKey verifier, EndpointAddress from);

    [LoggerMessage(Level = LogLevel.Error, Message = "Refused the verifier {Verifier}, from {From}: {Reason}")]
    public static partial void VerifierRefused(ILogger log, PublicKey verifier, EndpointAddress from, string reason);

    // ---- relay --------------------------------------------------------------------------------------------------

    [LoggerMessage(Level = LogLevel.Debug, Message = "Starting wireguard-vsock relay version {Version}, {Lanes} lanes")]
    public static partial void RelayStarting(ILogger log, string version, int lanes);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Listening on {Address}")]
    public static partial void RelayListening(ILogger log, TransportAddress address);

    [LoggerMessage(Level = LogLevel.Debug, Message = "No longer listening on {Address}")]
    public static partial void RelayListensNoMore(ILogger log, TransportAddress address);

    [LoggerMessage(Level = LogLevel.Error, Message = "Cannot serve {Address}: no memory for one more watch")]
    public static partial void RelayNotWatched(ILogger log, TransportAddress address);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Carrying for {From}, at {Listen}")]
    public static partial void RelayLinkBegun(ILogger log, EndpointAddress from, TransportAddress listen);

    [LoggerMessage(Level = LogLevel.Debug, Message = "No longer carrying for {From}: {Reason}")]
    public static partial void RelayLinkClosed(ILogger log, EndpointAddress from, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Target} cannot be reached: {Reason}")]
    public static partial void RelayTargetFailed(ILogger log, TransportAddress target, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Target} answers again")]
    public static partial void RelayTargetAnswers(ILogger log, TransportAddress target);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Target} is resolved: {Address}")]
    public static partial void RelayNameResolved(ILogger log, TransportAddress target, EndpointAddress address);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Target} cannot be resolved: {Reason}")]
    public static partial void RelayNameUnresolved(ILogger log, TransportAddress target, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "No descriptors are left: nothing new is accepted for now")]
    public static partial void RelayShortage(ILogger log);

    [LoggerMessage(Level = LogLevel.Information, Message = "The configuration was read again: {Rules} rules")]
    public static partial void RelayReloaded(ILogger log, int rules);

    [LoggerMessage(Level = LogLevel.Error, Message = "The configuration was not changed: {Reason}")]
    public static partial void RelayNotReloaded(ILogger log, string reason);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "Limits and metrics are as they were: what the configuration says of them now needs a restart")]
    public static partial void RelayKeepsLimits(ILogger log);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Summary}")]
    public static partial void RelayReport(ILogger log, RelayCounters summary);

    [LoggerMessage(Level = LogLevel.Error, Message = "The relay failed")]
    public static partial void RelayFailed(ILogger log, Exception exception);

    // ---- tunnels that learn peers ---------------------------------------------------------------------------------

    [LoggerMessage(Level = LogLevel.Error, Message = "No verifier can be answered yet: {Reason}; it is tried again each second")]
    public static partial void ProvisioningCannotListen(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Address} is {Peer}, attested by {Module}")]
    public static partial void PeerAttested(ILogger log, string address, PublicKey peer, string module);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Address} is not attested: {Reason}")]
    public static partial void NotAttested(ILogger log, string address, string reason);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "The file that was reloaded has a mistake by now, so that no verifier is taken and no peer is learned: "
            + "{Problem}; mend it, then wireguard-vsock reload {Name}")]
    public static partial void ReloadNotFollowed(ILogger log, string problem, string name);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Provisioning has to wait: {Reason}")]
    public static partial void ProvisioningWaits(ILogger log, string reason);

    [LoggerMessage(Message = "{Text}")]
    public static partial void ProvisionerSays(ILogger log, LogLevel level, string text);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Provisioning has a process of its own; sandbox {IsOn}: {What}")]
    public static partial void ProvisionerReady(ILogger log, string isOn, string what);

    [LoggerMessage(Level = LogLevel.Error, Message = "The process of provisioning has failed: {How}; it is started anew")]
    public static partial void ProvisionerEnded(ILogger log, string how);

    [LoggerMessage(Level = LogLevel.Error, Message = "Provisioning failed: {Reason}")]
    public static partial void ProvisionerFailed(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Provisioning failed")]
    public static partial void ProvisioningFailed(ILogger log, Exception exception);
}
