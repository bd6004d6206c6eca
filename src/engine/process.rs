//! What the operating system says of this process, under the names that every Prometheus client library uses, so that ready-made dashboards
//! show it. Nothing where there is no `/proc`.

use std::{fmt::Write as _, fs};

/// `/proc` counts CPU time in hundredths of a second on every Linux, whatever its own clock does (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;

/// A family as `/proc` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
}

const CPU: Sample =
    Sample { name: "process_cpu_seconds_total", kind: "counter", help: "CPU time that this process has used, user and system, in seconds" };
const RESIDENT: Sample =
    Sample { name: "process_resident_memory_bytes", kind: "gauge", help: "Memory of this process that is in RAM, in bytes" };
const VIRTUAL: Sample = Sample { name: "process_virtual_memory_bytes", kind: "gauge", help: "Address space of this process, in bytes" };
const THREADS: Sample = Sample { name: "process_threads", kind: "gauge", help: "Threads of this process" };
const OPEN: Sample =
    Sample { name: "process_open_fds", kind: "gauge", help: "Open file descriptors: connections, database files, the spool" };
const MOST: Sample = Sample { name: "process_max_fds", kind: "gauge", help: "File descriptors that this process may open" };

/// How many files this process may have open, where that is known and limited.
pub fn open_files_max() -> Option<u64> {
    number(&fs::read_to_string("/proc/self/limits").ok()?, "Max open files")
}

/// Appends what is known, in the text format of Prometheus.
pub fn render(out: &mut String) {
    let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    let (stat, status) = (read("stat"), read("status"));
    let cpu = cpu_ticks(&stat).map(|ticks| format!("{}.{:02}", ticks / TICKS_PER_SECOND, ticks % TICKS_PER_SECOND));
    let bytes = |name| Some((number(&status, name)? * 1024).to_string());
    let open = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count().to_string());
    let samples = [
        (CPU, cpu),
        (RESIDENT, bytes("VmRSS:")),
        (VIRTUAL, bytes("VmSize:")),
        (THREADS, number(&status, "Threads:").map(|threads| threads.to_string())),
        (OPEN, open),
        (MOST, open_files_max().map(|most| most.to_string())),
    ];
    for (Sample { name, kind, help }, value) in samples {
        let Some(value) = value else { continue };
        writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n").expect("writing to a String never fails");
    }
}

/// User and system time: the 14th and 15th field, counted behind the program's name, which may hold spaces.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// The number after a line's name.
fn number(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_by_its_grammar() {
        let stat = "4242 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 250 17 0 0 20 0 9 0 1 2 3";
        assert_eq!(cpu_ticks(stat), Some(267));
        let status = "Name:\tristourne\nVmSize:\t  300000 kB\nVmRSS:\t   45000 kB\nThreads:\t9\n";
        assert_eq!((number(status, "VmRSS:"), number(status, "Threads:"), number(status, "No")), (Some(45000), Some(9), None));
        let limits = "Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(number(limits, "Max open files"), Some(1024));
    }

    #[test]
    fn this_process_has_all_of_it() {
        let mut text = String::new();
        render(&mut text);
        for Sample { name, kind, .. } in [CPU, RESIDENT, VIRTUAL, THREADS, OPEN, MOST] {
            assert!(text.contains(&format!("# HELP {name} ")) && text.contains(&format!("# TYPE {name} {kind}\n{name} ")), "{text}");
        }
    }
}
