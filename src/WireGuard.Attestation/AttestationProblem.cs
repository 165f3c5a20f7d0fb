namespace WireGuard.Attestation;

/// <summary>One thing that is wrong with a document, or with what was asked of it.</summary>
/// <param name="Fault">What kind of thing.</param>
/// <param name="Text">One line for people: what was found, and what was expected.</param>
public readonly record struct AttestationProblem(AttestationFault Fault, string Text);
