using System.Buffers;
using WireGuard.Vsock.Interop;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Provisioning;

/// <summary>
/// Documents of the Nitro Secure Module, by its device (drivers/misc/nsm.c; aws-nitro-enclaves-nsm-api). An ioctl takes one
/// message of CBOR and gives another:
/// <code>
/// { "Attestation": { "user_data": bytes, "nonce": bytes, "public_key": bytes } }
/// { "Attestation": { "document": bytes } }   or   { "Error": text }
/// </code>
/// The device stays open: a process that is confined later can open nothing any more. It needs no capability.
/// </summary>
/// <param name="device">Of another path in tests.</param>
internal sealed unsafe class NitroSecureModule(string device = NitroSecureModule.Device) : IDocumentSource
{
    public const string Device = "/dev/nsm";

    private int _fd; // or a negated errno
    private bool _isOpened; // or could not be

    /// <summary>Why no document can be had here, in words; null if the device can be opened.</summary>
    /// <param name="device">Of another path in tests.</param>
    public static string? Problem(string device = Device)
    {
        int fd = Sys.Open(device, O_RDWR);
        if (fd < 0)
            return OpenProblem(device, -fd);
        Sys.Close(fd);
        return null;
    }

    /// <summary>Opens the device, once; why it cannot be opened is told when a document is asked for.</summary>
    public void Open()
    {
        if (_isOpened)
            return;
        _isOpened = true;
        _fd = Sys.Open(device, O_RDWR);
    }

    public bool TryMake(
        ReadOnlySpan<byte> nonce,
        ReadOnlySpan<byte> publicKey,
        ReadOnlySpan<byte> userData,
        out byte[] document,
        out string error)
    {
        document = [];
        Open();
        if (_fd < 0)
        {
            error = OpenProblem(device, -_fd);
            return false;
        }

        byte[] answer = new byte[NSM_RESPONSE_MAX_SIZE];
        int length = Ask(_fd, Request(nonce, publicKey, userData), answer);
        error = length < 0 ? $"{device}: {Errno.Text(-length)}" : "";
        return length >= 0 && TryReadAnswer(answer.AsSpan(0, length), out document, out error);
    }

    internal static byte[] Request(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> userData) =>
        new ArrayBufferWriter<byte>(256).Map(1).Text("Attestation").Map(3)
            .Text("user_data").Bytes(userData).Text("nonce").Bytes(nonce).Text("public_key").Bytes(publicKey)
            .WrittenSpan.ToArray();

    internal static bool TryReadAnswer(ReadOnlySpan<byte> answer, out byte[] document, out string error)
    {
        (document, error) = ([], "");
        CborItems items = new(answer);
        bool isMap = items.TryHead(CborKind.Map, out uint pairs) && pairs == 1;
        if (!isMap || !items.TryText(out string? kind))
            error = "the Nitro Secure Module's answer cannot be read";
        else if (kind == "Error" && items.TryText(out string? text))
            error = $"the Nitro Secure Module refuses: {text}";
        else if (kind == "Attestation" && items.TryHead(CborKind.Map, out pairs) && pairs == 1
            && items.TryText(out string? name) && name == "document" && items.TryBytes(out ReadOnlySpan<byte> bytes))
        {
            document = bytes.ToArray();
        }

        if (document.Length == 0 && error.Length == 0)
            error = "the Nitro Secure Module's answer has no document";
        return error.Length == 0;
    }

    /// <summary>How long the answer is, or a negated errno.</summary>
    private static int Ask(int fd, byte[] request, byte[] answer)
    {
        fixed (byte* requestBytes = request, answerBytes = answer)
        {
            nsm_raw message = new()
            {
                request_addr = (ulong)requestBytes,
                request_len = (ulong)request.Length,
                response_addr = (ulong)answerBytes,
                response_len = (ulong)answer.Length,
            };
            int result = Sys.Ioctl(fd, NSM_IOCTL_RAW, &message);
            return result < 0 ? result : (int)Math.Min(message.response_len, (ulong)answer.Length);
        }
    }

    private static string OpenProblem(string device, int errno) => errno is Errno.ENOENT or Errno.ENODEV or Errno.ENXIO
        ? $"no {device}: this is no Nitro enclave, or its kernel lacks CONFIG_NSM"
        : $"{device}: {Errno.Text(errno)}";
}
