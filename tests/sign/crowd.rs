//! Many at once with one UUID.

use super::*;

on_both!(of_eight_with_one_uuid_one_is_registered);

fn of_eight_with_one_uuid_one_is_registered(on: &On) {
    let kit = on.kit();
    let bodies: Vec<_> = (0..8).map(|_| honest(UUID, &key())).collect();
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let asks: Vec<_> =
            bodies.iter().map(|body| scope.spawn(|| register(&kit, body).status)).collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 409).count(), 7, "{answers:?}");
}
