namespace WireGuard.Attestation.Tests;

public sealed class CoseSignatureTests
{
    /// <summary>A number of 48 bytes, given without the zeros in front, and the INTEGER that DER makes of it.</summary>
    [Theory]
    [InlineData("", "020100")]
    [InlineData("01", "020101")]
    [InlineData("7f", "02017f")]
    [InlineData("80", "02020080")]
    [InlineData("7fff", "02027fff")]
    [InlineData("8000", "0203008000")]
    public void Numbers_are_as_short_as_DER_has_them_and_never_negative(string number, string expected)
    {
        byte[] one = new byte[48], two = new byte[48];
        Convert.FromHexString(number).CopyTo(one, 48 - (number.Length / 2));
        two[47] = 5;
        string short5 = "020105", size = ((expected.Length + short5.Length) / 2).ToString("x2", null);
        Assert.Equal($"30{size}{expected}{short5}", Hex(one, two));
        Assert.Equal($"30{size}{short5}{expected}", Hex(two, one));
    }

    [Theory]
    [InlineData(0x7f, "3064", "0230")]
    [InlineData(0x80, "3066", "023100")]
    [InlineData(0xff, "3066", "023100")]
    public void Numbers_of_all_48_bytes_fit(byte first, string sequence, string head)
    {
        byte[] number = [first, .. new byte[47]];
        string hex = head + Convert.ToHexStringLower(number);
        Assert.Equal(sequence + hex + hex, Hex(number, number));
    }

    private static string Hex(byte[] r, byte[] s) => Convert.ToHexStringLower(CoseSignature.ToDer([.. r, .. s]));
}
