namespace WireGuard.Vsock.Streams;

/// <summary>What <see cref="PeerConnections"/> wants done, in the order in which it says so.</summary>
internal enum ConnectionAction
{
    None,

    /// <summary>Dial the endpoint: Connected or ConnectFailed is to follow.</summary>
    Connect,

    /// <summary>Close the socket that is connecting, or has just connected.</summary>
    CancelConnect,

    /// <summary>The socket that has connected is a connection from now on, which lanes read: its View is to be set.</summary>
    Open,

    /// <summary>The same, and the connection is to join the others.</summary>
    OpenJoining,

    /// <summary>Close the connection, for the reason.</summary>
    Close,

    /// <summary>Begin a handshake on the connection, which is new.</summary>
    BeginHandshake,

    /// <summary>Say HELLO on the connection, which joins: the first message on it, or the answer to one.</summary>
    SayJoin,

    /// <summary>Ask for an answer on the connection.</summary>
    Ask,

    /// <summary>Messages to the peer go on the connection from now on: what is staged can be sent.</summary>
    SendStaged,

    /// <summary>Nothing has come of dialling: what is staged is to be dropped.</summary>
    DropStaged,

    /// <summary>For the log: an attempt to dial has failed for the reason, and the next one comes after the delay.</summary>
    NoteDialFailed,

    /// <summary>For the log: the connection has joined the others.</summary>
    NoteJoined,

    /// <summary>For the log: another has taken the connection's place.</summary>
    NoteSuperseded,

    /// <summary>For the log: the connection does not answer.</summary>
    NoteSilent,
}

/// <param name="Action">What is to be done.</param>
/// <param name="Connection">With what; null where it concerns the peer alone.</param>
/// <param name="Reason">For the log.</param>
/// <param name="Value">
/// Of <see cref="ConnectionAction.NoteDialFailed"/> the delay in ms; of <see cref="ConnectionAction.NoteJoined"/> how many there
/// are now.
/// </param>
internal readonly record struct ConnectionCommand(
    ConnectionAction Action, PeerConnection? Connection = null, string Reason = "", int Value = 0);
