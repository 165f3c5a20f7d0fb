namespace WireGuard.KeySearch;

/// <summary>What is to be looked for: secrets, and public keys of which the private half is one.</summary>
internal sealed class Notes
{
    public List<(string Name, byte[] Bytes)> Secrets { get; } = [];

    public List<(string Name, byte[] Bytes)> PublicKeys { get; } = [];

    public void Secret(string name, ReadOnlySpan<byte> bytes) => Secrets.Add((name, bytes.ToArray()));

    public void PrivateHalfOf(string name, ReadOnlySpan<byte> publicKey) => PublicKeys.Add((name, publicKey.ToArray()));

    public void Write(TextWriter to)
    {
        foreach ((string name, byte[] bytes) in Secrets)
            to.WriteLine($"secret {name} {Convert.ToHexStringLower(bytes)}");
        foreach ((string name, byte[] bytes) in PublicKeys)
            to.WriteLine($"public {name} {Convert.ToHexStringLower(bytes)}");
        to.WriteLine("done");
        to.Flush();
    }

    public static Notes Read(string path)
    {
        var notes = new Notes();
        foreach (string line in File.ReadLines(path))
        {
            if (line.Split(' ') is not [var kind, var name, var hex])
                continue;
            (kind == "secret" ? notes.Secrets : notes.PublicKeys).Add((name, Convert.FromHexString(hex)));
        }

        return notes;
    }
}
