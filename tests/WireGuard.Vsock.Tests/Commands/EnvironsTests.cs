using WireGuard.Vsock.Commands;

namespace WireGuard.Vsock.Tests.Commands;

public sealed class EnvironsTests : IDisposable
{
    // Of this test alone: what is started beside it must see none of the daemon's own.
    private const string Name = "WG_VSOCK_TEST_ENVIRONS";

    public void Dispose() => Environment.SetEnvironmentVariable(Name, null);

    [Theory]
    [InlineData("0", true)]
    [InlineData("c0FFee", true)]
    [InlineData("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", true)]
    [InlineData("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0", false)]
    [InlineData("g", false)]
    [InlineData("0x1", false)]
    [InlineData("1\n", false)]
    public void An_instance_is_of_hexadecimal_digits(string id, bool isValid)
    {
        if (isValid)
            Assert.Equal(id, Environs.CheckInstance(id));
        else
            Assert.Throws<SetupException>(() => Environs.CheckInstance(id));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void Variable_that_is_empty_is_as_one_that_is_not_set(string? value)
    {
        Environment.SetEnvironmentVariable(Name, value);
        Assert.Null(Environs.Get(Name));
        Assert.Null(Environs.Descriptor(Name));
    }

    [Fact]
    public void Descriptor_is_a_decimal_number()
    {
        Environment.SetEnvironmentVariable(Name, "12");
        Assert.Equal("12", Environs.Get(Name));
        Assert.Equal(12, Environs.Descriptor(Name));
    }

    [Theory]
    [InlineData("x")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData(" 1")]
    [InlineData("0x1")]
    [InlineData("99999999999")]
    public void Descriptor_that_is_no_number_is_refused_by_name(string value)
    {
        Environment.SetEnvironmentVariable(Name, value);
        SetupException refused = Assert.Throws<SetupException>(() => Environs.Descriptor(Name));
        Assert.Equal($"{Name}='{value}' is no descriptor's number", refused.Message);
    }
}
