using System.Runtime.InteropServices;
using WireGuard.Protocol.Framing;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// Datagrams on their way into streams: each is framed with its whole checksum, side by side with the others of its batch, and
/// all frames of a stream leave with one system call:
/// <code>
/// Add      frame header and message are put at the end of the arena; adjacent frames of one stream are one piece
/// Flush    each stream is given its pieces, in their order
/// </code>
/// Owned by a lane.
/// </summary>
internal sealed unsafe class FrameBatch : IDisposable
{
    private const int ArenaSize = 256 * 1024;
    private const int MaxPieces = 512; // below IOV_MAX

    private readonly byte* _arena = (byte*)NativeMemory.AllocZeroed(ArenaSize);
    private readonly iovec* _vector = (iovec*)NativeMemory.AllocZeroed(MaxPieces, (nuint)sizeof(iovec));
    private readonly Piece[] _pieces = new Piece[MaxPieces];
    private readonly StreamEnd?[] _streams = new StreamEnd?[MaxPieces];
    private int _end;
    private int _pieceCount;
    private int _streamCount;

    /// <summary>Adds a message of at most 65,507 bytes, which is copied.</summary>
    public void Add(StreamEnd stream, ReadOnlySpan<byte> message)
    {
        int size = FrameCodec.HeaderSize + message.Length;
        if (_end + size > ArenaSize || _pieceCount == MaxPieces)
            Flush();
        var frame = new Span<byte>(_arena + _end, size);
        message.CopyTo(frame[FrameCodec.HeaderSize..]);
        FrameCodec.WriteHeader(frame, frame[FrameCodec.HeaderSize..]);
        if (stream.FirstPiece >= 0 && _pieces[stream.LastPiece].End == _end)
            _pieces[stream.LastPiece].End += size;
        else
            Append(stream, new Piece { Start = _end, End = _end + size, Next = -1 });
        _end += size;
        stream.PieceMessages++;
    }

    public void Flush()
    {
        for (int i = 0; i < _streamCount; i++)
        {
            StreamEnd stream = _streams[i]!;
            int count = 0;
            for (int next = stream.FirstPiece; next >= 0; next = _pieces[next].Next)
            {
                ref Piece piece = ref _pieces[next];
                _vector[count++] = new iovec { iov_base = _arena + piece.Start, iov_len = (nuint)(piece.End - piece.Start) };
            }

            stream.FirstPiece = -1;
            stream.SendFramed(_vector, count);
            _streams[i] = null;
        }

        (_end, _pieceCount, _streamCount) = (0, 0, 0);
    }

    public void Dispose()
    {
        NativeMemory.Free(_arena);
        NativeMemory.Free(_vector);
    }

    private void Append(StreamEnd stream, Piece piece)
    {
        if (stream.FirstPiece < 0)
        {
            _streams[_streamCount++] = stream;
            stream.FirstPiece = _pieceCount;
        }
        else
        {
            _pieces[stream.LastPiece].Next = _pieceCount;
        }

        stream.LastPiece = _pieceCount;
        _pieces[_pieceCount++] = piece;
    }

    /// <summary>Frames that lie side by side, and the next piece of the same stream; -1 for none.</summary>
    private struct Piece
    {
        public int Start;
        public int End;
        public int Next;
    }
}
