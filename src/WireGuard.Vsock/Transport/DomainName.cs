namespace WireGuard.Vsock.Transport;

/// <summary>Names of hosts and domains (RFC 1123 section 2.1), and the '_' that many have in private networks.</summary>
internal static class DomainName
{
    private const int MaxLength = 253;
    private const int MaxLabel = 63;

    /// <summary>Labels between dots, the last of which has a letter: else it is a mistyped address. A dot may end it.</summary>
    internal static bool IsValid(ReadOnlySpan<char> name)
    {
        name = name.EndsWith('.') ? name[..^1] : name;
        if (name.Length is 0 or > MaxLength)
            return false;
        bool isLastNumber = false;
        foreach (Range range in name.Split('.'))
        {
            ReadOnlySpan<char> label = name[range];
            if (label.Length is 0 or > MaxLabel || label[0] == '-' || label[^1] == '-')
                return false;
            foreach (char letter in label)
            {
                if (!char.IsAsciiLetterOrDigit(letter) && letter is not ('-' or '_'))
                    return false;
            }

            isLastNumber = !label.ContainsAnyExceptInRange('0', '9');
        }

        return !isLastNumber;
    }
}
