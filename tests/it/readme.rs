//! The README's quick start works as it stands.
use crate::support::{
    Fresh,
    server::{PROGRAM, Server},
};
use std::{path::Path, process::Command};

/// The blocks that are shell, one after the other.
fn shell(text: &str) -> String {
    let blocks = text.split("\n```sh\n").skip(1).map(|rest| rest.split("\n```").next().expect("a block ends"));
    blocks.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_start_works() {
    let fresh = Fresh::sqlite().await;
    let server = Server::start(&fresh.url);
    let script = shell(include_str!("../../README.md"));
    let programs = Path::new(PROGRAM).parent().expect("a directory").display().to_string();
    let path = format!("{programs}:{}", std::env::var_os("PATH").unwrap_or_default().to_string_lossy());
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script]).env("PATH", path).env("BASE", &server.base).env("DATABASE_URL", &fresh.url);
    let output = bash.output().expect("bash runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        r#""status":"recorded""#,
        r#""commission":{"amount":"6.00""#,
        r#""status":"payable""#,
        "Commission 6.00 EUR",
        "everything holds",
        "3.60 EUR",
    ] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    server.stop();
}
