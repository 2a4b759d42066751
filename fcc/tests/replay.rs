//! Plays every recorded request to the simulated gateway and compares the answers with those of
//! the reference client (tests/fixtures/fcc). All differences are reported at once.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: the switches of clippy.toml do not reach functions beside the tests"
)]

use fcc::device::{Act, Build, Device, End, Store, Transport};
use fcc::frame::{self, ReplyFrame, ReplyReader, RequestFrame, RequestReader};
use fcc::reply::Reply;
use openssl::ec::EcKey;
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::pkey::Private;
use openssl::x509::{X509, X509Req};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One line of table.tsv.
struct Step {
    case: String,
    step: String,
    erases: bool,
    transport: Transport,
    store: String,
    before: String,
    closes: bool,
    outcome: String,
    after: String,
    compare: String,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/fcc")
}

fn table() -> Vec<Step> {
    let table = std::fs::read_to_string(fixtures().join("table.tsv")).unwrap();
    let mut lines = table.lines();
    assert_eq!(
        lines.next().unwrap(),
        "case\tstep\tbuild\ttransport\tstore\tbefore\tstation\toutcome\tafter\tcompare"
    );
    lines
        .map(|line| {
            let cells: Vec<_> = line.split('\t').map(str::to_owned).collect();
            let [case, step, build, transport, store, before, station, outcome, after, compare] =
                cells.try_into().unwrap();
            Step {
                case,
                step,
                erases: build == "erases",
                transport: if transport == "serial" { Transport::Serial } else { Transport::Tcp },
                store,
                before,
                closes: station == "closes",
                outcome,
                after,
                compare,
            }
        })
        .collect()
}

impl Step {
    fn request(&self) -> Vec<u8> {
        let name = format!("{}.{}.request.bin", self.case, self.step);
        std::fs::read(fixtures().join(name)).unwrap()
    }

    fn reply(&self) -> Vec<u8> {
        let name = format!("{}.{}.reply.bin", self.case, self.step);
        std::fs::read(fixtures().join(name)).unwrap()
    }
}

/// What one step looked like from the station.
#[derive(Default)]
struct Seen {
    replies: Vec<Vec<u8>>,
    closed: bool,
    end: Option<End>,
}

impl Seen {
    fn take(&mut self, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Send(bytes) => self.replies.push(bytes),
                Act::Close => self.closed = true,
                Act::End(end) => assert!(self.end.replace(end).is_none(), "ended twice"),
            }
        }
    }

    fn outcome(&self) -> &'static str {
        match (self.replies.is_empty(), self.closed) {
            (false, _) => "reply",
            (true, true) => "closed",
            (true, false) => "silence",
        }
    }

    fn after(&self) -> String {
        match self.end {
            None => "running".to_owned(),
            Some(End::Exit(status)) => status.to_string(),
            Some(End::Abort) => "abort".to_owned(),
        }
    }
}

/// Plays one step, `cut` bytes at a time. `csr` is the one from an earlier reply of the case.
fn play(device: &mut Device, step: &Step, csr: Option<&[u8]>, cut: usize) -> Result<Seen, String> {
    match step.before.as_str() {
        "reconnect" => assert_eq!(device.hung_up(), [Act::Close]),
        "probes" => {
            for probe in [&b""[..], b"m", b"mbedpro", b"GET / HTTP/1.1\r\n\r\n", b"", b"xmbed"] {
                assert_eq!(device.heard(probe), []);
                assert_eq!(device.hung_up(), [Act::Close]);
            }
        }
        _ => {}
    }
    let mut request = step.request();
    if step.compare == "resigned" {
        request = resigned(&request, csr.ok_or("no CSR to sign for")?);
    }
    let mut seen = Seen::default();
    for part in request.chunks(cut) {
        seen.take(device.heard(part));
    }
    let early = seen.outcome();
    if step.closes || (early == "silence" && step.transport == Transport::Tcp) {
        seen.take(device.hung_up());
    }
    // A station that stays sees silence, even if the client ends once it has gone.
    let outcome = if step.closes { seen.outcome() } else { early };
    if outcome != step.outcome {
        return Err(format!("outcome is {outcome}, the client's was {}", step.outcome));
    }
    if seen.after() != step.after {
        return Err(format!("then {}, the client then {}", seen.after(), step.after));
    }
    Ok(seen)
}

fn compare(step: &Step, seen: &Seen) -> Result<(), String> {
    let Some(reply) = seen.replies.first() else {
        return Ok(());
    };
    let expected = step.reply();
    let count = seen.replies.len();
    match step.compare.as_str() {
        "bytes" | "resigned" if *reply != expected => {
            Err(format!("replied {}\n      the client {}", say(reply), say(&expected)))
        }
        "csr" => same_structure(reply, &expected),
        "first" => {
            same_structure(reply, &expected)?;
            match seen.replies.get(1).map(|second| read(second)) {
                Some(second) if count == 2 && second.return_status == 25 => Ok(()),
                other => Err(format!("second of two replies is {other:?}")),
            }
        }
        _ if count != 1 => Err(format!("{count} replies")),
        _ => Ok(()),
    }
}

fn say(frame: &[u8]) -> String {
    match ReplyReader::default().read(frame) {
        Ok(Some(ReplyFrame::Payload(payload))) => format!("{:?}", Reply::decode(&payload)),
        other => format!("{other:?}"),
    }
}

fn read(frame: &[u8]) -> Reply {
    match ReplyReader::default().read(frame) {
        Ok(Some(ReplyFrame::Payload(payload))) => Reply::decode(&payload).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Replies with CSRs: equal but for public keys and signatures, and the signatures are good.
fn same_structure(reply: &[u8], expected: &[u8]) -> Result<(), String> {
    let (mut ours, mut theirs) = (read(reply), read(expected));
    // The recorded reply itself proves the encoder.
    assert_eq!(frame::reply(&theirs.encode()), expected);
    if frame::reply(&ours.encode()) != reply {
        return Err("not in the client's form".to_owned());
    }
    for csr in ours.csrs.iter_mut().chain(&mut theirs.csrs) {
        let request = X509Req::from_der(&csr.der).map_err(|error| error.to_string())?;
        let key = request.public_key().map_err(|error| error.to_string())?;
        if !request.verify(&key).unwrap_or(false) {
            return Err("a CSR's signature is wrong".to_owned());
        }
        csr.der = blank(&csr.der);
    }
    if ours == theirs { Ok(()) } else { Err(format!("{ours:?}\n      the client {theirs:?}")) }
}

/// A CSR without its key and signature: the request part with the point blanked, the algorithm.
fn blank(csr: &[u8]) -> Vec<u8> {
    let (content, _) = inside(csr);
    let (_, behind) = inside(content);
    let mut signed = content[..content.len() - behind.len()].to_vec();
    let point = spki(&signed) + 26;
    signed[point..point + 65].fill(0);
    let (_, signature) = inside(behind);
    signed.extend(&behind[..behind.len() - signature.len()]);
    signed
}

/// The content of a DER value, and what stands behind it.
fn inside(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, head) = match der[1] {
        short @ ..=0x7f => (usize::from(short), 2),
        0x81 => (usize::from(der[2]), 3),
        0x82 => (usize::from(der[2]) << 8 | usize::from(der[3]), 4),
        _ => panic!("{:02x?}", &der[..4]),
    };
    (&der[head..head + length], &der[head + length..])
}

fn sequence(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    assert!(length > 255);
    let mut der = vec![0x30, 0x82];
    der.extend(length.to_be_bytes());
    der.extend(content);
    der
}

/// Where a P-256 SubjectPublicKeyInfo begins; it has 91 bytes, the point at its byte 26.
fn spki(der: &[u8]) -> usize {
    const HEAD: &[u8] = &[0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    der.windows(HEAD.len()).position(|part| part == HEAD).unwrap()
}

/// The recorded request with its device certificate signed again for the key of `csr`.
fn resigned(request: &[u8], csr: &[u8]) -> Vec<u8> {
    let (_, Some(RequestFrame::Payload(payload))) = RequestReader::new().read(request) else {
        panic!("the recorded request is no frame");
    };
    let name = b"mbed.BootstrapDeviceCert";
    let name = payload.windows(name.len()).position(|part| part == name).unwrap();
    let data = name + payload[name..].windows(6).position(|part| part == b"\x64Data\x59").unwrap();
    let start = data + 8;
    let length = usize::from(payload[data + 6]) << 8 | usize::from(payload[data + 7]);
    let certificate = certificate_for(&payload[start..start + length], csr);

    let mut changed = payload[..data + 6].to_vec();
    changed.extend(u16::try_from(certificate.len()).unwrap().to_be_bytes());
    changed.extend(certificate);
    changed.extend(&payload[start + length..]);
    frame::request(&changed).to_vec()
}

fn certificate_for(recorded: &[u8], csr: &[u8]) -> Vec<u8> {
    let (content, _) = inside(recorded);
    let (_, behind) = inside(content);
    let mut signed = content[..content.len() - behind.len()].to_vec();
    let (from, to) = (spki(csr), spki(&signed));
    signed[to..to + 91].copy_from_slice(&csr[from..from + 91]);

    let ca: EcKey<Private> =
        EcKey::private_key_from_pem(&std::fs::read(fixtures().join("device-ca.key.pem")).unwrap())
            .unwrap();
    let digest = hash(MessageDigest::sha256(), &signed).unwrap();
    let signature = EcdsaSig::sign(&digest, &ca).unwrap().to_der().unwrap();
    let (_, bits) = inside(behind);
    signed.extend(&behind[..behind.len() - bits.len()]);
    signed.extend([0x03, u8::try_from(signature.len() + 1).unwrap(), 0]);
    signed.extend(signature);
    let certificate = sequence(&signed);
    assert!(X509::from_der(&certificate).is_ok());
    certificate
}

/// Plays the whole table, `cut` bytes at a time, and returns what differs.
fn replay(cut: usize) -> Vec<String> {
    let mut differences = Vec::new();
    let mut stores: BTreeMap<String, Store> = BTreeMap::new();
    let mut running: Option<(Device, Option<Vec<u8>>)> = None;
    for step in table() {
        let (mut device, csr) = match step.store.as_str() {
            "same" => running.take().unwrap(),
            other => {
                let store = match other {
                    "-" => Store::in_memory(),
                    case => stores.get(case).unwrap().copy(),
                };
                let build =
                    Build { erases: step.erases, transport: step.transport, ..Build::default() };
                (Device::start(build, store, None), None)
            }
        };
        let played = play(&mut device, &step, csr.as_deref(), cut);
        let result = played.as_ref().map_err(Clone::clone).and_then(|seen| compare(&step, seen));
        if let Err(difference) = result {
            differences.push(format!("{} step {}: {difference}", step.case, step.step));
        }
        let first = played.ok().and_then(|seen| seen.replies.into_iter().next());
        let csr = match step.compare.as_str() {
            "csr" => first.and_then(|reply| Some(read(&reply).csrs.first()?.der.clone())),
            _ => csr,
        };
        stores.insert(step.case.clone(), device.store().copy());
        running = Some((device, csr));
    }
    differences
}

#[test]
fn the_double_answers_as_the_reference_client() {
    for cut in [usize::MAX, 1000, 1] {
        let differences = replay(cut);
        assert!(
            differences.is_empty(),
            "{} of {} steps differ, {cut} bytes at a time:\n{}",
            differences.len(),
            table().len(),
            differences.join("\n")
        );
    }
}

/// Nothing is forgotten: every recording is in the table, every line has its recording.
#[test]
fn every_recording_is_played() {
    let steps = table();
    let mut expected: Vec<String> = Vec::new();
    for step in &steps {
        expected.push(format!("{}.{}.request.bin", step.case, step.step));
        if step.outcome == "reply" {
            expected.push(format!("{}.{}.reply.bin", step.case, step.step));
        }
    }
    expected.sort();
    let mut found: Vec<String> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".request.bin") || name.ends_with(".reply.bin"))
        .collect();
    found.sort();
    assert_eq!(found, expected);
    assert!(steps.len() > 200);
}

/// A serial console mixes text and frames (injection 12).
#[test]
fn a_reply_is_found_in_a_consoles_output() {
    let stream = fixtures().join("40a-serial-success.whole-output-stream.bin");
    let stream = std::fs::read(stream).unwrap();
    let expected = std::fs::read(fixtures().join("40a-serial-success.1.reply.bin")).unwrap();

    let found = ReplyReader::default().read(&stream).unwrap();
    assert_eq!(found, ReplyReader::default().read(&expected).unwrap());
    assert!(matches!(found, Some(ReplyFrame::Payload(_))));
}
