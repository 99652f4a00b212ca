//! What rooms have remembered: roles, ends, claims, the audit.

use std::collections::BTreeMap;

use usher::domain::grant::{Held, Stamp};
use usher::domain::id::Epoch;
use usher::domain::role::Role;
use usher::domain::time::Timestamp;
use usher::engine::directory::{Directory, LedgerEntry, Page};

use super::fixture::{
    Fixture, audit, granted, id, is_unavailable, meeting, noted, revoked, room, room_of,
};
use super::on_both;

on_both!(
    role_is_held_until_it_is_revoked,
    last_word_on_a_role_counts,
    change_that_comes_late_does_not_undo_a_later_one,
    storm_of_changes_ends_as_if_one_by_one,
    grants_stay_in_their_room_and_tenant,
    claim_makes_a_record_and_keeps_an_existing_one,
    first_end_counts,
    order_of_calls_for_a_room_is_kept,
    audit_is_read_in_order_page_by_page,
    audit_row_is_read_back_whole,
    nothing_to_record_is_done_at_once,
    refused_call_fails_alone_and_whole,
);

async fn role_is_held_until_it_is_revoked(f: Fixture) {
    let key = room("room");
    assert_eq!(f.directory.grants(&key).await.unwrap().iter().count(), 0);
    let both = vec![
        granted("bob", Role::Host, 5),
        granted("bob", Role::CoHost, 6),
        noted("role-granted"),
    ];
    f.directory.record(&key, both).await.unwrap();
    let other = f.another(|_| {}).await;
    let bob = other.grants(&key).await.unwrap().of(&id("bob"));
    assert_eq!(
        (bob.since(Role::Host), bob.since(Role::CoHost)),
        (Some(Timestamp(5)), Some(Timestamp(6)))
    );
    f.directory
        .record(&key, vec![revoked("bob", Role::Host, 7)])
        .await
        .unwrap();
    assert_eq!(f.grant_since("bob", Role::Host).await, None);
    assert_eq!(f.grant_since("bob", Role::CoHost).await, Some(Timestamp(6)));
    f.directory
        .record(&key, vec![revoked("eve", Role::Host, 8)])
        .await
        .unwrap();
}

async fn last_word_on_a_role_counts(f: Fixture) {
    let key = room("room");
    let entries = vec![
        granted("bob", Role::Host, 1),
        revoked("bob", Role::Host, 2),
        granted("bob", Role::Host, 3),
        granted("eve", Role::Host, 4),
        revoked("eve", Role::Host, 5),
    ];
    f.directory.record(&key, entries).await.unwrap();
    assert_eq!(f.grant_since("bob", Role::Host).await, Some(Timestamp(3)));
    assert_eq!(f.grant_since("eve", Role::Host).await, None);
    f.directory
        .record(&key, vec![granted("bob", Role::Host, 9)])
        .await
        .unwrap();
    assert_eq!(f.grant_since("bob", Role::Host).await, Some(Timestamp(9)));
}

/// Two nodes have changed the same roles, and the first of them is the last to reach the database.
async fn change_that_comes_late_does_not_undo_a_later_one(f: Fixture) {
    let key = room("room");
    let slow = f.another(|_| {}).await;
    let later = vec![
        revoked("bob", Role::Host, 5),
        granted("cy", Role::Host, 5),
        revoked("dee", Role::CoHost, 5),
    ];
    f.directory.record(&key, later).await.unwrap();
    let earlier = vec![
        granted("bob", Role::Host, 4),
        revoked("cy", Role::Host, 4),
        granted("dee", Role::CoHost, 4),
        granted("eve", Role::Host, 4),
    ];
    slow.record(&key, earlier).await.unwrap();
    for directory in [f.directory.clone(), slow] {
        let grants = directory.grants(&key).await.unwrap();
        let hosts = ["bob", "cy", "eve"].map(|name| grants.of(&id(name)).since(Role::Host));
        assert_eq!(hosts, [None, Some(Timestamp(5)), Some(Timestamp(4))]);
        assert_eq!(grants.of(&id("dee")).since(Role::CoHost), None);
        assert_eq!(grants.newest(), Stamp(5));
    }
}

/// Many calls at once, so that they share transactions of every size.
async fn storm_of_changes_ends_as_if_one_by_one(f: Fixture) {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let mut model = BTreeMap::new();
    let mut calls = vec![];
    for number in 0..1500 {
        let (place, user) = (random(5), random(7));
        let role = if random(2) == 0 {
            Role::Host
        } else {
            Role::CoHost
        };
        let since = (random(3) > 0).then_some(Timestamp(number));
        model.insert((place, user, role), since);
        let user = id(&format!("user-{user}"));
        let stamp = Stamp(number);
        let held = Held { since, stamp };
        let mut row = audit(&format!("change-{number}"));
        row.rev = Some(number);
        let entries = vec![
            LedgerEntry::Grant {
                user,
                mark: role.into(),
                held,
            },
            LedgerEntry::Audit(row),
        ];
        let (directory, key) = (f.directory.clone(), room(&format!("room-{place}")));
        calls.push((place, number, async move {
            directory.record(&key, entries).await
        }));
    }
    let mut expected_audit: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut running = tokio::task::JoinSet::new();
    for (place, number, call) in calls {
        expected_audit.entry(place).or_default().push(number);
        running.spawn(call);
        if number % 97 == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
    running
        .join_all()
        .await
        .into_iter()
        .for_each(|result| result.unwrap());
    for (place, expected) in expected_audit {
        let key = room(&format!("room-{place}"));
        let rows = f.directory.audit(&key, None, 10_000).await.unwrap().items;
        let found: Vec<u64> = rows.iter().filter_map(|row| row.rev).collect();
        assert_eq!(found, expected);
        let grants = f.directory.grants(&key).await.unwrap();
        for ((_, user, role), since) in model.iter().filter(|((other, ..), _)| *other == place) {
            let user = id(&format!("user-{user}"));
            assert_eq!(
                grants.of(&user).since(*role),
                *since,
                "{key} {user} {role:?}"
            );
        }
    }
}

async fn grants_stay_in_their_room_and_tenant(f: Fixture) {
    f.directory
        .record(&room("room"), vec![granted("bob", Role::Host, 1)])
        .await
        .unwrap();
    for other in [room("other"), room_of("other", "room")] {
        assert_eq!(f.directory.grants(&other).await.unwrap().iter().count(), 0);
        f.directory
            .record(&other, vec![revoked("bob", Role::Host, 9)])
            .await
            .unwrap();
    }
    assert_eq!(f.grant_since("bob", Role::Host).await, Some(Timestamp(1)));
}

async fn claim_makes_a_record_and_keeps_an_existing_one(f: Fixture) {
    let (empty, taken) = (room("empty"), room("taken"));
    f.directory.create(meeting(taken.clone(), 1)).await.unwrap();
    let claim = || LedgerEntry::Claim {
        creator: id("bob"),
        at: Timestamp(5),
    };
    for key in [&empty, &taken] {
        assert_eq!(
            f.directory.meeting(key).await.unwrap().is_some(),
            *key == taken
        );
        f.directory
            .record(key, vec![claim(), noted("meeting-created")])
            .await
            .unwrap();
    }
    let mut claimed = meeting(empty.clone(), 5);
    claimed.created_by = id("bob");
    assert_eq!(
        f.directory.meeting(&empty).await.unwrap().as_deref(),
        Some(&claimed)
    );
    assert_eq!(
        f.directory
            .meeting(&taken)
            .await
            .unwrap()
            .unwrap()
            .created_by,
        id("ann")
    );
    super::fixture::is_taken(f.directory.create(meeting(empty, 9)).await);
}

async fn first_end_counts(f: Fixture) {
    let key = room("room");
    f.directory.create(meeting(key.clone(), 1)).await.unwrap();
    for at in [5, 6] {
        let end = LedgerEntry::End { at: Timestamp(at) };
        f.directory
            .record(&key, vec![end, noted("meeting-ended")])
            .await
            .unwrap();
        let ended = f.directory.meeting(&key).await.unwrap().unwrap().ended_at;
        assert_eq!(ended, Some(Timestamp(5)));
        assert!(f.directory.is_closed(&key).await.unwrap());
    }
    let end = LedgerEntry::End { at: Timestamp(5) };
    f.directory.record(&room("none"), vec![end]).await.unwrap();
    assert!(!f.directory.is_closed(&room("none")).await.unwrap());
}

/// A flush may write in an order of its own, but never so that anybody could tell.
async fn order_of_calls_for_a_room_is_kept(f: Fixture) {
    for number in 0..20 {
        let key = room(&format!("room-{number}"));
        let directory = &f.directory;
        let claim = LedgerEntry::Claim {
            creator: id("bob"),
            at: Timestamp(2),
        };
        let end = LedgerEntry::End { at: Timestamp(3) };
        // all under way at once, submitted in the order in which they are named
        let (ended_early, created, claimed, ended, deleted, too_late) = tokio::join!(
            biased;
            directory.record(&key, vec![end.clone(), noted("end-of-nothing")]),
            directory.create(meeting(key.clone(), 1)),
            directory.record(&key, vec![claim, noted("claim-of-taken")]),
            directory.record(&key, vec![end, noted("end")]),
            directory.delete(&key, audit("delete")),
            directory.create(meeting(key.clone(), 4)),
        );
        for result in [ended_early, claimed, ended] {
            result.unwrap();
        }
        assert_eq!(created.unwrap().created_by, id("ann"));
        assert!(deleted.unwrap());
        super::fixture::is_taken(too_late);
        let actions = f.actions(&key).await;
        assert_eq!(
            actions,
            [
                "end-of-nothing",
                "meeting-created",
                "claim-of-taken",
                "end",
                "delete"
            ]
        );
    }
}

async fn audit_is_read_in_order_page_by_page(f: Fixture) {
    let key = room("room");
    for number in 0..7 {
        let rows = (0..3)
            .map(|part| noted(&format!("{number}.{part}")))
            .collect();
        f.directory.record(&key, rows).await.unwrap();
        f.directory
            .record(&room("other"), vec![noted("other")])
            .await
            .unwrap();
    }
    let all = f.actions(&key).await;
    let expected: Vec<_> = (0..7)
        .flat_map(|number| (0..3).map(move |part| format!("{number}.{part}")))
        .collect();
    assert_eq!(all, expected);
    for limit in [1, 4, 7, 21] {
        let (mut pages, mut after) = (vec![], None::<String>);
        loop {
            let page: Page<_> = f
                .directory
                .audit(&key, after.as_deref(), limit)
                .await
                .unwrap();
            pages.extend(page.items.into_iter().map(|row| row.action));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(pages, all, "pages of {limit}");
    }
}

async fn audit_row_is_read_back_whole(f: Fixture) {
    let key = room("room");
    let mut full = audit("role-granted");
    full.target = Some(id("bob"));
    full.role = Some(Role::CoHost);
    full.before = Some(serde_json::json!(false));
    full.after = Some(serde_json::json!({ "host": "bob", "list": [1, "two", null] }));
    full.epoch = Some(Epoch(u64::MAX - 3));
    full.rev = Some(1_000_000);
    let mut plain = audit("meeting-ended");
    plain.epoch = None;
    plain.rev = None;
    plain.after = Some(serde_json::Value::Null);
    let entries = [&full, &plain].map(|row| LedgerEntry::Audit(row.clone()));
    f.directory.record(&key, entries.into()).await.unwrap();
    let rows = f.directory.audit(&key, None, 10).await.unwrap().items;
    assert_eq!(rows, [full, plain]);
}

async fn nothing_to_record_is_done_at_once(f: Fixture) {
    f.directory.close().await;
    f.directory.record(&room("room"), vec![]).await.unwrap();
    is_unavailable(f.directory.record(&room("room"), vec![noted("late")]).await);
}

async fn refused_call_fails_alone_and_whole(f: Fixture) {
    let mut raw = f.raw().await;
    raw.run(if f.url.starts_with("sqlite") {
        "CREATE TRIGGER bad BEFORE INSERT ON audit WHEN NEW.action = 'bad' \
         BEGIN SELECT RAISE(ABORT, 'no'); END"
    } else {
        "CREATE FUNCTION bad() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN IF NEW.action = 'bad' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER bad BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION bad()"
    })
    .await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..12 {
        let directory = f.directory.clone();
        calls.spawn(async move {
            let user = format!("user-{number}");
            let action = if number == 5 { "bad" } else { "good" };
            let entries = vec![granted(&user, Role::Host, 1), noted("first"), noted(action)];
            (number, directory.record(&room("room"), entries).await)
        });
    }
    for (number, result) in calls.join_all().await {
        if number == 5 {
            is_unavailable(result);
        } else {
            result.unwrap();
        }
        let held = f
            .grant_since(&format!("user-{number}"), Role::Host)
            .await
            .is_some();
        assert_eq!(held, number != 5, "user-{number}");
    }
    let actions = f.actions(&room("room")).await;
    assert_eq!(
        actions.iter().filter(|action| *action == "first").count(),
        11
    );
    assert!(f.directory.is_writable(), "one bad call is no outage");
}
