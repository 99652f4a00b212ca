//! Calls to a provider's API: bounded in time, size, number and rate, and repeated when that may help.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};
use secrecy::ExposeSecret;

use super::answer::{body, fault, judge};
use super::breaker::Breaker;
use super::call::{Call, Lane, Reply};
use super::pace::Gate;
use crate::clock::Clock;
use crate::domain::rate::Rate;
use crate::engine::providers::ProviderFault;

/// Calls of [`Lane::Slow`] that are under way at the same time, at most.
const SLOW_AT_ONCE: usize = 2;

/// For how long a connection is kept for the next call.
const IDLE: Duration = Duration::from_secs(20);

/// What calls to a provider may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboundOptions {
    /// For one call, from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// Before the second try.
    pub retry_min: Duration,
    /// Before any try, at most.
    pub retry_max: Duration,
    /// Failures in a row after which the provider is left alone.
    pub breaker_failures: u32,
    /// For how long.
    pub breaker_pause: Duration,
    /// Calls under way at the same time; slow ones come on top.
    pub at_once: usize,
    /// How often [`Outbound::send`] tries, at most.
    pub patience: u32,
}

/// How often the provider may be called; `None` is without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paces {
    /// For [`Lane::Usual`].
    pub usual: Option<Rate>,
    /// For [`Lane::Slow`].
    pub slow: Option<Rate>,
}

/// The way to one provider, for one tenant.
pub struct Outbound {
    client: Client,
    base: Url,
    options: OutboundOptions,
    usual: Gate,
    slow: Gate,
    breaker: Breaker,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("host", &self.base.host_str())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Outbound {
    /// The way to the API at `base`. Redirects are not followed: the key is for that address only.
    ///
    /// # Errors
    /// What is wrong with the address, or that the machine's certificates cannot be read.
    pub fn new(
        base: &str,
        options: OutboundOptions,
        paces: Paces,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let base = address(base)?;
        let mut client = Client::builder()
            .redirect(Policy::none())
            .timeout(options.timeout)
            .connect_timeout(options.timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(options.at_once);
        if is_loopback(&base) {
            client = client.no_proxy();
        }
        let gate = |at_once, rate| Gate::new(at_once, rate, clock.clone());
        Ok(Self {
            client: client.build().map_err(|error| error.to_string())?,
            base,
            options,
            usual: gate(options.at_once, paces.usual),
            slow: gate(options.at_once.min(SLOW_AT_ONCE), paces.slow),
            breaker: Breaker::new(options.breaker_failures, options.breaker_pause),
            clock,
        })
    }

    /// Time, as calls go by it.
    #[must_use]
    pub const fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Calls once.
    ///
    /// # Errors
    /// Why there is no answer of success.
    pub async fn once(&self, call: &Call) -> Result<Reply, ProviderFault> {
        // Nobody queues for what is left alone.
        if !self.breaker.lets_through(self.clock.now()) {
            return Err(ProviderFault::LeftAlone);
        }
        let gate = match call.lane {
            Lane::Usual => &self.usual,
            Lane::Slow => &self.slow,
        };
        let _place = gate.enter(call.urgency).await?;
        let now = self.clock.now();
        let pass = self.breaker.admit(now).ok_or(ProviderFault::LeftAlone)?;
        let result = self.exchange(call).await;
        match &result {
            Err(ProviderFault::Unavailable(_)) => pass.failed(self.clock.now()),
            Err(ProviderFault::RateLimited) => {
                gate.exhaust();
                pass.answered();
            }
            // The call was not even made.
            Err(ProviderFault::Unconfigured | ProviderFault::LeftAlone) => drop(pass),
            Ok(_) | Err(ProviderFault::Refused { .. }) => pass.answered(),
        }
        result
    }

    /// Calls until there is an answer, with longer and longer pauses; for calls that may be repeated.
    ///
    /// # Errors
    /// Why there is no answer of success: one that another try would not change, or the last one.
    pub async fn send(&self, call: &Call) -> Result<Reply, ProviderFault> {
        let mut tries = 1;
        loop {
            let fault = match self.once(call).await {
                Ok(reply) => return Ok(reply),
                Err(fault) => fault,
            };
            if tries >= self.options.patience || !passes(&fault) {
                return Err(fault);
            }
            tracing::debug!(?call, %fault, tries, "a call to a provider is tried again");
            let pause = back_off(self.options.retry_min, self.options.retry_max, tries);
            self.clock.sleep_until(self.clock.now().plus(pause)).await;
            tries = tries.saturating_add(1);
        }
    }

    async fn exchange(&self, call: &Call) -> Result<Reply, ProviderFault> {
        let answer = self
            .request(call)
            .send()
            .await
            .map_err(|error| fault(&error))?;
        let status = answer.status();
        let body = body(answer).await?;
        judge(status, &body)
    }

    fn request(&self, call: &Call) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let request = self.client.request(call.method.clone(), url);
        let request = request.bearer_auth(call.bearer.expose_secret());
        match &call.body {
            None => request,
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string()),
        }
    }
}

/// A key goes only over TLS, or nowhere off this machine.
fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let is_bare = url.username().is_empty() && url.password().is_none();
    if !is_bare || url.query().is_some() || url.fragment().is_some() {
        return Err("must have no user, query or fragment".to_owned());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err("must begin with https:// (http:// only for this machine)".to_owned()),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|it| it.to_canonical().is_loopback())
}

/// Whether another try may end otherwise.
const fn passes(fault: &ProviderFault) -> bool {
    match fault {
        ProviderFault::RateLimited | ProviderFault::Unavailable(_) => true,
        ProviderFault::Refused { .. } | ProviderFault::LeftAlone | ProviderFault::Unconfigured => {
            false
        }
    }
}

/// The pause after so many tries: twice as long after each, and of that a random part from half to all.
#[must_use]
pub fn back_off(min: Duration, max: Duration, tries: u32) -> Duration {
    let mut random = [0; 4];
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        // The pause is good without chance, too.
        random = [u8::MAX; 4];
    }
    spread(min, max, tries, u32::from_ne_bytes(random))
}

fn spread(min: Duration, max: Duration, tries: u32, random: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
    let half = min.saturating_mul(doubled).min(max) / 2;
    half.saturating_add(half.mul_f64(f64::from(random) / f64::from(u32::MAX)))
}

#[cfg(test)]
mod tests;
