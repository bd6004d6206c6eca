//! The command line: exit codes, keys, and that a server starts and stops in order.
use crate::support::{
    Fresh, TempDir, for_each_database, for_each_empty_database,
    server::{Server, client, ristourne, ristourne_ok, text},
};
use serde_json::Value;

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
        (&["explain", "cnv_0000000000001"], 1),
        (&["key", "create", "--role", "merchant", "--owner", "mer_0000000000001"], 1),
        (&["key", "create", "--role", "merchant"], 2),
        (&["key", "create", "--role", "king"], 2),
        (&["explain", "prg_0000000000001"], 2),
        (&["serve", "--timezone", "Mars/Olympus"], 2),
        (&["serve", "--master-key", "short"], 2),
        (&["import", "clicks", "/nowhere.csv"], 1),
        (&["import", "nonsense", "-"], 2),
        (&["simulate", "--program", "prg_0000000000001", "--terms", "/nowhere.json"], 1),
        (&["key", "revoke", "key_0000000000001"], 1),
        (&["completions", "fish"], 0),
        (&["completions", "cmd"], 2),
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

/// What cannot be done is said with what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_what_to_do() {
    let dir = TempDir::new("failures");
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(dir.path().join("text.db"), "this is no database, but long enough to be looked at as if it might be one")
        .expect("written");
    let here = dir.path().display().to_string();
    ristourne_ok(&format!("sqlite://{}", path("good.db")), &["key", "create", "--role", "operator"]);
    for (database, command, wanted) in [
        (format!("sqlite://{}", path("missing.db")), &["verify"][..], "`ristourne serve` makes one"),
        (format!("sqlite://{}", path("missing.db")), &["import", "clicks", &path("text.db")], "there is no database"),
        (format!("sqlite://{}", path("missing.db")), &["import", "sales", &path("text.db")], "there is no database"),
        (format!("sqlite://{}", path("missing.db")), &["import", "rates", &path("text.db")], "there is no database"),
        (format!("sqlite://{}", path("nowhere/r.db")), &["serve"], "does not exist; make it"),
        (format!("sqlite://{}", path("nowhere/r.db")), &["key", "create", "--role", "operator"], "does not exist; make it"),
        (format!("sqlite://{here}"), &["verify"], "is a directory"),
        (format!("sqlite://{}", path("text.db")), &["verify"], "is the file an SQLite database"),
        ("postgres://localhost:1/nothing".to_owned(), &["export", "sales"], "PostgreSQL at localhost:1: database: Connection refused"),
        ("postgres://localhost:1/nothing".to_owned(), &["serve"], "does PostgreSQL run there"),
        (format!("sqlite://{}", path("missing.db")), &["backup", &path("copy")], "there is no database"),
        (format!("sqlite://{}", path("good.db")), &["backup", &here], "is there already; a backup goes into a directory of its own"),
        (format!("sqlite://{}", path("good.db")), &["backup", &path("nowhere/copy")], "nowhere does not exist; make it first"),
        (format!("sqlite://{}", path("good.db")), &["serve", "--spool-dir", &path("text.db")], "another directory is named by --spool-dir"),
        (format!("sqlite://{}", path("new.db")), &["key", "revoke", "key_0000000000001"], "there is no database"),
    ] {
        let output = ristourne(&database, command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
        assert!(said.contains(wanted) && said.lines().count() == 1, "{command:?} on {database}: {said}");
    }
    // Whom the spool belongs to already.
    let spool = TempDir::new("failures-spool");
    let server = Server::start_on(&format!("sqlite://{}", path("good.db")), spool.path());
    let held = spool.path().display().to_string();
    let output = ristourne(&format!("sqlite://{}", path("other.db")), &["serve", "--spool-dir", &held]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("is held by another process; it is in {held}, ")) && said.contains("--spool-dir"), "{said}");
    server.stop();
    assert!(!dir.path().join("missing.db").exists(), "nor is one made");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("it has one").to_string();
    let output = ristourne(&format!("sqlite://{}", path("new.db")), &["serve", "--listen", &address]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("another server may be running there"));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_and_revoked() {
    for_each_database(async |database| {
        let create = |name: &str| -> Value {
            serde_json::from_str(&ristourne_ok(database, &["key", "create", "--role", "operator", "--name", name])).expect("one JSON line")
        };
        let (first, second) = (create("first"), create("second"));
        let list = || -> Vec<Value> {
            let said = ristourne_ok(database, &["key", "list", "--json"]);
            said.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
        };
        let names = |keys: &[Value]| {
            let mut names: Vec<String> = keys.iter().map(|key| text(&key["name"])).collect();
            names.sort();
            names
        };
        assert_eq!(names(&list()), ["first", "second"]);
        let shown = ristourne_ok(database, &["key", "list"]);
        assert!(shown.contains(&text(&first["id"])) && !shown.contains("rst_"), "{shown}");
        let server = Server::start(database);
        let status = async |key: &Value| {
            let asked = client().get(server.url("/api/v1/merchants")).bearer_auth(text(&key["key"]));
            asked.send().await.expect("the server answers").status().as_u16()
        };
        assert_eq!(status(&first).await, 200);
        assert!(ristourne_ok(database, &["key", "revoke", &text(&first["id"])]).contains("is revoked"));
        assert_eq!(ristourne(database, &["key", "revoke", &text(&first["id"])]).status.code(), Some(1), "it is not live any more");
        crate::support::load::until("the key is refused", async || status(&first).await == 401).await;
        assert_eq!(status(&second).await, 200);
        assert_eq!(names(&list()), ["second"]);
        server.stop();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_postgresql_lacks_is_told_how_to_make() {
    let fresh = Fresh::postgres_empty().await;
    let missing = fresh.url.replacen("/test_", "/missing_", 1);
    for command in [&["verify"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let output = ristourne(&missing, command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("does not exist (3D000); make it with `createdb missing_"), "{said}");
        assert!(!said.contains("error returned") && !said.contains("at line"), "{said}");
    }
    fresh.remove().await;
}
