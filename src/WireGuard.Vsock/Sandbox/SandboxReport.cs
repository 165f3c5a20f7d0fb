namespace WireGuard.Vsock.Sandbox;

/// <summary>What confines a process, for its log and for `show`.</summary>
/// <param name="IsOn">False if it was asked for without, or cannot be confined at all.</param>
/// <param name="Text">
/// What is in force, or why nothing is: "no_new_privs, CAP_NET_RAW, Landlock 7, 91 system calls". No secret, one line.
/// </param>
internal sealed record SandboxReport(bool IsOn, string Text)
{
    /// <summary>As the control socket and `show` tell it: "on: ..." or "off: ...".</summary>
    public override string ToString() => $"{(IsOn ? "on" : "off")}: {Text}";
}
