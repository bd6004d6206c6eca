//! The floor of a durable redirect: the product's own edge, catalogue, cookies, seal and answer, with the least that can be called
//! durable behind them: every click is appended to one file, and one `fdatasync` ends each batch of whatever came meanwhile.
//!
//! `floor DATABASE LISTEN FILE` serves the links of an existing database until it is killed. It stores nothing that anybody could ask for.

use axum::response::{IntoResponse as _, Response};
use ristourne::{
    domain::click::Click,
    engine::{catalogue::Catalogue, clock::Clock, keys, recent::Recent, spool},
    kernel::{
        address::{Address, Trusted},
        id::Generator,
        seal::{KeyRing, Vault},
    },
    store::{Db, Options},
    web::{
        edge::{self, EdgeBody, Fast, Settings},
        problem::Problem,
        redirect::{self, Arrival, Tools},
    },
};
use std::{
    error::Error,
    fs::File,
    io::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

/// As many as the product's own batches.
const BATCH_MAX: usize = 1_000;

struct Floor {
    catalogue: Catalogue,
    ring: KeyRing,
    ids: Generator,
    recent: Recent,
    queue: mpsc::Sender<Job>,
    /// Batches that are on the disk. Taken by the edge's thread when it starts.
    written: Mutex<Option<mpsc::UnboundedReceiver<Vec<Answer>>>>,
}

/// The same allocator as the product's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Answer = oneshot::Sender<()>;

struct Job {
    click: Click,
    answer: Answer,
}

impl Fast for Floor {
    fn owns(&self, path: &str) -> bool {
        path.starts_with(redirect::PREFIX)
    }

    fn prepare(&self) {
        redirect::prepare();
        // The answers of a batch come to the edge's thread in one piece: one wake-up, not one a click.
        let mut written = self.written.lock().expect("nobody panicked").take().expect("prepared once");
        tokio::spawn(async move {
            while let Some(answers) = written.recv().await {
                for answer in answers {
                    // A visitor who has gone needs no answer.
                    answer.send(()).unwrap_or_default();
                }
            }
        });
    }

    async fn answer(&self, request: http::Request<EdgeBody>, client: Address) -> Response {
        let now = Clock::System.now();
        let (parts, _) = request.into_parts();
        let slug = parts.uri.path().strip_prefix(redirect::PREFIX).unwrap_or_default();
        let Ok(Some(found)) = self.catalogue.find(slug).await else { return Problem::not_found().into_response() };
        let arrival = Arrival { query: parts.uri.query().unwrap_or_default(), headers: &parts.headers, client, head: false, now };
        let tools = Tools { ids: &self.ids, ring: &self.ring, recent: &self.recent };
        let (click, answer) = redirect::depart(&found.program.route, &found.link.route, &arrival, &tools).into_parts();
        let (done, written) = oneshot::channel();
        if self.queue.try_send(Job { click, answer: done }).is_err() || written.await.is_err() {
            return Problem::unavailable().into_response();
        }
        answer
    }
}

/// The click store: a file.
fn write(mut file: File, mut queue: mpsc::Receiver<Job>, done: &mpsc::UnboundedSender<Vec<Answer>>) -> std::io::Result<()> {
    let (mut jobs, mut bytes) = (Vec::with_capacity(BATCH_MAX), Vec::new());
    while queue.blocking_recv_many(&mut jobs, BATCH_MAX) > 0 {
        bytes.clear();
        for job in &jobs {
            spool::encode(&job.click, &mut bytes);
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        if done.send(jobs.drain(..).map(|job| job.answer).collect()).is_err() {
            break;
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [database, listen, file] =
        <[String; 3]>::try_from(std::env::args().skip(1).collect::<Vec<_>>()).map_err(|_| "floor DATABASE LISTEN FILE")?;
    let db = Db::open(&database, &Options::default()).await?;
    let vault = Arc::new(Vault::new(None));
    let ring = keys::ring(&db, &vault, Clock::System.now()).await?;
    let catalogue = Catalogue::fill(&db, vault).await?;
    let (queue, receiver) = mpsc::channel(8_192);
    let (done, written) = mpsc::unbounded_channel();
    let file = File::create(file)?;
    std::thread::spawn(move || write(file, receiver, &done).expect("the file is written"));
    let floor =
        Floor { catalogue, ring, ids: Generator::new(1023, 0), recent: Recent::default(), queue, written: Mutex::new(Some(written)) };
    let settings = Settings {
        listen: listen.parse()?,
        trusted: Trusted::default(),
        connections_max: 3_500,
        head_timeout: Duration::from_secs(30),
        body_timeout: Duration::from_secs(20),
        write_timeout: Duration::from_secs(30),
        drain_timeout: Duration::from_secs(1),
    };
    let running = edge::start(settings, floor, axum::Router::new(), Handle::current(), std::future::pending()).await?;
    println!("listening on http://{}", running.address);
    running.ended().await;
    Ok(())
}
