//! A gateway in this process, true to the reference client. It can say at which point of the
//! conversation it is, so that the power can be cut there.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use fcc::device::{Act, Build, Device, Store};

/// Serves until it is dropped.
pub struct Gateway {
    port: u16,
    device: Arc<Mutex<Option<Device>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    /// Starts a gateway that sends the number of every point it reaches, counted from 1, and goes
    /// on when the other side has taken note (a channel without room).
    pub fn start(reached: Sender<(usize, Sender<()>)>) -> Self {
        Self::with(Some(reached))
    }

    /// Starts a gateway that nobody watches.
    pub fn quiet() -> Self {
        Self::with(None)
    }

    fn with(reached: Option<Sender<(usize, Sender<()>)>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let device = fresh();
        let port = listener.local_addr().unwrap().port();
        let device = Arc::new(Mutex::new(Some(device)));
        let (point, over) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
        let (served, ended) = (device.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        stream.set_nonblocking(false).unwrap();
                        // Nobody may hold the gateway for ever when the test is over.
                        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                        serve(stream, &served, &|| {
                            let Some(reached) = &reached else { return };
                            let (noted, note) = std::sync::mpsc::channel();
                            let number = point.fetch_add(1, Ordering::SeqCst) + 1;
                            if reached.send((number, noted)).is_ok() {
                                // A listener that went away needs nothing.
                                let _ = note.recv();
                            }
                        });
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(2)),
                }
            }
        });
        Self { port, device, over, thread: Some(thread) }
    }

    pub fn port(&self) -> String {
        self.port.to_string()
    }

    /// Switches the client off and on again: a new life on the same store.
    pub fn restart(&self) {
        let mut device = self.device.lock().unwrap();
        let old = device.take().unwrap();
        *device = Some(old.restart());
    }

    /// Puts another gateway, that was never done, in its place.
    pub fn replace(&self) {
        *self.device.lock().unwrap() = Some(fresh());
    }

    /// The device certificate it holds.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        let device = self.device.lock().unwrap();
        let store = device.as_ref().unwrap().store();
        let certificates = store.certificates("mbed.BootstrapDeviceCert")?;
        certificates.first().map(|der| der.to_vec())
    }
}

fn fresh() -> Device {
    let build = Build::default();
    Device::start(build, Store::in_memory(), None)
}

/// One connection. Points: accepted; bytes arrived; processed; answered.
fn serve(mut stream: std::net::TcpStream, device: &Mutex<Option<Device>>, point: &dyn Fn()) {
    point();
    let mut room = [0; 65536];
    loop {
        let count = stream.read(&mut room).unwrap_or(0);
        if count > 0 {
            point();
        }
        let acts = {
            let mut device = device.lock().unwrap();
            let device = device.as_mut().unwrap();
            if device.end().is_some() {
                return;
            }
            if count > 0 { device.heard(&room[..count]) } else { device.hung_up() }
        };
        if !acts.is_empty() {
            point();
        }
        for act in acts {
            match act {
                Act::Send(bytes) => {
                    // The station may be gone: the device has taken the frame all the same.
                    let _ = stream.write_all(&bytes);
                    point();
                }
                Act::Close | Act::End(_) => return,
            }
        }
        if count == 0 {
            return;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
