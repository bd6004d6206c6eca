//! The file of rejected lines: each with its number, why, and its fields. Mended, it can be imported itself.
//!
//! It is written beside its place and put there at the end: until then one of an earlier run stays as it is, and so does whatever is read.

use crate::{
    app::failure::Failure,
    engine::import::{Reject, Rejects},
    formats::csv::{self, rejected},
};
use std::{
    fs::{self, File, Metadata},
    io::{self, BufWriter, Read as _, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process,
};

/// Made with the first line that is rejected. If there is none, the one of an earlier run is taken away.
#[derive(Debug)]
pub struct RejectedFile {
    path: PathBuf,
    head: Vec<u8>,
    file: Option<Writing>,
}

#[derive(Debug)]
struct Writing {
    to: BufWriter<File>,
    /// What becomes `path`; none of a device or a pipe, which is written to at once.
    beside: Option<PathBuf>,
}

impl RejectedFile {
    /// `source`: what is read, which must not be what is written to.
    pub fn new(path: PathBuf, source: &Metadata) -> Result<Self, Failure> {
        let is_source = |there: Metadata| there.is_file() && (there.dev(), there.ino()) == (source.dev(), source.ino());
        if fs::metadata(&path).is_ok_and(is_source) {
            let path = path.display();
            return Err(Failure::Refused(format!(
                "the rejected lines would go to {path}, which is read; name another file with --rejected"
            )));
        }
        Ok(Self { path, head: Vec::new(), file: None })
    }

    /// Puts the file in its place, and gives its path if there is anything in it. `whole`: the import came to its end.
    pub fn finish(self, whole: bool) -> io::Result<Option<PathBuf>> {
        let Some(Writing { mut to, beside }) = self.file else {
            if whole && is_ours(&self.path) {
                fs::remove_file(&self.path)?;
            }
            return Ok(None);
        };
        let Some(beside) = beside else { return to.flush().map(|()| Some(self.path)) };
        let placed = to.flush().and_then(|()| fs::rename(&beside, &self.path));
        if placed.is_err() {
            // What could not be written is of no use in half; why is said already.
            let _ = fs::remove_file(&beside);
        }
        placed.map(|()| Some(self.path))
    }
}

impl Writing {
    fn begin(path: &Path) -> io::Result<Self> {
        let is_special = fs::metadata(path).is_ok_and(|there| !there.is_file());
        let beside = (!is_special).then(|| {
            let mut name = path.to_owned().into_os_string();
            name.push(format!(".{}.part", process::id()));
            PathBuf::from(name)
        });
        Ok(Self { to: BufWriter::new(File::create(beside.as_deref().unwrap_or(path))?), beside })
    }
}

/// Whether a file begins as those of rejected lines do: another is not ours to take away.
fn is_ours(path: &Path) -> bool {
    let head = csv::REJECTED.join(",");
    let mut begin = Vec::new();
    let is_file = fs::metadata(path).is_ok_and(|there| there.is_file());
    let read = is_file && File::open(path).and_then(|file| file.take(head.len() as u64).read_to_end(&mut begin)).is_ok();
    read && begin == head.as_bytes()
}

impl Rejects for RejectedFile {
    fn header(&mut self, names: &[String]) {
        self.head.clear();
        rejected::header(&mut self.head, &rejected::joined(names));
    }

    fn take(&mut self, reject: Reject) -> io::Result<()> {
        let file = if let Some(file) = &mut self.file {
            file
        } else {
            let mut file = Writing::begin(&self.path)?;
            file.to.write_all(&self.head)?;
            self.file.insert(file)
        };
        let mut line = Vec::new();
        rejected::line(&mut line, &reject.line.to_string(), reject.code, &reject.because, &reject.fields);
        file.to.write_all(&line)
    }
}
