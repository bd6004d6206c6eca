//! What is due on an order now: one pure reading of its facts.

/// How a commission is shared, minor units of the program's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shares {
    pub publisher: i64,
    /// Holds the unclaimed share and the publishers' gifts.
    pub buyer: i64,
    pub platform: i64,
}
