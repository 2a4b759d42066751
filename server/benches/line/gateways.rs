//! Simulated gateways in this process, and one genuine identity frame for the bare loop.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use fcc::device::{Build, Device, Store};
use fcc::serve::Gateway;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::load::Caller;
use crate::station::StationProcess;

const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Starts gateways that keep their store in memory and begin a new life after each unit.
pub fn start(count: usize) -> anyhow::Result<Vec<Gateway>> {
    let build = Build::default();
    let one = |_| {
        let device = Device::start(build, Store::in_memory(), None);
        Gateway::start(ANY_PORT, device, true)
    };
    Ok((0..count).map(one).collect::<Result<_, _>>()?)
}

/// Lets the station inject into a listener that only reads: what it sends is a frame any gateway
/// takes.
pub async fn capture_frame(station: &StationProcess) -> anyhow::Result<Vec<u8>> {
    let listener = TcpListener::bind(ANY_PORT).await?;
    let port = listener.local_addr()?.port();
    let mut caller = Caller::connect(station.address).await?;
    let request = caller.ask("captured", port);
    let capture = async {
        let (mut stream, _) = listener.accept().await?;
        let mut frame = vec![0; 12];
        stream.read_exact(&mut frame).await?;
        let length = frame.get(8..12).and_then(|bytes| bytes.try_into().ok());
        let length = u32::from_le_bytes(length.context("no length")?) as usize;
        let mut rest = vec![0; length + 32];
        stream.read_exact(&mut rest).await?;
        frame.extend(rest);
        anyhow::Ok(frame)
    };
    let (frame, _refused) =
        tokio::join!(tokio::time::timeout(Duration::from_secs(10), capture), request);
    frame?
}
