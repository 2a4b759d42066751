//! Colours for people: only on a terminal, never in what a program reads.

/// How text is painted, or left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// As it is.
    Plain,
    /// With the terminal's own colours (ECMA-48 8.3.117, SGR).
    Colours,
}

impl Paint {
    /// Colours when a person reads at a terminal that takes them and has not asked for none
    /// (`NO_COLOR`, no-color.org).
    pub fn chosen(to_person: bool, no_color: Option<&str>, terminal: Option<&str>) -> Self {
        let unwanted = no_color.is_some_and(|value| !value.is_empty());
        if to_person && !unwanted && terminal != Some("dumb") { Self::Colours } else { Self::Plain }
    }

    /// A unit's or an attempt's state in `text`, which may be padded.
    pub fn state(self, state: &str, text: &str) -> String {
        match state {
            "confirmed" => self.sgr("32", text),
            "failed" => self.sgr("31", text),
            "sent" => self.sgr("33", text),
            "released" => self.sgr("35", text),
            "reserved" | "issued" => self.sgr("36", text),
            _ => text.to_owned(),
        }
    }

    /// A development unit's state: never to be taken for production's.
    pub fn developer(self, text: &str) -> String {
        self.sgr("34", text)
    }

    /// The word that says how it went, with blanks around it: dark letters would not be read from
    /// afar, so it is a field of colour with white ones.
    pub fn verdict(self, passed: bool) -> String {
        if passed { self.sgr("1;97;42", " PASS ") } else { self.sgr("1;97;41", " FAIL ") }
    }

    /// What the eye should find first.
    pub fn strong(self, text: &str) -> String {
        self.sgr("1", text)
    }

    fn sgr(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colours => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_person_at_a_terminal_sees_colours() {
        let chosen = Paint::chosen;
        assert_eq!(chosen(true, None, Some("xterm")), Paint::Colours);
        assert_eq!(chosen(true, Some(""), None), Paint::Colours);
        assert_eq!(chosen(false, None, Some("xterm")), Paint::Plain);
        assert_eq!(chosen(true, Some("1"), Some("xterm")), Paint::Plain);
        assert_eq!(chosen(true, None, Some("dumb")), Paint::Plain);
    }

    #[test]
    fn what_is_plain_stays_as_it_is() {
        assert_eq!(Paint::Plain.state("failed", "failed  "), "failed  ");
        assert_eq!(Paint::Colours.state("failed", "failed  "), "\x1b[31mfailed  \x1b[0m");
        assert_eq!(Paint::Colours.state("of tomorrow", "x"), "x");
        assert_eq!(Paint::Colours.strong("GW-1"), "\x1b[1mGW-1\x1b[0m");
    }
}
