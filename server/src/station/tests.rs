//! The story told with a delivery in memory and stores that fail on purpose.

mod clones;
mod failing;
mod halts;
mod rework;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::*;
use crate::ca::{Draft, test_ca};
use crate::ra::{ExecutionId, Reason, SerialNumber, State};
use crate::store::{Change, EmbeddedStore, Kept, StoreError};

/// A delivery that does as it is told and remembers what was asked of it.
#[derive(Clone)]
struct Told {
    open: Result<(), Failure>,
    outcome: Outcome,
    calls: Arc<Mutex<Vec<&'static str>>>,
    handed: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Told {
    fn to_confirm() -> Self {
        Self {
            open: Ok(()),
            outcome: Outcome::Confirmed { warnings: vec!["w".to_owned()] },
            calls: Arc::default(),
            handed: Arc::default(),
        }
    }

    fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }
}

impl Delivery for Told {
    async fn open(&mut self, _: &Draft, _: &ExecutionId) -> Result<KeySource, Failure> {
        self.calls.lock().unwrap().push("open");
        self.open.clone().map(|()| KeySource::Make)
    }

    async fn hand_over(&mut self, sent: &Sent) -> Outcome {
        self.calls.lock().unwrap().push("hand_over");
        self.handed.lock().unwrap().push(sent.identity().certificate().to_vec());
        self.outcome.clone()
    }

    async fn abandon(&mut self) {
        self.calls.lock().unwrap().push("abandon");
    }
}

/// A store whose n-th write fails.
struct Failing {
    inner: Arc<dyn Store>,
    writes: AtomicUsize,
    fail_from: AtomicUsize,
    /// Whether a failing write is made all the same: an answer that got lost.
    silently_done: bool,
    error: StoreError,
    /// Reads that fail as well, from then on.
    unreadable: AtomicUsize,
    /// What was written into the audit log.
    notes: Notes,
}

type Notes = Arc<Mutex<Vec<Operation>>>;

#[async_trait]
impl Store for Failing {
    fn name(&self) -> crate::store::LedgerName {
        self.inner.name()
    }

    async fn read(&self, unit: &UnitId) -> Result<Option<Kept>, StoreError> {
        let failed = self.writes.load(Ordering::SeqCst) >= self.fail_from.load(Ordering::SeqCst);
        let fails = |left: usize| left.checked_sub(1).filter(|_| failed);
        if self.unreadable.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_ok() {
            return Err(self.error.clone());
        }
        self.inner.read(unit).await
    }

    async fn write(&self, change: Change) -> Result<u64, StoreError> {
        if self.writes.fetch_add(1, Ordering::SeqCst) + 1 == self.fail_from.load(Ordering::SeqCst) {
            if self.silently_done {
                self.inner.write(change).await?;
            }
            return Err(self.error.clone());
        }
        self.inner.write(change).await
    }

    async fn page(&self, query: PageQuery) -> Result<Vec<Record>, StoreError> {
        self.inner.page(query).await
    }

    async fn count(&self, filter: Filter) -> Result<u64, StoreError> {
        self.inner.count(filter).await
    }

    async fn open_units(&self) -> Result<Vec<UnitId>, StoreError> {
        self.inner.open_units().await
    }

    async fn note(&self, operation: Operation) -> Result<(), StoreError> {
        self.notes.lock().unwrap().push(operation.clone());
        self.inner.note(operation).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.inner.probe().await
    }

    async fn claim_name(&self, station: &str) -> Result<(), StoreError> {
        self.inner.claim_name(station).await
    }

    async fn release_name(&self) -> Result<(), StoreError> {
        self.inner.release_name().await
    }

    async fn newest(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.newest().await
    }

    async fn accept_clock(&self, operation: Operation) -> Result<(), StoreError> {
        self.inner.accept_clock(operation).await
    }
}

struct Bench {
    station: Station,
    notes: Notes,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(fail_from: usize, silently_done: bool) -> Self {
        Self::with(fail_from, silently_done, |_| {})
    }

    fn with(fail_from: usize, silently_done: bool, change: impl FnOnce(&mut Parts)) -> Self {
        let notes = Notes::default();
        let folder = tempfile::tempdir().unwrap();
        let inner = EmbeddedStore::open(&folder.path().join("ledger.sqlite")).unwrap();
        let store = Failing {
            inner: Arc::new(inner),
            writes: AtomicUsize::new(0),
            fail_from: AtomicUsize::new(fail_from),
            silently_done,
            error: StoreError::Unavailable("lost".to_owned()),
            unreadable: AtomicUsize::new(0),
            notes: notes.clone(),
        };
        let mut parts = Parts {
            name: "one".to_owned(),
            store: Arc::new(store),
            authority: test_ca::authority(),
            profile: Arc::new(test_ca::profile()),
            supplied: None,
            developer: None,
            accounts: crate::ra::Accounts::Unclaimed,
            account_in_subject: false,
            factories: BTreeMap::new(),
            first_to_claim: true,
            rules: Rules { categories: vec!["production".to_owned()], ..Rules::default() },
            clock: Arc::new(Timestamp::now),
            renew_within: SignedDuration::from_hours(30 * 24),
            time_limit: SignedDuration::from_secs(60),
            disk: None,
        };
        change(&mut parts);
        Self { station: Station::new(parts), notes, _folder: folder }
    }

    fn whole() -> Self {
        Self::new(usize::MAX, false)
    }

    async fn provide(&self, told: &Told) -> Result<Arc<Record>, Error> {
        let ask = crate::store::contract::ask("GW-1", "production");
        self.station.provide(ask, told.clone()).await
    }

    async fn record(&self, serial: &str) -> Option<Arc<Record>> {
        self.station.record(&unit(serial)).await.unwrap()
    }

    async fn states(&self) -> Vec<State> {
        let record = self.record("GW-1").await;
        record.map_or_else(Vec::new, |r| r.executions.iter().map(|e| e.state).collect())
    }

    fn notes(&self) -> Vec<(String, String)> {
        let notes = self.notes.lock().unwrap();
        notes.iter().map(|note| (note.operator.clone(), note.act.clone())).collect()
    }
}

fn unit(serial: &str) -> UnitId {
    UnitId::pep(SerialNumber::parse(serial).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_unit_is_provisioned_once() {
    let bench = Bench::whole();
    let told = Told::to_confirm();
    let record = bench.provide(&told).await.unwrap();
    assert!(record.deployed);
    assert_eq!(record.executions[0].warnings, ["w"]);
    let again = bench.provide(&told).await.unwrap_err();
    assert_eq!(again.code(), "serial-taken");
    assert_eq!(told.calls(), ["open", "hand_over"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_at_once_one_wins() {
    let bench = Bench::whole();
    let told = Told::to_confirm();
    let asks: Vec<_> = (0..20)
        .map(|_| {
            let (station, told) = (bench.station.clone(), told.clone());
            let ask = crate::store::contract::ask("GW-1", "production");
            tokio::spawn(async move { station.provide(ask, told).await })
        })
        .collect();
    let mut won = 0;
    for ask in asks {
        match ask.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert!(["serial-taken", "serial-busy"].contains(&error.code())),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(told.handed.lock().unwrap().len(), 1, "one identity left the station");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_on_the_device_is_sent_and_the_unit_can_be_done_again() {
    let bench = Bench::whole();
    let failure = Failure::new("closed", "restart");
    let told = Told { outcome: Outcome::Unanswered(failure), ..Told::to_confirm() };
    assert_eq!(bench.provide(&told).await.unwrap_err().code(), "device-failed");
    assert_eq!(bench.states().await, [State::Sent]);

    let record = bench.provide(&Told::to_confirm()).await.unwrap();
    assert_eq!(bench.states().await, [State::Sent, State::Confirmed]);
    assert!(record.executions[0].certificate.as_ref().unwrap().superseded);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_on_the_device_is_failed() {
    let bench = Bench::whole();
    let failure =
        Failure { reason: Reason { text: "x".into(), number: Some(17) }, hint: "h".into() };
    let told = Told { open: Err(failure.clone()), ..Told::to_confirm() };
    let error = bench.provide(&told).await.unwrap_err();
    assert!(matches!(error, Error::DeviceFailed { reason, .. } if reason.number == Some(17)));
    let told = Told { outcome: Outcome::NothingLeft(failure), ..Told::to_confirm() };
    assert_eq!(bench.provide(&told).await.unwrap_err().code(), "device-failed");
    assert_eq!(bench.states().await, [State::Failed, State::Failed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_before_it_is_written_down() {
    // Write 1 reserves, write 2 says `sent`.
    for (fail_from, calls) in [(1, &[][..]), (2, &["open", "abandon"])] {
        let bench = Bench::new(fail_from, false);
        let told = Told::to_confirm();
        let error = bench.provide(&told).await.unwrap_err();
        assert_eq!(error.code(), "store-unavailable");
        assert_eq!(told.calls(), calls);
        assert!(told.handed.lock().unwrap().is_empty());
        // The store is back: the unit can be finished.
        assert!(bench.provide(&told).await.unwrap().deployed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_was_lost_is_read_back() {
    for fail_from in [1, 2, 3] {
        let bench = Bench::new(fail_from, true);
        let told = Told::to_confirm();
        assert!(bench.provide(&told).await.unwrap().deployed, "write {fail_from}");
        assert_eq!(bench.states().await, [State::Confirmed]);
        assert_eq!(told.handed.lock().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_write_is_repeated_until_the_store_is_back() {
    let bench = Bench::new(3, false);
    assert!(bench.provide(&Told::to_confirm()).await.unwrap().deployed);
    assert_eq!(bench.states().await, [State::Confirmed]);
}

/// The reservation came true after its caller had been told that the ledger is away. The next
/// caller need not wait for its deadline; one that runs, or is another station's, is left alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_that_came_true_too_late_is_closed_by_the_next_ask() {
    for (mine, code) in [(true, None), (false, Some("serial-busy"))] {
        let bench = Bench::whole();
        let mut record = crate::store::contract::reserved("GW-1", 1);
        record.executions[0].deadline = Timestamp::now() + SignedDuration::from_hours(1);
        if !mine {
            record.executions[0].station = "two".to_owned();
        }
        let late = crate::store::contract::new(record);
        bench.station.parts.store.write(late).await.unwrap();
        let told = bench.provide(&Told::to_confirm()).await;
        assert_eq!(told.as_ref().err().map(Error::code), code);
        if let Ok(record) = told {
            assert_eq!(bench.states().await, [State::Failed, State::Confirmed]);
            let reason = record.executions[0].reason.as_ref().unwrap();
            assert_eq!(reason.text, "the ledger was away before anything was signed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_station_takes_nothing_new() {
    let bench = Bench::whole();
    bench.station.shut_down().await;
    assert_eq!(bench.provide(&Told::to_confirm()).await.unwrap_err().code(), "stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_certificate_is_what_the_ledger_and_the_device_hold() {
    let bench = Bench::whole();
    let told = Told::to_confirm();
    let record = bench.provide(&told).await.unwrap();
    let handed = told.handed.lock().unwrap()[0].clone();
    let kept = &record.executions[0].certificate.as_ref().unwrap();
    assert_eq!(openssl::base64::decode_block(&kept.der).unwrap(), handed);
    assert_eq!(record.enrollment_id, Some(crate::ra::EnrollmentIdentity::of(&handed)));
}
