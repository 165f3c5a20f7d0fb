using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics;
using System.Text;

namespace WireGuard.Vsock.Metrics;

/// <summary>What a family of metrics counts: what rises until a restart, or what is so now.</summary>
internal enum MetricsType
{
    Counter,
    Gauge,
}

/// <summary>
/// Writes metrics as Prometheus reads them (text format 0.0.4). A family first (<see cref="Begin"/>), then each of its samples:
/// labels, if it has any, and a value. Nothing is allocated but the buffer, which is kept.
/// <code>
/// # HELP wireguard_sent_bytes_total Bytes sent to the peer.
/// # TYPE wireguard_sent_bytes_total counter
/// wireguard_sent_bytes_total{interface="wg0",public_key="..."} 148
/// </code>
/// </summary>
internal sealed class MetricsText
{
    private const int MaxName = 128;

    private readonly byte[] _family = new byte[MaxName];
    private byte[] _buffer = [];
    private int _length;
    private int _familyLength;
    private bool _isInLabels;

    /// <summary>What was written. Valid until the next call.</summary>
    public Span<byte> Written => _buffer.AsSpan(0, _length);

    public int Length => _length;

    /// <summary>How much memory it keeps.</summary>
    public int Capacity => _buffer.Length;

    /// <summary>Forgets what was written behind the first bytes, as many as said.</summary>
    public void Cut(int length)
    {
        Debug.Assert(length <= _length, "more than there is");
        _length = length;
    }

    /// <summary>Begins a family; its samples follow.</summary>
    /// <param name="name">As [a-zA-Z_:][a-zA-Z0-9_:]*; a counter's ends with _total.</param>
    /// <param name="type">What it is.</param>
    /// <param name="help">A sentence without line breaks and backslashes.</param>
    public void Begin(ReadOnlySpan<byte> name, MetricsType type, ReadOnlySpan<byte> help)
    {
        Debug.Assert(!_isInLabels, "the sample before has no value");
        name.CopyTo(_family);
        _familyLength = name.Length;
        Append("# HELP "u8);
        Append(name);
        Append(" "u8);
        Append(help);
        Append("\n# TYPE "u8);
        Append(name);
        Append(type == MetricsType.Counter ? " counter\n"u8 : " gauge\n"u8);
    }

    public MetricsText Label(ReadOnlySpan<byte> name, ReadOnlySpan<char> value)
    {
        BeginLabel(name);
        foreach (Rune rune in value.EnumerateRunes())
        {
            Span<byte> room = Room(4);
            if (rune.Value is '"' or '\\' or '\n')
            {
                room[0] = (byte)'\\';
                room[1] = rune.Value == '\n' ? (byte)'n' : (byte)rune.Value;
                _length += 2;
            }
            else
            {
                _length += rune.EncodeToUtf8(room);
            }
        }

        Append("\""u8);
        return this;
    }

    /// <summary>A label whose value is a number.</summary>
    public MetricsText Label(ReadOnlySpan<byte> name, long value)
    {
        BeginLabel(name);
        Append(value);
        Append("\""u8);
        return this;
    }

    /// <summary>A label whose value is these bytes in base64, as keys are shown.</summary>
    public MetricsText LabelBase64(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        BeginLabel(name);
        _ = Base64.EncodeToUtf8(value, Room(Base64.GetMaxEncodedToUtf8Length(value.Length)), out _, out int written);
        _length += written;
        Append("\""u8);
        return this;
    }

    /// <summary>Ends a sample of the family.</summary>
    public void Value(long value)
    {
        EndLabels();
        Append(value);
        Append("\n"u8);
    }

    /// <summary>Ends a sample in seconds, of which there are so many millionths: 1500000 is written as 1.500000.</summary>
    public void Seconds(long microseconds)
    {
        EndLabels();
        Append(microseconds / 1_000_000);
        Append("."u8);
        _ = Utf8Formatter.TryFormat(microseconds % 1_000_000, Room(6), out int written, new StandardFormat('D', 6));
        _length += written;
        Append("\n"u8);
    }

    public void Append(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Room(text.Length));
        _length += text.Length;
    }

    private void Append(long value)
    {
        const int most = 20;
        _ = Utf8Formatter.TryFormat(value, Room(most), out int written);
        _length += written;
    }

    private void BeginLabel(ReadOnlySpan<byte> name)
    {
        if (_isInLabels)
        {
            Append(","u8);
        }
        else
        {
            Append(_family.AsSpan(0, _familyLength));
            Append("{"u8);
        }

        _isInLabels = true;
        Append(name);
        Append("=\""u8);
    }

    private void EndLabels()
    {
        if (!_isInLabels)
            Append(_family.AsSpan(0, _familyLength));
        Append(_isInLabels ? "} "u8 : " "u8);
        _isInLabels = false;
    }

    /// <summary>What is behind the end, at least so many bytes.</summary>
    private Span<byte> Room(int size)
    {
        if (_buffer.Length - _length < size)
            Array.Resize(ref _buffer, Math.Max(4096, Math.Max(_length + size, 2 * _buffer.Length)));
        return _buffer.AsSpan(_length);
    }
}
