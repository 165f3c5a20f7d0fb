namespace WireGuard.Protocol.Noise;

/// <summary>
/// The first four bytes of every message, read as a little-endian number: one byte of type and three reserved zeros
/// (section 5.4).
/// </summary>
public enum MessageType : uint
{
    Initiation = 1,
    Response = 2,
    CookieReply = 3,
    Transport = 4,
}
