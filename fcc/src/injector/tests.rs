//! What one message can come to.

use super::*;

fn asked(sid: Option<&str>) -> Injector {
    let bundle = Bundle { sid: sid.map(str::to_owned), ..Bundle::default() };
    Injector::new(&bundle, PAYLOAD).unwrap()
}

fn answer(sid: Option<&str>, return_status: u64) -> Vec<u8> {
    let reply = Reply {
        csrs: Vec::new(),
        sid: sid.map(str::to_owned),
        return_status,
        message: "x".into(),
        warnings: Vec::new(),
    };
    frame::reply(&reply.encode())
}

#[test]
fn it_knows_how_much_is_out() {
    let mut injector = asked(Some("s"));
    assert_eq!(injector.written(), Written::Nothing);
    injector.wrote(1);
    assert_eq!(injector.written(), Written::Part);
    injector.wrote(injector.unsent().len());
    assert_eq!(injector.written(), Written::Whole);
    assert!(injector.unsent().is_empty());
}

#[test]
fn a_failure_the_device_reports_is_a_reply() {
    let reply = asked(Some("s")).heard(&answer(Some("s"), 38)).unwrap().unwrap();
    assert_eq!(reply.return_status, 38);
    let early = asked(Some("s")).heard(&answer(None, 20)).unwrap().unwrap();
    assert_eq!(early.return_status, 20);
}

#[test]
fn a_reply_to_somebody_else_is_none() {
    let other = WrongReply::OtherSession("t".into());
    assert_eq!(asked(Some("s")).heard(&answer(Some("t"), 0)), Err(other.clone().into()));
    assert_eq!(asked(None).heard(&answer(Some("t"), 0)), Err(other.into()));
    assert!(asked(Some("s")).heard(&answer(None, 0)).is_err());
}

#[test]
fn the_second_connection_is_asked_for_once() {
    let mut injector = asked(None);
    assert!(injector.quiet());
    assert!(!injector.quiet());
}

#[test]
fn too_much_is_not_sent() {
    let bundle = Bundle {
        params: vec![crate::bundle::Param::new("a.b", vec![0; 70_000])],
        ..Bundle::default()
    };
    assert!(matches!(
        Injector::new(&bundle, PAYLOAD).err(),
        Some(Why::TooLong { limit: PAYLOAD, .. })
    ));
    assert!(Injector::new(&bundle, 1 << 20).is_ok());
}

#[test]
fn an_end_after_other_text_says_so() {
    let mut injector = asked(None);
    assert_eq!(injector.closed(), Why::Closed);
    injector.heard(b"220 ready\r\n").unwrap();
    assert_eq!(injector.closed(), WrongReply::Foreign.into());
}

fn on_a_line(first: bool) -> Injector {
    let bundle = Bundle { sid: Some("s".to_owned()), ..Bundle::default() };
    Injector::on_a_line(&bundle, PAYLOAD, first).unwrap()
}

#[test]
fn on_a_line_the_reply_may_stand_anywhere() {
    let mut injector = on_a_line(true);
    injector.wrote(injector.unsent().len());
    let mut heard = injector.frame.to_vec();
    heard.extend(answer(Some("earlier"), 0));
    heard.extend(b"Factory flow begins...\n");
    assert_eq!(injector.heard(&heard), Ok(None));
    assert!(injector.heard(&answer(Some("s"), 0)).unwrap().unwrap().succeeded());
}

#[test]
fn a_device_in_the_middle_of_an_earlier_message_is_brought_back() {
    let mut injector = on_a_line(true);
    let message = injector.unsent().to_vec();
    injector.wrote(message.len());
    assert_eq!(injector.stirred(), Ok(None));
    assert_eq!(injector.unsent().len(), PAYLOAD + frame::OVERHEAD, "filler");
    assert_eq!(injector.written(), Written::Whole);
    injector.wrote(injector.unsent().len());
    assert_eq!(injector.heard(&frame::reply_status(8)), Ok(None));
    assert!(injector.unsent().is_empty(), "it ends first");
    assert_eq!(injector.stirred(), Ok(None));
    assert_eq!(injector.unsent(), message, "the message once more");
    injector.wrote(message.len());
    assert_eq!(injector.heard(&frame::reply_status(8)), Err(Why::Transport(8)), "once");
}

#[test]
fn what_a_session_has_begun_is_not_sent_again() {
    let mut injector = on_a_line(false);
    assert_eq!(injector.heard(&frame::reply_status(8)), Err(Why::Transport(8)));
    let mut injector = on_a_line(true);
    assert_eq!(injector.heard(&frame::reply_status(9)), Err(Why::Transport(9)));
}

#[test]
fn sentences_are_for_people() {
    for (why, said) in [
        (Why::Silent(Duration::from_secs(60)), "the device gave no answer within 60 s"),
        (
            Why::WrongReply(FrameFault::Http.into()),
            "an HTTP server answers there, not a factory client",
        ),
        (Why::Closed, "the device closed the connection without an answer"),
    ] {
        assert_eq!(why.to_string(), said);
    }
}
