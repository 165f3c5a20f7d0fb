using System.Formats.Cbor;
using System.Security.Cryptography;

namespace WireGuard.Nsm;

/// <summary>Makes a signed document of what was asked for: null where nothing was.</summary>
internal delegate byte[] SignDocument(byte[]? nonce, byte[]? publicKey, byte[]? userData);

/// <summary>
/// Requests of the module's driver and its users into responses, both CBOR: "GetRandom", which the kernel asks by itself, and
/// {"Attestation": {"user_data", "nonce", "public_key"}}. Everything else is an invalid operation here.
/// </summary>
internal sealed class SecureModule(SignDocument sign)
{
    private const int RandomBytes = 256;

    // Of Nitro's module.
    private const int LargestUserData = 512;
    private const int LargestNonce = 512;
    private const int LargestPublicKey = 1024;

    public byte[] Answer(byte[] request)
    {
        try
        {
            CborReader reader = new(request);
            if (reader.PeekState() == CborReaderState.TextString)
                return reader.ReadTextString() == "GetRandom" ? Random() : Error("InvalidOperation");
            _ = reader.ReadStartMap();
            return reader.ReadTextString() == "Attestation" ? Attest(reader) : Error("InvalidOperation");
        }
        catch (Exception e) when (e is CborContentException or InvalidOperationException)
        {
            return Error("InvalidArgument");
        }
    }

    private static byte[] Random() => Response("GetRandom", "random", RandomNumberGenerator.GetBytes(RandomBytes));

    private byte[] Attest(CborReader reader)
    {
        byte[]? userData = null, nonce = null, publicKey = null;
        _ = reader.ReadStartMap();
        while (reader.PeekState() != CborReaderState.EndMap)
        {
            string key = reader.ReadTextString();
            byte[]? value = null;
            if (reader.PeekState() == CborReaderState.Null) reader.ReadNull();
            else value = reader.ReadByteString();
            switch (key)
            {
                case "user_data": userData = value; break;
                case "nonce": nonce = value; break;
                case "public_key": publicKey = value; break;
                default: return Error("InvalidArgument");
            }
        }

        if (userData?.Length > LargestUserData || nonce?.Length > LargestNonce || publicKey?.Length > LargestPublicKey)
            return Error("InputTooLarge");
        return Response("Attestation", "document", sign(nonce, publicKey, userData));
    }

    private static byte[] Response(string operation, string name, byte[] value)
    {
        CborWriter writer = new();
        writer.WriteStartMap(1);
        writer.WriteTextString(operation);
        writer.WriteStartMap(1);
        writer.WriteTextString(name);
        writer.WriteByteString(value);
        writer.WriteEndMap();
        writer.WriteEndMap();
        return writer.Encode();
    }

    private static byte[] Error(string name)
    {
        CborWriter writer = new();
        writer.WriteStartMap(1);
        writer.WriteTextString("Error");
        writer.WriteTextString(name);
        writer.WriteEndMap();
        return writer.Encode();
    }
}
