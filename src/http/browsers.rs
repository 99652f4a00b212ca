//! What browsers may do: whose pages are served, and what they are told about it.
//!
//! One list decides for REST, for polling and for the WebSocket handshake, which browsers do not
//! subject to CORS at all.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};
use tower_http::cors::{AllowCredentials, AllowOrigin, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

/// How long a browser may remember what it was told about a request that it has not sent yet.
const PREFLIGHT_AGE: Duration = Duration::from_secs(3_600);

/// What a request is called.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a page must not be able to do with an answer, whatever it tricks a browser into.
const SECURITY: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

/// Whose pages may use this server.
#[derive(Debug, Clone)]
pub struct Origins {
    listed: Arc<[String]>,
    any: bool,
    local_only: bool,
}

impl Origins {
    /// The sites of this list (`*` is every site), and the server's own. With `local_only`, for a
    /// server that believes everybody, pages of this machine take the place of its own: the name by
    /// which a page reached it proves nothing.
    #[must_use]
    pub fn new(listed: Vec<String>, local_only: bool) -> Self {
        Self {
            any: listed.iter().any(|origin| origin == "*"),
            listed: listed.into(),
            local_only,
        }
    }

    /// Whether the request may be served: it comes from no page, or from one that may.
    #[must_use]
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        headers
            .get(header::ORIGIN)
            .is_none_or(|origin| self.allows(origin, headers))
    }

    fn allows(&self, origin: &HeaderValue, headers: &HeaderMap) -> bool {
        self.any || self.lists(origin) || self.is_own(origin, headers)
    }

    fn lists(&self, origin: &HeaderValue) -> bool {
        let listed = self.listed.iter();
        listed
            .map(String::as_bytes)
            .any(|it| it.eq_ignore_ascii_case(origin.as_bytes()))
    }

    fn is_own(&self, origin: &HeaderValue, headers: &HeaderMap) -> bool {
        let Ok(origin) = Uri::try_from(origin.as_bytes()) else {
            return false;
        };
        if self.local_only {
            return origin.host().is_some_and(is_loopback);
        }
        let named = headers.get(header::HOST).map(HeaderValue::as_bytes);
        let page = origin.authority().map(|it| it.as_str().as_bytes());
        named.is_some_and(|named| page.is_some_and(|page| page.eq_ignore_ascii_case(named)))
    }

    /// Tells browsers what they may do.
    pub fn cors(&self) -> CorsLayer {
        let (origins, listed) = (self.clone(), self.clone());
        let allows =
            move |origin: &HeaderValue, parts: &Parts| origins.allows(origin, &parts.headers);
        // Cookies are for proxies that keep a client on its node; nothing here reads one.
        let with_cookies = move |origin: &HeaderValue, _: &Parts| listed.lists(origin);
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(allows))
            .allow_credentials(AllowCredentials::predicate(with_cookies))
            .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, REQUEST_ID])
            .expose_headers([header::RETRY_AFTER, REQUEST_ID])
            .max_age(PREFLIGHT_AGE)
    }
}

/// The routes with what every answer of theirs says to browsers.
pub fn guard(router: Router, origins: &Origins) -> Router {
    let guarded = SECURITY.into_iter().fold(router, |router, (name, value)| {
        let value = HeaderValue::from_static(value);
        router.layer(SetResponseHeaderLayer::if_not_present(name, value))
    });
    guarded.layer(origins.cors())
}

fn is_loopback(host: &str) -> bool {
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(origins: &Origins, origin: &str, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers.insert(header::HOST, host.parse().unwrap());
        origins.admit(&headers)
    }

    #[test]
    fn own_pages_and_listed_sites_are_served() {
        let origins = Origins::new(vec!["https://app.example".to_owned()], false);
        assert!(origins.admit(&HeaderMap::new()), "no page at all");
        assert!(admits(&origins, "https://app.example", "usher.example"));
        assert!(admits(&origins, "https://Usher.example", "usher.example"));
        assert!(admits(
            &origins,
            "http://usher.example:81",
            "usher.example:81"
        ));
        for foreign in [
            "http://app.example",
            "https://app.example:8443",
            "https://app.example.evil.example",
            "https://evil.example",
            "http://usher.example:82",
            "null",
            "",
        ] {
            assert!(!admits(&origins, foreign, "usher.example:81"), "{foreign}");
        }
    }

    #[test]
    fn without_a_key_the_host_that_a_page_names_proves_nothing() {
        let origins = Origins::new(vec!["https://app.example".to_owned()], true);
        assert!(!admits(&origins, "http://evil.example", "evil.example"));
        assert!(admits(&origins, "https://app.example", "localhost:8080"));
        for local in [
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:5",
        ] {
            assert!(admits(&origins, local, "localhost:8080"), "{local}");
        }
    }

    #[test]
    fn a_star_is_everybody() {
        let origins = Origins::new(vec!["*".to_owned()], true);
        assert!(admits(&origins, "https://evil.example", "a"));
        assert!(admits(&origins, "null", "a"));
    }
}
