//! The file of rejected lines: each with its number, why, and its fields. Mended, it can be imported itself.

use crate::{
    engine::import::{Reject, Rejects},
    formats::csv,
};
use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::PathBuf,
};

/// Made with the first line that is rejected, over one of an earlier run; that is taken away if there is none.
#[derive(Debug)]
pub struct RejectedFile {
    path: PathBuf,
    head: Vec<u8>,
    file: Option<BufWriter<File>>,
}

impl RejectedFile {
    pub fn new(path: PathBuf) -> Self {
        Self { path, head: Vec::new(), file: None }
    }

    /// Writes what is left. Gives the path if there is anything in it.
    pub fn finish(self) -> io::Result<Option<PathBuf>> {
        match self.file {
            Some(mut file) => {
                file.flush()?;
                Ok(Some(self.path))
            }
            None => Ok(None),
        }
    }
}

impl Rejects for RejectedFile {
    fn header(&mut self, names: &[String]) {
        self.head.clear();
        let ours = csv::REJECTED.iter().map(|name| name.as_bytes());
        csv::write_line(&mut self.head, ours.chain(names.iter().map(String::as_bytes)));
    }

    fn take(&mut self, reject: Reject) -> io::Result<()> {
        let file = if let Some(file) = &mut self.file {
            file
        } else {
            let mut file = BufWriter::new(File::create(&self.path)?);
            file.write_all(&self.head)?;
            self.file.insert(file)
        };
        let mut line = Vec::new();
        let number = reject.line.to_string();
        csv::write_line(&mut line, [number.as_bytes(), reject.code.as_bytes(), reject.because.as_bytes()]);
        line.pop();
        if !reject.fields.is_empty() {
            line.push(b',');
            line.extend_from_slice(&reject.fields);
        }
        line.push(b'\n');
        file.write_all(&line)
    }
}
