//! Keys over HTTPS.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{ACCEPT, CACHE_CONTROL};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use super::jwks::{KeySource, Published, shown};
use super::keys::published;

/// What a fetch may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// For the whole of it.
    pub timeout: Duration,
    /// Bytes of the answer.
    pub bytes: usize,
}

/// A set of keys at a URL.
pub struct Endpoint {
    client: Client,
    url: String,
    limits: FetchLimits,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(shown(&self.url))
    }
}

impl Endpoint {
    /// The set at `url`. Redirects are not followed: the URL is what the operator trusts.
    ///
    /// # Errors
    /// The machine's certificates cannot be read.
    pub fn new(url: String, limits: FetchLimits) -> Result<Self, String> {
        let client = Client::builder()
            .redirect(Policy::none())
            .timeout(limits.timeout)
            .connect_timeout(limits.timeout)
            // Event loops come and go; a connection kept for the next fetch would belong to one.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            client,
            url,
            limits,
        })
    }

    async fn body(&self, mut answer: Response) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| cause(&error))? {
            if body.len().saturating_add(chunk.len()) > self.limits.bytes {
                return Err(format!("more than {} bytes", self.limits.bytes));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

#[async_trait]
impl KeySource for Endpoint {
    async fn fetch(&self) -> Result<Published, String> {
        let request = self
            .client
            .get(&self.url)
            .header(ACCEPT, "application/json");
        let answer = request.send().await.map_err(|error| cause(&error))?;
        if answer.status() != http::StatusCode::OK {
            return Err(format!("answered with {}", answer.status()));
        }
        let max_age = answer
            .headers()
            .get(CACHE_CONTROL)
            .and_then(|value| max_age(value.to_str().ok()?));
        let body = self.body(answer).await?;
        let keys = published(&body).ok_or("is no set of keys")?;
        if keys.is_empty() {
            tracing::warn!(
                url = shown(&self.url),
                "a published set holds no key that signs"
            );
        }
        Ok(Published { keys, max_age })
    }
}

/// The innermost cause: the outer ones only say that there was an error.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// How long an answer holds, from its `Cache-Control`.
fn max_age(directives: &str) -> Option<Duration> {
    let mut age = None;
    for directive in directives.split(',').map(str::trim) {
        if directive.eq_ignore_ascii_case("no-store") || directive.eq_ignore_ascii_case("no-cache")
        {
            return Some(Duration::ZERO);
        }
        if let Some((name, value)) = directive.split_once('=')
            && name.eq_ignore_ascii_case("max-age")
        {
            age = value
                .trim_matches('"')
                .parse()
                .ok()
                .map(Duration::from_secs);
        }
    }
    age
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_control_is_read() {
        let seconds = |secs| Some(Duration::from_secs(secs));
        assert_eq!(
            max_age("public, max-age=600, must-revalidate"),
            seconds(600)
        );
        assert_eq!(max_age("Max-Age=\"5\""), seconds(5));
        assert_eq!(max_age("no-cache, max-age=600"), seconds(0));
        assert_eq!(max_age("max-age=soon"), None);
        assert_eq!(max_age("s-maxage=9"), None);
    }
}
