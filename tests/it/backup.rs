//! A backup that is taken while clicks and sales go on, restored elsewhere: everything acknowledged before it began is in it, and all of it holds.
use crate::faults::{Shop, clicks_are_there, orders_are_there, verify};
use crate::support::{
    Fresh, TempDir,
    load::until,
    postgres,
    server::{Server, ristourne_ok},
};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use tokio::task::JoinSet;

/// What was acknowledged.
#[derive(Debug, Default, Clone)]
struct Acknowledged {
    clicks: BTreeSet<String>,
    orders: BTreeSet<String>,
}

/// Visitors and tills at work until they are told to stop.
struct Load {
    acknowledged: Arc<Mutex<Acknowledged>>,
    stop: Arc<AtomicBool>,
    workers: JoinSet<()>,
}

impl Load {
    fn start(shop: &Shop) -> Self {
        let (acknowledged, stop, mut workers) = (Arc::<Mutex<Acknowledged>>::default(), Arc::<AtomicBool>::default(), JoinSet::new());
        for worker in 0..16 {
            let (shop, acknowledged, stop) = (shop.clone(), Arc::clone(&acknowledged), Arc::clone(&stop));
            workers.spawn(async move {
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let mark = format!("{worker}-{n}");
                    if worker % 2 == 0 {
                        assert!(shop.visit(&mark).await, "{mark} is redirected");
                        acknowledged.lock().expect("no worker panicked").clicks.insert(mark);
                    } else {
                        assert_eq!(shop.post(&shop.sale(&mark)).await, Some(202), "{mark} is taken");
                        acknowledged.lock().expect("no worker panicked").orders.insert(mark);
                    }
                }
            });
        }
        Self { acknowledged, stop, workers }
    }

    /// What is acknowledged by now, when it is so much more than `before`.
    async fn more_than(&self, before: &Acknowledged) -> Acknowledged {
        let now = || self.acknowledged.lock().expect("no worker panicked").clone();
        until("clicks and sales go on", async || {
            let now = now();
            now.clicks.len() > before.clicks.len() + 300 && now.orders.len() > before.orders.len() + 200
        })
        .await;
        now()
    }

    async fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.workers.join_next().await {
            ended.expect("no worker panicked");
        }
    }
}

/// Backs a server up under load; gives what was acknowledged before the backup began. Then that server is gone.
async fn back_up(database: &str, backup: impl FnOnce(&Server)) -> (Shop, Acknowledged) {
    // So impatient that some clicks go to the spool.
    let mut server = Server::start_with(database, &["--click-wait-max", "1"]);
    let shop = Shop::open(&server).await;
    let load = Load::start(&shop);
    let before = load.more_than(&Acknowledged::default()).await;
    backup(&server);
    load.more_than(&before).await;
    load.end().await;
    server.kill();
    (shop, before)
}

/// What was acknowledged is there, all of it holds, and the shop goes on where it was.
async fn goes_on(server: Server, shop: &Shop, before: &Acknowledged) {
    clicks_are_there(&server.database, &before.clicks).await;
    orders_are_there(&server.database, &before.orders).await;
    let shop = shop.at(&server);
    assert!(shop.visit("after").await);
    assert_eq!(shop.post(&shop.sale("after")).await, Some(202));
    let known = before.orders.first().expect("an order");
    assert_eq!(shop.post(&shop.sale(known)).await, Some(200), "it is known");
    let database = server.database.clone();
    server.stop();
    verify(&database);
    eprintln!("{} clicks and {} orders came back", before.clicks.len(), before.orders.len());
}

fn run(command: &mut Command) {
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_is_backed_up_while_it_runs() {
    let (database, dir) = (Fresh::sqlite_empty(), TempDir::new("backup"));
    let into = dir.path().join("copy");
    let (shop, before) = back_up(&database.url, |server| {
        let (into, spool) = (into.display().to_string(), server.spool().display().to_string());
        ristourne_ok(&database.url, &["backup", &into, "--spool-dir", &spool]);
        // Never into one that is there.
        let again = crate::support::server::ristourne(&database.url, &["backup", &into]);
        assert_eq!(again.status.code(), Some(1));
    })
    .await;
    let restored = format!("sqlite://{}", into.join("ristourne.db").display());
    // As it lies there; and after a start, which stores what was in the spool.
    verify(&restored);
    goes_on(Server::start_on(&restored, &into.join("ristourne.db-spool")), &shop, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_backed_up_while_it_runs() {
    let (database, dir) = (Fresh::postgres_empty().await, TempDir::new("backup"));
    let (dump, spool) = (dir.path().join("dump"), dir.path().join("spool"));
    let program = |name: &str| Command::new(postgres::programs().expect("PostgreSQL's programs").join(name));
    let (shop, before) = back_up(&database.url, |server| {
        // First the spool, then the database.
        copy(server.spool(), &spool);
        run(program("pg_dump").args(["-Fc", "-f"]).arg(&dump).arg(&database.url));
        let refused = crate::support::server::ristourne(&database.url, &["backup", &dir.path().join("x").display().to_string()]);
        assert_eq!(refused.status.code(), Some(1));
    })
    .await;
    let restored = Fresh::postgres_empty().await;
    run(program("pg_restore").args(["--exit-on-error", "-d"]).arg(&restored.url).arg(&dump));
    verify(&restored.url);
    goes_on(Server::start_on(&restored.url, &spool), &shop, &before).await;
    restored.remove().await;
    database.remove().await;
}

/// As `cp -a` does; a segment that is emptied meanwhile is in the database.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    eprintln!("cp ended with {status}");
}
