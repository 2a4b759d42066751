//! The words that the numbers are counted by: every one there is, so that each number exists before
//! it is first raised.

/// How a request for an identity can end: a state, or the word of an error.
pub const OUTCOMES: [&str; 21] = [
    "confirmed",
    "sent",
    "bad-request",
    "unauthorized",
    "not-admitted",
    "serial-taken",
    "serial-busy",
    "key-taken",
    "supply-refused",
    "not-provisioned",
    "device-failed",
    "registry-failed",
    "address-refused",
    "address-busy",
    "not-found",
    "too-large",
    "busy",
    "stopped",
    "signer-unavailable",
    "store-unavailable",
    "internal",
];

/// The steps of a story, each timed.
pub const STEPS: [&str; 6] = ["reserve", "open", "issue", "announce", "hand_over", "conclude"];

/// What can keep the station from issuing, as `pep_stopped` names it.
pub const CAUSES: [&str; 2] = ["disk", "clock"];

#[cfg(test)]
mod tests {
    use super::*;

    /// The quoted words behind `before`, in the part of a source between two texts.
    fn words<'a>(source: &'a str, from: &str, to: &str, before: &str) -> Vec<&'a str> {
        let part = source.split(from).nth(1).and_then(|rest| rest.split(to).next()).unwrap();
        part.split(before).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
    }

    #[test]
    fn every_word_of_an_error_is_counted_from_the_beginning() {
        let codes = words(include_str!("error.rs"), "fn code(", "fn hint(", "=> \"");
        assert!(codes.len() > 15, "{codes:?}");
        for code in codes {
            assert!(OUTCOMES.contains(&code), "{code}");
        }
    }

    #[test]
    fn every_step_is_counted_from_the_beginning() {
        let steps = words(include_str!("story.rs"), "impl Station", "async fn timed", "timed(\"");
        assert_eq!(steps, STEPS);
    }
}
