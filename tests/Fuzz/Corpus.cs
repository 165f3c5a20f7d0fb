using System.Security.Cryptography;
using System.Text;
using SharpFuzz.Common;

namespace WireGuard.Fuzz;

/// <summary>A target's inputs: written for afl-fuzz to begin with, and minimised by the edges that they reach.</summary>
internal static unsafe class Corpus
{
    /// <summary>Writes seeds and words to a folder, as files and as a dictionary beside it.</summary>
    public static void WriteSeeds(FuzzTarget target, string folder)
    {
        foreach (byte[] seed in target.Seeds())
            File.WriteAllBytes(Path.Combine(folder, NameOf(seed)), seed);
        StringBuilder dictionary = new();
        foreach (string word in target.Words)
            dictionary.Append('"').Append(Escaped(word)).Append("\"\n");
        if (dictionary.Length != 0)
            File.WriteAllText(folder + ".dict", dictionary.ToString());
    }

    /// <summary>
    /// Copies the inputs that are worth keeping: the shortest first, each that reaches an edge that none before it did. How often
    /// it does, by which afl-fuzz keeps three times the files, is soon found again. Those that break a fact are left out.
    /// </summary>
    public static void Minimise(FuzzTarget target, string name, IEnumerable<string> from, string to)
    {
        byte[][] inputs = [.. from.SelectMany(Directory.EnumerateFiles).Where(file => !Path.GetFileName(file).StartsWith('.'))
            .Select(File.ReadAllBytes).Concat(target.Seeds()).DistinctBy(NameOf).OrderBy(input => input.Length)];
        byte[] map = new byte[AflServer.MapSize], seen = new byte[AflServer.MapSize];
        int kept = 0, size = 0, edges = 0;
        fixed (byte* memory = map)
        {
            foreach (byte[] input in inputs.Take(1))
                TryRun(target, input);
            Trace.SharedMem = memory;
            foreach (byte[] input in inputs)
            {
                Array.Clear(map);
                Trace.PrevLocation = 0;
                if (!TryRun(target, input) || !AddsTo(seen, map, ref edges))
                    continue;
                File.WriteAllBytes(Path.Combine(to, NameOf(input)), input);
                (kept, size) = (kept + 1, size + input.Length);
            }
        }

        Console.WriteLine($"{name}: {kept} of {inputs.Length} inputs kept, {size} bytes, {edges} edges");
    }

    public static string NameOf(byte[] input) => Convert.ToHexStringLower(SHA256.HashData(input).AsSpan(0, 8));

    private static bool TryRun(FuzzTarget target, byte[] input)
    {
        try
        {
            target.Run(input);
            return true;
        }
        catch (Exception)
        {
            return false;
        }
    }

    private static bool AddsTo(byte[] seen, byte[] map, ref int edges)
    {
        bool adds = false;
        for (int i = 0; i < map.Length; i++)
        {
            if (map[i] == 0 || seen[i] != 0)
                continue;
            seen[i] = 1;
            edges++;
            adds = true;
        }

        return adds;
    }

    private static string Escaped(string word)
    {
        StringBuilder escaped = new();
        foreach (byte letter in Encoding.UTF8.GetBytes(word))
        {
            bool isPlain = letter is >= 0x20 and < 0x7f and not (byte)'"' and not (byte)'\\';
            escaped.Append(isPlain ? ((char)letter).ToString() : $"\\x{letter:x2}");
        }

        return escaped.ToString();
    }
}
