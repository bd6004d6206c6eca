//! Floor 1: decisions. Pure and synchronous: no clock, no randomness, no IO, no logging.

pub mod account;
pub mod attribution;
pub mod buyer;
pub mod click;
pub mod command;
pub mod commission;
pub mod conversion;
pub mod decide;
pub mod decision;
pub mod due;
pub mod entry;
pub mod facts;
pub mod key;
pub mod link;
pub mod merchant;
pub mod order;
pub mod program;
pub mod publisher;
pub mod rate;
pub mod reason;
pub mod receipt;
pub mod sale;
pub mod split;
pub mod terms;
pub mod touch;
pub mod word;
