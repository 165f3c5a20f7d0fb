using System.Text;

namespace WireGuard.Vsock.Tunnels;

/// <summary>
/// What /etc/resolv.conf was before the first tunnel wrote it, and what each tunnel has written since, the last on top: so it is
/// put back right in whatever order tunnels go down. As a file, a line <c>:before BASE64</c> if there was a resolv.conf, then
/// <c>TUNNEL BASE64</c> for each tunnel.
/// <para>
/// A process may be killed between the writing of that file and of resolv.conf, and what others write is theirs. So what is in
/// resolv.conf is always compared with what each tunnel wrote. An empty file counts as the top's: writing it begins so.
/// </para>
/// </summary>
internal sealed class ResolvConfStack
{
    private const string BeforeKey = ":before"; // no tunnel is named so

    private readonly List<(string Tunnel, byte[] Content)> _written = [];
    private byte[]? _before; // null for no file

    public bool IsEmpty => _written.Count == 0;

    /// <summary>Reads the file. What is no such file, or null for none, gives an empty stack.</summary>
    public static ResolvConfStack Parse(ReadOnlySpan<byte> file)
    {
        var stack = new ResolvConfStack();
        foreach (string line in Encoding.ASCII.GetString(file).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            byte[] content = new byte[line.Length];
            int space = line.IndexOf(' ');
            if (space <= 0 || !Convert.TryFromBase64String(line[(space + 1)..], content, out int length))
                return new ResolvConfStack();
            Array.Resize(ref content, length);
            if (line[..space] == BeforeKey)
                stack._before = content;
            else
                stack._written.Add((line[..space], content));
        }

        return stack;
    }

    public byte[] ToFile()
    {
        var text = new StringBuilder();
        if (_before is not null)
            text.Append(BeforeKey).Append(' ').Append(Convert.ToBase64String(_before)).Append('\n');
        foreach ((string tunnel, byte[] content) in _written)
            text.Append(tunnel).Append(' ').Append(Convert.ToBase64String(content)).Append('\n');
        return Encoding.ASCII.GetBytes(text.ToString());
    }

    /// <summary>A tunnel is about to write resolv.conf.</summary>
    /// <param name="tunnel">Its name.</param>
    /// <param name="content">What it writes, which no other tunnel writes.</param>
    /// <param name="current">What is there now; null for no file.</param>
    public void Push(string tunnel, byte[] content, byte[]? current)
    {
        bool isTops = current is { Length: 0 } && !IsEmpty;
        int owner = isTops ? _written.Count - 1 : _written.FindLastIndex(entry => AreEqual(entry.Content, current));
        // Tunnels above the owner were killed before they wrote. Without an owner it is another program's, which replaced it.
        _written.RemoveRange(owner + 1, _written.Count - owner - 1);
        if (owner < 0)
            _before = current;
        // One that went without going down comes again.
        _ = _written.RemoveAll(entry => entry.Tunnel == tunnel);
        _written.Add((tunnel, content));
    }

    /// <summary>A tunnel goes down.</summary>
    /// <param name="tunnel">Its name.</param>
    /// <param name="current">What is in resolv.conf now; null for no file.</param>
    /// <param name="next">
    /// What must be written there, null for no file, if the result is <see cref="ResolvConfFate.Replaced"/>.
    /// </param>
    public ResolvConfFate Remove(string tunnel, byte[]? current, out byte[]? next)
    {
        next = null;
        int index = _written.FindLastIndex(entry => entry.Tunnel == tunnel);
        if (index < 0)
            return ResolvConfFate.Kept;
        bool isTops = current is { Length: 0 } && index == _written.Count - 1;
        bool isOurs = isTops || AreEqual(_written[index].Content, current);
        next = index > 0 ? _written[index - 1].Content : _before;
        bool isKnown = AreEqual(_before, current) || _written.Exists(entry => AreEqual(entry.Content, current));
        _written.RemoveAt(index);
        return isOurs ? ResolvConfFate.Replaced : isKnown ? ResolvConfFate.Kept : ResolvConfFate.NotOurs;
    }

    private static bool AreEqual(byte[]? one, byte[]? other) =>
        one is null || other is null ? one == other : one.AsSpan().SequenceEqual(other);
}

/// <summary>What becomes of resolv.conf when a tunnel goes down.</summary>
internal enum ResolvConfFate
{
    /// <summary>What the tunnel wrote is replaced by what was there before.</summary>
    Replaced,

    /// <summary>Another tunnel's text is there, or the tunnel never wrote its own.</summary>
    Kept,

    /// <summary>It was changed by another program, and stays.</summary>
    NotOurs,
}
