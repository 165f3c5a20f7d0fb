using System.Globalization;

namespace WireGuard.Vsock.SharedState;

/// <summary>
/// What keeps a handshake with a peer from being completed, for people to read. A peer has one from the first failed attempt, or
/// the first initiation, until a handshake is complete. Control only.
/// </summary>
internal sealed class Hindrance
{
    private int _initiations;
    private long _sinceMs;

    /// <summary>Why no initiation can be sent; null while one can.</summary>
    public string? Reason { get; set; }

    public void NoteInitiation(long nowMs)
    {
        if (_initiations++ == 0)
            _sinceMs = nowMs;
    }

    /// <summary>In words; null if nothing is known.</summary>
    public string? Text(long nowMs)
    {
        if (Reason is not null || _initiations == 0)
            return Reason;
        string plural = _initiations == 1 ? "" : "s";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"no answer to {_initiations} handshake initiation{plural} since {(nowMs - _sinceMs) / 1000} s");
    }
}
