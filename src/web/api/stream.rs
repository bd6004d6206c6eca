//! Whole lists as CSV or as lines of JSON, of any length: read page by page, each in a transaction of its own, and written as they are read.
//!
//! Nothing of a list is held but the page under way, no snapshot is pinned, and a reader who is slow or leaves holds nothing up: the next
//! page is read when there is room for it. A list that changes meanwhile is read as it then is, from where the last page ended.

use super::{Field, Kind, PAGE_ROWS, PAGE_ROWS_MAX, Page, Query};
use crate::{
    kernel::{fields::FieldErrors, money::Money, object::Object},
    web::problem::Problem,
};
use axum::{body::Body, extract::FromRequestParts, response::Response};
use bytes::Bytes;
use http::{HeaderValue, header, request::Parts};
use serde::Serialize;
use std::{convert::Infallible, fmt::Display, future::Future, io, str::FromStr};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

pub const FORMAT: Field = Field::optional(
    "format",
    Kind::Word(&["json", "csv", "ndjson"]),
    "csv or ndjson: the whole list as a stream, or its first `limit` rows. `Accept: text/csv` or `application/x-ndjson` asks for the same.",
);

/// Pages that are written and not sent yet. One is on its way while the next is read; more would only be memory.
const AHEAD: usize = 1;

/// As what a list is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
    Ndjson,
}

impl Format {
    const ALL: [(&'static str, &'static str, Self); 3] =
        [("json", "application/json", Self::Json), ("csv", "text/csv", Self::Csv), ("ndjson", "application/x-ndjson", Self::Ndjson)];

    fn media_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        })
    }

    /// The query's word, or else what `Accept` names first.
    pub fn read(query: &Object<'_>, accept: Accept, errors: &mut FieldErrors) -> Self {
        let words = Self::ALL.map(|(word, ..)| word);
        let asked = query.optional("format");
        let of = |word: &str| Self::ALL.iter().find(|(known, ..)| *known == word).map(|(.., format)| *format);
        asked.word(&words, of, errors).unwrap_or(accept.0)
    }
}

/// What `Accept` asks for; JSON where it names none of ours.
#[derive(Debug, Clone, Copy)]
pub struct Accept(Format);

impl<S: Send + Sync> FromRequestParts<S> for Accept {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let accept = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let names = accept.split(',').filter_map(|one| one.split(';').next()).map(str::trim);
        let formats = names.filter_map(|name| Format::ALL.iter().find(|(_, media, _)| name.eq_ignore_ascii_case(media)));
        Ok(Self(formats.map(|(.., format)| *format).next().unwrap_or(Format::Json)))
    }
}

impl Query {
    /// As `read_page`, for a list that is streamed too: without a `limit` a stream has no end but the list's.
    pub fn read_list<C: FromStr<Err: Display>, T>(
        &self,
        accept: Accept,
        fields: impl FnOnce(&Object<'_>, &mut FieldErrors) -> Option<T>,
    ) -> Result<(T, Page<C>, Format), Problem> {
        self.read(|query, errors| {
            let format = Format::read(query, accept, errors);
            let all = if format == Format::Json { PAGE_ROWS } else { i64::MAX };
            let limit = query.optional("limit").integer(1..=PAGE_ROWS_MAX, errors).unwrap_or(all);
            let after = query.optional("after").parsed("invalid_cursor", errors);
            Some((fields(query, errors)?, Page { limit, after }, format))
        })
    }
}

/// A line of CSV under construction. Texts that people chose cannot become formulas; numbers, times and ids are as they are.
#[derive(Debug, Default)]
pub struct CsvLine(Vec<String>);

impl CsvLine {
    #[must_use]
    pub fn plain(mut self, value: impl Display) -> Self {
        self.0.push(value.to_string());
        self
    }

    /// Empty where there is none.
    #[must_use]
    pub fn maybe(mut self, value: Option<impl Display>) -> Self {
        self.0.push(value.map_or_else(String::new, |value| value.to_string()));
        self
    }

    /// A text that somebody chose. Spreadsheets take one that begins with certain characters for a formula, quoted or not; behind an
    /// apostrophe it is a text.
    #[must_use]
    pub fn text(mut self, text: Option<&str>) -> Self {
        let text = text.unwrap_or_default();
        let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        self.0.push(format!("{guard}{text}"));
        self
    }

    /// An amount without its currency, which stands in a column of its own.
    #[must_use]
    pub fn amount(self, money: Money) -> Self {
        self.plain(money.amount())
    }
}

/// A row of a list that is streamed.
pub trait Record: Serialize {
    /// What its CSV is called where a browser saves it.
    const FILE: &'static str;
    /// The first line of its CSV.
    const COLUMNS: &'static [&'static str];

    /// One line, or several that belong together.
    fn lines(&self) -> Vec<CsvLine>;
}

/// A part of a list, and where the next one begins.
#[derive(Debug)]
pub struct Chunk<R, C> {
    pub rows: Vec<R>,
    pub next: Option<C>,
}

impl<R, C> Chunk<R, C> {
    /// Of rows of which `wanted` were asked for: fewer are the last.
    pub fn of(rows: Vec<R>, wanted: i64, cursor: impl FnOnce(&R) -> C) -> Self {
        let full = usize::try_from(wanted).is_ok_and(|wanted| rows.len() >= wanted);
        Self { next: rows.last().filter(|_| full).map(cursor), rows }
    }
}

/// Answers a list as a stream. `read` gives so many rows behind a cursor; the first of them are read before anything is answered, so that
/// what is wrong from the start is told as such. A failure later cuts the answer off, which its reader notices.
pub async fn stream_list<R, C, F, Answer>(format: Format, page: Page<C>, read: F) -> Result<Response, Problem>
where
    R: Record + Send + 'static,
    C: Send + 'static,
    F: FnMut(Option<C>, i64) -> Answer + Send + 'static,
    Answer: Future<Output = Result<Chunk<R, C>, Problem>> + Send,
{
    stream_table(format, R::COLUMNS, page, read).await
}

/// The same with columns that this request names.
pub async fn stream_table<R, C, F, Answer>(
    format: Format,
    columns: &[&'static str],
    page: Page<C>,
    mut read: F,
) -> Result<Response, Problem>
where
    R: Record + Send + 'static,
    C: Send + 'static,
    F: FnMut(Option<C>, i64) -> Answer + Send + 'static,
    Answer: Future<Output = Result<Chunk<R, C>, Problem>> + Send,
{
    let mut left = page.limit;
    let mut chunk = read(page.after, left.min(PAGE_ROWS_MAX)).await?;
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(AHEAD);
    let mut bytes = head(format, columns);
    tokio::spawn(async move {
        loop {
            left -= i64::try_from(chunk.rows.len()).unwrap_or(i64::MAX);
            let written = bytes.and_then(|bytes| write(format, &chunk.rows, bytes));
            let failed = written.is_err();
            // Whoever does not listen any more wants no more of it.
            if sender.send(written.map(Bytes::from)).await.is_err() || failed {
                return;
            }
            let (Some(next), true) = (chunk.next, left > 0) else { return };
            chunk = match read(Some(next), left.min(PAGE_ROWS_MAX)).await {
                Ok(chunk) => chunk,
                Err(problem) => {
                    tracing::warn!(code = problem.code(), "a stream is cut off");
                    let cut = io::Error::other("the list could not be read to its end");
                    return sender.send(Err(cut)).await.unwrap_or_default();
                }
            };
            bytes = Ok(Vec::new());
        }
    });
    let mut answer = Response::new(Body::from_stream(ReceiverStream::new(receiver)));
    answer.headers_mut().insert(header::CONTENT_TYPE, format.media_type());
    if format == Format::Csv {
        let saved = HeaderValue::try_from(format!("attachment; filename=\"{}\"", R::FILE)).expect("names of files are ASCII");
        answer.headers_mut().insert(header::CONTENT_DISPOSITION, saved);
    }
    Ok(answer)
}

/// A list that holds nothing.
pub async fn nothing<R: Record + Send + 'static>(format: Format) -> Result<Response, Problem> {
    let none = Page { limit: 1, after: None::<()> };
    stream_list(format, none, |_, _| async { Ok(Chunk { rows: Vec::<R>::new(), next: None }) }).await
}

/// What stands before the first row.
fn head(format: Format, columns: &[&str]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if format == Format::Csv {
        csv_writer(&mut bytes).write_record(columns)?;
    }
    Ok(bytes)
}

fn write<R: Record>(format: Format, rows: &[R], mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if format == Format::Csv {
        let mut csv = csv_writer(&mut bytes);
        for line in rows.iter().flat_map(Record::lines) {
            csv.write_record(&line.0)?;
        }
        csv.flush()?;
        drop(csv);
    } else {
        for row in rows {
            serde_json::to_writer(&mut bytes, row)?;
            bytes.push(b'\n');
        }
    }
    Ok(bytes)
}

/// RFC 4180: lines end in CR LF, and every one has as many fields as the first.
fn csv_writer(bytes: &mut Vec<u8>) -> csv::Writer<&mut Vec<u8>> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row(&'static str);

    impl Record for Row {
        const FILE: &'static str = "rows.csv";
        const COLUMNS: &'static [&'static str] = &["text", "number"];
        fn lines(&self) -> Vec<CsvLine> {
            vec![CsvLine::default().text(Some(self.0)).plain(-1)]
        }
    }

    #[test]
    fn texts_are_quoted_and_never_formulas() {
        let rows = [Row("=1+1"), Row("a,\"b\"\r\nc"), Row("\tx"), Row("@x"), Row("é"), Row(""), Row("a=b"), Row("-5")];
        let bytes = head(Format::Csv, Row::COLUMNS).and_then(|head| write(Format::Csv, &rows, head)).expect("written");
        let wanted = "text,number\r\n'=1+1,-1\r\n\"a,\"\"b\"\"\r\nc\",-1\r\n'\tx,-1\r\n'@x,-1\r\né,-1\r\n,-1\r\na=b,-1\r\n'-5,-1\r\n";
        assert_eq!(String::from_utf8(bytes).expect("text"), wanted);
    }

    #[tokio::test]
    async fn a_stream_reads_page_after_page_up_to_its_limit() {
        for (limit, wanted) in [(i64::MAX, 1_203), (700, 700), (500, 500), (1, 1)] {
            let read = |after: Option<i64>, rows: i64| async move {
                let first = after.unwrap_or(0);
                let numbers: Vec<i64> = (first..1_203).take(usize::try_from(rows).expect("a page")).collect();
                let rows_read = numbers.iter().map(|_| Row("x")).collect();
                Ok(Chunk::of(rows_read, rows, |_| numbers.last().map_or(0, |last| last + 1)))
            };
            let answer = stream_list(Format::Ndjson, Page { limit, after: None }, read).await.expect("an answer");
            let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("the whole");
            assert_eq!(body.split(|byte| *byte == b'\n').count() - 1, wanted, "{limit}");
        }
    }
}
