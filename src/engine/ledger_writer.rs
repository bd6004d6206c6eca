//! The process's one ledger writer: everything that posts goes through it, in batches that commit together.

use crate::domain::{
    command::{Command, Outcome},
    entry::Link,
};
use crate::engine::{
    desk::Desk,
    ledger_batch::{self, Setting},
};
use crate::store::StoreError;
use std::{ops::Range, sync::Arc, time::Instant};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// Commands that may wait. About a second's work at the measured rate: longer waits are better refused than hidden.
const QUEUE_MAX: usize = 8_192;
/// Commands of one transaction. At 64 callers batches hold 64; at 1,024 a batch of 512 still stays within SQLite's write turn.
const BATCH_MAX: usize = 512;
/// Deadlocks and serialisation failures run the batch again so often.
const TRIES_MAX: u32 = 3;

/// Why there is no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotStored {
    /// Not known to be stored: send it again, it cannot count twice.
    #[error("not known to be stored; send it again")]
    Unavailable,
    /// The database refuses what it says, and would again.
    #[error("the database refuses it")]
    Unfit,
}

pub type Answer = Result<Outcome, NotStored>;

impl From<&StoreError> for NotStored {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Conflict(_) | StoreError::Corrupt { .. } | StoreError::Nul { .. } => Self::Unfit,
            _ => Self::Unavailable,
        }
    }
}

struct Job {
    command: Command,
    answer: oneshot::Sender<Answer>,
}

/// The way to the writer; clones share the queue.
#[derive(Debug, Clone)]
pub struct LedgerWriter {
    queue: mpsc::Sender<Job>,
    desk: Desk<Answer>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({})", self.command.message.id)
    }
}

impl LedgerWriter {
    /// Starts the writer's task on the current runtime. It ends, everything queued written, when the last clone is dropped.
    pub fn start(setting: Setting) -> (Self, JoinHandle<()>) {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let desk = Desk::default();
        (Self { queue, desk: desk.clone() }, tokio::spawn(write(setting, jobs, desk)))
    }

    /// Answers senders on the runtime that this runs on, a batch at a time, for as long as it is polled.
    pub fn attend(&self) -> impl Future<Output = ()> + Send + use<> {
        self.desk.clone().attend()
    }

    /// Commands that wait.
    pub fn queue_length(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// What the command came to, after the commit.
    pub async fn submit(&self, command: Command) -> Answer {
        let (answer, answered) = oneshot::channel();
        // A full queue is refused at once: the sender's own retry is the better queue.
        if self.queue.try_send(Job { command, answer }).is_err() {
            metrics::counter!("ristourne_ledger_unavailable_total", "cause" => "queue_full").increment(1);
            return Err(NotStored::Unavailable);
        }
        answered.await.unwrap_or(Err(NotStored::Unavailable))
    }

    /// The same for many, waiting for room in the queue; answers in order.
    pub async fn submit_all(&self, commands: Vec<Command>) -> Vec<Answer> {
        let mut waiting = Vec::with_capacity(commands.len());
        for command in commands {
            let (answer, answered) = oneshot::channel();
            let sent = self.queue.send(Job { command, answer }).await;
            waiting.push(sent.map(|()| answered));
        }
        let mut answers = Vec::with_capacity(waiting.len());
        for waited in waiting {
            answers.push(match waited {
                Ok(answered) => answered.await.unwrap_or(Err(NotStored::Unavailable)),
                Err(_) => Err(NotStored::Unavailable),
            });
        }
        answers
    }
}

/// Drains what is queued when the last commit ends, without a timer: a single caller waits for nobody, many share a commit.
async fn write(setting: Setting, mut jobs: mpsc::Receiver<Job>, desk: Desk<Answer>) {
    let mut head = None;
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while jobs.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let (commands, answers): (Vec<Command>, Vec<_>) = batch.drain(..).map(|job: Job| (job.command, job.answer)).unzip();
        desk.answer(answers.into_iter().zip(survive(&setting, &mut head, commands).await).collect());
    }
}

/// As [`settle`], and goes on after a panic: whatever made one would stop the ledger for everybody. It is run again alone, and stays
/// unanswered alone.
async fn survive(setting: &Setting, head: &mut Option<Link>, commands: Vec<Command>) -> Vec<Answer> {
    let commands: Arc<[Command]> = commands.into();
    if let Some(answers) = guarded(setting, head, &commands, 0..commands.len()).await {
        return answers;
    }
    let mut answers = Vec::with_capacity(commands.len());
    for n in 0..commands.len() {
        let answer = guarded(setting, head, &commands, n..n + 1).await.and_then(|mut answers| answers.pop());
        answers.push(answer.unwrap_or(Err(NotStored::Unfit)));
    }
    answers
}

/// None after a panic: nothing of it was committed, for its transaction went with it.
async fn guarded(setting: &Setting, head: &mut Option<Link>, commands: &Arc<[Command]>, range: Range<usize>) -> Option<Vec<Answer>> {
    let (setting, commands, mut own, count) = (setting.clone(), Arc::clone(commands), head.take(), range.len());
    let task = tokio::spawn(async move {
        let answers = settle(&setting, &mut own, &commands[range]).await;
        (answers, own)
    });
    match task.await {
        Ok((answers, after)) => {
            *head = after;
            Some(answers)
        }
        Err(error) => {
            tracing::error!(%error, commands = count, "a batch ended in a panic");
            None
        }
    }
}

/// Runs a batch until its commands have answers: for whoever is a node of its own without a queue. `head` as in [`ledger_batch::run`].
///
/// Commands that stand alone have a transaction each.
pub async fn settle(setting: &Setting, head: &mut Option<Link>, commands: &[Command]) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(commands.len());
    for together in commands.chunk_by(|one, next| !one.act.is_alone() && !next.act.is_alone()) {
        answers.extend(settle_batch(setting, head, together).await);
    }
    answers
}

async fn settle_batch(setting: &Setting, head: &mut Option<Link>, commands: &[Command]) -> Vec<Answer> {
    match attempt(setting, head, commands).await {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        Err(error) if error.is_connection() || commands.len() == 1 => {
            tracing::error!(%error, commands = commands.len(), "a batch was not stored");
            not_stored(commands.len());
            vec![Err(NotStored::from(&error)); commands.len()]
        }
        // Something in it cannot be stored: run again, once, one at a time, so that it fails alone.
        Err(error) => {
            tracing::warn!(%error, commands = commands.len(), "a batch failed and runs again one command at a time");
            let mut answers = Vec::with_capacity(commands.len());
            for command in commands {
                answers.push(match attempt(setting, head, std::slice::from_ref(command)).await {
                    Ok(mut outcomes) => outcomes.pop().ok_or(NotStored::Unavailable),
                    Err(error) => {
                        tracing::error!(%error, inbox = %command.message.id, "a command was not stored");
                        not_stored(1);
                        Err(NotStored::from(&error))
                    }
                });
            }
            answers
        }
    }
}

fn not_stored(commands: usize) {
    metrics::counter!("ristourne_ledger_unavailable_total", "cause" => "not_stored").increment(commands as u64);
}

async fn attempt(setting: &Setting, head: &mut Option<Link>, commands: &[Command]) -> Result<Vec<Outcome>, StoreError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let started = Instant::now();
        match ledger_batch::run(setting, head, commands).await {
            Ok(outcomes) => {
                metrics::histogram!("ristourne_ledger_batch_commands").record(u32::try_from(commands.len()).unwrap_or(u32::MAX));
                metrics::histogram!("ristourne_ledger_commit_duration_seconds").record(started.elapsed());
                return Ok(outcomes);
            }
            Err(error) => {
                *head = None;
                if !error.is_retryable() || tries == TRIES_MAX {
                    return Err(error);
                }
                metrics::counter!("ristourne_ledger_batches_retried_total").increment(1);
            }
        }
    }
}
