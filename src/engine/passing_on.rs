//! Passes merchants' payments on: conversions whose invoice is paid in full, or that credit covers, become payable.
//!
//! Called after what pays something and what undoes a debt, and by a job that finds what a crash left over. Two at once do no harm: each conversion is judged
//! under its program's lock, and the second finds it paid.

use crate::{
    domain::{
        account::{Account, Owner},
        command::{Act, Outcome},
        sale::OrderKey,
        standing,
    },
    engine::{engine::Engine, ledger_batch::clock_command},
    kernel::{
        currency::Currency,
        id::{InvoiceId, MerchantId},
        time::Time,
    },
    store::{self, StoreError, balance::Balance},
};

/// Commands handed to the ledger writer at once: one of its batches, so that requests in between wait for at most so many.
const AT_ONCE: i64 = 512;

/// Passes on all that a merchant has paid; gives how many conversions became payable.
pub async fn of_merchant(engine: &Engine, merchant: MerchantId, now: Time) -> Result<usize, StoreError> {
    let mut passed = 0;
    let mut tx = engine.db.read().await?;
    let balances = store::balance::of_owner(&mut tx, Owner::Merchant(merchant)).await?;
    let currencies = store::awaiting::currencies(&mut tx, merchant).await?;
    tx.commit().await?;
    // Whoever owes nothing has paid for everything, also who never owed anything.
    let owes = |currency: &Currency| {
        let of = |balance: &&Balance| balance.account == Account::MerchantOwed(merchant) && balance.amount.currency == *currency;
        balances.iter().find(of).is_some_and(|balance| balance.amount.minor > 0)
    };
    for currency in currencies.into_iter().filter(|currency| !owes(currency)) {
        loop {
            let mut tx = engine.db.read().await?;
            let waiting = store::awaiting::of_merchant(&mut tx, merchant, currency, AT_ONCE).await?;
            tx.commit().await?;
            let done = submit(engine, now, waiting, |key| Act::CreditCovers { key }).await;
            passed += done;
            if done == 0 {
                break;
            }
        }
    }
    let mut tx = engine.db.read().await?;
    let open = store::invoice::to_pass_on(&mut tx, merchant).await?;
    if open.is_empty() {
        return Ok(passed);
    }
    let billed = store::invoice::billed(&mut tx, merchant).await?;
    let movements = store::movement::of_merchant(&mut tx, merchant).await?;
    tx.commit().await?;
    let accounts = standing::accounts(&billed, &movements);
    let standings = || accounts.iter().flat_map(|account| &account.standings);
    let unpaid: Vec<InvoiceId> = standings().filter(|standing| standing.open.minor > 0).map(|standing| standing.billed.id).collect();
    for invoice in standings().filter(|standing| standing.is_paid()).map(|standing| standing.billed.id).filter(|id| open.contains(id)) {
        passed += of_invoice(engine, merchant, invoice, &unpaid, now).await?;
    }
    Ok(passed)
}

/// An order with a line on an invoice that is not paid waits for that one.
async fn of_invoice(
    engine: &Engine,
    merchant: MerchantId,
    invoice: InvoiceId,
    unpaid: &[InvoiceId],
    now: Time,
) -> Result<usize, StoreError> {
    let mut passed = 0;
    loop {
        let mut tx = engine.db.read().await?;
        let waiting = store::awaiting::of_invoice(&mut tx, invoice, unpaid, AT_ONCE).await?;
        tx.commit().await?;
        if waiting.is_empty() {
            break;
        }
        let done = submit(engine, now, waiting, |key| Act::InvoicePaid { key, merchant }).await;
        passed += done;
        if done == 0 {
            // The ledger did not take them, or they are not paid any more; the next run finds the same.
            return Ok(passed);
        }
    }
    let mut tx = engine.db.begin().await?;
    store::invoice::passed_on(&mut tx, invoice, now).await?;
    tx.commit().await?;
    Ok(passed)
}

async fn submit(engine: &Engine, now: Time, keys: Vec<OrderKey>, act: impl Fn(OrderKey) -> Act) -> usize {
    let commands = keys.into_iter().map(|key| clock_command(engine.ids.next(now), now, act(key))).collect();
    let answers = engine.ledger.submit_all(commands).await;
    answers.iter().filter(|answer| matches!(answer, Ok(Outcome::Recorded(_)))).count()
}
