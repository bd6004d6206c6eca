//! Settings: what the command line and the environment say, as the options that the floors below declare.

use crate::{
    app::{failure::Failure, opening},
    domain::{claim, debt::DebtLimit},
    engine::{clock::Clock, engine},
    kernel::{address::Trusted, seal::MasterKey, time::Zone},
    store,
    web::{edge, limits},
};
use std::{fmt, net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

/// A database URL. Its `Debug` hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file, if the database is SQLite's.
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        let path = self.0.strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        Some(PathBuf::from(path.split('?').next().unwrap_or(path)))
    }

    /// Where clicks wait that the database does not have yet: beside SQLite's file, or in the working directory.
    pub fn spool_dir(&self) -> PathBuf {
        match self.sqlite_file() {
            Some(file) => {
                let mut name = file.into_os_string();
                name.push("-spool");
                PathBuf::from(name)
            }
            None => PathBuf::from("ristourne-spool"),
        }
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = ["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| text.starts_with(scheme));
        if known { Ok(Self(text.to_owned())) } else { Err("it must start with sqlite:// or postgres://".to_owned()) }
    }
}

/// Without user and password, so that it may stand in a log.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.split_once("://"), self.0.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) if scheme != "sqlite" => {
                write!(f, "{scheme}://{}", host.split('?').next().unwrap_or(host))
            }
            _ => f.write_str(self.0.split('?').next().unwrap_or(&self.0)),
        }
    }
}
impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which database; every command takes it.
#[derive(Debug, Clone, clap::Args)]
pub struct DatabaseArgs {
    /// `sqlite://FILE` or `postgres://…`
    #[arg(long, env = "DATABASE_URL", default_value = "sqlite://ristourne.db", value_name = "URL", hide_env_values = true)]
    pub database: DatabaseUrl,
    #[command(flatten)]
    pub pool: PoolArgs,
}

/// How many connections; every command takes it.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct PoolArgs {
    /// The most connections to PostgreSQL, or readers of SQLite
    #[arg(long, env = "DATABASE_CONNECTIONS", default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub database_connections: u32,
    /// The longest wait for a free connection, in milliseconds
    #[arg(long, env = "DATABASE_WAIT_MS", default_value_t = 2000, value_name = "MS")]
    pub database_wait_ms: u64,
}

impl PoolArgs {
    pub fn options(self) -> store::Options {
        store::Options {
            connections_max: self.database_connections,
            acquire_timeout: Duration::from_millis(self.database_wait_ms),
            ..store::Options::default()
        }
    }
}

impl DatabaseArgs {
    /// Opens the database, which is made if it is missing, and brings its tables up to date.
    pub async fn open(&self) -> Result<store::Db, Failure> {
        self.open_with(&self.pool.options()).await
    }

    /// The same for what only reads: of a file that is not there nothing can be said, least of all that everything holds.
    pub async fn open_existing(&self) -> Result<store::Db, Failure> {
        self.open_with(&store::Options { make_file: false, ..self.pool.options() }).await
    }

    /// The same for what decides or reports by days: the time zone must be the installation's.
    pub async fn open_existing_in(&self, zone: &Zone) -> Result<store::Db, Failure> {
        in_zone(self.open_existing().await?, zone).await
    }

    async fn open_with(&self, options: &store::Options) -> Result<store::Db, Failure> {
        self.look(options.make_file)?;
        let opened = async {
            let db = store::Db::open(self.database.as_str(), options).await?;
            db.migrate().await?;
            Ok(db)
        };
        opened.await.map_err(|error| opening::failure(&self.database, &error))
    }

    /// Says what is wrong with the place of an SQLite file, which the driver does not. `make_file`: a missing file would be made.
    pub fn look(&self, make_file: bool) -> Result<(), Failure> {
        let Some(file) = self.database.sqlite_file() else { return Ok(()) };
        let refused = |text: String| Err(Failure::Refused(text));
        let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty());
        match dir {
            _ if file.is_dir() => refused(format!(
                "{} is a directory; --database (DATABASE_URL) names a file in it, sqlite://{0}/ristourne.db",
                file.display()
            )),
            Some(dir) if !dir.is_dir() => refused(format!(
                "the directory {} does not exist; make it, or name another file with --database (DATABASE_URL)",
                dir.display()
            )),
            _ if !make_file && !file.exists() => refused(format!(
                "there is no database {}; `ristourne serve` makes one, or name another with --database (DATABASE_URL)",
                file.display()
            )),
            _ => Ok(()),
        }
    }
}

/// The database, if this may be its installation's time zone: its first invoice fixes it.
pub async fn in_zone(db: store::Db, zone: &Zone) -> Result<store::Db, Failure> {
    let checked = async { store::setting::check_zone(&mut db.read().await?, zone).await };
    match checked.await {
        Ok(()) => Ok(db),
        Err(error) => {
            db.close().await;
            Err(error.into())
        }
    }
}

/// The master key as it was given. Its `Debug` hides it.
#[derive(Clone)]
pub struct MasterKeyText(String);

impl MasterKeyText {
    /// Clap's parsers may fail and then repeat what they were given; this one leaves that to `parse`.
    pub fn read(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }

    /// The key; `Err` says what is wrong with the option without repeating it.
    pub fn parse(&self, option: &str) -> Result<MasterKey, String> {
        let wanted = || format!("{option}: 32 bytes in base64 are wanted, as `openssl rand -base64 32` prints them");
        MasterKey::parse(&self.0).ok_or_else(wanted)
    }
}

impl From<&str> for MasterKeyText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}
impl fmt::Debug for MasterKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKeyText(hidden)")
    }
}

/// What every command needs that opens secrets or speaks of days.
#[derive(Debug, Clone, clap::Args)]
pub struct InstallationArgs {
    /// 32 bytes in base64 (`openssl rand -base64 32`): secrets in the database are sealed with it
    #[arg(long, env = "RISTOURNE_MASTER_KEY", value_name = "KEY", hide_env_values = true, value_parser = clap::builder::ValueParser::new(MasterKeyText::read))]
    pub master_key: Option<MasterKeyText>,
    /// The time zone of calendar months and report days
    #[arg(long, env = "RISTOURNE_TIMEZONE", default_value = "UTC", value_name = "ZONE", value_parser = zone)]
    pub timezone: Zone,
    /// How far below zero a payee's balance may lie, in major units of any currency, before its payouts and new conversions are held [default: any far]
    #[arg(long, env = "RISTOURNE_DEBT_LIMIT", value_name = "AMOUNT")]
    pub debt_limit: Option<DebtLimit>,
}

pub fn zone(text: &str) -> Result<Zone, String> {
    Zone::named(text).ok_or_else(|| "an IANA name such as Europe/Paris is wanted".to_owned())
}

impl InstallationArgs {
    /// The key that was given, if any; `Err` says what is wrong without repeating it.
    pub fn master_key(&self) -> Result<Option<MasterKey>, String> {
        self.master_key.as_ref().map(|text| text.parse("--master-key")).transpose()
    }
}

/// What runs behind the server.
#[derive(Debug, Clone, clap::Args)]
pub struct EngineArgs {
    #[command(flatten)]
    pub installation: InstallationArgs,
    /// Where the outside reaches this server [default: http:// and the address it listens on]
    #[arg(long, env = "RISTOURNE_BASE_URL", value_name = "URL", value_parser = base_url)]
    pub base_url: Option<String>,
    /// Where clicks wait on the local disk that the database does not have yet [default: FILE-spool beside SQLite's file, ./ristourne-spool]
    #[arg(long, env = "RISTOURNE_SPOOL_DIR", value_name = "DIR")]
    pub spool_dir: Option<PathBuf>,
    /// An MMDB file (`GeoLite2-Country.mmdb`, for one) that says in which country an address is; read again when it changes
    #[arg(long, env = "RISTOURNE_GEO_DATABASE", value_name = "FILE")]
    pub geo_database: Option<PathBuf>,
    /// How long a redirect waits for the database before its click goes to the spool, in milliseconds
    #[arg(long, env = "RISTOURNE_CLICK_WAIT_MAX", default_value_t = 25, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub click_wait_max: u64,
    /// Invoice each merchant once a month is over
    #[arg(long, env = "RISTOURNE_INVOICE_MONTHLY", default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub invoice_monthly: bool,
}

impl EngineArgs {
    /// The engine's options on this database, by this clock.
    pub fn options(&self, database: &DatabaseArgs, clock: Clock) -> Result<engine::Options, String> {
        Ok(engine::Options {
            database: database.database.as_str().to_owned(),
            pool: database.pool.options(),
            clock,
            zone: self.installation.timezone.clone(),
            debt_limit: self.installation.debt_limit,
            master_key: self.installation.master_key()?,
            base_url: self.base_url.clone(),
            spool_dir: self.spool_dir.clone().unwrap_or_else(|| database.database.spool_dir()),
            geo_database: self.geo_database.clone(),
            click_wait_max: Duration::from_millis(self.click_wait_max),
            invoice_monthly: self.invoice_monthly,
        })
    }
}

/// `https://track.example`, without a slash at its end.
fn base_url(text: &str) -> Result<String, String> {
    let parsed = url::Url::parse(text).map_err(|error| error.to_string())?;
    let plain = matches!(parsed.scheme(), "http" | "https") && parsed.has_host() && parsed.query().is_none() && parsed.fragment().is_none();
    if plain { Ok(text.trim_end_matches('/').to_owned()) } else { Err("an http or https URL without query is wanted".to_owned()) }
}

/// Where the server listens.
#[derive(Debug, Clone, clap::Args)]
pub struct ListenArgs {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, env = "RISTOURNE_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Networks of proxies whose X-Forwarded-For is believed, with commas between
    #[arg(long, env = "RISTOURNE_TRUSTED_PROXIES", default_value = "", value_name = "NETWORKS", value_parser = trusted)]
    pub trusted_proxies: Trusted,
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Open connections; more wait in the kernel's backlog. Each takes a file descriptor (`ulimit -n`)
    #[arg(long, env = "RISTOURNE_CONNECTIONS_MAX", default_value_t = 3500, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections_max: u32,
    /// How long a connection may be idle, and a request's head take to come, in seconds
    #[arg(long, env = "RISTOURNE_HEAD_TIMEOUT", default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub head_timeout: u64,
    /// How long a request's body may take to come, in seconds
    #[arg(long, env = "RISTOURNE_BODY_TIMEOUT", default_value_t = 20, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub body_timeout: u64,
    /// How long the reader of an answer may take nothing of it before it is cut off, in seconds
    #[arg(long, env = "RISTOURNE_WRITE_TIMEOUT", default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub write_timeout: u64,
    /// How long what is in flight may take at the end, in seconds
    #[arg(long, env = "RISTOURNE_DRAIN_TIMEOUT", default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub drain_timeout: u64,
}

impl ListenArgs {
    /// Where and within which bounds the edge listens.
    pub fn settings(&self) -> edge::Settings {
        edge::Settings {
            listen: self.listen,
            trusted: self.trusted_proxies.clone(),
            connections_max: self.connections_max as usize,
            head_timeout: Duration::from_secs(self.head_timeout),
            body_timeout: Duration::from_secs(self.body_timeout),
            write_timeout: Duration::from_secs(self.write_timeout),
            drain_timeout: Duration::from_secs(self.drain_timeout),
        }
    }
}

/// How often others may ask, which is unlimited unless it is set, and for redirects always; and how much they may send.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct LimitArgs {
    /// Requests a minute of one API key, and wrong keys a minute of one address; unlimited if left out
    #[arg(long, env = "RISTOURNE_LIMIT_API", value_name = "N")]
    pub limit_api: Option<NonZeroU32>,
    /// Messages a minute of one merchant at /postback and /pixel.gif, signed and unsigned counted apart; unlimited if left out
    #[arg(long, env = "RISTOURNE_LIMIT_POSTBACKS", value_name = "N")]
    pub limit_postbacks: Option<NonZeroU32>,
    /// The most bytes of one import over the API
    #[arg(long, env = "RISTOURNE_IMPORT_BYTES_MAX", default_value_t = limits::IMPORT_BYTES_MAX, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub import_bytes_max: u64,
    /// How many days a merchant has to answer a claim of missing cashback
    #[arg(long, env = "RISTOURNE_CLAIM_ANSWER_DAYS", default_value_t = claim::ANSWER_DAYS, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=365))]
    pub claim_answer_days: u32,
    /// Claims of one buyer that may wait for an answer at once
    #[arg(long, env = "RISTOURNE_CLAIMS_OPEN_MAX", default_value_t = claim::OPEN_MAX, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub claims_open_max: u32,
}

impl LimitArgs {
    pub fn options(self) -> limits::Options {
        let claims = claim::Settings { answer_days: self.claim_answer_days, open_max: self.claims_open_max };
        limits::Options { api: self.limit_api, postbacks: self.limit_postbacks, import_bytes_max: self.import_bytes_max, claims }
    }
}

fn trusted(text: &str) -> Result<Trusted, String> {
    Trusted::parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> DatabaseUrl {
        text.parse().expect("a database URL")
    }

    #[test]
    fn a_database_url_hides_its_password_and_knows_its_spool() {
        assert_eq!(format!("{:?}", url("postgres://me:secret@db.example:5432/shop?sslmode=require")), "postgres://db.example:5432/shop");
        assert_eq!(url("sqlite://ristourne.db").spool_dir(), PathBuf::from("ristourne.db-spool"));
        assert_eq!(url("sqlite:///var/lib/r.db?mode=rwc").spool_dir(), PathBuf::from("/var/lib/r.db-spool"));
        assert_eq!(url("postgres://localhost/shop").spool_dir(), PathBuf::from("ristourne-spool"));
        assert!("mysql://localhost/shop".parse::<DatabaseUrl>().is_err());
    }

    #[test]
    fn a_base_url_has_no_query_and_no_slash_at_its_end() {
        assert_eq!(base_url("https://track.example/"), Ok("https://track.example".to_owned()));
        for bad in ["track.example", "ftp://track.example", "https://track.example/?a=1", ""] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_master_key_is_never_shown() {
        let args = InstallationArgs { master_key: Some(MasterKeyText::from("not a key")), timezone: Zone::UTC, debt_limit: None };
        let refused = args.master_key().expect_err("not base64 of 32 bytes");
        assert!(!refused.contains("not a key") && !format!("{args:?}").contains("not a key"));
    }
}
