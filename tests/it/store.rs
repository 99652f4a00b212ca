//! What every room store must do. A second store only has to be named at the end of this file.

mod appending;
mod concurrent;
mod differential;
mod feed;
mod forgetting;
mod opening;
mod reading;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use usher::engine::store::RoomStore;
use usher::store::MemoryRoomStore;

/// Makes a store that keeps this many commits per room.
type Make = fn(usize) -> BoxFuture<'static, Arc<dyn RoomStore>>;

/// Commits that a store keeps where a test does not want it to forget any.
const LONG: usize = 4096;

/// Turns claims about any store into tests of the one that `$make` makes.
macro_rules! conformance {
    ($store:ident, $make:expr) => {
        mod $store {
            use super::*;

            conformance!(@claims $make;
                opening: the_first_writer_wins, who_comes_later_finds_the_room_as_the_log_left_it,
                    rooms_do_not_know_of_each_other, a_room_that_nobody_opened_is_unknown;
                appending: a_commit_at_the_head_is_accepted,
                    a_commit_behind_the_head_learns_exactly_what_it_missed,
                    a_commit_with_a_wrong_parent_changes_nothing,
                    a_commit_ahead_of_the_head_changes_nothing,
                    a_commit_of_another_epoch_changes_nothing,
                    where_the_log_is_trimmed_a_conflict_carries_the_room,
                    a_fork_is_noticed_even_where_the_log_begins,
                    a_repeated_commit_takes_effect_once,
                    a_repeated_commit_that_left_the_log_takes_no_effect;
                reading: since_each_revision_there_is_exactly_the_rest,
                    since_before_the_kept_log_there_is_the_room,
                    who_has_another_history_is_given_the_room;
                feed: commits_of_others_come_in_order_and_ones_own_do_not,
                    every_node_hears_of_every_other, a_feed_opened_anew_ends_the_old_one,
                    a_feed_that_nobody_reads_is_bounded_and_since_fills_the_hole;
                forgetting: a_room_with_people_in_it_is_kept,
                    a_room_that_has_moved_on_is_kept, a_forgotten_room_leaves_nothing_behind,
                    a_room_is_kept_for_the_node_that_still_has_it_open;
                concurrent: concurrent_writers_leave_one_log_without_a_hole,
                    a_storm_on_a_short_log_loses_nobody;
            );

            #[test]
            fn random_commands_are_kept_as_a_plain_fold_makes_them() {
                differential::random_commands_are_kept_as_a_plain_fold_makes_them($make);
            }
        }
    };
    (@claims $make:expr; $($subject:ident: $($claim:ident),+;)+) => {
        $($(
            #[tokio::test]
            async fn $claim() {
                $subject::$claim($make).await;
            }
        )+)+
    };
}

conformance!(memory, |kept| Box::pin(async move {
    let store: Arc<dyn RoomStore> = Arc::new(MemoryRoomStore::new(kept));
    store
}));

conformance!(redis, |kept| Box::pin(async move {
    let store: Arc<dyn RoomStore> = crate::support::redis::redis_store(kept);
    store
}));
