//! Who may use whom, and what the pure core may not even name.

use super::names::{Name, read};

/// May use every folder.
const ANYTHING: &[&str] = &["*"];

/// Each folder of `src/` (or file in it) and the ones it may use besides itself.
const MAY_USE: [(&str, &[&str]); 21] = [
    ("app", ANYTHING),
    ("lib", ANYTHING),
    ("main", ANYTHING),
    ("lifecycle", ANYTHING),
    ("serve", ANYTHING),
    ("http", DOOR),
    ("socket", DOOR),
    ("jobs", DOOR),
    ("providers", ADAPTER),
    ("store", ADAPTER),
    ("db", ADAPTER),
    ("engine", &["domain", "clock", "ids"]),
    ("protocol", &["domain"]),
    ("auth", &["domain", "clock"]),
    ("domain", &[]),
    ("net", &[]),
    ("clock", &["domain"]),
    ("ids", &["domain"]),
    ("config", &[]),
    ("telemetry", &["config"]),
    ("cli", &["config"]),
];
const DOOR: &[&str] = &[
    "engine", "protocol", "auth", "domain", "net", "clock", "ids",
];
const ADAPTER: &[&str] = &["engine", "domain", "clock"];

/// A folder without I/O, time and chance.
struct Pure {
    folder: &'static str,
    crates: &'static [&'static str],
    in_tests: &'static [&'static str],
}

const PURE: [Pure; 2] = [
    Pure {
        folder: "domain",
        crates: &["std", "core", "serde", "thiserror"],
        in_tests: &["proptest", "serde_json"],
    },
    Pure {
        folder: "protocol",
        crates: &["std", "core", "serde", "serde_json", "chrono"],
        in_tests: &["proptest"],
    },
];

/// What waits, reads a clock or reaches outside, wherever it stands in a path.
const IMPURE: [&[&str]; 14] = [
    &["async"],
    &["await"],
    &["SystemTime"],
    &["Instant"],
    &["Utc", "now"],
    &["Local"],
    &["std", "net"],
    &["std", "fs"],
    &["std", "env"],
    &["std", "thread"],
    &["std", "process"],
    &["tokio"],
    &["rand"],
    &["getrandom"],
];

/// A source file as the rules see it.
pub(super) struct File<'a> {
    /// Its path below `src/`.
    pub(super) path: &'a str,
    /// What it holds.
    pub(super) text: &'a str,
    /// Whether it is compiled for tests only.
    pub(super) in_test: bool,
}

/// The module that a path below `src/` holds: `domain/room/mod.rs` is `["domain", "room"]`.
pub(super) fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    if matches!(path, "lib" | "main") {
        Vec::new()
    } else {
        path.split('/').map(Into::into).collect()
    }
}

/// Everything in a file that the rules forbid, one line each, with file and line.
pub(super) fn faults(file: &File<'_>, dependencies: &[String]) -> Vec<String> {
    let module = module_of(file.path);
    let here = file
        .path
        .split(['/', '.'])
        .next()
        .unwrap_or_default()
        .to_owned();
    let names = read(&module, file.text, file.in_test);
    let declared: Vec<&str> = names
        .modules
        .iter()
        .filter_map(|m| m.module.last())
        .map(String::as_str)
        .collect();
    let mut faults = Vec::new();
    for name in &names.names {
        let verdict = forbidden_edge(&here, name)
            .or_else(|| impure(&here, name))
            .or_else(|| foreign_crate(&here, name, &declared, dependencies));
        if let Some(verdict) = verdict {
            let (path, line) = (name.segments.join("::"), name.line);
            faults.push(format!("src/{}:{line}: `{path}`: {verdict}", file.path));
        }
    }
    faults
}

fn forbidden_edge(here: &str, name: &Name) -> Option<String> {
    let there = folder_of(name)?;
    let Some((_, allowed)) = MAY_USE.iter().find(|(folder, _)| *folder == here) else {
        return Some(format!(
            "{here} has no place in the table of tests/it/architecture/rules.rs"
        ));
    };
    let fine = there == here || *allowed == ANYTHING || allowed.contains(&there.as_str());
    (!fine).then(|| format!("{here} may not use {there}"))
}

/// Our folder that a path leads to, if it leads to one.
fn folder_of(name: &Name) -> Option<String> {
    let mut base = name.module.clone();
    let mut rest = name.segments.as_slice();
    match rest.split_first() {
        Some((first, after)) if first == "crate" || first == "usher" => {
            base.clear();
            rest = after;
        }
        Some((first, after)) if first == "self" && !after.is_empty() => rest = after,
        Some((first, _)) if first == "super" => {
            while let Some((first, after)) = rest.split_first()
                && first == "super"
            {
                base.pop();
                rest = after;
            }
        }
        Some(_) | None => return None,
    }
    base.first().or_else(|| rest.first()).cloned()
}

fn impure(here: &str, name: &Name) -> Option<String> {
    PURE.iter().find(|pure| pure.folder == here)?;
    IMPURE
        .iter()
        .find(|wanted| {
            name.segments
                .windows(wanted.len())
                .any(|part| part == **wanted)
        })
        .map(|found| format!("{here} is pure, without `{}`", found.join("::")))
}

fn foreign_crate(
    here: &str,
    name: &Name,
    declared: &[&str],
    dependencies: &[String],
) -> Option<String> {
    let pure = PURE.iter().find(|pure| pure.folder == here)?;
    let first = name.segments.first()?.as_str();
    let ours = ["crate", "usher", "self", "super"].contains(&first) || declared.contains(&first);
    let may_be_crate = first.starts_with(|c: char| c.is_ascii_lowercase());
    let is_crate = dependencies.iter().any(|crate_name| crate_name == first)
        || ["std", "core", "alloc"].contains(&first);
    let meant = name.imported || (name.segments.len() > 1 && is_crate);
    let known = pure.crates.contains(&first) || (name.in_test && pure.in_tests.contains(&first));
    (meant && may_be_crate && !ours && !known)
        .then(|| format!("{here} may use only {}", pure.crates.join(", ")))
}
