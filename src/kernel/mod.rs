//! Floor 0: ids, money, time, seals, signatures and text. Pure values that know nothing of affiliates.

pub mod address;
pub mod bank;
pub mod code;
pub mod country;
pub mod currency;
pub mod decimal;
pub mod fields;
pub mod id;
pub mod money;
pub mod object;
pub mod percent;
pub mod ratio;
pub mod schema;
pub mod seal;
pub mod share;
pub mod signature;
pub mod text;
pub mod time;
