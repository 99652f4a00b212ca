//! Reading a database URL closely enough to say what is wrong with it before anything connects.
//!
//! The drivers below us parse the URL again, and one of them panics on text that is no URL at all.
//! So this check is the stricter one: what passes here, they parse.

use std::net::Ipv6Addr;

use super::secret::MASK;

/// Which database a URL speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseBackend {
    /// A file (or memory) of this process.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// Why a URL cannot be used, without quoting it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UrlFault {
    pub(super) reason: String,
    pub(super) hint: &'static str,
}

const FORMS: &str = "sqlite://FILE?mode=rwc or postgres://USER:PASSWORD@HOST:PORT/NAME";
const SQLITE_FORMS: &str = "sqlite://FILE?mode=rwc, sqlite:///ABSOLUTE/FILE?mode=rwc or \
                            sqlite::memory:";
const ESCAPES: &str =
    "in a user name or password write / as %2F, @ as %40, : as %3A, # as %23, ? as %3F";

/// The backend that `url` names, by its scheme alone.
pub(super) fn backend(url: &str) -> Option<DatabaseBackend> {
    let (scheme, _) = url.split_once(':')?;
    match scheme {
        "sqlite" => Some(DatabaseBackend::Sqlite),
        "postgres" | "postgresql" => Some(DatabaseBackend::Postgres),
        _ => None,
    }
}

/// Whether the whole of `url` can be used.
pub(super) fn check(url: &str) -> Result<DatabaseBackend, UrlFault> {
    if url.is_empty() {
        return fault("is empty", FORMS);
    }
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return fault(
            "holds white space or control characters",
            "write a space as %20",
        );
    }
    if !percent_encoding_is_sound(url) {
        return fault(
            "holds a % that no two hexadecimal digits follow",
            "write % as %25",
        );
    }
    let Some((scheme, rest)) = url.split_once(':') else {
        return fault("is not a URL", FORMS);
    };
    let (location, query) = split_query(rest);
    match scheme {
        "sqlite" => check_sqlite(location, query).map(|()| DatabaseBackend::Sqlite),
        "postgres" | "postgresql" => {
            check_postgres(location, query).map(|()| DatabaseBackend::Postgres)
        }
        "mysql" | "mariadb" => fault("MySQL and MariaDB are not supported", FORMS),
        _ => fault(
            "has a scheme that is neither `sqlite` nor `postgres`",
            FORMS,
        ),
    }
}

/// `url` without its password, for people to read. Rather hides too much than too little.
pub(super) fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let rest = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:{MASK}@{host}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    let (location, query) = split_query(&rest);
    if query.is_empty() {
        return format!("{scheme}://{location}");
    }
    let query: Vec<String> = pairs(query)
        .map(|(name, value)| match name {
            "password" => format!("password={MASK}"),
            _ if value.is_empty() => name.to_owned(),
            _ => format!("{name}={value}"),
        })
        .collect();
    format!("{scheme}://{location}?{}", query.join("&"))
}

fn check_sqlite(location: &str, query: &str) -> Result<(), UrlFault> {
    let file = match location.strip_prefix("//") {
        Some(file) => file,
        None => location,
    };
    if file.is_empty() {
        return fault("names no file", SQLITE_FORMS);
    }
    if location.starts_with("//:memory:") {
        return fault("has slashes before :memory:", SQLITE_FORMS);
    }
    if file.contains('#') {
        return fault(
            "holds a #, which ends a URL",
            "in a file name write # as %23, ? as %3F",
        );
    }
    // What stands between the two slashes and the next one is a host to whoever parses URLs.
    if let Some(file) = location.strip_prefix("//") {
        let head = file.split('/').next().unwrap_or_default();
        if !head.chars().all(host_character) {
            return fault(
                "starts with a folder or file name of special characters",
                "write ./ before it: sqlite://./FILE?mode=rwc",
            );
        }
    }
    for (name, value) in pairs(query) {
        match (name, value) {
            ("mode", "rw" | "rwc" | "memory") | ("cache", "private" | "shared") | ("vfs", _) => {}
            ("immutable", "false" | "0") => {}
            ("mode", "ro") | ("immutable", "true" | "1") => {
                return fault("is read-only", "the server writes: use mode=rwc or mode=rw");
            }
            ("mode" | "cache" | "immutable", _) => {
                return fault(format!("has an unknown value for `{name}`"), SQLITE_FORMS);
            }
            _ => return fault(format!("has an unknown parameter `{name}`"), SQLITE_FORMS),
        }
    }
    Ok(())
}

fn check_postgres(location: &str, query: &str) -> Result<(), UrlFault> {
    let Some(location) = location.strip_prefix("//") else {
        return fault("lacks the // after its scheme", FORMS);
    };
    if location.contains('#') {
        return fault("holds a #, which ends a URL", ESCAPES);
    }
    let (authority, name) = location.split_once('/').unwrap_or((location, ""));
    if name.contains('@') {
        return fault("has an unescaped / before its @", ESCAPES);
    }
    if name.contains('/') {
        return fault("has more than a database name after its host", FORMS);
    }
    let address = match authority.rsplit_once('@') {
        Some((user, _)) if user.contains('@') => {
            return fault("holds more than one @", ESCAPES);
        }
        Some((_, address)) => address,
        None => authority,
    };
    check_address(address)?;
    let mut host_given = !address.is_empty() && !address.starts_with(':');
    if address.is_empty() && authority.contains('@') {
        return fault(
            "names no host after its @",
            "for a Unix socket: postgres://USER@localhost/NAME?host=/FOLDER",
        );
    }
    for (name, value) in pairs(query) {
        match name {
            "host" | "hostaddr" => host_given |= !value.is_empty(),
            "port" if !is_port(value) => {
                return fault("has a `port` that is no port", "1 to 65535");
            }
            "sslmode" | "ssl-mode" if !SSL_MODES.contains(&value) => {
                return fault(
                    "has an unknown `sslmode`",
                    "disable, allow, prefer, require, verify-ca or verify-full",
                );
            }
            _ => {}
        }
    }
    if host_given {
        Ok(())
    } else {
        fault("names no host", FORMS)
    }
}

const SSL_MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

/// `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.
fn check_address(address: &str) -> Result<(), UrlFault> {
    let (host, port) = if let Some(bracketed) = address.strip_prefix('[') {
        let Some((host, port)) = bracketed.split_once(']') else {
            return fault("has a [ without its ]", FORMS);
        };
        if host.parse::<Ipv6Addr>().is_err() {
            return fault("has something in brackets that is no IPv6 address", FORMS);
        }
        (host, port)
    } else {
        let end = address.find(':').unwrap_or(address.len());
        let (host, port) = address.split_at_checked(end).unwrap_or((address, ""));
        if !host.chars().all(host_character) {
            return fault("has a host with special characters", ESCAPES);
        }
        (host, port)
    };
    if host.is_empty() && !port.is_empty() {
        return fault("names a port but no host", FORMS);
    }
    match port.strip_prefix(':') {
        Some(port) if !is_port(port) => {
            fault("has a port that is no number from 1 to 65535", ESCAPES)
        }
        None if !port.is_empty() => fault("has text between its ] and its port", FORMS),
        Some(_) | None => Ok(()),
    }
}

const fn host_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~' | '%' | '+' | '=' | ',')
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn percent_encoding_is_sound(url: &str) -> bool {
    url.split('%').skip(1).all(|after| {
        let mut bytes = after.bytes();
        [bytes.next(), bytes.next()]
            .iter()
            .all(|byte| byte.is_some_and(|byte| byte.is_ascii_hexdigit()))
    })
}

fn split_query(text: &str) -> (&str, &str) {
    text.split_once('?').unwrap_or((text, ""))
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn fault<T>(reason: impl Into<String>, hint: &'static str) -> Result<T, UrlFault> {
    Err(UrlFault {
        reason: reason.into(),
        hint,
    })
}
