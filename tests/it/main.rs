//! The one integration binary: everything that needs a database, a server or the sources.
#![expect(
    clippy::format_collect,
    clippy::format_push_string,
    clippy::naive_bytecount,
    clippy::similar_names,
    clippy::too_many_lines,
    reason = "a test is read from top to bottom, and none of this is hot"
)]

mod access;
mod api_changes;
mod api_hostile;
mod api_idempotency;
mod api_limits;
mod api_money;
mod api_nodes;
mod api_reports;
mod api_roles;
mod api_setup;
mod backup;
mod batches;
mod billing;
mod billing_judged;
mod boosts;
mod boosts_told;
mod commands;
mod currencies;
mod demo;
mod domain_boosts;
mod domain_claims;
mod domain_codes;
mod domain_golden;
mod domain_ladder;
mod domain_missing;
mod domain_payouts;
mod domain_receipts;
mod domain_refunds;
mod domain_rivals;
mod domain_rules;
mod domain_sets;
mod domain_shares;
mod domain_simulate;
mod domain_stream;
mod domain_touches;
mod domain_verdicts;
mod domain_worked;
mod engine_catalogue;
mod engine_clicks;
mod engine_node;
mod faults;
mod fec;
mod hostile;
mod imports;
mod imports_elsewhere;
mod imports_rejected;
mod imports_upload;
mod jobs;
mod key_ring;
mod naughty;
mod openapi;
mod openapi_served;
mod payouts;
mod quiet;
mod races;
mod rates;
mod readme;
mod real_input;
mod reports;
mod sabotage;
mod simulate;
mod statements;
mod store;
mod store_batch;
mod store_rows;
mod store_world;
mod story_claims;
mod story_worked_example;
mod support;
mod telemetry;
mod tidy;
mod urls;
mod verdicts;
