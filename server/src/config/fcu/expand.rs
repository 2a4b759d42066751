//! Puts environment variables into the text of fcu.yml, before it is read as YAML.
//!
//! The old tool took its configuration through Ruby's templates. Four forms of that are understood:
//! `<%= ENV['X'] %>`, `<%= ENV["X"] %>`, either with `|| 'default'`, and `<%# comment %>`. Any other
//! Ruby is a fault: to skip it silently would inject something else than what was meant.

/// Why a template tag could not be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The line, counted from 1, in which the tag begins.
    pub line: usize,
    /// What is wrong with it, as the rest of a sentence.
    pub problem: String,
    /// What would be right.
    pub fix: String,
}

const FORMS: &str = "write <%= ENV['NAME'] %> or <%= ENV['NAME'] || 'default' %>";

/// Expands every tag of `text`, or says what is wrong with each that cannot be expanded.
///
/// The result has the same number of lines, so that the YAML reader's line numbers hold for the
/// file. It is at most `limit` bytes long: a short file could otherwise repeat a long variable
/// without end.
pub fn expand(
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
    limit: usize,
) -> Result<String, Vec<Refusal>> {
    let mut expanded = String::with_capacity(text.len());
    let mut refusals = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some((plain, tagged)) = rest.split_once("<%") {
        expanded.push_str(plain);
        line += lines(plain);
        let Some((tag, after)) = tagged.split_once("%>") else {
            refusals.push(refusal(line, "opens <% and never closes it", "close it with %>"));
            return Err(refusals);
        };
        match tag.strip_prefix('=') {
            None if tag.starts_with('#') => expanded.extend(tag.matches('\n')),
            None => refusals.push(refusal(line, "holds Ruby other than <%= ENV[...] %>", FORMS)),
            Some(inner) => match value_of(inner.trim_matches([' ', '\t']), &variable) {
                Ok(value) => expanded.push_str(&value),
                Err((problem, fix)) => refusals.push(refusal(line, problem, fix)),
            },
        }
        line += lines(tag);
        rest = after;
        if expanded.len() > limit {
            let problem = format!("makes the file longer than {limit} bytes");
            refusals.push(refusal(line, problem, "shorten the variables used"));
            return Err(refusals);
        }
    }
    expanded.push_str(rest);
    if refusals.is_empty() { Ok(expanded) } else { Err(refusals) }
}

fn refusal(line: usize, problem: impl Into<String>, fix: impl Into<String>) -> Refusal {
    Refusal { line, problem: problem.into(), fix: fix.into() }
}

fn lines(text: &str) -> usize {
    text.matches('\n').count()
}

/// The value of what stands between `<%=` and `%>`, or problem and fix.
fn value_of(
    inner: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String, (String, String)> {
    let ruby = || ("holds Ruby other than <%= ENV[...] %>".to_owned(), FORMS.to_owned());
    let reference = inner.strip_prefix("ENV[").ok_or_else(ruby)?;
    let (name, after) = literal(reference).ok_or_else(ruby)?;
    let after = after.strip_prefix(']').ok_or_else(ruby)?.trim_start_matches([' ', '\t']);
    let fit = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(fit) {
        return Err(ruby());
    }
    let default = match after.strip_prefix("||") {
        None if after.is_empty() => None,
        None => return Err(ruby()),
        Some(alternative) => {
            let alternative = alternative.trim_start_matches([' ', '\t']);
            match literal(alternative) {
                Some((default, "")) => Some(default),
                _ => return Err(ruby()),
            }
        }
    };
    let value = match (variable(name), default) {
        (Some(value), _) => value,
        (None, Some(default)) => default.to_owned(),
        (None, None) => {
            let fix = format!("set {name}, or write <%= ENV['{name}'] || 'default' %>");
            return Err((format!("wants the variable {name}, which is not set"), fix));
        }
    };
    // A line break would begin a new key: HOST="x\nport: 1". U+2028 and U+2029 are line breaks to
    // readers of YAML 1.1.
    if value.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        let problem = format!("wants the variable {name}, whose value holds a control character");
        return Err((problem, format!("set {name} to one line of plain text")));
    }
    Ok(value)
}

/// A Ruby text in quotes without anything that Ruby would interpret, and what follows it.
fn literal(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (inner, after) = text.get(1..)?.split_once(quote)?;
    let interpreted: &[char] = if quote == '"' { &['\\', '\n', '#'] } else { &['\\', '\n'] };
    (!inner.contains(interpreted)).then_some((inner, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        let variable = |name: &str| match name {
            "HOST" => Some("gw.example".to_owned()),
            "EMPTY" => Some(String::new()),
            "TWO_LINES" => Some("x\nport: 1".to_owned()),
            "SEPARATED" => Some("x\u{2028}port: 1".to_owned()),
            "LONG" => Some("x".repeat(100)),
            _ => None,
        };
        expand(text, variable, 1000).map_err(|refusals| {
            let lines = refusals.iter().map(|r| format!("{}: {}; {}", r.line, r.problem, r.fix));
            lines.collect::<Vec<_>>().join("\n")
        })
    }

    #[test]
    fn the_four_forms_are_expanded() {
        for (text, wanted) in [
            ("", ""),
            ("a: 1 % 2 %> 3 < 4", "a: 1 % 2 %> 3 < 4"),
            ("a: <%= ENV['HOST'] %>:5684", "a: gw.example:5684"),
            ("a: <%=ENV[\"HOST\"]%>", "a: gw.example"),
            ("<%= ENV['HOST'] %><%= ENV['HOST'] %>", "gw.examplegw.example"),
            ("a: <%= ENV['NONE'] || 'x y' %>", "a: x y"),
            ("a: <%= ENV['NONE']||\"\" %>", "a: "),
            ("a: <%= ENV['HOST'] || 'x' %>", "a: gw.example"),
            ("a: '<%= ENV['EMPTY'] || 'x' %>'", "a: ''"),
            ("a: 1 <%# ENV['NONE'] %>", "a: 1 "),
            ("<%# two\nlines %>\na: 1", "\n\na: 1"),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn all_else_is_refused_with_its_line() {
        let ruby = "holds Ruby other than <%= ENV[...] %>";
        for (text, line, problem) in [
            ("\na: <%= ENV['NONE'] %>", 2, "wants the variable NONE, which is not set"),
            ("a: <%= ENV['TWO_LINES'] %>", 1, "whose value holds a control character"),
            ("a: <%= ENV['SEPARATED'] %>", 1, "whose value holds a control character"),
            ("\n\na: <%= ENV['HOST'", 3, "opens <% and never closes it"),
            ("<% if true %>", 1, ruby),
            ("<%% ENV['HOST'] %>", 1, ruby),
            ("<%- ENV['HOST'] -%>", 1, ruby),
            ("<%= ENV['HOST'] -%>", 1, ruby),
            ("<%= ENV.fetch('HOST') %>", 1, ruby),
            ("<%= ENV['HOST'].upcase %>", 1, ruby),
            ("<%= ENV['HOST'] + ENV['HOST'] %>", 1, ruby),
            ("<%= ENV['HOST'] || ENV['EMPTY'] %>", 1, ruby),
            ("<%= ENV['HO' 'ST'] %>", 1, ruby),
            ("<%= ENV[\"#{x}\"] %>", 1, ruby),
            ("<%= ENV['NONE'] || \"#{`id`}\" %>", 1, ruby),
            ("<%= ENV['NONE'] || 'a\\'b' %>", 1, ruby),
            ("<%= ENV['HOST\"] %>", 1, ruby),
            ("<%= ENV[''] %>", 1, ruby),
            ("<%= ENV[HOST] %>", 1, ruby),
            ("<%= %>", 1, ruby),
            ("<%=\nENV['HOST'] %>", 1, ruby),
        ] {
            let said = expanded(text).expect_err(text);
            assert!(said.starts_with(&format!("{line}: ")), "{text:?}: {said}");
            assert!(said.contains(problem), "{text:?}: {said}");
        }
    }

    #[test]
    fn every_refusal_is_listed_and_no_value_is_shown() {
        let text = "a: <%= ENV['NONE'] %>\nb: <%# x\n %><%= ENV['TWO_LINES'] %>\nc: <% x %>";
        let said = expanded(text).expect_err("three faults");
        let lines: Vec<_> = said.lines().map(|line| line.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["1", "3", "4"]);
        assert!(!said.contains("port"), "{said}");
    }

    #[test]
    fn a_short_file_cannot_grow_without_end() {
        let said = expanded(&"<%= ENV['LONG'] %>".repeat(100_000)).expect_err("too long");
        assert!(said.contains("longer than 1000 bytes"), "{said}");
    }
}
