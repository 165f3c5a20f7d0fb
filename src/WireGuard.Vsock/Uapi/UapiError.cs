namespace WireGuard.Vsock.Uapi;

/// <summary>What is wrong with a line.</summary>
/// <param name="Errno">
/// EPROTO: the line is not key=value. EINVAL: there is no such key, or it cannot have this value. ENOSPC: more peers or allowed
/// IPs than allowed. EMSGSIZE: the line is too long.
/// </param>
/// <param name="Message">For the log; it repeats no value.</param>
internal readonly record struct UapiError(int Errno, string Message);
