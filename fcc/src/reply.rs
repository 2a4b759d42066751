//! What a device answers (injection 8).
//!
//! Reading is strict: a reply that differs from the schema in anything but the form of its maps
//! is not one. What a status means is in [`crate::status`].

use crate::bundle::SCHEME;
use minicbor::{Decoder, Encoder, data::Type};

/// `InfoMessage` of a success, line feed included.
pub const SUCCEEDED: &str = "The Factory process succeeded\n";

/// The most CSRs in a reply (injection 9).
const CSRS: usize = 5;

/// A device's answer to one bundle.
///
/// The bundle succeeded if and only if [`Reply::succeeded`] says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// CSRs in the order of the requests.
    pub csrs: Vec<Csr>,
    /// The request's, when the device got far enough to read it.
    pub sid: Option<String>,
    /// Return status, untouched, also when no table knows it.
    pub return_status: u64,
    /// `InfoMessage` as it stands on the wire: text, and the item's name where the device knows
    /// it.
    pub message: String,
    /// Warnings, one a line, in the device's words: `text:item name`.
    pub warnings: Vec<String>,
}

/// A CSR that the device made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csr {
    /// Name of the new private key.
    pub key_name: String,
    /// DER, with a NULL parameter in the signature algorithm that the standard forbids
    /// (injection 7).
    pub der: Vec<u8>,
}

/// Why a payload is not a reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyFault {
    /// Not CBOR, or of the wrong type somewhere.
    #[error("the reply cannot be read: {0}")]
    Unreadable(String),
    /// Bytes behind the map.
    #[error("the reply has bytes behind its end")]
    Trailing,
    /// A key that replies do not have.
    #[error("the reply holds the unknown entry {0:?}")]
    Unknown(String),
    /// A key twice.
    #[error("the reply holds {0} twice")]
    Twice(&'static str),
    /// A key that every reply has.
    #[error("the reply holds no {0}")]
    Missing(&'static str),
    /// Another version of the protocol.
    #[error("the reply is of scheme version {0:?}, not {SCHEME}")]
    Scheme(String),
    /// More CSRs than a device makes.
    #[error("the reply holds more than {CSRS} CSRs")]
    TooManyCsrs,
}

impl From<minicbor::decode::Error> for ReplyFault {
    fn from(error: minicbor::decode::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl Reply {
    /// Whether the device took the bundle (injection 8).
    pub fn succeeded(&self) -> bool {
        self.return_status == 0
    }

    /// The message for people: without the line feed of a success.
    pub fn said(&self) -> &str {
        self.message.trim_end()
    }

    /// Reads a reply frame's payload.
    ///
    /// # Errors
    /// [`ReplyFault`] for everything that is not exactly a reply.
    pub fn decode(payload: &[u8]) -> Result<Self, ReplyFault> {
        let mut decoder = Decoder::new(payload);
        let mut found = Found::default();
        let pairs = decoder.map()?;
        each(&mut decoder, pairs, |decoder| found.take(decoder))?;
        if decoder.position() != payload.len() {
            return Err(ReplyFault::Trailing);
        }
        let scheme = found.scheme.ok_or(ReplyFault::Missing("SchemeVersion"))?;
        if scheme != SCHEME {
            return Err(ReplyFault::Scheme(scheme));
        }
        Ok(Self {
            csrs: found.csrs.unwrap_or_default(),
            sid: found.sid,
            return_status: found.status.ok_or(ReplyFault::Missing("ReturnStatus"))?,
            message: found.message.ok_or(ReplyFault::Missing("InfoMessage"))?,
            warnings: found.warnings.unwrap_or_default().lines().map(str::to_owned).collect(),
        })
    }

    /// Writes a reply as the client does: maps of indefinite length, the array of definite one,
    /// keys in this order.
    pub fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        // Writing to a Vec cannot fail.
        let _: Result<(), minicbor::encode::Error<_>> = self.write(&mut Encoder::new(&mut payload));
        payload
    }

    fn write(
        &self,
        out: &mut Encoder<&mut Vec<u8>>,
    ) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        out.begin_map()?;
        if !self.csrs.is_empty() {
            out.str("Csrs")?.array(u64::try_from(self.csrs.len()).unwrap_or(u64::MAX))?;
            for csr in &self.csrs {
                out.begin_map()?.str("PrKN")?.str(&csr.key_name)?;
                out.str("Data")?.bytes(&csr.der)?.end()?;
            }
        }
        out.str("SchemeVersion")?.str(SCHEME)?;
        if let Some(sid) = &self.sid {
            out.str("SID")?.str(sid)?;
        }
        out.str("ReturnStatus")?.u64(self.return_status)?;
        out.str("InfoMessage")?.str(&self.message)?;
        if !self.warnings.is_empty() {
            let lines: String = self.warnings.iter().map(|line| format!("{line}\n")).collect();
            out.str("WarningInfo")?.str(&lines)?;
        }
        out.end()?;
        Ok(())
    }
}

#[derive(Default)]
struct Found {
    csrs: Option<Vec<Csr>>,
    scheme: Option<String>,
    sid: Option<String>,
    status: Option<u64>,
    message: Option<String>,
    warnings: Option<String>,
}

impl Found {
    fn take(&mut self, decoder: &mut Decoder<'_>) -> Result<(), ReplyFault> {
        match decoder.str()? {
            "Csrs" => once(&mut self.csrs, "Csrs", csrs(decoder)?),
            "SchemeVersion" => once(&mut self.scheme, "SchemeVersion", decoder.str()?.to_owned()),
            "SID" => once(&mut self.sid, "SID", decoder.str()?.to_owned()),
            "ReturnStatus" => once(&mut self.status, "ReturnStatus", decoder.u64()?),
            "InfoMessage" => once(&mut self.message, "InfoMessage", decoder.str()?.to_owned()),
            "WarningInfo" => once(&mut self.warnings, "WarningInfo", decoder.str()?.to_owned()),
            other => Err(ReplyFault::Unknown(other.to_owned())),
        }
    }
}

fn csrs(decoder: &mut Decoder<'_>) -> Result<Vec<Csr>, ReplyFault> {
    let mut csrs = Vec::new();
    let count = decoder.array()?;
    each(decoder, count, |decoder| {
        if csrs.len() == CSRS {
            return Err(ReplyFault::TooManyCsrs);
        }
        let (mut key_name, mut der) = (None, None);
        let pairs = decoder.map()?;
        each(decoder, pairs, |decoder| match decoder.str()? {
            "PrKN" => once(&mut key_name, "PrKN", decoder.str()?.to_owned()),
            "Data" => once(&mut der, "Data", decoder.bytes()?.to_vec()),
            other => Err(ReplyFault::Unknown(other.to_owned())),
        })?;
        csrs.push(Csr {
            key_name: key_name.ok_or(ReplyFault::Missing("PrKN"))?,
            der: der.ok_or(ReplyFault::Missing("Data"))?,
        });
        Ok(())
    })?;
    Ok(csrs)
}

/// Calls `take` for every element of an array or pair of a map, `None` being one of indefinite
/// length. A count beyond the input ends at the input's end.
fn each<'b>(
    decoder: &mut Decoder<'b>,
    count: Option<u64>,
    mut take: impl FnMut(&mut Decoder<'b>) -> Result<(), ReplyFault>,
) -> Result<(), ReplyFault> {
    match count {
        Some(count) => {
            for _ in 0..count {
                take(decoder)?;
            }
        }
        None => {
            while decoder.datatype()? != Type::Break {
                take(decoder)?;
            }
            decoder.set_position(decoder.position() + 1);
        }
    }
    Ok(())
}

fn once<T>(place: &mut Option<T>, name: &'static str, value: T) -> Result<(), ReplyFault> {
    if place.replace(value).is_some() { Err(ReplyFault::Twice(name)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reply() -> Reply {
        Reply {
            csrs: Vec::new(),
            sid: Some("s1".into()),
            return_status: 0,
            message: SUCCEEDED.into(),
            warnings: Vec::new(),
        }
    }

    /// injection 3.4, case 00a.
    #[test]
    fn the_smallest_reply_is_the_recorded_one() {
        let mut expected = vec![0xbf, 0x6d];
        expected.extend(b"SchemeVersion\x650.0.1\x63SID\x62s1\x6cReturnStatus\x00");
        expected.extend(b"\x6bInfoMessage\x78\x1eThe Factory process succeeded\n\xff");

        assert_eq!(reply().encode(), expected);
        assert_eq!(expected.len(), 87);
        assert_eq!(Reply::decode(&expected), Ok(reply()));
    }

    #[test]
    fn definite_maps_are_read_as_well() {
        let mut definite = reply().encode();
        definite[0] = 0xa4;
        definite.pop();
        assert_eq!(Reply::decode(&definite), Ok(reply()));
    }

    #[test]
    fn numbers_nobody_knows_come_through() {
        for return_status in [38, 1 << 32, u64::MAX] {
            let reply = Reply { return_status, ..reply() };
            assert_eq!(Reply::decode(&reply.encode()).unwrap().return_status, return_status);
        }
    }

    #[test]
    fn what_is_not_a_reply_is_refused() {
        let good = reply().encode();
        let mut trailing = good.clone();
        trailing.push(0);
        assert_eq!(Reply::decode(&trailing), Err(ReplyFault::Trailing));

        let endless_csrs = b"\xbf\x64Csrs\x9b\xff\xff\xff\xff\xff\xff\xff\xff";
        assert!(matches!(Reply::decode(endless_csrs), Err(ReplyFault::Unreadable(_))));

        let twice = b"\xa2\x63SID\x61a\x63SID\x61b";
        assert_eq!(Reply::decode(twice), Err(ReplyFault::Twice("SID")));
        assert_eq!(Reply::decode(b"\xa1\x64Csrs\x80"), Err(ReplyFault::Missing("SchemeVersion")));
        assert_eq!(Reply::decode(b"\xa1\x63Foo\x00"), Err(ReplyFault::Unknown("Foo".into())));
        for cut in 0..good.len() {
            assert!(Reply::decode(&good[..cut]).is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            sid in proptest::option::of("[ -~]{0,30}"),
            return_status: u64,
            message: String,
            warnings in proptest::collection::vec("[a-z:.]{1,20}", 0..4),
            ders in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..5),
        ) {
            let csrs = ders.into_iter().map(|der| Csr { key_name: "a.K".into(), der }).collect();
            let reply = Reply { csrs, sid, return_status, message, warnings };
            prop_assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Reply::decode(&bytes);
        }
    }
}
