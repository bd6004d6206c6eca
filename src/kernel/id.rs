//! Ids: 63-bit numbers that carry their time and node, written as a prefix and 13 base-32 characters.
//!
//! Layout, high to low: 41 bits of milliseconds since 2024-01-01 UTC, 10 bits of node, 12 bits of sequence. Text sorts like the number.

use crate::kernel::time::Time;
use std::sync::atomic::{AtomicI64, Ordering};

/// 2024-01-01T00:00:00Z in milliseconds since 1970.
const EPOCH_MS: i64 = 1_704_067_200_000;
const NODE_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 12;
/// Node numbers lie below this.
pub const NODES: u16 = 1 << NODE_BITS;
/// Crockford's alphabet in lower case: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS: usize = 13;

/// Makes ids of one node: strictly rising, never back when the clock steps back.
#[derive(Debug)]
pub struct Generator {
    node: u16,
    /// Milliseconds and sequence of the last id, packed: `ms << 12 | sequence`.
    last: AtomicI64,
}

impl Generator {
    /// Ids will be above `floor`, the highest id known to be stored (0 for none). `node` is below [`NODES`].
    pub fn new(node: u16, floor: i64) -> Self {
        assert!(node < NODES, "node numbers have {NODE_BITS} bits");
        Self { node, last: AtomicI64::new(packed(floor)) }
    }

    /// The next id; its time is `now` or, if more ids were asked for than a millisecond holds, a little later.
    pub fn next(&self, now: Time) -> i64 {
        let wanted = (now.millis() - EPOCH_MS).max(0) << SEQUENCE_BITS;
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let next = wanted.max(last + 1);
            match self.last.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return self.unpacked(next),
                Err(seen) => last = seen,
            }
        }
    }

    pub fn node(&self) -> u16 {
        self.node
    }

    fn unpacked(&self, packed: i64) -> i64 {
        let (ms, sequence) = (packed >> SEQUENCE_BITS, packed & ((1 << SEQUENCE_BITS) - 1));
        ms << (NODE_BITS + SEQUENCE_BITS) | i64::from(self.node) << SEQUENCE_BITS | sequence
    }
}

fn packed(id: i64) -> i64 {
    let ms = id >> (NODE_BITS + SEQUENCE_BITS);
    ms << SEQUENCE_BITS | (id & ((1 << SEQUENCE_BITS) - 1))
}

/// The time an id was made, to the millisecond.
pub fn time_of(id: i64) -> Time {
    Time::from_millis((id >> (NODE_BITS + SEQUENCE_BITS)) + EPOCH_MS)
}

/// The node that made an id.
pub fn node_of(id: i64) -> u16 {
    u16::try_from(id >> SEQUENCE_BITS & i64::from(NODES - 1)).expect("masked to 10 bits")
}

/// The lowest id of a time: ids of that time or later are not below it.
pub fn lowest_at(time: Time) -> i64 {
    (time.millis() - EPOCH_MS).max(0) << (NODE_BITS + SEQUENCE_BITS)
}

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}_ and 13 characters")]
pub struct IdError {
    pub prefix: &'static str,
}

/// The text of a number: 13 characters.
pub fn encode(id: i64, out: &mut impl std::fmt::Write) -> std::fmt::Result {
    for digit in (0..DIGITS).rev() {
        let at = usize::try_from(id >> (digit * 5) & 31).expect("masked to 5 bits");
        out.write_char(char::from(ALPHABET[at]))?;
    }
    Ok(())
}

/// An id of whatever kind, as people see it.
pub fn text(prefix: &str, id: i64) -> String {
    let mut text = format!("{prefix}_");
    encode(id, &mut text).expect("writing to a String never fails");
    text
}

/// Reads what [`encode`] writes, and nothing else.
pub fn decode(text: &str) -> Option<i64> {
    if text.len() != DIGITS {
        return None;
    }
    let mut id = 0_i64;
    for byte in text.bytes() {
        let digit = ALPHABET.iter().position(|&c| c == byte)?;
        id = id.checked_mul(32)?.checked_add(i64::try_from(digit).ok()?)?;
    }
    Some(id)
}

/// Declares id types: a number inside, `prefix_…` outside. The number 0 is no id: walks begin behind it, and roll-ups have it for none.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {
        /// Every kind of id: its prefix, its name, its schema.
        pub const KINDS: &[(&str, &str, fn() -> crate::kernel::schema::Shape)] =
            &[$(($prefix, stringify!($name), <$name as utoipa::PartialSchema>::schema)),+];
        $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            pub const PREFIX: &'static str = $prefix;
            /// From the stored number.
            pub const fn from_raw(raw: i64) -> Self {
                Self(raw)
            }
            /// The stored number.
            pub const fn raw(self) -> i64 {
                self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                encode(self.0, f)
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_")).and_then(decode).filter(|id| *id != 0).map(Self).ok_or(IdError { prefix: $prefix })
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        crate::schema!($name, stringify!($name), crate::kernel::schema::id($prefix));
    )+};
}

ids! {
    MerchantId = "mer";
    ProgramId = "prg";
    PublisherId = "pub";
    LinkId = "lnk";
    BuyerId = "buy";
    ClickId = "clk";
    /// A conversion, and the order it is our record of: both carry the same number.
    ConversionId = "cnv";
    KeyId = "key";
    /// A line of the journal: one balanced entry.
    EntryId = "jrn";
    CouponId = "cpn";
    SecretId = "sec";
    /// A received message, kept with its verdict.
    InboxId = "inb";
    /// A table that was sent to the API.
    ImportId = "imp";
    /// Money that moved beside orders: a fee, a goodwill bonus, a merchant's payment, a debt written off.
    MovementId = "mov";
    /// One payee's payment of a payout.
    PaymentId = "pay";
    /// A payout run.
    BatchId = "bat";
    /// A merchant's invoice or credit note.
    InvoiceId = "inv";
    /// A publisher's self-billed statement.
    StatementId = "stm";
    /// A claim of missing cashback.
    ClaimId = "clm";
    /// Vouchers that were made together.
    VoucherBatchId = "vch";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_sorts_like_the_number() {
        for raw in [1, 31, 32, 4711, i64::MAX] {
            let id = LinkId::from_raw(raw);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert!(LinkId::from_raw(99).to_string() < LinkId::from_raw(100).to_string());
        for bad in [
            "",
            "lnk_",
            "lnk_0000000000000",
            "lnk_0000000000000x",
            "mer_0000000000001",
            "lnk_000000000000u",
            "lnk_zzzzzzzzzzzzz",
            "lnk_000000000000A",
        ] {
            assert!(bad.parse::<LinkId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_rise_through_bursts_and_a_clock_that_steps_back() {
        let ids = Generator::new(5, 0);
        let now = Time::from_millis(EPOCH_MS + 1000);
        let mut last = 0;
        for n in 0..10_000 {
            let id = ids.next(if n % 3 == 0 { now } else { Time::from_millis(EPOCH_MS) });
            assert!(id > last);
            assert_eq!(node_of(id), 5);
            last = id;
        }
        assert_eq!(time_of(last), Time::from_millis(EPOCH_MS + 1002), "4096 ids a millisecond");
        let above = Generator::new(7, last).next(Time::from_millis(EPOCH_MS));
        assert!(above > last);
    }
}
