//! Requests for an identity that are refused: each before a record is made or a device touched.

use std::net::{IpAddr, UdpSocket};

use super::encode;
use crate::kit::{Device, Kit, request, skip};

/// What is wrong with a request's form, and the words that say so.
#[test]
fn malformed_requests() {
    let kit = Kit::start();
    let device = Device::start();
    let good = format!("serialNumber=GW-1&ip=127.0.0.1&port={}", device.port());
    let long = "x".repeat(1025);
    let many: String = (0..33).map(|number| format!("&f{number}=1")).collect();
    for (query, said) in [
        ("".to_owned(), "the serial number is missing"),
        ("?".to_owned(), "the serial number is missing"),
        ("?ip=127.0.0.1".to_owned(), "the serial number is missing"),
        ("?serialNumber=".to_owned(), "the serial number is empty"),
        ("?serialNumber".to_owned(), "the serial number is empty"),
        ("?SerialNumber=GW-1".to_owned(), "the serial number is missing"),
        ("?serialNumber[$ne]=".to_owned(), "the serial number is missing"),
        ("?serialNumber%5B$ne%5D=x".to_owned(), "the serial number is missing"),
        ("?serialNumber=GW-1&serialNumber=GW-2".to_owned(), "`serialNumber` is given twice"),
        ("?serialNumber=GW-1&serial%4eumber=GW-1".to_owned(), "`serialNumber` is given twice"),
        ("?serialNumber=%20GW".to_owned(), "begins or ends with a blank"),
        ("?serialNumber=GW+".to_owned(), "begins or ends with a blank"),
        ("?serialNumber=G%00W".to_owned(), "the invisible character U+0000 at byte 1"),
        ("?serialNumber=GW%0a".to_owned(), "the invisible character U+000A at byte 2"),
        ("?serialNumber=G%E2%80%AEW".to_owned(), "the invisible character U+202E at byte 1"),
        ("?serialNumber=a%CC%88".to_owned(), "normalisation form C"),
        ("?serialNumber=GW%4".to_owned(), "`GW%4` holds a broken % escape"),
        ("?serialNumber=GW%zz".to_owned(), "`GW%zz` holds a broken % escape"),
        ("?serialNumber=%".to_owned(), "`%` holds a broken % escape"),
        ("?serialNumber=%ff".to_owned(), "`%ff` is not UTF-8 once decoded"),
        ("?serialNumber=%ED%A0%80".to_owned(), "is not UTF-8 once decoded"),
        (format!("?serialNumber={}", "x".repeat(256)), "has 256 bytes"),
        (format!("?{good}0000"), "is not a port"),
        ("?serialNumber=GW-1&port=0".to_owned(), "`0` is not a port"),
        ("?serialNumber=GW-1&port=65536".to_owned(), "`65536` is not a port"),
        ("?serialNumber=GW-1&port=7777abc".to_owned(), "`7777abc` is not a port"),
        ("?serialNumber=GW-1&port=-1".to_owned(), "`-1` is not a port"),
        ("?serialNumber=GW-1&port=%2B7777".to_owned(), "`+7777` is not a port"),
        ("?serialNumber=GW-1&port=".to_owned(), "`` is not a port"),
        ("?serialNumber=GW-1&ip=".to_owned(), "`` is neither an address nor a host name"),
        ("?serialNumber=GW-1&ip=a%3Brm".to_owned(), "`a;rm` is neither"),
        ("?serialNumber=GW-1&ip=10.0.0.1:7777".to_owned(), "`10.0.0.1:7777` is neither"),
        ("?serialNumber=GW-1&ip=no-such-host.invalid".to_owned(), "does not resolve"),
        (format!("?{good}&serialNumber[$ne]=x"), "the field name `serialNumber[$ne]` is not"),
        (format!("?{good}&$where=1"), "the field name `$where` is not"),
        (format!("?{good}&a.b=1"), "the field name `a.b` is not"),
        (format!("?{good}&1a=1"), "the field name `1a` is not"),
        (format!("?{good}&=1"), "the field name `` is not"),
        (format!("?{good}&{}=1", "a".repeat(65)), "is not a letter followed by"),
        (format!("?{good}&_id=1"), "the field `_id` is written by the station"),
        (format!("?{good}&executions=1"), "the field `executions` is written by the station"),
        (format!("?{good}&deployed=false"), "the field `deployed` is written by the station"),
        (format!("?{good}&enrollmentID=A-1"), "`enrollmentID` is written by the station"),
        (format!("?{good}&createdAt=1"), "the field `createdAt` is written by the station"),
        (format!("?{good}&cloudAddress=x"), "`cloudAddress` is written by the station"),
        (format!("?{good}{many}"), "more than 32 extra fields"),
        (format!("?{good}&acme={long}"), "the value of `acme` has 1025 bytes, at most 1024"),
        (format!("?{good}&radioConfig={long}"), "the value of `radioConfig` has 1025 bytes"),
        (format!("?{good}&verificationKey={long}"), "`verificationKey` has 1025 bytes"),
    ] {
        let problem = kit.get(&format!("/v3/identity{query}")).problem(400, "bad-request");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{query}: {detail}");
    }
    assert_eq!(kit.states("GW-1"), [""; 0]);
    assert!(device.items().is_empty());
}

/// What may not have an identity, and which rule says so.
#[test]
fn units_that_are_not_admitted() {
    let kit = Kit::with(|setup| {
        setup.env("PEP_ADMISSION_CATEGORIES", "production,gold");
    });
    let device = Device::start();
    for (serial, category, said) in [
        ("GW-1", "development", "the category `development` is not one of production, gold"),
        ("GW-1", "Production", "the category `Production` is not one of"),
        (&"x".repeat(65), "gold", "has 65 bytes; it becomes the device's endpoint name"),
        (&"é".repeat(33), "gold", "has 66 bytes"),
        ("GW&1", "gold", "holds `&`; a device with that endpoint name can never register"),
    ] {
        let path = Kit::query(&encode(serial), &device.port());
        let problem = kit.get(&format!("{path}&category={category}")).problem(403, "not-admitted");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{serial}: {detail}");
        assert_eq!(kit.states(serial), [""; 0]);
    }
    assert!(device.items().is_empty());
    kit.get(&format!("{}&category=gold", Kit::query("GW-1", &device.port()))).document();
}

/// Nobody aims the station at the rest of the network: not by address, not by port, not by a name
/// that leads there. (A number alone is a name that the system's resolver reads as an address.)
#[test]
fn addresses_outside_the_allowed_networks() {
    let kit = Kit::start();
    for (target, said) in [
        ("ip=8.8.8.8", "8.8.8.8 is outside the networks this station may reach"),
        ("ip=134744072", "8.8.8.8 (`134744072`) is outside the networks"),
        ("ip=0x08.8.2056", "8.8.8.8 (`0x08.8.2056`) is outside"),
        ("ip=2001:db8::1", "2001:db8::1 is outside"),
        ("ip=%5B2001:db8::1%5D", "2001:db8::1 is outside"),
        ("ip=::ffff:8.8.8.8", "8.8.8.8 is outside"),
        ("ip=169.254.169.254", "169.254.169.254 is a link-local, multicast or unspecified"),
        ("ip=2852039166", "169.254.169.254 (`2852039166`) is a link-local"),
        ("ip=0.0.0.0", "0.0.0.0 is a link-local, multicast or unspecified"),
        ("ip=0", "0.0.0.0 (`0`) is a link-local, multicast or unspecified"),
        ("ip=224.0.0.1", "224.0.0.1 is a link-local, multicast"),
        ("ip=255.255.255.255", "255.255.255.255 is a link-local"),
        ("ip=fe80::1", "fe80::1 is a link-local"),
        ("ip=127.0.0.1&port=22", "port 22 is below 1024"),
        ("ip=127.0.0.1&port=1023", "port 1023 is below 1024"),
    ] {
        let answer = kit.get(&format!("/v3/identity?serialNumber=GW-1&{target}"));
        let problem = answer.problem(403, "address-refused");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{target}: {detail}");
        assert!(problem["hint"].as_str().unwrap().contains("[injection] allow"), "{problem}");
    }
    assert_eq!(kit.states("GW-1"), [""; 0]);
}

/// `[injection] allow` is the operator's word about where the station may go.
#[test]
fn the_allowed_networks_are_a_setting() {
    let kit = Kit::with(|setup| {
        setup
            .env("PEP_INJECTION_ALLOW", "192.0.2.0/24")
            .env("PEP_INJECTION_CONNECT_TIMEOUT", "1")
            .env("PEP_INJECTION_LOWEST_PORT", "2000");
    });
    let ask = |target: &str| kit.get(&format!("/v3/identity?serialNumber=GW-1&{target}"));
    ask("ip=10.0.0.1").problem(403, "address-refused");
    ask("ip=127.0.0.1&port=1999").problem(403, "address-refused");
    // A network for documentation (RFC 5737): allowed now, and nobody is there.
    ask("ip=192.0.2.1").problem(502, "device-failed");
    assert_eq!(kit.states("GW-1"), ["failed"]);
}

/// A caller on another machine cannot reach the station's own ports, also not by a name.
#[test]
fn loopback_is_for_callers_on_loopback() {
    let Some(own) = own_address() else {
        return skip("this machine has no address beside loopback");
    };
    let kit = Kit::with(|setup| {
        setup.env("PEP_HTTP_LISTEN", "0.0.0.0:0");
    });
    let device = Device::start();
    let address = (own, kit.address().port()).into();
    let ask = |ip: &str| {
        let path = format!("/v3/identity?serialNumber=GW-1&ip={ip}&port={}", device.port());
        request(address, &format!("GET {path} HTTP/1.1\r\n"))
    };
    for ip in ["127.0.0.1", "127.8.8.8", "localhost", "2130706433"] {
        let problem = ask(ip).problem(403, "address-refused");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("is the station itself, and the caller is another machine"));
    }
    assert!(device.items().is_empty());
    assert_eq!(kit.states("GW-1"), [""; 0]);
}

/// The station's own port is no injection client, wherever the request for it comes from.
#[test]
fn the_stations_own_port_is_refused() {
    let kit = Kit::with(|setup| {
        setup.env("PEP_HTTP_LISTEN", "0.0.0.0:0");
    });
    let port = kit.address().port();
    let here = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let mut ways: Vec<_> = ["127.0.0.1", "127.8.8.8", "localhost", "2130706433"]
        .iter()
        .map(|ip| (here, (*ip).to_owned()))
        .collect();
    ways.push((here, String::new()));
    if let Some(own) = own_address() {
        ways.push((here, own.to_string()));
        ways.push(((own, port).into(), own.to_string()));
    }
    for (station, ip) in ways {
        let ip = if ip.is_empty() { ip } else { format!("&ip={ip}") };
        let path = format!("/v3/identity?serialNumber=GW-1{ip}&port={port}");
        let answer = request(station, &format!("GET {path} HTTP/1.1\r\n"));
        let problem = answer.problem(403, "address-refused");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("is the station itself, and no injection client"), "{detail}");
    }
    assert_eq!(kit.states("GW-1"), [""; 0]);
}

/// This machine's address towards others. Connecting a UDP socket sends nothing.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_loopback() && !own.is_unspecified()).then_some(own)
}
