//! Logs and metrics: one line an event to stderr, counters for `/metrics`.

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
/// Upper bounds of batch sizes.
const COUNTS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 128.0, 256.0, 512.0];

/// Counts from now on; the handle renders what `/metrics` says. Once a process.
pub fn start_metrics() -> Result<PrometheusHandle, BuildError> {
    use metrics_exporter_prometheus::Matcher::Suffix;
    PrometheusBuilder::new()
        .set_buckets_for_metric(Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Suffix("_commands".to_owned()), &COUNTS)?
        .set_buckets_for_metric(Suffix("_rows".to_owned()), &COUNTS)?
        .install_recorder()
}
