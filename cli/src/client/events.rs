//! Server-sent events, read at any split of the bytes.
//!
//! The part of the HTML standard's section 9.2.6 that the station uses: `event:` and `data:` lines,
//! comments as keep-alive, a blank line ends an event. Bytes in, events out: no socket here, and no
//! opinion about what an event means.

use std::collections::VecDeque;

/// The longest event taken in, in bytes. An identity document is a few hundred.
const LONGEST: usize = 1024 * 1024;

/// One event: its name (`message` when the stream gave none) and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The name after `event:`.
    pub name: String,
    /// The lines after `data:`, joined by line feeds.
    pub data: String,
}

/// The stream is no stream of events, or one of them is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// More than a mebibyte without an end.
    #[error("an event longer than a mebibyte")]
    TooLong,
    /// The standard asks for UTF-8.
    #[error("an event that is not UTF-8")]
    NotText,
}

/// Takes bytes, gives events.
#[derive(Default)]
pub struct EventReader {
    line: Vec<u8>,
    after_carriage_return: bool,
    name: String,
    data: Option<String>,
    ready: VecDeque<Event>,
}

impl EventReader {
    /// Take in the next bytes; complete events are then given by [`EventReader::next`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), EventError> {
        for &byte in bytes {
            let follows = std::mem::replace(&mut self.after_carriage_return, byte == b'\r');
            match byte {
                // The second half of a CRLF ends nothing.
                b'\n' if follows => {}
                b'\n' | b'\r' => self.end_line()?,
                _ => {
                    if self.line.len() + self.data.as_ref().map_or(0, String::len) >= LONGEST {
                        return Err(EventError::TooLong);
                    }
                    self.line.push(byte);
                }
            }
        }
        Ok(())
    }

    /// The next complete event, if there is one.
    pub fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    fn end_line(&mut self) -> Result<(), EventError> {
        let bytes = std::mem::take(&mut self.line);
        let line = std::str::from_utf8(&bytes).map_err(|_| EventError::NotText)?;
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            // An event without data is not dispatched: the standard's rule.
            if let Some(data) = self.data.take() {
                let name = if name.is_empty() { "message".to_owned() } else { name };
                self.ready.push_back(Event { name, data });
            }
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // An empty field is a comment; `id`, `retry` and unknown ones mean nothing here.
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORY: &str = ": keep-alive\n\nevent: step\ndata: {\"step\":\"waiting\"}\n\n\
        event:step\r\ndata:{\"step\":\"signing\"}\r\n\r\n\
        data: a\rdata: b\r\rid: 7\nretry: 1\n\nevent: empty\n\n";

    fn expected() -> Vec<Event> {
        [
            ("step", "{\"step\":\"waiting\"}"),
            ("step", "{\"step\":\"signing\"}"),
            ("message", "a\nb"),
        ]
        .map(|(name, data)| Event { name: name.to_owned(), data: data.to_owned() })
        .to_vec()
    }

    fn read(chunks: &[&[u8]]) -> Vec<Event> {
        let mut reader = EventReader::default();
        let mut events = Vec::new();
        for chunk in chunks {
            reader.push(chunk).unwrap();
            while let Some(event) = reader.next() {
                events.push(event);
            }
        }
        events
    }

    #[test]
    fn the_same_events_at_any_split() {
        let bytes = STORY.as_bytes();
        for cut in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(read(&[head, tail]), expected(), "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read(&single), expected());
    }

    #[test]
    fn an_event_without_its_blank_line_is_not_given() {
        assert_eq!(read(&[b"event: identity\ndata: {}\n"]), []);
    }

    #[test]
    fn endless_lines_end() {
        let mut reader = EventReader::default();
        let chunk = vec![b'x'; 64 * 1024];
        let outcome = (0..100).find_map(|_| reader.push(&chunk).err());
        assert_eq!(outcome, Some(EventError::TooLong));

        let mut reader = EventReader::default();
        let line = [b"data: ".as_slice(), &chunk, b"\n"].concat();
        let outcome = (0..100).find_map(|_| reader.push(&line).err());
        assert_eq!(outcome, Some(EventError::TooLong));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let mut reader = EventReader::default();
        assert_eq!(reader.push(b"data: \xff\n"), Err(EventError::NotText));
    }
}
