using System.Text;

namespace WireGuard.Fuzz;

/// <summary>What targets that read text share.</summary>
internal static class Texts
{
    // The keys of wg(8)'s example.
    public const string PrivateKey = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
    public const string PublicKey = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
    public const string OtherPublicKey = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";
    public const string PresharedKey = "/UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak=";

    public static string PrivateHex => Hex(PrivateKey);

    public static string PublicHex => Hex(PublicKey);

    public static string OtherPublicHex => Hex(OtherPublicKey);

    public static string PresharedHex => Hex(PresharedKey);

    /// <summary>The input as text of a file in UTF-8, a character of replacement for each mistake.</summary>
    public static string Of(ReadOnlySpan<byte> input) => Encoding.UTF8.GetString(input);

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public static uint InterfaceIndex(string name) => name == "eth0" ? 3u : 0;

    /// <summary>
    /// No more of a secret key is shown than what is too little to be taken for one. Its padding is none of it.
    /// </summary>
    public static void CheckHidesKeys(string text)
    {
        const int Run = 20;
        foreach (string key in (string[])[PrivateKey, PresharedKey])
        {
            for (int begin = 0; begin + Run < key.Length; begin++)
                Fact.Holds(!text.AsSpan().Contains(key.AsSpan(begin, Run), StringComparison.Ordinal), "no secret key is shown");
        }
    }

    /// <summary>What a person is shown has no character that a terminal obeys.</summary>
    public static void CheckShown(string text, string what)
    {
        foreach (char character in text)
            Fact.Holds(character == '\n' || !char.IsControl(character), $"{what} has no control character but the end of a line");
    }

    private static string Hex(string key) => Convert.ToHexStringLower(Convert.FromBase64String(key));
}
