//! What can be wrong with the CA's files: everything is said at once, at start.

use super::Flaw;

/// A CA that no device should be given certificates of. The station does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityFault {
    /// The certificate file.
    #[error("the CA certificate file {path} {problem}")]
    CertificateFile {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The key file cannot be read.
    #[error("the CA key file {path} {problem}")]
    KeyFile {
        /// The file.
        path: String,
        /// What is wrong; never a part of the key.
        problem: String,
    },
    /// The key is encrypted.
    #[error(
        "the CA key in {path} is encrypted with a password, and the station has nobody to ask at \
         start; decrypt it with `openssl pkey` into a file only the station can read (0600)"
    )]
    KeyEncrypted {
        /// The file.
        path: String,
    },
    /// The key belongs to none of the certificates.
    #[error("the CA key in {path} belongs to none of the certificates in {certificates}")]
    KeyOfAnother {
        /// The key file.
        path: String,
        /// The certificate file.
        certificates: String,
    },
    /// A certificate that is not on P-256: a device refuses it in a chain, and the station
    /// refuses it alone (certificate profile, section 8).
    #[error("the CA `{subject}` has a key that is not on P-256; devices take P-256 only")]
    NotP256 {
        /// Its subject.
        subject: String,
    },
    /// A key that no device certificate of this form may be signed with.
    #[error("the CA `{subject}` has neither a P-256, a P-384 nor an RSA key of 2048 bits or more")]
    KeyKind {
        /// Its subject.
        subject: String,
    },
    /// A certificate that is sent and not signed with ecdsa-with-SHA256.
    #[error(
        "the CA `{subject}` is not signed with ecdsa-with-SHA256; devices refuse it in a chain"
    )]
    NotSha256 {
        /// Its subject.
        subject: String,
    },
    /// No `CA:TRUE`.
    #[error("`{subject}` is not a CA: basicConstraints CA:TRUE is missing")]
    NotACa {
        /// Its subject.
        subject: String,
    },
    /// Key usage without certificate signing.
    #[error("the CA `{subject}` may not sign certificates: its key usage lacks keyCertSign")]
    MayNotSign {
        /// Its subject.
        subject: String,
    },
    /// Not yet valid.
    #[error("the CA `{subject}` is valid from {from} only; check the station's clock")]
    NotYet {
        /// Its subject.
        subject: String,
        /// Its start.
        from: String,
    },
    /// Expired.
    #[error("the CA `{subject}` expired on {until}")]
    Expired {
        /// Its subject.
        subject: String,
        /// Its end.
        until: String,
    },
    /// A certificate in the file that is not part of the chain.
    #[error("`{subject}` in the CA certificate file did not sign the certificate below it")]
    Stray {
        /// Its subject.
        subject: String,
    },
    /// The chain is configured deeper than the file, or than a device takes.
    #[error("device-certificate-chain-depth {problem}")]
    Depth {
        /// What is wrong, as the rest of a sentence.
        problem: String,
        /// What would be right, with the number.
        fix: String,
    },
    /// OpenSSL failed.
    #[error("OpenSSL: {0}")]
    OpenSsl(String),
    /// It can sign, and somebody refuses what it signs.
    #[error(transparent)]
    Flaw(#[from] Flaw),
}

/// Something an operator should know and may want.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityWarning {
    /// Devices warn when a certificate ends within ten years.
    #[error(
        "the CA `{subject}` ends on {until}, in less than 10 years; devices warn about it and \
         device certificates end with it"
    )]
    UnderTenYears {
        /// Its subject.
        subject: String,
        /// Its end.
        until: String,
    },
    /// No subject key identifier to copy.
    #[error(
        "the CA `{subject}` has no subject key identifier; device certificates will carry no \
         authority key identifier"
    )]
    NoKeyIdentifier {
        /// Its subject.
        subject: String,
    },
    /// The cloud asks for more key usages.
    #[error(
        "the CA `{subject}` lacks the key usages {missing}, which the cloud asks of an uploaded CA"
    )]
    KeyUsage {
        /// Its subject.
        subject: String,
        /// What is missing.
        missing: String,
    },
    /// Device certificates would end within ten years.
    #[error(
        "device certificates made now end on {until}, in less than 10 years; devices warn about it"
    )]
    DevicesUnderTenYears {
        /// Their end.
        until: String,
    },
    /// Configured to outlive the CA.
    #[error(
        "device certificates end on {until}, after the CA (on {ca}); path validation elsewhere may \
         refuse them then"
    )]
    OutlivesCa {
        /// Their end.
        until: String,
        /// The CA's end.
        ca: String,
    },
    /// It has to be replaced soon, whatever it is for.
    #[error("the CA `{subject}` ends on {until}, in less than a year; have its successor made")]
    UnderAYear {
        /// Its subject.
        subject: String,
        /// Its end.
        until: String,
    },
    /// Certificates are shorter than they are meant to be.
    #[error(
        "the CA `{subject}` ends on {until}; device certificates made now should last until \
         {wanted} and are cut to its end"
    )]
    CutsDevices {
        /// Its subject.
        subject: String,
        /// Its end.
        until: String,
        /// When they would end otherwise.
        wanted: String,
    },
    /// A CA above the issuing one ends before the devices do.
    #[error(
        "the CA `{subject}` above the issuing one ends on {until}, before device certificates made \
         now (on {leaf}); whoever verifies them up to it refuses them from then on"
    )]
    EndsBeforeDevices {
        /// Its subject.
        subject: String,
        /// Its end.
        until: String,
        /// The devices' end.
        leaf: String,
    },
    /// Beside the root in use one that is not valid now.
    #[error("the root `{subject}` is not valid now; devices are given it beside the one in use")]
    RootOutsideValidity {
        /// Its subject.
        subject: String,
    },
    /// The root file begins below a root.
    #[error(
        "no certificate in the root file signs itself: OpenSSL refuses device certificates unless \
         it is asked for -partial_chain; give the root itself, if there is one"
    )]
    PartialRoot,
    /// Correct in practice, not in the letter.
    #[error(
        "OpenSSL in its strict mode refuses the certificates of this CA, and in its usual one it \
         does not: {reason} (at `{subject}`)"
    )]
    Strict {
        /// The certificate it is about.
        subject: String,
        /// OpenSSL's words.
        reason: String,
    },
    /// Name constraints on hosts, which OpenSSL holds against a CN with a dot.
    #[error(
        "the CA `{subject}` has name constraints on DNS names: OpenSSL may refuse a device whose \
         serial number has a dot in it, for it looks like a host's name"
    )]
    DottedNames {
        /// Its subject.
        subject: String,
    },
}
