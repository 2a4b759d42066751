//! The server's address as the device checks it (injection 10.2).

use super::super::refusal::Refusal;
use crate::names;

/// The refusal of an address of the wrong form.
pub(super) fn wrong(name: &str) -> Refusal {
    Refusal::new(28, "URI format incorrect", name.as_bytes())
}

/// The account id: what follows `?aid=` or `&aid=`, to the end.
pub(super) fn account(uri: &[u8]) -> Option<&[u8]> {
    let at = uri.windows(5).position(|part| part == b"?aid=" || part == b"&aid=")?;
    uri.get(at + 5..)
}

/// Checks an address. `claim`: first to claim is set.
pub(super) fn check(uri: &[u8], name: &str, bootstrap: bool, claim: bool) -> Result<(), Refusal> {
    let refused = |name: &str| Refusal::new(29, "first to claim not allowed", name.as_bytes());
    if !uri.starts_with(b"coap://") && !uri.starts_with(b"coaps://") {
        return Err(wrong(name));
    }
    match (claim, account(uri).is_some()) {
        (true, _) if !bootstrap => Err(refused(names::FIRST_TO_CLAIM)),
        (true, true) => Err(refused(name)),
        (false, false) => Err(wrong(name)),
        _ => Ok(()),
    }
}
