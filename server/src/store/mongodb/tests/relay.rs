//! A wire between store and server that can go dead, or be cut, at any moment.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the wire does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// Both ways.
    Whole,
    /// What is asked arrives; no answer comes back.
    Mute,
    /// Every connection is closed, and every new one at once.
    Cut,
}

/// A relay to one server.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    wire: watch::Sender<Wire>,
}

impl Relay {
    pub(super) async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (wire, watched) = watch::channel(Wire::Whole);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, mut until) = (server.clone(), watched.clone());
                let watched = watched.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = until.wait_for(|wire| *wire == Wire::Cut) => {}
                        _ = relay(client, server, watched) => {}
                    }
                });
            }
        });
        Self { address, wire }
    }

    pub(super) fn turn(&self, wire: Wire) {
        self.wire.send(wire).unwrap();
    }
}

async fn relay(
    client: TcpStream,
    server: String,
    mut wire: watch::Receiver<Wire>,
) -> std::io::Result<()> {
    let (mut asking, mut answering) = client.into_split();
    let (mut answers, mut asked) = TcpStream::connect(server).await?.into_split();
    let there = async { copy(&mut asking, &mut asked).await.map(|_| ()) };
    let back = async {
        let mut some = vec![0; 64 << 10];
        loop {
            let count = answers.read(&mut some).await?;
            if count == 0 || wire.wait_for(|wire| *wire == Wire::Whole).await.is_err() {
                return Ok(());
            }
            answering.write_all(&some[..count]).await?;
        }
    };
    tokio::select! { ended = there => ended, ended = back => ended }
}
