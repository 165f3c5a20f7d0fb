namespace WireGuard.Protocol.Tests;

/// <summary>
/// The known answers of others, in Vectors/*.txt: a line a case, its fields apart by a space, bytes in hexadecimal, "-" for none.
/// Lines that begin with # say where they come from.
/// </summary>
internal static class VectorTable
{
    /// <summary>The cases of Vectors/<paramref name="name"/>.txt, each with as many fields as told.</summary>
    internal static string[][] Read(string name, int fields)
    {
        string[][] cases = [.. Lines(name).Select(line => line.Split(' '))];
        Assert.All(cases, fieldsOfOne => Assert.Equal(fields, fieldsOfOne.Length));
        return cases;
    }

    /// <summary>Its lines, where they are of several kinds.</summary>
    internal static IEnumerable<string> Lines(string name)
    {
        using Stream stream = typeof(VectorTable).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (!line.StartsWith('#')) yield return line;
        }
    }

    internal static byte[] Bytes(string field) => field == "-" ? [] : Convert.FromHexString(field);
}
