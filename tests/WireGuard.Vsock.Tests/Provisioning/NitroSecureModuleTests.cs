using CsCheck;
using WireGuard.Vsock.Provisioning;

namespace WireGuard.Vsock.Tests.Provisioning;

public sealed class NitroSecureModuleTests
{
    [Fact]
    public void The_request_is_as_the_module_takes_it()
    {
        byte[] request = NitroSecureModule.Request([1, 2], [3, 4, 5], []);
        byte[] expected =
        [
            0xA1, 0x6B, .. "Attestation"u8, 0xA3, 0x69, .. "user_data"u8, 0x40, 0x65, .. "nonce"u8, 0x42, 1, 2,
            0x6A, .. "public_key"u8, 0x43, 3, 4, 5,
        ];
        Assert.Equal(expected, request);
    }

    [Fact]
    public void A_document_is_taken_out_of_its_answer()
    {
        foreach (int length in (int[])[1, 23, 24, 255, 256, 0x2F00])
        {
            byte[] made = new byte[length];
            made[0] = 7;
            byte[] head = length < 24 ? [(byte)(0x40 | length)] : length < 256 ? [0x58, (byte)length]
                : [0x59, (byte)(length >> 8), (byte)length];
            byte[] answer = [0xA1, 0x6B, .. "Attestation"u8, 0xA1, 0x68, .. "document"u8, .. head, .. made];
            Assert.True(NitroSecureModule.TryReadAnswer(answer, out byte[] document, out string error));
            Assert.Equal(made, document);
            Assert.Equal("", error);
        }
    }

    [Fact]
    public void An_error_is_told()
    {
        byte[] answer = [0xA1, 0x65, .. "Error"u8, 0x70, .. "InvalidOperation"u8];
        Assert.False(NitroSecureModule.TryReadAnswer(answer, out _, out string error));
        Assert.Equal("the Nitro Secure Module refuses: InvalidOperation", error);
    }

    [Fact]
    public void Anything_else_is_no_document() => Gen.Byte.Array[0, 64].Sample(bytes =>
    {
        byte[] begun = [0xA1, 0x6B, .. "Attestation"u8, 0xA1, 0x68, .. "document"u8, .. bytes];
        return !NitroSecureModule.TryReadAnswer(bytes, out _, out string error) && error.Length != 0
            && NitroSecureModule.TryReadAnswer(begun, out byte[] document, out error) == (error.Length == 0)
            && document.Length == 0 == (error.Length != 0);
    });

    [Fact]
    public void A_missing_device_is_told_with_what_that_means()
    {
        string expected = "no /dev/nsm-that-is-not: this is no Nitro enclave, or its kernel lacks CONFIG_NSM";
        Assert.Equal(expected, NitroSecureModule.Problem("/dev/nsm-that-is-not"));
        Assert.False(new NitroSecureModule("/dev/nsm-that-is-not").TryMake([], [], [], out _, out string error));
        Assert.Equal(expected, error);
    }

    [Fact]
    public void Another_device_is_no_module()
    {
        Assert.Null(NitroSecureModule.Problem("/dev/null"));
        Assert.False(new NitroSecureModule("/dev/null").TryMake([], [], [], out byte[] document, out string error));
        Assert.Empty(document);
        Assert.StartsWith("/dev/null: ", error, StringComparison.Ordinal);
    }
}
