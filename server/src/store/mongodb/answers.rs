//! What the driver's errors mean to a caller of the store.

use mongodb::error::{Error, ErrorKind, WriteFailure};

use crate::store::StoreError;

/// A unique index refused a document.
const DUPLICATE_KEY: i32 = 11000;
/// The server's disk has no room.
const OUT_OF_DISK_SPACE: i32 = 14031;
/// The server does not know the user, or the password is another.
const AUTHENTICATION_FAILED: i32 = 18;
/// There is no such collection.
const NAMESPACE_NOT_FOUND: i32 = 26;
/// The user may not do that.
const UNAUTHORIZED: i32 = 13;

/// Whether a unique index refused the write, so that nothing was changed.
pub(super) fn is_duplicate(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Write(WriteFailure::WriteError(it)) if it.code == DUPLICATE_KEY)
        || matches!(&*error.kind, ErrorKind::Command(it) if it.code == DUPLICATE_KEY)
}

/// Whether the server refused who we are or what we may do.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Authentication { .. })
        || matches!(code(error), Some(AUTHENTICATION_FAILED | UNAUTHORIZED))
}

/// Whether there is no such collection.
pub(super) fn is_missing(error: &Error) -> bool {
    code(error) == Some(NAMESPACE_NOT_FOUND)
}

/// The error's text, without what the driver adds for programs.
pub(super) fn text(error: &Error) -> String {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(it)) => it.message.clone(),
        ErrorKind::Write(WriteFailure::WriteConcernError(it)) => {
            format!("the write was not confirmed by a majority of the servers: {}", it.message)
        }
        ErrorKind::Command(it) => it.message.clone(),
        ErrorKind::ServerSelection { message, .. } => {
            if let Some(mismatch) = mismatch(message) {
                return mismatch;
            }
            let servers: Vec<_> = message.split("Address: ").skip(1).filter_map(server).collect();
            let servers = servers.join("; ");
            if servers.is_empty() {
                message.clone()
            } else {
                format!("no primary server: {servers}")
            }
        }
        kind => kind.to_string(),
    }
}

/// Whether the driver and the database do not speak with each other: no wait changes that.
pub(super) fn is_mismatch(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::ServerSelection { message, .. } if mismatch(message).is_some())
}

/// The driver's words for a database of a version it does not speak with: which was found, and
/// which is wanted.
fn mismatch(message: &str) -> Option<String> {
    let (server, rest) = message.split_once("Server at ")?.1.split_once(' ')?;
    let rest = rest.split_once("wire version ")?.1;
    let mut numbers = rest.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let (found, wanted): (u32, u32) =
        (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    if found > wanted {
        return Some(format!(
            "{server} speaks wire version {found} and no older one, this station at most {wanted}"
        ));
    }
    Some(format!(
        "{server} is MongoDB {} (wire version {found}), this station needs {} or newer (wire \
         version {wanted})",
        release(found),
        release(wanted)
    ))
}

/// The release that brought a wire version (MongoDB's driver specifications, "Wire Version
/// Features").
fn release(wire_version: u32) -> &'static str {
    match wire_version {
        0 | 1 => "2.4 or older",
        2 => "2.6",
        3 => "3.0",
        4 => "3.2",
        5 => "3.4",
        6 => "3.6",
        7 => "4.0",
        8 => "4.2",
        9 => "4.4",
        _ => "5.0 or newer",
    }
}

/// What the driver's account of all servers says of one: its address and what is wrong with it.
fn server(account: &str) -> Option<String> {
    let (address, rest) = account.split_once(", Type: ")?;
    let kind = rest.split([',', ' ']).next()?;
    let problem =
        rest.split_once("Error: Kind: ").and_then(|(_, rest)| rest.split_once(", labels"));
    Some(format!("{address} ({})", problem.map_or(kind, |(problem, _)| problem)))
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        if code(&error) == Some(OUT_OF_DISK_SPACE) {
            return Self::Full(text(&error));
        }
        match &*error.kind {
            ErrorKind::Bson(_) => Self::Unreadable(text(&error)),
            _ => Self::Unavailable(text(&error)),
        }
    }
}

fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(it)) => Some(it.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(it)) => Some(it.code),
        ErrorKind::Command(it) => Some(it.code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_another_age_is_named_with_both_versions() {
        let old = "Server at db-1:27017 reports wire version 7, but this version of the MongoDB \
            Rust driver requires at least 9 (MongoDB 4.4).";
        assert_eq!(
            mismatch(old).unwrap(),
            "db-1:27017 is MongoDB 4.0 (wire version 7), this station needs 4.4 or newer (wire \
             version 9)"
        );
        let new = "Server at [::1]:27017 requires wire version 40, but this version of the \
            MongoDB Rust driver only supports up to 29";
        assert_eq!(
            mismatch(new).unwrap(),
            "[::1]:27017 speaks wire version 40 and no older one, this station at most 29"
        );
        assert_eq!(mismatch("Server selection timeout: No available servers."), None);
    }

    #[test]
    fn servers_that_are_away_are_told_in_few_words() {
        let message = "Server selection timeout: No available servers. Topology: { Type: \
            ReplicaSetNoPrimary, Set Name: line, Servers: [ { Address: db-1:27017, Type: Unknown, \
            Error: Kind: I/O error: Connection refused (os error 111), labels: {\"x\"}, source: \
            None }, { Address: db-2:27017, Type: RsSecondary, Average RTT: 1ms } ] }";
        let told = message.split("Address: ").skip(1).filter_map(server).collect::<Vec<_>>();
        let refused = "db-1:27017 (I/O error: Connection refused (os error 111))";
        assert_eq!(told, [refused, "db-2:27017 (RsSecondary)"]);
    }
}
