//! Filtered lists: fixed text, then the conditions that the caller gave. Only literals can become SQL.
//!
//! Not `$1 IS NULL OR column = $1`: with that neither database can choose the index that the given conditions deserve.
use super::db::{Row, Tx};
use super::error::StoreError;
use super::sql::{Arg, Sql, Statement};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

/// A list query under construction.
#[derive(Debug)]
pub struct Filter<'a> {
    name: &'static str,
    sqlite: String,
    postgres: String,
    args: Vec<Arg<'a>>,
}

impl<'a> Filter<'a> {
    /// Starts from a registered `SELECT … FROM …` that has no `WHERE` of its own and takes no arguments.
    pub fn new(select: Sql) -> Self {
        Self::with(select, &[])
    }

    /// As `new`, for a select that takes arguments.
    pub fn with(select: Sql, args: &[Arg<'a>]) -> Self {
        Self {
            name: select.name,
            sqlite: format!("{} WHERE TRUE", select.sqlite),
            postgres: format!("{} WHERE TRUE", select.postgres),
            args: args.to_vec(),
        }
    }

    /// Adds ` AND condition $n` when a value is given: `.and("program =", Some(7))`. A cursor is one too: `.and("id <", after)`.
    #[must_use]
    pub fn and(mut self, condition: &'static str, value: Option<impl Into<Arg<'a>>>) -> Self {
        if let Some(value) = value {
            self.args.push(value.into());
            let n = self.args.len();
            self.push(&format!(" AND {condition} ${n}"));
        }
        self
    }

    /// Adds a condition for texts that are compared without case, as an index on `lower(column)` has them.
    #[must_use]
    pub fn and_folded(mut self, column: &'static str, value: Option<&'a str>) -> Self {
        if let Some(value) = value {
            self.args.push(value.into());
            let n = self.args.len();
            self.push(&format!(" AND lower({column}) = lower(${n})"));
        }
        self
    }

    /// Adds ` AND condition ($n, $n+1)` when a pair is given: a cursor over two columns, `.and_pair("(at, id) <", after)`.
    #[must_use]
    pub fn and_pair(mut self, condition: &'static str, pair: Option<(impl Into<Arg<'a>>, impl Into<Arg<'a>>)>) -> Self {
        if let Some((first, second)) = pair {
            self.args.push(first.into());
            self.args.push(second.into());
            let n = self.args.len();
            self.push(&format!(" AND {condition} (${}, ${n})", n - 1));
        }
        self
    }

    /// Adds ` AND column` is one of the values, when a list is given. An empty list finds nothing.
    #[must_use]
    pub fn any_of(mut self, column: &'static str, values: Option<impl Into<Arg<'a>>>) -> Self {
        if let Some(values) = values {
            self.args.push(values.into());
            let n = self.args.len();
            self.push_split(&format!(" AND {column} IN (SELECT value FROM json_each(${n}))"), &format!(" AND {column} = ANY(${n})"));
        }
        self
    }

    /// Adds ` AND (number, text)` is one of the keys. On SQLite rows may come too that pair one key's number with another's text.
    ///
    /// Not two lists on PostgreSQL: before statistics are there it looks for the numbers alone, and reads all that a merchant ever sent.
    #[must_use]
    pub fn keyed(mut self, number: &'static str, text: &'static str, keys: impl IntoIterator<Item = (i64, &'a str)>) -> Self {
        let (numbers, texts): (Vec<i64>, Vec<&str>) = keys.into_iter().unzip();
        self.args.push(numbers.into());
        self.args.push(texts.into());
        let (n, t) = (self.args.len() - 1, self.args.len());
        self.push_split(
            &format!(" AND {number} IN (SELECT value FROM json_each(${n})) AND {text} IN (SELECT value FROM json_each(${t}))"),
            &format!(" AND ({number}, {text}) IN (SELECT * FROM UNNEST(CAST(${n} AS BIGINT[]), CAST(${t} AS TEXT[])))"),
        );
        self
    }

    /// Adds a condition without a value when `wanted`: `.only(open, "paid_at IS NULL")`.
    #[must_use]
    pub fn only(mut self, wanted: bool, condition: &'static str) -> Self {
        if wanted {
            self.push(&format!(" AND {condition}"));
        }
        self
    }

    /// Adds literal text after the conditions: `.tail("GROUP BY day")`.
    #[must_use]
    pub fn tail(mut self, text: &'static str) -> Self {
        self.push(&format!(" {text}"));
        self
    }

    /// Adds the order and a limit: `.order("ORDER BY id DESC", 100)`.
    #[must_use]
    pub fn order(mut self, order: &'static str, limit: i64) -> Self {
        self.args.push(limit.into());
        let n = self.args.len();
        self.push(&format!(" {order} LIMIT ${n}"));
        self
    }

    /// Runs it.
    pub async fn all<T: Row>(self, tx: &mut Tx) -> Result<Vec<T>, StoreError> {
        let (statement, args) = self.finish();
        tx.all(statement, &args).await
    }

    /// Runs it for one row: a sum, a count.
    pub async fn one<T: Row>(self, tx: &mut Tx) -> Result<Option<T>, StoreError> {
        let (statement, args) = self.finish();
        tx.one(statement, &args).await
    }

    fn push(&mut self, text: &str) {
        self.push_split(text, text);
    }

    fn push_split(&mut self, sqlite: &str, postgres: &str) {
        self.sqlite.push_str(sqlite);
        self.postgres.push_str(postgres);
    }

    fn finish(self) -> (Statement, Vec<Arg<'a>>) {
        let statement = Statement {
            name: self.name,
            sqlite: AssertSqlSafe(self.sqlite).into_sql_str(),
            postgres: AssertSqlSafe(self.postgres).into_sql_str(),
            params: self.args.len(),
        };
        (statement, self.args)
    }
}
