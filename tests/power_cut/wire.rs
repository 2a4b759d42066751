//! The wire between a station and its MongoDB. It knows which commands write, and can have
//! something happen at the n-th of them.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// On which side of a write something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The database never hears of it.
    Before,
    /// The database has answered, and the answer arrives nowhere.
    Behind,
}

/// What happens there.
#[derive(Debug, Clone, Copy)]
pub enum Blow {
    /// The power of this process is cut.
    Kill(u32),
    /// The connection breaks, that is all.
    Break,
}

/// What is to happen at which write, counted from 1.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    pub side: Side,
    pub write: usize,
    pub blow: Blow,
}

#[derive(Default)]
struct Watch {
    order: Option<Order>,
    writes: usize,
    struck: bool,
}

/// A wire to one server. It lives until the tests end.
pub struct Wire {
    address: SocketAddr,
    watch: Arc<Mutex<Watch>>,
}

impl Wire {
    pub fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let watch = Arc::new(Mutex::new(Watch::default()));
        let (server, watched) = (server.to_owned(), watch.clone());
        std::thread::spawn(move || {
            for station in listener.incoming() {
                let (Ok(station), Ok(database)) = (station, TcpStream::connect(&server)) else {
                    return;
                };
                connect(station, database, &watched);
            }
        });
        Self { address, watch }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Counts writes from now on, and carries out the order at its write.
    pub fn watch_for(&self, order: Order) {
        *self.watch.lock().unwrap() = Watch { order: Some(order), ..Watch::default() };
    }

    /// Whether an order was carried out since it was given; nothing more happens from now on.
    pub fn struck(&self) -> bool {
        let mut watch = self.watch.lock().unwrap();
        watch.order = None;
        watch.struck
    }
}

impl Watch {
    /// Takes note of a write; gives the blow, and where it falls, if this is the one.
    fn note(&mut self) -> Option<Order> {
        self.writes += 1;
        let order = self.order.filter(|order| order.write == self.writes)?;
        self.struck = true;
        Some(order)
    }
}

impl Blow {
    fn fall(self) {
        if let Self::Kill(process) = self {
            let killed = Command::new("kill").args(["-s", "KILL", &process.to_string()]).status();
            assert!(killed.unwrap().success());
        }
    }
}

/// Passes messages both ways. A connection carries one question at a time.
fn connect(station: TcpStream, database: TcpStream, watch: &Arc<Mutex<Watch>>) {
    let both = [station, database];
    let again = || both.each_ref().map(|stream| stream.try_clone().unwrap());
    let unanswered: Arc<Mutex<Option<Blow>>> = Arc::default();
    let over = Arc::new(AtomicBool::new(false));

    let ([mut from, mut to], watch) = (again(), watch.clone());
    let (blow_behind, ended) = (unanswered.clone(), over.clone());
    std::thread::spawn(move || {
        while let Some(question) = message(&mut from) {
            let order = if writes(&question) { watch.lock().unwrap().note() } else { None };
            match order {
                Some(Order { side: Side::Before, blow, .. }) => {
                    blow.fall();
                    break;
                }
                Some(Order { side: Side::Behind, blow, .. }) => {
                    *blow_behind.lock().unwrap() = Some(blow);
                }
                None => {}
            }
            if to.write_all(&question).is_err() {
                break;
            }
        }
        ended.store(true, Ordering::SeqCst);
        hang_up(&[from, to]);
    });

    let [mut to, mut from] = again();
    std::thread::spawn(move || {
        while let Some(answer) = message(&mut from) {
            if let Some(blow) = unanswered.lock().unwrap().take() {
                blow.fall();
                break;
            }
            if over.load(Ordering::SeqCst) || to.write_all(&answer).is_err() {
                break;
            }
        }
        hang_up(&[to, from]);
    });
}

fn hang_up(streams: &[TcpStream]) {
    for stream in streams {
        // The other side may have done so first.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// One message of the MongoDB wire protocol, whole: its length comes first.
fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut message = vec![0; 4];
    stream.read_exact(&mut message).ok()?;
    let length = usize::try_from(number(&message, 0)?).ok()?;
    message.resize(length, 0);
    stream.read_exact(message.get_mut(4..)?).ok()?;
    Some(message)
}

/// Whether a message is a command that writes. The station's name, which is written every second
/// whatever happens, does not count.
fn writes(message: &[u8]) -> bool {
    const COMMANDS: [&[u8]; 4] = [b"insert", b"update", b"delete", b"findAndModify"];
    command(message).is_some_and(|(command, collection)| {
        COMMANDS.contains(&command) && collection != b"station_names"
    })
}

/// The command's name and what it is about: the first element of the document in an `OP_MSG`.
fn command(message: &[u8]) -> Option<(&[u8], &[u8])> {
    const OP_MSG: i32 = 2013;
    if number(message, 12)? != OP_MSG {
        return None;
    }
    // Header 16, flags 4, then sections: kind 0 is the document, kind 1 a list beside it.
    let mut at = 20;
    while *message.get(at)? == 1 {
        at += 1 + usize::try_from(number(message, at + 1)?).ok()?;
    }
    // The document's length, the element's type, its name, and a text with its length.
    let name = message.get(at + 6..)?;
    let end = name.iter().position(|byte| *byte == 0)?;
    let text = name.get(end + 5..)?;
    let is_text = message.get(at + 5) == Some(&2);
    let stop = text.iter().position(|byte| *byte == 0)?;
    Some((&name[..end], if is_text { &text[..stop] } else { &[] }))
}

fn number(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
