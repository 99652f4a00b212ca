//! The query of an Engine.IO request, read once and strictly: what it means here must be what it means to
//! the library, which takes the first of several and is lenient about each.

use socketioxide::socket::Sid;

/// Which Engine.IO a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Clients 2.x.
    Third,
    /// Clients 3.x and 4.x.
    Fourth,
}

/// How a client talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// With a request for each message, or for several.
    Polling,
    /// Over a WebSocket.
    WebSocket,
}

/// What a request of a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineQuery {
    /// `EIO`.
    pub version: Version,
    /// `transport`.
    pub transport: Transport,
    /// `sid`; none opens a session.
    pub sid: Option<Sid>,
}

impl EngineQuery {
    /// Reads a query; `None` when it is not plainly one of a client: `EIO` and `transport` once, `sid` at
    /// most once, each with a value that is known.
    #[must_use]
    pub fn read(query: &str) -> Option<Self> {
        let (mut version, mut transport, mut sid) = (None, None, None);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let known = match name {
                "EIO" => version
                    .replace(match value {
                        "3" => Version::Third,
                        "4" => Version::Fourth,
                        _ => return None,
                    })
                    .is_none(),
                "transport" => transport
                    .replace(match value {
                        "polling" => Transport::Polling,
                        "websocket" => Transport::WebSocket,
                        _ => return None,
                    })
                    .is_none(),
                "sid" => sid.replace(value.parse().ok()?).is_none(),
                _ => true,
            };
            if !known {
                return None;
            }
        }
        Some(Self {
            version: version?,
            transport: transport?,
            sid,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SID: &str = "AAAAAAAAAAAAAAHs";

    #[test]
    fn what_clients_send_is_read() {
        let read = EngineQuery::read(&format!(
            "EIO=4&transport=polling&t=abc&sid={SID}&token=a.b"
        ));
        let expected = EngineQuery {
            version: Version::Fourth,
            transport: Transport::Polling,
            sid: SID.parse().ok(),
        };
        assert_eq!(read, Some(expected));
        let read = EngineQuery::read("EIO=3&transport=websocket&b64=1");
        assert_eq!(read.map(|it| it.version), Some(Version::Third));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not() {
        for query in [
            "",
            "EIO=4",
            "transport=polling",
            "EIO=3=&transport=polling",
            "EIO=3=x&transport=polling",
            "EIO=4&EIO=3&transport=polling",
            "EIO=4&transport=polling&transport=websocket",
            "EIO=4&transport=polling&sid=x",
            "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAHs&sid=AAAAAAAAAAAAAAHs",
            "EIO=5&transport=polling",
            "EIO=%33&transport=polling",
        ] {
            assert_eq!(EngineQuery::read(query), None, "{query}");
        }
    }

    /// What the library makes of `EIO`: engineioxide 0.17.9, `service/parser.rs`.
    fn version_of_library(query: &str) -> Option<&str> {
        let pair = query.split('&').find(|pair| pair.starts_with("EIO="))?;
        pair.split('=').nth(1)
    }

    proptest! {
        #[test]
        fn the_library_reads_the_same(
            pairs in prop::collection::vec(
                ("(EIO|transport|sid|t|b64|EIOx)", "[34=a&%]{0,3}|polling|websocket"),
                0..5,
            ),
        ) {
            let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let query = pairs.join("&");
            if let Some(read) = EngineQuery::read(&query) {
                let expected = match read.version {
                    Version::Third => "3",
                    Version::Fourth => "4",
                };
                prop_assert_eq!(version_of_library(&query), Some(expected), "{}", query);
            }
        }

        #[test]
        fn no_query_makes_it_fall_over(query in "\\PC*") {
            let read = EngineQuery::read(&query);
            prop_assert!(read.is_none() || query.contains("EIO="));
        }
    }
}
