use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::Duration;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};
use secrecy::ExposeSecret;

use super::database_url::{check as check_url, masked};
use super::load::{DEFAULTS, ValueKind, kind_of, unicode_variables};
use super::ranges::{RANGES, range_of};
use super::*;

const SECRET: &str = "12345678901234567890";

fn load(file: &str, env: &[(&str, &str)]) -> Result<Config, ConfigFaults> {
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_sources(Some(("usher.toml", file)), env)
}

fn defaults() -> Config {
    load("", &[]).unwrap()
}

fn faults(file: &str, env: &[(&str, &str)]) -> ConfigFaults {
    load(file, env).unwrap_err()
}

fn keys(faults: &ConfigFaults) -> Vec<&str> {
    faults.iter().map(|fault| fault.key.as_str()).collect()
}

/// Every option of a settings tree, as `section.option`.
fn options(tree: &Dict) -> Vec<(String, Value)> {
    let mut options = Vec::new();
    for (section, values) in tree {
        for (option, value) in values.as_dict().unwrap() {
            options.push((format!("{section}.{option}"), value.clone()));
        }
    }
    options
}

fn documented() -> Vec<(String, Value)> {
    options(&Toml::from_str::<Dict>(DEFAULTS).unwrap())
}

fn names(options: &[(String, Value)]) -> BTreeSet<&str> {
    options.iter().map(|(name, _)| name.as_str()).collect()
}

fn variable_of(key: &str) -> String {
    format!("USHER__{}", key.replace('.', "__").to_uppercase())
}

/// A value other than the default that every check lets through.
fn other_value(key: &str, default: &Value) -> String {
    match key {
        "http.listen" => "127.0.0.1:9000".to_owned(),
        "http.allowed_origins" => "https://app.example".to_owned(),
        "http.trusted_proxies" => "10.0.0.0/8".to_owned(),
        "socket.path" => "/other/socket".to_owned(),
        "auth.hs256_secret" | "auth.hs256_previous_secret" => SECRET.to_owned(),
        "auth.tenant_claim" => "org.id".to_owned(),
        "auth.user_id_mismatch" => "ignore".to_owned(),
        "auth.issuers" => format!(r#"[{{"issuer":"a","hs256_secrets":["{SECRET}"]}}]"#),
        "database.url" => "postgres://localhost/usher".to_owned(),
        "database.sqlite_synchronous" => "full".to_owned(),
        "store.redis_url" => "redis://localhost".to_owned(),
        "store.key_prefix" => "other".to_owned(),
        "rooms.uncreated" => "first-joiner-hosts".to_owned(),
        "rooms.devices" => "newest-wins".to_owned(),
        "providers.default" => "jitsi".to_owned(),
        "providers.tenants" => r#"[{"tenant":"a"}]"#.to_owned(),
        "mesh.stun_urls" => "stun:a:3478".to_owned(),
        "mesh.turn_urls" => "turn:a:3478".to_owned(),
        "jitsi.mode" => "rs256".to_owned(),
        "jitsi.url" => "https://other.example".to_owned(),
        "livekit.url" => "wss://other.example".to_owned(),
        "livekit.api_url" | "daily.api_url" => "https://other.example".to_owned(),
        "livekit.room_admin" => "nobody".to_owned(),
        "daily.tokens" => "rest".to_owned(),
        "daily.webhook_secret" => "c2VjcmV0".to_owned(),

        "log.level" => "warn,usher=trace".to_owned(),
        "log.format" => "json".to_owned(),
        rate if rate.starts_with("rates.") && rate != "rates.counted" => "7/3s".to_owned(),
        _ => match default.to_i128() {
            Some(number) => (number + 1).to_string(),
            None => "true".to_owned(),
        },
    }
}

/// Options without which `key` cannot be set.
fn company(key: &str) -> String {
    match key {
        "mesh.turn_urls" => "[mesh]\nturn_secret = \"north\"\n".to_owned(),
        "providers.default" => company("jitsi."),
        jitsi if jitsi.starts_with("jitsi.") => {
            let key = match jitsi {
                "jitsi.mode" => "app_secret = \"s\"\nkey_id = \"k\"\nprivate_key = \"k\"",
                _ => "app_secret = \"s\"",
            };
            format!("[jitsi]\nurl = \"https://meet.example\"\napp_id = \"a\"\n{key}\n")
        }
        livekit if livekit.starts_with("livekit.") => {
            "[livekit]\nurl = \"wss://lk.example\"\napi_key = \"k\"\napi_secret = \"s\"\n"
                .to_owned()
        }
        daily if daily.starts_with("daily.") => {
            "[daily]\napi_key = \"k\"\ndomain = \"d\"\n".to_owned()
        }
        _ => String::new(),
    }
}

// The defaults

#[test]
fn the_defaults_are_valid() {
    let config = defaults();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert!(config.auth.hs256_secret.is_none());
    assert!(config.store.redis_url.is_none());
    assert_eq!(
        config.database.url.expose_secret(),
        "sqlite://usher.db?mode=rwc"
    );
    assert_eq!(config.rooms.uncreated, UncreatedRooms::Allow);
    assert_eq!(config.rooms.devices, DevicePolicy::Multiple);
    assert_eq!(config.log.format, LogFormat::Text);
    assert_eq!(
        config.database.sqlite_synchronous,
        SqliteSynchronous::Normal
    );
}

#[test]
fn every_option_is_in_the_default_file_and_the_other_way_round() {
    let typed = options(&Value::serialize(defaults()).unwrap().into_dict().unwrap());
    assert_eq!(names(&typed), names(&documented()));
}

#[test]
fn every_option_has_its_own_comment() {
    let mut commented = false;
    for line in DEFAULTS.lines() {
        if line.starts_with('#') {
            commented = true;
        } else if line.contains(" = ") {
            assert!(commented, "no comment above: {line}");
            commented = false;
        } else {
            commented = false;
        }
    }
}

#[test]
fn every_number_has_a_range_that_holds_its_default() {
    let numbers: Vec<(String, Value)> = documented()
        .into_iter()
        .filter(|(_, value)| kind_of(value) == ValueKind::Integer)
        .collect();
    let ranged: BTreeSet<&str> = RANGES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names(&numbers), ranged);
    for (key, value) in &numbers {
        assert!(
            range_of(key).unwrap().contains(&value.to_i128().unwrap()),
            "{key}"
        );
    }
}

#[test]
fn durations_have_their_units() {
    let config = defaults();
    assert_eq!(config.http.header_timeout(), Duration::from_secs(10));
    assert_eq!(config.http.shutdown_timeout(), Duration::from_secs(10));
    assert_eq!(config.socket.ping_interval(), Duration::from_secs(10));
    assert_eq!(config.socket.ping_timeout(), Duration::from_secs(8));
    assert_eq!(config.socket.connect_timeout(), Duration::from_secs(10));
    assert_eq!(
        config.socket.slow_consumer_timeout(),
        Duration::from_secs(5)
    );
    assert_eq!(config.auth.leeway(), Duration::from_secs(30));
    assert_eq!(config.database.acquire_timeout(), Duration::from_secs(2));
    assert_eq!(config.database.write_window(), Duration::from_millis(25));
    assert_eq!(config.database.meeting_cache_ttl(), Duration::from_secs(60));
    assert_eq!(config.presence.leave_after_lost(), Duration::from_secs(20));
    assert_eq!(config.presence.leave_after_close(), Duration::from_secs(3));
    assert_eq!(config.rooms.role_grace(), Duration::from_secs(60));
    assert_eq!(config.rooms.idle_close(), Duration::from_secs(30));
}

#[test]
fn there_is_always_an_event_loop() {
    assert!(defaults().http.event_loops() >= 1);
    let config = load("", &[("USHER__HTTP__THREADS", "3")]).unwrap();
    assert_eq!(config.http.event_loops(), 3);
}

// The layers

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = "[rooms]\nqueue = 5\nlog_length = 6\n";
    let config = load(file, &[("USHER__ROOMS__QUEUE", "7")]).unwrap();
    assert_eq!((config.rooms.queue, config.rooms.log_length), (7, 6));
    assert_eq!(config.rooms.max_participants, 1000);
}

#[test]
fn every_option_can_be_set_by_a_variable() {
    for (key, default) in documented() {
        let value = other_value(&key, &default);
        let file = company(&key);
        if ["daily.api_key", "livekit.api_secret", "jitsi.app_secret"].contains(&key.as_str()) {
            // Needed, and shown like any other secret: only where it comes from can differ.
            let secret = key.split('.').next_back().unwrap();
            let rest = file.lines().filter(|line| !line.starts_with(secret));
            let rest: Vec<&str> = rest.collect();
            assert!(load(&rest.join("\n"), &[]).is_err());
            load(&rest.join("\n"), &[(&variable_of(&key), &value)]).unwrap();
            continue;
        }
        let base = load(&file, &[]).unwrap();
        let base = options(&Value::serialize(&base).unwrap().into_dict().unwrap());
        let config = load(&file, &[(&variable_of(&key), &value)]).unwrap();
        let after = options(&Value::serialize(&config).unwrap().into_dict().unwrap());
        let changed: Vec<&str> = base
            .iter()
            .zip(&after)
            .filter(|((_, before), (_, after))| {
                serde_json::to_string(before).unwrap() != serde_json::to_string(after).unwrap()
            })
            .map(|((name, _), _)| name.as_str())
            .collect();
        assert_eq!(changed, [key.as_str()], "{value}");
    }
}

#[test]
fn a_secret_of_digits_stays_text() {
    let config = load("", &[("USHER__AUTH__HS256_SECRET", SECRET)]).unwrap();
    assert_eq!(config.auth.hs256_secret.unwrap().expose_secret(), SECRET);
    let config = load("", &[("USHER__AUTH__HS256_SECRET", "00000000000000001e10")]).unwrap();
    assert_eq!(
        config.auth.hs256_secret.unwrap().expose_secret(),
        "00000000000000001e10"
    );
}

#[test]
fn a_secret_that_looks_like_anything_else_stays_text() {
    for secret in [
        "[1, 2, 3, 4, 5, 6]",
        "{a = 1, b = 2, c = 3}",
        "\"quoted quoted quoted\"",
    ] {
        let config = load("", &[("USHER__AUTH__HS256_SECRET", secret)]).unwrap();
        assert_eq!(config.auth.hs256_secret.unwrap().expose_secret(), secret);
    }
}

#[test]
fn an_empty_variable_takes_a_secret_away() {
    let file = format!("[auth]\nhs256_secret = \"{SECRET}\"\n");
    assert!(load(&file, &[]).unwrap().auth.hs256_secret.is_some());
    assert!(
        load(&file, &[("USHER__AUTH__HS256_SECRET", "")])
            .unwrap()
            .auth
            .hs256_secret
            .is_none()
    );
}

#[test]
fn other_variables_are_left_alone() {
    assert!(
        load(
            "",
            &[("USHER_CONFIG", "x"), ("USHER_BIN", "y"), ("PATH", "z")]
        )
        .is_ok()
    );
}

#[test]
fn a_file_is_read_from_disk() {
    let path = std::env::temp_dir().join(format!("usher-config-{}.toml", std::process::id()));
    std::fs::write(&path, "[rooms]\nqueue = 77\n").unwrap();
    let config = Config::load(Some(&path));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(config.unwrap().rooms.queue, 77);
}

#[test]
fn a_missing_file_is_a_fault() {
    let path = std::env::temp_dir().join("usher-config-that-is-not-there.toml");
    let faults = Config::load(Some(&path)).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(faults.to_string().contains("cannot be read"), "{faults}");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_unicode_is_a_fault() {
    use std::os::unix::ffi::OsStringExt;
    let value = OsString::from_vec(vec![0xff]);
    let mut faults = ConfigFaults::default();
    let kept = unicode_variables(
        [
            ("USHER__LOG__LEVEL".into(), value.clone()),
            ("OTHER".into(), value),
        ],
        &mut faults,
    );
    assert!(kept.is_empty());
    assert_eq!(keys(&faults), ["USHER__LOG__LEVEL"]);
}

// The faults

#[test]
fn all_faults_are_told_at_once() {
    let file = r#"
        [http]
        listen = "localhost"
        max_connections = "many"
        max_body_bytes = 1
        colour = "blue"
        [socket]
        path = "socket.io"
        [rooms]
        devices = "newest"
        [rom]
        queue = 1
    "#;
    let env = [
        ("USHER__HTTP__HEADER_TIMEOUT_MS", "soon"),
        ("USHER__HTTP__ALLOW_UNAUTHENTICATED_PUBLIC", "1"),
        ("USHER__AUTH__HS256_SECRET", "short"),
        ("USHER__DATABASE__URL", "mysql://localhost/usher"),
        ("USHER__STORE__REDIS_URL", "http://localhost"),
        ("USHER__LOG__LEVEL", "inof"),
        ("USHER__LOG__COLOUR", "blue"),
        ("USHER__LOG", "blue"),
        ("USHER__LOGS__LEVEL", "blue"),
    ];
    let faults = faults(file, &env);
    let found: BTreeSet<&str> = keys(&faults).into_iter().collect();
    let expected = BTreeSet::from([
        "http.listen",
        "http.max_connections",
        "http.max_body_bytes",
        "http.colour",
        "socket.path",
        "rooms.devices",
        "rom",
        "http.header_timeout_ms",
        "http.allow_unauthenticated_public",
        "auth.hs256_secret",
        "database.url",
        "store.redis_url",
        "log.level",
        "log.colour",
        "USHER__LOG",
        "logs",
    ]);
    assert_eq!(found, expected, "\n{faults}");
    assert_eq!(faults.len(), expected.len());
    assert_eq!(faults.to_string().lines().count(), expected.len());
}

#[test]
fn a_bad_file_and_a_bad_variable_for_one_option_are_both_told() {
    let faults = faults("[rooms]\nqueue = 0\n", &[("USHER__ROOMS__QUEUE", "x")]);
    assert_eq!(keys(&faults), ["rooms.queue", "rooms.queue"]);
    let text = faults.to_string();
    assert!(
        text.contains("usher.toml") && text.contains("USHER__ROOMS__QUEUE"),
        "{text}"
    );
}

#[test]
fn a_fault_names_the_key_the_reason_and_the_source() {
    let faults = faults("[rooms]\nmax_participants = 0\n", &[]);
    assert_eq!(
        faults.to_string(),
        "rooms.max_participants: 0 is out of range (from 1 to 100000; set in usher.toml)"
    );
}

#[test]
fn an_unknown_option_is_answered_with_the_known_ones() {
    let text = faults("[presence]\nleave_after_lost = 1\n", &[]).to_string();
    assert!(
        text.starts_with("presence.leave_after_lost: unknown option"),
        "{text}"
    );
    assert!(
        text.contains("leave_after_close_ms, leave_after_lost_ms"),
        "{text}"
    );
    let text = faults("[presense]\n", &[]).to_string();
    assert!(text.contains("presence"), "{text}");
}

#[test]
fn a_section_must_be_a_table() {
    assert_eq!(
        keys(&faults("http = 3\n[log]\nlevel = 1\n", &[])),
        ["http", "log.level"]
    );
}

#[test]
fn wrong_types_are_told_for_every_option() {
    for (key, default) in documented() {
        let (section, option) = key.split_once('.').unwrap();
        let wrong = match kind_of(&default) {
            ValueKind::List => ["1", "true", "\"[]\"", "{ a = 1 }", "1.0"],
            ValueKind::Text => ["0", "true", "[]", "{ a = 1 }", "1979-05-27"],
            ValueKind::Integer => ["\"1\"", "true", "[]", "{ a = 1 }", "1.0"],
            ValueKind::Boolean => ["\"true\"", "1", "[]", "{ a = 1 }", "1.0"],
            ValueKind::Other => panic!("{key} has a default of no known kind"),
        };
        for value in wrong {
            let faults = faults(&format!("[{section}]\n{option} = {value}\n"), &[]);
            assert_eq!(keys(&faults), [key.as_str()], "{value}");
        }
    }
}

#[test]
fn numbers_out_of_range_are_told_for_every_option() {
    for (key, range) in RANGES {
        let (below, above) = (range.start() - 1, range.end() + 1);
        for value in [below.to_string(), above.to_string(), i64::MAX.to_string()] {
            let faults = faults("", &[(&variable_of(key), &value)]);
            assert_eq!(keys(&faults), [*key], "{value}");
        }
    }
}

#[test]
fn both_ends_of_every_range_can_be_loaded() {
    for (key, range) in RANGES {
        for value in [range.start(), range.end()] {
            let loaded = load("", &[(&variable_of(key), &value.to_string())]);
            // The end may contradict another default, but it is not out of range.
            if let Err(faults) = loaded {
                assert!(
                    faults.iter().all(|f| f.hint.starts_with("change it or")),
                    "{faults}"
                );
            }
        }
    }
}

#[test]
fn a_syntax_error_is_told_by_line_without_the_text() {
    let faults = faults("[auth]\n\nhs256_secret = \"hunter2hunter2\n", &[]);
    let text = faults.to_string();
    assert!(
        text.starts_with("usher.toml: line 3 is not valid TOML"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn a_syntax_error_does_not_hide_the_environment() {
    let faults = faults("[http\n", &[("USHER__ROOMS__QUEUE", "x")]);
    assert_eq!(keys(&faults), ["usher.toml", "rooms.queue"]);
}

#[test]
fn a_file_that_cannot_be_used_is_not_held_against_what_it_may_have_set() {
    let env = [
        ("USHER__HTTP__LISTEN", "0.0.0.0:80"),
        ("USHER__SOCKET__PATH", "x"),
    ];
    let faults = faults("[auth\n", &env);
    assert_eq!(keys(&faults), ["usher.toml", "socket.path"]);
}

#[test]
fn an_enumeration_names_its_words() {
    let text = faults("[rooms]\nuncreated = \"Allow\"\n", &[]).to_string();
    assert!(text.contains("allow, deny, first-joiner-hosts"), "{text}");
}

// The settings together

#[test]
fn a_public_address_needs_a_key() {
    for listen in [
        "0.0.0.0:80",
        "[::]:80",
        "192.168.1.1:80",
        "[::ffff:10.0.0.1]:80",
    ] {
        let found = faults("", &[("USHER__HTTP__LISTEN", listen)]);
        assert_eq!(keys(&found), ["http.listen"], "{listen}");
        let keyed = [
            ("USHER__HTTP__LISTEN", listen),
            ("USHER__AUTH__HS256_SECRET", SECRET),
        ];
        assert!(load("", &keyed).is_ok(), "{listen}");
        let trusted = [
            ("USHER__HTTP__LISTEN", listen),
            ("USHER__HTTP__ALLOW_UNAUTHENTICATED_PUBLIC", "true"),
        ];
        assert!(load("", &trusted).is_ok(), "{listen}");
    }
}

#[test]
fn loopback_needs_no_key() {
    for listen in [
        "127.0.0.1:0",
        "127.9.9.9:80",
        "[::1]:80",
        "[::ffff:127.0.0.1]:80",
    ] {
        let config = load("", &[("USHER__HTTP__LISTEN", listen)]).unwrap();
        assert!(config.http.is_loopback(), "{listen}");
    }
}

#[test]
fn a_key_that_is_refused_does_not_count_as_missing() {
    let file = "[http]\nlisten = \"0.0.0.0:80\"\n[auth]\nhs256_secret = 1234\n";
    assert_eq!(keys(&faults(file, &[])), ["auth.hs256_secret"]);
}

#[test]
fn a_key_has_at_least_sixteen_bytes() {
    let short = [("USHER__AUTH__HS256_SECRET", "fifteen--------")];
    assert_eq!(keys(&faults("", &short)), ["auth.hs256_secret"]);
    assert!(load("", &[("USHER__AUTH__HS256_SECRET", "sixteen---------")]).is_ok());
}

#[test]
fn an_unknown_kind_of_redis_is_refused_without_its_password() {
    let found = faults("[store]\nredis_url = \"http://:hunter2@localhost\"\n", &[]).to_string();
    assert!(
        found.starts_with("store.redis_url: has an unknown scheme"),
        "{found}"
    );
    assert!(!found.contains("hunter2"), "{found}");
    let known = load("[store]\nredis_url = \"redis://:hunter2@localhost\"\n", &[]).unwrap();
    assert!(known.store.redis_url.is_some());
}

#[test]
fn a_socket_path_is_a_plain_path_of_its_own() {
    for path in [
        "",
        "/",
        "socket.io",
        "/socket.io/",
        "/a//b",
        "/a b",
        "/a?b",
        "/api/x",
        "/healthz",
    ] {
        assert_eq!(
            keys(&faults("", &[("USHER__SOCKET__PATH", path)])),
            ["socket.path"],
            "{path}"
        );
    }
    for path in ["/socket.io", "/ws", "/usher/socket-io_1", "/apix"] {
        assert!(load("", &[("USHER__SOCKET__PATH", path)]).is_ok(), "{path}");
    }
}

#[test]
fn log_levels_are_checked_for_spelling() {
    for level in [
        "",
        " ",
        "inof",
        "info,usher",
        "usher=loud",
        "info,,debug",
        "info,[",
        "7",
        "info, a=debug",
    ] {
        assert_eq!(
            keys(&faults("", &[("USHER__LOG__LEVEL", level)])),
            ["log.level"],
            "{level}"
        );
    }
    for level in [
        "off",
        "INFO",
        "info,usher::engine=debug",
        "usher[join{room=1}]=trace",
    ] {
        assert!(load("", &[("USHER__LOG__LEVEL", level)]).is_ok(), "{level}");
    }
}

#[test]
fn contradictions_are_told() {
    let cases = [
        (
            "[socket]\nsend_queue_bytes = 2000\n",
            "socket.send_queue_bytes",
        ),
        ("[database]\nwrite_queue = 100\n", "database.write_batch"),
        (
            "[http]\nmax_body_bytes = 1024\n",
            "limits.description_chars",
        ),
        (
            "[socket]\nmax_message_bytes = 1024\n",
            "limits.image_url_bytes",
        ),
    ];
    for (file, key) in cases {
        let found = faults(file, &[]);
        assert_eq!(keys(&found), [key], "{found}");
    }
}

// Secrets

#[test]
fn debug_output_shows_no_secret() {
    let env = [
        ("USHER__AUTH__HS256_SECRET", SECRET),
        (
            "USHER__DATABASE__URL",
            "postgres://ann:hunter2@localhost/usher",
        ),
    ];
    let config = load("", &env).unwrap();
    for text in [
        format!("{config:?}"),
        format!("{config:#?}"),
        config.effective(),
    ] {
        assert!(
            !text.contains(SECRET) && !text.contains("hunter2"),
            "{text}"
        );
    }
}

#[test]
fn faults_show_no_secret() {
    let file = "[auth]\nhs256_secret = 4815162342\nhs256_secrets = \"hunter2\"\n";
    let env = [
        (
            "USHER__DATABASE__URL",
            "postgres://ann:hunter2/x@localhost/usher",
        ),
        ("USHER__AUTH__LEEWAY_SECS", "hunter2"),
        ("USHER__AUTH__SECRET", "hunter2"),
    ];
    let found = faults(file, &env);
    assert_eq!(found.len(), 5, "{found}");
    for text in [found.to_string(), format!("{found:?}")] {
        assert!(
            !text.contains("4815162342") && !text.contains("hunter2"),
            "{text}"
        );
    }
}

#[test]
fn the_effective_settings_are_toml_that_loads_again() {
    let file = "[http]\nlisten = \"[::1]:99\"\n[socket]\npath = \"/ws\"\n[rooms]\nqueue = 9\n";
    let text = load(file, &[]).unwrap().effective();
    assert!(text.contains("queue = 9  # default: 16384"), "{text}");
    let again = load(&text, &[]).unwrap();
    assert_eq!(again.effective(), text);
    assert_eq!(
        names(&options(&Toml::from_str::<Dict>(&text).unwrap())),
        names(&documented())
    );
}

// Database URLs

#[test]
fn good_database_urls_are_accepted() {
    let sqlite = [
        "sqlite://usher.db?mode=rwc",
        "sqlite://./data/usher.db?mode=rwc",
        "sqlite://../usher.db",
        "sqlite:///var/lib/usher/usher.db?mode=rwc",
        "sqlite:///tmp/a%20b/usher.db?mode=rwc&cache=shared",
        "sqlite:usher.db",
        "sqlite::memory:",
        "sqlite://usher.db?mode=memory",
    ];
    for url in sqlite {
        assert_eq!(check_url(url), Ok(DatabaseBackend::Sqlite), "{url}");
    }
    let postgres = [
        "postgres://localhost/usher",
        "postgresql://localhost:5432/usher",
        "postgres://ann@localhost/usher",
        "postgres://ann:secret@db.example.com:5432/usher?sslmode=require",
        "postgres://ann:a%2Fb%40c@10.0.0.1/usher",
        "postgres://ann:a:b@[::1]:5432/usher",
        "postgres:///usher?host=/var/run/postgresql",
        "postgres://localhost",
    ];
    for url in postgres {
        assert_eq!(check_url(url), Ok(DatabaseBackend::Postgres), "{url}");
        let config = load("", &[("USHER__DATABASE__URL", url)]).unwrap();
        assert_eq!(config.database.backend(), DatabaseBackend::Postgres);
    }
    assert_eq!(defaults().database.backend(), DatabaseBackend::Sqlite);
}

#[test]
fn malformed_database_urls_are_refused() {
    let urls = [
        "",
        "usher.db",
        "sqlite",
        "sqlite:",
        "sqlite://",
        "sqlite://?mode=rwc",
        "sqlite://:memory:",
        "sqlite://a b.db",
        "sqlite://C:/usher.db",
        "sqlite://a|b.db",
        "sqlite://usher.db?mode=ro",
        "sqlite://usher.db?mode=rcw",
        "sqlite://usher.db?immutable=1",
        "sqlite://usher.db?journal=wal",
        "sqlite://usher#1.db",
        "sqlite://usher%zz.db",
        "sqlite3://usher.db",
        "postgres",
        "postgres:localhost/usher",
        "postgres://",
        "postgres:///usher",
        "postgres://ann@/usher",
        "postgres://:5432/usher",
        "postgres://localhost:port/usher",
        "postgres://localhost:0/usher",
        "postgres://localhost:65536/usher",
        "postgres://localhost:/usher",
        "postgres://ann:a/b@localhost/usher",
        "postgres://ann:a#b@localhost/usher",
        "postgres://ann:a@b@localhost/usher",
        "postgres://ann:a%b@localhost/usher",
        "postgres://[::1/usher",
        "postgres://[::g]/usher",
        "postgres://[::1]5432/usher",
        "postgres://local host/usher",
        "postgres://local|host/usher",
        "postgres://localhost/usher/x",
        "postgres://localhost/usher?sslmode=maybe",
        "postgres://localhost/usher?port=x",
        "mysql://localhost/usher",
        "http://localhost/usher",
    ];
    for url in urls {
        assert!(check_url(url).is_err(), "{url}");
        assert_eq!(
            keys(&faults("", &[("USHER__DATABASE__URL", url)])),
            ["database.url"],
            "{url}"
        );
    }
}

#[test]
fn passwords_are_masked_in_urls() {
    let cases = [
        ("sqlite://usher.db?mode=rwc", "sqlite://usher.db?mode=rwc"),
        ("sqlite::memory:", "sqlite::memory:"),
        ("postgres://db/usher", "postgres://db/usher"),
        ("postgres://ann@db/usher", "postgres://ann@db/usher"),
        (
            "postgres://ann:pw@db:1/usher?sslmode=require",
            "postgres://ann:***@db:1/usher?sslmode=require",
        ),
        (
            "postgres://ann:p@w/x@db/usher",
            "postgres://ann:***@db/usher",
        ),
        (
            "postgres://db/usher?user=ann&password=pw",
            "postgres://db/usher?user=ann&password=***",
        ),
        ("redis://:pw@db", "redis://:***@db"),
    ];
    for (url, expected) in cases {
        assert_eq!(masked(url), expected, "{url}");
    }
}
