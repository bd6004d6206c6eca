//! Ristourne: a self-hosted affiliate and cashback tracking platform.
//!
//! The floor plan. Imports only go down; `tests/it/tidy.rs` reads the sources and enforces it.
//!
//! | floor | module | what lives there |
//! |---|---|---|
//! | 5 | [`app`] | configuration, command line (one file a command), start and stop, telemetry, demo |
//! | 4 | [`web`] | HTTP: the edge (accept loop, redirect, postback intake) and the API |
//! | 4 | [`jobs`] | what runs on a clock |
//! | 3 | [`engine`] | what runs: everything that owns a queue, a task, a snapshot or a connection to the outside |
//! | 2 | [`store`] | the only SQL; one file an aggregate |
//! | 2 | [`formats`] | other people's bytes to our types and back, pure |
//! | 1 | [`domain`] | decisions: pure and synchronous; no clock, no randomness, no IO |
//! | 0 | [`kernel`] | ids, money, time, seals, signatures, text |

pub mod app;
pub mod domain;
pub mod engine;
pub mod formats;
pub mod jobs;
pub mod kernel;
pub mod store;
pub mod web;
