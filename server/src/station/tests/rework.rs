//! Releases, made true once whoever asks at the same time and whatever the store answers.

use super::*;
use crate::ra::{ReleaseReason, Standing};

impl Bench {
    async fn release(&self, serial: &str, operator: &str) -> Result<Arc<Record>, Error> {
        let reason = ReleaseReason::parse("came back from the field").unwrap();
        self.station.release(unit(serial), operator.to_owned(), reason, "r-1".to_owned()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_unit_is_done_again() {
    let bench = Bench::whole();
    let before = bench.provide(&Told::to_confirm()).await.unwrap();
    assert_eq!(bench.provide(&Told::to_confirm()).await.unwrap_err().code(), "serial-taken");

    let released = bench.release("GW-1", "anna").await.unwrap();
    assert_eq!(released, bench.record("GW-1").await.unwrap(), "what is answered is what is kept");
    assert_eq!(released.standing(), Standing::Released);
    let book = [("anna".to_owned(), "release `GW-1`: came back from the field".to_owned())];
    assert_eq!(bench.notes(), book);

    let after = bench.provide(&Told::to_confirm()).await.unwrap();
    assert_ne!(before.enrollment_id, after.enrollment_id);
    assert_eq!(bench.states().await, [State::Confirmed, State::Confirmed]);
    assert_eq!(after.releases[0].enrollment_id, before.enrollment_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_operators_one_releases() {
    let bench = Bench::whole();
    bench.provide(&Told::to_confirm()).await.unwrap();
    let asks = (0..16).map(|n| {
        let (station, operator) = (bench.station.clone(), format!("operator-{n}"));
        let reason = ReleaseReason::parse("rework").unwrap();
        tokio::spawn(
            async move { station.release(unit("GW-1"), operator, reason, "r".into()).await },
        )
    });
    let mut released = 0;
    for ask in asks.collect::<Vec<_>>() {
        match ask.await.unwrap() {
            Ok(_) => released += 1,
            Err(error) => assert_eq!(error.code(), "not-provisioned"),
        }
    }
    assert_eq!(released, 1);
    assert_eq!(bench.record("GW-1").await.unwrap().releases.len(), 1);
    assert_eq!(bench.notes().len(), 1, "a refused release is not in the book");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_nothing_to_release() {
    let bench = Bench::whole();
    assert_eq!(bench.release("GW-1", "anna").await.unwrap_err().code(), "not-found");
    let failure = Failure::new("closed", "restart");
    let told = Told { outcome: Outcome::Unanswered(failure), ..Told::to_confirm() };
    bench.provide(&told).await.unwrap_err();
    let error = bench.release("GW-1", "anna").await.unwrap_err();
    assert_eq!(error.code(), "not-provisioned");
    assert!(error.to_string().contains("free to be done again"), "{error}");
    assert!(bench.notes().is_empty());
    bench.station.shut_down().await;
    assert_eq!(bench.release("GW-1", "anna").await.unwrap_err().code(), "stopped");
}

/// Writes 1 to 3 provision the unit, write 4 is the release.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_cannot_be_written_has_not_happened() {
    let bench = Bench::new(4, false);
    bench.provide(&Told::to_confirm()).await.unwrap();
    assert_eq!(bench.release("GW-1", "anna").await.unwrap_err().code(), "store-unavailable");
    assert!(bench.record("GW-1").await.unwrap().deployed);
    assert!(bench.notes().is_empty());
    assert!(!bench.release("GW-1", "anna").await.unwrap().deployed);

    // The same, but the write was made and only its answer got lost.
    let bench = Bench::new(4, true);
    bench.provide(&Told::to_confirm()).await.unwrap();
    assert!(!bench.release("GW-1", "anna").await.unwrap().deployed);
    assert_eq!(bench.record("GW-1").await.unwrap().releases.len(), 1);
}
