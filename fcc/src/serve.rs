//! The simulated gateway: a [`Device`] behind a TCP port, or at the end of a serial line.
//!
//! Used by `fcc-device`, and in one process by whoever needs hundreds of gateways at once. What a
//! device answers is not decided here.

use crate::device::{Act, Device, End, Fault};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// How many connections wait in the kernel's queue while one is served (injection 9).
const WAITING: u32 = 1;

/// A port for one gateway; port 0 gives a random one.
///
/// # Errors
/// When the address cannot be had.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A client that was restarted takes its port back at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// One life of a client behind `listener`, to its end: the device, for another life, and how it
/// ended.
///
/// One connection is served at a time. Lost connections end it only where they end the reference
/// client.
///
/// # Errors
/// When the port fails.
pub async fn live(listener: &TcpListener, mut device: Device) -> io::Result<(Device, End)> {
    if device.fault() == Some(Fault::Busy) {
        // The kernel accepts, nobody reads.
        std::future::pending::<()>().await;
    }
    loop {
        let (stream, _) = listener.accept().await?;
        if let Some(end) = serve(stream, &mut device).await {
            return Ok((device, end));
        }
    }
}

/// One connection, to its end; how the client ended, if it did.
async fn serve(mut stream: TcpStream, device: &mut Device) -> Option<End> {
    // Without this the answers wait for acknowledgements. If it fails they do.
    let _ = stream.set_nodelay(true);
    let mut room = vec![0; 4096];
    loop {
        // A reset is an end like any other: what came before it has been read.
        let count = stream.read(&mut room).await.unwrap_or(0);
        let acts = match room.get(..count) {
            Some(bytes) if count > 0 => device.heard(bytes),
            _ => device.hung_up(),
        };
        let mut unsent = false;
        for act in acts {
            match act {
                Act::Send(bytes) => {
                    if let Some(Fault::Slow(late)) = device.fault() {
                        tokio::time::sleep(late).await;
                    }
                    unsent |= stream.write_all(&bytes).await.is_err();
                }
                // The exit status says whether the last reply went out (injection 2, 11.2).
                Act::End(End::Exit(_)) if unsent => return Some(End::Exit(1)),
                Act::End(end) => return Some(end),
                // The connection is dropped; the client may end with it.
                Act::Close => return device.end(),
            }
        }
        if count == 0 {
            return None;
        }
    }
}

/// What a client says on its console before it listens, and when it ends (injection 12).
const BEGIN: &[u8] = b"Application ready.\nFactory flow begins...\n";
const PROCESSED: &[u8] = b"\nSuccessfully processed comm message\n";
const FINISHED: &[u8] = b"Successfully completed factory flow\n";

/// One life of a client at the end of a line, which is its console as well: the device, for
/// another life, and how it ended.
///
/// # Errors
/// When the line fails.
pub async fn live_on_a_line<L>(line: &mut L, mut device: Device) -> io::Result<(Device, End)>
where
    L: AsyncRead + AsyncWrite + Unpin,
{
    line.write_all(BEGIN).await?;
    let mut room = vec![0; 4096];
    loop {
        let count = line.read(&mut room).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for act in device.heard(room.get(..count).unwrap_or_default()) {
            match act {
                Act::Send(bytes) => {
                    if let Some(Fault::Slow(late)) = device.fault() {
                        tokio::time::sleep(late).await;
                    }
                    line.write_all(&bytes).await?;
                    line.write_all(PROCESSED).await?;
                }
                Act::End(end) => {
                    line.write_all(FINISHED).await?;
                    return Ok((device, end));
                }
                // There is no connection to close.
                Act::Close => {}
            }
        }
    }
}

/// A gateway that runs in a task of its own.
///
/// No `Debug`: its device holds private keys.
pub struct Gateway {
    address: SocketAddr,
    lives: JoinHandle<io::Result<(Device, End)>>,
}

impl Gateway {
    /// Starts `device` on `address` (port 0: a random one). `keep`: it begins a new life on the
    /// same store after each end.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn start(address: SocketAddr, device: Device, keep: bool) -> io::Result<Self> {
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        let lives = tokio::spawn(async move {
            let mut device = device;
            loop {
                let (ended, end) = live(&listener, device).await?;
                if !keep {
                    return Ok((ended, end));
                }
                device = ended.restart();
            }
        });
        Ok(Self { address, lives })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for its end; never comes back from a gateway that is kept.
    ///
    /// # Errors
    /// When its port failed.
    pub async fn ended(mut self) -> io::Result<(Device, End)> {
        (&mut self.lives).await.map_err(io::Error::other)?
    }
}

/// A gateway that nobody holds any more is switched off.
impl Drop for Gateway {
    fn drop(&mut self) {
        self.lives.abort();
    }
}
