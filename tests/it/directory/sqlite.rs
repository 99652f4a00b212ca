//! What only a file can go through.

use usher::db::migrate;
use usher::domain::role::Role;
use usher::engine::directory::Directory;

use super::fixture::{
    Fixture, granted, is_unavailable, meeting, noted, open, options, room, sqlite_place, until,
};

#[tokio::test]
async fn missing_folder_is_created_with_the_file() {
    let (_, folder) = sqlite_place();
    let url = format!("sqlite://{}/deep/er/usher.db?mode=rwc", folder.display());
    let directory = open(options(&url)).await;
    directory.create(meeting(room("room"), 1)).await.unwrap();
    assert!(folder.join("deep/er/usher.db").exists());
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn missing_file_is_an_error_unless_it_may_be_created() {
    let (_, folder) = sqlite_place();
    let url = format!("sqlite://{}/usher.db", folder.display());
    let error = migrate(&options(&url)).await.unwrap_err();
    assert!(error.to_string().contains("mode=rwc"), "{error}");
    std::fs::write(
        folder.join("text.db"),
        "this is no database, and long enough to show it",
    )
    .unwrap();
    let url = format!("sqlite://{}/text.db?mode=rwc", folder.display());
    is_unavailable(migrate(&options(&url)).await);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn memory_will_do() {
    let directory = open(options("sqlite::memory:")).await;
    directory.create(meeting(room("room"), 1)).await.unwrap();
    directory
        .record(&room("room"), vec![granted("bob", Role::Host, 1)])
        .await
        .unwrap();
    assert_eq!(
        directory
            .grants(&room("room"))
            .await
            .unwrap()
            .iter()
            .count(),
        1
    );
    let other = open(options("sqlite::memory:")).await;
    assert_eq!(other.meeting(&room("room")).await.unwrap(), None);
}

#[tokio::test]
async fn lock_of_another_program_is_waited_for() {
    let f = Fixture::sqlite().await;
    let mut raw = f.raw().await;
    raw.run("BEGIN IMMEDIATE").await;
    let entries = vec![noted("patient")];
    let key = room("room");
    let waiting = f.directory.record(&key, entries);
    let releasing = async {
        // The write is on its way to the database's thread, which meets the lock.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        raw.run("ROLLBACK").await;
    };
    let (recorded, ()) = tokio::join!(waiting, releasing);
    recorded.unwrap();
    assert!(f.directory.is_writable());
}

#[tokio::test]
async fn lock_that_is_not_released_is_an_outage() {
    let f = Fixture::sqlite().await;
    let mut raw = f.raw().await;
    raw.run("BEGIN IMMEDIATE").await;
    is_unavailable(f.directory.record(&room("room"), vec![noted("lost")]).await);
    assert!(!f.directory.is_writable());
    raw.run("ROLLBACK").await;
    until(async || f.directory.is_writable()).await;
    f.directory
        .record(&room("room"), vec![noted("found")])
        .await
        .unwrap();
    assert_eq!(f.actions(&room("room")).await, ["found"]);
}

#[tokio::test]
async fn log_finds_its_way_into_the_file() {
    let f = Fixture::sqlite().await;
    let size = || std::fs::metadata(f.folder.join("usher.db")).unwrap().len();
    let before = size();
    for number in 0..50 {
        f.directory
            .create(meeting(room(&format!("room-{number}")), 1))
            .await
            .unwrap();
    }
    until(async || size() > before).await;
}
