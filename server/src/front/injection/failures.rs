//! What a device's answer, or its silence, means for the person at the bench. Number and text of
//! the device are always kept.

use fcc::line::LineFault;
use fcc::reply::Reply;
use fcc::session::{Broken, Change, Why};
use fcc::status;

use super::place::{Place, Unreached};
use crate::ra::Reason;
use crate::station::Failure;

/// `Desired generated key name already exists`, or an item sent twice: the client was not started
/// afresh.
const EXISTS: u64 = 17;

/// The key store's general error: among others, no randomness to make a key of.
const KEY_STORE: u64 = 15;

const RESTART: &str = "restart the injection client on the gateway and repeat the command";

/// What a device says, fit for a log line and a terminal: whatever could end a line, move a cursor
/// or turn text around is replaced.
pub(super) fn plain(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    text.chars().map(|c| if harmful(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The way there could not be opened.
pub(super) fn unreached(unreached: &Unreached) -> Failure {
    match unreached {
        Unreached::Port(address, problem) => Failure::new(
            format!("no connection to the injection client at {address}: {problem}"),
            format!(
                "check that the client runs and printed port {}, that the gateway has address {}, \
                 and its cable and power; then repeat the command",
                address.port(),
                address.ip()
            ),
        ),
        Unreached::Line(line, fault) => Failure::new(
            fault.to_string(),
            match fault {
                LineFault::Busy(_) => format!(
                    "close the other program on line {} (a terminal?) and repeat the command",
                    line.name
                ),
                LineFault::Missing(_) => {
                    format!("plug the cable of line {} in and repeat the command", line.name)
                }
                LineFault::Refused(_) => {
                    "let the station's user open it (group dialout, as a rule)".to_owned()
                }
                LineFault::Other { .. } => {
                    format!("check line {} in [[injection.line]] of station.toml", line.name)
                }
            },
        ),
    }
}

/// The session ended before something was to be said.
pub(super) fn gone(place: &Place) -> Failure {
    Failure::new(format!("the connection to {place} is gone"), RESTART)
}

/// The station would not send this: a device refuses it.
pub(super) fn unfit(broken: &str) -> Failure {
    Failure::new(
        format!("a device would refuse this identity, and it was not sent: {broken}"),
        "show this to the line engineer: fcu.yml, the account and the certificate do not agree",
    )
}

/// The device answered, with a return status other than 0.
pub(super) fn refused(reply: &Reply) -> Failure {
    let number = reply.return_status;
    let mut text = format!(
        "the device answered with return status {number} ({}): {}",
        status::sentence(number),
        plain(reply.said())
    );
    for warning in &reply.warnings {
        text.push_str("; warning: ");
        text.push_str(&plain(warning));
    }
    let hint = match number {
        EXISTS => "restart the client: it holds a session of an earlier attempt, or is a build \
                   that is provisioned only once"
            .to_owned(),
        KEY_STORE => format!(
            "show this to the line engineer: a client without a random generator needs \
             `entropy-generation-mode: by_tool` in fcu.yml; then {RESTART}"
        ),
        _ => format!("show this to the line engineer; then {RESTART}"),
    };
    Failure { reason: Reason { text, number: Some(number) }, hint }
}

/// No usable answer came.
pub(super) fn broken(broken: &Broken, place: &Place) -> Failure {
    let number = match &broken.why {
        Why::Transport(number) => Some(u64::from(*number)),
        _ => None,
    };
    let text = plain(&format!("{} (at {place})", broken.why));
    let hint = match &broken.why {
        Why::Altered { change, .. } => altered(change),
        Why::Closed | Why::Io { .. } | Why::Silent(_) if !matches!(place, Place::Port(_)) => {
            format!("check that the line is plugged in; reset the board; {RESTART}")
        }
        Why::WrongReply(_) => format!(
            "check that {place} is the injection client and not another program; then {RESTART}"
        ),
        Why::TooLong { .. } => {
            "shorten the custom properties in fcu.yml; this is for the line engineer".to_owned()
        }
        _ => format!("check cable and power; {RESTART}"),
    };
    Failure { reason: Reason { text, number }, hint }
}

/// What is to be done to a line that changes bytes, or that others write to.
fn altered(change: &Change) -> String {
    let fix = match change {
        Change::CarriageReturnsAdded => "set the board's console to raw: `stty -F TTY raw -onlcr`",
        Change::CarriageReturnsChanged => {
            "set the line to raw at both sides: `stty -F TTY raw -icrnl -igncr`"
        }
        Change::FlowControl => "take flow control off at both sides: `stty -F TTY -ixon -ixoff`",
        Change::SevenBits => "set the line to eight bits: `stty -F TTY cs8 -istrip`",
        Change::LineWithin(_) => {
            "keep the kernel and other programs off that console while it is provisioned: `dmesg -n 1`"
        }
        Change::NoReply => "check the speed of the line, and that the client runs on that console",
        Change::Unknown => "check the cable and the speed of the line",
    };
    format!("{fix}; then {RESTART}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_cannot_write_lines_of_its_own() {
        let forged = "x\n2027 INFO the unit has its identity\u{1b}[2J\u{9b}\u{202e}ü";
        let said = plain(forged);
        assert!(
            !said.contains(['\n', '\u{1b}', '\u{9b}', '\u{202e}']) && said.ends_with('ü'),
            "{said:?}"
        );
    }
}
