//! The platform's device registration API, as far as a station can tell.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::kit::Kit;
use crate::sign::On;

/// Gives an answer to a request, or none: then the connection stays open and silent.
type Answering = Box<dyn FnMut(&str) -> Option<String> + Send>;

/// A registration API that keeps what it was told.
pub struct Api {
    pub address: SocketAddr,
    told: Arc<Mutex<Vec<String>>>,
    silent: Arc<Mutex<Vec<TcpStream>>>,
}

impl Api {
    /// Prepared answers, the last one again and again. `None` never answers.
    pub fn answering(answers: &[Option<&str>]) -> Self {
        let answers: Vec<_> = answers.iter().map(|answer| answer.map(str::to_owned)).collect();
        let mut next = 0;
        Self::with(Box::new(move |_| {
            next += 1;
            answers.get(next - 1).or(answers.last()).cloned().flatten()
        }))
    }

    /// One that answers as this says.
    pub fn with(mut answering: Answering) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let silent: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (keeping, quiet) = (told.clone(), silent.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = whole(&mut stream);
                let answer = answering(&request);
                keeping.lock().unwrap().push(request);
                match answer {
                    None => quiet.lock().unwrap().push(stream),
                    // Whoever asked may have been killed.
                    Some(answer) => drop(stream.write_all(answer.as_bytes())),
                }
            }
        });
        Self { address, told, silent }
    }

    /// One that is not there.
    pub fn absent() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self { address, told: Arc::default(), silent: Arc::default() }
    }

    /// Every request so far.
    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// Ends the connections that were left silent.
    pub fn let_go(&self) {
        self.silent.lock().unwrap().clear();
    }

    /// What stands in station.toml behind `tls = "sign/tls-crt"`, with a time limit in seconds.
    pub fn section(&self, timeout: u32) -> String {
        format!(
            "\ntls = \"sign/tls-crt\"\n[sign.factories.cloud]\ntoken_file = \"fio.token\"\n\
             url = \"http://{}/ota/devices/\"\ntimeout = {timeout}\ngroup = \"line-1\"\n",
            self.address
        )
    }

    /// A station that tells it.
    pub fn kit(&self, on: &On) -> Kit {
        on.kit_with(|setup| {
            setup.file("fio.token", "first\n");
            setup.station("\ntls = \"sign/tls-crt\"\n", &self.section(1));
        })
    }
}

fn whole(stream: &mut TcpStream) -> String {
    let (mut bytes, mut room) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut room).unwrap_or(0);
        bytes.extend_from_slice(&room[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if length.is_none_or(|length: usize| body.len() >= length) {
                return text;
            }
        }
        if count == 0 {
            return text;
        }
    }
}

/// A whole answer.
pub fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
