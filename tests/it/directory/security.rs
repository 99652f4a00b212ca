//! Security events: kept by tenant, read newest first, forgotten when they are old.

use usher::domain::id::{RequestId, RoomId, RoomKey, TenantId};
use usher::domain::time::Timestamp;
use usher::engine::directory::Directory;
use usher::engine::security::{SecurityRow, SecurityStore};

use super::fixture::{Fixture, id, meeting, room, room_of};
use super::on_both;

on_both!(
    events_are_read_back_whole_newest_first,
    events_stay_in_their_tenant,
    old_events_are_forgotten,
    meeting_is_found_in_another_tenant_only,
);

const NEVER: Timestamp = Timestamp(0);

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn event(at: u64, of: Option<&str>) -> SecurityRow {
    SecurityRow {
        at: Timestamp(at),
        kind: "forged-id".to_owned(),
        reason: "user-id".to_owned(),
        tenant: of.map(tenant),
        user: Some(id("mallory")),
        network: Some("192.0.2.0".to_owned()),
        room: RoomId::new("room").ok(),
        request: RequestId::new("request-1").ok(),
        count: at,
    }
}

async fn counts(f: &Fixture, of: &str, limit: u64) -> Vec<u64> {
    let mut counts = Vec::new();
    let mut after = None;
    loop {
        let tenant = tenant(of);
        let page = f.directory.events(&tenant, after.as_deref(), limit);
        let page = page.await.unwrap();
        counts.extend(page.items.iter().map(|row| row.count));
        after = page.next;
        if after.is_none() {
            return counts;
        }
    }
}

async fn events_are_read_back_whole_newest_first(f: Fixture) {
    let rows: Vec<_> = (1..=7).map(|at| event(at, Some("a"))).collect();
    f.directory.note(rows[..4].to_vec(), NEVER).await.unwrap();
    f.directory.note(rows[4..].to_vec(), NEVER).await.unwrap();
    let page = f.directory.events(&tenant("a"), None, 100).await.unwrap();
    let newest_first: Vec<_> = rows.into_iter().rev().collect();
    assert_eq!(page.items, newest_first);
    assert_eq!(counts(&f, "a", 2).await, [7, 6, 5, 4, 3, 2, 1]);
}

async fn events_stay_in_their_tenant(f: Fixture) {
    let rows = vec![event(1, Some("a")), event(2, Some("b")), event(3, None)];
    f.directory.note(rows, NEVER).await.unwrap();
    assert_eq!(counts(&f, "a", 10).await, [1]);
    assert_eq!(counts(&f, "b", 10).await, [2]);
    assert_eq!(counts(&f, "c", 10).await, [0; 0]);
}

async fn old_events_are_forgotten(f: Fixture) {
    let rows = (1..=5).map(|at| event(at, Some("a"))).collect();
    f.directory.note(rows, NEVER).await.unwrap();
    let newest = vec![event(6, Some("a"))];
    f.directory.note(newest, Timestamp(4)).await.unwrap();
    assert_eq!(counts(&f, "a", 10).await, [6, 5, 4]);
}

async fn meeting_is_found_in_another_tenant_only(f: Fixture) {
    let theirs = room_of("theirs", "room");
    f.directory
        .create(meeting(theirs.clone(), 1))
        .await
        .unwrap();
    let ours = room("room");
    assert!(f.directory.is_elsewhere(&ours).await.unwrap());
    assert!(!f.directory.is_elsewhere(&theirs).await.unwrap());
    let nobodys = RoomKey {
        room: RoomId::new("nobodys").unwrap(),
        ..ours
    };
    assert!(!f.directory.is_elsewhere(&nobodys).await.unwrap());
}
