//! Meeting records: created once, read, changed, listed, deleted.

use usher::domain::passcode::PasscodeHash;
use usher::domain::policy::{Access, AccessChange, DevicePolicy, MeetingSettings};
use usher::domain::ticket::Provider;
use usher::domain::time::Timestamp;
use usher::engine::directory::{Directory, LedgerEntry, MeetingChange, MeetingFilter, Page};

use super::fixture::{Fixture, audit, id, is_taken, meeting, noted, room, room_of};
use super::on_both;

on_both!(
    created_meeting_is_read_back_whole,
    taken_id_stays_taken,
    of_many_creators_of_one_id_one_wins,
    same_id_of_another_tenant_is_another_meeting,
    update_changes_what_it_names_and_nothing_else,
    update_of_no_meeting_leaves_no_audit,
    deleted_meeting_is_gone_for_readers_and_its_id_stays_taken,
    list_goes_from_newest_to_oldest_page_by_page,
    list_shows_only_what_the_filter_and_the_tenant_allow,
    cursor_of_somebody_else_leads_nowhere,
    cached_meeting_follows_every_change,
    unloved_characters_survive,
);

async fn created_meeting_is_read_back_whole(f: Fixture) {
    let mut full = meeting(room("full"), 1_800_000_000_123);
    full.creator_name = Some("Ann Ä. O'Neill \"🎉\"".into());
    full.description = "Line\nwith ; -- and \\ and ? and $1".into();
    full.starts_at = Timestamp(1_900_000_000_456);
    full.settings = MeetingSettings {
        devices: Some(DevicePolicy::NewestWins),
        leave_after_lost_ms: Some(0),
        leave_after_close_ms: None,
        role_grace_ms: Some(u32::MAX),
        max_participants: Some(7),
        not_before: Some(Timestamp(1_900_000_000_456)),
        not_after: None,
        max_duration_ms: Some(u64::from(u32::MAX) + 1),
        empty_timeout_ms: Some(0),
        admit_on_host_join: Some(true),
        provider: Some(Provider::LiveKit),
    };
    full.access = Access {
        locked: true,
        lobby: true,
        passcode: Some(PasscodeHash::new("$argon2id$v=19$m=19456$salt$hash")),
    };
    let plain = meeting(room("plain"), 0);
    for meeting in [full, plain] {
        assert_eq!(*f.directory.create(meeting.clone()).await.unwrap(), meeting);
        let cached = f.directory.meeting(&meeting.key).await.unwrap();
        assert_eq!(cached.as_deref(), Some(&meeting));
        let other = f.another(|_| {}).await;
        assert_eq!(
            other.meeting(&meeting.key).await.unwrap().as_deref(),
            Some(&meeting)
        );
        assert_eq!(f.actions(&meeting.key).await, ["meeting-created"]);
    }
    assert_eq!(f.directory.meeting(&room("none")).await.unwrap(), None);
    assert!(!f.directory.is_closed(&room("none")).await.unwrap());
}

async fn taken_id_stays_taken(f: Fixture) {
    f.directory.create(meeting(room("room"), 1)).await.unwrap();
    let mut second = meeting(room("room"), 2);
    second.created_by = id("bob");
    is_taken(f.directory.create(second.clone()).await);
    let other = f.another(|_| {}).await;
    is_taken(other.create(second).await);
    assert_eq!(
        other
            .meeting(&room("room"))
            .await
            .unwrap()
            .unwrap()
            .created_by,
        id("ann")
    );
    assert_eq!(f.actions(&room("room")).await, ["meeting-created"]);
}

async fn of_many_creators_of_one_id_one_wins(f: Fixture) {
    let other = f.another(|_| {}).await;
    let mut racers = tokio::task::JoinSet::new();
    for number in 0..40 {
        let directory = if number % 2 == 0 {
            f.directory.clone()
        } else {
            other.clone()
        };
        let mut own = meeting(room(&format!("room-{}", number % 4)), 1);
        own.created_by = id(&format!("user-{number}"));
        racers.spawn(async move {
            let created = directory.create(own.clone()).await;
            created
                .map(|created| assert_eq!(*created, own))
                .map_err(|error| is_taken::<()>(Err(error)))
        });
    }
    let won = racers
        .join_all()
        .await
        .iter()
        .filter(|result| result.is_ok())
        .count();
    assert_eq!(won, 4);
    for number in 0..4 {
        assert_eq!(
            f.actions(&room(&format!("room-{number}"))).await,
            ["meeting-created"]
        );
    }
}

async fn same_id_of_another_tenant_is_another_meeting(f: Fixture) {
    let (ours, theirs) = (room_of("ours", "room"), room_of("theirs", "room"));
    f.directory.create(meeting(ours.clone(), 1)).await.unwrap();
    f.directory
        .create(meeting(theirs.clone(), 2))
        .await
        .unwrap();
    assert!(
        f.directory
            .delete(&ours, audit("meeting-deleted"))
            .await
            .unwrap()
    );
    assert_eq!(f.directory.meeting(&ours).await.unwrap(), None);
    let left = f.directory.meeting(&theirs).await.unwrap().unwrap();
    assert_eq!(left.created_at, Timestamp(2));
    assert_eq!(f.actions(&theirs).await, ["meeting-created"]);
}

async fn update_changes_what_it_names_and_nothing_else(f: Fixture) {
    let before = meeting(room("room"), 1);
    f.directory.create(before.clone()).await.unwrap();
    let none = MeetingChange::default();
    let same = f
        .directory
        .update(&before.key, &none, vec![])
        .await
        .unwrap();
    let same = same.unwrap();
    let mut expected = before.clone();
    expected.updated_at = same.updated_at;
    assert_eq!(*same, expected);
    assert!(same.updated_at > before.updated_at);
    let settings = MeetingSettings {
        max_participants: Some(3),
        ..MeetingSettings::default()
    };
    let change = MeetingChange {
        description: Some("It's another".into()),
        starts_at: Some(Timestamp(9)),
        settings: Some(settings),
        access: AccessChange {
            lobby: Some(true),
            ..AccessChange::default()
        },
        created_by: Some(id("bob")),
    };
    let rows = vec![audit("meeting-updated"), audit("ownership-moved")];
    let after = f
        .directory
        .update(&before.key, &change, rows)
        .await
        .unwrap()
        .unwrap();
    let mut expected = before.clone();
    expected.description = "It's another".into();
    expected.starts_at = Timestamp(9);
    expected.settings = settings;
    expected.access.lobby = true;
    expected.created_by = id("bob");
    expected.updated_at = after.updated_at;
    assert_eq!(*after, expected);
    assert!(
        after.updated_at > same.updated_at,
        "in one millisecond, too"
    );
    let other = f.another(|_| {}).await;
    assert_eq!(
        other.meeting(&before.key).await.unwrap().as_deref(),
        Some(&expected)
    );
    let actions = f.actions(&before.key).await;
    assert_eq!(
        actions,
        ["meeting-created", "meeting-updated", "ownership-moved"]
    );
}

async fn update_of_no_meeting_leaves_no_audit(f: Fixture) {
    let change = MeetingChange {
        starts_at: Some(Timestamp(1)),
        ..MeetingChange::default()
    };
    let nothing = f
        .directory
        .update(&room("none"), &change, vec![audit("meeting-updated")])
        .await;
    assert_eq!(nothing.unwrap(), None);
    assert!(
        !f.directory
            .delete(&room("none"), audit("meeting-deleted"))
            .await
            .unwrap()
    );
    assert_eq!(f.actions(&room("none")).await, Vec::<String>::new());
    // another process deletes what this one still has in memory
    f.directory.create(meeting(room("room"), 1)).await.unwrap();
    let other = f.another(|_| {}).await;
    assert!(
        other
            .delete(&room("room"), audit("meeting-deleted"))
            .await
            .unwrap()
    );
    let gone = f
        .directory
        .update(&room("room"), &change, vec![audit("meeting-updated")])
        .await;
    assert_eq!(gone.unwrap(), None);
    assert!(
        !f.directory
            .delete(&room("room"), audit("meeting-deleted"))
            .await
            .unwrap()
    );
    assert_eq!(
        f.actions(&room("room")).await,
        ["meeting-created", "meeting-deleted"]
    );
}

async fn deleted_meeting_is_gone_for_readers_and_its_id_stays_taken(f: Fixture) {
    let key = room("room");
    f.directory.create(meeting(key.clone(), 1)).await.unwrap();
    assert!(!f.directory.is_closed(&key).await.unwrap());
    assert!(
        f.directory
            .delete(&key, audit("meeting-deleted"))
            .await
            .unwrap()
    );
    for directory in [f.directory.clone(), f.another(|_| {}).await] {
        assert_eq!(directory.meeting(&key).await.unwrap(), None);
        assert!(directory.is_closed(&key).await.unwrap());
        is_taken(directory.create(meeting(key.clone(), 2)).await);
        assert!(
            !directory
                .delete(&key, audit("meeting-deleted"))
                .await
                .unwrap()
        );
        let list = directory
            .list(&key.tenant, &MeetingFilter::default(), None, 10)
            .await
            .unwrap();
        assert_eq!(
            list,
            Page {
                items: vec![],
                next: None
            }
        );
    }
    assert_eq!(
        f.actions(&key).await,
        ["meeting-created", "meeting-deleted"]
    );
}

async fn list_goes_from_newest_to_oldest_page_by_page(f: Fixture) {
    let tenant = room("any").tenant;
    // several of one millisecond, so that the order within it matters
    for number in 0..10_u64 {
        let key = room(&format!("room-{}", number * 7 % 10));
        f.directory.create(meeting(key, number / 4)).await.unwrap();
    }
    let all = f
        .directory
        .list(&tenant, &MeetingFilter::default(), None, 100)
        .await
        .unwrap();
    assert_eq!((all.items.len(), all.next), (10, None));
    let order = |m: &usher::domain::meeting::Meeting| (m.created_at, m.key.room.clone());
    assert!(all.items.is_sorted_by(|a, b| order(a) > order(b)));
    for limit in [1, 3, 5, 10] {
        let (mut pages, mut after) = (vec![], None);
        loop {
            let filter = MeetingFilter::default();
            let page = f
                .directory
                .list(&tenant, &filter, after.as_deref(), limit)
                .await
                .unwrap();
            assert!(page.items.len() <= usize::try_from(limit).unwrap());
            pages.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(pages, all.items, "pages of {limit}");
    }
}

async fn list_shows_only_what_the_filter_and_the_tenant_allow(f: Fixture) {
    for (key, creator) in [
        (room("a"), "ann"),
        (room("b"), "bob"),
        (room("c"), "ann"),
        (room_of("other", "d"), "ann"),
    ] {
        let mut own = meeting(key, 1);
        own.created_by = id(creator);
        f.directory.create(own).await.unwrap();
    }
    let end = LedgerEntry::End { at: Timestamp(5) };
    f.directory
        .record(&room("c"), vec![end, noted("meeting-ended")])
        .await
        .unwrap();
    let named = async |created_by: Option<&str>, ended| {
        let filter = MeetingFilter {
            created_by: created_by.map(id),
            ended,
        };
        let page = f
            .directory
            .list(&room("a").tenant, &filter, None, 10)
            .await
            .unwrap();
        page.items
            .iter()
            .map(|meeting| meeting.key.room.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(named(None, None).await, ["c", "b", "a"]);
    assert_eq!(named(Some("ann"), None).await, ["c", "a"]);
    assert_eq!(named(None, Some(true)).await, ["c"]);
    assert_eq!(named(Some("ann"), Some(false)).await, ["a"]);
    assert_eq!(named(Some("eve"), None).await, Vec::<String>::new());
}

async fn cursor_of_somebody_else_leads_nowhere(f: Fixture) {
    let key = room("room");
    f.directory.create(meeting(key.clone(), 1)).await.unwrap();
    for cursor in ["", "x", "zz", "' OR 1=1 --", "6162", "ff", "3a", "\u{0}"] {
        let list = f
            .directory
            .list(&key.tenant, &MeetingFilter::default(), Some(cursor), 10)
            .await;
        assert_eq!(
            list.unwrap(),
            Page {
                items: vec![],
                next: None
            },
            "{cursor:?}"
        );
    }
    for cursor in ["zz", "x", "é"] {
        let rows = f.directory.audit(&key, Some(cursor), 10).await.unwrap();
        assert_eq!(
            rows,
            Page {
                items: vec![],
                next: None
            },
            "{cursor:?}"
        );
    }
}

async fn cached_meeting_follows_every_change(f: Fixture) {
    let key = room("room");
    f.directory.create(meeting(key.clone(), 1)).await.unwrap();
    let change = MeetingChange {
        created_by: Some(id("bob")),
        ..MeetingChange::default()
    };
    f.directory.update(&key, &change, vec![]).await.unwrap();
    assert_eq!(
        f.directory.meeting(&key).await.unwrap().unwrap().created_by,
        id("bob")
    );
    let end = LedgerEntry::End { at: Timestamp(5) };
    f.directory.record(&key, vec![end]).await.unwrap();
    let ended = f.directory.meeting(&key).await.unwrap().unwrap();
    assert_eq!(ended.ended_at, Some(Timestamp(5)));
    // what is in memory is not asked for again
    f.raw()
        .await
        .run("UPDATE meetings SET description = 'changed behind its back'")
        .await;
    assert_eq!(
        f.directory
            .meeting(&key)
            .await
            .unwrap()
            .unwrap()
            .description
            .as_ref(),
        "Meeting"
    );
    f.directory
        .delete(&key, audit("meeting-deleted"))
        .await
        .unwrap();
    assert_eq!(f.directory.meeting(&key).await.unwrap(), None);
}

async fn unloved_characters_survive(f: Fixture) {
    let nasty = "' \" \\ ; -- /* ? :a @b $1 % _ {} \u{202e}\u{7f} E'\\'' 🎉 \r\n\t";
    let mut own = meeting(room("room"), 1);
    own.description = nasty.into();
    own.creator_name = Some(nasty.into());
    f.directory.create(own.clone()).await.unwrap();
    let change = MeetingChange {
        description: Some(nasty.into()),
        ..MeetingChange::default()
    };
    f.directory
        .update(&own.key, &change, vec![audit(nasty)])
        .await
        .unwrap();
    let mut row = audit(nasty);
    row.after = Some(serde_json::json!({ nasty: [nasty, null, 1.5, "\u{0}"] }));
    f.directory
        .record(&own.key, vec![LedgerEntry::Audit(row.clone())])
        .await
        .unwrap();
    let other = f.another(|_| {}).await;
    let found = other.meeting(&own.key).await.unwrap().unwrap();
    own.updated_at = found.updated_at;
    assert_eq!(*found, own);
    let rows = other.audit(&own.key, None, 10).await.unwrap().items;
    assert_eq!(rows.get(1).map(|row| row.action.as_str()), Some(nasty));
    assert_eq!(rows.get(2), Some(&row));
}
