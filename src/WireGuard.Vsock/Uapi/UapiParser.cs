using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using WireGuard.Protocol.Crypto;
using WireGuard.Vsock.Interop;
using WireGuard.Vsock.Transport;

namespace WireGuard.Vsock.Uapi;

/// <summary>
/// Parses the bytes of one control connection into requests (https://www.wireguard.com/xplatform/): a line <c>get=1</c> or
/// <c>set=1</c>, then key=value lines, then an empty line; any number of requests a connection.
///
/// <code>
/// get=1, status=1, counters=1, handshake=1, handshake=KEY, cloned=1 -> Getting --- empty line --> request, Idle
///     Idle - set=1 -> Setting --- empty line --> request, Idle
///            other -> Closed
///     any  - a line past its bound -> Closed
/// </code>
///
/// A request is yielded at its empty line, as a whole or as its first error. So a connection that ends early changes nothing, and
/// after an error the rest of the request is skipped, however long it is, and the next one is served. An unknown operation ends
/// the connection without an answer, as in wireguard-go. DEVIATION: wireguard-go answers an error at once, and drops what else
/// of the request it happens to have read; it also applies a set that ends without its empty line. Test: UapiParserTests.
///
/// Lines hold keys: the line buffer is pinned and wiped after each. The bytes appended are the caller's to wipe.
/// </summary>
internal sealed class UapiParser(NetworkKind network, Func<string, uint> interfaceIndex) : IDisposable
{
    /// <summary>Of a line without its newline. The longest valid one has under 100.</summary>
    internal const int MaxLineBytes = 4096;

    private readonly char[] _line = GC.AllocateUninitializedArray<char>(MaxLineBytes, pinned: true);
    private readonly Queue<UapiRequest> _requests = new();
    private State _state = State.Idle;
    private int _lineLength;
    private long _lineNumber; // within the request, from 1
    private bool _hasMadeMuch;
    private UapiRequest _asked; // while Getting
    private SetRequest? _set; // while Setting, until an error
    private UapiError? _error; // the first in this request

    private enum State
    {
        Idle,
        Getting,
        Setting,
        Closed,
    }

    /// <summary>
    /// Parses what was read from the connection, in pieces of any size. The requests that wait for <see cref="TryNext"/> are
    /// bounded by the size of a piece, if all are taken before more is appended.
    /// </summary>
    internal void Append(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && _state != State.Closed)
        {
            int newline = bytes.IndexOf((byte)'\n');
            ReadOnlySpan<byte> piece = newline < 0 ? bytes : bytes[..newline];
            int consumed = newline < 0 ? bytes.Length : newline + 1;
            if (piece.Length > MaxLineBytes - _lineLength)
            {
                Close(Errno.EMSGSIZE, $"line {_lineNumber + 1} is longer than {MaxLineBytes} bytes");
                return;
            }

            // Latin-1 maps each byte to a character, and none above 0x7F is valid in a line.
            _lineLength += Encoding.Latin1.GetChars(piece, _line.AsSpan(_lineLength));
            if (newline >= 0)
                TakeLine();
            bytes = bytes[consumed..];
        }
    }

    /// <summary>
    /// The next whole request. Take it when the answer to the one before has been sent, so that answers to a client that does not
    /// read cannot accumulate. After <see cref="UapiRequestKind.Fatal"/> there is none.
    /// </summary>
    internal bool TryNext(out UapiRequest request) => _requests.TryDequeue(out request);

    /// <summary>Whether a request took much memory since the last call.</summary>
    internal bool TakeHasMadeMuch()
    {
        bool hasMadeMuch = _hasMadeMuch;
        _hasMadeMuch = false;
        return hasMadeMuch;
    }

    /// <summary>Wipes what has not been taken: the line begun, the request begun, the requests waiting.</summary>
    public void Dispose()
    {
        _state = State.Closed;
        WipeLine();
        Forget();
        while (_requests.TryDequeue(out UapiRequest request))
            request.Change?.Dispose();
    }

    private void TakeLine()
    {
        ReadOnlySpan<char> line = _line.AsSpan(0, _lineLength);
        _lineNumber++;
        if (_state == State.Idle)
            TakeOperation(line);
        else if (line.IsEmpty)
            Finish();
        else if (_error is null)
            TakeKey(line);
        WipeLine();
    }

    private void TakeOperation(ReadOnlySpan<char> line)
    {
        switch (line)
        {
            case "get=1":
                _state = State.Getting;
                _asked = UapiRequest.Get;
                break;
            case "status=1":
                _state = State.Getting;
                _asked = UapiRequest.Status;
                break;
            case "handshake=1":
                _state = State.Getting;
                _asked = UapiRequest.Handshake;
                break;
            case "counters=1":
                _state = State.Getting;
                _asked = UapiRequest.Counters;
                break;
            case "cloned=1":
                _state = State.Getting;
                _asked = UapiRequest.Cloned;
                break;
            case "set=1":
                _state = State.Setting;
                _set = new SetRequest(network, interfaceIndex);
                break;
            case var other when IsHandshakeWith(other, out PublicKey key):
                _state = State.Getting;
                _asked = UapiRequest.HandshakeWith(key);
                break;
            default:
                Close(0, "none of get=1, set=1, status=1, counters=1, handshake=1 and cloned=1");
                break;
        }
    }

    private static bool IsHandshakeWith(ReadOnlySpan<char> line, out PublicKey key)
    {
        const string handshake = "handshake=";
        key = default;
        return line.StartsWith(handshake) && PublicKey.TryParseHex(line[handshake.Length..], out key);
    }

    private void TakeKey(ReadOnlySpan<char> line)
    {
        UapiError? error = _set is null ? new UapiError(Errno.EINVAL, "a question takes no keys") : _set.TakeLine(line);
        if (error is null)
            return;
        _error = new UapiError(error.Value.Errno, $"line {_lineNumber}: {error.Value.Message}");
        LetGo();
    }

    private void Finish()
    {
        _requests.Enqueue(
            _error is { } error ? UapiRequest.Invalid(error.Errno, error.Message)
            : _set is not null ? UapiRequest.Set(_set.Change)
            : _asked);
        _hasMadeMuch |= _set is { IsLarge: true };
        _set = null; // the change has gone to the receiver
        Forget();
        _state = State.Idle;
    }

    private void Close(int errno, string message)
    {
        WipeLine();
        Forget();
        _requests.Enqueue(UapiRequest.Fatal(errno, message));
        _state = State.Closed;
    }

    private void Forget()
    {
        LetGo();
        _error = null;
        _lineNumber = 0;
    }

    private void LetGo()
    {
        _hasMadeMuch |= _set is { IsLarge: true };
        _set?.Dispose();
        _set = null;
    }

    private void WipeLine()
    {
        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(_line.AsSpan(0, _lineLength)));
        _lineLength = 0;
    }
}
