//! The command line: what was asked for, and the two commands that need no server.
//!
//! `serve` and `migrate` are only parsed here; `main` dispatches them.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::config::{Config, ConfigFaults};

/// Usher, a realtime room coordinator for online meetings.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "usher", version)]
pub struct Cli {
    /// Configuration file (TOML); otherwise the one that `USHER_CONFIG` names, if any
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,

    /// What to do; `serve` when it is left out
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the server (default)
    Serve,
    /// Bring the database schema up to date, then exit
    Migrate,
    /// Check the configuration and print the settings in force, secrets masked
    CheckConfig,
    /// Print an HS256 token for a user, for development
    Token(TokenArgs),
}

/// Whom a token is for.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct TokenArgs {
    /// User id: the claim `sub`
    #[arg(long, value_name = "ID")]
    pub user: String,
    /// Display name: the claim `name`
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Seconds until the token expires
    #[arg(long, value_name = "N", default_value_t = 3600)]
    pub ttl_secs: u32,
}

impl Cli {
    /// What to do, [`Command::Serve`] when the command line does not say.
    #[must_use]
    pub fn command(&self) -> &Command {
        self.command.as_ref().unwrap_or(&Command::Serve)
    }

    /// The settings of this process, from the file that the command line names.
    ///
    /// # Errors
    ///
    /// All faults at once, when there is any.
    pub fn load_config(&self) -> Result<Config, ConfigFaults> {
        Config::load(self.config.as_deref())
    }
}

/// `check-config`: writes the faults, or that there are none and the settings in force. Answers
/// whether the configuration is valid.
///
/// # Errors
///
/// When `out` cannot be written to.
pub fn check_config(
    loaded: &Result<Config, ConfigFaults>,
    out: &mut impl Write,
) -> io::Result<bool> {
    match loaded {
        Ok(config) => writeln!(
            out,
            "configuration is valid\n\n{}",
            config.effective().trim_end()
        )?,
        Err(faults) => writeln!(out, "{faults}")?,
    }
    Ok(loaded.is_ok())
}

/// What a token says.
#[derive(Debug, Serialize)]
struct Claims<'a> {
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    iat: u64,
    exp: u64,
}

/// `token`: a token for `request`, issued at `now` (seconds since 1970) with the configured key.
///
/// # Errors
///
/// When the user id is empty or no key is configured.
pub fn token(config: &Config, request: &TokenArgs, now: u64) -> anyhow::Result<String> {
    ensure!(!request.user.trim().is_empty(), "--user is empty");
    let secret = config.auth.hs256_secret.as_ref().context(
        "auth.hs256_secret is not set: there is no key to sign with, and a server without one \
         believes any user id (set USHER__AUTH__HS256_SECRET)",
    )?;
    let claims = Claims {
        sub: &request.user,
        name: request.name.as_deref(),
        iat: now,
        exp: now.saturating_add(u64::from(request.ttl_secs)),
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
        .context("the token could not be signed")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &str = "12345678901234567890";

    fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from([&["usher"], arguments].concat())
    }

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigFaults> {
        let variables = variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::from_sources(None, variables)
    }

    fn checked(loaded: &Result<Config, ConfigFaults>) -> (bool, String) {
        let mut out = Vec::new();
        let valid = check_config(loaded, &mut out).unwrap();
        (valid, String::from_utf8(out).unwrap())
    }

    fn request(user: &str) -> TokenArgs {
        TokenArgs {
            user: user.to_owned(),
            name: Some("Ann".to_owned()),
            ttl_secs: 60,
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as CommandFactory>::command().debug_assert();
    }

    #[test]
    fn serving_is_the_default() {
        assert_eq!(parse(&[]).unwrap().command(), &Command::Serve);
        assert_eq!(parse(&["serve"]).unwrap().command(), &Command::Serve);
        assert_eq!(parse(&["migrate"]).unwrap().command(), &Command::Migrate);
    }

    #[test]
    fn the_file_may_stand_before_or_after_the_command() {
        let expected = Some(PathBuf::from("a.toml"));
        assert_eq!(parse(&["--config", "a.toml"]).unwrap().config, expected);
        assert_eq!(
            parse(&["--config", "a.toml", "check-config"])
                .unwrap()
                .config,
            expected
        );
        assert_eq!(
            parse(&["check-config", "--config", "a.toml"])
                .unwrap()
                .config,
            expected
        );
    }

    #[test]
    fn a_token_needs_a_user_and_lasts_an_hour() {
        assert!(parse(&["token"]).is_err());
        let cli = parse(&["token", "--user", "u1"]).unwrap();
        let expected = TokenArgs {
            user: "u1".to_owned(),
            name: None,
            ttl_secs: 3600,
        };
        assert_eq!(cli.command(), &Command::Token(expected));
    }

    #[test]
    fn a_valid_configuration_is_shown_without_its_secrets() {
        let (valid, text) = checked(&config(&[
            ("USHER__AUTH__HS256_SECRET", SECRET),
            (
                "USHER__DATABASE__URL",
                "postgres://ann:hunter2hunter2@db/usher",
            ),
        ]));
        assert!(valid);
        assert!(text.starts_with("configuration is valid\n"), "{text}");
        assert!(text.contains("hs256_secret = \"***\""), "{text}");
        assert!(text.contains("postgres://ann:***@db/usher"), "{text}");
        assert!(
            !text.contains(SECRET) && !text.contains("hunter2"),
            "{text}"
        );
    }

    #[test]
    fn an_invalid_configuration_is_told_line_by_line() {
        let loaded = config(&[("USHER__HTTP__LISTEN", "x"), ("USHER__HTTP__THREADS", "x")]);
        let (valid, text) = checked(&loaded);
        assert!(!valid);
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn a_token_carries_the_claims() {
        let config = config(&[("USHER__AUTH__HS256_SECRET", SECRET)]).unwrap();
        let token = token(&config, &request("u1"), 1_000).unwrap();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        let key = DecodingKey::from_secret(SECRET.as_bytes());
        let claims = jsonwebtoken::decode::<Value>(&token, &key, &validation)
            .unwrap()
            .claims;
        assert_eq!(
            claims,
            json!({"sub": "u1", "name": "Ann", "iat": 1_000, "exp": 1_060})
        );
    }

    #[test]
    fn no_token_without_a_key_or_a_user() {
        let error = token(&config(&[]).unwrap(), &request("u1"), 0).unwrap_err();
        assert!(error.to_string().contains("auth.hs256_secret"), "{error}");
        let config = config(&[("USHER__AUTH__HS256_SECRET", SECRET)]).unwrap();
        assert!(token(&config, &request(" "), 0).is_err());
    }
}
