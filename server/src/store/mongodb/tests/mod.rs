//! The contract over the wire, and what only a database can do wrong.
//!
//! Each server is asked only for what it can honestly show. mongo-java-server's unique indexes and
//! conditional updates are atomic: races are run there. FerretDB reads before it writes without a
//! guard, so it sees no race; it is a separate process with files of its own, so it shows restarts
//! and persistence. Sessions, retried writes, write and read concerns and elections are shown by
//! neither, only by a real server (`PEP_TEST_MONGODB_URI`).

mod adoption;
mod claiming;
mod failing;
mod journalled;
mod naming;
mod relay;
mod secured;
pub(in crate::store) mod server;

use std::sync::Arc;

use crate::store::contract;
use server::Place;

/// The contract's promises, and this store's own tests, on one server.
macro_rules! shows {
    ($server:ident: $($promise:ident),*; $($room:ident::$test:ident),* $(,)?) => {
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
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    let Some(place) = Place::$server() else { return };
                    $room::$test(place).await;
                }
            )*
        }
    };
}

/// Everything, for a server whose conditional writes are.
macro_rules! shows_everything {
    ($server:ident: $($promise:ident),* $(,)?) => {
        shows!(
            $server: $($promise),*;
            adoption::old_units_are_listed_answered_and_protected,
            adoption::a_blocked_unit_is_provisioned,
            adoption::odd_documents_break_no_page,
            adoption::newer_documents_are_left_alone,
            adoption::doubts_of_before_are_found,
            claiming::a_claim_whose_station_died_is_freed_by_recovery,
            claiming::a_shown_claim_stays_whatever_later_attempts_do,
            claiming::a_lost_race_leaves_no_claim,
            claiming::one_of_many_takes_a_lost_claim_over,
            naming::a_name_is_held_by_one_station_that_runs,
            naming::the_name_of_a_station_that_died_is_free,
            naming::one_of_many_gets_a_dead_stations_name,
            naming::a_station_whose_name_was_taken_writes_nothing,
            failing::indexes_are_made_and_checked,
            failing::a_wire_that_goes_dead,
            failing::a_write_whose_answer_is_lost,
            journalled::an_old_dump_is_brought_up_to_date,
            journalled::what_was_on_its_way_comes_back,
            journalled::a_write_that_lost_stays_out,
            journalled::a_restored_database_waits_for_all_journals,
            journalled::a_database_that_goes_back_under_a_station,
            journalled::without_its_journal_nothing_is_written,
        );
    };
}

contract::every_promise!(shows_everything mongo_java_server:);
contract::every_promise!(shows_everything real:);
shows!(
    ferretdb:
    what_is_written_is_read,
    a_claim_is_held_by_one_unit,
    a_claim_that_was_never_taken_is_free,
    pages_are_stable,
    pages_are_stable_under_inserts,
    open_units_are_found,
    units_are_found_by_where_they_stand,
    spaces_are_apart,
    the_newest_moment_is_kept,
    acts_and_probes_are_written;
    adoption::old_units_are_listed_answered_and_protected,
    adoption::a_blocked_unit_is_provisioned,
    adoption::odd_documents_break_no_page,
    adoption::newer_documents_are_left_alone,
    claiming::a_claim_whose_station_died_is_freed_by_recovery,
    claiming::a_shown_claim_stays_whatever_later_attempts_do,
    claiming::a_lost_race_leaves_no_claim,
    naming::a_name_is_held_by_one_station_that_runs,
    naming::the_name_of_a_station_that_died_is_free,
    failing::indexes_are_made_and_checked,
    failing::a_wire_that_goes_dead,
    failing::a_write_whose_answer_is_lost,
    journalled::an_old_dump_is_brought_up_to_date,
    journalled::what_was_on_its_way_comes_back,
    journalled::a_write_that_lost_stays_out,
    journalled::a_restored_database_waits_for_all_journals,
    journalled::a_database_that_goes_back_under_a_station,
    journalled::without_its_journal_nothing_is_written,
);
