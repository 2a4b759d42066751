//! The ledger and the journal a configuration names, as every command says them. Nothing is made,
//! and nothing there is changed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;

use super::ledger;
use crate::config::{self, Config, Fault, Warning};
use crate::journal;
use crate::state::Holder;
use crate::store::{self, Ahead, LedgerLook};

/// Ledger and journal as they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Where the ledger is, or will be.
    pub place: String,
    /// The journal's folder; none where there is no journal.
    pub journal: Option<PathBuf>,
    /// What is in the ledger; none where there is none yet.
    pub ledger: Option<Held>,
    /// The station that runs on it.
    pub holder: Option<Holder>,
    /// What the next start brings in from the journal; none where a station runs.
    pub ahead: Option<Ahead>,
}

/// What is in a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its id; none before a station that knows of ids has opened it.
    pub id: Option<String>,
    /// Units.
    pub units: u64,
    /// The newest moment in any record.
    pub newest: Option<Timestamp>,
    /// The last backup, where the ledger can know.
    pub last_backup: Option<Timestamp>,
    /// When and from which file it was put back.
    pub restored: Option<String>,
}

impl From<&LedgerLook> for Held {
    fn from(look: &LedgerLook) -> Self {
        Self {
            id: look.id.clone(),
            units: look.units,
            newest: look.newest,
            last_backup: look.last_backup,
            restored: look.restored.clone(),
        }
    }
}

impl Standing {
    /// Looks at what a configuration names.
    ///
    /// # Errors
    /// The [`Fault`] that would keep a station from using it.
    pub fn of(config: &Config) -> Result<Self, Fault> {
        let (mut standing, seen) = match &config.store {
            config::Store::Embedded { path, .. } => embedded(config, path)?,
            config::Store::MongoDb(mongodb) => database(config, mongodb)?,
        };
        if let (Some(folder), None) = (&standing.journal, standing.holder) {
            let ahead = Ahead::of(folder, &seen).map_err(|error| Fault {
                key: "[journal] path".to_owned(),
                problem: format!("the journal in {} cannot be read: {error}", folder.display()),
                fix: "name a folder this station can read and write".to_owned(),
            })?;
            standing.ahead = Some(ahead);
        }
        Ok(standing)
    }

    /// What should be known of it.
    pub fn warnings(&self, config: &Config) -> Vec<Warning> {
        let warning = |text: String| Warning { key: "[journal] path".to_owned(), text };
        let faults = self.ahead.iter().flat_map(|ahead| &ahead.faults);
        let faults = faults.map(|fault| warning(fault.to_string()));
        let id = self.ledger.as_ref().and_then(|ledger| ledger.id.as_deref());
        let of = self.journal.as_deref().and_then(journal::belongs_to);
        let of_another = match (id, of) {
            (Some(id), Some(of)) if of != id => Some(ledger::of_another_ledger(config, &of, id)),
            _ => None,
        };
        faults.chain(of_another).collect()
    }

    /// The newest moment a start would find.
    pub fn newest(&self) -> Option<Timestamp> {
        let ledger = self.ledger.as_ref().and_then(|ledger| ledger.newest);
        ledger.max(self.ahead.as_ref().and_then(|ahead| ahead.newest))
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ledger {
            Some(ledger) => writeln!(f, "ledger: {}\n  {ledger}", self.place)?,
            None => writeln!(
                f,
                "ledger: {}\n  no ledger yet at {}; the station makes it at its first start",
                self.place, self.place
            )?,
        }
        let Some(journal) = &self.journal else { return write!(f, "journal: none") };
        write!(f, "journal: {}", journal.display())?;
        match &self.ahead {
            Some(ahead) if ahead.events > 0 => {
                let (events, units) = (ahead.events, ahead.units as u64);
                write!(
                    f,
                    "\n  holds {} about {} that the ledger has not seen; the station's next start \
                     brings them in",
                    counted(events, "event"),
                    counted(units, "unit")
                )
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "id {id}")?,
            None => f.write_str("no id yet, the station's next start gives it one")?,
        }
        write!(f, ", {}", counted(self.units, "unit"))?;
        match self.newest {
            Some(newest) => write!(f, ", newest record {newest:.0}")?,
            None => f.write_str(", no record")?,
        }
        if let Some(at) = self.last_backup {
            write!(f, ", last backup {at:.0}")?;
        }
        match &self.restored {
            Some(restored) => write!(f, "\n  restored at {restored}"),
            None => Ok(()),
        }
    }
}

/// `1 unit`, `2 units`.
fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

type Seen = BTreeMap<String, journal::Position>;

fn embedded(config: &Config, path: &std::path::Path) -> Result<(Standing, Seen), Fault> {
    let found = store::look(path).map_err(|error| ledger::fault(&error))?;
    let found = found.filter(|found| found.schema.is_some());
    if found.is_some() && store::is_marked_readonly(path) {
        return Err(Fault {
            key: "[store] path".to_owned(),
            problem: format!("the ledger {} is marked as readonly", path.display()),
            fix: "name a ledger this station can open and write".to_owned(),
        });
    }
    let standing = Standing {
        place: path.display().to_string(),
        journal: folder(config),
        ledger: found.as_ref().map(Held::from),
        holder: store::holder(path),
        ahead: None,
    };
    Ok((standing, found.map(|found| found.seen).unwrap_or_default()))
}

fn folder(config: &Config) -> Option<PathBuf> {
    config.journal.enabled.then(|| config.journal.path.clone())
}

#[cfg(feature = "mongodb")]
fn database(config: &Config, mongodb: &config::MongoDb) -> Result<(Standing, Seen), Fault> {
    let settings = ledger::settings(mongodb);
    let place = settings.place();
    let found = store::look_at_mongodb(settings, config.name.clone());
    let found = found.map_err(|error| ledger::connect_fault(&error))?;
    let seen = found.as_ref().map(|found| found.seen).unwrap_or_default();
    let ledger = found.map(|found| Held {
        id: found.id,
        units: found.units,
        newest: found.newest,
        last_backup: None,
        restored: None,
    });
    let holder = folder(config).and_then(|folder| journal::holder(&folder, &config.name));
    let standing = Standing { place, journal: folder(config), ledger, holder, ahead: None };
    Ok((standing, BTreeMap::from([(config.name.clone(), seen)])))
}

#[cfg(not(feature = "mongodb"))]
fn database(_: &Config, _: &config::MongoDb) -> Result<(Standing, Seen), Fault> {
    Err(ledger::no_mongodb())
}
