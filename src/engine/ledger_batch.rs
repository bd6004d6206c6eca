//! One batch of commands in one transaction: lock → load → decide and fold → apply → commit.

use crate::domain::{
    account::Account,
    command::{Act, Channel, Command, Message, Outcome},
    conversion::Status,
    debt::DebtLimit,
    decide::decide,
    decision::{Change, Decision},
    entry::{Kind, Link},
    facts::Facts,
    order::Actor,
    sale::OrderKey,
};
use crate::kernel::{
    id::{Generator, InboxId},
    time::{Time, Zone},
};
use crate::store::{
    Db, StoreError, Tx, apply, chain,
    facts::{self, Wanted},
    terms::TermsCache,
};
use sha2::{Digest as _, Sha256};
use std::{borrow::Cow, sync::Arc};

/// What a batch runs with.
#[derive(Debug, Clone)]
pub struct Setting {
    pub db: Db,
    pub ids: Arc<Generator>,
    pub zone: Zone,
    pub terms: Arc<TermsCache>,
    /// How far below zero a payee may be; none is any far.
    pub debt_limit: Option<DebtLimit>,
}

/// Runs the commands as one transaction and gives their outcomes in order. `head` is the node's chain as far as this process
/// knows it; it is read where it does not, and forgotten by the caller after an error.
pub async fn run(setting: &Setting, head: &mut Option<Link>, commands: &[Command]) -> Result<Vec<Outcome>, StoreError> {
    let mut tx = setting.db.begin().await?;
    let wanted = lock(setting, &mut tx, commands).await?;
    let mut facts = facts::load(&mut tx, &setting.zone, &setting.terms, &wanted).await?;
    let (mut outcomes, mut decided) = (Vec::with_capacity(commands.len()), Vec::with_capacity(commands.len()));
    for command in commands {
        let decision = step(setting, &mut facts, command);
        outcomes.push(decision.outcome.clone());
        let brings_rates = !decision.rates.is_empty();
        let covered = covered(&facts, &decision);
        decided.push((Cow::Borrowed(command), decision));
        for key in covered {
            let at = command.message.received_at;
            let paid = clock_command(setting.ids.next(at), at, Act::MerchantPaid { key });
            let decision = step(setting, &mut facts, &paid);
            // Whoever approved learns how the order stands in the end.
            if let (Some(Outcome::Recorded(said)), Outcome::Recorded(now)) = (outcomes.last_mut(), &decision.outcome)
                && said.id == now.id
            {
                said.clone_from(now);
            }
            decided.push((Cow::Owned(paid), decision));
        }
        if brings_rates {
            release(setting, &mut facts, command.message.received_at, &mut decided);
        }
    }
    let before = match *head {
        Some(head) => head,
        None => chain::head(&mut tx, setting.ids.node()).await?,
    };
    let all: Vec<(&Command, &Decision)> = decided
        .iter()
        .filter(|(command, decision)| leaves_trace(command, decision))
        .map(|(command, decision)| (&**command, decision))
        .collect();
    let after = apply::apply(&mut tx, &facts, &all, before).await?;
    tx.commit().await?;
    *head = Some(after);
    tell_used_up(&all);
    Ok(outcomes)
}

/// The orders among what was just decided that wait for their merchant's payment, while that has credit: they are paid.
fn covered(facts: &Facts, decision: &Decision) -> Vec<OrderKey> {
    let waits = |change: &&Change| change.conversion.as_ref().is_some_and(|conversion| conversion.status == Status::Approved);
    let is_covered = |change: &&Change| {
        let program = facts.programs.get(&change.order.key.program).map(|facts| &facts.program);
        let owed = program.and_then(|program| facts.balances.get(&(Account::MerchantOwed(program.merchant), program.currency)));
        owed.is_some_and(|owed| *owed <= 0)
    };
    decision.changes.iter().filter(waits).filter(is_covered).map(|change| change.order.key.clone()).collect()
}

/// Tells the operator of sales that are held because a prepaid merchant's credit is used up.
fn tell_used_up(decided: &[(&Command, &Decision)]) {
    let changes = decided.iter().flat_map(|(_, decision)| &decision.changes);
    let held = changes.filter(|change| change.entry.as_ref().is_some_and(|entry| entry.kind == Kind::Recorded));
    let held: Vec<_> = held.filter(|change| change.order.context.as_ref().is_some_and(|context| context.budget_used_up)).collect();
    if let Some(first) = held.first() {
        metrics::counter!("ristourne_budget_used_up_total").increment(held.len() as u64);
        tracing::info!(program = %first.order.key.program, sales = held.len(), "a prepaid merchant's credit is used up: sales are held");
    }
}

/// Whether anything is stored of it. Every message has its row in the inbox, but for the lines of a file that change nothing: whoever
/// imports has their verdicts already, and importing a file again is to leave everything as it is.
fn leaves_trace(command: &Command, decision: &Decision) -> bool {
    command.message.channel != Channel::Import
        || !(decision.changes.is_empty()
            && decision.ties.is_empty()
            && decision.rates.is_empty()
            && decision.documents.is_empty()
            && decision.run.is_none()
            && decision.claims.is_empty())
}

/// Takes the locks of `Idempotency-Key`s and programs, and says what to load. Where rates come, every sale that waits for one is locked and loaded too:
/// none can be parked meanwhile, since the lock on rates is then exclusive and recording takes it shared.
async fn lock(setting: &Setting, tx: &mut Tx, commands: &[Command]) -> Result<Wanted, StoreError> {
    let mut wanted = Wanted::of(commands, &setting.zone, setting.debt_limit);
    facts::lock_slots(tx, &wanted).await?;
    let mut programs = facts::programs(tx, &wanted).await?;
    if !wanted.stores_rates() {
        facts::lock(tx, &programs, false).await?;
        facts::add_payers(tx, &mut wanted, &programs).await?;
        facts::lock_shared(tx, &setting.terms, &programs, &wanted).await?;
        return Ok(wanted);
    }
    facts::lock(tx, &[], true).await?;
    let waiting = facts::parked_without_rate(tx).await?;
    programs.extend(waiting.iter().map(|key| key.program));
    programs.sort_unstable();
    programs.dedup();
    facts::lock(tx, &programs, true).await?;
    let loading: Vec<Command> = waiting.into_iter().map(|key| clock_command(0, Time::default(), Act::Release { key })).collect();
    let mut wanted = Wanted::of(commands.iter().chain(&loading), &setting.zone, setting.debt_limit);
    facts::add_payers(tx, &mut wanted, &programs).await?;
    facts::lock_shared(tx, &setting.terms, &programs, &wanted).await?;
    Ok(wanted)
}

/// Command *n* sees 1…*n*−1 as if they had been committed.
fn step(setting: &Setting, facts: &mut Facts, command: &Command) -> Decision {
    let at = command.message.received_at;
    let decision = decide(facts, command, &mut || setting.ids.next(at));
    facts.fold(&decision);
    decision
}

/// Records the sales that waited for the rates that have just come, before the next command is decided.
fn release(setting: &Setting, facts: &mut Facts, at: Time, decided: &mut Vec<(Cow<'_, Command>, Decision)>) {
    for key in facts.waiting_for_rate() {
        let command = clock_command(setting.ids.next(at), at, Act::Release { key });
        let decision = step(setting, facts, &command);
        // One for which there is still no rate leaves no trace.
        if !decision.changes.is_empty() {
            decided.push((Cow::Owned(command), decision));
        }
    }
}

/// A command of the clock: nobody sent it.
pub fn clock_command(id: i64, at: Time, act: Act) -> Command {
    let message = Message {
        id: InboxId::from_raw(id),
        received_at: at,
        channel: Channel::Clock,
        by: Actor::Clock,
        merchant: None,
        program: act.key().map(|key: &OrderKey| key.program),
        webhook_id: None,
        body: Vec::new(),
        body_hash: Sha256::digest(b"").into(),
    };
    Command::new(message, act)
}
