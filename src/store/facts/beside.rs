//! What stands beside orders: merchants and payees with their balances, documents, and what new documents are drawn up from.
use super::{Wanted, listed};
use crate::domain::{account::Owner, document::Document, facts::Facts, standing::Papers};
use crate::kernel::id::{ConversionId, MerchantId, ProgramId};
use crate::store::{Tx, awaiting, balance, chain, error::StoreError, invoice, merchant, movement, seller, series};

/// Merchants of these programs whose account decides about orders: those who pay ahead, and those who have credit. And those whose movements
/// are undone: orders may be held to be paid by them. A program's merchant never changes, nor does a movement's, and whose credit comes
/// meanwhile is found by a job; so this is read before they are locked.
pub async fn add_payers(tx: &mut Tx, wanted: &mut Wanted, programs: &[ProgramId]) -> Result<(), StoreError> {
    for merchant in merchant::payers(tx, programs).await? {
        wanted.add_party(Owner::Merchant(merchant));
    }
    for movement in movement::by_ids(tx, &listed(&wanted.movements)).await? {
        if let owner @ Owner::Merchant(_) = movement.what.owner() {
            wanted.add_party(owner);
        }
    }
    Ok(())
}

/// What stands beside orders: merchants, balances, documents.
pub(super) async fn load_documents(tx: &mut Tx, wanted: &Wanted, facts: &mut Facts) -> Result<(), StoreError> {
    let merchant = |owner: &Owner| match owner {
        Owner::Merchant(id) => Some(*id),
        _ => None,
    };
    let merchants: Vec<MerchantId> = wanted.parties.iter().filter_map(merchant).collect();
    facts.merchants = merchant::by_ids(tx, &merchants).await?.into_iter().map(|merchant| (merchant.id, merchant)).collect();
    facts.parties = wanted.parties.iter().copied().collect();
    let balances = balance::of_owners(tx, &listed(&wanted.parties)).await?;
    facts.balances = balances.into_iter().map(|b| ((b.account, b.amount.currency), b.amount.minor)).collect();
    let movements = movement::by_ids(tx, &listed(&wanted.movements)).await?;
    let invoices = invoice::by_ids(tx, &listed(&wanted.invoices)).await?;
    let invoices = invoices.into_iter().map(|invoice| Document::Invoice(Box::new(invoice)));
    let documents = movements.into_iter().map(Document::Movement).chain(invoices);
    facts.documents = documents.map(|document| (document.subject(), document)).collect();
    Ok(())
}

/// What documents are drawn up from, if some are to be.
pub(super) async fn load_invoicing(tx: &mut Tx, wanted: &Wanted, facts: &mut Facts) -> Result<(), StoreError> {
    if wanted.series.is_empty() {
        return Ok(());
    }
    facts.seller = seller::get(tx).await?;
    facts.series = series::all(tx).await?;
    facts.heads = chain::heads(tx).await?;
    for (merchant, until) in &wanted.invoiced {
        facts.owed.insert(*merchant, invoice::owed(tx, *merchant, *until).await?);
    }
    Ok(())
}

/// What tells whether orders are paid for.
pub(super) async fn load_papers(tx: &mut Tx, wanted: &Wanted, facts: &mut Facts) -> Result<(), StoreError> {
    for (merchant, keys) in &wanted.billed {
        let orders: Vec<ConversionId> = keys.iter().filter_map(|key| facts.orders.get(key)).map(|order| order.id).collect();
        let bills = awaiting::bills(tx, &orders).await?;
        let (billed, movements) = (invoice::billed(tx, *merchant).await?, movement::of_merchant(tx, *merchant).await?);
        facts.papers.insert(*merchant, Papers::new(billed, movements, bills));
    }
    Ok(())
}
