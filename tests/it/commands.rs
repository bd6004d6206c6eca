//! The command line: exit codes, keys, and that a server starts and stops in order.
use crate::support::{
    TempDir, for_each_database, for_each_empty_database,
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
