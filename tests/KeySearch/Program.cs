using System.Globalization;
using System.Net;
using WireGuard.KeySearch;

// Is a secret of a daemon's sessions left in its memory?
//
//   keysearch call   tcp|udp ADDRESS:PORT OWN-KEY DAEMON-KEY PRESHARED-KEY    shakes hands with the daemon, as initiator
//   keysearch answer tcp|udp ADDRESS:PORT OWN-KEY DAEMON-KEY PRESHARED-KEY    waits there for the daemon to do so: gives it a
//                                                                             cookie first, then answers
//   keysearch search PID NOTES                                                looks for all that the others have noted
//
// Keys are files as of `wg genkey`; whoever knows both static private keys and one ephemeral one knows all that comes of them.
// `call` and `answer` print it, a line `secret NAME HEX` each, and the daemon's ephemeral public key as `public NAME HEX`; then
// `done`, and stay until their standard input ends. `search` prints a line for each place where one of them is found.
if (args is ["call" or "answer", "tcp" or "udp", _, _, _, _])
{
    var notes = new Notes();
    using var player = new Player(ReadKey(args[3]), ReadKey(args[4]), ReadKey(args[5]), notes);
    using Wire wire = args[0] == "call"
        ? Wire.Connect(args[1] == "tcp", IPEndPoint.Parse(args[2]))
        : Wire.Accept(args[1] == "tcp", IPEndPoint.Parse(args[2]));
    if (args[0] == "call")
        player.Call(wire);
    else
        player.Answer(wire);
    notes.Write(Console.Out);
    while (Console.In.Read() >= 0)
    {
        // Until whoever started it lets go.
    }

    return 0;
}

if (args is ["search", _, _])
{
    using var memory = new ProcessMemory(int.Parse(args[1], CultureInfo.InvariantCulture));
    foreach (string found in Search.In(memory, Notes.Read(args[2])))
        Console.WriteLine(found);
    return 0;
}

await Console.Error.WriteLineAsync(
    "usage: keysearch call|answer tcp|udp ADDRESS:PORT OWN-KEY DAEMON-KEY PRESHARED-KEY | search PID NOTES");
return 2;

static byte[] ReadKey(string path) => Convert.FromBase64String(File.ReadAllText(path).Trim());
