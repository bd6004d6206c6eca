//! What stands beside orders: merchants and payees with their balances, documents, and what new documents are drawn up from.
use super::{Wanted, listed};
use crate::domain::{account::Owner, document::Document, facts::Facts};
use crate::kernel::id::MerchantId;
use crate::store::{Tx, balance, chain, error::StoreError, invoice, merchant, movement, seller, series};

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
