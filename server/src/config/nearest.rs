//! What somebody most likely meant who wrote a word that is not known.

use strsim::osa_distance;

/// The known word nearest to `written`, where one is near: a slip or two, another case, `-` for `_`.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace('-', "_");
    let meant = plain(written);
    let near = |word: &&str| {
        let most = 1 + word.chars().count() / 5;
        let distance = osa_distance(&meant, &plain(word));
        (distance <= most && distance < word.chars().count()).then_some(distance)
    };
    let near = known.into_iter().filter_map(|word| Some((near(&word)?, word)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_seen_and_strangers_are_not() {
        let known = ["give_up", "quiet", "at_once", "connect_timeout", "key"];
        for (written, meant) in [
            ("give_upp", Some("give_up")),
            ("give-up", Some("give_up")),
            ("Give_Up", Some("give_up")),
            ("gvie_up", Some("give_up")),
            ("conect_timout", Some("connect_timeout")),
            ("keys", Some("key")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }
}
