//! A database that takes no writes, is full of them, or is closed.

use std::sync::Arc;
use std::time::Duration;

use usher::clock::ManualClock;
use usher::domain::role::Role;
use usher::domain::time::Timestamp;
use usher::engine::directory::{Directory, DirectoryError, MeetingChange};

use super::fixture::{
    Fixture, Raw, audit, granted, is_unavailable, meeting, noted, open_at, options, room, until,
};
use super::on_both;

on_both!(
    failed_write_is_told_and_probed_until_it_works,
    full_queue_is_busy,
    close_writes_what_waits,
    closed_directory_refuses,
    what_was_answered_survives_the_process,
);

/// Takes the tables away, and gives them back.
async fn rename(raw: &mut Raw, from: &str, to: &str) {
    for table in ["grants", "write_probe"] {
        raw.run(&format!("ALTER TABLE {table}{from} RENAME TO {table}{to}"))
            .await;
    }
}

async fn failed_write_is_told_and_probed_until_it_works(f: Fixture) {
    let clock = Arc::new(ManualClock::new(Timestamp(1_000)));
    let directory = open_at(options(&f.url), clock.clone()).await;
    let record = async || {
        directory
            .record(&room("room"), vec![granted("bob", Role::Host, 1)])
            .await
    };
    directory.create(meeting(room("room"), 1)).await.unwrap();
    assert!(directory.is_writable());
    let mut raw = f.raw().await;
    rename(&mut raw, "", "_gone").await;
    is_unavailable(record().await);
    assert!(!directory.is_writable());
    // reading goes on, and nothing is written meanwhile
    assert!(directory.meeting(&room("room")).await.unwrap().is_some());
    is_unavailable(directory.create(meeting(room("other"), 1)).await);
    let change = MeetingChange::default();
    is_unavailable(
        directory
            .update(&room("room"), &change, vec![audit("x")])
            .await,
    );
    clock.advance(Duration::from_millis(500));
    is_unavailable(record().await);
    assert!(!directory.is_writable());
    rename(&mut raw, "_gone", "").await;
    until(async || {
        clock.advance(Duration::from_millis(500));
        directory.is_writable()
    })
    .await;
    record().await.unwrap();
    assert_eq!(f.grant_since("bob", Role::Host).await, Some(Timestamp(1)));
    directory.create(meeting(room("other"), 1)).await.unwrap();
}

async fn full_queue_is_busy(f: Fixture) {
    let directory = f
        .another(|options| {
            options.write_queue = 4;
            options.write_batch = 1;
            options.write_window = Duration::ZERO;
        })
        .await;
    let mut raw = f.raw().await;
    raw.run(if f.url.starts_with("sqlite") {
        "BEGIN IMMEDIATE"
    } else {
        "BEGIN; LOCK TABLE audit IN ACCESS EXCLUSIVE MODE"
    })
    .await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..12 {
        let directory = directory.clone();
        calls.spawn(async move {
            directory
                .record(&room("room"), vec![noted(&format!("{number}"))])
                .await
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    raw.run("ROLLBACK").await;
    let results = calls.join_all().await;
    let busy = results
        .iter()
        .filter(|r| matches!(r, Err(DirectoryError::Busy)))
        .count();
    let done = results.iter().filter(|r| r.is_ok()).count();
    // one is being written, at most one more was taken from the queue, four wait
    assert_eq!(busy + done, 12, "{results:?}");
    assert!((6..=7).contains(&busy), "{busy} of 12 were busy");
    assert_eq!(f.actions(&room("room")).await.len(), done);
}

async fn close_writes_what_waits(f: Fixture) {
    let directory = f
        .another(|options| options.write_window = Duration::from_secs(30))
        .await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..50 {
        let directory = directory.clone();
        calls.spawn(async move {
            directory
                .record(&room("room"), vec![noted(&format!("{number}"))])
                .await
        });
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    directory.close().await;
    calls
        .join_all()
        .await
        .into_iter()
        .for_each(|result| result.unwrap());
    assert_eq!(f.actions(&room("room")).await.len(), 50);
}

async fn closed_directory_refuses(f: Fixture) {
    let key = room("room");
    f.directory.close().await;
    is_unavailable(f.directory.create(meeting(key.clone(), 1)).await);
    is_unavailable(f.directory.record(&key, vec![noted("late")]).await);
    is_unavailable(f.directory.grants(&key).await);
    is_unavailable(f.directory.meeting(&key).await);
    f.directory.close().await;
}

async fn what_was_answered_survives_the_process(f: Fixture) {
    let key = room("room");
    let directory = f.another(|_| {}).await;
    directory.create(meeting(key.clone(), 1)).await.unwrap();
    directory
        .record(&key, vec![granted("bob", Role::Host, 1)])
        .await
        .unwrap();
    // not closed: as after a kill, nothing is tidied up
    std::mem::forget(directory);
    let other = f.another(|_| {}).await;
    assert!(other.meeting(&key).await.unwrap().is_some());
    let grants = other.grants(&key).await.unwrap();
    assert_eq!(grants.iter().count(), 1);
}
