namespace WireGuard.Vsock.Config;

/// <summary>The keys of a relay's file, as they are written, and the options that mean the same.</summary>
internal static class RelayKeys
{
    internal const string Listen = "Listen";
    internal const string To = "To";
    internal const string Peer = "Peer";
    internal const string Raw = "Raw";
    internal const string MaxConnections = "MaxConnections";
    internal const string MaxPerSource = "MaxPerSource";
    internal const string Idle = "Idle";
    internal const string Metrics = "Metrics";
    internal const string Sandbox = "Sandbox";

    internal const string RelaySection = "[Relay]";
    internal const string GeneralSection = "[General]";

    internal static readonly string[] Sections = [RelaySection, GeneralSection];

    internal static readonly string[] OfRelay = [.. KeyMeaning.OfRelay.Select(key => key.Key)];

    internal static readonly string[] OfGeneral = [.. KeyMeaning.OfGeneral.Select(key => key.Key)];

    /// <summary>The option of each key.</summary>
    internal static string Option(string key) => key switch
    {
        Listen => "--listen",
        To => "--to",
        Peer => "--peer",
        Raw => "--raw",
        MaxConnections => "--max-connections",
        MaxPerSource => "--max-per-source",
        Idle => "--idle",
        Metrics => "--metrics",
        Sandbox => "--sandbox",
        _ => "",
    };
}
