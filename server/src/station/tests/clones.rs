//! Two units whose devices have one key.

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::X509ReqBuilder;

use super::*;
use crate::ca::Csr;

/// A device made from a copied image: always the same key.
#[derive(Clone)]
struct Copied {
    csr: Csr,
    calls: Arc<Mutex<Vec<&'static str>>>,
}

impl Copied {
    fn image() -> Self {
        let key = test_ca::ec(Nid::X9_62_PRIME256V1);
        let mut builder = X509ReqBuilder::new().unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        let csr = Csr::read(&builder.build().to_der().unwrap()).unwrap();
        Self { csr, calls: Arc::default() }
    }
}

impl Delivery for Copied {
    async fn open(&mut self, _: &Draft, _: &ExecutionId) -> Result<KeySource, Failure> {
        Ok(KeySource::Csr(self.csr.clone()))
    }

    async fn hand_over(&mut self, _: &Sent) -> Outcome {
        self.calls.lock().unwrap().push("hand_over");
        Outcome::Confirmed { warnings: Vec::new() }
    }

    async fn abandon(&mut self) {
        self.calls.lock().unwrap().push("abandon");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_refused_and_both_units_are_named() {
    let bench = Bench::whole();
    let image = Copied::image();
    let provide = |serial| {
        let ask = crate::store::contract::ask(serial, "production");
        bench.station.provide(ask, image.clone())
    };
    provide("GW-1").await.unwrap();
    let error = provide("GW-2").await.unwrap_err();
    assert_eq!(error, Error::KeyTaken { unit: unit("GW-2"), by: unit("GW-1") });
    let said = "the device of unit `GW-2` has the key of unit `GW-1`; one of the two is a copy";
    assert_eq!(error.to_string(), said);
    assert_eq!(*image.calls.lock().unwrap(), ["hand_over", "abandon"], "nothing left for GW-2");

    let refused = bench.record("GW-2").await.unwrap();
    assert!(!refused.deployed);
    let execution = &refused.executions[0];
    assert_eq!(execution.state, State::Failed);
    assert_eq!(execution.reason, Some(Reason::text(said)));
    assert!(execution.certificate.is_none());
    let noted = format!("refused a copy: {said} (execution {})", execution.id);
    assert_eq!(bench.notes(), [("station".to_owned(), noted)]);

    // Again is again an alarm; the first unit is not touched.
    assert_eq!(provide("GW-2").await.unwrap_err().code(), "key-taken");
    assert_eq!(bench.notes().len(), 2);
    let first = bench.record("GW-1").await.unwrap();
    assert!(first.deployed && first.executions.len() == 1);
}

/// Rework of a unit whose device keeps its key is no copy.
#[tokio::test(flavor = "multi_thread")]
async fn a_released_unit_may_come_back_with_its_own_key() {
    let bench = Bench::whole();
    let image = Copied::image();
    let provide = || {
        let ask = crate::store::contract::ask("GW-1", "production");
        bench.station.provide(ask, image.clone())
    };
    let before = provide().await.unwrap();
    let reason = crate::ra::ReleaseReason::parse("rework").unwrap();
    bench.station.release(unit("GW-1"), "anna".into(), reason, "r".into()).await.unwrap();
    let after = provide().await.unwrap();
    assert_ne!(before.enrollment_id, after.enrollment_id, "a certificate of its own");
    let old = after.executions[0].certificate.as_ref().unwrap();
    assert!(old.superseded && old.revoke.is_some());
    assert_eq!(
        old.public_key_hash,
        after.executions[1].certificate.as_ref().unwrap().public_key_hash
    );
}
