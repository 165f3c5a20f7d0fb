using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Control;

namespace WireGuard.Vsock.Uapi;

/// <summary>How a request is handled.</summary>
internal enum UapiRequestKind
{
    /// <summary>Answer with the device's status.</summary>
    Get,

    /// <summary>Answer with what was dropped. An operation of our own, which <c>wg(8)</c> does not use.</summary>
    Counters,

    /// <summary>End all sessions: this machine was cloned. An operation of our own too.</summary>
    Cloned,

    /// <summary>Answer with all that is known of the device. An operation of our own.</summary>
    Status,

    /// <summary>Begin handshakes with the peers that have no session, or with one. An operation of our own.</summary>
    Handshake,

    /// <summary>Apply the change, then answer with how that went.</summary>
    Set,

    /// <summary>Answer the error; the connection goes on.</summary>
    Invalid,

    /// <summary>Answer the error, if there is one, and close: it is unknown where the next request begins.</summary>
    Fatal,
}

/// <summary>One request of a connection, whole, or what was wrong with it.</summary>
internal readonly struct UapiRequest
{
    private UapiRequest(UapiRequestKind kind, DeviceChange? change, int errno, string message)
    {
        Kind = kind;
        Change = change;
        Errno = errno;
        Message = message;
    }

    internal static UapiRequest Counters { get; } = new(UapiRequestKind.Counters, null, 0, "");

    internal static UapiRequest Cloned { get; } = new(UapiRequestKind.Cloned, null, 0, "");

    internal static UapiRequest Status { get; } = new(UapiRequestKind.Status, null, 0, "");

    internal static UapiRequest Handshake { get; } = new(UapiRequestKind.Handshake, null, 0, "");

    internal static UapiRequest Get { get; } = new(UapiRequestKind.Get, null, 0, "");

    internal UapiRequestKind Kind { get; }

    /// <summary>What a <see cref="UapiRequestKind.Set"/> asks for, the receiver's to dispose; else null.</summary>
    internal DeviceChange? Change { get; }

    /// <summary>Of a <see cref="UapiRequestKind.Handshake"/> with one peer; null for all that have no session.</summary>
    internal PublicKey? Peer { get; private init; }

    /// <summary>Linux's number, positive; 0 when all is well, or when a fatal error is not answered.</summary>
    internal int Errno { get; }

    /// <summary>For the log: line, key and what is wrong, without any value that was sent.</summary>
    internal string Message { get; }

    /// <param name="peer">The peer to begin a handshake with, whether or not it has a session.</param>
    internal static UapiRequest HandshakeWith(PublicKey peer) => new(UapiRequestKind.Handshake, null, 0, "") { Peer = peer };

    internal static UapiRequest Set(DeviceChange change) => new(UapiRequestKind.Set, change, 0, "");

    internal static UapiRequest Invalid(int errno, string message) => new(UapiRequestKind.Invalid, null, errno, message);

    internal static UapiRequest Fatal(int errno, string message) => new(UapiRequestKind.Fatal, null, errno, message);
}

/// <summary>What is wrong with a line.</summary>
/// <param name="Errno">
/// EPROTO: the line is not key=value. EINVAL: there is no such key, or it cannot have this value. ENOSPC: more peers or allowed
/// IPs than allowed. EMSGSIZE: the line is too long.
/// </param>
/// <param name="Message">For the log; it repeats no value.</param>
internal readonly record struct UapiError(int Errno, string Message);
