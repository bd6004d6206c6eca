//! Logs and metrics: one line an event to stderr, and what `/metrics` counts. [`METRICS`] is the list of all that is counted anywhere.

use Kind::{Counter, Gauge, Histogram};
use clap::ValueEnum;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct LogArgs {
    /// What is logged: a level, or `target=level` pairs with commas between [default: info for `serve`, else warn]
    #[arg(long, env = "RISTOURNE_LOG", value_name = "FILTER", global = true, help_heading = "Logs")]
    pub log: Option<String>,
    /// How log lines look
    #[arg(long, env = "RISTOURNE_LOG_FORMAT", default_value = "text", value_name = "FORMAT", global = true, help_heading = "Logs")]
    pub log_format: Format,
}

/// Sends log lines to stderr from now on: what `args` says, or else `usual`. Once a process; `Err` names what is wrong with the filter.
pub fn start_logs(args: &LogArgs, usual: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(args.log.as_deref().unwrap_or(usual)).map_err(|error| format!("--log: {error}"))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_span_events(FmtSpan::NONE);
    let started = match args.log_format {
        Format::Text => lines.with_ansi(false).try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| format!("--log: {error}"))
}

/// Upper bounds of the histograms in seconds: from a commit on an idle disk to a time-out.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// Upper bounds of batch sizes, up to the largest batch there is.
const COUNTS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1000.0];

/// How a metric is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Something that is counted or measured.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub kind: Kind,
    pub name: &'static str,
    pub help: &'static str,
    /// With labels it appears when it first has something to say; without, it stands at 0 from the start.
    pub labels: &'static [&'static str],
}

const fn metric(kind: Kind, name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { kind, name, help, labels }
}

/// All of them, by what they are about. A test compares this list with the sources, with what is served, and with `docs/OPERATIONS.md`.
pub const METRICS: &[Metric] = &[
    // Requests
    metric(
        Counter,
        "ristourne_redirects_total",
        &["outcome", "quality"],
        "Requests for a link, by what became of them and the click's quality",
    ),
    metric(Counter, "ristourne_requests_limited_total", &["limit"], "Requests answered with 429, by the limit that they met"),
    metric(Counter, "ristourne_idempotent_replays_total", &[], "Requests that got their first answer again, by their Idempotency-Key"),
    metric(Counter, "ristourne_postbacks_total", &["channel", "verdict"], "Messages of merchants, by the way they came and their verdict"),
    metric(Counter, "ristourne_http_requests_total", &["route", "status"], "Answers, by route and HTTP status"),
    metric(Histogram, "ristourne_http_request_duration_seconds", &["route"], "From the request's head to its answer, by route, in seconds"),
    metric(Gauge, "ristourne_connections", &[], "Open connections of clients and proxies"),
    metric(Gauge, "ristourne_connections_max", &[], "Connections that are taken at most; more wait in the kernel's backlog"),
    // Clicks
    metric(Counter, "ristourne_clicks_recorded_total", &[], "Clicks stored in the database"),
    metric(Counter, "ristourne_clicks_unsynced_total", &[], "Clicks written to the spool, because the database did not take them in time"),
    metric(
        Counter,
        "ristourne_clicks_unkept_total",
        &["queued"],
        "Clicks answered without being kept for certain; queued ones may still be stored",
    ),
    metric(Counter, "ristourne_clicks_refused_total", &[], "Clicks that the database refused; they are set aside in the spool"),
    metric(Gauge, "ristourne_click_queue_length", &[], "Clicks that wait for the click writer"),
    metric(Histogram, "ristourne_click_batch_rows", &[], "Clicks of one batch"),
    metric(Histogram, "ristourne_click_commit_duration_seconds", &[], "One batch of clicks, from BEGIN to the end of COMMIT, in seconds"),
    metric(Counter, "ristourne_click_batches_retried_total", &[], "Batches of clicks run again after a deadlock or a busy database"),
    metric(Counter, "ristourne_click_outages_total", &[], "Times that the database stopped taking clicks"),
    // The spool
    metric(Gauge, "ristourne_spool_bytes", &[], "What the spool of this node holds, in bytes"),
    metric(Counter, "ristourne_spool_clicks_read_back_total", &[], "Clicks read back from the spool"),
    metric(Counter, "ristourne_spool_errors_total", &[], "Writes to the spool that failed"),
    metric(Counter, "ristourne_spool_damaged_bytes_total", &[], "Bytes of the spool that could not be read, in bytes"),
    // Money
    metric(Gauge, "ristourne_ledger_queue_length", &[], "Commands that wait for the ledger writer"),
    metric(Histogram, "ristourne_ledger_batch_commands", &[], "Commands of one batch"),
    metric(
        Histogram,
        "ristourne_ledger_commit_duration_seconds",
        &[],
        "One batch of commands, from BEGIN to the end of COMMIT, in seconds",
    ),
    metric(Counter, "ristourne_budget_used_up_total", &[], "Sales held because their prepaid merchant's credit does not cover them"),
    metric(Counter, "ristourne_ledger_batches_retried_total", &[], "Batches of commands run again after a deadlock or a busy database"),
    metric(
        Counter,
        "ristourne_ledger_unavailable_total",
        &["cause"],
        "Commands answered with 503: the queue was full, or a batch was not stored",
    ),
    metric(Gauge, "ristourne_orphans", &[], "Orders of which something was said 90 days ago or more, and whose sale or rate has not come"),
    // The database
    metric(Counter, "ristourne_database_statements_total", &["statement"], "Statements run, by name"),
    metric(
        Histogram,
        "ristourne_database_wait_seconds",
        &["to"],
        "Waiting for a connection or the write turn, to read or to write, in seconds",
    ),
    metric(
        Gauge,
        "ristourne_database_connections",
        &["state"],
        "Connections of the pool that are used, or idle; SQLite's writer is not counted",
    ),
    // What is known without a read
    metric(Gauge, "ristourne_catalogue_links", &[], "Links known without a read"),
    metric(Gauge, "ristourne_catalogue_programs", &[], "Programs known without a read"),
    metric(Counter, "ristourne_catalogue_lookups_total", &[], "Reads of a link, program or secret that was not known"),
    metric(Counter, "ristourne_fold_errors_total", &[], "Failed folds of the roll-ups that reports read"),
    metric(
        Counter,
        "ristourne_folded_transactions_total",
        &[],
        "Transactions of clicks and of the ledger that were folded into the roll-ups",
    ),
    metric(Counter, "ristourne_feed_errors_total", &[], "Failed readings of what other nodes changed"),
    // The clock, and the node
    metric(Gauge, "ristourne_job_last_success_timestamp_seconds", &["job"], "When a job last came to its end, in seconds since 1970"),
    metric(Counter, "ristourne_job_orders_total", &["job"], "Orders that a job changed"),
    metric(Gauge, "ristourne_node_number", &[], "This node's number, which is part of every id that it makes"),
    metric(Gauge, "ristourne_build_info", &["version"], "Always 1; the labels say what runs"),
];

/// Counts from now on; the handle renders what `/metrics` says. Once a process.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    use metrics_exporter_prometheus::Matcher::Suffix;
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Suffix("_commands".to_owned()), &COUNTS)?
        .set_buckets_for_metric(Suffix("_rows".to_owned()), &COUNTS)?
        .install_recorder()?;
    for Metric { kind, name, help, labels } in METRICS.iter().copied() {
        match kind {
            Counter => metrics::describe_counter!(name, help),
            Gauge => metrics::describe_gauge!(name, help),
            Histogram => metrics::describe_histogram!(name, help),
        }
        // A rate over a counter that is not there yet says nothing at the moment that matters most.
        match kind {
            Counter if labels.is_empty() => metrics::counter!(name).increment(0),
            Gauge if labels.is_empty() => metrics::gauge!(name).set(0),
            _ => {}
        }
    }
    for cause in ["queue_full", "not_stored"] {
        metrics::counter!("ristourne_ledger_unavailable_total", "cause" => cause).increment(0);
    }
    for queued in ["true", "false"] {
        metrics::counter!("ristourne_clicks_unkept_total", "queued" => queued).increment(0);
    }
    metrics::gauge!("ristourne_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    Ok(handle)
}
