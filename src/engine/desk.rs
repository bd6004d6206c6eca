//! Answers that go out together. Whoever waits on another runtime is woken by a system call each; a batch that is carried over in one
//! piece and handed out there wakes all of them by one.

use std::sync::{Arc, OnceLock};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

/// Batches on their way. Each is as large as what came while its commit ran, so more than two or three mean that nobody hands them out:
/// then they are answered from where they are.
const BATCHES_MAX: usize = 16;

/// An answer and who waits for it.
pub type Owed<T> = (oneshot::Sender<T>, T);

/// Where batches of answers are handed in and handed out. Clones share it.
#[derive(Debug)]
pub struct Desk<T>(Arc<OnceLock<mpsc::Sender<Vec<Owed<T>>>>>);

impl<T> Default for Desk<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}
impl<T> Clone for Desk<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Desk<T> {
    /// Hands answers out on the runtime that this runs on, which should be that of most who wait; for as long as it is polled. There is
    /// one such place: a second gets nothing and ends at once.
    pub async fn attend(self) {
        let (hand_in, mut batches) = mpsc::channel(BATCHES_MAX);
        if self.0.set(hand_in).is_err() {
            return;
        }
        while let Some(batch) = batches.recv().await {
            hand_out(batch);
        }
    }

    /// Answers all of them, here if nobody attends.
    pub fn answer(&self, batch: Vec<Owed<T>>) {
        let left = match self.0.get() {
            Some(hand_in) => match hand_in.try_send(batch) {
                Ok(()) => return,
                Err(TrySendError::Full(batch) | TrySendError::Closed(batch)) => batch,
            },
            None => batch,
        };
        hand_out(left);
    }
}

/// Whoever waited may have gone; what the answer is about has been done all the same.
fn hand_out<T>(batch: Vec<Owed<T>>) {
    let gone = batch.into_iter().map(|(to, what)| to.send(what)).filter(Result::is_err).count();
    if gone > 0 {
        tracing::trace!(gone, "some left before their answer");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owed(count: usize) -> (Vec<Owed<usize>>, Vec<oneshot::Receiver<usize>>) {
        (0..count).map(|n| (oneshot::channel(), n)).map(|((to, from), n)| ((to, n), from)).unzip()
    }

    #[tokio::test]
    async fn every_answer_comes_with_and_without_somebody_at_the_desk() {
        let desk = Desk::default();
        for attended in [false, true] {
            let attendant = attended.then(|| tokio::spawn(desk.clone().attend()));
            tokio::task::yield_now().await;
            // More batches than may be on their way.
            for _ in 0..3 * BATCHES_MAX {
                let (batch, answers) = owed(3);
                desk.answer(batch);
                for (n, answer) in answers.into_iter().enumerate() {
                    assert_eq!(answer.await, Ok(n));
                }
            }
            if let Some(attendant) = attendant {
                attendant.abort();
                assert!(attendant.await.is_err_and(|error| error.is_cancelled()));
            }
        }
        // Its runtime has ended.
        let (batch, answers) = owed(1);
        desk.answer(batch);
        assert_eq!(answers.into_iter().next().expect("one").await, Ok(0));
    }

    #[tokio::test]
    async fn what_nobody_hands_out_in_time_is_answered_where_it_is() {
        let desk = Desk::default();
        let attendant = tokio::spawn(desk.clone().attend());
        tokio::task::yield_now().await;
        // This test keeps the runtime's only thread: the attendant cannot run before it waits.
        let mut waiting = Vec::new();
        for _ in 0..2 * BATCHES_MAX {
            let (batch, answers) = owed(1);
            desk.answer(batch);
            waiting.extend(answers);
        }
        let at_once = waiting.iter_mut().filter_map(|answer| answer.try_recv().ok()).count();
        assert_eq!(at_once, BATCHES_MAX);
        assert!(!attendant.is_finished());
    }
}
