//! What a receipt is made of, loaded for one order.
use super::{TermsCache, load_programs};
use crate::domain::{
    entry::{Entry, Subject},
    facts::ProgramFacts,
    order::Order,
    payment::Payment,
    program::Program,
    terms::Version,
};
use crate::kernel::id::ConversionId;
use crate::store::{Tx, entry, error::StoreError, order, payment};

/// What a receipt is made of.
#[derive(Debug)]
pub struct ReceiptFacts {
    pub order: Order,
    pub program: Program,
    /// The terms that the sale was decided by.
    pub version: Version,
    pub entries: Vec<Entry>,
    /// In which its lines stand or stood, and how much of it each pays.
    pub payments: Vec<(Payment, i64)>,
}

/// None if there is no such order, or its sale is still awaited.
pub async fn receipt(tx: &mut Tx, cache: &TermsCache, id: ConversionId) -> Result<Option<ReceiptFacts>, StoreError> {
    let Some(order) = order::by_id(tx, id).await? else { return Ok(None) };
    let Some(number) = order.context.as_ref().map(|context| context.terms_version) else { return Ok(None) };
    let corrupt = |column| StoreError::corrupt("orders", column, id);
    let mut programs = load_programs(tx, cache, &[order.key.program]).await?;
    let ProgramFacts { program, versions } = programs.remove(&order.key.program).ok_or_else(|| corrupt("program"))?;
    let version = versions.into_iter().find(|version| version.number == number).ok_or_else(|| corrupt("terms_version"))?;
    let entries = entry::of_subject(tx, Subject::Order(id)).await?.into_iter().map(|stored| stored.entry).collect();
    let payments = payment::of_conversion(tx, id).await?;
    Ok(Some(ReceiptFacts { order, program, version, entries, payments }))
}
