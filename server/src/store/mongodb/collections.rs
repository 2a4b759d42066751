//! Where things are kept: the names of the collections, and which units live in which.

use crate::ra::{SerialNumber, Space, UnitId};

/// One document a claim; `_id` is what is claimed.
pub(super) const CLAIMS: &str = "identity_claims";
/// One document a station that runs; `_id` is its name.
pub(super) const STATIONS: &str = "station_names";
/// One document a station with a journal: how far the ledger has seen it.
pub(super) const JOURNALS: &str = "journals";
/// One document: the ledger's id.
pub(super) const LEDGER: &str = "ledger";
/// What operators did.
pub(super) const OPERATIONS: &str = "operations";
/// One document, written to see whether the database still writes.
pub(super) const PROBE: &str = "probe";

/// The field that says which space a unit is of, where several share a collection.
pub(super) const SPACE: &str = "_space";
/// The field with the record's id, where `_id` is the unit's name.
pub(super) const RECORD: &str = "_record";
/// One document: the newest moment in any record, milliseconds since 1970.
pub(super) const NEWEST: &str = "newest_moment";

/// The collection of a space's units. Pep units share the old system's, which has room for no
/// other space; units of all others are together, told apart by [`SPACE`].
pub(super) fn units(space: Space) -> &'static str {
    match space {
        Space::Pep => "edge_identities",
        Space::Sign => "identities",
    }
}

/// The field with the record's id, by which pages are ordered.
pub(super) fn record_id(space: Space) -> &'static str {
    match space {
        Space::Pep => "_id",
        _ => RECORD,
    }
}

/// The `_id` of a unit's document: its space and serial number, so that the database itself has one
/// document a unit. None in the old system's collection, where `_id` is the record's.
pub(super) fn id(unit: &UnitId) -> Option<String> {
    match unit.space {
        Space::Pep => None,
        space => Some(format!("{}:{}", space.as_str(), unit.serial_number)),
    }
}

/// The unit a document of [`units`] of [`Space::Pep`] is about.
pub(super) fn pep(serial_number: SerialNumber) -> UnitId {
    UnitId::pep(serial_number)
}
