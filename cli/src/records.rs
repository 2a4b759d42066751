//! Cuts a stream into its records: rows of CSV, or lines.
//!
//! Bytes in, records out, at any split of the bytes and in bounded memory. A quoted field may hold line
//! ends (RFC 4180 2.6), so a row is more than a line. Nothing is read into the fields.

/// The longest record, in bytes.
const LONGEST: usize = 1024 * 1024;

/// What ends a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A line feed outside quotes.
    Rows,
    /// Every line feed.
    Lines,
}

/// The stream does not consist of such records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A record of more than a mebibyte.
    #[error("a row longer than a mebibyte")]
    TooLong,
    /// The end came inside quotes.
    #[error("the end came in the middle of a row")]
    Unfinished,
}

/// Takes bytes, gives records with their line feed.
pub struct Records {
    shape: Shape,
    in_quotes: bool,
    partial: Vec<u8>,
}

impl Records {
    /// Nothing read yet.
    pub fn new(shape: Shape) -> Self {
        Self { shape, in_quotes: false, partial: Vec::new() }
    }

    /// Take in the next bytes and give every record that they complete to `each`.
    pub fn push<E: From<RecordError>>(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = bytes;
        while let Some(end) = self.end_in(rest) {
            let (record, tail) = rest.split_at(end);
            rest = tail;
            if self.partial.is_empty() {
                each(record)?;
            } else {
                self.partial.extend_from_slice(record);
                let whole = std::mem::take(&mut self.partial);
                each(&whole)?;
            }
        }
        self.partial.extend_from_slice(rest);
        if self.partial.len() > LONGEST {
            return Err(RecordError::TooLong.into());
        }
        Ok(())
    }

    /// The stream is over: what is left is a last record without its line feed, or empty.
    pub fn finish(self) -> Result<Vec<u8>, RecordError> {
        if self.in_quotes { Err(RecordError::Unfinished) } else { Ok(self.partial) }
    }

    /// Where the record that is open ends in `bytes`: after the line feed. Keeps the state of the
    /// quotes for bytes that hold no end.
    fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        for (place, byte) in bytes.iter().enumerate() {
            match byte {
                // A doubled quote inside quotes closes and opens again: the same in the end.
                b'"' if self.shape == Shape::Rows => self.in_quotes = !self.in_quotes,
                b'\n' if !self.in_quotes => return Some(place + 1),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(shape: Shape, chunks: &[&[u8]]) -> Result<Vec<String>, RecordError> {
        let mut records = Records::new(shape);
        let mut found = Vec::new();
        for chunk in chunks {
            records.push(chunk, |record| {
                found.push(String::from_utf8(record.to_vec()).unwrap());
                Ok::<(), RecordError>(())
            })?;
        }
        let last = records.finish()?;
        if !last.is_empty() {
            found.push(String::from_utf8(last).unwrap());
        }
        Ok(found)
    }

    #[test]
    fn rows_at_any_split() {
        let text = "id,serial\n\"A\",\"line\nfeed \"\"quoted\"\"\"\r\nA-1,b\nlast";
        let rows = ["id,serial\n", "\"A\",\"line\nfeed \"\"quoted\"\"\"\r\n", "A-1,b\n", "last"];
        for at in 0..=text.len() {
            let (head, tail) = text.as_bytes().split_at(at);
            assert_eq!(cut(Shape::Rows, &[head, tail]).unwrap(), rows, "cut at {at}");
        }
    }

    #[test]
    fn lines_know_no_quotes() {
        assert_eq!(
            cut(Shape::Lines, &[b"{\"a\":\"\\\"\"}\n{\"", b"b\":1}\n"]).unwrap(),
            ["{\"a\":\"\\\"\"}\n", "{\"b\":1}\n"]
        );
    }

    #[test]
    fn an_end_inside_quotes_is_no_end() {
        assert_eq!(cut(Shape::Rows, &[b"a,\"b\n"]), Err(RecordError::Unfinished));
    }

    #[test]
    fn an_endless_row_ends() {
        let chunk = vec![b'x'; 600 * 1024];
        assert_eq!(cut(Shape::Rows, &[&chunk, &chunk]), Err(RecordError::TooLong));
    }
}
