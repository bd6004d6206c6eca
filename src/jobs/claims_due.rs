//! Claims of missing cashback that the merchant did not answer in time go to the operator.

use crate::{
    domain::command::{Act, Answered, Outcome},
    engine::{engine::Engine, ledger_batch::clock_command},
    jobs::AT_ONCE,
    kernel::time::Time,
    store::{self, StoreError},
};

/// Escalates all that is due at `now`; gives how many.
pub async fn run(engine: &Engine, now: Time) -> Result<usize, StoreError> {
    let mut escalated = 0;
    loop {
        let due = store::claim::due(&mut engine.db.read().await?, now, AT_ONCE).await?;
        let act = |(claim, key)| Act::Answer { claim, key, answer: Answered::Escalate };
        let commands = due.into_iter().map(|due| clock_command(engine.ids.next(now), now, act(due))).collect();
        let answers = engine.ledger.submit_all(commands).await;
        // One that another node escalated meanwhile is told again, and has changed nothing here.
        let done = answers.iter().filter(|answer| matches!(answer, Ok(Outcome::Claimed { .. }))).count();
        escalated += done;
        if done == 0 {
            return Ok(escalated);
        }
    }
}
