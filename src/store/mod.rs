//! Floor 2: the only SQL. One file an aggregate; a private row struct becomes a domain type, or an error naming table, column and row.
//!
//! The core, shared by every file of the folder: [`db`] (database, transaction, the verbs `run`, `one`, `all`, `commit`), [`sql`]
//! (registered statements, arguments), [`filter`] (lists), [`bulk`] (many rows), [`error`], [`migrate`], [`turn`]; and [`fold`], what waits for the
//! roll-ups of reports: who writes leaves it there, who reports reads it from there.
//!
//! To add an aggregate: a file with `statements!`, private rows and functions in the field's nouns that take `&mut Tx`; then its line
//! below and in [`statements`].
pub mod apply;
pub mod audit;
pub mod awaiting;
pub mod balance;
pub mod billing;
pub mod bulk;
pub mod buyer;
pub mod chain;
pub mod claim;
pub mod click;
pub mod click_list;
pub mod conversion;
pub mod coupon;
pub mod customer;
pub mod db;
pub mod direct;
pub mod document_line;
pub mod entry;
pub mod error;
pub mod facts;
pub mod filter;
pub mod fold;
pub mod history;
pub mod idempotency;
pub mod import;
pub mod inbox;
pub mod invoice;
pub mod key;
pub mod link;
pub mod merchant;
pub mod migrate;
pub mod movement;
pub mod node;
pub mod order;
pub mod payment;
pub mod payout;
pub mod pot;
pub mod program;
pub mod publisher;
pub mod rate;
pub mod seal_key;
pub mod sealed;
pub mod secret;
pub mod seller;
pub mod series;
pub mod setting;
pub mod setup;
pub mod sql;
pub mod stat;
pub mod statement;
pub mod terms;
pub mod tie;
pub mod tier;
pub mod turn;
pub mod verdict;
pub mod voucher;
pub mod wallet;
pub mod webhook;

pub use db::{Db, Kind, Options, Tx};
pub use error::StoreError;

/// The statements of every file, for the test that prepares each on both databases.
pub fn statements() -> Vec<&'static [sql::Sql]> {
    let mut all = fold::statements();
    all.extend([
        audit::ALL,
        awaiting::ALL,
        balance::ALL,
        billing::ALL,
        buyer::ALL,
        chain::ALL,
        claim::ALL,
        click::ALL,
        click_list::ALL,
        conversion::ALL,
        coupon::ALL,
        customer::ALL,
        entry::ALL,
        history::ALL,
        idempotency::ALL,
        import::ALL,
        inbox::ALL,
        invoice::ALL,
        key::ALL,
        link::ALL,
        merchant::ALL,
        movement::ALL,
        node::ALL,
        order::ALL,
        order::export::ALL,
        order::orphan::ALL,
        pot::ALL,
        payment::ALL,
        payout::ALL,
        program::ALL,
        publisher::ALL,
        rate::ALL,
        seal_key::ALL,
        sealed::ALL,
        secret::ALL,
        seller::ALL,
        series::ALL,
        setting::ALL,
        setup::ALL,
        setup::add::ALL,
        stat::ALL,
        statement::ALL,
        terms::ALL,
        tie::ALL,
        tier::ALL,
        verdict::ALL,
        voucher::ALL,
        wallet::ALL,
        webhook::ALL,
    ]);
    all
}
