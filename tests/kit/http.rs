//! HTTP by hand, so that a test can send bytes that no client library would.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::Value;

use super::program::PATIENCE;

/// An answer, its body whole.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header, its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Asserts problem details with this status and word, and gives them.
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{text}");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{text}");
        assert_eq!(problem["status"], status, "{text}");
        for member in ["type", "title", "detail", "hint", "requestId"] {
            assert!(problem[member].as_str().is_some_and(|said| !said.is_empty()), "{text}");
        }
        problem
    }

    /// Asserts a refusal in plain text that nothing takes for a document, and gives it.
    pub fn plain_refusal(&self, status: u16) -> &str {
        let text = self.text();
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.header("content-type"), Some("text/plain; charset=utf-8"), "{text}");
        let first = serde_json::Deserializer::from_str(text).into_iter::<Value>().next();
        assert!(matches!(first, Some(Err(_))), "jq takes this: {text}");
        text
    }

    /// Asserts success, and gives the document.
    pub fn document(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }
}

/// Sends a request's line and headers (each ended by CR LF) and reads the answer. As `pep` does it
/// asks for JSON, unless the headers say what it asks for.
pub fn request(address: SocketAddr, head: &str) -> Answer {
    let asks = head.to_ascii_lowercase().contains("\r\naccept:");
    let accept = if asks { "" } else { "Accept: application/json\r\n" };
    let whole = format!("{head}{accept}Host: station\r\nConnection: close\r\n\r\n");
    send(address, whole.as_bytes())
}

/// Sends these bytes and reads what comes until the station closes.
pub fn send(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    // A station that refuses early may close before it has read everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut room = [0; 64 * 1024];
    loop {
        match stream.read(&mut room) {
            Ok(0) | Err(_) => break,
            Ok(count) => answer.extend_from_slice(&room[..count]),
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
    read(&answer, !bytes.starts_with(b"HEAD "))
}

fn read(answer: &[u8], has_body: bool) -> Answer {
    let shown = || String::from_utf8_lossy(answer).into_owned();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no whole head: {:?}", shown()));
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = answer[end + 4..].to_vec();
    let header = |wanted: &str| headers.iter().find(|(name, _)| name == wanted);
    if header("transfer-encoding").is_some_and(|(_, value)| value == "chunked") {
        body = unchunked(&body);
    } else if let Some((_, length)) = header("content-length").filter(|_| has_body) {
        assert_eq!(length.parse(), Ok(body.len()), "{:?}", shown());
    }
    Answer { status, headers, body }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
}
