//! Many requests at once.
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Works on all items, at most `width` at once and in their order; gives the results in that order.
pub async fn at_once<T, R, F>(width: usize, items: Vec<T>, work: impl Fn(T) -> F + Clone + Send + 'static) -> Vec<R>
where
    T: Send + 'static,
    R: Send + 'static,
    F: Future<Output = R> + Send + 'static,
{
    let count = items.len();
    let queue = Arc::new(Mutex::new(items.into_iter().enumerate()));
    let mut workers = JoinSet::new();
    for _ in 0..width.min(count) {
        let (queue, work) = (Arc::clone(&queue), work.clone());
        workers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let next = queue.lock().expect("no worker panicked with it").next();
                let Some((n, item)) = next else { return done };
                done.push((n, work(item).await));
            }
        });
    }
    let mut all: Vec<(usize, R)> = workers.join_all().await.into_iter().flatten().collect();
    all.sort_unstable_by_key(|(n, _)| *n);
    all.into_iter().map(|(_, result)| result).collect()
}

/// Asks until it is so; how long that took. The deadline only ends a test that waits in vain: it is far beyond what is promised.
#[track_caller]
pub fn until<F: Future<Output = bool>>(what: &str, ask: impl Fn() -> F) -> impl Future<Output = Duration> {
    let caller = std::panic::Location::caller();
    async move {
        let started = Instant::now();
        while !ask().await {
            assert!(started.elapsed() < Duration::from_mins(1), "{caller}: still not so: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        started.elapsed()
    }
}
