//! Carries out the decisions of a batch: every row that they change, in bulk, each table once.
use super::db::Tx;
use super::error::StoreError;
use super::{
    balance, claim, conversion, customer, entry, fold, idempotency, inbox, invoice, movement, order, payment, payout, pot, rate, series,
    statement, tie, tier, webhook,
};
use crate::domain::{
    claim::Claim,
    command::{Act, Command},
    conversion::Conversion,
    decision::{Change, Decision},
    document::Document,
    entry::{Entry, Link, Subject},
    facts::Facts,
    payout::{Batch, Run},
    sale::OrderKey,
};
use crate::kernel::id::{ConversionId, MerchantId, ProgramId};
use std::collections::{BTreeMap, HashSet};

/// Stores what the commands came to, chaining the entries behind `head`; gives the new head, which counts once the transaction is
/// committed. `facts` are those that the decisions were made with.
pub async fn apply(tx: &mut Tx, facts: &Facts, decided: &[(&Command, &Decision)], head: Link) -> Result<Link, StoreError> {
    inbox::insert(tx, &messages(decided)?).await?;
    webhook::insert(tx, used_webhooks(decided)).await?;
    idempotency::insert(tx, &kept_answers(decided)).await?;
    order::save(tx, &changes(decided)).await?;
    save_conversions(tx, facts, decided).await?;
    leave_sales(tx, decided).await?;
    save_looked_up(tx, decided).await?;
    save_runs(tx, decided).await?;
    save_documents(tx, decided).await?;
    save_lines(tx, decided).await?;
    claim::save(tx, &claims(decided)).await?;
    post(tx, decided, head).await
}

fn messages<'a>(decided: &[(&'a Command, &'a Decision)]) -> Result<Vec<inbox::Saved<'a>>, StoreError> {
    let message = |(command, decision): &(&'a Command, &'a Decision)| {
        let errors = match &command.act {
            Act::Refused { errors, .. } if !errors.is_empty() => Some(errors.as_slice()),
            _ => None,
        };
        let unwritable = |_| StoreError::corrupt("inbox", "errors", command.message.id);
        Ok(inbox::Saved {
            message: &command.message,
            order_id: command.act.key().map(|key| key.order_id.as_str()),
            conversion: decision.about,
            http: decision.outcome.http(),
            verdict: decision.outcome.verdict(),
            code: decision.outcome.code(),
            errors: errors.map(serde_json::to_string).transpose().map_err(unwritable)?,
        })
    };
    decided.iter().map(message).collect()
}

/// Each once: a repeat in the batch uses up the same.
fn used_webhooks<'a>(decided: &[(&'a Command, &'a Decision)]) -> Vec<webhook::Used<'a>> {
    let mut seen = HashSet::new();
    let mut used = Vec::new();
    for (command, decision) in decided {
        if let Some((merchant, id, hash)) = &decision.webhook
            && seen.insert((*merchant, id.as_str()))
        {
            used.push((*merchant, id.as_str(), hash, command.message.received_at));
        }
    }
    used
}

fn kept_answers<'a>(decided: &[(&'a Command, &'a Decision)]) -> Vec<idempotency::Saved<'a>> {
    let of = |(command, decision): &(&'a Command, &'a Decision)| {
        let (slot, kept) = decision.kept.as_ref()?;
        Some(idempotency::Saved { slot, kept, at: command.message.received_at })
    };
    decided.iter().filter_map(of).collect()
}

fn changes<'a>(decided: &[(&'a Command, &'a Decision)]) -> Vec<order::Changed<'a>> {
    let of = |(command, decision): &(&'a Command, &'a Decision)| {
        let (inbox, at) = (command.message.id, command.message.received_at);
        decision.changes.iter().map(move |change| order::Changed { change, inbox, at })
    };
    decided.iter().flat_map(of).collect()
}

fn each_change<'a>(decided: &[(&'a Command, &'a Decision)]) -> impl Iterator<Item = &'a Change> {
    decided.iter().flat_map(|(_, decision)| &decision.changes)
}

/// Of several changes of one order the last projection is stored; one that went back to waiting for a rate loses its own.
async fn save_conversions(tx: &mut Tx, facts: &Facts, decided: &[(&Command, &Decision)]) -> Result<(), StoreError> {
    let mut last: BTreeMap<ConversionId, Option<&Conversion>> = BTreeMap::new();
    let mut taken_away = Vec::new();
    for change in each_change(decided) {
        last.insert(change.order.id, change.conversion.as_ref());
    }
    let mut saved = Vec::with_capacity(last.len());
    for (id, conversion) in last {
        match conversion {
            Some(conversion) => saved.push(conversion::Saved {
                conversion,
                merchant: merchant(facts, conversion.program)?,
                day: facts.zone.day(conversion.occurred_at),
            }),
            None => taken_away.push(id),
        }
    }
    conversion::delete(tx, &taken_away).await?;
    conversion::save(tx, &saved).await
}

/// What changed of the conversions, left for the roll-ups of reports.
async fn leave_sales(tx: &mut Tx, decided: &[(&Command, &Decision)]) -> Result<(), StoreError> {
    let changed = each_change(decided).map(|change| change.order.id).collect();
    match decided.first() {
        Some((command, _)) => fold::leave_sales(tx, command.message.id.raw(), &changed).await,
        None => Ok(()),
    }
}

fn merchant(facts: &Facts, program: ProgramId) -> Result<MerchantId, StoreError> {
    let known = facts.programs.get(&program).map(|facts| facts.program.merchant);
    known.ok_or_else(|| StoreError::corrupt("conversion", "program", program))
}

/// What later orders will look up: customers, touches, ties, months' bases, rates.
async fn save_looked_up(tx: &mut Tx, decided: &[(&Command, &Decision)]) -> Result<(), StoreError> {
    let (mut customers, mut touches, mut tiers) = (Vec::new(), Vec::new(), BTreeMap::new());
    for change in each_change(decided) {
        let (id, OrderKey { program, .. }) = (change.order.id, &change.order.key);
        customers.extend(change.customer.as_deref().map(|reference| (*program, reference, id)));
        touches.extend(change.new_clicks.iter().map(|click| (*click, id)));
        for (publisher, month, delta) in &change.tier_deltas {
            *tiers.entry((*program, *publisher, *month)).or_default() += delta;
        }
    }
    customer::insert(tx, &customers).await?;
    tie::insert_touches(tx, &touches).await?;
    tier::add(tx, &tiers).await?;
    pot::add(tx, each_change(decided).flat_map(|change| &change.loyalty.pots)).await?;
    let tied: Vec<_> = decided.iter().flat_map(|(_, decision)| &decision.ties).copied().collect();
    tie::insert(tx, &tied).await?;
    let of = |(command, decision): &(&Command, &Decision)| {
        let channel = command.message.channel;
        decision.rates.iter().map(move |(day, currency, rate)| (*day, *currency, *rate, channel)).collect::<Vec<_>>()
    };
    let rates: Vec<_> = decided.iter().flat_map(of).collect();
    rate::insert(tx, &rates).await
}

/// Of several steps of one claim the last holds them all.
fn claims<'a>(decided: &[(&'a Command, &'a Decision)]) -> Vec<&'a Claim> {
    let all = decided.iter().flat_map(|(_, decision)| &decision.claims);
    all.map(|claim| (claim.id, claim)).collect::<BTreeMap<_, _>>().into_values().collect()
}

/// Of several changes of one document the last stays.
async fn save_documents(tx: &mut Tx, decided: &[(&Command, &Decision)]) -> Result<(), StoreError> {
    let written = decided.iter().flat_map(|(_, decision)| &decision.documents);
    let last: BTreeMap<Subject, &Document> = written.map(|written| (written.document.subject(), &written.document)).collect();
    let (mut movements, mut invoices, mut payments, mut statements) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for document in last.into_values() {
        match document {
            Document::Movement(movement) => movements.push(movement),
            // Issued once, changed never.
            Document::Invoice(invoice) => invoices.push(&**invoice),
            Document::Payment(payment) => payments.push(payment),
            Document::Statement(statement) => statements.push(&**statement),
        }
    }
    movement::save(tx, &movements).await?;
    invoice::save(tx, &invoices).await?;
    let lines: Vec<_> = decided.iter().flat_map(|(_, decision)| &decision.invoiced).copied().collect();
    invoice::save_lines(tx, &lines).await?;
    statement::save(tx, &statements).await?;
    let lines: Vec<_> = decided.iter().flat_map(|(_, decision)| &decision.stated).copied().collect();
    statement::save_lines(tx, &lines).await?;
    let numbers = invoices.iter().map(|invoice| invoice.number).chain(statements.iter().map(|statement| statement.number));
    series::save(tx, &numbers.collect::<Vec<_>>()).await?;
    payment::save(tx, &payments).await
}

fn each_run<'a>(decided: &[(&'a Command, &'a Decision)]) -> impl Iterator<Item = &'a Run> {
    decided.iter().filter_map(|(_, decision)| decision.run.as_deref())
}

/// Payout runs as they now are, before their payments.
async fn save_runs(tx: &mut Tx, decided: &[(&Command, &Decision)]) -> Result<(), StoreError> {
    let last: BTreeMap<_, &Batch> = each_run(decided).map(|run| (run.batch.id, &run.batch)).collect();
    payout::save(tx, &last.into_values().collect::<Vec<_>>()).await?;
    let left_out: Vec<_> = each_run(decided).flat_map(|run| run.left_out.iter().map(|left| (run.batch.id, left))).collect();
    payout::leave_out(tx, &left_out).await
}

/// The lines that payments take and give back.
async fn save_lines(tx: &mut Tx, decided: &[(&Command, &Decision)]) -> Result<(), StoreError> {
    let freed: Vec<_> = each_run(decided).flat_map(|run| &run.freed).copied().collect();
    payment::free(tx, &freed).await?;
    let taken: Vec<_> = each_run(decided).flat_map(|run| &run.taken).copied().collect();
    payment::take(tx, &taken).await
}

/// The entries of a decision, with the program of those that are about an order.
fn posted(decision: &Decision) -> impl Iterator<Item = (&Entry, Option<ProgramId>)> {
    let orders = decision.changes.iter().filter_map(|change| Some((change.entry.as_ref()?, Some(change.order.key.program))));
    orders.chain(decision.documents.iter().filter_map(|written| Some((written.entry.as_ref()?, None))))
}

async fn post(tx: &mut Tx, decided: &[(&Command, &Decision)], head: Link) -> Result<Link, StoreError> {
    let entries: Vec<(&Entry, Option<ProgramId>)> = decided.iter().flat_map(|(_, decision)| posted(decision)).collect();
    let mut deltas = balance::Deltas::new();
    for (entry, _) in &entries {
        for (account, amount) in &entry.postings {
            let delta = deltas.entry((account.to_string(), entry.currency)).or_insert((*account, 0, entry.at));
            delta.1 += amount;
            delta.2 = delta.2.max(entry.at);
        }
    }
    let head = entry::append(tx, head, &entries).await?;
    balance::add(tx, &deltas).await?;
    Ok(head)
}
