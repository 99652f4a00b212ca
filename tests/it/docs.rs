//! The documents say what the code says: names, codes, permissions, settings and paths.

use std::fs;
use std::path::{Path, PathBuf};

use axum::response::IntoResponse;
use usher::domain::permission::{self, Action};
use usher::domain::refusal::{Kind, Refusal, RoleChange};
use usher::domain::role::{Rank, Role};
use usher::http::problem::Problem;
use usher::protocol::names::{client, server};

const DOCUMENTS: [&str; 7] = [
    "README.md",
    "CHANGELOG.md",
    "docs/ARCHITECTURE.md",
    "docs/BENCHMARKS.md",
    "docs/OPERATIONS.md",
    "docs/PROTOCOL.md",
    "docs/PROVIDERS.md",
];

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(in_repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text under a heading of the second level.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let (_, after) = document
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("there is no section {heading}"));
    after.split("\n## ").next().unwrap_or_default()
}

/// The cells of the table row that starts with this inline code.
fn row<'a>(section: &'a str, code: &str) -> Option<Vec<&'a str>> {
    let start = format!("| `{code}` |");
    let line = section.lines().find(|line| line.starts_with(&start))?;
    Some(line.trim_matches('|').split('|').map(str::trim).collect())
}

/// The document without its fenced blocks.
fn prose(document: &str) -> String {
    document.split("```").step_by(2).collect()
}

fn missing_rows(section: &str, codes: &[&str]) -> Vec<String> {
    codes
        .iter()
        .filter(|code| row(section, code).is_none())
        .map(|code| (*code).to_owned())
        .collect()
}

#[test]
fn every_event_has_its_row() {
    let protocol = read("docs/PROTOCOL.md");
    for (heading, names) in [
        ("Client events", &client::ALL[..]),
        ("Server events", &server::ALL[..]),
    ] {
        let missing = missing_rows(section(&protocol, heading), names);
        assert!(
            missing.is_empty(),
            "docs/PROTOCOL.md, {heading}: no row for {missing:?}"
        );
    }
}

const fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid => "invalid",
        Kind::Unauthenticated => "unauthenticated",
        Kind::Forbidden => "forbidden",
        Kind::NotFound => "not-found",
        Kind::Conflict => "conflict",
        Kind::Gone => "gone",
        Kind::RateLimited => "rate-limited",
        Kind::Unavailable => "unavailable",
        Kind::Internal => "internal",
    }
}

#[test]
fn every_code_has_its_row_with_kind_status_and_retry() {
    let protocol = read("docs/PROTOCOL.md");
    let errors = section(&protocol, "Errors");
    for refusal in Refusal::samples() {
        let (code, kind) = (refusal.code(), refusal.kind());
        let status = Problem::from(refusal)
            .into_response()
            .status()
            .as_u16()
            .to_string();
        let retry = if kind.is_retryable() { "yes" } else { "no" };
        let cells = row(errors, code).unwrap_or_else(|| panic!("docs/PROTOCOL.md: {code}: no row"));
        let expected = [label(kind), status.as_str(), retry];
        assert_eq!(
            &cells[1..4],
            expected,
            "docs/PROTOCOL.md: {code}: kind, HTTP status, retry"
        );
    }
}

#[test]
fn every_sentence_stands_as_it_is_sent() {
    let protocol = read("docs/PROTOCOL.md");
    let errors = section(&protocol, "Errors");
    let mut sentences: Vec<String> = Refusal::samples()
        .into_iter()
        // Its sentence holds a number.
        .filter(|refusal| !matches!(refusal, Refusal::AlreadyConnected { .. }))
        .map(|refusal| refusal.to_string().trim_start_matches("; ").to_owned())
        .collect();
    for role in [Role::Host, Role::CoHost] {
        for grant in [true, false] {
            sentences.push(RoleChange { role, grant }.host_only().to_owned());
        }
    }
    for sentence in sentences {
        assert!(
            errors.contains(&sentence),
            "docs/PROTOCOL.md, Errors: no `{sentence}`"
        );
    }
}

/// Codes that only the REST surface has stand in its source as `code: "…"`.
#[test]
fn every_code_of_rest_has_its_row() {
    let protocol = read("docs/PROTOCOL.md");
    let mut codes = Vec::new();
    for entry in fs::read_dir(in_repository("src/http")).unwrap() {
        let path = entry.unwrap().path();
        let source = if path.is_file() {
            fs::read_to_string(path).unwrap()
        } else {
            continue;
        };
        let found = source
            .split("code: \"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        codes.extend(found.map(str::to_owned));
    }
    assert!(
        codes.len() >= 4,
        "where have the codes gone? found {codes:?}"
    );
    let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
    let missing = missing_rows(section(&protocol, "Errors"), &codes);
    assert!(
        missing.is_empty(),
        "docs/PROTOCOL.md, Errors: no row for {missing:?}"
    );
}

const fn heading(rank: Rank) -> &'static str {
    match rank {
        Rank::Participant => "participant",
        Rank::CoHost => "co-host",
        Rank::Host => "host",
        Rank::Creator => "creator",
    }
}

/// Who may do what, as a table.
fn matrix() -> String {
    let line = |first: &str, cells: [&str; 4]| format!("| {first} | {} |\n", cells.join(" | "));
    let mut table = line("action", Rank::ALL.map(heading));
    table.push_str("|---|---|---|---|---|\n");
    for action in Action::ALL {
        let may = |rank| {
            if permission::allows(rank, action) {
                "yes"
            } else {
                "no"
            }
        };
        table.push_str(&line(action.label(), Rank::ALL.map(may)));
    }
    table
}

#[test]
fn the_matrix_is_the_policy() {
    let protocol = read("docs/PROTOCOL.md");
    let (_, after) = protocol.split_once("<!-- matrix:begin -->\n").unwrap();
    let (found, _) = after.split_once("<!-- matrix:end -->").unwrap();
    let right = matrix();
    assert!(
        found == right,
        "docs/PROTOCOL.md, between the matrix markers, put:\n\n{right}"
    );
}

#[test]
fn every_setting_has_its_row_with_its_default() {
    let operations = read("docs/OPERATIONS.md");
    let settings = section(&operations, "Settings");
    let defaults = read("config/default.toml");
    let (mut group, mut options, mut faults) = ("", 0, Vec::new());
    for line in defaults.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            group = name;
        } else if let Some((option, default)) = line.split_once(" = ") {
            options += 1;
            let start = format!("| `{group}.{option}` | `{default}` | ");
            if !settings.lines().any(|line| line.starts_with(&start)) {
                faults.push(start);
            }
        }
    }
    assert!(options > 30, "only {options} options were found");
    let faults = faults.join("\n");
    assert!(
        faults.is_empty(),
        "docs/OPERATIONS.md, Settings: no row that starts with\n{faults}"
    );
    let rows = settings
        .lines()
        .filter(|line| line.starts_with("| `"))
        .count();
    assert_eq!(
        rows, options,
        "docs/OPERATIONS.md, Settings: rows and options"
    );
}

#[test]
fn every_relative_link_leads_somewhere() {
    for document in DOCUMENTS {
        let text = prose(&read(document));
        let folder = in_repository(document)
            .parent()
            .map(Path::to_path_buf)
            .unwrap();
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() {
                in_repository(document)
            } else {
                folder.join(file)
            };
            assert!(path.exists(), "{document}: {target} leads nowhere");
            if !anchor.is_empty() {
                let headings = fs::read_to_string(path).unwrap();
                assert!(
                    anchors(&headings).contains(&anchor.to_owned()),
                    "{document}: {target}"
                );
            }
        }
    }
}

/// The anchors of a document's headings.
fn anchors(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

/// Paths in inline code, such as the way of a join.
#[test]
fn every_path_named_is_there() {
    let is_path = |code: &str| {
        let ours = ["src/", "tests/", "config/", "docs/", "scripts/"];
        let source = code.contains('/') && (code.ends_with(".rs") || code.ends_with(".toml"));
        source || ours.iter().any(|folder| code.starts_with(folder))
    };
    for document in DOCUMENTS {
        for code in prose(&read(document)).split('`').skip(1).step_by(2) {
            let path = code.trim_end_matches('/');
            assert!(
                !is_path(code) || in_repository(path).exists(),
                "{document}: no {code}"
            );
        }
    }
}

#[test]
fn the_map_shows_what_is_there() {
    let readme = read("README.md");
    let map = section(&readme, "Map");
    let named: Vec<&str> = map
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next())
        .flat_map(|cell| cell.split(", "))
        .map(|path| path.trim_matches('`'))
        .collect();
    for path in &named {
        assert!(
            in_repository(path).exists(),
            "README.md, Map: there is no {path}"
        );
    }
    for entry in fs::read_dir(in_repository("src")).unwrap() {
        let path = entry.unwrap().path();
        let empty = path.is_dir() && fs::read_dir(&path).unwrap().next().is_none();
        let name = format!("src/{}", path.file_name().unwrap().to_string_lossy());
        if !empty && name != "src/lib.rs" {
            assert!(named.contains(&name.as_str()), "README.md, Map: no {name}");
        }
    }
}
