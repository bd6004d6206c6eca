//! Imports over the API: what was sent, how it stands, what it came to.
use crate::domain::word::words;
use crate::kernel::time::{SECOND, Time};

/// One that runs says so every few seconds: who has said nothing for so long runs no more.
const SILENT_MAX: i64 = 60 * SECOND;

words! {
    /// What an imported table holds.
    pub enum Holds {
        Clicks = "clicks",
        Sales = "sales",
        Rates = "rates",
        Verdicts = "verdicts",
    }
    /// How an import stands: `interrupted` kept what was stored before, and is finished by sending the table again.
    pub enum State {
        Running = "running",
        Finished = "finished",
        Interrupted = "interrupted",
    }
}

impl State {
    /// What is stored of an import whose process died is that it runs.
    #[must_use]
    pub fn seen(self, seen_at: Time, now: Time) -> Self {
        if self == Self::Running && seen_at.plus(SILENT_MAX) < now { Self::Interrupted } else { self }
    }
}

/// What became of a table's lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub read: i64,
    pub imported: i64,
    /// Stored already: nothing changed.
    pub duplicates: i64,
    pub rejected: i64,
    /// Rates of currencies that are no more.
    pub passed_over: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_an_interruption() {
        let (seen, later) = (Time::from_micros(0), Time::from_micros(SILENT_MAX));
        assert_eq!(State::Running.seen(seen, later), State::Running);
        assert_eq!(State::Running.seen(seen, later.plus(1)), State::Interrupted);
        assert_eq!(State::Finished.seen(seen, later.plus(1)), State::Finished);
    }
}
