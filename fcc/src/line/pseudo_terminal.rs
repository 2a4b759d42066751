//! The far end of a line that exists in the system alone, for simulated gateways.

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// How often it is looked whether a line is drained.
const LOOK: Duration = Duration::from_millis(10);
/// So often it must have been, one look after the other.
const LOOKS: u32 = 10;

/// A pseudo-terminal: this is the gateway's end, [`PseudoTerminal::path`] the station's.
#[derive(Debug)]
pub struct PseudoTerminal {
    near: AsyncFd<OwnedFd>,
    path: PathBuf,
    /// Held open, so that the line stands while no station has it open.
    far: OwnedFd,
}

impl PseudoTerminal {
    /// Makes one. Call it within a runtime.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let near = openpt(flags)?;
        grantpt(&near)?;
        unlockpt(&near)?;
        let path = PathBuf::from(OsString::from_vec(ptsname(&near, Vec::new())?.into_bytes()));
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let far = rustix::fs::open(&path, flags, Mode::empty())?;
        // Otherwise the line would echo what the gateway says until a station opens it.
        let mut settings = tcgetattr(&far)?;
        settings.make_raw();
        tcsetattr(&far, OptionalActions::Now, &settings)?;
        rustix::io::ioctl_fionbio(&near, true)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe; an OwnedFd is one descriptor for as long as it lives"
        )]
        let near = AsyncFd::new(near)?;
        Ok(Self { near, path, far })
    }

    /// Where a station opens the line.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until the station has read what was written: a line that goes takes the rest with it.
    /// Not longer than `limit`, for a station that has its reply reads no last words.
    ///
    /// # Errors
    /// The system's.
    pub async fn drained(&self, limit: Duration) -> io::Result<()> {
        let end = Instant::now() + limit;
        // What was just written takes a moment to arrive at the other end.
        let mut empty = 0;
        while empty < LOOKS && Instant::now() < end {
            empty = if rustix::io::ioctl_fionread(&self.far)? > 0 { 0 } else { empty + 1 };
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

impl AsyncRead for PseudoTerminal {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.near.poll_read_ready(context))?;
            let room = buffer.initialize_unfilled();
            match guard.try_io(|near| Ok(rustix::io::read(near, &mut *room)?)) {
                Ok(Ok(count)) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for PseudoTerminal {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.near.poll_write_ready(context))?;
            if let Ok(written) = guard.try_io(|near| Ok(rustix::io::write(near, bytes)?)) {
                return Poll::Ready(written);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
