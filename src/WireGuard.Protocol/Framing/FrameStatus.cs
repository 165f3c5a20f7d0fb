namespace WireGuard.Protocol.Framing;

/// <summary>What is at the front of a stream's buffer.</summary>
public enum FrameStatus
{
    /// <summary>One whole frame with a right checksum.</summary>
    Complete,

    /// <summary>The beginning of a frame that may be right.</summary>
    Incomplete,

    /// <summary>
    /// A length that no WireGuard message can have, or not one of the type that follows. The stream is lost: close it.
    /// </summary>
    BadLength,

    /// <summary>A whole frame whose checksum is wrong. The stream is lost: close it.</summary>
    BadChecksum,
}
