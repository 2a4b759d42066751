//! Certificates against bare signatures of the same OpenSSL.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use pep_server::ca::{
    Authority, AuthorityFiles, DeviceKey, Draft, Form, Profile, SubjectFields, Validity,
};

/// Rounds, raw and certificates in turn.
pub const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(800);

/// Medians of all rounds, a second.
pub struct Signing {
    /// `ECDSA_do_sign` and its DER.
    pub raw: f64,
    /// Draft, sign, DER.
    pub certificates: f64,
    /// Median of the rounds' own ratios.
    pub ratio: f64,
}

pub fn measure() -> anyhow::Result<Signing> {
    let folder = tempfile::tempdir()?;
    pep_server::init::init(folder.path(), None, None, Timestamp::now())?;
    let profile = Profile {
        name: "bench".to_owned(),
        subject: SubjectFields {
            organization: Some("EXAMPLE".to_owned()),
            ..SubjectFields::default()
        },
        validity: Validity::Default,
        form: Form::Gateway,
    };
    let files = AuthorityFiles {
        certificate: folder.path().join("keystore/CA_cert.pem"),
        key: folder.path().join("keystore/CA_private.pem"),
        chain_depth: None,
    };
    let opened = Authority::open(&files, &profile, Timestamp::now());
    let (authority, _) = opened.map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let authority = Arc::new(authority);
    let profile = Arc::new(profile);
    let device = DeviceKey::generate()?;
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = EcKey::generate(&group)?;
    let digest = [7; 32];

    let (mut raws, mut certificates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let raw = rate(|| Ok(EcdsaSig::sign(&digest, &key)?.to_der().map(drop)?))?;
        let signed = rate(|| {
            let draft =
                Draft::new(authority.clone(), profile.clone(), "GW-0001", Timestamp::now())?;
            draft.sign(device.public())?;
            Ok(())
        })?;
        raws.push(raw);
        certificates.push(signed);
        ratios.push(signed / raw);
    }
    let (raw, certificates) = (median(raws), median(certificates));
    Ok(Signing { raw, certificates, ratio: median(ratios) })
}

fn rate(mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut done = 0u32;
    while begun.elapsed() < ROUND {
        for _ in 0..50 {
            work()?;
        }
        done += 50;
    }
    Ok(f64::from(done) / begun.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
