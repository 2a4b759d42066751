//! What is wrong with a CA that can be read and signs, and whose certificates somebody refuses.

/// Why devices would have certificates that somebody refuses. The station does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Too many CAs below a CA.
    #[error(
        "the CA `{subject}` allows {allowed} CAs below it (pathlen:{allowed}) and has {below}; \
         verifiers refuse every certificate below it"
    )]
    PathLength {
        /// Its subject.
        subject: String,
        /// What it allows.
        allowed: u32,
        /// What there is.
        below: usize,
    },
    /// Limited to something other than clients.
    #[error(
        "the CA `{subject}` is limited to {usage} by its extended key usage; clients below it are \
         refused"
    )]
    Usage {
        /// Its subject.
        subject: String,
        /// What it is for.
        usage: String,
    },
    /// An extension that verifiers have to know and do not.
    #[error("the CA `{subject}` has {extension}, which verifiers refuse")]
    Extension {
        /// Its subject.
        subject: String,
        /// The extension and what is wrong with it.
        extension: String,
    },
    /// Something that Go and others cannot parse.
    #[error("the CA `{subject}` has {problem}; Go and others cannot read it")]
    Form {
        /// Its subject.
        subject: String,
        /// What they stumble over.
        problem: String,
    },
    /// The name of the issuer is spelt otherwise in the certificate than in the issuer's.
    #[error(
        "the CA `{subject}` writes its issuer's name in other bytes than `{issuer}` writes its \
         own, be it the type of a string; many verifiers compare bytes and find no issuer"
    )]
    IssuerBytes {
        /// Its subject.
        subject: String,
        /// The CA above it.
        issuer: String,
    },
    /// The identifiers do not belong together.
    #[error(
        "the authority key identifier of the CA `{subject}` is not the subject key identifier of \
         `{issuer}` above it; OpenSSL finds no issuer then"
    )]
    KeyIdentifier {
        /// Its subject.
        subject: String,
        /// The CA above it.
        issuer: String,
    },
    /// A signature that nobody trusts any more.
    #[error("the CA `{subject}` is signed with {digest}, which verifiers refuse")]
    Digest {
        /// Its subject.
        subject: String,
        /// The digest.
        digest: &'static str,
    },
    /// Name constraints that no device of the product fulfils.
    #[error(
        "the name constraints of {constrained} do not allow the devices' subject, such as `{leaf}`"
    )]
    Names {
        /// The subject of a device.
        leaf: String,
        /// The CAs that have name constraints.
        constrained: String,
    },
    /// Whatever else OpenSSL has against it.
    #[error("OpenSSL refuses certificates such as `{leaf}`: {reason} (at `{subject}`)")]
    Path {
        /// The subject of a device.
        leaf: String,
        /// The certificate it was looking at.
        subject: String,
        /// OpenSSL's words.
        reason: String,
    },
    /// A chain is sent, and the client's TLS library cannot read it.
    #[error(
        "the CA `{subject}` is sent to devices and {problem}: their TLS library refuses the chain \
         (status 18), after the old identity is gone"
    )]
    UnreadableForDevices {
        /// Its subject.
        subject: String,
        /// What is wrong.
        problem: String,
    },
    /// No certificate could be made.
    #[error("no device certificate can be made: {0}")]
    Sample(String),
}

impl Flaw {
    /// The subject of the certificate it is about, where it is about one.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::PathLength { subject, .. }
            | Self::Usage { subject, .. }
            | Self::Extension { subject, .. }
            | Self::Form { subject, .. }
            | Self::IssuerBytes { subject, .. }
            | Self::KeyIdentifier { subject, .. }
            | Self::Digest { subject, .. }
            | Self::Path { subject, .. }
            | Self::UnreadableForDevices { subject, .. } => Some(subject),
            Self::Names { .. } | Self::Sample(_) => None,
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::UnreadableForDevices { .. } => {
                "send the device certificate alone (device-certificate-chain-depth: 1), or have \
                 the CA issued again without that extension, or without critical"
            }
            Self::Names { .. } => {
                "give devices a subject within the constraints, or have the CA issued again \
                 without them"
            }
            Self::Sample(_) => "give a CA that can sign now, and a subject that is not the CA's",
            _ => "have the CA issued again without that; `openssl x509 -text` shows it",
        }
    }
}
