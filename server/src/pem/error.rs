//! What can be wrong with a PEM file. Errors name kinds and lines, never a block's content.

/// Why a file of certificates or keys cannot be used: the rest of a sentence that begins with the
/// file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// Not there, a folder, no permission, too large.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// PEM is ASCII; an editor or a shell made 16 bits of each letter.
    #[error("is UTF-16 text; save it as UTF-8")]
    Utf16,
    /// No certificate in it.
    #[error("holds no certificate in PEM form{0}")]
    NoCertificate(String),
    /// No private key in it.
    #[error("holds no private key in PEM form{0}")]
    NoKey(String),
    /// A private key among certificates that are given out or shown.
    #[error(
        "holds a private key (line {line}: `{label}`), where certificates alone belong; keep the \
         key in a file of its own, and make a new key if anybody was given this file"
    )]
    PrivateKey {
        /// Where its block begins.
        line: usize,
        /// The block's kind.
        label: String,
    },
    /// OpenSSL's own form, which carries trust settings beside the certificate.
    #[error(
        "holds a `TRUSTED CERTIFICATE` (line {line}), a form of OpenSSL's own; write a plain one \
         with `openssl x509 -in FILE -out NEW`"
    )]
    Trusted {
        /// Where its block begins.
        line: usize,
    },
    /// Something that is neither a certificate nor harmless beside one.
    #[error("holds PEM of the kind {label:?} (line {line}), where certificates alone belong")]
    Kind {
        /// Where its block begins.
        line: usize,
        /// The block's kind.
        label: String,
    },
    /// A block without its END line.
    #[error("holds a `{label}` that begins in line {line} and has no END line")]
    NoEnd {
        /// Where its block begins.
        line: usize,
        /// The block's kind.
        label: String,
    },
    /// A block whose content is not base64.
    #[error("holds a damaged `{label}` (line {line}): line {at} {problem}")]
    Damaged {
        /// Where its block begins.
        line: usize,
        /// The block's kind.
        label: String,
        /// Where the damage is.
        at: usize,
        /// What is wrong there, never what stands there.
        problem: &'static str,
    },
    /// A block whose content is not what its label says.
    #[error("holds a `{label}` (line {line}) that cannot be parsed")]
    Unparsed {
        /// Where its block begins.
        line: usize,
        /// The block's kind.
        label: String,
    },
    /// Bytes behind the certificate or key within its block.
    #[error("holds a `{label}` (line {line}) with {bytes} bytes of something else behind it")]
    Behind {
        /// Where its block begins.
        line: usize,
        /// The block's kind.
        label: String,
        /// How many.
        bytes: usize,
    },
    /// A key with a password.
    #[error("holds a private key that is encrypted with a password (line {line}: `{label}`)")]
    Encrypted {
        /// Where its block begins.
        line: usize,
        /// The block's kind.
        label: String,
    },
    /// OpenSSH's own form.
    #[error(
        "holds a key in OpenSSH's own form (line {line}); `ssh-keygen -p -m PKCS8 -f FILE` writes \
         it as PEM"
    )]
    OpenSsh {
        /// Where its block begins.
        line: usize,
    },
    /// More than one key: nobody knows which one is meant.
    #[error("holds more than one private key (lines {first} and {second}); keep one in it")]
    TwoKeys {
        /// Where the first one begins.
        first: usize,
        /// Where the second one begins.
        second: usize,
    },
}
