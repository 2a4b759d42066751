//! OpenSSL's path validation, as its servers verify a client's certificate.

use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509PurposeId, X509Ref, X509StoreContext};

use crate::ca::authority::{signed_by, subject_of};

/// Not yet valid, expired (openssl-verification-options, `X509_V_ERR_*`).
const OF_DATES: [i32; 2] = [9, 10];
/// Name constraints broken, or of a kind or form that is not supported.
const OF_NAMES: [i32; 6] = [47, 48, 49, 51, 52, 53];
/// No authority or no subject key identifier: strict mode alone asks for them, and what that means
/// is warned of elsewhere.
const OF_IDENTIFIERS: [&str; 2] =
    ["Missing Authority Key Identifier", "Missing Subject Key Identifier"];

/// Why OpenSSL refuses a certificate.
pub(super) struct Refusal {
    code: i32,
    /// OpenSSL's words.
    pub(super) reason: &'static str,
    /// Which certificate it was looking at.
    pub(super) subject: Option<String>,
}

impl Refusal {
    pub(super) fn is_of_dates(&self) -> bool {
        OF_DATES.contains(&self.code)
    }

    pub(super) fn is_of_names(&self) -> bool {
        OF_NAMES.contains(&self.code)
    }

    pub(super) fn is_of_identifiers(&self) -> bool {
        OF_IDENTIFIERS.contains(&self.reason)
    }
}

/// Verifies `leaf` for the purpose sslclient at a moment. Anchors need not sign themselves.
pub(super) fn verify(
    leaf: &X509,
    given: &[X509],
    anchors: &[X509],
    at: Timestamp,
    strictly: bool,
) -> Result<(), Refusal> {
    let failed =
        |_: ErrorStack| Refusal { code: 0, reason: "OpenSSL could not look at it", subject: None };
    verified(leaf, given, anchors, at, strictly).map_err(failed)?.map_or(Ok(()), Err)
}

fn verified(
    leaf: &X509,
    given: &[X509],
    anchors: &[X509],
    at: Timestamp,
    strictly: bool,
) -> Result<Option<Refusal>, ErrorStack> {
    let mut flags = X509VerifyFlags::empty();
    // Where all anchors sign themselves OpenSSL is not asked for less than it usually wants.
    if !anchors.iter().all(|it| signed_by(Some(it), it)) {
        flags |= X509VerifyFlags::PARTIAL_CHAIN;
    }
    if strictly {
        flags |= X509VerifyFlags::X509_STRICT;
    }
    let mut wanted = X509VerifyParam::new()?;
    wanted.set_flags(flags)?;
    wanted.set_purpose(X509PurposeId::SSL_CLIENT)?;
    wanted.set_time(at.as_second());
    let mut store = X509StoreBuilder::new()?;
    for anchor in anchors {
        store.add_cert(anchor.clone())?;
    }
    store.set_param(&wanted)?;
    let mut others = Stack::new()?;
    for one in given {
        others.push(one.clone())?;
    }
    let mut context = X509StoreContext::new()?;
    context.init(&store.build(), leaf, &others, |context| {
        if context.verify_cert()? {
            return Ok(None);
        }
        let (error, at) = (context.error(), context.current_cert().map(X509Ref::to_owned));
        Ok(Some(Refusal {
            code: error.as_raw(),
            reason: error.error_string(),
            subject: at.as_ref().map(subject_of),
        }))
    })
}
