//! Opening: many at once, again, with what is missing.

use usher::db::migrate;
use usher::engine::directory::Directory;

use super::fixture::{
    Fixture, is_unavailable, meeting, open, options, postgres_place, room, sqlite_place,
};

async fn all_start_together(url: &str) {
    let mut starts = tokio::task::JoinSet::new();
    for number in 0..6 {
        let options = options(url);
        starts.spawn(async move {
            let directory = open(options).await;
            let key = room(&format!("room-{number}"));
            directory.create(meeting(key, 1)).await.unwrap();
            directory
        });
    }
    for directory in starts.join_all().await {
        for number in 0..6 {
            let key = room(&format!("room-{number}"));
            assert!(directory.meeting(&key).await.unwrap().is_some());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_start_together_share_a_new_sqlite_file() {
    let (url, folder) = sqlite_place();
    all_start_together(&url).await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_start_together_share_an_empty_postgres() {
    all_start_together(&postgres_place().await).await;
}

async fn migrates_twice_and_past_the_unknown(f: Fixture) {
    migrate(&options(&f.url)).await.unwrap();
    // a newer program was here, and this one still has to start
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_new', 0)";
    f.raw().await.run(newer).await;
    migrate(&options(&f.url)).await.unwrap();
    f.another(|_| {})
        .await
        .create(meeting(room("room"), 1))
        .await
        .unwrap();
    let count = f.raw().await.number("SELECT COUNT(*) FROM meetings").await;
    assert_eq!(count, 1);
}

super::on_both!(migrates_twice_and_past_the_unknown);

#[tokio::test]
async fn unreachable_server_is_told_without_its_password() {
    let mut options = options("postgres://ann:hunter2@127.0.0.1:1/usher");
    options.acquire_timeout = std::time::Duration::from_millis(200);
    let error = migrate(&options).await.unwrap_err();
    assert!(!format!("{error} {error:?} {options:?}").contains("hunter2"));
    is_unavailable::<()>(Err(error));
}
