//! Payout runs: who is paid what, and each step of a batch and its payments.

use super::change::{Mint, empty, refused};
use crate::domain::{
    command::{Outcome, PayoutDone},
    decision::Decision,
    document::{self, Document, Written},
    entry::{Kind, Subject},
    facts::Facts,
    order::Actor,
    payee::Payee,
    payment::{Payment, State},
    payout::{Batch, LeftOut, Run, Step, Taken, fits},
    reason::Refusal,
    series::{self, Number, Series},
    statement::Statement,
    wallet::{Assessed, FreeLine, unstated},
};
use crate::kernel::{
    currency::Currency,
    id::{BatchId, PaymentId, StatementId},
    money::Money,
    time::Time,
};

pub(super) fn step(facts: &Facts, step: &Step, by: Actor, now: Time, mint: Mint<'_>) -> Decision {
    if let Step::Prepare { currency, until, fee } = step {
        return prepare(facts, *currency, *until, *fee, by, now, mint);
    }
    let Some((batch, payments)) = named(facts, step) else { return refused(Refusal::NotFound) };
    match advance(step, batch, &payments, now) {
        Ok(stepped) => write(batch, &payments, stepped, now, mint),
        Err(refusal) => refused(refusal),
    }
}

fn prepare(facts: &Facts, currency: Currency, until: Option<Time>, fee: i64, by: Actor, now: Time, mint: Mint<'_>) -> Decision {
    let id = BatchId::from_raw(mint());
    let batch = Batch { id, currency, until, by, prepared_at: now, exported_at: None, cancelled_at: None, heads: facts.heads.clone() };
    let (mut documents, mut payments, mut left_out, mut taken, mut listed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut numbers = Numbers::of(facts, now);
    for ((_, payee), wallet) in facts.wallets.iter().filter(|((of, _), _)| *of == currency) {
        let (amount, lines, details, stated) = match wallet.assess(currency, until, fee, now) {
            Assessed::Nothing => continue,
            Assessed::LeaveOut { balance, against } => {
                left_out.push(LeftOut { payee: *payee, balance, against });
                continue;
            }
            Assessed::Pay { amount, lines, details, stated } => (amount, lines, details, stated),
        };
        let payment_id = PaymentId::from_raw(mint());
        let statement = stated.and_then(|total| {
            let draft = wallet.self_billing.as_ref()?.draw(total, payment_id, currency, facts.zone.day(now))?;
            let (id, number) = (StatementId::from_raw(mint()), numbers.next());
            Some(Statement { id, number, issued_at: now, draft, heads: facts.heads.clone() })
        });
        let statement_id = statement.as_ref().map(|statement| statement.id);
        let mut lines = lines;
        if let Some(statement) = statement {
            listed.extend(unstated(&lines).map(|line| (statement.id, *line)));
            let written = document::write(None, Document::Statement(Box::new(statement)), Kind::SelfBilled, now, mint);
            lines.extend(own_line(*payee, &written));
            documents.push(written);
        }
        let payment = Payment {
            id: payment_id,
            batch: id,
            payee: *payee,
            amount: Money::new(amount, currency),
            fee,
            details,
            lines: i64::try_from(lines.len()).unwrap_or(i64::MAX),
            prepared_at: now,
            statement: statement_id,
            state: State::Prepared,
        };
        let written = document::write(None, Document::Payment(payment.clone()), Kind::PayoutPrepared, now, mint);
        let own = own_line(payment.payee, &written);
        taken.extend(lines.into_iter().chain(own).map(|line| Taken { payment: payment.id, line }));
        documents.push(written);
        payments.push(payment);
    }
    let run = Run { batch: batch.clone(), left_out: left_out.clone(), taken, freed: Vec::new() };
    let outcome = Outcome::Payout(Box::new(PayoutDone { batch, payments, left_out, is_new: true }));
    Decision { outcome, documents, stated: listed, run: Some(Box::new(run)), ..empty() }
}

/// The numbers of the statements of a run.
struct Numbers {
    year: i64,
    last: i64,
}

impl Numbers {
    fn of(facts: &Facts, now: Time) -> Self {
        let year = series::year(&facts.zone, now);
        Self { year, last: facts.series.get(&(Series::Statement, year)).copied().unwrap_or(0) }
    }

    const fn next(&mut self) -> Number {
        self.last += 1;
        Number { series: Series::Statement, year: self.year, serial: self.last }
    }
}

/// The line that a payment itself, or its statement, posts on the payee's account: it is held with those that are paid.
fn own_line(payee: Payee, written: &Written) -> Option<FreeLine> {
    let entry = written.entry.as_ref()?;
    let account = payee.payable();
    let (line, (_, amount)) = (1..).zip(&entry.postings).find(|(_, (of, _))| **of == account)?;
    Some(FreeLine { entry: entry.id, line, amount: *amount, at: entry.at, subject: entry.subject, unstated: false })
}

/// The batch, with all of its payments or the one that is named.
fn named<'a>(facts: &'a Facts, step: &Step) -> Option<(&'a Batch, Vec<&'a Payment>)> {
    if let Some(id) = step.payment() {
        let Some(Document::Payment(payment)) = facts.documents.get(&Subject::Payment(id)) else { return None };
        return Some((facts.batches.get(&payment.batch)?, vec![payment]));
    }
    let batch = facts.batches.get(&step.batch()?)?;
    let of_batch = |document: &'a Document| match document {
        Document::Payment(payment) if payment.batch == batch.id => Some(payment),
        _ => None,
    };
    let mut payments: Vec<&Payment> = facts.documents.values().filter_map(of_batch).collect();
    payments.sort_by_key(|payment| payment.id);
    Some((batch, payments))
}

/// What the step makes of a batch: as it is from then on, and the payments that change.
struct Advanced {
    batch: Batch,
    changed: Vec<(Payment, Kind)>,
}

fn advance(step: &Step, batch: &Batch, payments: &[&Payment], now: Time) -> Result<Advanced, Refusal> {
    let mut batch = batch.clone();
    let each = |step: &dyn Fn(&Payment) -> crate::domain::payment::Stepped| {
        let stepped = payments.iter().map(|payment| step(payment)).collect::<Result<Vec<_>, _>>()?;
        Ok(stepped.into_iter().flatten().collect::<Vec<_>>())
    };
    let changed = match step {
        Step::Cancel { .. } => {
            batch.cancelled_at = batch.cancelled_at.or(Some(now));
            each(&|payment| payment.cancel(now))?
        }
        Step::Remove { .. } => each(&|payment| payment.cancel(now))?,
        Step::Export { form, .. } => {
            let of_form =
                |payment: &&Payment| payment.cancelled_at().is_none() && fits(*form, payment.details.method, payment.amount.currency);
            let wanted: Vec<&Payment> = payments.iter().copied().filter(of_form).collect();
            if wanted.is_empty() {
                return Err(Refusal::NothingToExport);
            }
            batch.exported_at = batch.exported_at.or(Some(now));
            wanted.iter().filter_map(|payment| Some((payment.export(now)?, Kind::PayoutPrepared))).collect()
        }
        // Those that came back or were taken out stay as they are; one that the bank was not told of holds all up.
        Step::SettleAll { .. } => each(&|payment| if payment.is_live() { payment.settle(now) } else { Ok(None) })?,
        Step::Settle { .. } => each(&|payment| payment.settle(now))?,
        Step::Return { reason, note, .. } => each(&|payment| payment.bring_back(now, *reason, note.as_ref()))?,
        Step::Prepare { .. } => Vec::new(),
    };
    Ok(Advanced { batch, changed })
}

fn write(before: &Batch, payments: &[&Payment], Advanced { batch, changed }: Advanced, now: Time, mint: Mint<'_>) -> Decision {
    let known = |id: PaymentId| payments.iter().find(|payment| payment.id == id).map(|payment| Document::Payment((*payment).clone()));
    let after: Vec<Payment> = payments
        .iter()
        .map(|payment| changed.iter().find(|(new, _)| new.id == payment.id).map_or_else(|| (*payment).clone(), |(new, _)| new.clone()))
        .collect();
    let freed = changed.iter().filter(|(payment, _)| !payment.is_live()).map(|(payment, _)| payment.id).collect();
    let is_changed = *before != batch || !changed.is_empty();
    let documents = changed
        .into_iter()
        .map(|(payment, kind)| document::write(known(payment.id).as_ref(), Document::Payment(payment), kind, now, mint))
        .collect();
    let run = is_changed.then(|| Box::new(Run { batch: batch.clone(), left_out: Vec::new(), taken: Vec::new(), freed }));
    let outcome = Outcome::Payout(Box::new(PayoutDone { batch, payments: after, left_out: Vec::new(), is_new: false }));
    Decision { outcome, documents, run, ..empty() }
}
