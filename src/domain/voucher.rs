//! Vouchers that were made together, as people and programs see them.

use crate::domain::terms::boost::{Funder, Reward};
use crate::kernel::{
    id::{LinkId, ProgramId, VoucherBatchId},
    time::Time,
};

/// A batch has at most so many: a sheet of more is no sheet.
pub const VOUCHERS_MAX: i64 = 10_000;
/// Of Crockford's 32 characters: 60 bits, which nobody guesses.
pub const CODE_CHARS: usize = 12;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Codes made together, each good for one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub id: VoucherBatchId,
    pub program: ProgramId,
    /// The boost of the terms under whose budget they are.
    pub boost: Option<String>,
    pub funded_by: Funder,
    pub reward: Reward,
    pub from: Option<Time>,
    pub until: Option<Time>,
    /// Where they are handed out, for people.
    pub place: Option<String>,
    /// Where the sheet's codes lead.
    pub link: Option<LinkId>,
    pub count: i64,
    pub created_at: Time,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = VoucherCode)]
pub struct Code {
    /// From 1, as on the sheet.
    pub number: i64,
    pub code: String,
    /// An order holds it; a rejected one gives it back.
    pub used: bool,
}

/// A code of random bytes, in groups of four: `7K2M-Q9XD-04TB`.
pub fn code(random: [u8; CODE_CHARS]) -> String {
    let character = |byte: &u8| char::from(ALPHABET[usize::from(byte % 32)]);
    let groups = random.chunks(4).map(|group| group.iter().map(character).collect::<String>());
    groups.collect::<Vec<_>>().join("-")
}
