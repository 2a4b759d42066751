//! Which records stand for units of the production: not those of selftests, and not a serial
//! number that was on the deny list before anybody asked for it and is on it no more.

use super::{Execution, Facts, Record, Release, State};

/// The field that `pep selftest` gives its units.
pub const SELFTEST: &str = "selftest";

impl Record {
    /// Whether a selftest made it. Whatever its category says, it never counts as production.
    pub fn is_selftest(&self) -> bool {
        self.facts.extra.get(SELFTEST).is_some()
    }

    /// Whether there never was such a unit: its denial was taken back, and nothing else is known
    /// of it. The record is kept, since nothing is deleted, and shown to nobody.
    pub fn is_blank(&self) -> bool {
        self.executions.is_empty()
            && self.dropped_executions == 0
            && !self.deployed
            && self.denial.is_none()
            && self.releases.is_empty()
            && self.adopted.is_empty()
            && self.facts == Facts::default()
    }

    /// Whether an attempt gave the unit its identity: confirmed, or sent where devices confirm
    /// nothing.
    pub fn has_succeeded(&self, execution: &Execution) -> bool {
        self.provisions(execution.state)
    }

    /// The release that ended the life of an execution's certificate, if one did.
    pub fn release_of(&self, execution: &Execution) -> Option<&Release> {
        let der = |execution: &Execution| execution.certificate.as_ref().map(|it| it.der.clone());
        self.releases.iter().find(|release| {
            let released = release.execution.as_ref().and_then(|id| self.execution(id));
            released.is_some_and(|released| {
                released.id == execution.id
                    || der(released).is_some() && der(released) == der(execution)
            })
        })
    }
}

impl Execution {
    /// The certificate serial as OpenSSL prints it: upper-case hexadecimal, two digits a byte.
    pub fn serial_as_openssl(&self) -> String {
        let digits = self.planned.certificate_serial.to_ascii_uppercase();
        if digits.len() % 2 == 1 { format!("0{digits}") } else { digits }
    }

    /// When the attempt reached a state.
    pub fn reached(&self, state: State) -> Option<jiff::Timestamp> {
        self.steps.iter().find(|step| step.state == state).map(|step| step.at)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ra::record::tests::execution;
    use crate::ra::{Denial, RecordId, SerialNumber, UnitId};

    #[test]
    fn a_denial_taken_back_leaves_nothing() {
        let at = Timestamp::UNIX_EPOCH;
        let unit = UnitId::pep(SerialNumber::parse("GW-1").unwrap());
        let mut record = Record::unheard_of(RecordId::new(at, [0; 8]), unit);
        record.deny(Denial::new(at, "anna", "stolen").unwrap());
        assert!(!record.is_blank());
        assert!(record.lift_denial());
        assert!(record.is_blank());
        record.facts.category = "production".to_owned();
        assert!(!record.is_blank());
    }

    #[test]
    fn certificate_serials_are_written_as_openssl_writes_them() {
        let mut execution = execution(1, "one", 0);
        for (serial, shown) in [("5", "05"), ("63a553", "63A553"), ("123", "0123"), ("0", "00")] {
            execution.planned.certificate_serial = serial.to_owned();
            assert_eq!(execution.serial_as_openssl(), shown);
        }
    }
}
