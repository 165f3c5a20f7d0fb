using static WireGuard.Attestation.AttestationFault;

namespace WireGuard.Attestation;

/// <summary>Whether a document says what a policy demands. Whether it is to be believed was found before.</summary>
internal static class PolicyChecks
{
    private const string Drift = "the enclave's clock or this one drifts";

    internal static void Check(AttestationDocument document, AttestationPolicy policy, List<AttestationProblem> problems)
    {
        CheckTime(document, policy, problems);
        CheckDebugMode(document, policy, problems);
        CheckThatCodeIsPinned(document, policy, problems);
        CheckPins(document, policy, problems);
        CheckField("nonce", document.Nonce, policy.Nonce, WrongNonce, problems);
        CheckField("public_key", document.PublicKey, policy.PublicKey, WrongPublicKey, problems);
        CheckField("user_data", document.UserData, policy.UserData, WrongUserData, problems);
    }

    /// <summary>Rounded up: what is over 300 s is at least 301.</summary>
    private static string Seconds(TimeSpan time) => $"{(long)Math.Ceiling(time.TotalSeconds)} s";

    private static void CheckTime(AttestationDocument document, AttestationPolicy policy, List<AttestationProblem> problems)
    {
        TimeSpan age = policy.Now - document.Timestamp;
        string allowed = Seconds(policy.LargestSkew);
        if (age > policy.LargestSkew)
            problems.Add(new(TooOld, $"it was made {Seconds(age)} ago, over {allowed}: it is an old one, or {Drift}"));
        if (-age > policy.LargestSkew)
            problems.Add(new(AheadOfTime, $"its time is {Seconds(-age)} ahead, over {allowed}: {Drift}"));
    }

    private static void CheckDebugMode(AttestationDocument document, AttestationPolicy policy, List<AttestationProblem> problems)
    {
        if (policy.AllowsDebugMode)
            return;
        ReadOnlySpan<byte> image = document.Pcr(0).Span;
        if (image.IsEmpty)
            problems.Add(new(DebugMode, "it has no PCR0, which tells whether its enclave runs in debug mode"));
        else if (IsZero(image))
            problems.Add(new(DebugMode, "its enclave runs in debug mode, open to its host: PCR0 is all zero"));
    }

    /// <summary>
    /// Zeros are excused by debug mode alone. A PCR0 of zeros beside another measurement takes nothing that is not of debug mode.
    /// </summary>
    private static void CheckThatCodeIsPinned(
        AttestationDocument document, AttestationPolicy policy, List<AttestationProblem> problems)
    {
        bool isOfDebugMode = IsZero(document.Pcr(0).Span);
        if (!AttestationPolicy.IsCodePinned(policy.Pins, policy.AllowsDebugMode, policy.AllowsDebugMode && isOfDebugMode))
            problems.Add(new(NothingPinned, "none of PCR0, PCR2 and PCR8 is pinned to a measurement: any image would pass"));
    }

    private static bool IsZero(ReadOnlySpan<byte> pcr) => !pcr.IsEmpty && !pcr.ContainsAnyExcept((byte)0);

    private static void CheckPins(AttestationDocument document, AttestationPolicy policy, List<AttestationProblem> problems)
    {
        for (int index = 0; index < AttestationDocument.PcrCount; index++)
        {
            ReadOnlySpan<byte> measured = document.Pcr(index).Span;
            bool isPinned = false, isAny = false;
            foreach (PcrPin pin in policy.Pins)
            {
                if (pin.Index != index) continue;
                isPinned = true;
                isAny |= measured.SequenceEqual(pin.Value.Span);
            }

            if (!isPinned)
                continue;
            if (measured.IsEmpty)
                problems.Add(new(MissingPcr, $"it has no PCR{index}"));
            else if (!isAny)
                problems.Add(new(WrongPcr, $"its PCR{index} is {Convert.ToHexStringLower(measured)}, which is not pinned"));
        }

        foreach (PcrPin pin in policy.Pins)
        {
            if (pin.Index is >= 0 and < AttestationDocument.PcrCount) continue;
            problems.Add(new(MissingPcr, $"a PCR {pin.Index} is pinned; they are 0 to {AttestationDocument.PcrCount - 1}"));
            break;
        }
    }

    private static void CheckField(
        string name,
        ReadOnlyMemory<byte>? said,
        ReadOnlyMemory<byte>? asked,
        AttestationFault fault,
        List<AttestationProblem> problems)
    {
        if (asked == null)
            return;
        if (said == null)
            problems.Add(new(fault, $"it has no {name}, and another was asked for"));
        else if (!said.Value.Span.SequenceEqual(asked.Value.Span))
            problems.Add(new(fault, $"its {name} is not the one that was asked for"));
    }
}
