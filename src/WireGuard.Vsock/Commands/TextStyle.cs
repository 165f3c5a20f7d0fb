using WireGuard.Vsock.Interop;

namespace WireGuard.Vsock.Commands;

/// <summary>
/// The colours of <c>wg(8)</c>, as escape sequences; all empty where there are none. WG_COLOR_MODE decides; without it (or with
/// "auto") a terminal has colours, unless NO_COLOR is set (https://no-color.org).
/// </summary>
internal readonly struct TextStyle(bool isColoured)
{
    public string Reset => isColoured ? "\e[0m" : "";

    public string Bold => isColoured ? "\e[1m" : "";

    public string Red => isColoured ? "\e[31m" : "";

    public string Green => isColoured ? "\e[32m" : "";

    public string Yellow => isColoured ? "\e[33m" : "";

    public string Cyan => isColoured ? "\e[36m" : "";

    /// <summary>What stdout is to have.</summary>
    public static TextStyle OfOutput() => new(Environs.Get(Environs.ColorMode) switch
    {
        "always" => true,
        "never" => false,
        _ => Environs.Get(Environs.NoColor) is null && Sys.IsTerminal(1),
    });

    /// <summary>What is not to be overlooked.</summary>
    public string Warning(string text) => $"{Red}{text}{Reset}";

    /// <summary>A unit or a sign between numbers.</summary>
    public string Unit(string text) => $"{Cyan}{text}{Reset}";
}
