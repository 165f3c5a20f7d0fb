namespace WireGuard.Vsock.Commands;

/// <summary>
/// SIGHUPs that have something done rather than end the process: one at a time, and once more for all that come meanwhile.
/// </summary>
internal sealed class Hangups(Action follow)
{
    private int _waiting; // interlocked: received, and not followed to the end

    /// <summary>From any thread, which does it if no other is doing so.</summary>
    public void Receive()
    {
        if (Interlocked.Increment(ref _waiting) != 1)
            return;
        int followed;
        do
        {
            followed = Volatile.Read(ref _waiting);
            follow();
        }
        while (Interlocked.Add(ref _waiting, -followed) != 0);
    }
}
