//! From a URL to a Redis: `redis://HOST:PORT/DB`, `rediss://` for TLS, and for Sentinel
//! `redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME`, for a cluster
//! `redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT` (both with `rediss` for TLS).

use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, TlsMode};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::link::Target;

/// Why a URL cannot be used, without quoting it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlFault(String);

fn fault(reason: &str) -> UrlFault {
    UrlFault(reason.to_owned())
}

/// Reads a URL. Nothing is connected.
pub(super) fn parse(url: &SecretString) -> Result<Target, UrlFault> {
    let url = url.expose_secret();
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| fault("is not a URL: write redis://HOST:PORT"))?;
    match scheme {
        "redis" | "valkey" => single("redis", rest),
        "rediss" | "valkeys" => single("rediss", rest),
        "redis+sentinel" => sentinel("redis", rest),
        "rediss+sentinel" => sentinel("rediss", rest),
        "redis+cluster" => cluster("redis", rest),
        "rediss+cluster" => cluster("rediss", rest),
        _ => Err(fault(
            "has an unknown scheme: write redis://, redis+sentinel:// or redis+cluster://, \
             with rediss for TLS",
        )),
    }
}

fn single(scheme: &str, rest: &str) -> Result<Target, UrlFault> {
    let info = connection_info(&format!("{scheme}://{rest}"))?;
    let client = Client::open(info).map_err(|_error| fault("is not a usable Redis URL"))?;
    Ok(Target::Single(Box::new(client)))
}

/// The connection, over RESP3: only there do commands and feeds share one.
fn connection_info(url: &str) -> Result<ConnectionInfo, UrlFault> {
    let info = url.into_connection_info().map_err(|_error| {
        fault("is not a usable Redis URL: write redis://USER:PASSWORD@HOST:PORT/DB")
    })?;
    let settings = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings))
}

fn cluster(scheme: &str, rest: &str) -> Result<Target, UrlFault> {
    let form =
        "is not a usable cluster URL: write redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT";
    let (login, hosts) = split_login(rest);
    let servers = hosts
        .trim_end_matches('/')
        .split(',')
        .map(|host| connection_info(&format!("{scheme}://{login}{host}")))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_fault| fault(form))?;
    Ok(Target::Cluster(servers))
}

fn split_login(rest: &str) -> (String, &str) {
    match rest.rsplit_once('@') {
        Some((login, rest)) => (format!("{login}@"), rest),
        None => (String::new(), rest),
    }
}

fn sentinel(scheme: &str, rest: &str) -> Result<Target, UrlFault> {
    let form = "is not a usable Sentinel URL: write redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME";
    let (login, rest) = split_login(rest);
    let (hosts, name) = rest.split_once('/').ok_or_else(|| fault(form))?;
    if name.is_empty() || hosts.is_empty() {
        return Err(fault(form));
    }
    // The login is the master's; the sentinels are asked without one.
    let sentinels = hosts
        .split(',')
        .map(|host| format!("redis://{host}").into_connection_info())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_error| fault(form))?;
    let master = connection_info(&format!("{scheme}://{login}host"))?;
    let mut node = SentinelNodeConnectionInfo::default()
        .set_redis_connection_info(master.redis_settings().clone());
    if scheme == "rediss" {
        node = node.set_tls_mode(TlsMode::Secure);
    }
    let clients = sentinels.into_iter().map(|sentinel| {
        let (name, node) = (name.to_owned(), Some(node.clone()));
        SentinelClient::build(vec![sentinel], name, node, SentinelServerType::Master)
            .map(Mutex::new)
            .map_err(|_error| fault(form))
    });
    clients.collect::<Result<_, _>>().map(Target::Sentinel)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(url: &str) -> Result<(), UrlFault> {
        parse(&SecretString::from(url)).map(drop)
    }

    #[test]
    fn the_usual_forms_are_understood() {
        for url in [
            "redis://127.0.0.1:6379",
            "redis://user:secret@redis.example:6380/2",
            "rediss://redis.example",
            "valkey://127.0.0.1",
            "redis+sentinel://10.0.0.1:26379,10.0.0.2:26379/mymaster",
            "rediss+sentinel://:secret@10.0.0.1:26379/mymaster",
            "redis+cluster://user:secret@10.0.0.1:6379,10.0.0.2:6379",
        ] {
            assert_eq!(reads(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn a_fault_says_what_to_write_and_quotes_nothing() {
        for url in [
            "",
            "localhost",
            "http://secret@x",
            "redis+sentinel://secret@h:1",
            "redis://secret@h:port",
        ] {
            let fault = reads(url).unwrap_err().to_string();
            assert!(fault.contains("write"), "{url}: {fault}");
            assert!(!fault.contains("secret"), "{fault}");
        }
    }
}
