//! What went wrong: one exit code and two lines, `error:` and `hint:`.
//!
//! Every way in which a command can fail ends here, so that the person at the bench always reads the
//! same two lines and a script always finds the same numbers. What a station's answer means is read
//! in `problem`; this room only carries it.

use std::fmt;

use serde_json::json;

/// The sort of a failure, which decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This machine could not do its part: a file, a folder, a program. Exit code 1.
    Local,
    /// The station refused: 400, 401, 403, 404, 409, 413 and their like. Exit code 1.
    Refused,
    /// The command or an option's value is wrong. Exit code 2.
    Usage,
    /// No connection to the station: nothing was asked. Exit code 3.
    Unreached,
    /// The request may have reached the station, its answer never came whole. Exit code 3.
    Unanswered,
    /// The station worked, the device did not take its identity. Exit code 4.
    DeviceFailed,
    /// The station cannot serve now: 500, 503. Exit code 5.
    Unavailable,
    /// Ended by the signal of this number. Exit code 128 and the number, as shells count.
    Interrupted(u8),
}

impl Kind {
    /// The exit code of the program.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Local | Self::Refused => 1,
            Self::Usage => 2,
            Self::Unreached | Self::Unanswered => 3,
            Self::DeviceFailed => 4,
            Self::Unavailable => 5,
            Self::Interrupted(signal) => 128_u8.saturating_add(signal),
        }
    }

    /// The word for it where the station has none.
    fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Refused => "refused",
            Self::Usage => "usage",
            Self::Unreached => "unreached",
            Self::Unanswered => "unanswered",
            Self::DeviceFailed => "device-failed",
            Self::Unavailable => "unavailable",
            Self::Interrupted(_) => "interrupted",
        }
    }

    /// The same as a title.
    fn title(self) -> &'static str {
        match self {
            Self::Local => "This machine failed",
            Self::Refused => "Refused",
            Self::Usage => "Wrong command",
            Self::Unreached => "No connection to the station",
            Self::Unanswered => "No answer from the station",
            Self::DeviceFailed => "The device failed",
            Self::Unavailable => "The station cannot serve now",
            Self::Interrupted(_) => "Ended by a signal",
        }
    }

    /// What to say when nobody closer to the cause knew a hint.
    fn usual_hint(self) -> &'static str {
        match self {
            Self::Local => "fix that on this machine and repeat the command",
            Self::Refused => "correct the command and repeat it; `pep help` lists the options",
            Self::Usage => "`pep help` lists the commands and options",
            Self::Unreached => {
                "check that the station runs and that PEP_SERVER_URL or --server is its address"
            }
            Self::Unanswered => "check the network to the station and repeat the command",
            Self::DeviceFailed => {
                "check cable and power of the unit, the address and port of its injection client, and repeat"
            }
            Self::Unavailable => {
                "repeat in a moment; if it stays so, call the line engineer with the request id"
            }
            Self::Interrupted(_) => "repeat the command",
        }
    }
}

/// One failure, ready to be shown.
///
/// Everything in it may have come over the wire, so all text is cut to one printable line when it is
/// taken in: a station, or whatever answers in its place, cannot steer the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
    code: Option<String>,
    status: Option<u16>,
    request_id: Option<String>,
}

impl Failure {
    /// A failure of this `kind`; `message` is the sentence after `error:`.
    pub fn new(kind: Kind, message: impl AsRef<str>) -> Self {
        Self {
            kind,
            message: one_line(message.as_ref()),
            hint: None,
            code: None,
            status: None,
            request_id: None,
        }
    }

    /// The same failure with this hint in the place of any other.
    pub fn with_hint(mut self, hint: impl AsRef<str>) -> Self {
        self.hint = Some(one_line(hint.as_ref()));
        self
    }

    /// The same failure; `hint` is used when there is none yet.
    pub fn or_hint(self, hint: impl AsRef<str>) -> Self {
        if self.hint.is_some() { self } else { self.with_hint(hint) }
    }

    /// The same failure with the station's stable word for it, such as `serial-taken`.
    pub fn with_code(mut self, code: &str) -> Self {
        self.code = Some(one_line(code));
        self
    }

    /// The same failure with the HTTP status that said so.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The same failure with the number under which the station's log has its causes.
    pub fn with_request_id(mut self, request_id: &str) -> Self {
        self.request_id = Some(one_line(request_id));
        self
    }

    /// The failure as problem details (RFC 9457) with the station's members, one line: what a
    /// program gets in the place of the two lines.
    ///
    /// `status` is there where an answer came; `code` is the station's word, or what happened here.
    pub fn document(&self) -> String {
        let code = self.code.as_deref().unwrap_or_else(|| self.kind.word());
        let title = self
            .status
            .and_then(|status| reqwest::StatusCode::from_u16(status).ok()?.canonical_reason())
            .unwrap_or_else(|| self.kind.title());
        let hint = self.hint.as_deref().unwrap_or_else(|| self.kind.usual_hint());
        let mut document = json!({
            "type": format!("urn:pep:{code}"),
            "title": title,
            "detail": self.message,
            "code": code,
            "hint": hint,
            "exitCode": self.kind.exit_code(),
        });
        if let Some(members) = document.as_object_mut() {
            if let Some(status) = self.status {
                members.insert("status".to_owned(), status.into());
            }
            if let Some(id) = &self.request_id {
                members.insert("requestId".to_owned(), id.as_str().into());
            }
        }
        document.to_string()
    }

    /// The sort of the failure.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The station's word for it; an old station has none.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The HTTP status, where an answer came.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The sentence after `error:`, without the request id.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The hint, if one was given so far.
    #[cfg(test)]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        let hint = self.hint.as_deref().unwrap_or_else(|| self.kind.usual_hint());
        write!(f, "\nhint: {hint}")
    }
}

impl std::error::Error for Failure {}

/// `text` as one printable line of at most 800 characters.
///
/// Control characters (terminal escapes) and the characters that turn the writing direction around
/// become blanks, runs of blanks one blank.
pub fn one_line(text: &str) -> String {
    const LONGEST: usize = 800;
    let mut line = String::new();
    let mut count = 0_usize;
    for word in text
        .split(|c: char| c.is_whitespace() || c.is_control() || turns_direction(c))
        .filter(|word| !word.is_empty())
    {
        if !line.is_empty() {
            line.push(' ');
            count += 1;
        }
        for character in word.chars() {
            if count == LONGEST {
                line.push_str(" ...");
                return line;
            }
            line.push(character);
            count += 1;
        }
    }
    line
}

/// Characters of Unicode's bidirectional algorithm (UAX 9) that reorder what follows.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `word` as one word of a shell's command line, for hints that name a command to paste.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with('-') {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lines_and_never_more() {
        let failure = Failure::new(Kind::Unavailable, "store\nlocked\x1b[31m")
            .with_hint("call\r\nsomebody")
            .with_request_id("42\n");
        assert_eq!(
            failure.to_string(),
            "error: store locked [31m (request 42)\nhint: call somebody"
        );
    }

    #[test]
    fn every_kind_has_its_code_and_a_hint() {
        let kinds = [
            (Kind::Local, 1),
            (Kind::Refused, 1),
            (Kind::Usage, 2),
            (Kind::Unreached, 3),
            (Kind::Unanswered, 3),
            (Kind::DeviceFailed, 4),
            (Kind::Unavailable, 5),
            (Kind::Interrupted(2), 130),
        ];
        for (kind, code) in kinds {
            assert_eq!(kind.exit_code(), code, "{kind:?}");
            let shown = Failure::new(kind, "x").to_string();
            assert!(shown.starts_with("error: x\nhint: "), "{shown}");
            assert_eq!(shown.lines().count(), 2);
        }
    }

    #[test]
    fn a_program_gets_a_problem_document() {
        let failure = Failure::new(Kind::Refused, "`GW-1` has had its identity")
            .with_status(409)
            .with_code("serial-taken")
            .with_request_id("r-1");
        let document: serde_json::Value = serde_json::from_str(&failure.document()).unwrap();
        for (member, value) in [
            ("type", json!("urn:pep:serial-taken")),
            ("title", json!("Conflict")),
            ("status", json!(409)),
            ("detail", json!("`GW-1` has had its identity")),
            ("code", json!("serial-taken")),
            ("exitCode", json!(1)),
            ("requestId", json!("r-1")),
        ] {
            assert_eq!(document[member], value, "{member}");
        }
        assert!(document["hint"].as_str().is_some_and(|hint| !hint.is_empty()));
        assert!(!failure.document().contains('\n'));
        let here = Failure::new(Kind::Usage, "no").document();
        assert!(here.contains("\"urn:pep:usage\"") && !here.contains("status"), "{here}");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let line = one_line(&"ä".repeat(5000));
        assert_eq!(line.chars().count(), 804);
        assert!(line.ends_with("ä ..."));
    }

    #[test]
    fn a_hint_can_be_pasted() {
        for (word, quoted) in [
            ("GW-1", "GW-1"),
            ("", "''"),
            ("-v", "'-v'"),
            ("GW 1", "'GW 1'"),
            ("; rm -rf /", "'; rm -rf /'"),
            ("it's", r"'it'\''s'"),
            ("$ne", "'$ne'"),
        ] {
            assert_eq!(shell_word(word), quoted);
        }
    }

    #[test]
    fn the_first_hint_stays() {
        let failure = Failure::new(Kind::Refused, "x").with_hint("the station's").or_hint("ours");
        assert_eq!(failure.hint(), Some("the station's"));
    }
}
