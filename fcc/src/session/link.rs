//! What a session talks over.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// How long the second connection of injection 2.1 is held.
const HELD: Duration = Duration::from_secs(1);

/// A way to one device.
pub trait Link: AsyncRead + AsyncWrite + Unpin + Send {
    /// Begins to open a second connection and to hold it for a moment, which wakes a client that
    /// slept through the first (injection 2.1). Returns at once. Where there is no such thing,
    /// as on a serial line, it does nothing.
    fn nudge(&mut self) {}

    /// Whether it is a board's console, with other text on it and no end of connection (injection
    /// 12), or leads to one.
    fn is_line(&self) -> bool {
        false
    }
}

impl<L: Link + ?Sized> Link for Box<L> {
    fn nudge(&mut self) {
        (**self).nudge();
    }

    fn is_line(&self) -> bool {
        (**self).is_line()
    }
}

/// A byte stream in memory, for simulations in one process.
impl Link for tokio::io::DuplexStream {}

/// Bytes of a board's console (injection 12), whatever carries them.
#[derive(Debug)]
pub struct ConsoleLink<S>(pub S);

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Link for ConsoleLink<S> {
    fn is_line(&self) -> bool {
        true
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ConsoleLink<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ConsoleLink<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    /// A line that is drained is not waited for: its board may take nothing for a while, and
    /// draining would hold up the whole thread.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A TCP connection that knows where it leads.
#[derive(Debug)]
pub struct TcpLink {
    stream: TcpStream,
    address: SocketAddr,
    second: Option<JoinHandle<()>>,
}

impl TcpLink {
    /// Connects to `address`.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::new(TcpStream::connect(address).await?)
    }

    /// A link over a connection that stands.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        let address = stream.peer_addr()?;
        // A message is one write; the delay would only hold back its last packet.
        stream.set_nodelay(true)?;
        Ok(Self { stream, address, second: None })
    }

    /// Where it leads.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Link for TcpLink {
    fn nudge(&mut self) {
        let address = self.address;
        let held = tokio::spawn(async move {
            if let Ok(Ok(second)) = tokio::time::timeout(HELD, TcpStream::connect(address)).await {
                tokio::time::sleep(HELD).await;
                drop(second);
            }
        });
        if let Some(earlier) = self.second.replace(held) {
            earlier.abort();
        }
    }
}

impl Drop for TcpLink {
    fn drop(&mut self) {
        if let Some(second) = self.second.take() {
            second.abort();
        }
    }
}

impl AsyncRead for TcpLink {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for TcpLink {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
