//! Return statuses and transport statuses: number, short word, what the operator should know
//! (injection 4, 8.1).
//!
//! Numbers the table does not know are carried as they are; deciding on them is the caller's.

/// One row of the return status table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// The number on the wire.
    pub number: u64,
    /// A short stable word.
    pub word: &'static str,
    /// A sentence for the person at the bench.
    pub text: &'static str,
}

macro_rules! table {
    ($($number:literal $word:literal $text:literal)*) => {
        &[$(Meaning { number: $number, word: $word, text: $text }),*]
    };
}

/// Every return status of clients 2.2 to 4.13.
pub const RETURN: &[Meaning] = table! {
    0 "success" "the device took the message"
    1 "error" "the device failed without saying why; a clock before 2017 is the usual cause"
    2 "memory-out" "the device ran out of memory"
    3 "invalid-parameter" "entropy or root of trust has the wrong size"
    4 "store-error" "the device's rollback-protected storage failed: its flash may be faulty"
    5 "item-already-exists" "an internal item exists already"
    6 "ca-error" "a server CA is pinned already: restart the client and begin again"
    7 "rot-error" "a root of trust is set already"
    8 "entropy-error" "entropy is set already"
    9 "factory-disabled" "the device was disabled for factory work"
    10 "invalid-certificate" "the device certificate does not allow client authentication"
    11 "invalid-certificate-attribute" "the device cannot read its certificate's subject"
    12 "invalid-ca-signature" "the CA signature is invalid"
    13 "expired-certificate" "a certificate ended before the device's time"
    14 "invalid-cn" "the certificate's name is not the endpoint name, or its OU not the account"
    15 "kcm-error" "the device's key store was called wrongly, or cannot make the CSR asked for"
    16 "kcm-storage-error" "the device's storage refused an item: it is empty, misnamed, or the flash may be faulty"
    17 "kcm-file-exists" "the device holds such an item already: restart the client and begin again"
    18 "kcm-crypto-error" "the device refused a key, certificate, chain or CSR"
    19 "not-initialised" "the client has not finished starting"
    20 "bundle-error" "the device could not read the message"
    21 "bundle-response-error" "the device could not build its reply"
    22 "unsupported-group" "the message holds a group the client does not support"
    23 "invalid-group" "the message holds a group the client does not know"
    24 "invalid-scheme" "client and station speak different versions of the protocol"
    25 "item-does-not-exist" "a mandatory item is missing on the device"
    26 "empty-item" "the endpoint name is empty"
    27 "wrong-item-size" "an item has the wrong size"
    28 "uri-wrong-format" "the server address is not a coap or coaps address, or lacks the account"
    29 "first-to-claim-not-allowed" "first to claim does not go with this server address or mode"
    30 "bootstrap-mode-error" "mbed.UseBootstrap is neither 0 nor 1"
    31 "output-creation-failed" "the device could not write its answer"
    32 "warning-creation-failed" "the device could not write its warnings"
    33 "utc-offset-wrong-format" "mbed.UTCOffset is not of the form +hh:mm"
    34 "certificate-key-mismatch" "the certificate does not belong to the device's key, or the device refused it"
    35 "invalid-keep-alive" "the session flag is wrong, or the device was to be disabled too early"
    36 "too-many-csrs" "the device makes at most five CSRs at once"
    37 "not-supported" "the message holds a key type, format or field the client does not support"
};

/// The row of a return status, `None` for numbers outside the table.
pub fn meaning(return_status: u64) -> Option<&'static Meaning> {
    RETURN.iter().find(|row| row.number == return_status)
}

/// A sentence for any return status: the table's, or one that says the number is unknown.
pub fn sentence(return_status: u64) -> String {
    match meaning(return_status) {
        Some(row) => row.text.to_owned(),
        None => "the device gave a return status this station does not know".to_owned(),
    }
}

/// What a transport status means to a station (injection 4).
pub fn transport(status: u32) -> &'static str {
    match status {
        3 => "the device has too little memory for the message",
        4..=6 => "the message did not arrive whole",
        8 => "the message was damaged on the way",
        // Either the reply did not fit its buffer, and everything is stored, or the device is
        // disabled, and nothing is.
        9 => "the device could not build a reply: whether it took the message is unknown",
        _ => "the device failed below the protocol",
    }
}

/// The highest transport status (injection 4).
const LAST_TRANSPORT: u32 = 15;

/// Whether a number is a transport status (injection 4), so that what carries it is a reply.
pub fn is_transport(status: u32) -> bool {
    status <= LAST_TRANSPORT
}

/// Whether a device that answers so has not read the message: it may be sent again.
pub fn is_unread(transport_status: u32) -> bool {
    matches!(transport_status, 3..=6 | 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_counts_without_gaps_and_repeats_no_word() {
        for (expected, row) in (0..).zip(RETURN) {
            assert_eq!(row.number, expected);
        }
        let mut words: Vec<_> = RETURN.iter().map(|row| row.word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 38);
    }

    #[test]
    fn unknown_numbers_are_kept_apart() {
        assert_eq!(meaning(38), None);
        assert_eq!(meaning(1 << 32), None);
        assert!(sentence(38).contains("does not know"));
        assert_eq!(meaning(17).map(|row| row.word), Some("kcm-file-exists"));
    }
}
