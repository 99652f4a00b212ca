use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::clock::ManualClock;
use crate::domain::id::TenantId;
use crate::domain::permission::Scope;
use crate::domain::time::Timestamp;

const SECRET: &str = "0123456789abcdef0123";
const OTHER: &str = "another-secret-of-another-issuer";
const NOW: u64 = 1_800_000_000;

fn rules(preset: Preset) -> Rules {
    Rules {
        preset,
        audiences: Vec::new(),
        parties: Vec::new(),
        tenant_claims: Vec::new(),
        tenant: Some(TenantId::default_tenant()),
        name_claim: "name".to_owned(),
        services: false,
    }
}

fn issuer(secret: &str, rules: Rules) -> Issuer {
    Issuer {
        keys: vec![Key::secret(&SecretString::from(secret))],
        jwks: None,
        rules,
    }
}

fn authenticator(named: Option<Rules>, other: Option<Rules>) -> Authenticator {
    let named = named.map(|rules| ("idp".to_owned(), issuer(OTHER, rules)));
    let issuers = Issuers {
        named: HashMap::from_iter(named),
        other: other.map(|rules| issuer(SECRET, rules)),
        limits: TokenLimits {
            leeway: Duration::from_secs(30),
            lifetime: Duration::from_secs(86_400),
            name_chars: 8,
            ignore_claimed_user: false,
        },
    };
    let clock = ManualClock::new(Timestamp(NOW * 1_000));
    Authenticator::new(issuers, Arc::new(clock))
}

fn signed(secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

/// Claims that are fine, with these changes; `null` takes one away.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({"sub": "ann", "exp": NOW + 60, "iss": "idp"});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let kept = claims.as_object_mut().unwrap();
    kept.retain(|_, value| !value.is_null());
    claims
}

async fn ask(rules: Rules, changes: Value) -> Result<Principal, TokenFault> {
    let token = signed(OTHER, &claims(&changes));
    let authenticator = authenticator(Some(rules), None);
    authenticator.authenticate(Some(&token)).await
}

async fn fault(rules: Rules, changes: Value) -> Option<TokenFault> {
    ask(rules, changes).await.err()
}

#[tokio::test]
async fn a_token_is_judged_by_the_issuer_that_it_names() {
    let both = authenticator(Some(rules(Preset::Plain)), Some(rules(Preset::Plain)));
    let ours = claims(&json!({"iss": null}));
    for (secret, claims, believed) in [
        (OTHER, claims(&json!({})), true),
        (SECRET, ours.clone(), true),
        (SECRET, claims(&json!({"iss": "unlisted"})), true),
        (SECRET, claims(&json!({})), false),
        (OTHER, ours, false),
    ] {
        let asked = both.authenticate(Some(&signed(secret, &claims))).await;
        assert_eq!(asked.is_ok(), believed, "{secret} {claims}");
    }
    let listed = authenticator(Some(rules(Preset::Plain)), None);
    let token = signed(SECRET, &claims(&json!({"iss": "unlisted"})));
    let asked = listed.authenticate(Some(&token)).await;
    assert_eq!(asked, Err(TokenFault::Issuer));
}

#[tokio::test]
async fn times_are_checked_to_the_second() {
    let plain = || rules(Preset::Plain);
    for (changes, expected) in [
        (json!({"exp": NOW - 29}), None),
        (json!({"exp": NOW - 30}), Some(TokenFault::Expired)),
        (json!({"exp": 0}), Some(TokenFault::Expired)),
        (json!({"exp": -1}), Some(TokenFault::Expired)),
        (json!({"exp": null}), Some(TokenFault::NoExpiry)),
        (json!({"exp": "soon"}), Some(TokenFault::NoExpiry)),
        (json!({"exp": NOW + 86_430}), None),
        (json!({"exp": NOW + 86_431}), Some(TokenFault::Lifetime)),
        (json!({"exp": 1e300}), Some(TokenFault::Lifetime)),
        (json!({"nbf": NOW + 30}), None),
        (json!({"nbf": NOW + 31}), Some(TokenFault::Immature)),
        (json!({"nbf": "now"}), Some(TokenFault::Immature)),
        (json!({"iat": NOW + 31}), Some(TokenFault::Immature)),
    ] {
        assert_eq!(fault(plain(), changes.clone()).await, expected, "{changes}");
    }
    let asked = ask(plain(), json!({"exp": 1_800_000_000.5})).await;
    assert_eq!(
        asked.unwrap().expires_at,
        Some(Timestamp(NOW * 1_000 + 500))
    );
}

#[tokio::test]
async fn each_preset_has_its_rules() {
    let oidc = || Rules {
        audiences: vec!["us".to_owned()],
        ..rules(Preset::Oidc)
    };
    let clerk = || Rules {
        parties: vec!["https://app.example".to_owned()],
        ..rules(Preset::Clerk)
    };
    let supabase = || rules(Preset::Supabase);
    for (rules, changes, expected) in [
        (oidc(), json!({"aud": "us"}), None),
        (oidc(), json!({}), Some(TokenFault::Audience)),
        (oidc(), json!({"aud": ["them"]}), Some(TokenFault::Audience)),
        (
            oidc(),
            json!({"aud": ["us", "them"]}),
            Some(TokenFault::Party),
        ),
        (
            oidc(),
            json!({"aud": ["us", "them"], "azp": "them"}),
            Some(TokenFault::Party),
        ),
        (oidc(), json!({"aud": ["us", "them"], "azp": "us"}), None),
        (clerk(), json!({"azp": "https://app.example"}), None),
        (clerk(), json!({}), Some(TokenFault::Party)),
        (
            clerk(),
            json!({"azp": "https://evil.example"}),
            Some(TokenFault::Party),
        ),
        (
            clerk(),
            json!({"azp": "https://app.example", "sts": "pending"}),
            Some(TokenFault::Pending),
        ),
        (supabase(), json!({"role": "authenticated"}), None),
        (supabase(), json!({"role": "anon"}), Some(TokenFault::Role)),
        (
            supabase(),
            json!({"role": "service_role"}),
            Some(TokenFault::Role),
        ),
        (supabase(), json!({}), Some(TokenFault::Role)),
    ] {
        let found = fault(rules, changes.clone()).await;
        assert_eq!(found, expected, "{changes}");
    }
}

#[tokio::test]
async fn the_tenant_comes_from_its_claim() {
    let named = |required: bool| Rules {
        tenant_claims: vec!["o.id".to_owned(), "org_id".to_owned()],
        tenant: (!required).then(TenantId::default_tenant),
        ..rules(Preset::Plain)
    };
    for (required, changes, expected) in [
        (true, json!({"o": {"id": "acme"}}), Ok("acme")),
        (true, json!({"org_id": "acme"}), Ok("acme")),
        (false, json!({}), Ok("default")),
        (true, json!({}), Err(TokenFault::NoTenant)),
        (false, json!({"o": {"id": "a/b"}}), Err(TokenFault::Tenant)),
        (false, json!({"o": {"id": 7}}), Err(TokenFault::Tenant)),
    ] {
        let asked = ask(named(required), changes.clone()).await;
        let tenant = asked.map(|principal| principal.tenant.to_string());
        assert_eq!(tenant, expected.map(ToOwned::to_owned), "{changes}");
    }
}

#[tokio::test]
async fn only_trusted_issuers_make_services() {
    let trusted = || Rules {
        services: true,
        ..rules(Preset::Plain)
    };
    let scopes = |asked: Result<Principal, TokenFault>| match asked.unwrap().identity {
        Identity::Service(service) => Some(service.scope),
        Identity::User(_) | Identity::Anyone => None,
    };
    for (scope, expected) in [
        (json!("meetings:write"), Some(Scope::Write)),
        (
            json!("openid meetings:admin meetings:write"),
            Some(Scope::Admin),
        ),
        (json!(["meetings:write"]), Some(Scope::Write)),
        (json!("openid"), None),
        (json!("meetings:administer"), None),
    ] {
        let changes = json!({ "scope": scope });
        assert_eq!(scopes(ask(trusted(), changes.clone()).await), expected);
        assert_eq!(scopes(ask(rules(Preset::Plain), changes).await), None);
    }
}

#[tokio::test]
async fn a_name_that_is_no_name_is_left_out() {
    for (name, expected) in [
        (json!("Ann"), Some("Ann")),
        (json!("much too long"), None),
        (json!("a\u{202e}b"), None),
        (json!(7), None),
    ] {
        let asked = ask(rules(Preset::Plain), json!({ "name": name })).await;
        assert_eq!(asked.unwrap().name.as_deref(), expected);
    }
}

#[tokio::test]
async fn without_an_issuer_everybody_is_anybody() {
    let nobody = authenticator(None, None);
    assert!(!nobody.verifies());
    let asked = nobody.authenticate(Some("anything")).await;
    assert_eq!(asked, Ok(Principal::anyone()));
}

#[test]
fn a_token_in_the_header_comes_before_one_in_the_query() {
    assert_eq!(bearer(Some("Bearer a.b.c"), Some("token=d")), Some("a.b.c"));
    assert_eq!(bearer(Some("bEaReR  a"), None), Some("a"));
    assert_eq!(bearer(Some("Basic a"), Some("EIO=4&token=d")), Some("d"));
    assert_eq!(bearer(None, Some("token=")), None);
    assert_eq!(bearer(None, Some("xtoken=d")), None);
}
