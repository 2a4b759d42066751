//! How a bundle is written: definite lengths, integers 0 and 1 for flags, `Name` first
//! (injection 5, 10.5).

use super::{Bundle, Certificate, Chain, CsrRequest, Key, KeyKind, Param, SCHEME, Value};
use minicbor::Encoder;
use std::convert::Infallible;
use zeroize::Zeroizing;

type Out<'a> = Encoder<&'a mut Vec<u8>>;
type Written = Result<(), minicbor::encode::Error<Infallible>>;

impl Bundle {
    /// The payload of this bundle's frame.
    ///
    /// Groups that hold nothing are left out; `Verify` is always written, since its absence means
    /// 1. `SM` is never written: it is refused by clients before 4.0 (injection 16).
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        // Large enough from the start: a buffer that grows leaves unwiped copies of keys behind.
        let mut payload = Zeroizing::new(Vec::with_capacity(self.size_hint()));
        // Writing to a Vec cannot fail.
        let _: Written = self.write(&mut Encoder::new(&mut payload));
        payload
    }

    /// At least the size of the payload, in bytes.
    fn size_hint(&self) -> usize {
        let one = |content: usize| content + 512;
        let keys = self.keys.iter().map(|key| one(key.der.len()));
        let certificates = self.certificates.iter().map(|c| one(c.der.len()));
        let chains = self.chains.iter().flat_map(|c| c.certificates.iter().map(|d| one(d.len())));
        let params = self.params.iter().map(|param| {
            one(match &param.value {
                Value::Text(text) => text.len(),
                Value::Bytes(bytes) => bytes.len(),
                Value::Integer(_) => 9,
            })
        });
        let csrs = self.csr_requests.iter().map(|csr| one(csr.subject.len()));
        let names: usize = [
            self.keys.iter().map(|i| i.name.len()).sum::<usize>(),
            self.certificates.iter().map(|i| i.name.len()).sum(),
            self.chains.iter().map(|i| i.name.len()).sum(),
            self.params.iter().map(|i| i.name.len()).sum(),
        ]
        .iter()
        .sum();
        let head = one(self.sid.as_ref().map_or(0, String::len));
        keys.chain(certificates).chain(chains).chain(params).chain(csrs).sum::<usize>()
            + names
            + head
    }

    fn write(&self, out: &mut Out) -> Written {
        let groups = [
            self.sid.is_some(),
            self.entropy.is_some(),
            self.rot.is_some(),
            !self.keys.is_empty(),
            !self.certificates.is_empty(),
            !self.chains.is_empty(),
            !self.params.is_empty(),
            !self.csr_requests.is_empty(),
            self.disable,
        ];
        let optional: u64 = groups.iter().map(|&present| u64::from(present)).sum();
        // SchemeVersion, KpAlvSess and Verify are always there.
        out.map(3 + optional)?;
        out.str("SchemeVersion")?.str(SCHEME)?;
        if let Some(sid) = &self.sid {
            out.str("SID")?.str(sid)?;
        }
        out.str("KpAlvSess")?.u8(u8::from(self.keep_alive))?;
        if let Some(entropy) = &self.entropy {
            out.str("Entropy")?.bytes(entropy.as_slice())?;
        }
        if let Some(rot) = &self.rot {
            out.str("ROT")?.bytes(rot.as_slice())?;
        }
        group(out, "Keys", &self.keys, key)?;
        group(out, "Certificates", &self.certificates, certificate)?;
        group(out, "CertificateChains", &self.chains, chain)?;
        group(out, "ConfigParams", &self.params, param)?;
        out.str("Verify")?.u8(u8::from(self.verify))?;
        if self.disable {
            out.str("Disable")?.u8(1)?;
        }
        group(out, "CsrReqs", &self.csr_requests, csr_request)
    }
}

fn group<T>(out: &mut Out, name: &str, items: &[T], item: fn(&mut Out, &T) -> Written) -> Written {
    if items.is_empty() {
        return Ok(());
    }
    out.str(name)?.array(count(items))?;
    items.iter().try_for_each(|one| item(out, one))
}

fn count<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

fn key(out: &mut Out, key: &Key) -> Written {
    let kind = match key.kind {
        KeyKind::Private => "ECCPrivate",
        KeyKind::Public => "ECCPublic",
    };
    out.map(4)?.str("Name")?.str(&key.name)?.str("Type")?.str(kind)?;
    out.str("Format")?.str("der")?.str("Data")?.bytes(&key.der)?;
    Ok(())
}

/// The part a certificate and a chain share.
fn head(out: &mut Out, name: &str, key_name: Option<&str>) -> Written {
    out.map(if key_name.is_some() { 4 } else { 3 })?.str("Name")?.str(name)?;
    if let Some(key_name) = key_name {
        out.str("PrKN")?.str(key_name)?;
    }
    out.str("Format")?.str("der")?;
    Ok(())
}

fn certificate(out: &mut Out, certificate: &Certificate) -> Written {
    head(out, &certificate.name, certificate.key_name.as_deref())?;
    out.str("Data")?.bytes(&certificate.der)?;
    Ok(())
}

fn chain(out: &mut Out, chain: &Chain) -> Written {
    head(out, &chain.name, chain.key_name.as_deref())?;
    out.str("DataArray")?.array(count(&chain.certificates))?;
    for der in &chain.certificates {
        out.bytes(der)?;
    }
    Ok(())
}

fn param(out: &mut Out, param: &Param) -> Written {
    out.map(2)?.str("Name")?.str(&param.name)?.str("Data")?;
    match &param.value {
        Value::Text(text) => out.str(text)?,
        Value::Bytes(bytes) => out.bytes(bytes)?,
        Value::Integer(number) => out.int(*number)?,
    };
    Ok(())
}

fn csr_request(out: &mut Out, request: &CsrRequest) -> Written {
    let extensions = [("KU", request.key_usage), ("EKU", request.extended_key_usage)];
    let extensions: Vec<_> =
        extensions.into_iter().filter_map(|(name, bits)| Some((name, bits?))).collect();
    out.map(if extensions.is_empty() { 3 } else { 4 })?;
    out.str("PrKN")?.str(&request.key_name)?.str("Subj")?.str(&request.subject)?;
    // 1 is SHA-256, the only digest there is.
    out.str("MD")?.u8(1)?;
    if !extensions.is_empty() {
        out.str("Ext")?.map(count(&extensions))?;
        for (name, bits) in extensions {
            out.str(name)?.u32(bits)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// injection 3.4, case 00a.
    #[test]
    fn the_smallest_bundle_is_the_recorded_one() {
        let bundle = Bundle { sid: Some("s1".into()), keep_alive: true, ..Bundle::default() };
        let expected = concat!(
            "6d62656470726f76",
            "2f000000",
            "a46d536368656d6556657273696f6e65302e302e316353494462733169",
            "4b70416c76536573730166566572696679",
            "00",
            "35da6bb1d780945945",
        );
        let frame = hex(&frame::request(&bundle.encode()));

        assert_eq!(frame.len(), 2 * 91);
        assert!(frame.starts_with(expected), "{frame}");
    }

    #[test]
    fn the_buffer_never_grows_while_it_is_written() {
        let bundle = Bundle {
            sid: Some("s".repeat(600)),
            keys: vec![Key {
                name: "k".repeat(700),
                kind: KeyKind::Public,
                der: Zeroizing::new(vec![0; 3000]),
            }],
            params: vec![Param::new("p", "x".repeat(70_000)), Param::new("q", -1i64)],
            ..Bundle::default()
        };
        assert!(bundle.encode().len() <= bundle.size_hint());
    }

    #[test]
    fn everything_at_once_has_twelve_groups() {
        let bundle = Bundle {
            sid: Some("s".into()),
            keep_alive: true,
            entropy: Some(Zeroizing::new([1; 48])),
            rot: Some(Zeroizing::new([2; 16])),
            keys: vec![Key {
                name: "k".into(),
                kind: KeyKind::Private,
                der: Zeroizing::new(vec![3]),
            }],
            certificates: vec![Certificate {
                name: "c".into(),
                key_name: Some("k".into()),
                der: vec![4],
            }],
            chains: vec![Chain { name: "d".into(), key_name: None, certificates: vec![vec![5]] }],
            params: vec![Param::new("p", u64::MAX)],
            csr_requests: vec![CsrRequest {
                key_name: "n".into(),
                subject: "CN=a".into(),
                key_usage: Some(9),
                extended_key_usage: None,
            }],
            verify: true,
            disable: true,
        };
        let payload = bundle.encode();
        let mut decoder = minicbor::Decoder::new(&payload);

        assert_eq!(decoder.map().unwrap(), Some(12));
        let mut keys = Vec::new();
        for _ in 0..12 {
            keys.push(decoder.str().unwrap());
            decoder.skip().unwrap();
        }
        assert_eq!(decoder.position(), payload.len());
        assert_eq!(
            keys,
            [
                "SchemeVersion",
                "SID",
                "KpAlvSess",
                "Entropy",
                "ROT",
                "Keys",
                "Certificates",
                "CertificateChains",
                "ConfigParams",
                "Verify",
                "Disable",
                "CsrReqs"
            ]
        );
    }
}
