//! From which address a request comes: the peer's, or the one that a trusted proxy names.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use ipnet::IpNet;

/// Addresses in `X-Forwarded-For` that are looked at, from the right.
const MAX_HOPS: usize = 16;

/// Where a request comes from, as far as limits are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress {
    /// The client's address.
    pub ip: IpAddr,
    /// Whether a proxy named it.
    pub forwarded: bool,
}

impl ClientAddress {
    /// The address that limits count; `None` for this machine itself, where a proxy that nobody
    /// listed would make one address of all clients.
    #[must_use]
    pub fn counted(self) -> Option<IpAddr> {
        (self.forwarded || !self.ip.to_canonical().is_loopback()).then_some(self.ip)
    }
}

/// Proxies whose word is taken.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(pub Arc<[IpNet]>);

impl TrustedProxies {
    /// Whether this address is one of them.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client of a request that `peer` sent: behind trusted proxies the rightmost address in
    /// `X-Forwarded-For` that is none of them. What stands left of it, anybody may have written.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let mut client = ClientAddress {
            ip: peer,
            forwarded: false,
        };
        let values = headers.get_all("x-forwarded-for");
        // By bytes: what a client writes must not make what its proxy adds unreadable.
        let hops: Vec<&[u8]> = values
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .collect();
        for hop in hops.into_iter().rev().take(MAX_HOPS) {
            if !self.trusts(client.ip) {
                break;
            }
            let text = std::str::from_utf8(hop).ok();
            let Some(ip) = text.and_then(|text| address(text.trim())) else {
                // Somebody is behind the proxy, whoever it is.
                client.forwarded = true;
                break;
            };
            client = ClientAddress {
                ip,
                forwarded: true,
            };
        }
        client
    }
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(ip) = text.parse() {
        return Some(ip);
    }
    if let Ok(address) = text.parse::<std::net::SocketAddr>() {
        return Some(address.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> (String, bool) {
        let proxies = ["10.0.0.0/8", "::1/128"].map(|it| it.parse().unwrap());
        let mut headers = HeaderMap::new();
        for value in forwarded {
            let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append("x-forwarded-for", value);
        }
        let client = TrustedProxies(Arc::new(proxies)).client(peer.parse().unwrap(), &headers);
        (client.ip.to_string(), client.forwarded)
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_what_they_saw() {
        for (peer, forwarded, ip, named) in [
            ("192.0.2.1", &["203.0.113.9"][..], "192.0.2.1", false),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9", true),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.9"], "203.0.113.9", true),
            (
                "10.0.0.1",
                &["1.1.1.1", "203.0.113.9, 10.0.0.2"],
                "203.0.113.9",
                true,
            ),
            ("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1", true),
            ("10.0.0.1", &["203.0.113.9:80"], "203.0.113.9", true),
            ("10.0.0.1", &["unknown"], "10.0.0.1", true),
            ("10.0.0.1", &["\u{ff}, 203.0.113.9"], "203.0.113.9", true),
            ("10.0.0.1", &["x, 10.0.0.3"], "10.0.0.3", true),
            ("10.0.0.1", &[], "10.0.0.1", false),
            ("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9", true),
        ] {
            let expected = (ip.to_owned(), named);
            assert_eq!(client(peer, forwarded), expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn this_machine_is_not_counted_unless_a_proxy_names_it() {
        let counted = |text: &str, forwarded| {
            let ip = text.parse().unwrap();
            ClientAddress { ip, forwarded }.counted().is_some()
        };
        assert!(!counted("127.0.0.1", false) && !counted("::1", false));
        assert!(!counted("::ffff:127.0.0.1", false));
        assert!(counted("127.0.0.1", true) && counted("192.0.2.1", false));
    }

    proptest! {
        #[test]
        fn no_header_makes_it_fall_over(value in "[0-9a-fA-F:., \\[\\]x/-]*") {
            drop(client("10.0.0.1", &[&value]));
        }
    }
}
