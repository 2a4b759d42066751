//! Whatever else may listen where a gateway should be.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::program::PATIENCE;

/// A TCP server that treats every connection the same. It lives until the tests end.
pub struct Peer {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Peer {
    /// Each connection, numbered from 1, is treated by `treat` and then closed.
    pub fn with(treat: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, treat) = (connections.clone(), Arc::new(treat));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(mut stream), treat) = (stream, treat.clone()) else { return };
                let number = count.fetch_add(1, Ordering::AcqRel) + 1;
                thread::spawn(move || treat(number, &mut stream));
            }
        });
        Self { port, connections }
    }

    /// Reads the whole first frame, says `bytes`, closes.
    pub fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::with(move |_, stream| {
            read_frame(stream);
            // The station may have gone.
            let _ = stream.write_all(&bytes);
        })
    }

    /// Reads everything and never says a word.
    pub fn silent() -> Self {
        Self::with(|_, stream| drain(stream))
    }

    pub fn port(&self) -> String {
        self.port.to_string()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }

    /// A port where nobody listens: bound, so that the system gives it to nobody else while the
    /// value lives, and never listened on.
    pub fn nobody() -> (Nobody, String) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = socket.local_addr().unwrap().port();
        (Nobody(socket), port.to_string())
    }
}

/// See [`Peer::nobody`].
pub struct Nobody(#[expect(dead_code, reason = "held, not used")] tokio::net::TcpSocket);

/// Reads one request frame (token, length, payload, hash) and gives its payload.
pub fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = [0; 12];
    if stream.read_exact(&mut head).is_err() {
        return Vec::new();
    }
    let length = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    let mut rest = vec![0; usize::try_from(length).unwrap() + 32];
    if stream.read_exact(&mut rest).is_err() {
        return Vec::new();
    }
    rest.truncate(rest.len() - 32);
    rest
}

/// Reads until the other side goes.
pub fn drain(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let mut room = [0; 4096];
    while stream.read(&mut room).is_ok_and(|count| count > 0) {}
}
