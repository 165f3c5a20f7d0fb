namespace WireGuard.Vsock.SharedState;

/// <summary>How a lane is reached by whoever gives it a connection to own.</summary>
/// <param name="Epoll">Its epoll, where the connection is registered.</param>
/// <param name="Wake">An eventfd that wakes it.</param>
internal readonly record struct LaneDescriptors(int Epoll, int Wake);
