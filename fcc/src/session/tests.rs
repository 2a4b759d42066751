//! A session against peers that behave well and badly, over real TCP.

use super::*;
use crate::frame::{self, FrameFault};
use crate::reply::SUCCEEDED;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SHORT: Patience =
    Patience { quiet: Duration::from_millis(80), give_up: Duration::from_millis(400) };

fn bundle() -> Bundle {
    Bundle { sid: Some("s1".into()), ..Bundle::default() }
}

fn good() -> Vec<u8> {
    let reply = Reply {
        csrs: Vec::new(),
        sid: Some("s1".into()),
        return_status: 0,
        message: SUCCEEDED.into(),
        warnings: Vec::new(),
    };
    frame::reply(&reply.encode())
}

/// Connects to a peer whose behaviour is `play`, which owns the listener.
async fn against<F>(play: impl FnOnce(TcpListener) -> F) -> Session<TcpLink>
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(play(listener));
    Session::new(TcpLink::connect(address).await.unwrap(), SHORT)
}

async fn whole_request(stream: &mut TcpStream) {
    let mut bytes = vec![0; bundle().encode().len() + frame::OVERHEAD];
    stream.read_exact(&mut bytes).await.unwrap();
}

#[tokio::test]
async fn a_reply_in_single_bytes_is_a_reply() {
    let mut session = against(|listener| async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in 0..2 {
            whole_request(&mut stream).await;
            for byte in good() {
                stream.write_all(&[byte]).await.unwrap();
            }
        }
    })
    .await;

    assert!(session.exchange(&bundle()).await.unwrap().succeeded());
    assert!(session.exchange(&bundle()).await.unwrap().succeeded());
}

#[tokio::test]
async fn silence_brings_one_second_connection_and_then_the_reply() {
    let mut session = against(|listener| async move {
        let (mut first, _) = listener.accept().await.unwrap();
        let (_second, _) = listener.accept().await.unwrap();
        whole_request(&mut first).await;
        first.write_all(&good()).await.unwrap();
        assert!(listener.accept().await.is_err(), "a third connection came");
    })
    .await;

    assert!(session.exchange(&bundle()).await.unwrap().succeeded());
}

#[tokio::test]
async fn lasting_silence_is_given_up_and_spends_the_session() {
    let mut session = against(|listener| async move {
        let (_first, _) = listener.accept().await.unwrap();
        std::future::pending().await
    })
    .await;

    let silent = Broken { written: Written::Whole, why: Why::Silent(SHORT.give_up) };
    assert_eq!(session.exchange(&bundle()).await, Err(silent));
    let spent = Broken { written: Written::Nothing, why: Why::Spent };
    assert_eq!(session.exchange(&bundle()).await, Err(spent));
}

#[tokio::test]
async fn a_peer_that_does_not_read_takes_part_of_a_large_message() {
    let mut session = against(|listener| async move {
        let (_first, _) = listener.accept().await.unwrap();
        std::future::pending().await
    })
    .await
    .with_limit(16 << 20);
    let large =
        Bundle { params: vec![crate::bundle::Param::new("a.b", vec![0; 12 << 20])], ..bundle() };

    let broken = session.exchange(&large).await.unwrap_err();
    assert_eq!(broken.written, Written::Part);
    assert_eq!(broken.why, Why::Silent(SHORT.give_up));
}

#[tokio::test]
async fn wrong_answers_are_named() {
    let http = Why::WrongReply(FrameFault::Http.into());
    let long = FrameFault::TooLong { declared: u32::MAX, limit: frame::REPLY_PAYLOAD };
    let cut = good()[..40].to_vec();
    for (said, why) in [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), http),
        (b"mbedprov\0\0\0\0\xff\xff\xff\xff".to_vec(), Why::WrongReply(long.into())),
        (frame::reply_status(9), Why::Transport(9)),
        (Vec::new(), Why::Closed),
        (cut, Why::Closed),
        (b"220 mail\r\n".to_vec(), Why::WrongReply(WrongReply::Foreign)),
    ] {
        let mut session = against(|listener| async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            whole_request(&mut stream).await;
            stream.write_all(&said).await.unwrap();
        })
        .await;
        let broken = session.exchange(&bundle()).await;
        assert_eq!(broken, Err(Broken { written: Written::Whole, why }));
    }
}

#[tokio::test]
async fn a_dropped_exchange_spends_the_session() {
    let (link, _peer) = tokio::io::duplex(64);
    let mut session = Session::new(link, Patience::default());
    let given_up =
        tokio::time::timeout(Duration::from_millis(20), session.exchange(&bundle())).await;
    assert!(given_up.is_err());
    assert_eq!(session.exchange(&bundle()).await.unwrap_err().why, Why::Spent);
}
