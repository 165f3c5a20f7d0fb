namespace WireGuard.Vsock.Sandbox;

/// <summary>What confines a process, for its log and for `show`.</summary>
/// <param name="IsOn">False if it was asked for without, or cannot be confined at all.</param>
/// <param name="Text">
/// What is in force, or why nothing is: "no_new_privs, no capabilities, 60 system calls, Landlock 7". No secret, one line.
/// </param>
internal sealed record SandboxReport(bool IsOn, string Text)
{
    /// <summary>As the control socket and `show` tell it: "on: ..." or "off: ...".</summary>
    public override string ToString() => $"{(IsOn ? "on" : "off")}: {Text}";
}
