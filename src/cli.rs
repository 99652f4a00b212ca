//! The command line: what was asked for, and the two commands that need no server.
//!
//! `serve` and `migrate` are only parsed here; `main` dispatches them.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::config::{AuthConfig, Config, ConfigFaults};

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
    /// Tenant: the claim that the configuration names for it
    #[arg(long, value_name = "ID")]
    pub tenant: Option<String>,
    /// What a back end may do, as in `meetings:write meetings:admin`: the claim `scope`
    #[arg(long, value_name = "SCOPES")]
    pub scope: Option<String>,
    /// One of `auth.issuers` with a secret: the claim `iss`; otherwise `auth.hs256_secret` signs
    #[arg(long, value_name = "ISSUER")]
    pub issuer: Option<String>,
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

/// `check-config`: writes the faults, also of the `keys` that it names, or that there are none and the
/// settings in force. Answers whether the configuration is valid.
///
/// # Errors
///
/// When `out` cannot be written to.
pub fn check_config(
    loaded: &Result<Config, ConfigFaults>,
    keys: &anyhow::Result<()>,
    out: &mut impl Write,
) -> io::Result<bool> {
    match (loaded, keys) {
        (Ok(config), Ok(())) => writeln!(
            out,
            "configuration is valid\n\n{}",
            config.effective().trim_end()
        )?,
        (Ok(_), Err(error)) => writeln!(out, "{error:#}")?,
        (Err(faults), _) => writeln!(out, "{faults}")?,
    }
    Ok(loaded.is_ok() && keys.is_ok())
}

/// `token`: a token for `request`, issued at `now` (seconds since 1970) with a configured key.
///
/// # Errors
///
/// When the user id is empty, or there is no key or no claim for what was asked.
pub fn token(config: &Config, request: &TokenArgs, now: u64) -> anyhow::Result<String> {
    ensure!(!request.user.trim().is_empty(), "--user is empty");
    let (secret, tenant_claim) = signer(&config.auth, request.issuer.as_deref())?;
    let expires = now.saturating_add(u64::from(request.ttl_secs));
    let mut claims = Map::new();
    let said = [
        ("sub", Some(&request.user)),
        ("name", request.name.as_ref()),
        ("iss", request.issuer.as_ref()),
        ("scope", request.scope.as_ref()),
    ];
    for (claim, value) in said {
        if let Some(value) = value {
            claims.insert(claim.to_owned(), Value::from(value.as_str()));
        }
    }
    claims.insert("iat".to_owned(), now.into());
    claims.insert("exp".to_owned(), expires.into());
    if let Some(tenant) = &request.tenant {
        ensure!(
            !tenant_claim.is_empty(),
            "--tenant needs auth.tenant_claim, or the issuer's tenant_claim: no claim would hold it"
        );
        put(&mut claims, tenant_claim, tenant);
    }
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
        .context("the token could not be signed")
}

/// What signs the tokens of an issuer, and where they name their tenant.
fn signer<'a>(
    auth: &'a AuthConfig,
    issuer: Option<&str>,
) -> anyhow::Result<(&'a SecretString, &'a str)> {
    let Some(name) = issuer else {
        let secret = auth.hs256_secret.as_ref().context(
            "auth.hs256_secret is not set: there is no key to sign with, and a server without any \
             believes any user id (set USHER__AUTH__HS256_SECRET, or name an --issuer)",
        )?;
        return Ok((secret, &auth.tenant_claim));
    };
    let listed = auth.issuers.iter().find(|listed| listed.issuer == name);
    let listed = listed.with_context(|| format!("{name:?} is not one of auth.issuers"))?;
    let secret = listed.hs256_secrets.first();
    let secret = secret.with_context(|| format!("{name:?} has no hs256_secrets to sign with"))?;
    Ok((secret, listed.tenant_claim.as_deref().unwrap_or_default()))
}

/// Sets the member at a path of names with dots between them.
fn put(object: &mut Map<String, Value>, path: &str, value: &str) {
    match path.split_once('.') {
        None => drop(object.insert(path.to_owned(), value.into())),
        Some((first, rest)) => {
            let inner = object.entry(first).or_insert_with(|| Map::new().into());
            if let Some(inner) = inner.as_object_mut() {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::json;

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
        let valid = check_config(loaded, &Ok(()), &mut out).unwrap();
        (valid, String::from_utf8(out).unwrap())
    }

    fn request(user: &str) -> TokenArgs {
        TokenArgs {
            user: user.to_owned(),
            name: Some("Ann".to_owned()),
            tenant: None,
            scope: None,
            issuer: None,
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
            tenant: None,
            scope: None,
            issuer: None,
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
        let claims = claims(&config, &request("u1"));
        assert_eq!(
            claims,
            json!({"sub": "u1", "name": "Ann", "iat": 1_000, "exp": 1_060})
        );
    }

    fn claims(config: &Config, request: &TokenArgs) -> Value {
        let token = token(config, request, 1_000).unwrap();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        let key = DecodingKey::from_secret(SECRET.as_bytes());
        jsonwebtoken::decode(&token, &key, &validation)
            .unwrap()
            .claims
    }

    #[test]
    fn a_back_end_of_a_tenant_can_be_asked_for() {
        let request = TokenArgs {
            tenant: Some("acme".to_owned()),
            scope: Some("meetings:write".to_owned()),
            issuer: Some("me".to_owned()),
            ..request("u1")
        };
        let listed =
            format!(r#"[{{"issuer":"me","tenant_claim":"org.id","hs256_secrets":["{SECRET}"]}}]"#);
        let config = config(&[("USHER__AUTH__ISSUERS", &listed)]).unwrap();
        let claims = claims(&config, &request);
        assert_eq!(claims["org"], json!({"id": "acme"}));
        assert_eq!(claims["scope"], "meetings:write");
        assert_eq!(claims["iss"], "me");
        let unknown = TokenArgs {
            issuer: Some("other".to_owned()),
            ..request
        };
        assert!(token(&config, &unknown, 0).is_err());
    }

    #[test]
    fn a_tenant_without_a_claim_for_it_is_refused() {
        let config = config(&[("USHER__AUTH__HS256_SECRET", SECRET)]).unwrap();
        let request = TokenArgs {
            tenant: Some("acme".to_owned()),
            ..request("u1")
        };
        let error = token(&config, &request, 0).unwrap_err();
        assert!(error.to_string().contains("tenant_claim"), "{error}");
    }

    #[test]
    fn no_token_without_a_key_or_a_user() {
        let error = token(&config(&[]).unwrap(), &request("u1"), 0).unwrap_err();
        assert!(error.to_string().contains("auth.hs256_secret"), "{error}");
        let config = config(&[("USHER__AUTH__HS256_SECRET", SECRET)]).unwrap();
        assert!(token(&config, &request(" "), 0).is_err());
    }
}
