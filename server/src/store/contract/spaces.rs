//! Units of several protocols in one store.

use std::sync::Arc;

use super::{Fresh, claiming, new, provisioned, registered, reserved, sign_unit, unit};
use crate::ra::{Denial, Record, Space, Standing};
use crate::store::{Change, Filter, Order, PageQuery, StoreError};

/// The same number in two spaces is two units: each is written, claimed and listed on its own, and
/// denied on its own.
pub(crate) async fn spaces_are_apart(store: Fresh) {
    for n in 0..7 {
        let serial = format!("same-{n}");
        store.write(new(provisioned(&serial, n, n as i64))).await.unwrap();
        store.write(new(registered(&serial, 100 + n, n as i64))).await.unwrap();
    }
    store.write(new(reserved("GW-open", 50))).await.unwrap();
    let again = store.write(new(registered("same-3", 200, 1))).await;
    assert_eq!(again, Err(StoreError::Stale), "one document a unit");
    let kept = store.read(&sign_unit("same-3")).await.unwrap().unwrap();
    assert_eq!(*kept.record, registered("same-3", 103, 3));
    assert_eq!(store.open_units().await, Ok(vec![unit("GW-open")]));

    let in_space = |space| Filter { space, ..Filter::default() };
    for (space, count, provisioned) in [(Space::Pep, 8, 7), (Space::Sign, 7, 7)] {
        assert_eq!(store.count(in_space(space)).await, Ok(count));
        let filter = Filter { provisioned: true, ..in_space(space) };
        assert_eq!(store.count(filter.clone()).await, Ok(provisioned));
        for order in [Order::Ascending, Order::Descending] {
            let (mut after, mut seen) = (None, Vec::new());
            loop {
                let query = PageQuery { filter: filter.clone(), after, order, limit: 3 };
                let page = store.page(query).await.unwrap();
                let Some(last) = page.last() else { break };
                assert!(page.iter().all(|record| record.space() == space));
                after = Some(last.id.clone());
                seen.extend(page.iter().map(|record| record.unit.serial_number.to_string()));
            }
            let mut expected: Vec<_> = (0..7).map(|n| format!("same-{n}")).collect();
            if order == Order::Descending {
                expected.reverse();
            }
            assert_eq!(seen, expected);
        }
    }
    let done = Filter { standing: Some(Standing::Confirmed), ..in_space(Space::Sign) };
    assert_eq!(store.count(done).await, Ok(7));

    // A denial is a record of its own where the unit was never heard of, and comes and goes.
    let mut denied = registered("same-3", 103, 3);
    denied.deny(Denial::new(super::at(9), "anna", "stolen").unwrap());
    let change = |record: &Record, seen| Change {
        record: Arc::new(record.clone()),
        seen: Some(seen),
        claims: vec![],
    };
    assert_eq!(store.write(change(&denied, 1)).await, Ok(2));
    assert_eq!(*store.read(&sign_unit("same-3")).await.unwrap().unwrap().record, denied);
    let list = async |space| {
        let filter = Filter { denied: true, ..in_space(space) };
        let query = PageQuery { filter, after: None, order: Order::Ascending, limit: 9 };
        let page = store.page(query).await.unwrap();
        page.iter().map(|record| record.unit.serial_number.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(Space::Sign).await, ["same-3"]);
    assert!(list(Space::Pep).await.is_empty());
    assert!(denied.lift_denial());
    assert_eq!(store.write(change(&denied, 2)).await, Ok(3));
    assert!(list(Space::Sign).await.is_empty());

    // Claims know no spaces: a key is one unit's.
    store.write(claiming(registered("s-1", 300, 1), None, &["key:s"])).await.unwrap();
    let taken = store.write(claiming(reserved("GW-s", 301), None, &["key:s"])).await;
    assert_eq!(taken, Err(StoreError::ClaimTaken { name: "key:s".into(), by: sign_unit("s-1") }));
}
