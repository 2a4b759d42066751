//! The contract over the wire, and what only a database can do wrong.
//!
//! Each server is asked only for what it can honestly show. mongo-java-server's unique indexes and
//! conditional updates are atomic: races are run there. FerretDB reads before it writes without a
//! guard, so it sees no race; it is a separate process with files of its own, so it shows restarts
//! and persistence. Sessions, retried writes, write and read concerns and elections are shown by
//! neither, only by a real server (`PEP_TEST_MONGODB_URI`).

mod server;

use std::sync::Arc;

use crate::store::contract;
use server::Place;

macro_rules! keeps {
    ($server:ident: $($promise:ident),* $(,)?) => {
        mod $server {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $promise() {
                    let Some(place) = Place::$server() else { return };
                    contract::$promise(Arc::new(place.open())).await;
                    place.leave().await;
                }
            )*
        }
    };
}

keeps!(
    mongo_java_server: what_is_written_is_read,
    one_of_many_claimers_wins,
    one_of_many_writers_wins_each_round,
    a_claim_is_held_by_one_unit,
    one_of_many_units_gets_a_claim,
    a_claim_that_was_never_taken_is_free,
    pages_are_stable,
    pages_are_stable_under_inserts,
    open_units_are_found,
    acts_and_probes_are_written,
);

keeps!(
    ferretdb: what_is_written_is_read,
    a_claim_is_held_by_one_unit,
    a_claim_that_was_never_taken_is_free,
    pages_are_stable,
    pages_are_stable_under_inserts,
    open_units_are_found,
    acts_and_probes_are_written,
);

keeps!(
    real: what_is_written_is_read,
    one_of_many_claimers_wins,
    one_of_many_writers_wins_each_round,
    a_claim_is_held_by_one_unit,
    one_of_many_units_gets_a_claim,
    a_claim_that_was_never_taken_is_free,
    pages_are_stable,
    pages_are_stable_under_inserts,
    open_units_are_found,
    acts_and_probes_are_written,
);
