//! Tables as text: comma-, semicolon- or tab-separated lines under a header, read without an allocation a line, and written.
//!
//! The memory is bounded whatever comes: a line that is too long is skipped and reported as such, and what follows is read on. A quote that
//! is never closed makes one line of all that follows, and so is found too.
pub mod click;
mod line;
pub mod rate;
pub mod rejected;
pub mod sale;

use crate::kernel::time::{Day, SECOND, Time};
use csv_core::ReadRecordResult as Read;
pub use line::{Fields, Line, Malformed};
use std::io;

/// The longest line, in bytes of its fields. An order of 1,000 lines as JSON has some 100 KiB.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;
/// The most fields of a line; the ECB's history has 42.
const FIELDS_MAX: usize = 1024;
/// What is read at once.
const INPUT_BYTES: usize = 64 * 1024;
/// Characters of a name of a column that are repeated in a message.
const SHOWN_CHARS: usize = 40;

/// Why a file cannot be read as a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("reading: {0}")]
    Io(#[from] io::Error),
    #[error("it is empty; its first line must name the columns")]
    Empty,
    #[error("it is {0}, not CSV text; unpack it, or save it as CSV in UTF-8")]
    NotText(&'static str),
    #[error("unknown {}: {}; known are {known}", if .unknown.len() == 1 { "column" } else { "columns" }, .unknown.join(", "))]
    UnknownColumns { unknown: Vec<String>, known: String },
    #[error("its first line is longer than 1 MiB, or names more than 1,024 columns")]
    Wide,
    #[error("the column {0} stands there twice")]
    Twice(String),
    #[error("a column is missing: {0}")]
    Missing(String),
}

impl TableError {
    /// Stable, for programs; of a table that came in a request.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "body_incomplete",
            Self::Empty => "empty_table",
            Self::NotText(_) => "not_text",
            Self::UnknownColumns { .. } => "unknown_column",
            Self::Wide => "header_too_long",
            Self::Twice(_) => "duplicate_column",
            Self::Missing(_) => "missing_column",
        }
    }
}

/// Reads lines.
pub struct Table<R> {
    source: R,
    core: csv_core::Reader,
    input: Vec<u8>,
    /// What is read of `input`, and how much of it is filled.
    at: usize,
    filled: usize,
    output: Vec<u8>,
    ends: Vec<usize>,
    bytes: u64,
    /// Columns at the beginning that say why the line was refused before.
    passed_over: usize,
    /// Columns of the header, with those; blank fields behind them are no fields.
    width: usize,
}

impl<R> std::fmt::Debug for Table<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl<R: io::Read> Table<R> {
    /// Looks at the beginning for what stands between fields, and for what is no text at all.
    pub fn open(mut source: R) -> Result<Self, TableError> {
        let mut input = vec![0; INPUT_BYTES];
        let mut filled = 0;
        while filled < input.len() && !input[..filled].contains(&b'\n') {
            match source.read(&mut input[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        for (magic, what) in [
            (&b"PK\x03\x04"[..], "a ZIP archive or a spreadsheet"),
            (b"\x1f\x8b", "compressed with gzip"),
            (b"\xff\xfe", "UTF-16"),
            (b"\xfe\xff", "UTF-16"),
            (b"SQLite format 3", "a database"),
        ] {
            if input[..filled].starts_with(magic) {
                return Err(TableError::NotText(what));
            }
        }
        let at = if input[..filled].starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let head = input[at..filled].split(|byte| *byte == b'\n').next().unwrap_or_default();
        let core = csv_core::ReaderBuilder::new().delimiter(delimiter(head)).build();
        Ok(Self {
            source,
            core,
            input,
            at,
            filled,
            output: vec![0; 8192],
            ends: vec![0; 64],
            bytes: filled as u64,
            passed_over: 0,
            width: usize::MAX,
        })
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line that is not blank; none at the end.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        if self.at == self.filled {
            self.fill()?;
        }
        // A line's end may still stand before it, of which only the CR was read, and lines that are blank.
        let ends = self.input[self.at..self.filled].iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let number = self.core.line() + ends.filter(|byte| **byte == b'\n').count() as u64;
        let (mut out, mut end, mut too_long, mut quotes) = (0, 0, false, 0);
        loop {
            if self.at == self.filled {
                self.fill()?;
            }
            let input = &self.input[self.at..self.filled];
            let (result, read, written, ended) = self.core.read_record(input, &mut self.output[out..], &mut self.ends[end..]);
            quotes += input[..read].iter().fold(0, |sum, byte| sum + usize::from(*byte == b'"'));
            let unclosed = input.is_empty() && quotes % 2 == 1 && self.core.line() > number;
            self.at += read;
            (out, end) = (out + written, end + ended);
            match result {
                Read::InputEmpty => {}
                Read::OutputFull if out >= LINE_BYTES_MAX => (out, end, too_long) = (0, 0, true),
                Read::OutputFull => self.output.resize((self.output.len() * 2).min(LINE_BYTES_MAX), 0),
                Read::OutputEndsFull if end >= FIELDS_MAX => (out, end, too_long) = (0, 0, true),
                Read::OutputEndsFull => self.ends.resize((self.ends.len() * 2).min(FIELDS_MAX), 0),
                Read::Record if too_long => return Ok(Some(Line { number, text: &[], ends: &[], too_long, unclosed })),
                Read::Record => return Ok(Some(self.line(number, end, unclosed))),
                Read::End => return Ok(None),
            }
        }
    }

    /// The line of so many fields in `output`, without what the header does not name.
    fn line(&mut self, number: u64, fields: usize, unclosed: bool) -> Line<'_> {
        let start_of = |ends: &[usize], n: usize| if n == 0 { 0 } else { ends[n - 1] };
        let mut to = fields;
        while to > self.width && self.output[start_of(&self.ends, to - 1)..self.ends[to - 1]].trim_ascii().is_empty() {
            to -= 1;
        }
        let from = self.passed_over.min(to);
        let (start, end) = (start_of(&self.ends, from), start_of(&self.ends, to));
        let ends = &mut self.ends[from..to];
        for end in ends.iter_mut() {
            *end -= start;
        }
        Line { number, text: &self.output[start..end], ends, too_long: false, unclosed }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.at = 0;
        self.filled = loop {
            match self.source.read(&mut self.input) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.bytes += self.filled as u64;
        Ok(())
    }

    /// The names of the columns, in lower case: the first line. Those of a file of refused lines are passed over, here and in every line
    /// that follows, so that it is as the file that it came from.
    pub fn header(&mut self) -> Result<Vec<String>, TableError> {
        let Some(line) = self.next_line()? else { return Err(TableError::Empty) };
        if line.too_long {
            return Err(TableError::Wide);
        }
        let fields = line.fields().map_err(|_| TableError::NotText("binary"))?;
        let mut names: Vec<String> = fields.iter().map(str::to_ascii_lowercase).collect();
        // The ECB's files end each line with a separator.
        while names.last().is_some_and(String::is_empty) {
            names.pop();
        }
        self.width = names.len();
        self.passed_over = names.iter().take_while(|name| REJECTED.contains(&name.as_str())).count();
        names.drain(..self.passed_over);
        match names.iter().enumerate().find(|(n, name)| names[..*n].contains(name)) {
            Some((_, twice)) => Err(TableError::Twice(shown(twice))),
            None if names.is_empty() => Err(TableError::Empty),
            None => Ok(names),
        }
    }
}

/// The separator that stands most often in the header, outside quotes.
fn delimiter(head: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in head {
        quoted ^= *byte == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(delimiter, _)| delimiter == byte && !quoted) {
            *count += 1;
        }
    }
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}

/// A name as it may stand in a message.
fn shown(name: &str) -> String {
    let short: String = name.chars().take(SHOWN_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if short.len() < name.len() { format!("{short}…") } else { short }
}

/// What a file of refused lines puts in front of each: such a file can be mended and read again.
pub const REJECTED: [&str; 3] = ["rejected_line", "rejected_code", "rejected_because"];

/// Where the columns stand that are known.
#[derive(Debug, Clone)]
pub struct Columns {
    places: Vec<Option<usize>>,
    width: usize,
}

impl Columns {
    /// Every name of the header must be known; which are needed is the reader's to say.
    pub fn of(header: &[String], known: &[&str]) -> Result<Self, TableError> {
        let unknown: Vec<String> = header.iter().filter(|name| !known.contains(&name.as_str())).map(|name| shown(name)).collect();
        if !unknown.is_empty() {
            return Err(TableError::UnknownColumns { unknown, known: known.join(", ") });
        }
        let places = known.iter().map(|name| header.iter().position(|given| given == name)).collect();
        Ok(Self { places, width: header.len() })
    }

    /// Whether the nth of the known columns is there.
    pub fn has(&self, n: usize) -> bool {
        self.places[n].is_some()
    }

    /// The field of the nth of the known columns; empty if there is none.
    pub fn get<'a>(&self, fields: &Fields<'a>, n: usize) -> &'a str {
        self.places[n].map_or("", |place| fields.get(place))
    }

    pub fn get_verbatim<'a>(&self, fields: &Fields<'a>, n: usize) -> &'a str {
        self.places[n].map_or("", |place| fields.verbatim(place))
    }

    pub fn check(&self, fields: &Fields<'_>) -> Result<(), Malformed> {
        check_width(fields, self.width)
    }
}

/// A line has as many fields as the header names.
fn check_width(fields: &Fields<'_>, width: usize) -> Result<(), Malformed> {
    if fields.len() == width {
        return Ok(());
    }
    Err(Malformed { code: "wrong_number_of_fields", because: "not as many fields as the header has" })
}

/// Appends fields as one line, quoted where they must be.
pub fn write_line<'a>(out: &mut Vec<u8>, fields: impl IntoIterator<Item = &'a [u8]>) {
    for (n, field) in fields.into_iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        let quoted = field.iter().any(|byte| matches!(byte, b',' | b';' | b'\t' | b'"' | b'\n' | b'\r'))
            || field.first().or(field.last()).is_some_and(u8::is_ascii_whitespace);
        if !quoted {
            out.extend_from_slice(field);
            continue;
        }
        out.push(b'"');
        for byte in field {
            if *byte == b'"' {
                out.push(b'"');
            }
            out.push(*byte);
        }
        out.push(b'"');
    }
    out.push(b'\n');
}

/// A time as tables from elsewhere have it: RFC 3339; without an offset in UTC; a day; seconds, milliseconds or microseconds since 1970.
pub fn moment(text: &str) -> Option<Time> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = if digits { text.parse().ok()? } else { 0 };
    match (digits, text.len()) {
        (true, 9..=11) => Some(Time::from_micros(number.checked_mul(SECOND)?)).filter(|time| time.is_plain()),
        (true, 13) => Some(Time::from_millis(number)).filter(|time| time.is_plain()),
        (true, 16) => Some(Time::from_micros(number)).filter(|time| time.is_plain()),
        (true, _) => None,
        (false, 10) => Day::parse(text).map(Day::start_utc).filter(|time| time.is_plain()),
        (false, _) => Time::parse(text).or_else(|| Time::parse(&format!("{text}Z"))),
    }
}

/// Why a line is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: &'static str,
    pub because: String,
}

impl Refused {
    pub fn new(code: &'static str, because: impl Into<String>) -> Self {
        Self { code, because: because.into() }
    }
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        Self::new(malformed.code, malformed.because)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
