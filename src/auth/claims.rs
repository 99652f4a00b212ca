//! Reading a token's parts: before anything is believed, and the claims of one that is.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

use super::fault::TokenFault;

/// Longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8192;

/// What a token says of how it is to be checked. Nothing of it is to be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified {
    /// The header's `alg`.
    pub algorithm: String,
    /// The header's `kid`.
    pub key: Option<String>,
    /// The payload's `iss`.
    pub issuer: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Payload {
    iss: Option<String>,
}

/// Splits a token in the compact form of RFC 7515.
///
/// # Errors
/// [`TokenFault::TooLong`], [`TokenFault::Malformed`], [`TokenFault::Header`].
pub(super) fn look_at(token: &str) -> Result<Unverified, TokenFault> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenFault::TooLong);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(_signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenFault::Malformed);
    };
    let header: Header = part(header)?;
    let payload: Payload = part(payload)?;
    let known_type = header
        .typ
        .is_none_or(|typ| typ.eq_ignore_ascii_case("jwt") || typ.eq_ignore_ascii_case("at+jwt"));
    if header.crit.is_some() || !known_type {
        return Err(TokenFault::Header);
    }
    Ok(Unverified {
        algorithm: header.alg,
        key: header.kid,
        issuer: payload.iss,
    })
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, TokenFault> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_not_base64| TokenFault::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_not_json| TokenFault::Malformed)
}

/// The claims of a token whose signature is right.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    /// The claim at a path of names with dots between them.
    #[must_use]
    pub(super) fn at(&self, path: &str) -> Option<&Value> {
        // A name with dots in it, as namespaced claims have, is found as it stands.
        if let Some(claim) = self.0.get(path) {
            return Some(claim);
        }
        let mut names = path.split('.');
        let first = self.0.get(names.next()?)?;
        names.try_fold(first, |object, name| object.get(name))
    }

    /// The text at a path.
    #[must_use]
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.at(path)?.as_str()
    }

    /// Seconds since 1970, which may have a fraction (RFC 7519, `NumericDate`).
    #[must_use]
    pub(super) fn seconds(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64().filter(|it| it.is_finite())
    }

    /// A claim that is one text or a list of texts.
    #[must_use]
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        let Some(claim) = self.0.get(name) else {
            return Vec::new();
        };
        match claim.as_array() {
            Some(many) => many.iter().filter_map(Value::as_str).collect(),
            None => claim.as_str().into_iter().collect(),
        }
    }

    /// Whether a claim is there at all.
    #[must_use]
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if let Value::Object(claims) = deserializer.deserialize_any(Strict)? {
            Ok(Self(claims))
        } else {
            Err(serde::de::Error::custom("the claims are no object"))
        }
    }
}

/// What the error of a member that is named twice says.
pub(super) const TWICE: &str = "a member is named twice";

/// JSON in which no object names a member twice: readers that keep the first and readers that keep
/// the last would see two different tokens.
struct Strict;

struct StrictValue(Value);

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Strict).map(Self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, it: bool) -> Result<Value, E> {
        Ok(Value::Bool(it))
    }

    fn visit_u64<E>(self, it: u64) -> Result<Value, E> {
        Ok(Value::Number(it.into()))
    }

    fn visit_i64<E>(self, it: i64) -> Result<Value, E> {
        Ok(Value::Number(it.into()))
    }

    fn visit_f64<E>(self, it: f64) -> Result<Value, E> {
        Ok(Number::from_f64(it).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, it: &str) -> Result<Value, E> {
        Ok(Value::String(it.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(StrictValue(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let StrictValue(value) = members.next_value()?;
            if object.insert(name, value).is_some() {
                return Err(serde::de::Error::custom(TWICE));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(header: &str, payload: &str) -> String {
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
        format!("{header}.{payload}.c2ln")
    }

    #[test]
    fn what_a_token_asks_for_is_read_and_not_more() {
        let seen = look_at(&token(
            r#"{"alg":"ES256","kid":"k1","jku":"https://evil.example"}"#,
            r#"{"iss":"me"}"#,
        ));
        let expected = Unverified {
            algorithm: "ES256".to_owned(),
            key: Some("k1".to_owned()),
            issuer: Some("me".to_owned()),
        };
        assert_eq!(seen, Ok(expected));
    }

    #[test]
    fn what_is_no_token_is_told_apart() {
        let header = r#"{"alg":"ES256"}"#;
        for bad in ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "\u{e9}.b.c"] {
            assert_eq!(look_at(bad), Err(TokenFault::Malformed), "{bad}");
        }
        for (header, payload, fault) in [
            (header, r#"{"iss":"a","iss":"b"}"#, TokenFault::Malformed),
            (header, r#"{"iss":7}"#, TokenFault::Malformed),
            (r#"{"alg":"a","crit":["x"]}"#, "{}", TokenFault::Header),
            (r#"{"alg":"a","typ":"JOSE"}"#, "{}", TokenFault::Header),
            (r#"{"kid":"a"}"#, "{}", TokenFault::Malformed),
            (
                r#"{"alg":"a","kid":["../../x"]}"#,
                "{}",
                TokenFault::Malformed,
            ),
        ] {
            let seen = look_at(&token(header, payload));
            assert_eq!(seen, Err(fault), "{header} {payload}");
        }
        let long = "x".repeat(MAX_TOKEN_BYTES + 1);
        assert_eq!(look_at(&long), Err(TokenFault::TooLong));
    }

    #[test]
    fn claims_are_found_by_path() {
        let claims: Claims =
            serde_json::from_str(r#"{"o":{"id":"org"},"https://a.b/t":"x","aud":["a",1,"b"]}"#)
                .unwrap();
        assert_eq!(claims.text("o.id"), Some("org"));
        assert_eq!(claims.text("https://a.b/t"), Some("x"));
        assert_eq!(claims.text("o.id.x"), None);
        assert_eq!(claims.texts("aud"), ["a", "b"]);
    }

    #[test]
    fn a_member_named_twice_is_refused_at_any_depth() {
        for twice in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"\u0062":2}]}"#,
        ] {
            let error = serde_json::from_str::<Claims>(twice).unwrap_err();
            assert!(error.to_string().contains(TWICE), "{error}");
        }
        assert!(serde_json::from_str::<Claims>("[]").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fall_over(text in "\\PC*") {
            drop(look_at(&text));
        }

        #[test]
        fn no_json_makes_the_reader_fall_over(header in "[{}\\[\\]\":,a-z0-9]*", payload in "\\PC*") {
            drop(look_at(&token(&header, &payload)));
        }

        #[test]
        fn claims_are_read_as_any_reader_would(json in arbitrary_json()) {
            let text = json.to_string();
            let read = serde_json::from_str::<StrictValue>(&text).map(|it| it.0);
            prop_assert_eq!(read.ok(), serde_json::from_str::<Value>(&text).ok());
        }
    }

    fn arbitrary_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            ".*".prop_map(Value::String),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map(".{0,4}", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }
}
