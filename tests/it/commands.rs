//! The command line: exit codes, keys, and that a server starts and stops in order.
use crate::support::{
    Fresh, TempDir, for_each_database, for_each_empty_database,
    server::{Server, client, ristourne, ristourne_ok, text},
};
use serde_json::Value;
use std::{
    process::{Command, Stdio},
    sync::Mutex,
};

#[test]
fn exit_codes() {
    let dir = TempDir::new("commands");
    let database = format!("sqlite://{}/r.db", dir.path().display());
    for (command, code) in [
        (&["--version"][..], 0),
        (&["--help"], 0),
        // Of a database that is not there nothing holds; a key makes it.
        (&["verify"], 1),
        (&["export", "ledger"], 1),
        (&["key", "create", "--role", "operator"], 0),
        (&["verify"], 0),
        (&["export", "ledger", "--format", "csv"], 0),
        (&["explain", "cnv_0000000000000"], 1),
        (&["key", "create", "--role", "merchant", "--owner", "mer_0000000000000"], 1),
        (&["key", "create", "--role", "merchant"], 2),
        (&["key", "create", "--role", "king"], 2),
        (&["explain", "prg_0000000000000"], 2),
        (&["serve", "--timezone", "Mars/Olympus"], 2),
        (&["serve", "--master-key", "short"], 2),
        (&["nonsense"], 2),
        (&[], 2),
    ] {
        let output = ristourne(&database, command);
        assert_eq!(output.status.code(), Some(code), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        // Results on stdout, everything else on stderr.
        assert_eq!(
            output.stderr.is_empty(),
            code == 0 && command[0] != "export",
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let output = ristourne("mysql://nowhere/x", &["verify"]);
    assert_eq!(output.status.code(), Some(2));
    let output = ristourne("sqlite:///nowhere/at/all.db", &["verify"]);
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_makes_its_database_and_ends_in_order() {
    for_each_empty_database(async |database| {
        let server = Server::start(database);
        for path in ["/healthz", "/readyz", "/metrics", "/robots.txt"] {
            let answer = client().get(server.url(path)).send().await.expect("the server answers");
            assert_eq!(answer.status(), 200, "{path}");
        }
        let key: Value = serde_json::from_str(&ristourne_ok(database, &["key", "create", "--role", "operator"])).expect("one JSON line");
        assert!(text(&key["id"]).starts_with("key_") && text(&key["key"]).starts_with("rst_"));
        // Two servers share one database; the second takes another node number and ends by itself.
        if database.starts_with("postgres") {
            Server::start(database).stop();
        }
        server.stop();
        // The number was given back: a server that starts again has it too.
        Server::start(database).stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_does_not_start() {
    for_each_database(async |database| {
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        Server::start_with(database, &["--master-key", key]).stop();
        for other in
            [&["serve", "--listen", "127.0.0.1:0"][..], &["serve", "--listen", "127.0.0.1:0", "--master-key", &key.replace("AAEC", "BBEC")]]
        {
            let output = ristourne(database, other);
            assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        }
        Server::start_with(database, &["--master-key", key]).stop();
    })
    .await;
}

/// Demos of the same day are the same to the cent and the entry, on either database, and their books balance.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_the_same_each_time() {
    let spool = TempDir::new("demo-spool");
    let play = |database: &str| {
        let command = ["demo", "--only-make", "--day", "2025-03-20", "--spool-dir"];
        let spool = spool.path().join(if database.starts_with("sqlite") { "sqlite" } else { "postgres" });
        let said = ristourne_ok(database, &[&command[..], &[&spool.display().to_string()]].concat());
        assert!(said.contains("3 shops"), "{said}");
        assert!(ristourne_ok(database, &["verify"]).contains("everything holds"));
        ristourne_ok(database, &["export", "ledger"])
    };
    let ledgers = Mutex::new(Vec::new());
    for_each_empty_database(async |database| {
        ledgers.lock().expect("no panic").push(play(database));
        if database.starts_with("sqlite") {
            ledgers.lock().expect("no panic").push(play(database));
        } else {
            let again = ristourne(database, &["demo", "--only-make"]);
            assert_eq!(again.status.code(), Some(1), "nothing is removed from a PostgreSQL");
        }
    })
    .await;
    let ledgers = ledgers.into_inner().expect("no panic");
    assert!(ledgers[0].contains("share_expired") && ledgers[0].contains("refunded"));
    assert!(ledgers.iter().all(|ledger| *ledger == ledgers[0]), "another run, another ledger");
}

/// A demo throws away its own database only.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_spares_other_databases() {
    let fresh = Fresh::sqlite().await;
    let before = ristourne_ok(&fresh.url, &["key", "create", "--role", "operator"]);
    let refused = ristourne(&fresh.url, &["demo", "--only-make"]);
    assert_eq!(refused.status.code(), Some(1));
    let server = Server::start(&fresh.url);
    let key: Value = serde_json::from_str(&before).expect("one JSON line");
    let answer = client().get(server.url("/api/v1/merchants")).bearer_auth(text(&key["key"])).send().await.expect("the server answers");
    assert_eq!(answer.status(), 200, "the key is still there");
    server.stop();
}

/// The lines that the demo prints work when they are pasted into a shell.
#[test]
fn the_demos_lines_work() {
    let dir = TempDir::new("demo-lines");
    let mut demo = Command::new(crate::support::server::PROGRAM)
        .args(["demo", "--listen", "127.0.0.1:0", "--database"])
        .arg(format!("sqlite://{}/demo.db", dir.path().display()))
        .env("RISTOURNE_LOG", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the demo starts");
    let mut lines = Vec::new();
    for line in std::io::BufRead::lines(std::io::BufReader::new(demo.stdout.take().expect("a pipe"))) {
        lines.push(line.expect("text"));
        if lines.last().is_some_and(|line| line.contains("/balances?")) {
            break;
        }
    }
    let from = lines.iter().position(|line| line.starts_with("BASE=")).expect("lines to paste");
    let shell = Command::new("bash").args(["-euo", "pipefail", "-c", &lines[from..].join("\n")]).output().expect("bash runs");
    demo.kill().expect("the demo can be killed");
    demo.wait().expect("the demo ends");
    let said = String::from_utf8_lossy(&shell.stdout);
    assert!(shell.status.success(), "{said}{}", String::from_utf8_lossy(&shell.stderr));
    for part in [r#""status":"recorded""#, r#""commission":{"amount":"6.00""#, r#""rules":[{"rule":3"#, ":pending\""] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
}
