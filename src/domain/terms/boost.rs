//! Boosts: bonuses to buyers beside the commission, as the terms promise them. `domain/loyalty.rs` says what they pay.

use crate::domain::word::words;
use crate::kernel::{currency::Currency, fields::FieldErrors, id::ProgramId, object::Object, percent::Percent, time::Time};

/// A program has at most so many boosts: more than anybody could explain to a buyer.
pub const BOOSTS_MAX: usize = 50;
/// Entries of a list inside a boost.
pub const LIST_MAX: usize = 1000;
/// Ten years: far beyond any win-back.
pub const DAYS_MAX: i64 = 3650;
pub const QUOTA_MAX: i64 = 1_000_000_000;
pub const CODE_CHARS_MAX: usize = 64;
pub const PLACE_CHARS_MAX: usize = 128;

words! {
    /// Who pays a bonus.
    pub enum Funder {
        Platform = "platform",
        Merchant = "merchant",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boost {
    pub kind: Kind,
    pub funded_by: Funder,
    /// The most that all its bonuses come to, minor units of the program's currency.
    pub budget: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// For coming back: whole up to `within_days` since the last order, then falling to 0 at `fades_to_zero_at_days`.
    Return { percent_of_buyer_share: Percent, within_days: u32, fades_to_zero_at_days: u32 },
    /// For the first order, minor units.
    Welcome { flat: i64, min_amount: Option<i64> },
    /// For bringing a friend, and for the friend, minor units.
    Referral { referrer: i64, friend: i64, min_amount: Option<i64> },
    /// For an order with this code.
    Code(Code),
    /// As a code, each of which is good for one order.
    Voucher(Code),
    /// By the buyer's approved amount in these programs.
    Tier { programs: Vec<ProgramId>, tiers: Vec<Tier> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Compared without case; one, but for vouchers.
    pub codes: Vec<String>,
    pub reward: Reward,
    /// How often it may be used, 1 or more.
    pub quota: Option<i64>,
    pub from: Option<Time>,
    pub until: Option<Time>,
    /// Where the code is handed out, for people.
    pub place: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reward {
    /// Minor units of the program's currency.
    Flat(i64),
    PercentOfBuyerShare(Percent),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// Minor units of the program's currency; ascending, the first 0.
    pub from: i64,
    pub percent_of_buyer_share: Percent,
}

/// Whether these let the platform pay for something that it did not pay for yet: only the operator may decide that.
pub fn asks_platform(boosts: &[Boost], before: &[Boost]) -> bool {
    boosts.iter().any(|boost| boost.funded_by == Funder::Platform && !before.contains(boost))
}

impl Kind {
    pub const WORDS: &'static [&'static str] = &["return", "welcome", "referral", "code", "voucher", "tier"];

    /// The code that it asks for, if it does.
    pub const fn code(&self) -> Option<&Code> {
        match self {
            Self::Code(code) | Self::Voucher(code) => Some(code),
            _ => None,
        }
    }

    /// Whether it looks at who a buyer is when an order of theirs is approved.
    pub const fn is_for_firsts(&self) -> bool {
        matches!(self, Self::Welcome { .. } | Self::Referral { .. })
    }

    /// The programs that it looks at a buyer's orders in.
    pub fn looks_at(&self) -> &[ProgramId] {
        match self {
            Self::Tier { programs, .. } => programs,
            _ => &[],
        }
    }

    pub const fn word(&self) -> &'static str {
        match self {
            Self::Return { .. } => "return",
            Self::Welcome { .. } => "welcome",
            Self::Referral { .. } => "referral",
            Self::Code(_) => "code",
            Self::Voucher(_) => "voucher",
            Self::Tier { .. } => "tier",
        }
    }
}

/// Reads one boost; amounts are in the program's currency.
pub(super) fn read(boost: &Object<'_>, currency: Currency, errors: &mut FieldErrors) -> Option<Boost> {
    let known = |word: &str| Kind::WORDS.iter().copied().find(|kind| *kind == word);
    let kind = boost.required("kind", errors).word(Kind::WORDS, known, errors);
    let funded_by = boost.optional("funded_by").word(Funder::WORDS, Funder::from_word, errors).unwrap_or(Funder::Platform);
    let budget = boost.optional("budget").minor_from_zero(currency, errors);
    let (fields, kind): (&[&str], Option<Kind>) = match kind? {
        "return" => (&["percent_of_buyer_share", "within_days", "fades_to_zero_at_days"], returning(boost, errors)),
        "welcome" => (&["flat", "min_amount"], welcome(boost, currency, errors)),
        "referral" => (&["referrer", "friend", "min_amount"], referral(boost, currency, errors)),
        "tier" => (&["programs", "tiers"], tier(boost, currency, errors)),
        word => {
            let code = code(boost, word == "voucher", currency, errors);
            let fields = &["code", "flat", "percent_of_buyer_share", "quota", "from", "until", "place"];
            (fields, code.map(if word == "voucher" { Kind::Voucher } else { Kind::Code }))
        }
    };
    boost.only(&[&["kind", "funded_by", "budget"], fields].concat(), errors);
    Some(Boost { kind: kind?, funded_by, budget })
}

fn days(boost: &Object<'_>, name: &str, errors: &mut FieldErrors) -> Option<u32> {
    boost.required(name, errors).integer(0..=DAYS_MAX, errors).and_then(|days| u32::try_from(days).ok())
}

fn returning(boost: &Object<'_>, errors: &mut FieldErrors) -> Option<Kind> {
    let percent = boost.required("percent_of_buyer_share", errors).percent(errors);
    let (within, zero_at) = (days(boost, "within_days", errors), days(boost, "fades_to_zero_at_days", errors));
    let (within_days, fades_to_zero_at_days) = (within?, zero_at?);
    if fades_to_zero_at_days <= within_days {
        errors.push(boost.path_of("fades_to_zero_at_days"), "out_of_range", "it comes after within_days");
        return None;
    }
    Some(Kind::Return { percent_of_buyer_share: percent?, within_days, fades_to_zero_at_days })
}

fn welcome(boost: &Object<'_>, currency: Currency, errors: &mut FieldErrors) -> Option<Kind> {
    let flat = boost.required("flat", errors).minor_from_zero(currency, errors);
    let min_amount = boost.optional("min_amount").minor_from_zero(currency, errors);
    Some(Kind::Welcome { flat: flat?, min_amount })
}

fn referral(boost: &Object<'_>, currency: Currency, errors: &mut FieldErrors) -> Option<Kind> {
    let referrer = boost.required("referrer", errors).minor_from_zero(currency, errors);
    let friend = boost.required("friend", errors).minor_from_zero(currency, errors);
    let min_amount = boost.optional("min_amount").minor_from_zero(currency, errors);
    Some(Kind::Referral { referrer: referrer?, friend: friend?, min_amount })
}

fn code(boost: &Object<'_>, several: bool, currency: Currency, errors: &mut FieldErrors) -> Option<Code> {
    let codes = boost.required("code", errors).texts(CODE_CHARS_MAX, if several { LIST_MAX } else { 1 }, errors);
    let flat = boost.optional("flat");
    let percent = boost.optional("percent_of_buyer_share");
    let reward = match (flat.is_present(), percent.is_present()) {
        (true, false) => flat.minor_from_zero(currency, errors).map(Reward::Flat),
        (false, true) => percent.percent(errors).map(Reward::PercentOfBuyerShare),
        _ => {
            errors.push(boost.path_of("flat"), "exactly_one_reward", "either flat or percent_of_buyer_share");
            None
        }
    };
    let quota = boost.optional("quota").integer(1..=QUOTA_MAX, errors);
    let (from, until) = (boost.optional("from").time(errors), boost.optional("until").time(errors));
    if let (Some(from), Some(until)) = (from, until)
        && until <= from
    {
        errors.push(boost.path_of("until"), "out_of_range", "it comes after from");
    }
    let place = boost.optional("place").text(PLACE_CHARS_MAX, errors);
    Some(Code { codes: codes?, reward: reward?, quota, from, until, place })
}

fn tier(boost: &Object<'_>, currency: Currency, errors: &mut FieldErrors) -> Option<Kind> {
    let programs = boost.required("programs", errors).list(LIST_MAX, errors);
    let programs: Vec<ProgramId> = programs?.iter().filter_map(|program| program.id(errors)).collect();
    let mut tiers: Vec<Tier> = Vec::new();
    for field in boost.required("tiers", errors).list(LIST_MAX, errors)? {
        let Some(object) = field.object(errors) else { continue };
        object.only(&["from", "percent_of_buyer_share"], errors);
        let from = object.required("from", errors).minor_from_zero(currency, errors);
        let percent = object.required("percent_of_buyer_share", errors).percent(errors);
        let (Some(from), Some(percent_of_buyer_share)) = (from, percent) else { continue };
        if tiers.last().map_or(from != 0, |last| from <= last.from) {
            errors.push(object.path_of("from"), "tiers_not_ascending", "tiers ascend, the first from 0");
        }
        tiers.push(Tier { from, percent_of_buyer_share });
    }
    if programs.is_empty() || tiers.is_empty() {
        errors.push(boost.path_of("tiers"), "empty_list", "at least one program and one tier are wanted");
        return None;
    }
    Some(Kind::Tier { programs, tiers })
}
