//! `[rates]`: how often something may happen.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// So many at once, and as many again in each period, evenly; or without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateSetting(pub Option<(u32, Duration)>);

/// What a rate looks like, for whoever wrote something else.
const FORM: &str =
    "N/PERIOD as in 10/1m, with N from 1 to 1000000 and a period of 100ms to 24h, or off";

const OFF: &str = "off";

/// Units of a period, the longest first, with their milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("ms", 1), ("s", 1_000)];

impl RateSetting {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == OFF {
            return Some(Self(None));
        }
        let (count, period) = text.split_once('/')?;
        let count: u32 = count.trim().parse().ok()?;
        let period = period.trim();
        let digits = period.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = period.strip_prefix(digits)?;
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let number = if digits.is_empty() {
            1
        } else {
            digits.parse().ok()?
        };
        let millis = millis.checked_mul(number)?;
        let in_range = (1..=1_000_000).contains(&count) && (100..=86_400_000).contains(&millis);
        in_range.then(|| Self(Some((count, Duration::from_millis(millis)))))
    }
}

impl fmt::Display for RateSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((count, period)) = self.0 else {
            return f.write_str(OFF);
        };
        let millis = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
        let whole = UNITS
            .iter()
            .filter(|(_, unit)| millis.is_multiple_of(*unit))
            .max_by_key(|(_, unit)| *unit);
        let (name, unit) = whole.unwrap_or(&("ms", 1));
        write!(f, "{count}/{}{name}", millis / unit)
    }
}

impl<'de> Deserialize<'de> for RateSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not {FORM}")))
    }
}

impl Serialize for RateSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `[rates]`: how often something may happen. Each is refused beyond, with when to try again.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RatesConfig {
    /// Commands over one connection. Default 100/5s.
    pub commands_per_connection: RateSetting,
    /// Commands of one user, on one node. Default 300/10s.
    pub commands_per_user: RateSetting,
    /// Commands of one tenant, on one node. Default off.
    pub commands_per_tenant: RateSetting,
    /// Joins of one user; coming back within the grace does not count. Default 10/1m.
    pub joins_per_user: RateSetting,
    /// Joins of one tenant. Default off.
    pub joins_per_tenant: RateSetting,
    /// Socket.IO connections of one user. Default 60/1m.
    pub connects_per_user: RateSetting,
    /// Socket.IO connections from one address. Default 1000/1m.
    pub connects_per_ip: RateSetting,
    /// Socket.IO connections of one tenant. Default off.
    pub connects_per_tenant: RateSetting,
    /// REST requests of one user. Default 300/1m.
    pub requests_per_user: RateSetting,
    /// REST requests of one back end. Default 6000/1m.
    pub requests_per_service: RateSetting,
    /// REST requests from one address without a good token. Default 600/1m.
    pub requests_per_ip: RateSetting,
    /// REST requests of one tenant. Default off.
    pub requests_per_tenant: RateSetting,
    /// Meetings that are created for one user. Default 30/1m.
    pub creations_per_user: RateSetting,
    /// Refused tokens from one address. Default 20/1m.
    ///
    /// Beyond it a bad token is answered with `rate-limited`; a good one is served.
    pub refused_tokens_per_ip: RateSetting,
    /// Users, addresses and tenants that are counted at once; beyond it the least active are
    /// forgotten. Default 100,000.
    pub counted: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        for (text, shown, expected) in [
            ("10/1m", "10/1m", Some((10, 60_000))),
            (" 3 / 5m ", "3/5m", Some((3, 300_000))),
            ("20/s", "20/1s", Some((20, 1_000))),
            ("1/500ms", "1/500ms", Some((1, 500))),
            ("5/60s", "5/1m", Some((5, 60_000))),
            ("off", "off", None),
        ] {
            let rate = RateSetting::parse(text).unwrap();
            let found = rate.0.map(|(count, period)| (count, period.as_millis()));
            assert_eq!(found, expected, "{text}");
            assert_eq!(rate.to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "",
            "10",
            "10/",
            "/1m",
            "0/1m",
            "-1/1m",
            "10/1d",
            "10/1.5m",
            "10/0s",
            "10/99ms",
            "10/25h",
            "1000001/1m",
            "Off",
            "10/1m/1m",
            "10/99999999999999999999h",
        ] {
            assert_eq!(RateSetting::parse(text), None, "{text}");
        }
    }
}
