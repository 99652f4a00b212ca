//! Dependencies point inward, and this holds them to it: every path of every file under `src/`.

mod names;
mod rules;

use std::fs;
use std::path::Path;

use rules::{File, faults, module_of};

/// Every source file below `src/`: its path there and its text.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let name = path
                    .strip_prefix(&root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// The crates that `Cargo.toml` names, spelt as in code.
fn dependencies() -> Vec<String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let mut here = false;
    let mut crates = Vec::new();
    for line in fs::read_to_string(manifest).unwrap().lines() {
        if line.starts_with('[') {
            here = line.ends_with("dependencies]");
        } else if here && line.starts_with(|c: char| c.is_ascii_lowercase()) {
            let name = line.split(['=', '.', ' ']).next().unwrap();
            crates.push(name.replace('-', "_"));
        }
    }
    crates
}

/// The modules that are compiled for tests only, wherever they are declared.
fn test_modules(sources: &[(String, String)]) -> Vec<Vec<String>> {
    sources
        .iter()
        .flat_map(|(path, text)| names::read(&module_of(path), text, false).modules)
        .filter(|declared| declared.in_test)
        .map(|declared| declared.module)
        .collect()
}

/// What is wrong with a snippet that stands in `path`.
fn faults_of(path: &str, text: &str) -> Vec<String> {
    faults(
        &File {
            path,
            text,
            in_test: false,
        },
        &dependencies(),
    )
}

#[test]
fn every_arrow_points_inward() {
    let sources = sources();
    let (dependencies, test_modules) = (dependencies(), test_modules(&sources));
    assert!(
        sources.len() > 40,
        "only {} files were found",
        sources.len()
    );
    assert!(
        dependencies.iter().any(|name| name == "sea_orm"),
        "{dependencies:?}"
    );
    assert!(
        test_modules
            .iter()
            .any(|module| module.join("::") == "domain::room::laws")
    );
    let mut found = Vec::new();
    for (path, text) in &sources {
        let in_test = test_modules.contains(&module_of(path));
        found.extend(faults(
            &File {
                path,
                text,
                in_test,
            },
            &dependencies,
        ));
    }
    assert!(
        found.is_empty(),
        "{} forbidden edges:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn an_outward_edge_is_reported_with_file_and_line() {
    let text = "//! Docs.\n\nuse std::sync::Arc;\nuse crate::store::MemoryRoomStore;\n";
    assert_eq!(
        faults_of("engine/actor.rs", text),
        ["src/engine/actor.rs:4: `crate::store::MemoryRoomStore`: engine may not use store"]
    );
}

#[test]
fn every_way_to_write_an_edge_is_seen() {
    for (path, text) in [
        (
            "engine/a.rs",
            "use crate::{clock::{self, Clock}, domain::id, socket::{hub::{Hub}}};",
        ),
        (
            "engine/a.rs",
            "fn f() -> crate::socket::wire::Sent { todo!() }",
        ),
        (
            "engine/a.rs",
            "fn f() { let x = vec![crate::http::ROUTES]; }",
        ),
        ("engine/a.rs", "#[derive(crate::http::Magic)] struct S;"),
        ("engine/a.rs", "pub(in crate::db) fn f() {}"),
        ("engine/a.rs", "use super::super::socket::hub;"),
        (
            "engine/room/a.rs",
            "mod inner { use super::super::super::super::http::Api; }",
        ),
        ("engine/a.rs", "use crate::*;"),
        ("socket/a.rs", "use crate::http::Api;"),
        ("http/a.rs", "use crate::socket::hub::Hub;"),
        ("http/a.rs", "use crate::app::App;"),
        ("store/a.rs", "use crate::db;"),
        ("db/a.rs", "use crate::ids::IdSource;"),
        ("protocol/a.rs", "use crate::engine::sink;"),
        ("auth/a.rs", "use crate::protocol::names;"),
        ("config/a.rs", "use crate::domain::id;"),
        ("clock.rs", "use crate::ids;"),
        ("cellar/a.rs", "use crate::domain::id;"),
    ] {
        assert_eq!(
            faults_of(path, text).len(),
            1,
            "{path}: {text}: {:?}",
            faults_of(path, text)
        );
    }
}

#[test]
fn whatever_is_impure_is_seen_in_the_core() {
    for text in [
        "async fn f() {}",
        "fn f() { let x = async { 1 }; }",
        "fn f() { g().await; }",
        "macro_rules! m { () => { x.await } }",
        "use std::time::{Duration, Instant};",
        "fn f() { std::time::SystemTime::now(); }",
        "use tokio::sync::mpsc;",
        "fn f() { tokio::spawn(g()); }",
        "fn f() -> u8 { rand::random() }",
        "use std::{fmt, net::IpAddr};",
        "fn f() { std::fs::read(\"x\"); }",
        "fn f() { ::std::env::var(\"x\"); }",
        "use std::thread;",
        "use uuid::Uuid;",
        "fn f() { uuid::Uuid::new_v4(); }",
        "use unheard_of::Thing;",
        "use proptest::prelude::*;",
    ] {
        assert_eq!(faults_of("domain/a.rs", text).len(), 1, "{text}");
    }
    assert_eq!(faults_of("domain/a.rs", "use chrono::DateTime;").len(), 1);
    assert_eq!(
        faults_of("protocol/a.rs", "fn f() { chrono::Utc::now(); }").len(),
        1
    );
    assert_eq!(faults_of("protocol/a.rs", "use chrono::Local;").len(), 1);
}

#[test]
fn what_is_allowed_is_not_reported() {
    for (path, text) in [
        ("app.rs", "use crate::{db, http, socket::hub::Hub, store};"),
        ("main.rs", "use usher::{app, cli};"),
        (
            "http/a.rs",
            "use crate::{auth, clock, domain::id, engine, ids, protocol};",
        ),
        (
            "engine/a.rs",
            "use tokio::sync::mpsc; async fn f() { g().await }",
        ),
        ("engine/a.rs", "mod tests { use super::*; }"),
        (
            "clock.rs",
            "mod tests { use super::*; use crate::domain::time; }",
        ),
        (
            "domain/a.rs",
            "use super::id; use serde::Serialize; use std::time::Duration;",
        ),
        (
            "domain/a.rs",
            "mod role; pub use role::Role; fn f() { role::g(); bytes(); }",
        ),
        (
            "domain/a.rs",
            "// crate::store\n/// tokio::spawn\nconst A: &str = \"crate::db::X\";",
        ),
        (
            "domain/a.rs",
            "#[cfg(test)]\nmod tests { use proptest::prelude::*; use super::*; }",
        ),
        (
            "protocol/a.rs",
            "use chrono::{DateTime, Utc}; use serde_json::Value;",
        ),
    ] {
        assert_eq!(faults_of(path, text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn tests_of_the_core_get_no_further_than_their_module() {
    let text = "#[cfg(test)]\nmod tests { use proptest::prelude::*; }\nuse proptest::num;";
    let found = faults_of("domain/a.rs", text);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("src/domain/a.rs:3: "), "{found:?}");
}
