namespace WireGuard.Benchmarks;

/// <summary>Input that is the same in each run.</summary>
internal static class Bytes
{
    public static byte[] Random(int length)
    {
        byte[] bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        return bytes;
    }
}
