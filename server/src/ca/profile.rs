//! What a product's device certificate looks like.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// Subject attributes beside the CN. Empty ones are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectFields {
    /// Two letters.
    pub country: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Locality.
    pub locality: Option<String>,
    /// Organization.
    pub organization: Option<String>,
    /// Organizational unit; in direct LwM2M mode the account id.
    pub organizational_unit: Option<String>,
}

/// How long a device certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// 25 years, cut to the CA's end.
    Default,
    /// This many days, even beyond the CA's end.
    Days(u32),
    /// Until 99991231235959Z: no well-defined end (RFC 5280 4.1.2.5).
    Forever,
    /// From now, to the second, for this many days, cut to the CA's end (sign 3).
    FromNow {
        /// The days.
        days: u32,
    },
}

/// Which extensions a certificate has, in which order, and which CAs and devices it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A gateway's: the certificate profile, section 9. P-256 throughout, 1,024 bytes at most,
    /// since that is what its client takes.
    Gateway,
    /// That of a device that registers itself: keyUsage digitalSignature and extKeyUsage
    /// clientAuth, both critical, then the key identifiers (sign 3). The CA may be EC or RSA.
    Registered,
}

/// What a product's device certificate looks like: the certificate profile, section 9.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name, recorded with every certificate.
    pub name: String,
    /// Subject attributes.
    pub subject: SubjectFields,
    /// Length of validity.
    pub validity: Validity,
    /// Its extensions.
    pub form: Form,
}

/// A device whose clock is behind the station's must not find its certificate not yet valid.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

impl Profile {
    /// The same, with the account id in OU: the device compares them where it has no bootstrap
    /// server (injection 10, check 12).
    #[must_use]
    pub fn of_account(&self, account: &str) -> Self {
        let mut profile = self.clone();
        profile.subject.organizational_unit = Some(account.to_owned());
        profile
    }

    /// When a certificate made at `now` is meant to end, whatever its CA does.
    pub fn wanted_end(&self, now: Timestamp) -> Timestamp {
        self.validity_at(now, Timestamp::MIN, Timestamp::MAX).1
    }

    /// Start and end of validity for a certificate made at `now` under a CA valid from
    /// `ca_start` to `ca_end`. Both are whole seconds.
    pub fn validity_at(
        &self,
        now: Timestamp,
        ca_start: Timestamp,
        ca_end: Timestamp,
    ) -> (Timestamp, Timestamp) {
        let start = match self.validity {
            Validity::FromNow { .. } => now,
            _ => now.checked_sub(MARGIN).unwrap_or(now),
        };
        let start = start.max(ca_start);
        let end = match self.validity {
            Validity::Default => {
                let later = now.to_zoned(TimeZone::UTC).checked_add(25.years());
                later.map_or(ca_end, |end| end.timestamp()).min(ca_end)
            }
            Validity::Days(days) => days_after(now, days),
            Validity::FromNow { days } => days_after(now, days).min(ca_end),
            Validity::Forever => forever(),
        };
        (whole_second(start), whole_second(end))
    }
}

fn days_after(now: Timestamp, days: u32) -> Timestamp {
    let length = SignedDuration::from_hours(24).saturating_mul(days.cast_signed());
    now.checked_add(length).unwrap_or(forever())
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Stands for 99991231235959Z, which lies beyond the last timestamp and is written for it.
fn forever() -> Timestamp {
    Timestamp::MAX
}
