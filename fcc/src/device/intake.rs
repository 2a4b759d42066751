//! One message: groups in the client's order of processing (injection 5.2).
//!
//! What becomes of connection and program afterwards is [`super`]'s.

use super::cbor::{self, Item};
use super::clock::Clock;
use super::refusal::{GENERAL, Refusal};
use super::store::{DISABLED, ENTROPY, ROT, SERVER_CA, Shelf, Store};
use super::{csr, items, verification};
use crate::bundle::SCHEME;
use crate::reply::{Csr, Reply, SUCCEEDED};

/// The most pairs at the top level (injection 5).
const GROUPS: usize = 12;

/// The groups, in the order in which a shortened key is matched (injection 5).
const KNOWN: [(&str, Group); 12] = [
    ("SchemeVersion", Group::Done),
    ("Keys", Group::Keys),
    ("Certificates", Group::Certificates),
    ("CsrReqs", Group::CsrRequests),
    ("ConfigParams", Group::Params),
    ("CertificateChains", Group::Chains),
    ("Entropy", Group::Done),
    ("ROT", Group::Done),
    ("Verify", Group::Verify),
    ("Disable", Group::Disable),
    ("SID", Group::Sid),
    ("KpAlvSess", Group::KeepAlive),
];

#[derive(Clone, Copy)]
enum Group {
    /// Read beforehand, wherever it stands.
    Done,
    Keys,
    Certificates,
    Chains,
    Params,
    CsrRequests,
    Verify,
    Disable,
    Sid,
    KeepAlive,
}

/// What a message left behind.
pub(super) struct Taken {
    /// The answer; `None` when the device is disabled and says only that it cannot answer.
    pub(super) reply: Option<Reply>,
    /// Whether the message got far enough for its session flag to take effect (injection 5.2,
    /// step 5), and the flag.
    pub(super) keep_alive: Option<bool>,
    /// Whether the message asked for CSRs: such replies have more room.
    pub(super) csrs_asked: bool,
}

/// Works through one message, on a device that has a random generator or has none.
pub(super) fn take(
    store: &mut Store,
    clock: &mut Clock,
    has_entropy: bool,
    payload: &[u8],
) -> Taken {
    let mut intake = Intake {
        store,
        clock,
        has_entropy,
        payload,
        sid: None,
        keep_alive: false,
        took_effect: false,
        verify: true,
        disable: false,
        csr_requests: None,
        csrs: Vec::new(),
        warnings: Vec::new(),
    };
    let result = intake.run();
    let keep_alive = intake.took_effect.then_some(intake.keep_alive);
    let csrs_asked = intake.csr_requests.is_some();
    let sid = intake.sid.map(|sid| String::from_utf8_lossy(sid).into_owned());
    let (csrs, warnings) = (intake.csrs, intake.warnings);
    let reply = match result {
        Ok(()) => {
            Some(Reply { csrs, sid, return_status: 0, message: SUCCEEDED.to_owned(), warnings })
        }
        Err(No::Disabled) => None,
        Err(No::Refused(Refusal { status, message })) => {
            Some(Reply { csrs: Vec::new(), sid, return_status: status, message, warnings })
        }
    };
    Taken { reply, keep_alive, csrs_asked }
}

enum No {
    Disabled,
    Refused(Refusal),
}

impl<E: Into<Refusal>> From<E> for No {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

struct Intake<'d, 'p> {
    store: &'d mut Store,
    clock: &'d mut Clock,
    has_entropy: bool,
    payload: &'p [u8],
    sid: Option<&'p [u8]>,
    keep_alive: bool,
    took_effect: bool,
    verify: bool,
    disable: bool,
    csr_requests: Option<Item<'p>>,
    csrs: Vec<Csr>,
    warnings: Vec<String>,
}

impl<'p> Intake<'_, 'p> {
    fn run(&mut self) -> Result<(), No> {
        let root = cbor::parse(self.payload);
        let Some(Item::Map { pairs, definite: true }) = root else {
            return Err(Refusal::general(20).into());
        };
        if pairs.len() > GROUPS {
            return Err(Refusal::general(20).into());
        }
        scheme(&pairs)?;
        self.once(&pairs, "Entropy", ENTROPY, 48, (8, "Entropy error", "entropy"))?;
        self.once(&pairs, "ROT", ROT, 16, (7, "Root of trust error", "rot"))?;
        if self.store.holds(Shelf::Once, DISABLED) {
            return Err(No::Disabled);
        }
        for (key, value) in pairs {
            self.group(&key, value)?;
        }
        self.took_effect = true;
        if self.disable && self.keep_alive {
            return Err(Refusal::general(35).into());
        }
        self.make_csrs()?;
        if !self.keep_alive {
            self.pin()?;
        }
        if self.verify {
            verification::verify(self.store, self.clock, &mut self.warnings)?;
        }
        if self.disable {
            self.store.put(Shelf::Once, DISABLED, vec![1])?;
        }
        Ok(())
    }

    /// Entropy and root of trust: once per store, of one size (injection 6.7).
    fn once(
        &mut self,
        pairs: &[(Item<'p>, Item<'p>)],
        group: &str,
        item: &str,
        size: usize,
        (again, text, name): (u64, &str, &str),
    ) -> Result<(), Refusal> {
        let Some(value) = find(pairs, group) else {
            return Ok(());
        };
        let name = name.as_bytes();
        let bytes = value.bytes().ok_or_else(|| Refusal::new(20, GENERAL, name))?;
        if bytes.len() != size {
            return Err(Refusal::new(3, GENERAL, name));
        }
        if self.store.holds(Shelf::Once, item) {
            return Err(Refusal::new(again, text, name));
        }
        Ok(self.store.put(Shelf::Once, item, bytes.to_vec())?)
    }

    fn group(&mut self, key: &Item<'p>, value: Item<'p>) -> Result<(), Refusal> {
        let key = key.text().ok_or(Refusal::general(20))?;
        let (_, group) = KNOWN
            .iter()
            .find(|(known, _)| items::taken_for(key, known))
            .ok_or(Refusal::general(23))?;
        match group {
            Group::Done => {}
            Group::Keys => each(&value, |item| items::key(self.store, item))?,
            Group::Certificates => each(&value, |item| items::certificate(self.store, item))?,
            Group::Chains => each(&value, |item| items::chain(self.store, item))?,
            Group::Params => {
                each(&value, |item| items::param(self.store, self.clock, self.payload, item))?;
            }
            Group::CsrRequests => self.csr_requests = Some(value),
            Group::Verify => self.verify = flag(&value, "Verify", 20)?,
            Group::Disable => self.disable = flag(&value, "Disable", 20)?,
            Group::KeepAlive => self.keep_alive = flag(&value, "KpAlvSess", 35)?,
            Group::Sid => {
                self.sid = Some(value.text().ok_or_else(|| Refusal::new(20, GENERAL, b"SID"))?);
            }
        }
        Ok(())
    }

    fn make_csrs(&mut self) -> Result<(), Refusal> {
        let Some(requests) = &self.csr_requests else {
            return Ok(());
        };
        if self.sid.is_none() || self.verify || self.disable {
            return Err(Refusal::general(20));
        }
        // A key is made of randomness: without a generator it must have been given before.
        if !self.has_entropy && !self.store.holds(Shelf::Once, ENTROPY) {
            return Err(Refusal::general(15));
        }
        self.csrs = csr::make(self.store, requests)?;
        Ok(())
    }

    /// The last message pins the server's CA, once per store. A second time is forgiven where
    /// verification or the disable flag follows (injection 8.1, 6; cases 30d, 30e, 30n).
    fn pin(&mut self) -> Result<(), Refusal> {
        let Some(identifier) = verification::server_ca(self.store)? else {
            return Ok(());
        };
        if !self.store.holds(Shelf::Once, SERVER_CA) {
            self.store.put(Shelf::Once, SERVER_CA, identifier)?;
        } else if !self.verify && !self.disable {
            let name = crate::names::BOOTSTRAP_SERVER_CA.as_bytes();
            return Err(Refusal::new(6, "CA error", name));
        }
        Ok(())
    }
}

/// A pair found by its whole key.
fn find<'a, 'p>(pairs: &'a [(Item<'p>, Item<'p>)], key: &str) -> Option<&'a Item<'p>> {
    pairs.iter().find(|(found, _)| found.text() == Some(key.as_bytes())).map(|(_, value)| value)
}

fn scheme(pairs: &[(Item<'_>, Item<'_>)]) -> Result<(), Refusal> {
    let version = find(pairs, "SchemeVersion").and_then(|item| item.text().or(item.bytes()));
    if version == Some(SCHEME.as_bytes()) { Ok(()) } else { Err(Refusal::general(24)) }
}

fn each(
    group: &Item<'_>,
    take: impl FnMut(&Item<'_>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    group.array().ok_or(Refusal::general(20))?.iter().try_for_each(take)
}

fn flag(value: &Item<'_>, name: &str, wrong_value: u64) -> Result<bool, Refusal> {
    match value {
        Item::Unsigned(0) => Ok(false),
        Item::Unsigned(1) => Ok(true),
        Item::Unsigned(_) => Err(Refusal::new(wrong_value, GENERAL, name.as_bytes())),
        _ => Err(Refusal::new(20, GENERAL, name.as_bytes())),
    }
}
