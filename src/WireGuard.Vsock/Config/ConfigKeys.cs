namespace WireGuard.Vsock.Config;

/// <summary>The keys of a configuration file, as they are written.</summary>
internal static class ConfigKeys
{
    internal const string PrivateKey = "PrivateKey";
    internal const string PrivateKeyFile = "PrivateKeyFile";
    internal const string PresharedKey = "PresharedKey";
    internal const string PresharedKeyFile = "PresharedKeyFile";
}
