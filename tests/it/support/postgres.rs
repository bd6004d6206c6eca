//! A PostgreSQL of our own: one cluster a run, a database a test.
//!
//! A `sh` owns it: it makes the cluster, starts it, and waits until its standard input closes, which happens when this process ends, in
//! whatever way. Then it stops PostgreSQL and removes the directory, so that a killed test leaves nothing behind.
use ristourne::store::{Db, Options};
use sqlx::{Connection as _, Executor as _, PgConnection};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::OnceCell;

/// A running cluster. It lives as long as this value, or this process.
#[derive(Debug)]
pub struct Cluster {
    /// Holds data, socket and log.
    dir: PathBuf,
    owner: Child,
    template: OnceCell<()>,
    next: AtomicU32,
}

/// The run's cluster, with `fsync` off: it survives the death of our processes, though not of the machine.
pub async fn cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER.get_or_init(async || Cluster::start(&["fsync=off", "full_page_writes=off"])).await
}

/// `$1` the programs, the rest are settings. Prints the directory when PostgreSQL answers.
const OWNER: &str = r#"
trap '' INT TERM HUP
bin=$1; shift
dir=$(mktemp -d "${TMPDIR:-/tmp}/ristourne-pg.XXXXXX") || exit 1
cd "$dir" || exit 1
options="-k '$dir' -c listen_addresses="
for setting in "$@"; do options="$options -c $setting"; done
echo "$options" >options
if "$bin/initdb" -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >initdb.log 2>&1 &&
   "$bin/pg_ctl" -D data -l log -w -t 60 -o "$options" start >start.log 2>&1 </dev/null; then
    chmod 755 . && chmod 644 log
    echo "$dir"
    cat >/dev/null
else
    cat initdb.log start.log log >&2
fi
"$bin/pg_ctl" -D data -m immediate stop >/dev/null 2>&1
cd / && rm -rf "$dir"
"#;

const SETTINGS: [&str; 7] = [
    "max_connections=300",
    "shared_buffers=64MB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "jit=off",
    // So that a deadlock, which no test may cause, is in the log soon.
    "deadlock_timeout=200ms",
    "log_line_prefix=%m[%d]",
];

impl Cluster {
    /// Starts a cluster with settings of its own.
    pub fn start(settings: &[&str]) -> Self {
        let Some(bin) = programs() else { panic!("the tests need PostgreSQL: apt-get install postgresql") };
        let mut command = as_owner();
        command.args(["-c", OWNER, "postgres-owner"]).arg(&bin).args(SETTINGS).args(settings);
        // In a process group of its own, so that Ctrl-C at the terminal reaches the tests only.
        command.current_dir("/").process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut owner = command.spawn().expect("sh starts");
        let mut line = String::new();
        let stdout = owner.stdout.take().expect("standard output is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("sh answers");
        if line.is_empty() {
            let output = owner.wait_with_output().expect("sh ends");
            panic!("PostgreSQL did not start ({}):\n{}", bin.display(), String::from_utf8_lossy(&output.stderr));
        }
        Self { dir: PathBuf::from(line.trim_end()), owner, template: OnceCell::new(), next: AtomicU32::new(0) }
    }

    /// A database with all migrations run, copied from a template that is migrated once.
    pub async fn create_migrated(&self) -> String {
        self.template
            .get_or_init(async || {
                self.run("CREATE DATABASE template_ristourne").await;
                let db = Db::open(&self.url("template_ristourne"), &Options::default()).await.expect("the template opens");
                db.migrate().await.expect("the template migrates");
                // PostgreSQL copies only a database that nobody is connected to.
                db.close().await;
            })
            .await;
        self.create("TEMPLATE template_ristourne").await
    }

    pub async fn create_empty(&self) -> String {
        self.create("").await
    }

    async fn create(&self, options: &str) -> String {
        let name = format!("test_{}", self.next.fetch_add(1, Ordering::Relaxed));
        self.run(&format!("CREATE DATABASE {name} {options}")).await;
        self.url(&name)
    }

    /// Drops a database that `create_…` made.
    pub async fn remove(&self, url: &str) {
        self.run(&format!("DROP DATABASE {} WITH (FORCE)", name(url))).await;
    }

    /// What PostgreSQL has logged about a database so far: errors, deadlocks.
    pub fn log(&self, url: &str) -> String {
        let log = std::fs::read(self.dir.join("log")).expect("PostgreSQL's log");
        let mark = format!("[{}]", name(url));
        String::from_utf8_lossy(&log).lines().filter(|line| line.contains(&mark)).collect::<Vec<_>>().join("\n")
    }

    /// Stops PostgreSQL as a crash of its machine would be seen: all connections end at once.
    pub fn stop(&self) {
        self.control(r#""$1/pg_ctl" -D data -m immediate -w stop"#);
    }

    /// Starts it again after `stop`.
    pub fn start_again(&self) {
        self.control(r#""$1/pg_ctl" -D data -l log -w -t 60 -o "$(cat options)" start"#);
    }

    fn control(&self, script: &str) {
        let mut command = as_owner();
        command.args(["-c", script, "postgres-control"]).arg(programs().expect("PostgreSQL's programs")).current_dir(&self.dir);
        // PostgreSQL would keep our pipes open, and whoever reads them waiting.
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).status().expect("sh runs");
        assert!(status.success(), "{script}: {status}");
    }

    /// Runs text on the maintenance database, outside a transaction.
    async fn run(&self, text: &str) {
        let mut connection = PgConnection::connect(&self.url("postgres")).await.expect("PostgreSQL answers");
        connection.execute(sqlx::AssertSqlSafe(text)).await.unwrap_or_else(|error| panic!("{text}: {error}"));
        connection.close().await.expect("the connection closes");
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.dir.display())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.owner.stdin.take());
        self.owner.wait().expect("PostgreSQL's owner ends");
    }
}

/// The database of a URL that `create` gave.
fn name(url: &str) -> &str {
    url.split(['/', '?']).find(|part| part.starts_with("test_")).expect("a URL of this cluster")
}

/// The newest PostgreSQL: Debian keeps the server's programs out of the PATH.
pub fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))));
    let newest = debian.filter(|(_, bin)| bin.join("initdb").exists()).max().map(|(_, bin)| bin);
    let path = std::env::var_os("PATH").unwrap_or_default();
    newest.or_else(|| std::env::split_paths(&path).find(|bin| bin.join("initdb").exists() && bin.join("pg_ctl").exists()))
}

/// A shell of a user as whom PostgreSQL runs: it refuses to be root.
fn as_owner() -> Command {
    if !is_root() {
        return Command::new("sh");
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--", "sh"]);
    command
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id runs");
    output.stdout.trim_ascii() == b"0"
}
