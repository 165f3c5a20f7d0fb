namespace WireGuard.Vsock.SharedState;

/// <summary>The descriptors of a lane that is given a connection.</summary>
/// <param name="Epoll">Its epoll, where the connection is registered.</param>
/// <param name="Wake">An eventfd that wakes it.</param>
internal readonly record struct LaneDescriptors(int Epoll, int Wake);
