//! The word that was most likely meant.

/// The one of `words` that is nearest to `word`, if it is near enough to be a slip: other letters in
/// capitals, or at most a third of it changed.
pub fn nearest<'a>(word: &str, words: &[&'a str]) -> Option<&'a str> {
    let wanted: Vec<char> = word.to_lowercase().chars().collect();
    let rated = words.iter().map(|known| {
        let known_letters: Vec<char> = known.to_lowercase().chars().collect();
        (changes(&wanted, &known_letters), *known)
    });
    let (changed, known) = rated.min_by_key(|(changed, _)| *changed)?;
    (changed <= wanted.len().div_ceil(3)).then_some(known)
}

/// How many letters have to be put in, taken out or replaced (Levenshtein).
fn changes(one: &[char], other: &[char]) -> usize {
    let mut before: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut current = vec![row + 1];
        for ((above, diagonal), known) in before.iter().skip(1).zip(&before).zip(other) {
            let left = current.last().copied().unwrap_or_default();
            let replaced = diagonal + usize::from(letter != known);
            current.push(replaced.min(above + 1).min(left + 1));
        }
        before = current;
    }
    before.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_other_words() {
        let words = ["serialNumber", "station", "notAfter"];
        for (word, meant) in [
            ("serialnumber", Some("serialNumber")),
            ("serialNumer", Some("serialNumber")),
            ("sttaion", Some("station")),
            ("not_after", Some("notAfter")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &words), meant, "{word}");
        }
        assert_eq!(nearest("x", &[]), None);
    }
}
