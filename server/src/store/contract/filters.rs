//! What a filter finds: serial numbers by their beginning, no selftests, no denied units, and never
//! a unit that never was.

use std::sync::Arc;

use super::{Fresh, admitted_saying, at, execution, new, provisioned, reserved, unit};
use crate::ra::{Denial, Ending, Reason, Record, RecordId, SELFTEST, Standing};
use crate::store::{Change, Filter, Order, PageQuery};

async fn found(store: &Fresh, filter: Filter) -> Vec<String> {
    let query =
        PageQuery { filter: filter.clone(), after: None, order: Order::Ascending, limit: 50 };
    let page = store.page(query).await.unwrap();
    assert_eq!(store.count(filter).await, Ok(page.len() as u64));
    page.iter().map(|record| record.unit.serial_number.to_string()).collect()
}

fn denial() -> Denial {
    Denial::new(at(9), "anna", "stolen").unwrap()
}

/// By the beginning of the serial number, whatever signs it is made of; and without selftests and
/// denied units.
pub(crate) async fn units_are_found_by_what_they_are(store: Fresh) {
    let serials = ["A-1", "A-10", "A-2", "a-1", "A%", "A_1", "Ä-1", "A.1", "\u{1f600}"];
    for (n, serial) in (0..).zip(serials) {
        store.write(new(provisioned(serial, n, 1))).await.unwrap();
    }
    let begins = |prefix: &str| Filter { prefix: Some(prefix.to_owned()), ..Filter::default() };
    for (prefix, expected) in [
        ("A-1", &["A-1", "A-10"][..]),
        ("A", &["A-1", "A-10", "A-2", "A%", "A_1", "A.1"]),
        ("A%", &["A%"]),
        ("A.", &["A.1"]),
        ("a", &["a-1"]),
        ("Ä", &["Ä-1"]),
        ("\u{1f600}", &["\u{1f600}"]),
        ("$", &[]),
        ("", &serials),
    ] {
        assert_eq!(found(&store, begins(prefix)).await, expected, "{prefix}");
    }

    let admitted = admitted_saying("test", "development", &[(SELFTEST, "pep 3")]);
    let mut selftest = Record::new(RecordId::new(at(0), 70_u64.to_be_bytes()), &admitted, true);
    selftest.reserve(&admitted, true, execution(70)).unwrap();
    store.write(new(selftest)).await.unwrap();
    let mut denied = provisioned("denied", 71, 1);
    denied.deny(denial());
    store.write(new(denied)).await.unwrap();
    let all = Filter { prefix: None, ..Filter::default() };
    assert_eq!(found(&store, all.clone()).await.len(), serials.len() + 2);
    let no_selftests = found(&store, Filter { no_selftests: true, ..all.clone() }).await;
    assert!(no_selftests.contains(&"denied".to_owned()));
    assert!(!no_selftests.contains(&"test".to_owned()));
    let not_denied = found(&store, Filter { not_denied: true, ..all.clone() }).await;
    assert!(not_denied.contains(&"test".to_owned()));
    assert!(!not_denied.contains(&"denied".to_owned()));
    let neither = Filter { no_selftests: true, not_denied: true, ..all };
    assert_eq!(found(&store, neither).await, serials);
}

/// A unit that was denied before anybody asked for it, and let in again, is in no page and no
/// count, and can be asked for.
pub(crate) async fn blanks_are_nowhere(store: Fresh) {
    let mut record = Record::unheard_of(RecordId::new(at(0), [7; 8]), unit("GW-1"));
    record.deny(denial());
    store.write(new(record.clone())).await.unwrap();
    store.write(new(reserved("GW-2", 2))).await.unwrap();
    assert_eq!(found(&store, Filter::default()).await.len(), 2);
    assert!(record.lift_denial());
    let lifted = Change { record: Arc::new(record.clone()), seen: Some(1), claims: vec![] };
    store.write(lifted).await.unwrap();

    let standing = |standing| Filter { standing: Some(standing), ..Filter::default() };
    for filter in [Filter::default(), standing(Standing::Reserved)] {
        assert_eq!(found(&store, filter).await, ["GW-2"]);
    }
    assert!(found(&store, standing(Standing::Denied)).await.is_empty());

    let admitted = admitted_saying("GW-1", "production", &[]);
    record.reserve(&admitted, true, execution(1)).unwrap();
    let asked = Change { record: Arc::new(record.clone()), seen: Some(2), claims: vec![] };
    store.write(asked).await.unwrap();
    assert_eq!(found(&store, Filter::default()).await.len(), 2);
    let id = record.executions[0].id.clone();
    record.conclude(&id, Ending::Failed(Reason::text("x")), at(1)).unwrap();
    let failed = Change { record: Arc::new(record), seen: Some(3), claims: vec![] };
    store.write(failed).await.unwrap();
    assert_eq!(found(&store, standing(Standing::Failed)).await, ["GW-1"]);
}
