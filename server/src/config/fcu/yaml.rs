//! Reads expanded text as YAML, within bounds that no honest fcu.yml comes near.

use serde_json::{Map, Value};
use serde_saphyr::options::DuplicateKeyPolicy;

/// Reads one YAML document whose outermost node is a mapping; an empty one has no keys.
///
/// Keys that occur twice are refused: which of the two counts differs between readers. Aliases are
/// counted while they are expanded, so that a few lines cannot become gigabytes. The error is the
/// rest of a sentence; it names the line and shows nothing of the text, which may hold secrets.
pub fn read(text: &str) -> Result<Map<String, Value>, String> {
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
        duplicate_keys: DuplicateKeyPolicy::Error,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Value>(text, options) {
        Ok(Value::Object(entries)) => Ok(entries),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err("is no YAML mapping of keys to values".to_owned()),
        Err(error) => {
            let place = error.location().map(|at| format!(" in line {}", at.line()));
            let said = error.without_snippet().to_string();
            // Without the place, which is given above, and without advice to programmers.
            let first = said.lines().next().unwrap_or_default();
            let first = first.split(" at line ").next().unwrap_or_default();
            let first = first.split(", set ").next().unwrap_or_default();
            Err(format!("is not acceptable YAML{} ({first})", place.unwrap_or_default()))
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
            ("- 1\n- 2", "is no YAML mapping"),
            ("word", "is no YAML mapping"),
            ("a: 1\nb: 2\na: 3", "line 3"),
            ("a: {b: 1, b: 2}", "line 1"),
            ("a: [1", "is not acceptable YAML"),
            ("a: 1\n\tb: 2", "is not acceptable YAML"),
            ("a: *nowhere", "is not acceptable YAML"),
            ("a: 1\n---\na: 2", "is not acceptable YAML"),
        ] {
            let said = read(text).expect_err(text);
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
