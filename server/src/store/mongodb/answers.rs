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
