//! Reads expanded text as YAML, within bounds that no honest fcu.yml comes near.

use serde_json::{Map, Value};
use serde_saphyr::options::DuplicateKeyPolicy;

/// Why a text cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
    /// What would be right.
    pub fix: &'static str,
}

/// Reads one YAML document whose outermost node is a mapping; an empty one has no keys.
///
/// Of keys that stand twice the first one is taken; `lines` finds them, and they are faults. Aliases
/// are counted while they are expanded, so that a few lines cannot become gigabytes.
///
/// # Errors
/// [`Broken`], which shows nothing of the text: it may hold secrets.
pub fn read(text: &str) -> Result<Map<String, Value>, Broken> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 20_000,
            max_nodes: 10_000,
            max_aliases: 100,
            max_anchors: 100,
            max_recorded_anchor_events: 10_000,
            max_depth: 16,
            flow_nesting_limit: 16,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10_000,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: DuplicateKeyPolicy::FirstWins,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Value>(text, options) {
        Ok(Value::Object(entries)) => Ok(entries),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(Broken {
            line: 1,
            problem: "holds no keys with values".to_owned(),
            fix: "write `key: value`, one a line",
        }),
        Err(error) => {
            let line = error.location().map_or(1, |at| usize::try_from(at.line()).unwrap_or(1));
            let said = error.without_snippet().to_string();
            // Without the place, which is given beside it, and without advice to programmers.
            let first = said.lines().next().unwrap_or_default();
            let first = first.split(" at line ").next().unwrap_or_default();
            let first = first.split(", set ").next().unwrap_or_default();
            if first.contains("ocument") {
                let problem = "a second document begins".to_owned();
                return Err(Broken { line, problem, fix: "keep one, and its `---` at the top" });
            }
            if first.contains("budget") || first.contains("limit") {
                let problem = "more aliases, levels or lines than a station reads".to_owned();
                return Err(Broken { line, problem, fix: "write the values out, one a line" });
            }
            let fix = match first {
                _ if first.contains("tab") => "indent with blanks, not with tabs",
                _ => "correct this line, or the one before it",
            };
            Err(Broken { line, problem: format!("not valid YAML: {first}"), fix })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn nothing_is_an_empty_mapping() {
        for text in ["", "# only a comment\n", "---\n", "{}"] {
            assert_eq!(read(text), Ok(Map::new()), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_one_clear_mapping_is_refused() {
        for (text, problem) in [
            ("- 1\n- 2", "1: holds no keys"),
            ("word", "1: holds no keys"),
            ("a: [1", "not valid YAML"),
            ("a: 1\n\tb: 2", "1: not valid YAML: while scanning a plain scalar, found a tab"),
            ("a: *nowhere", "1: not valid YAML"),
            ("a: 1\n---\na: 2", "a second document begins"),
        ] {
            let Broken { line, problem: said, .. } = read(text).expect_err(text);
            let said = format!("{line}: {said}");
            assert!(said.contains(problem), "{text:?}: {said}");
        }
    }

    #[test]
    fn bombs_are_refused_at_once() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let below = vec![format!("*a{}", level - 1); 10].join(", ");
            laughs.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        let aliases = format!("a: &a [x]\nb: [{}]\n", "*a, ".repeat(250_000));
        let deep = format!("a: {}", "[".repeat(500_000));
        let deep_blocks = format!("a:\n{}", "- ".repeat(500_000));
        let wide = "- x\n".repeat(250_000);
        for bomb in [laughs, aliases, deep, deep_blocks, wide] {
            let start = Instant::now();
            read(&bomb).expect_err("a bomb");
            assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        }
    }
}
