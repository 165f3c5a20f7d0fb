using System.Buffers.Binary;
using WireGuard.Protocol;
using WireGuard.Protocol.Noise;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.SharedState;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Interleavings.Scenarios;

/// <summary>
/// Handshake messages that came on connections: each that was taken in comes out once, whole and in its connection's order, and
/// control sleeps only when none is left.
/// </summary>
internal sealed class CallersScenario : Scenario, IDisposable
{
    private static readonly EndpointAddress Address = EndpointAddress.IPv4(0xc0000201, 51820);

    private readonly ControlInbox _inbox = new();
    private readonly StreamConnection[] _connections = new StreamConnection[2];
    private readonly uint[] _posted = new uint[2];
    private readonly uint[] _taken = new uint[2];
    private int _lanes;

    public override string Name => "handshakes of connections: each once, in order";

    public override int Threads => 3;

    public override void Prepare(Random random)
    {
        for (int i = 0; i < _connections.Length; i++)
            _connections[i] = new StreamConnection(-1, (ulong)i + 1, Address, isDialed: false, _inbox);
        Array.Clear(_posted);
        Array.Clear(_taken);
        _lanes = 2;
    }

    public override void Run(int thread, Random random)
    {
        if (thread == 2)
        {
            Control();
            return;
        }

        Span<byte> message = stackalloc byte[InitiationMessage.Size];
        for (int i = 0; i < 8; i++)
        {
            uint number = _posted[thread] + 1;
            for (int at = 0; at < message.Length; at += sizeof(uint))
                BinaryPrimitives.WriteUInt32LittleEndian(message[at..], number);
            if (_inbox.TryPostHandshake(message, _connections[thread]))
                _posted[thread] = number;
            Interleaving.Point();
        }

        Interlocked.Decrement(ref _lanes);
    }

    public override void Check()
    {
        for (int i = 0; i < 2; i++)
            Require(_posted[i] == _taken[i], $"{_posted[i]} messages were kept, {_taken[i]} taken, and control is asleep");
        Require(_inbox.HandshakesWaiting == 0, $"{_inbox.HandshakesWaiting} are said to wait");
    }

    public void Dispose() => _inbox.Dispose();

    private void Control()
    {
        while (true)
        {
            bool isOver = Volatile.Read(ref _lanes) == 0;
            if (Sys.Poll(_inbox.Fd, POLLIN, 0) > 0)
                TakeAll();
            else if (isOver)
                return;
            else
                Thread.Yield();
        }
    }

    private void TakeAll()
    {
        Span<byte> buffer = stackalloc byte[InitiationMessage.Size];
        _inbox.BeginTaking();
        for (int left = _inbox.CallersWaiting; left > 0 && _inbox.TryTakeCaller(out StreamConnection? caller); left--)
        {
            while (_inbox.TryTakeHandshake(caller, buffer, out int length))
            {
                int lane = (int)caller.Id - 1;
                uint number = BinaryPrimitives.ReadUInt32LittleEndian(buffer);
                Require(length == InitiationMessage.Size, $"a message of {length} bytes");
                Require(number == ++_taken[lane], $"message {number} is taken when it is the turn of {_taken[lane]}");
                for (int at = 0; at < length; at += sizeof(uint))
                    Require(BinaryPrimitives.ReadUInt32LittleEndian(buffer[at..]) == number, "parts of two messages");
            }
        }
    }
}
