using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Tests.Provisioning;

/// <summary>
/// An attacker between a verifier and a prover: takes the verifier's connection, has one to the prover, and passes each message
/// on as it likes. The messages of an exchange are numbered: request, response, confirm, done.
/// </summary>
internal sealed class Middle : IDisposable
{
    private readonly ProverParts _prover;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<byte> _toProver = [];
    private readonly List<byte> _toVerifier = [];
    private Socket? _verifier;
    private SocketPair? _pair;
    private bool _isVerifierDone;
    private bool _isProverDone;

    public Middle(ProverParts prover)
    {
        _prover = prover;
        _listener.Start();
    }

    public TransportAddress Address =>
        new(NetworkKind.Tcp, "127.0.0.1", 0, (uint)((IPEndPoint)_listener.LocalEndpoint).Port);

    /// <summary>Of a message's number and itself: what is passed on in its place. Null: both ends are closed.</summary>
    public Func<int, byte[], byte[]?> Change { get; set; } = (_, message) => message;

    /// <summary>The messages as they were sent.</summary>
    public List<byte[]> Seen { get; } = [];

    /// <summary>Passes on what has come.</summary>
    public void Pass()
    {
        if (_verifier is null && _listener.Pending())
        {
            _verifier = _listener.AcceptSocket();
            _verifier.Blocking = false;
            _pair = new SocketPair();
            _prover.Prover.Accept(_pair.Near, EndpointAddress.IPv4(0x7F000001, 1));
        }

        if (_verifier is null || _pair is null)
            return;
        Take(_verifier, _toProver, ref _isVerifierDone);
        _toVerifier.AddRange(_pair.ReadBytes());
        _isProverDone = Sys.Recv(_pair.Far, new byte[1], 0) != -Errno.EAGAIN;
        while (Next(_toProver) is { } message)
            PassOn(message, changed => _ = Sys.Send(_pair.Far, ProverCaller.Frame(changed), MSG_NOSIGNAL));
        while (Next(_toVerifier) is { } message)
            PassOn(message, changed => _verifier.Send(ProverCaller.Frame(changed)));
        if (_isProverDone)
            _verifier.Close();
        if (_isVerifierDone)
            _pair.CloseFar();
        if (_isProverDone || _isVerifierDone)
            _pair = null;
    }

    public void Dispose()
    {
        _listener.Dispose();
        _verifier?.Dispose();
        _pair?.Dispose();
    }

    private static void Take(Socket from, List<byte> into, ref bool isDone)
    {
        byte[] buffer = new byte[65_536];
        while (!isDone)
        {
            int n = from.Receive(buffer, SocketFlags.None, out SocketError error);
            if (error == SocketError.WouldBlock)
                return;
            isDone = n == 0;
            into.AddRange(buffer.AsSpan(0, n));
        }
    }

    private static byte[]? Next(List<byte> from)
    {
        if (from.Count < 4)
            return null;
        int length = BinaryPrimitives.ReadInt32BigEndian(from.GetRange(0, 4).ToArray());
        if (from.Count < 4 + length)
            return null;
        byte[] message = [.. from.GetRange(4, length)];
        from.RemoveRange(0, 4 + length);
        return message;
    }

    private void PassOn(byte[] message, Action<byte[]> send)
    {
        Seen.Add(message);
        byte[]? changed = Change(Seen.Count - 1, [.. message]);
        if (changed is not null)
            send(changed);
        else
            _isProverDone = _isVerifierDone = true;
    }
}
