//! Where things are kept: the names of the collections, and which units live in which.

use crate::ra::{SerialNumber, Space, UnitId};

/// One document a claim; `_id` is what is claimed.
pub(super) const CLAIMS: &str = "identity_claims";
/// One document a station that runs; `_id` is its name.
pub(super) const STATIONS: &str = "station_names";
/// One document a station with a journal: how far the ledger has seen it.
pub(super) const JOURNALS: &str = "journals";
/// What operators did.
pub(super) const OPERATIONS: &str = "operations";
/// One document, written to see whether the database still writes.
pub(super) const PROBE: &str = "probe";

/// The field that says which space a unit of [`units`] is of, where several share a collection.
pub(super) const SPACE: &str = "_space";
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

/// The unit a document of [`units`] of [`Space::Pep`] is about.
pub(super) fn pep(serial_number: SerialNumber) -> UnitId {
    UnitId::pep(serial_number)
}
