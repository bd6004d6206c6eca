//! Keeps the house tidy: reads the sources and enforces the floor plan of `src/lib.rs`. Each rule has a bad sample that it must find.
mod scan;

use scan::{Tree, crates, module, paths, read, tokens};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FLOORS: [(&str, u32); 8] =
    [("app", 5), ("web", 4), ("jobs", 4), ("engine", 3), ("store", 2), ("formats", 2), ("domain", 1), ("kernel", 0)];

/// Folders whose files may not import each other; the files that they share; the files that may import the whole folder, as `mod.rs` may.
const SIBLINGS: [(&str, &[&str], &[&str]); 4] = [
    ("store", &["db", "sql", "bulk", "direct", "filter", "error", "migrate", "turn", "fold"], &["facts", "apply"]),
    ("formats", &[], &[]),
    ("jobs", &[], &[]),
    (
        "web",
        &["actor", "problem", "page", "document", "paper", "sheet", "json", "idempotency", "cookie", "limits", "headers", "ui"],
        &["edge", "openapi", "router"],
    ),
];

/// Floors whose files may import each other, but not in a circle.
const NO_CIRCLES: [&str; 2] = ["domain", "engine"];

/// The one place where a crate may be named.
const CRATE_PLACES: [(&str, &str); 9] = [
    ("axum", "src/web/"),
    ("axum_extra", "src/web/"),
    ("tower_http", "src/web/"),
    ("hyper", "src/web/"),
    ("hyper_util", "src/web/"),
    ("sqlx", "src/store/"),
    ("rusqlite", "src/store/"),
    ("reqwest", "src/engine/egress"),
    ("lettre", "src/engine/mailer"),
];

/// Floors that are pure, and what they may not name.
const PURE: [(&str, &[&str]); 3] = [
    ("src/domain/", &["tokio", "tracing", "metrics", "getrandom"]),
    ("src/kernel/", &["tokio", "tracing", "metrics"]),
    ("src/formats/", &["tokio", "tracing", "metrics", "getrandom"]),
];

/// DESIGN aims at 100 to 350 lines.
const LINES_MAX: usize = 400;

type Module = Vec<String>;

/// Which module of the tree each module refers to.
fn references(tree: &Tree) -> BTreeMap<Module, BTreeSet<Module>> {
    let modules: BTreeSet<Module> = tree.keys().filter_map(|file| module(file)).collect();
    let resolve = |mut path: Module| {
        while !modules.contains(&path) && path.pop().is_some() {}
        path
    };
    let mut out = BTreeMap::new();
    for (file, source) in tree {
        let Some(from) = module(file) else { continue };
        let mut to: BTreeSet<Module> = paths(&from, &tokens(source)).into_iter().map(resolve).collect();
        to.remove(&from);
        to.remove(&Vec::new());
        out.insert(from, to);
    }
    out.remove(&Vec::new());
    out
}

/// Imports that go up, or sideways.
fn wrong_imports(tree: &Tree) -> Vec<String> {
    let is_mod = |module: &[String]| tree.contains_key(&format!("src/{}/mod.rs", module.join("/")));
    let mut out = Vec::new();
    for (from, targets) in references(tree) {
        for to in targets {
            let floor = |module: &Module| FLOORS.iter().find(|(name, _)| *name == module[0]).map(|(_, floor)| *floor);
            let fine = match (floor(&from), floor(&to)) {
                (Some(above), Some(below)) if from[0] != to[0] => below < above,
                (Some(_), Some(_)) => may_import_sibling(&from, &to, is_mod(&from), is_mod(&to)),
                _ => false,
            };
            if !fine {
                out.push(format!("{} may not import {}", from.join("::"), to.join("::")));
            }
        }
    }
    out
}

fn may_import_sibling(from: &[String], to: &[String], from_mod: bool, to_mod: bool) -> bool {
    let Some((_, shared, whole)) = SIBLINGS.iter().find(|(name, ..)| *name == from[0]) else { return true };
    let among = |names: &[&str], module: &[String]| module.get(1).is_some_and(|name| names.contains(&name.as_str()));
    // Up to the `mod.rs` of a folder that it is in, or down from one.
    let own_folder = to_mod && from.starts_with(to) || from_mod && to.starts_with(from);
    own_folder || among(shared, to) || among(whole, from)
}

/// A circle of files, or of folders below the floor, on the floors that may have none.
fn circles(tree: &Tree) -> Vec<String> {
    let mut out = Vec::new();
    for floor in NO_CIRCLES {
        let unit = |module: &Module| (module[0] == floor).then(|| module.get(1).cloned().unwrap_or_default());
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in references(tree) {
            let Some(from) = unit(&from) else { continue };
            edges.entry(from.clone()).or_default().extend(to.iter().filter_map(unit).filter(|to| *to != from));
        }
        // What imports nothing that is left, or is imported by nothing that is left, is in no circle.
        loop {
            let before = edges.len();
            let from: BTreeSet<String> = edges.keys().cloned().collect();
            let to: BTreeSet<String> = edges.values().flatten().cloned().collect();
            edges.retain(|unit, targets| {
                targets.retain(|target| from.contains(target));
                to.contains(unit) && !targets.is_empty()
            });
            if edges.len() == before {
                break;
            }
        }
        if !edges.is_empty() {
            let lines = edges.iter().map(|(from, to)| format!("{from} -> {to:?}"));
            out.push(format!("a circle in {floor}: {}", lines.collect::<Vec<_>>().join("; ")));
        }
    }
    out
}

fn misplaced_crates(tree: &Tree) -> Vec<String> {
    let mut out = Vec::new();
    for (file, source) in tree {
        let tokens = tokens(source);
        let places = CRATE_PLACES.iter().filter(|(_, place)| !file.starts_with(place)).map(|(name, _)| *name);
        let impure = PURE.iter().filter(|(floor, _)| file.starts_with(floor)).flat_map(|(_, names)| names.iter().copied());
        out.extend(crates(&tokens, places.chain(impure)).into_iter().map(|name| format!("{file} may not name {name}")));
    }
    out
}

fn sql_outside_store(tree: &Tree) -> Vec<String> {
    const STARTS: [&str; 10] = [
        "SELECT ",
        "INSERT INTO ",
        "DELETE FROM ",
        "CREATE TABLE ",
        "CREATE INDEX ",
        "CREATE UNIQUE ",
        "ALTER TABLE ",
        "DROP ",
        "PRAGMA ",
        "BEGIN",
    ];
    let is_sql = |text: &str| {
        let text = text.trim_start();
        STARTS.iter().any(|start| text.starts_with(start))
            || text.starts_with("UPDATE ") && text.contains(" SET ")
            || text.starts_with("WITH ") && text.contains("SELECT ")
    };
    let outside = tree.iter().filter(|(file, _)| !file.starts_with("src/store/"));
    let holds = outside.filter(|(_, source)| tokens(source).iter().any(|token| matches!(token, scan::Token::Text(text) if is_sql(text))));
    holds.map(|(file, _)| format!("{file} holds SQL")).collect()
}

fn long_or_nameless(tree: &Tree) -> Vec<String> {
    let mut out = Vec::new();
    for (file, source) in tree {
        let lines = source.lines().count();
        if lines > LINES_MAX {
            out.push(format!("{file} has {lines} lines, {LINES_MAX} are too many already"));
        }
        if !source.starts_with("//! ") {
            out.push(format!("{file} does not say in its first line what it owns"));
        }
    }
    out
}

/// Marks of unfinished work, put together here so that this file does not hold them.
fn unfinished(tree: &Tree) -> Vec<String> {
    const MARKS: [&str; 4] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!"), concat!("unimple", "mented!")];
    let found = |source: &str| MARKS.iter().copied().find(|mark| source.contains(mark));
    tree.iter().filter_map(|(file, source)| found(source).map(|mark| format!("{file} says {mark}"))).collect()
}

/// Migrations that only one database has.
fn lonely_migrations(tree: &Tree) -> Vec<String> {
    let names = |kind: &str| -> BTreeSet<String> {
        tree.keys().filter_map(|file| file.strip_prefix(&format!("migrations/{kind}/"))).map(str::to_owned).collect()
    };
    names("sqlite").symmetric_difference(&names("postgres")).map(|name| format!("{name} is there for one database only")).collect()
}

fn project(places: &[&str], endings: &[&str]) -> Tree {
    let tree = read(Path::new(env!("CARGO_MANIFEST_DIR")), places, endings);
    assert!(!tree.is_empty(), "there is nothing to read in {places:?}");
    tree
}

#[track_caller]
fn none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn imports_go_down() {
    none(&wrong_imports(&project(&["src"], &[".rs"])));
}

#[test]
fn no_circles() {
    none(&circles(&project(&["src"], &[".rs"])));
}

#[test]
fn crates_are_in_their_place() {
    none(&misplaced_crates(&project(&["src"], &[".rs"])));
}

#[test]
fn sql_is_in_store() {
    none(&sql_outside_store(&project(&["src"], &[".rs"])));
}

#[test]
fn files_are_short_and_say_what_they_own() {
    none(&long_or_nameless(&project(&["src", "tests", "build.rs"], &[".rs"])));
}

#[test]
fn nothing_is_left_unfinished() {
    let places = ["src", "tests/it", "tests/oracles", "migrations", "docs", "build.rs", "test", ".ci/run", "Cargo.toml", "README.md"];
    none(&unfinished(&project(&places, &["rs", "sql", "md", "py", "toml", "run", "test"])));
}

#[test]
fn both_databases_have_the_same_migrations() {
    none(&lonely_migrations(&project(&["migrations"], &[".sql"])));
}

fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(file, source)| ((*file).to_owned(), (*source).to_owned())).collect()
}

#[test]
fn finds_wrong_imports() {
    let files = [
        ("src/lib.rs", "pub mod web;"),
        ("src/kernel/id.rs", "use crate::{kernel::time, domain::money as m};"),
        ("src/domain/money.rs", "/// See [`crate::web::edge`].\nuse crate::kernel::id::Id; // crate::web::edge"),
        ("src/store/mod.rs", "pub mod db; pub use self::links::Link; use crate::store::db;"),
        ("src/store/db.rs", "use super::sql; use crate::formats::csv::X;"),
        ("src/store/sql.rs", ""),
        ("src/store/links.rs", "use super::{db::{self, Db as D}, buyers}; mod tests { use super::*; use super::super::clicks::C; }"),
        ("src/store/buyers.rs", "fn f<'a>(x: &'a str) { let q = '\"'; crate::store::clicks::get(); super::sql::x() }"),
        ("src/store/clicks.rs", "use crate::store::Kind;"),
        ("src/store/facts/load.rs", "use crate::store::buyers;"),
        ("src/formats/csv.rs", ""),
        ("src/web/api/mod.rs", "use self::links; use super::router;"),
        ("src/web/api/links.rs", "use super::Page; use super::shops; use super::super::json::J;"),
        ("src/web/api/shops.rs", "const X: &str = r#\"use crate::app::x \"quoted\"\"#; const Y: &str = \"\\\"use crate::app::x\";"),
        ("src/web/json.rs", ""),
        ("src/web/edge.rs", "use crate::web::api::links; use crate::jobs::rates;"),
        ("src/web/router.rs", "use crate::web::api; use crate::app::x;"),
        ("src/jobs/rates.rs", ""),
        ("src/app/x.rs", "use crate::web::router;"),
    ];
    let expected = [
        "kernel::id may not import domain::money",
        "store::buyers may not import store::clicks",
        "store::db may not import formats::csv",
        "store::links may not import store::buyers",
        "store::links may not import store::clicks",
        "web::api may not import web::router",
        "web::api::links may not import web::api::shops",
        "web::edge may not import jobs::rates",
        "web::router may not import app::x",
    ];
    assert_eq!(wrong_imports(&tree(&files)), expected);
}

#[test]
fn finds_circles() {
    let line = [("src/domain/a.rs", "use super::b;"), ("src/domain/b.rs", "use crate::domain::c::{d, e};"), ("src/domain/c/mod.rs", "")];
    assert_eq!(circles(&tree(&line)), Vec::<String>::new());
    let circle = [line[0], line[1], ("src/domain/c/mod.rs", "pub mod d;"), ("src/domain/c/d.rs", "use super::super::a;")];
    assert_eq!(circles(&tree(&circle)).len(), 1);
}

#[test]
fn finds_what_is_in_the_wrong_place() {
    let files = [
        ("src/engine/a.rs", "use sqlx::Row; use reqwest; fn f() { axum::serve() } // hyper::x"),
        ("src/engine/egress.rs", "use reqwest::Client; use crate::hyper::x;"),
        ("src/domain/b.rs", "fn f() { tracing::info!(\"x\") }"),
        ("src/store/c.rs", "use sqlx::Row; const X: &str = \"SELECT 1\";"),
        ("src/web/d.rs", "const X: &str = \"\n UPDATE link SET id = 1\"; const Y: &str = \"UPDATE me\";"),
    ];
    let expected = ["src/domain/b.rs may not name tracing", "src/engine/a.rs may not name axum", "src/engine/a.rs may not name sqlx"];
    let found: BTreeSet<String> = misplaced_crates(&tree(&files)).into_iter().collect();
    assert_eq!(found.len(), 4);
    assert!(expected.iter().all(|line| found.contains(*line)), "{found:?}");
    assert_eq!(sql_outside_store(&tree(&files)), ["src/web/d.rs holds SQL"]);
}

#[test]
fn finds_what_is_long_nameless_unfinished_or_lonely() {
    let long = "//! Owns.\n".repeat(LINES_MAX + 1);
    assert_eq!(long_or_nameless(&tree(&[("src/a.rs", "//! Owns."), ("src/b.rs", &long), ("src/c.rs", "use x;")])).len(), 2);
    assert_eq!(unfinished(&tree(&[("src/a.rs", concat!("// TO", "DO: later")), ("src/b.rs", "a todo list")])).len(), 1);
    let migrations = [("migrations/sqlite/1.sql", ""), ("migrations/postgres/1.sql", ""), ("migrations/postgres/2.sql", "")];
    assert_eq!(lonely_migrations(&tree(&migrations)), ["2.sql is there for one database only"]);
}
