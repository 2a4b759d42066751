//! Characters that look like others on a label: two numbers that nobody can tell apart are two
//! units.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_security::confusable_detection::skeleton;

/// Most characters that one sentence names.
const MOST_NAMED: usize = 4;

/// Letters and digits that scanners and people take for each other.
const ON_LABELS: [(char, char); 5] = [('O', '0'), ('o', '0'), ('I', '1'), ('l', '1'), ('i', '1')];

/// A character, and the plain one that it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LookAlike {
    found: char,
    like: char,
}

/// Every character beyond ASCII that looks like one of ASCII, each once.
pub(super) fn beyond_ascii(text: &str) -> Vec<LookAlike> {
    let mut all = Vec::new();
    for found in text.chars().filter(|c| !c.is_ascii()) {
        let Some(like) = plain(found) else { continue };
        let pair = LookAlike { found, like };
        if !all.contains(&pair) {
            all.push(pair);
        }
    }
    all
}

/// The letters and digits that, exchanged for what they look like, make `fits` true.
pub(super) fn exchanged(text: &str, fits: impl Fn(&str) -> bool) -> Vec<LookAlike> {
    let letter_to_digit = |c: char| ON_LABELS.iter().find(|(it, _)| *it == c).map(|(_, to)| *to);
    let digit_to_letter = |c: char| ON_LABELS.iter().find(|(_, it)| *it == c).map(|(to, _)| *to);
    let changed = |at: Option<usize>, to: &dyn Fn(char) -> Option<char>| {
        let mut pairs = Vec::new();
        let new = text.chars().enumerate().map(|(place, found)| {
            let like = to(found).filter(|_| at.is_none_or(|at| at == place));
            if let Some(like) = like {
                pairs.push(LookAlike { found, like });
            }
            like.unwrap_or(found)
        });
        let new: String = new.collect();
        pairs.dedup();
        (!pairs.is_empty() && fits(&new)).then_some(pairs)
    };
    let ways: [&dyn Fn(char) -> Option<char>; 2] = [&letter_to_digit, &digit_to_letter];
    let whole = ways.iter().map(|way| changed(None, way));
    let places = || (0..text.chars().count()).map(Some);
    let single = ways.iter().flat_map(|way| places().map(|at| changed(at, way)));
    single.chain(whole).flatten().next().unwrap_or_default()
}

/// The ASCII character that one beyond ASCII looks like: its compatible form, any dash as a
/// hyphen-minus, or one that Unicode lists as confusable with it (UTS 39).
fn plain(c: char) -> Option<char> {
    let mut compatible = std::iter::once(c).nfkc();
    if let (Some(one), None) = (compatible.next(), compatible.next())
        && one.is_ascii_graphic()
    {
        return Some(one);
    }
    if c.general_category() == GeneralCategory::DashPunctuation {
        return Some('-');
    }
    let shape = |c: char| skeleton(c.encode_utf8(&mut [0; 4])).collect::<String>();
    let wanted = shape(c);
    let kind = |c: char| (c.is_uppercase(), c.is_lowercase(), c.is_numeric());
    let mut alike = ('!'..='~').filter(|plain| shape(*plain) == wanted);
    let first = alike.next()?;
    std::iter::once(first).chain(alike).find(|plain| kind(*plain) == kind(c)).or(Some(first))
}

/// `U+2010 HYPHEN looks like U+002D HYPHEN-MINUS`, several with commas between them.
pub(super) fn in_words(pairs: &[LookAlike]) -> String {
    let named = pairs.iter().take(MOST_NAMED).map(|LookAlike { found, like }| {
        format!("{} looks like {}", code_point(*found), code_point(*like))
    });
    let mut words = named.collect::<Vec<_>>().join(", ");
    if pairs.len() > MOST_NAMED {
        words.push_str(&format!(", and {} more", pairs.len() - MOST_NAMED));
    }
    words
}

fn code_point(c: char) -> String {
    let number = format!("U+{:04X}", u32::from(c));
    match unicode_names2::name(c) {
        Some(name) => format!("{number} {name}"),
        None => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_are_named_by_their_code_points() {
        for (text, words) in [
            ("GW\u{2010}1", "U+2010 HYPHEN looks like U+002D HYPHEN-MINUS"),
            ("GW\u{2011}1", "U+2011 NON-BREAKING HYPHEN looks like U+002D HYPHEN-MINUS"),
            ("GW\u{2013}1", "U+2013 EN DASH looks like U+002D HYPHEN-MINUS"),
            ("GW\u{2014}1", "U+2014 EM DASH looks like U+002D HYPHEN-MINUS"),
            ("GW\u{2212}1", "U+2212 MINUS SIGN looks like U+002D HYPHEN-MINUS"),
            (
                "ＧW-1",
                "U+FF27 FULLWIDTH LATIN CAPITAL LETTER G looks like U+0047 LATIN CAPITAL LETTER G",
            ),
            ("GW-１", "U+FF11 FULLWIDTH DIGIT ONE looks like U+0031 DIGIT ONE"),
            (
                "\u{421}W",
                "U+0421 CYRILLIC CAPITAL LETTER ES looks like U+0043 LATIN CAPITAL LETTER C",
            ),
            (
                "\u{391}W",
                "U+0391 GREEK CAPITAL LETTER ALPHA looks like U+0041 LATIN CAPITAL LETTER A",
            ),
            (
                "\u{406}W",
                "U+0406 CYRILLIC CAPITAL LETTER BYELORUSSIAN-UKRAINIAN I looks like U+0049 LATIN CAPITAL LETTER I",
            ),
        ] {
            assert_eq!(in_words(&beyond_ascii(text)), words, "{text}");
        }
        for text in ["GW-1", "GW_O0Il", "größe", "Ωmega", "日本"] {
            assert_eq!(beyond_ascii(text), [], "{text}");
        }
        let all = beyond_ascii("ＧＷ－１");
        assert_eq!(all.len(), 4);
        assert!(in_words(&beyond_ascii("ＡＢＣＤＥＦ")).ends_with(", and 2 more"));
    }

    #[test]
    fn letters_and_digits_are_exchanged_where_that_fits() {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let said = |text: &str| in_words(&exchanged(text, digits));
        let o = "U+004F LATIN CAPITAL LETTER O looks like U+0030 DIGIT ZERO";
        assert_eq!(said("1O3"), o);
        assert_eq!(
            said("lO3"),
            format!("U+006C LATIN SMALL LETTER L looks like U+0031 DIGIT ONE, {o}")
        );
        assert_eq!((said("1X3"), said("123")), (String::new(), String::new()));
    }
}
