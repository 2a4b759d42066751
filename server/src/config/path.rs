//! Paths as people write them: what a shell, a quoting or an editor has left in one is said, and not
//! taken for a part of the name. A path that is wrong by one sign is another file: an empty ledger,
//! say, where all units are new.

use super::words::quoted;

/// Signs that mean nothing in a name and cannot be seen in a terminal.
const INVISIBLE: [char; 9] = [
    '\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{2060}', '\u{feff}',
    '\u{fffd}',
];
const QUOTES: [char; 10] = ['"', '\'', '`', '“', '”', '„', '‘', '’', '«', '»'];

/// What is wrong with a path and what to write instead; none where it is one.
pub fn fault(text: &str) -> Option<(String, String)> {
    let written = quoted(text);
    let said = |problem: &str, fix: String| Some((format!("is {written}: {problem}"), fix));
    let instead = |right: &str| format!("write {right:?}");
    if text.is_empty() {
        return said("that is not a path", "give the path of a file".to_owned());
    }
    if let Some(sign) = text.chars().find(|sign| sign.is_control()) {
        let right: String = text.chars().filter(|sign| !sign.is_control()).collect();
        let fix = match sign {
            '\r' => format!("{}; save the file that says so with Unix line ends", instead(&right)),
            _ => instead(&right),
        };
        return said(&format!("it holds the control character {}", escaped(sign)), fix);
    }
    if let Some(sign) = text.chars().find(|sign| INVISIBLE.contains(sign)) {
        let right: String = text.chars().filter(|sign| !INVISIBLE.contains(sign)).collect();
        let fix = match sign {
            '\u{fffd}' => "give it in UTF-8".to_owned(),
            _ => instead(&right),
        };
        return said(&format!("it holds the invisible character {}", escaped(sign)), fix);
    }
    let bare = text.trim();
    if bare != text {
        return said("it begins or ends with a blank", instead(bare));
    }
    let bare = text.trim_matches(QUOTES);
    if bare != text {
        return said("quotes count as part of a path here", instead(bare));
    }
    if text.starts_with('~') {
        return said("only a shell knows what `~` stands for", "write the whole path".to_owned());
    }
    if let Some(variable) = variable_in(text) {
        let problem = format!("`{variable}` is not replaced here");
        return said(&problem, "write what it stands for".to_owned());
    }
    if text.starts_with(':') {
        let problem = "that is not a file, and what it holds would be gone at the end";
        return said(problem, "give the path of a file".to_owned());
    }
    if text.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("file:")) {
        let path = text.get(5..).unwrap_or_default();
        let path = path.strip_prefix("//localhost").unwrap_or(path);
        let path = path.split('?').next().unwrap_or_default();
        let path = format!("/{}", path.trim_start_matches('/'));
        return said("that is an address and no path", instead(&path));
    }
    if text.contains("://") {
        return said("that is an address and no path", "give the path of a file".to_owned());
    }
    if let Some((path, _)) = text.split_once(" #") {
        return said("a comment counts as part of it here", instead(path.trim_end()));
    }
    None
}

/// What a shell would replace: `$NAME`, `${NAME}` or `$(command)`, and a `$` at the beginning.
fn variable_in(text: &str) -> Option<&str> {
    let begins = |at: &usize| {
        let behind = text.get(at + 1..).and_then(|rest| rest.chars().next());
        *at == 0 || behind.is_some_and(|sign| sign.is_ascii_alphabetic() || "_{(".contains(sign))
    };
    let at = text.match_indices('$').map(|(at, _)| at).find(begins)?;
    let rest = text.get(at..)?;
    let end = rest.find('/').unwrap_or(rest.len());
    rest.get(..end)
}

fn escaped(sign: char) -> String {
    match sign {
        '\r' => "CR".to_owned(),
        '\n' => "LF".to_owned(),
        '\t' => "TAB".to_owned(),
        other => format!("U+{:04X}", u32::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_in_a_path_is_said_with_what_to_write() {
        for (text, problem, fix) in [
            ("/l\r", "control character CR", "write \"/l\"; save the file"),
            ("/l\r\n", "control character CR", "write \"/l\"; save the file"),
            ("/l\n", "control character LF", "write \"/l\""),
            ("/a\tb", "control character TAB", "write \"/ab\""),
            ("/a\0b", "control character U+0000", "write \"/ab\""),
            ("/a\u{85}", "control character U+0085", "write \"/a\""),
            ("\u{feff}/l", "invisible character U+FEFF", "write \"/l\""),
            ("/l\u{fffd}", "invisible character U+FFFD", "UTF-8"),
            ("/l ", "begins or ends with a blank", "write \"/l\""),
            (" /l", "begins or ends with a blank", "write \"/l\""),
            ("/l\u{a0}", "begins or ends with a blank", "write \"/l\""),
            ("\"/l\"", "quotes count", "write \"/l\""),
            ("'/l'", "quotes count", "write \"/l\""),
            ("“/l”", "quotes count", "write \"/l\""),
            ("\"/l", "quotes count", "write \"/l\""),
            ("~/l", "only a shell", "whole path"),
            ("~pep/l", "only a shell", "whole path"),
            ("~", "only a shell", "whole path"),
            ("$HOME/l", "`$HOME` is not replaced", "what it stands for"),
            ("${HOME}/l", "`${HOME}` is not replaced", "what it stands for"),
            ("/var/$NAME/l", "`$NAME` is not replaced", "what it stands for"),
            ("$(pwd)/l", "`$(pwd)` is not replaced", "what it stands for"),
            (":memory:", "not a file", "path of a file"),
            ("file:/var/l?mode=ro", "address", "write \"/var/l\""),
            ("FILE:///var/l", "address", "write \"/var/l\""),
            ("file://localhost/var/l", "address", "write \"/var/l\""),
            ("sqlite:///var/l", "address", "path of a file"),
            ("/l # the ledger", "a comment", "write \"/l\""),
            ("", "not a path", "path of a file"),
        ] {
            let (said, right) = fault(text).unwrap_or_else(|| panic!("{text:?} is taken"));
            assert!(said.contains(problem), "{text:?}: {said}");
            assert!(right.contains(fix), "{text:?}: {right}");
        }
    }

    #[test]
    fn what_a_name_may_hold_stays() {
        for text in [
            "ledger.sqlite",
            "../state/ledger.sqlite",
            "/var/lib/pep/ledger of line 1.sqlite",
            "/var/lib/pép/Ω#2/l~1",
            "/share/C$/l",
            "/it's/l",
            "/a:b/l",
        ] {
            assert_eq!(fault(text), None, "{text}");
        }
    }
}
