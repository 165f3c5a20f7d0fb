namespace WireGuard.Vsock;

/// <summary>Which of the known words was meant by one that is not known.</summary>
internal static class NearestWord
{
    /// <summary>
    /// The nearest of <paramref name="known"/>, whatever the case of letters: an insertion, deletion, replacement or exchange of
    /// neighbours counts 1, and a third of the word's letters may be wrong. Null if none is that near.
    /// </summary>
    public static string? To(string word, IEnumerable<string> known)
    {
        string? nearest = null;
        int least = Math.Max(1, word.Length / 3) + 1;
        if (word.Length > 64) return null; // too long to be a mistyped word
        foreach (string candidate in known)
        {
            int distance = Distance(word.ToUpperInvariant(), candidate.ToUpperInvariant());
            if (distance >= least || distance >= candidate.Length) continue;
            least = distance;
            nearest = candidate;
        }
        return nearest;
    }

    /// <summary>Optimal string alignment, row by row.</summary>
    private static int Distance(string a, string b)
    {
        int[] before = new int[b.Length + 1], above = [.. Enumerable.Range(0, b.Length + 1)], row = new int[b.Length + 1];
        for (int i = 1; i <= a.Length; i++)
        {
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(replaced, Math.Min(above[j], row[j - 1]) + 1);
                bool isExchange = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if (isExchange) row[j] = Math.Min(row[j], before[j - 2] + 1);
            }
            (before, above, row) = (above, row, before);
        }
        return above[b.Length];
    }
}
