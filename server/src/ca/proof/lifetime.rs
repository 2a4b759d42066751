//! CAs that end too soon: under the product's rule, within a year, before the devices below them.

use jiff::{SignedDuration, Timestamp};

use super::look::Link;
use crate::ca::{AuthorityWarning, Draft, validity};

/// A CA that ends within this has to be replaced before it does.
const YEAR: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A certificate that is cut by less is as good as whole.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What to say of the CAs of a way up, issuing CA first. `wanted` is when certificates made now
/// would end if no CA ended before. (That a gateway's CA has less than ten years is said where the
/// CA is read.)
pub(super) fn warnings(
    links: &[Link],
    (now, wanted): (Timestamp, Timestamp),
    draft: &Draft,
) -> Vec<AuthorityWarning> {
    let mut warnings = Vec::new();
    let leaf = draft.planned().not_after;
    for (place, link) in links.iter().enumerate() {
        let Some(parsed) = link.parsed() else { continue };
        let (_, end) = validity::of(&parsed);
        let (subject, until) = (link.subject(), validity::shown(end));
        if end.duration_since(now) < YEAR {
            let (subject, until) = (subject.clone(), until.clone());
            warnings.push(AuthorityWarning::UnderAYear { subject, until });
        }
        let is_issuer = place == 0;
        if is_issuer && wanted.duration_since(leaf) >= DAY {
            let wanted = day(wanted);
            warnings.push(AuthorityWarning::CutsDevices { subject, until, wanted });
        } else if !is_issuer && end < leaf {
            let leaf = day(leaf);
            warnings.push(AuthorityWarning::EndsBeforeDevices { subject, until, leaf });
        }
    }
    warnings
}

/// A moment that is counted from now and so differs by seconds: its day.
fn day(at: Timestamp) -> String {
    validity::shown(at).chars().take("2026-11-21".len()).collect()
}
