//! One batch of commands in one transaction: lock → load → decide and fold → apply → commit.

use crate::domain::{
    command::{Act, Channel, Command, Message, Outcome},
    decide::decide,
    decision::Decision,
    entry::Link,
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
        decided.push((Cow::Borrowed(command), decision));
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
    Ok(outcomes)
}

/// Whether anything is stored of it. Every message has its row in the inbox, but for the lines of a file that change nothing: whoever
/// imports has their verdicts already, and importing a file again is to leave everything as it is.
fn leaves_trace(command: &Command, decision: &Decision) -> bool {
    command.message.channel != Channel::Import
        || !(decision.changes.is_empty()
            && decision.ties.is_empty()
            && decision.rates.is_empty()
            && decision.documents.is_empty()
            && decision.claims.is_empty())
}

/// Takes the locks of `Idempotency-Key`s and programs, and says what to load. Where rates come, every sale that waits for one is locked and loaded too:
/// none can be parked meanwhile, since the lock on rates is then exclusive and recording takes it shared.
async fn lock(setting: &Setting, tx: &mut Tx, commands: &[Command]) -> Result<Wanted, StoreError> {
    let wanted = Wanted::of(commands, &setting.zone);
    facts::lock_slots(tx, &wanted).await?;
    let mut programs = facts::programs(tx, &wanted).await?;
    if !wanted.stores_rates() {
        facts::lock(tx, &programs, false).await?;
        facts::lock_shared(tx, &wanted).await?;
        return Ok(wanted);
    }
    facts::lock(tx, &[], true).await?;
    let waiting = facts::parked_without_rate(tx).await?;
    programs.extend(waiting.iter().map(|key| key.program));
    programs.sort_unstable();
    programs.dedup();
    facts::lock(tx, &programs, true).await?;
    facts::lock_shared(tx, &wanted).await?;
    let loading: Vec<Command> = waiting.into_iter().map(|key| clock_command(0, Time::default(), Act::Release { key })).collect();
    Ok(Wanted::of(commands.iter().chain(&loading), &setting.zone))
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
