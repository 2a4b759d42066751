//! `[admission] serial_pattern`, `serial_pattern_hint` and `serial_case` of station.toml.

use regex::Regex;

use super::section::Section;
use super::words::quoted;

/// Longest hint, in characters: it is one line of an error.
const LONGEST_HINT: usize = 200;

/// What serial numbers look like on this line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Serials {
    /// What every one of them must match.
    pub pattern: Option<Pattern>,
    /// Whether `a` to `z` are written as `A` to `Z`.
    pub upper: bool,
}

/// A regular expression for whole serial numbers.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As it stands in the file.
    pub text: String,
    /// The same for the whole of a text.
    pub whole: Regex,
    /// What the person at the bench is told.
    pub hint: Option<String>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.hint) == (&other.text, &other.hint)
    }
}

impl Eq for Pattern {}

impl Serials {
    /// Reads the three keys.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let text = section.text("serial_pattern");
        let hint = hint(section);
        let cases = [("as-is", false), ("upper", true)];
        let upper = section.one_of("serial_case", &cases).unwrap_or(false);
        let Some(text) = text else {
            if hint.is_some() {
                section.warn("serial_pattern_hint", "has no effect without serial_pattern");
            }
            return Self { pattern: None, upper };
        };
        let pattern = whole(&text).map(|whole| Pattern { text: text.clone(), whole, hint });
        let pattern = pattern.map_err(|problem| {
            let fix = "give a regular expression for whole serial numbers, such as \
                        'GW-[0-9]{6}', in single quotes";
            section.fault("serial_pattern", problem, fix);
        });
        Self { pattern: pattern.ok(), upper }
    }
}

fn hint(section: &mut Section<'_>) -> Option<String> {
    let hint = section.text("serial_pattern_hint")?;
    let hint = hint.trim();
    if hint.is_empty() || hint.chars().count() > LONGEST_HINT || hint.chars().any(char::is_control)
    {
        section.fault(
            "serial_pattern_hint",
            format!("is {}", quoted(hint)),
            format!("give one sentence of at most {LONGEST_HINT} characters"),
        );
        return None;
    }
    Some(hint.to_owned())
}

/// The expression, anchored at both ends; or what is wrong with it.
fn whole(text: &str) -> Result<Regex, String> {
    if text.trim().is_empty() {
        return Err("is empty, and no serial number is".to_owned());
    }
    // On its own first: what cannot stand there must not be saved by what is put around it.
    Regex::new(text)
        .and_then(|_| Regex::new(&format!(r"\A(?:{text})\z")))
        .map_err(|error| format!("is {}, no regular expression ({})", quoted(text), reason(&error)))
}

/// The library shows the place over several lines, and says what is wrong in the last.
fn reason(error: &regex::Error) -> String {
    let said = error.to_string();
    let last = said.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}
