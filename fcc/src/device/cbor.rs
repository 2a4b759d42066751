//! CBOR as the client's parser sees it (injection 5): a tree over the payload, strings unchecked
//! bytes, maps in their order with duplicates kept.
//!
//! Not a general CBOR reader: it exists because the client's habits (basic validation only,
//! reading past a short text) need the raw view.

/// The deepest nesting taken. The client's own limit is 1024; nothing it accepts goes below 6.
const DEEPEST: usize = 128;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Item<'p> {
    /// A non-negative integer.
    Unsigned(u64),
    /// The negative integer -1 - n.
    Negative(u64),
    /// A byte string of definite length.
    Bytes(Run<'p>),
    /// A text string of definite length; the client does not check that it is UTF-8.
    Text(Run<'p>),
    /// A string of indefinite length, which the client reads nowhere.
    Chunked,
    /// An array.
    Array {
        /// Its elements.
        items: Vec<Item<'p>>,
        /// Whether its length was given.
        definite: bool,
    },
    /// A map.
    Map {
        /// Its pairs in their order.
        pairs: Vec<(Item<'p>, Item<'p>)>,
        /// Whether its length was given.
        definite: bool,
    },
    /// A tagged value.
    Tagged(u64, Box<Item<'p>>),
    /// Booleans, null, floats and the like, none of which the client takes.
    Other,
}

/// The content of a string, and where in the payload it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<'p> {
    /// Offset of the first byte in the payload.
    pub at: usize,
    /// The content.
    pub bytes: &'p [u8],
}

impl<'p> Item<'p> {
    /// The content of a text string.
    pub fn text(&self) -> Option<&'p [u8]> {
        match self {
            Self::Text(run) => Some(run.bytes),
            _ => None,
        }
    }

    /// The content of a byte string.
    pub fn bytes(&self) -> Option<&'p [u8]> {
        match self {
            Self::Bytes(run) => Some(run.bytes),
            _ => None,
        }
    }

    /// The elements of an array.
    pub fn array(&self) -> Option<&[Item<'p>]> {
        match self {
            Self::Array { items, .. } => Some(items),
            _ => None,
        }
    }

    /// The elements of an array whose length was given.
    pub fn counted(&self) -> Option<&[Item<'p>]> {
        match self {
            Self::Array { items, definite: true } => Some(items),
            _ => None,
        }
    }

    /// The pairs of a map.
    pub fn map(&self) -> Option<&[(Item<'p>, Item<'p>)]> {
        match self {
            Self::Map { pairs, .. } => Some(pairs),
            _ => None,
        }
    }
}

/// Reads a payload that is exactly one value; `None` when it is not (the client's "basic
/// validation" and its check for bytes behind the end).
pub fn parse(payload: &[u8]) -> Option<Item<'_>> {
    let mut reader = Reader { payload, at: 0 };
    let item = reader.item(0)?;
    (reader.at == payload.len()).then_some(item)
}

struct Reader<'p> {
    payload: &'p [u8],
    at: usize,
}

/// A value's first byte, taken apart (RFC 8949 3).
struct Head {
    major: u8,
    info: u8,
    /// `None` for indefinite length or a break.
    argument: Option<u64>,
}

impl<'p> Reader<'p> {
    fn take(&mut self, count: usize) -> Option<Run<'p>> {
        let end = self.at.checked_add(count)?;
        let run = Run { at: self.at, bytes: self.payload.get(self.at..end)? };
        self.at = end;
        Some(run)
    }

    fn head(&mut self) -> Option<Head> {
        let first = *self.take(1)?.bytes.first()?;
        let info = first & 0x1f;
        let argument = match info {
            0..=23 => Some(u64::from(info)),
            24..=27 => {
                let bytes = self.take(1 << (info - 24))?.bytes;
                Some(bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
            }
            31 => None,
            _ => return None,
        };
        Some(Head { major: first >> 5, info, argument })
    }

    fn item(&mut self, depth: usize) -> Option<Item<'p>> {
        let head = self.head()?;
        self.value(&head, depth)
    }

    fn value(&mut self, head: &Head, depth: usize) -> Option<Item<'p>> {
        if depth > DEEPEST {
            return None;
        }
        match (head.major, head.argument) {
            (0, Some(number)) => Some(Item::Unsigned(number)),
            (1, Some(number)) => Some(Item::Negative(number)),
            (2, Some(length)) => Some(Item::Bytes(self.take(usize::try_from(length).ok()?)?)),
            (3, Some(length)) => Some(Item::Text(self.take(usize::try_from(length).ok()?)?)),
            (major @ (2 | 3), None) => self.chunks(major),
            (4, count) => self.array(count, depth),
            (5, count) => self.map(count, depth),
            (6, Some(tag)) => Some(Item::Tagged(tag, Box::new(self.item(depth + 1)?))),
            (7, Some(simple)) => (head.info != 24 || simple >= 32).then_some(Item::Other),
            _ => None,
        }
    }

    fn chunks(&mut self, major: u8) -> Option<Item<'p>> {
        loop {
            let head = self.head()?;
            if is_break(&head) {
                return Some(Item::Chunked);
            }
            if head.major != major {
                return None;
            }
            self.take(usize::try_from(head.argument?).ok()?)?;
        }
    }

    fn array(&mut self, count: Option<u64>, depth: usize) -> Option<Item<'p>> {
        let mut items = Vec::new();
        while count.is_none_or(|count| (items.len() as u64) < count) {
            let head = self.head()?;
            if count.is_none() && is_break(&head) {
                break;
            }
            items.push(self.value(&head, depth + 1)?);
        }
        Some(Item::Array { items, definite: count.is_some() })
    }

    fn map(&mut self, count: Option<u64>, depth: usize) -> Option<Item<'p>> {
        let mut pairs = Vec::new();
        while count.is_none_or(|count| (pairs.len() as u64) < count) {
            let head = self.head()?;
            if count.is_none() && is_break(&head) {
                break;
            }
            let key = self.value(&head, depth + 1)?;
            pairs.push((key, self.item(depth + 1)?));
        }
        Some(Item::Map { pairs, definite: count.is_some() })
    }
}

fn is_break(head: &Head) -> bool {
    head.major == 7 && head.info == 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_taken_apart() {
        for (payload, item) in [
            (&b"\x18\xff"[..], Some(Item::Unsigned(255))),
            (b"\x20", Some(Item::Negative(0))),
            (b"\x61a", Some(Item::Text(Run { at: 1, bytes: b"a" }))),
            (b"\x42ab", Some(Item::Bytes(Run { at: 1, bytes: b"ab" }))),
            (b"\x7f\x61a\x61b\xff", Some(Item::Chunked)),
            (b"\xf5", Some(Item::Other)),
            (b"\xc2\x40", Some(Item::Tagged(2, Box::new(Item::Bytes(Run { at: 2, bytes: b"" }))))),
            (b"\x00\x00", None),
            (b"\x9f\x00", None),
            (b"\xbf\x00\xff", None),
            (b"\xff", None),
            (b"\x1c", None),
            (b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", None),
        ] {
            assert_eq!(parse(payload), item, "{payload:02x?}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let mut deep = vec![0x81; 100_000];
        deep.push(0);
        assert_eq!(parse(&deep), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }
    }
}
