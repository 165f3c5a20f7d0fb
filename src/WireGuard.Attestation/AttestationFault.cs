namespace WireGuard.Attestation;

/// <summary>Everything that can be wrong with a document. Which file finds it: the headings below.</summary>
public enum AttestationFault
{
    /// <summary>Nothing is wrong.</summary>
    None,

    // DocumentReader: the document is not of the shape that the Nitro Security Module makes.

    /// <summary>It has more than <see cref="AttestationDocument.MaxSize"/> bytes.</summary>
    TooLarge,

    /// <summary>It is not well-formed CBOR (RFC 8949).</summary>
    NotCbor,

    /// <summary>Bytes follow the document, or its payload.</summary>
    TrailingBytes,

    /// <summary>It is not a COSE_Sign1 (RFC 9052 section 4.2): an array of four, tagged 18 or not.</summary>
    NotCoseSign1,

    /// <summary>Its protected header is not {1: -35}, ES384 and nothing else.</summary>
    WrongAlgorithm,

    /// <summary>Its signature is not of 96 bytes.</summary>
    WrongSignatureSize,

    /// <summary>A map has a key twice.</summary>
    DuplicateKey,

    /// <summary>A key that every document has is not there.</summary>
    MissingKey,

    /// <summary>A value is of another type than its key demands.</summary>
    WrongType,

    /// <summary>module_id is empty.</summary>
    EmptyModuleId,

    /// <summary>digest is not SHA384.</summary>
    UnknownDigest,

    /// <summary>timestamp lies after the year 9999.</summary>
    WrongTimestamp,

    /// <summary>pcrs is empty.</summary>
    NoPcrs,

    /// <summary>A PCR's index is not one of 0 to 31.</summary>
    WrongPcrIndex,

    /// <summary>A PCR is not of 32, 48 or 64 bytes.</summary>
    WrongPcrSize,

    /// <summary>A certificate is not of 1 to 1,024 bytes.</summary>
    WrongCertificateSize,

    /// <summary>cabundle is empty.</summary>
    EmptyBundle,

    /// <summary>cabundle has more than ten certificates; Nitro's has four.</summary>
    BundleTooLong,

    /// <summary>public_key is not of 1 to 1,024 bytes, or user_data or nonce has more than 1,024.</summary>
    WrongFieldSize,

    // CoseSignature

    /// <summary>The document's signature is not its leaf certificate's.</summary>
    WrongSignature,

    /// <summary>The leaf certificate's key is not on P-384.</summary>
    WrongLeafKey,

    // CertificateChain

    /// <summary>A certificate is not one, or has bytes that do not belong to it.</summary>
    MalformedCertificate,

    /// <summary>The first certificate of the bundle is not a pinned root.</summary>
    UnknownRoot,

    /// <summary>A pinned root is in the bundle, but is not its first certificate.</summary>
    RootNotFirst,

    /// <summary>A certificate was not issued by the one before it.</summary>
    ChainOutOfOrder,

    /// <summary>A certificate was not valid yet at the document's time.</summary>
    CertificateNotYetValid,

    /// <summary>A certificate was no longer valid at the document's time.</summary>
    CertificateExpired,

    /// <summary>A certificate of the bundle is not a CA's, by its basic constraints.</summary>
    NotCa,

    /// <summary>The leaf certificate is a CA's.</summary>
    LeafIsCa,

    /// <summary>A CA's path length is exceeded.</summary>
    PathTooLong,

    /// <summary>A certificate does not say what its key is for, or that it is not for this.</summary>
    WrongKeyUsage,

    /// <summary>A certificate has a critical extension that is not looked at here, known or not.</summary>
    UnknownCriticalExtension,

    /// <summary>A certificate's key or digest is of less than 128 bits of security.</summary>
    WeakCertificate,

    /// <summary>A certificate's signature is not its issuer's, or libcrypto refuses the chain for another reason.</summary>
    BrokenChain,

    // PolicyChecks

    /// <summary>The document is older than the policy allows.</summary>
    TooOld,

    /// <summary>The document's time lies further ahead than the policy allows.</summary>
    AheadOfTime,

    /// <summary>The enclave runs in debug mode, or the document does not say that it does not.</summary>
    DebugMode,

    /// <summary>The policy pins none of PCR0, PCR2 and PCR8, or also to zeros or nothing: any image would pass.</summary>
    NothingPinned,

    /// <summary>A PCR that the policy pins is not in the document, or is none of 0 to 31.</summary>
    MissingPcr,

    /// <summary>A PCR has none of the values that the policy pins.</summary>
    WrongPcr,

    /// <summary>The nonce is not the one that was asked for.</summary>
    WrongNonce,

    /// <summary>The public key is not the one that was asked for.</summary>
    WrongPublicKey,

    /// <summary>The user data is not what was asked for.</summary>
    WrongUserData,

    // AttestationVerifier

    /// <summary>libcrypto.so.3 is not there, or failed without regard to its input.</summary>
    NoCryptoLibrary,
}
