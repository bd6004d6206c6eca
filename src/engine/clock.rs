//! The clock: the one place that asks the system for the time. Everything else takes `now` as a parameter.

use crate::kernel::time::Time;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// What time it is, asked where requests come in and where jobs start.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's.
    #[default]
    System,
    /// Set by tests and by the demo; microseconds since 1970. Clones show the same time.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still until it is set.
    pub fn manual(at: Time) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(at.micros())))
    }

    pub fn now(&self) -> Time {
        match self {
            Self::System => system_now(),
            Self::Manual(micros) => Time::from_micros(micros.load(Ordering::Relaxed)),
        }
    }

    /// Sets a manual clock; the system's is not ours to set, and stays.
    pub fn set(&self, at: Time) {
        if let Self::Manual(micros) = self {
            micros.store(at.micros(), Ordering::Relaxed);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that the ban points to")]
fn system_now() -> Time {
    // A clock before 1970 or after the year 292,277 is broken; ids then go on from the last one known.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_manual_clock_agree_and_the_systems_moves() {
        let clock = Clock::manual(Time::from_millis(5));
        let other = clock.clone();
        clock.set(Time::from_millis(9));
        assert_eq!(other.now(), Time::from_millis(9));
        assert!(Clock::System.now() > Time::parse("2026-01-01T00:00:00Z").expect("a time"));
    }
}
