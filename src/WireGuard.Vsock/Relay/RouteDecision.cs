namespace WireGuard.Vsock.Relay;

/// <summary>What becomes of a near end's message.</summary>
/// <param name="Reason">Why it is dropped; of an answer <see cref="RelayDrop.Cookie"/>.</param>
/// <param name="IsProven">Whether it shows that its source is no forgery, which gives the near end a better place.</param>
internal readonly record struct RouteDecision(RouteKind Kind, RouteTargets Targets, RelayDrop Reason, bool IsProven)
{
    public static RouteDecision Answer => new(RouteKind.Answer, RouteTargets.None, RelayDrop.Cookie, false);

    public static RouteDecision To(RouteTargets targets) => new(RouteKind.Carry, targets, default, false);

    public static RouteDecision Drop(RelayDrop reason) => new(RouteKind.Drop, RouteTargets.None, reason, false);
}

internal enum RouteKind : byte
{
    /// <summary>To one enclave, or to each of two.</summary>
    Carry,

    /// <summary>The reply goes back to the source; the message nowhere.</summary>
    Answer,

    Drop,
}
