using WireGuard.Vsock.Control;
using WireGuard.Vsock.Uapi;

namespace WireGuard.Vsock.Commands;

/// <summary>What the commands of <c>wg(8)</c> have in common.</summary>
internal static class WgCommand
{
    /// <summary>All that the daemon tells: ours in full, any other what <c>get</c> tells.</summary>
    public static DeviceStatus StatusOf(UapiClient client) => client.TryStatus() ?? client.Get();

    /// <summary>Does something with an interface. What fails is said in wg's words, which programs may look for.</summary>
    /// <param name="failure">What was not possible, before a colon and the reason.</param>
    /// <returns>The exit code.</returns>
    public static int Try(string failure, Action action)
    {
        try
        {
            action();
            return 0;
        }
        catch (UapiException e)
        {
            Complain($"{failure}: {e.Reason}");
        }
        catch (WgMistake e)
        {
            Complain(e.Message);
        }

        return 1;
    }

    /// <summary>A line on stderr, as wg(8) writes it: without the program's name.</summary>
    public static void Complain(string line) => Say.Write(2, line + "\n");
}

/// <summary>Something given to a command of wg(8) is wrong; the message is wg's line, without the program's name.</summary>
internal sealed class WgMistake(string line) : Exception(line);
