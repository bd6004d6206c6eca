//! The engine: everything that runs behind the server, put together in order, and stopped in the opposite one.

use crate::{
    domain::debt::DebtLimit,
    engine::{
        catalogue::{Catalogue, FillError},
        click_writer::{self, ClickStop, ClickWriter},
        clock::Clock,
        feed::Feed,
        folder::Folder,
        geo::{Follow, Geo, GeoError},
        keys::{self, KeysError},
        ledger_batch::Setting,
        ledger_writer::LedgerWriter,
        node::{Lease, NodeError},
        recent::Recent,
    },
    kernel::{
        id::Generator,
        seal::{KeyRing, MasterKey, Vault},
        time::Zone,
    },
    store::{self, Db, StoreError, facts::TermsCache},
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{task::JoinHandle, time::timeout};

/// How long a transaction that nobody waits for any more may take at the end.
const CLOSE_MAX: Duration = Duration::from_secs(5);
/// How long the ledger writer may take at the end: a full queue at a tenth of the measured rate.
const DRAIN_MAX: Duration = Duration::from_secs(20);

/// What the engine runs with.
#[derive(Debug, Clone)]
pub struct Options {
    /// `DATABASE_URL`, default `sqlite://ristourne.db`.
    pub database: String,
    pub pool: store::Options,
    pub clock: Clock,
    /// `RISTOURNE_TIMEZONE`, default UTC: whose calendar months and days count.
    pub zone: Zone,
    /// `RISTOURNE_DEBT_LIMIT`: how far below zero a payee may be before payouts and new conversions are held; none is any far.
    pub debt_limit: Option<DebtLimit>,
    /// `RISTOURNE_MASTER_KEY`: secrets in the database are sealed with it; none leaves them as they are.
    pub master_key: Option<MasterKey>,
    /// `RISTOURNE_BASE_URL`: where the outside reaches this server; none is `http://` and the address it listens on.
    pub base_url: Option<String>,
    /// `RISTOURNE_SPOOL_DIR`: where clicks wait that the database does not have yet.
    pub spool_dir: PathBuf,
    /// `RISTOURNE_GEO_DATABASE`: an MMDB file that says where addresses are; without one every country is unknown.
    pub geo_database: Option<PathBuf>,
    /// `RISTOURNE_CLICK_WAIT_MAX`, default 25 ms: how long a redirect waits for its click's commit before the spool takes it.
    pub click_wait_max: Duration,
    /// `RISTOURNE_INVOICE_MONTHLY`, off by default: invoices each merchant once a month is over.
    pub invoice_monthly: bool,
}

/// Why the engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the database: {0}")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Node(NodeError),
    #[error("{error}; it is in {}, and another directory is named by --spool-dir (RISTOURNE_SPOOL_DIR)", dir.display())]
    SpoolDir { dir: PathBuf, error: NodeError },
    #[error("the catalogue: {0}")]
    Catalogue(#[from] FillError),
    #[error("the database of addresses: {0}")]
    Geo(#[from] GeoError),
    #[error("the click spool in {}: {error}", dir.display())]
    Spool { dir: PathBuf, error: click_writer::StartError },
}

impl StartError {
    fn node(dir: &Path, error: NodeError) -> Self {
        match error {
            NodeError::Spool(_) | NodeError::Held(_) => Self::SpoolDir { dir: dir.to_owned(), error },
            error => Self::Node(error),
        }
    }
}

/// What requests, jobs and commands work with.
#[derive(Debug)]
pub struct Engine {
    pub db: Db,
    pub clock: Clock,
    pub ids: Arc<Generator>,
    pub zone: Zone,
    pub debt_limit: Option<DebtLimit>,
    /// Seals and opens click ids, cookies and refs.
    pub ring: Arc<KeyRing>,
    /// Seals and opens what is secret in the database.
    pub vault: Arc<Vault>,
    /// Links, programs and secrets, as the redirect and the postback know them without a read.
    pub catalogue: Arc<Catalogue>,
    /// Versions of terms that were read before.
    pub terms: Arc<TermsCache>,
    pub recent: Recent,
    /// Where visitors come from.
    pub geo: Geo,
    pub clicks: ClickWriter,
    pub ledger: LedgerWriter,
    /// Whether merchants are invoiced once a month is over.
    pub invoice_monthly: bool,
    base_url: OnceLock<String>,
}

impl Engine {
    /// Migrates, takes a node number, drains the spool and fills the catalogue; when this returns the engine serves.
    pub async fn start(options: Options) -> Result<(Arc<Self>, Stop), StartError> {
        let Options { clock, zone, debt_limit, invoice_monthly, .. } = options;
        let (geo, follow) = Geo::open(options.geo_database.as_deref())?;
        let db = Db::open(&options.database, &options.pool).await?;
        db.migrate().await?;
        store::setting::check_zone(&mut db.read().await?, &zone).await?;
        let vault = Arc::new(Vault::new(options.master_key.as_ref()));
        let ring = Arc::new(keys::ring(&db, &vault, clock.now()).await?);
        let lease = Lease::acquire(&db, &clock, &options.spool_dir).await.map_err(|error| StartError::node(&options.spool_dir, error))?;
        let ids = Arc::new(lease.generator());
        let catalogue = Arc::new(Catalogue::fill(&db, Arc::clone(&vault)).await?);
        let (clicks, click_stop) = ClickWriter::start(&db, &zone, lease.spool(), options.click_wait_max)
            .await
            .map_err(|error| StartError::Spool { dir: options.spool_dir.clone(), error })?;
        let folder = Folder::start(db.clone(), &zone).await?;
        let terms = Arc::new(TermsCache::default());
        let setting = Setting { db: db.clone(), ids: Arc::clone(&ids), zone: zone.clone(), terms: Arc::clone(&terms), debt_limit };
        let (ledger, ledger_task) = LedgerWriter::start(setting);
        let feed = Feed::start(db.clone(), clock.clone(), Arc::clone(&catalogue), Arc::clone(&ring), Arc::clone(&vault));
        let base_url = OnceLock::new();
        if let Some(url) = options.base_url {
            base_url.get_or_init(|| url);
        }
        let engine = Self {
            db,
            clock,
            ids,
            zone,
            debt_limit,
            ring,
            vault,
            catalogue,
            terms,
            recent: Recent::default(),
            geo,
            clicks,
            ledger,
            invoice_monthly,
            base_url,
        };
        Ok((Arc::new(engine), Stop { clicks: click_stop, ledger: ledger_task, feed, folder, _follow: follow, lease }))
    }

    /// Where the outside reaches this server, without a slash at the end.
    pub fn base_url(&self) -> &str {
        self.base_url.get().map_or("", String::as_str)
    }

    /// Where it listens, once that is known; an address that the operator gave stays.
    pub fn set_base_url(&self, url: String) {
        self.base_url.get_or_init(|| url);
    }
}

/// What ends the engine in order. It must be told to.
#[derive(Debug)]
pub struct Stop {
    clicks: ClickStop,
    ledger: JoinHandle<()>,
    feed: Feed,
    folder: Folder,
    _follow: Option<Follow>,
    lease: Lease,
}

impl Stop {
    /// Until another process has this one's node number, because the lease could not be renewed for a day: then this one must end.
    pub async fn lost(&self) {
        self.lease.lost().await;
    }

    /// Stores what is queued, gives the node number back and closes the database. Nobody else holds the engine any more: requests are
    /// answered and jobs have ended.
    pub async fn stop(self, engine: Arc<Engine>) {
        self.clicks.stop().await;
        drop(self.feed);
        let db = engine.db.clone();
        // The ledger writer ends when nobody can send it a command.
        drop(engine);
        match timeout(DRAIN_MAX, self.ledger).await {
            Ok(Ok(())) => {
                self.folder.stop().await;
                if let Err(error) = self.lease.release().await {
                    tracing::warn!(%error, "the node number was not given back; its lease runs out by itself");
                }
            }
            Ok(Err(error)) => tracing::error!(%error, "the ledger writer ended badly"),
            Err(_) => {
                tracing::error!(seconds = DRAIN_MAX.as_secs(), "the ledger writer did not end; what it had not answered may be sent again");
            }
        }
        if timeout(CLOSE_MAX, db.close()).await.is_err() {
            tracing::warn!(seconds = CLOSE_MAX.as_secs(), "a connection to the database was still in use, and was cut");
        }
    }
}
