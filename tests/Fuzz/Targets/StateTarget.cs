using WireGuard.Vsock;
using WireGuard.Vsock.Tunnels;

namespace WireGuard.Fuzz.Targets;

/// <summary>
/// What `up` remembers in files: a state is refused with one kind of exception, or read, written and read the same; likewise what
/// stands below /etc/resolv.conf, from which each tunnel goes in any order.
/// </summary>
internal sealed class StateTarget : FuzzTarget
{
    public override IEnumerable<string> Words =>
    [
        "config=/c", "\ninstance=ab\n", "state=up\n", "key=generated\n", "port=given\n", "dns=resolv.conf\n", "learns=",
        "revision=", "offered-by=", "offered-mtu=", "offered-address=", "offered-dns=", "offered-search=",
        "address=10.0.0.1/24\n",
        "route=10.0.0.0/8 table 254\n", "rule=-4 table 51820 not fwmark 51820\n", Texts.PublicHex, ":before ", "wg0 ",
        "bmFtZQ==\n",
    ];

    public override IEnumerable<byte[]> Seeds()
    {
        yield return Texts.Bytes("config=/etc/wg0.conf\ninstance=ab\ndaemon=x\nnames=1.1.1.1\nstate=up\nkey=generated\n"
            + $"port=given\ndns=resolv.conf\nlearns=peers\nrevision=5\noffered-by={Texts.PublicHex}\noffered-mtu=1420\n"
            + "offered-address=10.0.0.1/24\noffered-dns=1.1.1.1\noffered-search=lan\naddress=10.0.0.1/24\naddress=fd00::1/64\n"
            + "route=10.0.0.0/8 table 254\nrule=-4 table 51820 priority 5 not fwmark 51820\n"
            + "rule=-6 table 254 suppress_prefixlength 0\n");
        yield return Texts.Bytes(":before bmFtZQ==\nwg0 bmFtZTE=\nwg1 bmFtZTI=\n");
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        CheckState(Texts.Of(input));
        ResolvConfStack stack = ResolvConfStack.Parse(input);
        byte[] file = stack.ToFile();
        Fact.SameBytes(file, ResolvConfStack.Parse(file).ToFile(), "a stack that is written, read and written");
        stack.Push("wg0", [1], current: null);
        Fact.Holds(!stack.IsEmpty, "what is pushed is there");
        ResolvConfFate fate = stack.Remove("wg0", [1], out _);
        Fact.Same(ResolvConfFate.Replaced, fate, "what becomes of a tunnel's own text");
    }

    private static void CheckState(string text)
    {
        if (Read(text) is not { } state)
            return;
        string written = state.ToText();
        Fact.Same(written, Read(written)?.ToText(), "a state that is written, read and written");
    }

    private static TunnelState? Read(string text)
    {
        try
        {
            return TunnelState.Parse("wg0", text);
        }
        catch (SetupException)
        {
            return null;
        }
    }
}
