//! The heads of the journal's hash chains, one per node.
use super::db::Tx;
use super::error::StoreError;
use crate::domain::entry::Link;
use crate::{args, statements};

statements! {
    HEAD = "SELECT node, seq, hash FROM journal_entry WHERE node = $1 ORDER BY seq DESC LIMIT 1";
    /// From node to node through the index: not through every entry.
    HEADS = "WITH RECURSIVE n(node) AS (SELECT MIN(node) FROM journal_entry
        UNION ALL SELECT (SELECT MIN(j.node) FROM journal_entry j WHERE j.node > n.node) FROM n WHERE n.node IS NOT NULL)
        SELECT e.node, e.seq, e.hash FROM n JOIN journal_entry e ON e.node = n.node
        AND e.seq = (SELECT MAX(m.seq) FROM journal_entry m WHERE m.node = n.node) ORDER BY e.node";
}

#[derive(sqlx::FromRow)]
struct Row {
    node: i64,
    seq: i64,
    hash: Vec<u8>,
}

impl Row {
    fn read(&self) -> Result<Link, StoreError> {
        let corrupt = |column| StoreError::corrupt("journal_entry", column, format_args!("{}/{}", self.node, self.seq));
        let node = u16::try_from(self.node).map_err(|_| corrupt("node"))?;
        Ok(Link { node, seq: self.seq, hash: self.hash.as_slice().try_into().map_err(|_| corrupt("hash"))? })
    }
}

/// The end of a node's chain.
pub async fn head(tx: &mut Tx, node: u16) -> Result<Link, StoreError> {
    let row: Option<Row> = tx.one(HEAD, args![i64::from(node)]).await?;
    row.map_or(Ok(Link::start(node)), |row| row.read())
}

/// The end of every chain, by node: what exports, invoices and payout batches state.
pub async fn heads(tx: &mut Tx) -> Result<Vec<Link>, StoreError> {
    tx.all::<Row>(HEADS, args![]).await?.iter().map(Row::read).collect()
}
