//! One batch of commands in one transaction: lock → load → decide and fold → apply → commit.

use crate::domain::{
    command::{Act, Command, Outcome},
    decide::decide,
    decision::Decision,
    entry::Link,
    facts::Facts,
    order::Actor,
    sale::OrderKey,
};
use crate::kernel::{
    id::{Generator, InboxId, ProgramId},
    time::{Time, Zone},
};
use crate::store::{
    Db, StoreError, Tx, apply, chain,
    facts::{self, Wanted},
    terms::TermsCache,
};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// What a batch runs with.
#[derive(Debug, Clone)]
pub struct Setting {
    pub db: Db,
    pub ids: Arc<Generator>,
    pub zone: Zone,
    pub terms: Arc<TermsCache>,
}

/// Runs the commands as one transaction and gives their outcomes in order. `head` is the node's chain as far as this process
/// knows it; it is read where it does not, and forgotten by the caller after an error.
pub async fn run(setting: &Setting, head: &mut Option<Link>, commands: &[Command]) -> Result<Vec<Outcome>, StoreError> {
    let mut tx = setting.db.begin().await?;
    let wanted = Wanted::of(commands, &setting.zone);
    let programs = facts::programs(&mut tx, &wanted).await?;
    facts::lock(&mut tx, &programs, wanted.stores_rates()).await?;
    let released = if wanted.stores_rates() { release(setting, &mut tx, &programs, commands).await? } else { Vec::new() };
    let wanted = if released.is_empty() { wanted } else { Wanted::of(commands.iter().chain(&released), &setting.zone) };
    let mut facts = facts::load(&mut tx, &setting.zone, &setting.terms, &wanted).await?;
    let decisions: Vec<Decision> = commands.iter().chain(&released).map(|command| step(setting, &mut facts, command)).collect();
    // A waiting sale for which there is still no rate leaves no trace.
    let kept = |(command, decision): &(&Command, &Decision)| !matches!(command.act, Act::Release { .. }) || !decision.changes.is_empty();
    let all: Vec<(&Command, &Decision)> = commands.iter().chain(&released).zip(&decisions).filter(kept).collect();
    let before = match *head {
        Some(head) => head,
        None => chain::head(&mut tx, setting.ids.node()).await?,
    };
    let after = apply::apply(&mut tx, &facts, &all, before).await?;
    tx.commit().await?;
    *head = Some(after);
    Ok(decisions.into_iter().take(commands.len()).map(|decision| decision.outcome).collect())
}

/// Command *n* sees 1…*n*−1 as if they had been committed.
fn step(setting: &Setting, facts: &mut Facts, command: &Command) -> Decision {
    let at = command.message.received_at;
    let decision = decide(facts, command, &mut || setting.ids.next(at));
    facts.fold(&decision);
    decision
}

/// The sales that wait for a rate, as commands of the transaction that brings one. No sale can be parked meanwhile:
/// the lock on rates is exclusive, and recording takes it shared.
async fn release(setting: &Setting, tx: &mut Tx, locked: &[ProgramId], commands: &[Command]) -> Result<Vec<Command>, StoreError> {
    let keys = facts::parked_without_rate(tx).await?;
    let mut programs: Vec<ProgramId> = locked.iter().copied().chain(keys.iter().map(|key| key.program)).collect();
    programs.sort_unstable();
    programs.dedup();
    facts::lock(tx, &programs, true).await?;
    let at = commands.iter().map(|command| command.message.received_at).max().unwrap_or_default();
    Ok(keys.into_iter().map(|key| clock_command(setting.ids.next(at), at, Act::Release { key })).collect())
}

/// A command of the clock: nobody sent it.
pub fn clock_command(id: i64, at: Time, act: Act) -> Command {
    let message = crate::domain::command::Message {
        id: InboxId::from_raw(id),
        received_at: at,
        channel: crate::domain::command::Channel::Clock,
        by: Actor::Clock,
        merchant: None,
        program: act.key().map(|key: &OrderKey| key.program),
        webhook_id: None,
        body: Vec::new(),
        body_hash: Sha256::digest(b"").into(),
    };
    Command { message, test: false, act }
}
