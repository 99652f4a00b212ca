use super::*;
use crate::clock::Clock;
use crate::engine::providers::Carried;
use crate::providers::fake::{Answer, Fake, NOW, Seen};

const KEY: &str = "the-key-of-daily";
const EXP: u64 = NOW + 86_400;

fn api(fake: &Fake) -> DailyApi {
    DailyApi::new(Arc::new(fake.outbound()), SecretString::from(KEY))
}

fn not_found() -> Answer {
    Answer::json(
        404,
        &json!({ "error": "not-found", "info": "room x not found" }),
    )
}

fn taken() -> Answer {
    let info = "a room named x already exists";
    Answer::json(
        400,
        &json!({ "error": "invalid-request-error", "info": info }),
    )
}

fn room(privacy: &str, config: &Value) -> Answer {
    let url = "https://d.daily.co/x";
    Answer::json(
        200,
        &json!({ "name": "x", "privacy": privacy, "url": url, "config": config }),
    )
}

fn at(exp: u64) -> Result<DailyRoom, ProviderFault> {
    Ok(DailyRoom {
        url: "https://d.daily.co/x".to_owned(),
        exp,
    })
}

/// A domain that has this room already, and moves it when told.
async fn with_room(privacy: &'static str, config: Value) -> Fake {
    Fake::start(move |seen: &Seen| match seen.line.as_str() {
        "POST /rooms" => taken(),
        "GET /rooms/x" => room(privacy, &config),
        "POST /rooms/x" => room("private", &seen.body["properties"]),
        _ => not_found(),
    })
    .await
}

#[tokio::test]
async fn a_new_room_is_private_and_closes_by_itself() {
    let fake = Fake::start(|seen: &Seen| room("private", &seen.body["properties"])).await;
    assert_eq!(api(&fake).ensure_room("x", EXP, Some(30)).await, at(EXP));
    let seen = fake.only();
    assert_eq!(seen.line, "POST /rooms");
    assert_eq!(seen.authorization, format!("Bearer {KEY}"));
    assert_eq!(
        seen.body,
        json!({ "name": "x", "privacy": "private", "properties": {
            "exp": EXP, "eject_at_room_exp": true, "enable_knocking": false, "max_participants": 30,
        } })
    );
}

#[tokio::test]
async fn a_room_that_is_there_is_taken() {
    let exp = NOW + 43_200;
    let fake = with_room("private", json!({ "exp": exp, "eject_at_room_exp": true })).await;
    assert_eq!(api(&fake).ensure_room("x", EXP, None).await, at(exp));
    assert_eq!(fake.lines(), ["POST /rooms", "GET /rooms/x"]);
}

#[tokio::test]
async fn a_room_that_is_not_as_wanted_is_moved() {
    let (soon, late) = (NOW + 43_199, EXP);
    for (privacy, config) in [
        ("private", json!({ "exp": soon, "eject_at_room_exp": true })),
        ("private", json!({ "exp": late })),
        ("private", json!({})),
        ("public", json!({ "exp": late, "eject_at_room_exp": true })),
    ] {
        let fake = with_room(privacy, config).await;
        assert_eq!(api(&fake).ensure_room("x", EXP, Some(30)).await, at(EXP));
        let moved = fake.seen().pop().unwrap();
        assert_eq!(moved.line, "POST /rooms/x");
        let properties = json!({ "exp": EXP, "eject_at_room_exp": true });
        assert_eq!(
            moved.body,
            json!({ "privacy": "private", "properties": properties })
        );
    }
}

#[tokio::test]
async fn a_bad_room_is_refused_for_what_is_bad_about_it() {
    let fake = Fake::start(|seen: &Seen| match seen.line.as_str() {
        "POST /rooms" => Answer::json(400, &json!({ "error": "invalid-plan-type" })),
        _ => not_found(),
    })
    .await;
    let refused = ProviderFault::Refused {
        status: 400,
        code: "invalid-plan-type".to_owned(),
    };
    assert_eq!(api(&fake).ensure_room("x", EXP, None).await, Err(refused));
    let fake = Fake::start(|_seen| Answer::json(401, &json!({}))).await;
    assert!(api(&fake).ensure_room("x", EXP, None).await.is_err());
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn the_domain_is_asked_for_once() {
    let fake = Fake::start(|_seen| Answer::json(200, &json!({ "domain_id": "d-1" }))).await;
    let api = api(&fake);
    for _ in 0..3 {
        assert_eq!(api.domain_id().await.as_deref(), Ok("d-1"));
    }
    assert_eq!(fake.lines(), ["GET /"]);
}

#[tokio::test]
async fn a_token_is_what_the_answer_says() {
    let fake = Fake::start(|_seen| Answer::json(200, &json!({ "token": "t" }))).await;
    let token = api(&fake).meeting_token(json!({ "room_name": "x" })).await;
    assert_eq!(token.as_deref(), Ok("t"));
    assert_eq!(
        fake.only().body,
        json!({ "properties": { "room_name": "x" } })
    );
    let other = Fake::start(|_seen| Answer::json(200, &json!({ "tokens": [] }))).await;
    let fault = ProviderFault::Unavailable("bad-answer".to_owned());
    assert_eq!(api(&other).meeting_token(json!({})).await, Err(fault));
}

/// As many as there are, however few rows are asked for.
fn present(count: usize, seen: &Seen) -> Answer {
    let (_, limit) = seen.line.split_once("limit=").unwrap();
    let limit: usize = limit.split('&').next().unwrap().parse().unwrap();
    let user = |at| if at == 1 { json!("ann") } else { json!(null) };
    let row = |at| json!({ "id": format!("s{at}"), "userId": user(at) });
    let rows: Vec<Value> = (0..count.min(limit)).map(row).collect();
    Answer::json(200, &json!({ "total_count": count, "data": rows }))
}

#[tokio::test]
async fn sessions_are_those_of_the_user() {
    let fake = Fake::start(|seen: &Seen| present(3, seen)).await;
    assert_eq!(
        api(&fake).sessions("x", "ann").await,
        Ok(vec!["s1".to_owned()])
    );
    assert_eq!(fake.lines(), ["GET /rooms/x/presence?limit=100&userId=ann"]);
    let none = Fake::start(|_seen| not_found()).await;
    assert_eq!(api(&none).sessions("x", "ann").await, Ok(Vec::new()));
}

#[tokio::test]
async fn permissions_are_by_session() {
    let fake = Fake::start(|_seen| Answer::json(200, &json!({}))).await;
    let api = api(&fake);
    let (all, permissions) = (
        ["s1".to_owned(), "s2".to_owned()],
        json!({ "canAdmin": false }),
    );
    let none = api.update_permissions("x", &[], &permissions).await;
    assert_eq!(none, Ok(Carried::NotSeenYet));
    assert_eq!(
        api.update_permissions("x", &all, &permissions).await,
        Ok(Carried::Out)
    );
    let seen = fake.only();
    assert_eq!(seen.line, "POST /rooms/x/update-permissions");
    assert_eq!(
        seen.body,
        json!({ "data": { "s1": permissions, "s2": permissions } })
    );
}

#[tokio::test]
async fn users_are_put_out_a_hundred_at_a_time() {
    let fake = Fake::start(|seen: &Seen| {
        let there = seen.body["user_ids"]
            .as_array()
            .unwrap()
            .contains(&json!("u3"));
        let ids = if there { vec!["s3"] } else { Vec::new() };
        Answer::json(200, &json!({ "ejectedIds": ids }))
    })
    .await;
    let users: Vec<String> = (0..201).map(|at| format!("u{at}")).collect();
    assert_eq!(api(&fake).eject("x", &users, true).await, Ok(Carried::Out));
    let seen = fake.seen();
    let named = |at: usize| seen[at].body["user_ids"].as_array().unwrap().len();
    assert_eq!([named(0), named(1), named(2)], [100, 100, 1]);
    assert_eq!(seen[2].body, json!({ "user_ids": ["u200"], "ban": true }));
    assert_eq!(
        api(&fake).eject("x", &users[4..], false).await,
        Ok(Carried::NotSeenYet)
    );
}

#[tokio::test]
async fn everybody_is_put_out_whom_presence_shows() {
    let fake = Fake::start(|seen: &Seen| match seen.line.as_str() {
        "POST /rooms/x/eject" => Answer::json(200, &json!({ "ejectedIds": [] })),
        _ => present(150, seen),
    })
    .await;
    assert_eq!(api(&fake).eject_everybody("x").await, Ok(150));
    let seen = fake.seen();
    assert_eq!(seen[1].line, "GET /rooms/x/presence?limit=150");
    let named = |at: usize| seen[at].body["ids"].as_array().unwrap().len();
    assert_eq!((named(2), named(3), seen.len()), (100, 50, 4));
    let none = Fake::start(|_seen| not_found()).await;
    assert_eq!(api(&none).eject_everybody("x").await, Ok(0));
}

#[tokio::test]
async fn a_room_that_is_gone_is_deleted() {
    let fake = Fake::start(|_seen| not_found()).await;
    assert_eq!(api(&fake).delete_room("x").await, Ok(()));
    assert_eq!(
        api(&fake).eject("x", &["u".to_owned()], false).await,
        Ok(Carried::NotSeenYet)
    );
    assert_eq!(fake.lines(), ["DELETE /rooms/x", "POST /rooms/x/eject"]);
    // Somebody else's 404 does not speak for Daily.
    let elsewhere = Fake::start(|_seen| Answer::text(404, "<html>")).await;
    assert!(api(&elsewhere).delete_room("x").await.is_err());
}

#[tokio::test]
async fn deletions_are_slow_and_hold_nothing_else_up() {
    let fake = Fake::start(|_seen| Answer::json(200, &json!({ "token": "t" }))).await;
    let outbound = fake.outbound_with(crate::providers::fake::OPTIONS, PACES);
    let api = DailyApi::new(Arc::new(outbound), SecretString::from(KEY));
    api.delete_room("x").await.unwrap();
    let begun = fake.clock.now();
    let (next, token) = (api.delete_room("y"), api.meeting_token(json!({})));
    tokio::pin!(next);
    tokio::select! {
        biased;
        _ = &mut next => panic!("before its time"),
        token = token => assert!(token.is_ok()),
    }
    assert_eq!(fake.clock.now(), begun);
    fake.while_time_passes(next).await.unwrap();
    let gap = fake.clock.now().since(begun);
    assert!(gap >= Duration::from_millis(625), "{gap:?}");
    assert!(!format!("{api:?}").contains(KEY));
}
