//! The catalogue's maps: links, programs and merchants' secrets as the redirect and the postback know them without a read.
//!
//! A row read from the database may be older than one that the API put here meanwhile: every read notes the count of such writes before
//! its transaction begins, and does not replace an entry that carries a higher one.

use crate::{
    domain::{
        link::{LinkRoute, ProgramRoute},
        program::Program,
        publisher::Publisher,
    },
    engine::keys,
    kernel::{
        id::{MerchantId, ProgramId, PublisherId, SecretId},
        seal::Vault,
        signature::WebhookSecret,
        time::Time,
    },
    store::{self, Db, StoreError, Tx, link::Link, secret::Secret},
};
use papaya::{HashMap, Operation};
use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// A link, cut up so that a click only puts its destination together.
#[derive(Debug)]
pub struct LinkEntry {
    pub route: LinkRoute,
    pub program: ProgramId,
    pub ended: bool,
    /// A deep link that the program's domains do not allow (any more): it leads to the landing page until they do.
    unusable: Option<Box<str>>,
}

impl LinkEntry {
    /// With its deep link read by the program as it is now.
    fn on(program: &ProgramRoute, link: &LinkRoute, of: ProgramId, ended: bool, url: Option<&str>) -> Self {
        let (url, unusable) = match url.map(|url| (url, program.deep_link(url))) {
            Some((_, Ok(deep))) => (Some(deep), None),
            Some((url, Err(error))) => {
                tracing::warn!(link = %link.link, %error, "deep link not usable; it leads to the landing page");
                (None, Some(url.into()))
            }
            None => (None, None),
        };
        Self { route: LinkRoute { url, ..link.clone() }, program: of, ended, unusable }
    }

    /// The deep link that it was made with.
    fn url(&self) -> Option<String> {
        self.route.url.as_ref().map(ToString::to_string).or_else(|| self.unusable.as_deref().map(str::to_owned))
    }
}

/// A program with its landing page and domains read.
#[derive(Debug)]
pub struct ProgramEntry {
    pub program: Program,
    pub route: ProgramRoute,
}

/// Why a link leads nowhere any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With all its links.
    Program,
    /// Alone.
    Link,
}

/// A link with its program.
#[derive(Debug, Clone)]
pub struct Found {
    pub link: Arc<LinkEntry>,
    pub program: Arc<ProgramEntry>,
}

impl Found {
    /// What of it has ended, if anything: answered with 410.
    pub fn ended(&self) -> Option<Ended> {
        if self.program.program.ended_at.is_some() { Some(Ended::Program) } else { self.link.ended.then_some(Ended::Link) }
    }
}

/// A merchant's signing secrets that are not revoked.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Arc<[(SecretId, WebhookSecret)]>);

impl Secrets {
    pub fn iter(&self) -> impl Iterator<Item = &WebhookSecret> {
        self.0.iter().map(|(_, secret)| secret)
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A value, and the count of writes when it was put (by the API) or read (from the database).
#[derive(Debug, Clone)]
struct Stamped<T> {
    stamp: u64,
    value: T,
}

type Map<K, T> = HashMap<K, Stamped<T>>;

/// The snapshot.
#[derive(Debug)]
pub struct Snapshot {
    vault: Arc<Vault>,
    links: Map<Box<str>, Arc<LinkEntry>>,
    programs: Map<ProgramId, Arc<ProgramEntry>>,
    /// Whether a publisher's `buyer=` is honoured.
    portals: Map<PublisherId, bool>,
    secrets: Map<MerchantId, Secrets>,
    /// Counts writes by the API.
    writes: AtomicU64,
}

/// Rows read from the database in one snapshot.
#[derive(Debug, Default)]
pub struct Rows {
    pub publishers: Vec<Publisher>,
    pub programs: Vec<Program>,
    pub links: Vec<Link>,
    pub secrets: Vec<Secret>,
}

impl Snapshot {
    /// Reads everything.
    pub async fn fill(db: &Db, vault: Arc<Vault>) -> Result<Self, StoreError> {
        let snapshot = Self {
            vault,
            links: HashMap::new(),
            programs: HashMap::new(),
            portals: HashMap::new(),
            secrets: HashMap::new(),
            writes: AtomicU64::new(0),
        };
        let read_from = snapshot.writes();
        let mut tx = db.read().await?;
        let rows = Rows {
            publishers: store::publisher::all(&mut tx).await?,
            programs: store::program::all(&mut tx).await?,
            links: store::link::all(&mut tx).await?,
            secrets: store::secret::live(&mut tx).await?,
        };
        snapshot.take_in(&rows, read_from);
        Ok(snapshot)
    }

    /// The rows changed since then, for the feed.
    pub async fn changes(tx: &mut Tx, since: Time) -> Result<Rows, StoreError> {
        Ok(Rows {
            publishers: store::publisher::changed_since(tx, since).await?,
            programs: store::program::changed_since(tx, since).await?,
            links: store::link::changed_since(tx, since).await?,
            secrets: store::secret::changed_since(tx, since).await?,
        })
    }

    /// A known link, without waiting for anything.
    pub fn get(&self, slug: &str) -> Option<Found> {
        let link = Arc::clone(&self.links.pin().get(slug)?.value);
        let program = self.program(link.program)?;
        Some(Found { link, program })
    }

    /// A known program, without waiting for anything.
    pub fn program(&self, id: ProgramId) -> Option<Arc<ProgramEntry>> {
        Some(Arc::clone(&self.programs.pin().get(&id)?.value))
    }

    /// What a merchant's postbacks may be signed with; empty for one that is not known.
    pub fn secrets(&self, merchant: MerchantId) -> Secrets {
        self.secrets.pin().get(&merchant).map(|entry| entry.value.clone()).unwrap_or_default()
    }

    /// How many links are known.
    pub fn links_len(&self) -> usize {
        self.links.len()
    }

    /// How many programs are known, ended ones too.
    pub fn programs_len(&self) -> usize {
        self.programs.len()
    }

    /// To be asked before a snapshot begins whose rows are then taken in.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Acquire)
    }

    /// Takes rows in that were read when [`Self::writes`] was `read_from`; entries that the API has put since then stay.
    pub fn take_in(&self, rows: &Rows, read_from: u64) {
        for publisher in &rows.publishers {
            self.take_publisher(publisher, read_from);
        }
        for program in &rows.programs {
            self.take_program(program, read_from);
        }
        for secret in &rows.secrets {
            self.take_secret(secret, read_from);
        }
        for link in &rows.links {
            self.take_link(link, read_from);
        }
    }

    /// A publisher that this node has just written.
    pub fn put_publisher(&self, publisher: &Publisher) {
        self.take_publisher(publisher, self.write());
    }
    /// A program that this node has just written: made, changed or ended.
    pub fn put_program(&self, program: &Program) {
        self.take_program(program, self.write());
    }
    /// A link that this node has just written, after its program and publisher.
    pub fn put_link(&self, link: &Link) {
        self.take_link(link, self.write());
    }
    /// A secret that this node has just written: made, or revoked.
    pub fn put_secret(&self, secret: &Secret) {
        self.take_secret(secret, self.write());
    }

    /// As [`Self::put_secret`], of one that has just been revoked.
    pub fn revoke_secret(&self, merchant: MerchantId, id: SecretId) {
        self.change_secrets(merchant, self.write(), |secrets| secrets.retain(|(known, _)| *known != id));
    }

    fn write(&self) -> u64 {
        self.writes.fetch_add(1, Ordering::AcqRel) + 1
    }

    fn take_publisher(&self, publisher: &Publisher, stamp: u64) {
        let before = self.portals.pin().get(&publisher.id).map(|entry| entry.value);
        replace(&self.portals, publisher.id, publisher.portal, stamp);
        if before.is_some_and(|portal| portal != publisher.portal) {
            let links = self.links.pin();
            let theirs = links.iter().filter(|(_, entry)| entry.value.route.publisher == publisher.id);
            for (slug, entry) in theirs {
                let LinkEntry { route, program, ended, unusable } = &*entry.value;
                let route = LinkRoute { portal: publisher.portal, ..route.clone() };
                let entry = LinkEntry { route, program: *program, ended: *ended, unusable: unusable.clone() };
                replace(&self.links, slug.clone(), Arc::new(entry), stamp);
            }
        }
    }

    fn take_program(&self, program: &Program, stamp: u64) {
        match ProgramRoute::parse(program.id, &program.landing_url, &program.domains, &program.click_param) {
            Ok(route) => {
                let before = self.program(program.id);
                let entry = Arc::new(ProgramEntry { program: program.clone(), route });
                replace(&self.programs, program.id, Arc::clone(&entry), stamp);
                if before.is_some_and(|before| before.route != entry.route) {
                    self.lead_anew(program.id, stamp);
                }
            }
            // It was checked when it was made; a newer version may be stricter.
            Err(error) => tracing::error!(program = %program.id, %error, "program not usable"),
        }
    }

    /// What a program's domains allow has changed: its links' deep links are read again.
    fn lead_anew(&self, id: ProgramId, stamp: u64) {
        let Some(program) = self.program(id) else { return };
        let links = self.links.pin();
        for (slug, entry) in links.iter().filter(|(_, entry)| entry.value.program == id) {
            if let Some(url) = entry.value.url() {
                let entry = LinkEntry::on(&program.route, &entry.value.route, id, entry.value.ended, Some(&url));
                replace(&self.links, slug.clone(), Arc::new(entry), stamp);
            }
        }
    }

    fn take_link(&self, link: &Link, stamp: u64) {
        let (Some(program), Some(portal)) = (self.program(link.program), self.portal(link.publisher)) else {
            // Both are written before the link, so whoever sees it sees them, unless the program is not usable.
            return tracing::error!(link = %link.id, "link without a usable program or publisher");
        };
        let route = LinkRoute { link: link.id, publisher: link.publisher, portal, url: None };
        let entry = LinkEntry::on(&program.route, &route, link.program, link.ended_at.is_some(), link.url.as_deref());
        replace(&self.links, link.slug.as_str().into(), Arc::new(entry), stamp);
    }

    fn portal(&self, publisher: PublisherId) -> Option<bool> {
        self.portals.pin().get(&publisher).map(|entry| entry.value)
    }

    fn take_secret(&self, secret: &Secret, stamp: u64) {
        let opened = if secret.revoked_at.is_some() {
            None
        } else {
            match keys::open_secret(&self.vault, &secret.sealed) {
                Ok(opened) => Some(opened),
                Err(error) => return tracing::error!(secret = %secret.id, %error, "secret not usable"),
            }
        };
        self.change_secrets(secret.merchant, stamp, |secrets| {
            secrets.retain(|(id, _)| *id != secret.id);
            secrets.extend(opened.clone().map(|opened| (secret.id, opened)));
        });
    }

    fn change_secrets(&self, merchant: MerchantId, stamp: u64, change: impl Fn(&mut Vec<(SecretId, WebhookSecret)>)) {
        self.secrets.pin().compute(merchant, |entry| match entry {
            Some((_, old)) if old.stamp > stamp => Operation::Abort(()),
            _ => {
                let mut secrets = entry.map(|(_, old)| old.value.0.to_vec()).unwrap_or_default();
                change(&mut secrets);
                Operation::Insert(Stamped { stamp, value: Secrets(secrets.into()) })
            }
        });
    }
}

/// Puts a value, unless the one that is there was put later.
fn replace<K: Hash + Eq, T: Clone>(map: &Map<K, T>, key: K, value: T, stamp: u64) {
    map.pin().compute(key, |entry| match entry {
        Some((_, old)) if old.stamp > stamp => Operation::Abort(()),
        _ => Operation::Insert(Stamped { stamp, value: value.clone() }),
    });
}
