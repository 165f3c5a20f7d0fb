namespace WireGuard.Vsock.Control;

/// <summary>One number of the answer to <c>counters</c>.</summary>
internal readonly record struct Counter(string Name, long Value);
