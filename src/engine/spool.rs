//! The spool: clicks on the local disk whose visitors were answered before the database had them. One directory a node number, held by
//! an operating system's lock; in it segment files of records.
//!
//! A record is `RSK1`, the payload's length (four bytes, little endian), the first eight bytes of its SHA-256, and the payload, a click
//! as JSON. A process that is killed while it writes leaves at most one torn record, at the end, whose visitor was not answered. A record
//! that is damaged elsewhere is skipped, and its file set aside instead of deleted.
//!
//! A segment is only ever appended to, emptied as a whole when every click in it is known to be stored, or closed, read, stored and
//! deleted. A crash between storing and deleting stores again, which skips every id that is there.

use crate::{
    domain::click::{Click, Quality},
    kernel::{
        country::Country,
        id::{BuyerId, ClickId, LinkId, ProgramId, PublisherId},
        time::Time,
    },
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    borrow::Cow,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 4] = b"RSK1";
const HEADER: usize = 16;
/// A payload is longer only if it is damaged: a click's texts are at most about 16 KiB, and JSON writes a control character as six bytes.
const PAYLOAD_MAX: usize = 128 * 1024;
/// A segment is closed when it has grown so large, so that one fits into memory when it is read: some 50,000 clicks.
pub const SEGMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A click as written. The names stay: a newer version must read what an older one left.
#[derive(Serialize, Deserialize)]
struct Record<'a> {
    id: i64,
    link: i64,
    publisher: i64,
    program: i64,
    at: i64,
    quality: u8,
    consent: bool,
    buyer: Option<i64>,
    address: Option<Cow<'a, str>>,
    /// Not in what the first version wrote.
    #[serde(default)]
    country: Option<Cow<'a, str>>,
    agent: Option<Cow<'a, str>>,
    referrer: Option<Cow<'a, str>>,
    subs: [Option<Cow<'a, str>>; 5],
    url: Option<Cow<'a, str>>,
}

/// Appends the record of a click to `out`.
pub fn encode(click: &Click, out: &mut Vec<u8>) {
    let record = Record {
        id: click.id.raw(),
        link: click.link.raw(),
        publisher: click.publisher.raw(),
        program: click.program.raw(),
        at: click.at.micros(),
        quality: click.quality.number(),
        consent: click.consent,
        buyer: click.buyer.map(BuyerId::raw),
        address: click.address.as_deref().map(Cow::Borrowed),
        country: click.country.as_ref().map(|country| Cow::Borrowed(country.code())),
        agent: click.agent.as_deref().map(Cow::Borrowed),
        referrer: click.referrer.as_deref().map(Cow::Borrowed),
        subs: click.subs.each_ref().map(|sub| sub.as_deref().map(Cow::Borrowed)),
        url: click.url.as_deref().map(Cow::Borrowed),
    };
    let payload = serde_json::to_vec(&record).expect("numbers and texts always become JSON");
    let length = u32::try_from(payload.len()).expect("a click is far below 4 GiB");
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(&payload));
    out.extend_from_slice(&payload);
}

fn checksum(payload: &[u8]) -> [u8; 8] {
    *Sha256::digest(payload).first_chunk().expect("SHA-256 has 32 bytes")
}

/// What a segment holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scan {
    pub clicks: Vec<Click>,
    /// Bytes of an incomplete record at the end: its writer was killed.
    pub torn_bytes: usize,
    /// Bytes elsewhere that are no record of ours.
    pub damaged_bytes: usize,
}

/// Reads every whole record; after a damaged one it goes on at the next that is whole.
pub fn scan(bytes: &[u8]) -> Scan {
    let mut scan = Scan::default();
    let mut at = 0;
    // Where the bytes begin that could not be read, while some are being skipped.
    let mut bad: Option<usize> = None;
    while at < bytes.len() {
        if let Some((click, length)) = decode(&bytes[at..]) {
            scan.damaged_bytes += bad.take().map_or(0, |from| at - from);
            scan.clicks.push(click);
            at += length;
        } else {
            bad.get_or_insert(at);
            let next = bytes[at + 1..].windows(MAGIC.len()).position(|window| window == MAGIC);
            at = next.map_or(bytes.len(), |offset| at + 1 + offset);
        }
    }
    scan.torn_bytes = bad.map_or(0, |from| bytes.len() - from);
    scan
}

fn decode(bytes: &[u8]) -> Option<(Click, usize)> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let (magic, header) = header.split_first_chunk::<4>()?;
    let (length, sum) = header.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= PAYLOAD_MAX)?;
    let payload = rest.get(..length)?;
    if magic != MAGIC || checksum(payload) != sum {
        return None;
    }
    let record: Record<'_> = serde_json::from_slice(payload).ok()?;
    Some((click(record)?, HEADER + length))
}

fn click(record: Record<'_>) -> Option<Click> {
    let text = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
    Some(Click {
        id: ClickId::from_raw(record.id),
        link: LinkId::from_raw(record.link),
        publisher: PublisherId::from_raw(record.publisher),
        program: ProgramId::from_raw(record.program),
        at: Time::from_micros(record.at),
        quality: Quality::from_number(record.quality)?,
        consent: record.consent,
        buyer: record.buyer.map(BuyerId::from_raw),
        address: text(record.address),
        country: record.country.as_deref().and_then(Country::parse),
        agent: text(record.agent),
        referrer: text(record.referrer),
        subs: record.subs.map(text),
        url: text(record.url),
    })
}

/// The directory of one node number. While it is open no other process can open it; a process that dies, in whatever way, lets go.
#[derive(Debug)]
pub struct SpoolDir {
    path: PathBuf,
    node: u16,
    /// Locked. The lock ends with the file.
    _lock: File,
}

impl SpoolDir {
    /// The directory of `node` below `root`, made if it is missing; none while another process has it.
    pub fn open(root: &Path, node: u16) -> io::Result<Option<Self>> {
        let path = root.join(format!("node-{node}"));
        fs::create_dir_all(&path)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { path, node, _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The node numbers that have a directory below `root`, ascending.
    pub fn nodes(root: &Path) -> io::Result<Vec<u16>> {
        let entries = match fs::read_dir(root) {
            Ok(entries) => entries.collect::<io::Result<Vec<_>>>()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let number = |entry: &fs::DirEntry| entry.file_name().to_str()?.strip_prefix("node-")?.parse().ok();
        let mut nodes: Vec<u16> = entries.iter().filter_map(number).collect();
        nodes.sort_unstable();
        Ok(nodes)
    }

    pub fn node(&self) -> u16 {
        self.node
    }

    /// The token under which the node number was leased by whoever had this directory last.
    pub fn holder(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(self.path.join("holder")) {
            Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub fn set_holder(&self, token: &str) -> io::Result<()> {
        let (new, path) = (self.path.join("holder.new"), self.path.join("holder"));
        fs::write(&new, token)?;
        fs::rename(new, path)
    }

    /// The segments that are there, oldest first.
    pub fn segments(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "spool") {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// What the segments hold, in bytes. One that is removed meanwhile holds nothing.
    pub fn bytes(&self) -> io::Result<u64> {
        let mut sum = 0;
        for path in self.segments()? {
            sum += fs::metadata(path).map_or(0, |segment| segment.len());
        }
        Ok(sum)
    }

    /// The highest id among the spooled clicks.
    pub fn highest_id(&self) -> io::Result<Option<i64>> {
        let mut highest = None;
        for path in self.segments()? {
            highest = highest.max(scan(&fs::read(path)?).clicks.iter().map(|click| click.id.raw()).max());
        }
        Ok(highest)
    }

    /// A new segment with a number above all that are there, also of those set aside.
    pub fn new_segment(&self) -> io::Result<Segment> {
        let mut highest = 0;
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("clicks-")?.split('.').next()?.parse().ok());
            highest = highest.max(number.unwrap_or(0));
        }
        let number = highest + 1;
        let path = self.path.join(format!("clicks-{number:010}.spool"));
        let file = OpenOptions::new().append(true).create_new(true).open(&path)?;
        Ok(Segment { file, path, number, bytes: 0 })
    }
}

/// A segment that is being written.
#[derive(Debug)]
pub struct Segment {
    file: File,
    path: PathBuf,
    number: u64,
    bytes: u64,
}

impl Segment {
    /// 1, 2, 3, … within its directory, as long as the process lives.
    pub fn number(&self) -> u64 {
        self.number
    }
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands whole records to the operating system: from then on they survive the end of this process, though not a power cut. After an
    /// error none of them is in the file, or the last is torn.
    pub fn append(&mut self, records: &[u8]) -> io::Result<()> {
        match self.file.write_all(records) {
            Ok(()) => {
                self.bytes += records.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A full disk has taken a part of them.
                if let Err(error) = self.file.set_len(self.bytes) {
                    tracing::warn!(%error, "torn record left in the spool");
                }
                Err(error)
            }
        }
    }

    /// Forgets every record: all of them are stored.
    pub fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.bytes = 0;
        Ok(())
    }

    /// Closes the file, and removes it if nothing was written.
    pub fn close(self) -> io::Result<()> {
        if self.bytes == 0 && self.file.metadata()?.len() == 0 { fs::remove_file(&self.path) } else { Ok(()) }
    }
}

/// Removes a segment whose clicks are all stored; one with something in it that could not be read or stored is kept beside, under another
/// name, for a person to look at.
pub fn finish(path: &Path, set_aside: bool) -> io::Result<()> {
    if set_aside { fs::rename(path, path.with_extension("aside")) } else { fs::remove_file(path) }
}

#[cfg(test)]
#[path = "spool_tests.rs"]
mod tests;
