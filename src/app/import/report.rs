//! What an import says: how far it is, on stderr, and what it came to, on stdout.

use crate::engine::import::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::{
    convert::Infallible,
    io::{IsTerminal as _, stderr},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};
use tokio::time::interval;

/// How often a terminal is told.
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// How often a file or pipe is.
const SAY_EVERY: Duration = Duration::from_secs(5);

fn of(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// Tells how far it is until it is dropped: a bar on a terminal, else a line now and then.
pub async fn watch(progress: &Progress, bytes: Option<u64>, started: Instant) -> Infallible {
    let is_terminal = stderr().is_terminal();
    let bar = match (is_terminal, bytes) {
        (false, _) => ProgressBar::hidden(),
        (true, Some(bytes)) => ProgressBar::new(bytes).with_style(style("{bar:32} {percent:>3} % {msg}, {eta} left")),
        (true, None) => ProgressBar::no_length().with_style(style("{spinner} {binary_bytes} {msg}")),
    };
    let mut ticks = interval(if is_terminal { DRAW_EVERY } else { SAY_EVERY });
    ticks.tick().await;
    // Taken away when it is dropped, so that what follows stands on a line of its own.
    let bar = Cleared(bar);
    loop {
        ticks.tick().await;
        let rejected = match of(&progress.rejected) {
            0 => String::new(),
            n => format!(", {n} rejected"),
        };
        let per_second = of(&progress.read).checked_div(started.elapsed().as_secs()).unwrap_or_default();
        let said = format!("{}, {per_second} a second{rejected}", counted(of(&progress.read), "line", "lines"));
        if is_terminal {
            bar.0.set_position(of(&progress.bytes));
            bar.0.set_message(said);
        } else {
            eprintln!("{said}");
        }
    }
}

struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// One JSON line, or a sentence.
pub fn result(what: &str, progress: &Progress, took: Duration, rejected: Option<&Path>, as_json: bool) -> String {
    let (read, imported) = (of(&progress.read), of(&progress.imported));
    let (duplicates, refused, passed_over) = (of(&progress.duplicates), of(&progress.rejected), of(&progress.passed_over));
    let seconds = format!("{}.{:03}", took.as_secs(), took.subsec_millis());
    if as_json {
        let seconds = seconds.parse::<f64>().unwrap_or_default();
        let mut line = json!({"read": read, "imported": imported, "duplicates": duplicates, "rejected": refused, "seconds": seconds});
        if passed_over > 0 {
            line["passed_over"] = json!(passed_over);
        }
        if let Some(path) = rejected {
            line["rejected_file"] = json!(path);
        }
        return format!("{line}\n");
    }
    let rejected = rejected.map(|path| format!(" (see {})", path.display())).unwrap_or_default();
    let passed_over = match passed_over {
        0 => String::new(),
        n => format!(", {} passed over", counted(n, "rate of a former currency", "rates of former currencies")),
    };
    let read = counted(read, "line", "lines");
    format!(
        "{what}: {read} read in {seconds} s: {imported} imported, {duplicates} known already, {refused} rejected{rejected}{passed_over}\n"
    )
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one() {
        let said = |n: u64| {
            let progress = Progress { read: n.into(), passed_over: n.into(), ..Progress::default() };
            result("rates", &progress, Duration::from_millis(1500), None, false)
        };
        let one = "rates: 1 line read in 1.500 s: 0 imported, 0 known already, 0 rejected, 1 rate of a former currency passed over\n";
        assert_eq!(said(1), one);
        let many = "rates: 2 lines read in 1.500 s: 0 imported, 0 known already, 0 rejected, 2 rates of former currencies passed over\n";
        assert_eq!(said(2), many);
    }
}
