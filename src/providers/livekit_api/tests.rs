use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, Validation, decode};

use super::*;
use crate::domain::role::Rank;
use crate::providers::fake::{Answer, Fake, NOW};

const SECRET: &str = "a-secret-of-livekit-that-is-long";

fn api(fake: &Fake) -> LiveKitApi {
    let outbound = Arc::new(fake.outbound());
    LiveKitApi::new(outbound, "APIkey".to_owned(), SecretString::from(SECRET))
}

fn claims(authorization: &str) -> Value {
    let token = authorization.strip_prefix("Bearer ").unwrap();
    let mut rules = Validation::new(Algorithm::HS256);
    rules.validate_exp = false;
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    decode::<Value>(token, &key, &rules).unwrap().claims
}

#[tokio::test]
async fn an_update_replaces_the_whole_permission() {
    let fake = Fake::start(|_seen| Answer::json(200, &json!({}))).await;
    let rights = Rights::of(Rank::CoHost);
    let api = api(&fake);
    let done = api.update_participant("room", "ann", Some("Ann"), Some(Role::CoHost), rights);
    assert_eq!(done.await, Ok(Carried::Out));
    let seen = fake.only();
    assert_eq!(
        seen.line,
        "POST /twirp/livekit.RoomService/UpdateParticipant"
    );
    assert_eq!(
        seen.body,
        json!({
            "room": "room", "identity": "ann", "name": "Ann",
            "attributes": { "usher.role": "co-host" },
            "permission": {
                "can_subscribe": true, "can_publish": true, "can_publish_data": true,
                "can_publish_sources": ["CAMERA", "MICROPHONE", "SCREEN_SHARE", "SCREEN_SHARE_AUDIO"],
                "can_update_metadata": false, "hidden": false,
            },
        })
    );
    assert_eq!(
        claims(&seen.authorization),
        json!({
            "iss": "APIkey", "nbf": NOW, "exp": NOW + 60,
            "video": { "roomAdmin": true, "room": "room" },
        })
    );
}

#[test]
fn who_may_publish_nothing_is_not_given_everything() {
    let nothing = Rights {
        publish_audio: false,
        ..Rights::of(Rank::Participant)
    };
    let nothing = Rights {
        publish_video: false,
        publish_screen: false,
        ..nothing
    };
    assert_eq!(permission(nothing)["can_publish"], json!(false));
    assert_eq!(permission(nothing)["can_publish_sources"], json!([]));
    let audio = Rights {
        publish_audio: true,
        ..nothing
    };
    assert_eq!(permission(audio)["can_publish"], json!(true));
    assert_eq!(
        permission(audio)["can_publish_sources"],
        json!(["MICROPHONE"])
    );
}

#[tokio::test]
async fn a_removal_revokes_and_a_room_is_deleted_by_its_creator() {
    let fake = Fake::start(|_seen| Answer::json(200, &json!({}))).await;
    let api = api(&fake);
    assert_eq!(
        api.remove_participant("room", "ann", 77).await,
        Ok(Carried::Out)
    );
    assert_eq!(api.delete_room("room").await, Ok(()));
    let [removed, deleted] = <[_; 2]>::try_from(fake.seen()).unwrap();
    assert_eq!(
        removed.body,
        json!({ "room": "room", "identity": "ann", "revoke_token_ts": 77 })
    );
    assert_eq!(deleted.line, "POST /twirp/livekit.RoomService/DeleteRoom");
    assert_eq!(
        claims(&deleted.authorization)["video"],
        json!({ "roomCreate": true })
    );
}

#[tokio::test]
async fn who_is_not_there_is_done_with_but_a_wrong_address_is_not() {
    for (code, done) in [("not_found", true), ("bad_route", false)] {
        let body = json!({ "code": code, "msg": "text" });
        let fake = Fake::start(move |_seen| Answer::json(404, &body)).await;
        let api = api(&fake);
        assert_eq!(
            api.remove_participant("room", "ann", 77).await.is_ok(),
            done
        );
        assert_eq!(api.delete_room("room").await.is_ok(), done);
    }
}

#[tokio::test]
async fn nothing_of_it_shows_the_secret() {
    let fake = Fake::start(|_seen| Answer::json(200, &json!({}))).await;
    let api = api(&fake);
    let call = api.call("DeleteRoom", &json!({}), json!({})).unwrap();
    let shown = format!("{api:?} {call:?} {:?}", call.bearer);
    assert!(!shown.contains(SECRET) && !shown.contains("eyJ"), "{shown}");
    assert!(!shown.contains(&URL_SAFE_NO_PAD.encode(SECRET)), "{shown}");
}
