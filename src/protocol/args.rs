//! The arguments of an incoming event, still as raw JSON, so that shapes are sorted out by event.

use std::borrow::Cow;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Arguments that are looked at; more than the widest positional form has.
const MAX_ARGUMENTS: usize = 4;

/// An event as it came: its name and its first few arguments.
#[derive(Debug)]
pub struct Packet<'a> {
    /// The event's name.
    pub event: Cow<'a, str>,
    /// Up to four arguments; further ones are ignored.
    pub arguments: Vec<&'a RawValue>,
}

impl<'a> Packet<'a> {
    /// Reads `["event", argument, …]`, the body of a Socket.IO event packet.
    ///
    /// # Errors
    /// Not an array, or its first element is not a string.
    pub fn parse(body: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(body)
    }

    /// One argument as `T`; a missing one reads as JSON null.
    ///
    /// # Errors
    /// What does not fit, and where.
    pub fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.raw(index))
    }

    /// One argument as JSON text; `null` when it is missing.
    #[must_use]
    pub fn raw(&self, index: usize) -> &'a str {
        self.arguments
            .get(index)
            .map_or("null", |argument| argument.get())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Packet<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> Visitor<'de> for Elements {
            type Value = Packet<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array that starts with the event's name")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let event = seq
                    .next_element::<BorrowedStr<'de>>()?
                    .ok_or_else(|| serde::de::Error::invalid_length(0, &self))?;
                let mut arguments = Vec::with_capacity(1);
                while let Some(argument) = seq.next_element::<&'de RawValue>()? {
                    if arguments.len() < MAX_ARGUMENTS {
                        arguments.push(argument);
                    }
                }
                Ok(Packet {
                    event: event.0,
                    arguments,
                })
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}

#[derive(serde::Deserialize)]
struct BorrowedStr<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_any_number_of_arguments() {
        let packet = Packet::parse(r#"["join", {"a":1}, "x", null, 4, 5]"#).unwrap();
        assert_eq!(packet.event, "join");
        assert_eq!(packet.arguments.len(), 4);
        assert_eq!(packet.raw(1), "\"x\"");
        assert_eq!(Packet::parse(r#"["e"]"#).unwrap().raw(0), "null");
    }

    #[test]
    fn refuses_what_is_not_an_event() {
        for bad in [
            "", "{}", "[]", "[1]", "[null]", "[\"a\"", "\"a\"", "[\"a\",]",
        ] {
            assert!(Packet::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_event_is_read_as_any_reader_of_json_would(body in "[\\[\\]{}\",:0-9a-z\\\\ ]{0,40}|\\PC*") {
            let read = Packet::parse(&body).ok().map(|it| it.event.into_owned());
            let plain = serde_json::from_str::<Vec<serde_json::Value>>(&body).ok();
            // Arguments are not looked at here, so more is read than a reader of all of it would take.
            if let Some(list) = plain {
                let event = list.first().and_then(|it| it.as_str());
                prop_assert_eq!(read.as_deref(), event);
            }
        }

        #[test]
        fn what_was_sent_comes_out(
            event in "\\PC{1,12}",
            arguments in prop::collection::vec("\\PC{0,12}", 0..6),
        ) {
            let mut list = vec![serde_json::Value::from(event.as_str())];
            list.extend(arguments.iter().map(|it| serde_json::Value::from(it.as_str())));
            let body = serde_json::Value::from(list).to_string();
            let packet = Packet::parse(&body).unwrap();
            prop_assert_eq!(&*packet.event, event.as_str());
            for (index, argument) in arguments.iter().take(MAX_ARGUMENTS).enumerate() {
                prop_assert_eq!(&packet.get::<String>(index).unwrap(), argument);
            }
        }
    }
}
