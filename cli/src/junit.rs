//! A report of steps as JUnit XML, which every CI system reads.

use std::fmt::Write as _;

use crate::failure::{Failure, one_line};

/// One step.
pub struct Step {
    /// What it shows.
    pub name: &'static str,
    /// How long it took.
    pub seconds: f64,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a step ended.
pub enum Outcome {
    /// As it should.
    Passed,
    /// With this.
    Failed(Failure),
    /// It was never begun, because an earlier one failed.
    Skipped,
}

impl Outcome {
    /// `passed`, `failed` or `skipped`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// The report of a suite: its name, when it began (RFC 3339), properties, steps.
pub fn report(suite: &str, began: &str, properties: &[(&str, &str)], steps: &[Step]) -> String {
    let count = |word: &str| steps.iter().filter(|step| step.outcome.word() == word).count();
    let seconds: f64 = steps.iter().map(|step| step.seconds).sum();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{seconds:.3}\"",
        steps.len(),
        count("failed"),
        count("skipped"),
    );
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let suite = quote(suite);
    // Writing to a String cannot fail.
    let _ = writeln!(xml, "<testsuites name=\"{suite}\" {counts}>");
    let began = quote(began);
    let _ = writeln!(xml, " <testsuite name=\"{suite}\" timestamp=\"{began}\" {counts}>");
    xml.push_str("  <properties>\n");
    for (name, value) in properties {
        let value = quote(value);
        let _ = writeln!(xml, "   <property name=\"{name}\" value=\"{value}\"/>");
    }
    xml.push_str("  </properties>\n");
    for Step { name, seconds, outcome } in steps {
        let name = quote(name);
        let _ =
            write!(xml, "  <testcase classname=\"{suite}\" name=\"{name}\" time=\"{seconds:.3}\"");
        match outcome {
            Outcome::Passed => xml.push_str("/>\n"),
            Outcome::Skipped => xml.push_str("><skipped/></testcase>\n"),
            Outcome::Failed(failure) => {
                let (message, word) = (quote(failure.message()), failure.code().unwrap_or("pep"));
                let text = quote(&failure.to_string().replace('\n', " / "));
                let _ = writeln!(
                    xml,
                    "><failure type=\"{}\" message=\"{message}\">{text}</failure></testcase>",
                    quote(word)
                );
            }
        }
    }
    xml.push_str(" </testsuite>\n</testsuites>\n");
    xml
}

/// Text for an attribute or an element (XML 1.0 2.4); control characters, which XML has no way to
/// write, become blanks.
fn quote(text: &str) -> String {
    let mut quoted = String::new();
    for character in one_line(text).chars() {
        match character {
            '&' => quoted.push_str("&amp;"),
            '<' => quoted.push_str("&lt;"),
            '>' => quoted.push_str("&gt;"),
            '"' => quoted.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => quoted.push(' '),
            other => quoted.push(other),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    #[test]
    fn steps_are_counted_and_text_is_quoted() {
        let failure = Failure::new(Kind::Refused, "a < b & \"c\"\u{1b}[2J").with_code("not-found");
        let steps = [
            Step { name: "one", seconds: 0.25, outcome: Outcome::Passed },
            Step { name: "two", seconds: 0.5, outcome: Outcome::Failed(failure) },
            Step { name: "three", seconds: 0.0, outcome: Outcome::Skipped },
        ];
        let xml = report("pep selftest", "2026-11-21T12:00:00Z", &[("station", "<x>")], &steps);
        for said in [
            "tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"0.750\"",
            "<property name=\"station\" value=\"&lt;x&gt;\"/>",
            "name=\"one\" time=\"0.250\"/>",
            "type=\"not-found\" message=\"a &lt; b &amp; &quot;c&quot; [2J\">error: a &lt; b",
            "name=\"three\" time=\"0.000\"><skipped/></testcase>",
        ] {
            assert!(xml.contains(said), "{said}: {xml}");
        }
    }
}
