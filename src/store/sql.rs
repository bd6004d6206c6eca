//! Registered statements and their arguments: one text for both databases, or two where the dialects must differ.
use super::error::StoreError;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, SqlSafeStr as _, SqlStr};
use std::borrow::Cow;

/// A registered statement; [`statements!`](crate::statements) declares them.
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    /// Module path and name, for tests and logs.
    pub name: &'static str,
    pub sqlite: &'static str,
    pub postgres: &'static str,
    /// How many arguments it takes.
    pub params: usize,
}

impl Sql {
    /// One text for both databases.
    pub const fn same(name: &'static str, text: &'static str) -> Self {
        Self { name, sqlite: text, postgres: text, params: params(text) }
    }

    /// A text for each database, taking the same arguments.
    pub const fn split(name: &'static str, sqlite: &'static str, postgres: &'static str) -> Self {
        let params = params(sqlite);
        assert!(params == self::params(postgres), "the two texts take different arguments");
        Self { name, sqlite, postgres, params }
    }
}

/// The highest `$n` of a text; every number below it must be there too. Counted at compile time, because SQLite reads a forgotten
/// argument as NULL without a word.
const fn params(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut highest, mut seen) = (0, 0, 0_u64);
    while at < bytes.len() {
        if bytes[at] == b'$' {
            let mut n = 0;
            while at + 1 < bytes.len() && bytes[at + 1].is_ascii_digit() {
                at += 1;
                n = n * 10 + (bytes[at] - b'0') as usize;
            }
            assert!(n <= 63, "a statement takes at most 63 arguments");
            if n > 0 {
                seen |= 1 << n;
            }
            if n > highest {
                highest = n;
            }
        }
        at += 1;
    }
    assert!(seen == ((1_u64 << highest) - 1) << 1, "a statement must use every $n from $1 to the highest");
    highest
}

/// Declares a file's statements and lists them in `ALL`, so that a test prepares each of them on both databases.
///
/// ```text
/// statements! {
///     BY_SLUG = "SELECT id, slug FROM link WHERE slug = $1";
///     BY_IDS = "SELECT id, slug FROM link WHERE id IN (SELECT value FROM json_each($1))",
///         postgres "SELECT id, slug FROM link WHERE id = ANY($1)";
/// }
/// ```
///
/// A list of pairs is two arguments, joined by position: on SQLite `json_each($1) a JOIN json_each($2) b ON b.key = a.key`, on
/// PostgreSQL `UNNEST(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[])) AS k(a, b)`.
#[macro_export]
macro_rules! statements {
    ($($(#[$meta:meta])* $name:ident = $sqlite:expr $(, postgres $postgres:expr)?;)+) => {
        $($(#[$meta])* const $name: $crate::store::sql::Sql = $crate::statements!(@one $name $sqlite $(, $postgres)?);)+
        /// Every statement of this file.
        pub const ALL: &[$crate::store::sql::Sql] = &[$($name),+];
    };
    (@one $name:ident $text:expr) => {
        $crate::store::sql::Sql::same(concat!(module_path!(), "::", stringify!($name)), $text)
    };
    (@one $name:ident $sqlite:expr, $postgres:expr) => {
        $crate::store::sql::Sql::split(concat!(module_path!(), "::", stringify!($name)), $sqlite, $postgres)
    };
}

/// `args![slug, program]`: the arguments `$1`, `$2`, … of a statement.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::store::sql::Arg::from($value)),*][..] };
}

/// An argument: what both databases can take. A NULL keeps its type, which PostgreSQL wants to know.
#[derive(Debug, Clone)]
pub enum Arg<'a> {
    Int(Option<i64>),
    Text(Option<&'a str>),
    Bool(Option<bool>),
    Blob(Option<&'a [u8]>),
    /// For `IN`: a JSON array on SQLite (`IN (SELECT value FROM json_each($1))`), an array on PostgreSQL (`= ANY($1)`).
    Ints(Cow<'a, [i64]>),
    /// As `Ints`, of texts.
    Texts(Vec<&'a str>),
}

impl Arg<'_> {
    fn has_nul(&self) -> bool {
        match self {
            Self::Text(Some(text)) => text.contains('\0'),
            Self::Texts(texts) => texts.iter().any(|text| text.contains('\0')),
            _ => false,
        }
    }
}

/// What a transaction runs: a registered statement, or a list query put together by [`Filter`](super::filter::Filter).
#[derive(Debug)]
pub struct Statement {
    pub(super) name: &'static str,
    pub(super) sqlite: SqlStr,
    pub(super) postgres: SqlStr,
    pub(super) params: usize,
}

impl From<Sql> for Statement {
    fn from(sql: Sql) -> Self {
        Self { name: sql.name, sqlite: sql.sqlite.into_sql_str(), postgres: sql.postgres.into_sql_str(), params: sql.params }
    }
}

impl Statement {
    /// Refuses what one database would take and the other not: a wrong number of arguments, and U+0000, which PostgreSQL cannot store.
    pub(super) fn check(&self, args: &[Arg<'_>]) -> Result<(), StoreError> {
        if self.params != args.len() {
            return Err(StoreError::Arguments { statement: self.name, expected: self.params, given: args.len() });
        }
        if args.iter().any(Arg::has_nul) {
            return Err(StoreError::Nul { statement: self.name });
        }
        Ok(())
    }
}

pub(super) fn sqlite(args: &[Arg<'_>]) -> Result<SqliteArguments, sqlx::Error> {
    let mut out = SqliteArguments::default();
    for arg in args {
        match arg {
            Arg::Int(value) => out.add(*value),
            Arg::Text(value) => out.add(*value),
            Arg::Bool(value) => out.add(*value),
            Arg::Blob(value) => out.add(*value),
            Arg::Ints(values) => out.add(json(values)?),
            Arg::Texts(values) => out.add(json(values)?),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(out)
}

pub(super) fn postgres(args: &[Arg<'_>]) -> Result<PgArguments, sqlx::Error> {
    let mut out = PgArguments::default();
    for arg in args {
        match arg {
            Arg::Int(value) => out.add(*value),
            Arg::Text(value) => out.add(*value),
            Arg::Bool(value) => out.add(*value),
            Arg::Blob(value) => out.add(*value),
            Arg::Ints(values) => out.add(values.as_ref()),
            Arg::Texts(values) => out.add(values),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(out)
}

fn json<T: serde::Serialize + ?Sized>(values: &T) -> Result<String, sqlx::Error> {
    serde_json::to_string(values).map_err(|error| sqlx::Error::Encode(error.into()))
}

impl From<i64> for Arg<'_> {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}
impl From<Option<i64>> for Arg<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}
impl From<bool> for Arg<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(Some(value))
    }
}
impl From<Option<bool>> for Arg<'_> {
    fn from(value: Option<bool>) -> Self {
        Self::Bool(value)
    }
}
impl<'a> From<&'a str> for Arg<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Some(value))
    }
}
impl<'a> From<&'a String> for Arg<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(Some(value))
    }
}
impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Self::Text(value)
    }
}
impl<'a> From<&'a Option<String>> for Arg<'a> {
    fn from(value: &'a Option<String>) -> Self {
        Self::Text(value.as_deref())
    }
}
impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(Some(value))
    }
}
impl<'a> From<&'a Vec<u8>> for Arg<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Self::Blob(Some(value))
    }
}
impl<'a, const N: usize> From<&'a [u8; N]> for Arg<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Blob(Some(value))
    }
}
impl<'a> From<Option<&'a [u8]>> for Arg<'a> {
    fn from(value: Option<&'a [u8]>) -> Self {
        Self::Blob(value)
    }
}
impl<'a> From<&'a [i64]> for Arg<'a> {
    fn from(values: &'a [i64]) -> Self {
        Self::Ints(Cow::Borrowed(values))
    }
}
impl<'a> From<&'a Vec<i64>> for Arg<'a> {
    fn from(values: &'a Vec<i64>) -> Self {
        Self::Ints(Cow::Borrowed(values))
    }
}
impl From<Vec<i64>> for Arg<'_> {
    fn from(values: Vec<i64>) -> Self {
        Self::Ints(Cow::Owned(values))
    }
}
impl<'a> From<Vec<&'a str>> for Arg<'a> {
    fn from(values: Vec<&'a str>) -> Self {
        Self::Texts(values)
    }
}
impl<'a> From<&'a [&'a str]> for Arg<'a> {
    fn from(values: &'a [&'a str]) -> Self {
        Self::Texts(values.to_vec())
    }
}
impl<'a> From<&'a [String]> for Arg<'a> {
    fn from(values: &'a [String]) -> Self {
        Self::Texts(values.iter().map(String::as_str).collect())
    }
}
impl<'a> From<&'a Vec<String>> for Arg<'a> {
    fn from(values: &'a Vec<String>) -> Self {
        Self::from(values.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_arguments() {
        assert_eq!(params("SELECT 1"), 0);
        assert_eq!(params("SELECT $2, $1, $10, $3 $4 $5 $6 $7 $8 $9, $1"), 10);
        assert_eq!(params("SELECT json_extract(x, '$.a') WHERE y = $1"), 1);
    }

    #[test]
    #[should_panic(expected = "every $n")]
    fn refuses_a_gap() {
        params("SELECT $1, $3");
    }

    #[test]
    #[should_panic(expected = "different arguments")]
    fn refuses_texts_that_differ_in_arguments() {
        Sql::split("x", "SELECT $1", "SELECT $1, $2");
    }

    #[test]
    fn refuses_a_miscount_and_a_nul() {
        let sql = Statement::from(Sql::same("x", "SELECT $1"));
        assert!(matches!(sql.check(args![]), Err(StoreError::Arguments { expected: 1, given: 0, .. })));
        assert!(matches!(sql.check(args!["a\0b"]), Err(StoreError::Nul { .. })));
        assert!(matches!(sql.check(args![vec!["a", "\0"]]), Err(StoreError::Nul { .. })));
        assert!(sql.check(args!["a"]).is_ok());
    }
}
