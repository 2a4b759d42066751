//! A small TCP responder for tests: gives prepared bytes, keeps the heads of the requests.
//!
//! It stands in for what cannot be had here: old stations, broken streams, pages of strangers.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::client::{Client, Settings};
use crate::colour::Paint;
use crate::commands::Bench;
use crate::trace::Trace;

/// What one connection gets.
pub struct Answering {
    bytes: Vec<u8>,
    then_silence: Duration,
    at_once: bool,
}

/// Whole bytes of an answer, the connection closed at their end.
pub fn raw(bytes: impl AsRef<[u8]>) -> Answering {
    Answering { bytes: bytes.as_ref().to_vec(), then_silence: Duration::ZERO, at_once: false }
}

/// An answer with its length.
pub fn answer(status: u16, media_type: &str, body: impl AsRef<[u8]>) -> Answering {
    let body = body.as_ref();
    let mut bytes = format!(
        "HTTP/1.1 {status} Something\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    raw(bytes)
}

/// An answer in chunks; `whole` says whether the last, empty chunk comes.
pub fn chunked(media_type: &str, chunks: &[&[u8]], whole: bool) -> Answering {
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n"
    )
    .into_bytes();
    for chunk in chunks {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    if whole {
        bytes.extend_from_slice(b"0\r\n\r\n");
    }
    raw(bytes)
}

impl Answering {
    /// The same, and then the connection stays open without a byte.
    pub fn then_silence(mut self, time: Duration) -> Self {
        self.then_silence = time;
        self
    }

    /// The same without waiting for a request that will not be HTTP.
    pub fn at_once(mut self) -> Self {
        self.at_once = true;
        self
    }
}

/// The responder.
pub struct Canned {
    /// Its address.
    pub url: String,
    heads: Receiver<String>,
}

impl Canned {
    /// Answers one connection with each of `answers`, then listens no longer.
    pub fn answering(answers: impl IntoIterator<Item = Answering>) -> Self {
        let answers: Vec<Answering> = answers.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, heads) = channel();
        thread::spawn(move || {
            for answering in answers {
                let Ok((mut stream, _)) = listener.accept() else {
                    return;
                };
                let mut head = Vec::new();
                let mut byte = [0_u8; 1];
                while !answering.at_once
                    && !head.ends_with(b"\r\n\r\n")
                    && stream.read(&mut byte).unwrap_or(0) == 1
                {
                    head.push(byte[0]);
                }
                let _ = sender.send(String::from_utf8_lossy(&head).into_owned());
                let _ = stream.write_all(&answering.bytes);
                thread::sleep(answering.then_silence);
                let _ = stream.shutdown(Shutdown::Write);
                // Until the other side closes: closing with unread bytes would reset the connection.
                let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
                while stream.read(&mut byte).unwrap_or(0) == 1 {}
            }
        });
        Self { url, heads }
    }

    /// The heads of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.try_iter().collect()
    }

    /// How `pep` reaches it, with two seconds of patience.
    pub fn settings(&self) -> Settings {
        Settings { server: self.url.clone(), timeout: 2, cacert: None, token_file: None }
    }

    /// A command's bench with it as the station.
    pub fn bench(&self) -> Bench {
        bench(&self.settings())
    }
}

/// A command's bench with these settings, output to a program.
pub fn bench(settings: &Settings) -> Bench {
    Bench {
        client: Client::new(settings, Trace::Off).unwrap(),
        json: false,
        quiet: false,
        progress: false,
        to_person: false,
        until: None,
        paint: Paint::Plain,
    }
}
