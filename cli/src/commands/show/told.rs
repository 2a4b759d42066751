//! A unit's record in lines for a person.
//!
//! Everything in it came over the wire, so every text is cut to one printable line.

use serde_json::Value;

use super::UnitRecord;
use crate::colour::Paint;
use crate::failure::one_line;
use crate::serial::as_openssl;

/// Where the values begin, in characters.
const VALUES: usize = 18;

/// The whole record.
pub fn record(record: &UnitRecord, paint: Paint) -> String {
    let unit = &record.value;
    let mut lines = Lines { text: String::new(), paint };
    let state = text(unit, "state");
    lines.text.push_str(&format!(
        "{}  {}\n",
        paint.strong(&text(unit, "serialNumber")),
        paint.state(&state, &state)
    ));
    lines.given(2, "enrollment id", unit, "enrollmentID");
    lines.given(2, "provisioned", unit, "provisionedAt");
    for other in list(unit, "sameEthernetMAC") {
        lines.line(2, "same address", &format!("unit {}", plain(other)));
    }
    if let Some(denied) = unit.get("denied") {
        lines.line(2, "denied", &text(denied, "reason"));
        lines.given(4, "since", denied, "at");
        lines.given(4, "by", denied, "operator");
    }
    // What a gateway brings and a cloud account wants to know of it.
    if text(unit, "space") != "sign" {
        lines.line(
            2,
            "claim",
            if is(unit, "firstToClaim") { "first to claim" } else { "by its owner" },
        );
        lines.line(2, "sealing key", if is(unit, "hasSealingKey") { "kept" } else { "none" });
    }
    if let Some(facts) = unit.get("facts").and_then(Value::as_object) {
        for (name, value) in facts {
            let value = pairs(name, value).unwrap_or_else(|| plain(value));
            lines.line(2, &one_line(name), &value);
        }
    }
    let dropped = unit.get("droppedExecutions").and_then(Value::as_u64).unwrap_or(0);
    if dropped > 0 {
        lines.text.push_str(&format!("\n{dropped} older failed attempts are no longer listed\n"));
    }

    let releases = list(unit, "releases");
    // A unit that another tool provisioned has no attempt that its release could follow.
    let following = |lines: &mut Lines, id: Option<&str>| {
        let of = |release: &Value| release.get("execution").and_then(Value::as_str) == id;
        releases.iter().filter(|release| of(release)).for_each(|release| lines.release(release));
    };
    following(&mut lines, None);
    for attempt in list(unit, "executions") {
        lines.attempt(attempt);
        if let Some(id) = attempt.get("id").and_then(Value::as_str) {
            following(&mut lines, Some(id));
        }
    }
    lines.text
}

struct Lines {
    text: String,
    paint: Paint,
}

impl Lines {
    fn line(&mut self, indent: usize, name: &str, value: &str) {
        let width = VALUES.saturating_sub(indent);
        self.text.push_str(&format!("{:indent$}{name:<width$}  {value}\n", ""));
    }

    /// The same, where there is a value.
    fn given(&mut self, indent: usize, name: &str, of: &Value, member: &str) {
        if let Some(value) = of.get(member) {
            self.line(indent, name, &plain(value));
        }
    }

    fn attempt(&mut self, attempt: &Value) {
        let state = text(attempt, "state");
        let open = if is(attempt, "open") { ", still open" } else { "" };
        self.text.push_str(&format!("\n{}{open}\n", self.paint.state(&state, &state)));
        for step in list(attempt, "steps") {
            self.line(2, &text(step, "state"), &text(step, "at"));
        }
        self.given(2, "ended", attempt, "ended");
        if is(attempt, "open") {
            self.given(2, "deadline", attempt, "deadline");
        }
        if let Some(reason) = attempt.get("reason") {
            let number = reason.get("number").map(|number| format!(" (number {})", plain(number)));
            let said = text(reason, "text");
            self.line(2, "reason", &format!("{said}{}", number.unwrap_or_default()));
        }
        for warning in list(attempt, "warnings") {
            self.line(2, "warning", &plain(warning));
        }
        self.given(2, "station", attempt, "station");
        self.given(2, "asked by", attempt, "caller");
        self.given(2, "device at", attempt, "address");
        self.given(2, "account", attempt, "account");
        if let Some(certificate) = attempt.get("certificate") {
            self.certificate(certificate);
        }
        if let Some(renews) = attempt.get("renews") {
            let (serial, reason) = (text(renews, "serial"), text(renews, "reason"));
            self.line(2, "renewal", &format!("in the place of {serial}: {reason}"));
        }
        self.given(2, "execution", attempt, "id");
    }

    fn certificate(&mut self, certificate: &Value) {
        let signed = certificate.get("der").is_some();
        let note = if signed { "" } else { " (planned, not signed)" };
        let serial = as_openssl(&text(certificate, "serial"));
        self.line(2, "certificate", &format!("{serial}{note}"));
        self.given(4, "issuer", certificate, "issuer");
        if text(certificate, "profile") == "developer" {
            self.line(4, "kind", "developer: no account can claim it");
        }
        self.given(4, "subject", certificate, "subject");
        let (from, until) = (text(certificate, "notBefore"), text(certificate, "notAfter"));
        self.line(4, "valid", &format!("{from} to {until}"));
        self.given(4, "enrollment id", certificate, "enrollmentID");
        if is(certificate, "toBeRevoked") {
            let why = if is(certificate, "superseded") { "superseded" } else { "released" };
            let since = certificate.get("toBeRevokedSince").map(plain);
            let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
            self.line(4, "to be revoked", &format!("{why}{since}"));
        }
    }

    fn release(&mut self, release: &Value) {
        self.text.push_str(&format!("\n{}\n", self.paint.state("released", "released")));
        self.given(2, "at", release, "at");
        self.given(2, "by", release, "operator");
        self.given(2, "reason", release, "reason");
        self.given(2, "it had", release, "enrollmentID");
        self.given(2, "since", release, "provisionedAt");
    }
}

fn is(of: &Value, member: &str) -> bool {
    of.get(member).and_then(Value::as_bool).unwrap_or(false)
}

fn text(of: &Value, member: &str) -> String {
    of.get(member).map(plain).unwrap_or_default()
}

fn list<'a>(of: &'a Value, member: &str) -> &'a [Value] {
    of.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Bytes as people write them: `00:a5:09:6a:6e:94`.
fn pairs(name: &str, value: &Value) -> Option<String> {
    if !["ethernetMAC", "sixBMAC", "hash"].contains(&name) {
        return None;
    }
    let byte = |byte: &Value| byte.as_u64().and_then(|byte| u8::try_from(byte).ok());
    let bytes: Option<Vec<u8>> = value.as_array()?.iter().map(byte).collect();
    Some(bytes?.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => one_line(text),
        other => one_line(&other.to_string()),
    }
}
