//! Reads terms as an operator or merchant writes them, naming every wrong field. An unknown name is wrong: a typing error here costs money.

use super::{
    Attribution, Model, PayableOn, RULES, Rule, SelfReferral, Split, Terms, UnclaimedTo, boost,
    pay::{Pay, Tier},
    when::When,
};
use crate::domain::{reason::Reason, sale::SALE};
use crate::kernel::{
    currency::Currency,
    fields::FieldErrors,
    id::PublisherId,
    object::{Field, Object},
    percent::Percent,
};

/// Rules of one version: every line of every order walks them.
pub const RULES_MAX: usize = 200;
/// Entries of one list: categories, coupons, publishers, tiers.
pub const LIST_MAX: usize = 1000;
/// Names of goals and categories, in characters. A goal's is also that of a postback's `type`.
pub const NAME_CHARS_MAX: usize = 128;
const DAYS_MAX: i64 = 365;
/// 30 days.
const STAND_DOWN_MINUTES_MAX: i64 = 43_200;
/// Messages about an order, which therefore cannot be goals.
pub const VERBS: [&str; 4] = ["refund", "cancel", "approve", "reject"];

const FIELDS: &[&str] = &["rules", "commission", "split", "attribution", "hold_days", "payable_on", "claim_days", "unclaimed_to", "boosts"];

/// Reads terms from their JSON text. Amounts are in the program's `currency`; `upstream` programs may pay what a network reports.
pub fn parse(text: &str, currency: Currency, upstream: bool) -> Result<Terms, FieldErrors> {
    let mut errors = FieldErrors::default();
    let terms = Object::parse(text.as_bytes(), &mut errors).and_then(|terms| read(&terms, currency, upstream, &mut errors));
    errors.finish(terms)
}

/// Reads terms that stand inside another object. Whatever is wrong stands in `errors`, also when terms come back.
pub fn read(terms: &Object<'_>, currency: Currency, upstream: bool, errors: &mut FieldErrors) -> Option<Terms> {
    terms.only(FIELDS, errors);
    terms.optional("rules").integer(RULES.into()..=RULES.into(), errors);
    let commission = commission(terms, currency, upstream, errors);
    let split = terms.required("split", errors).object(errors).and_then(|split| read_split(&split, errors));
    let attribution = terms.optional("attribution").object(errors);
    let attribution = attribution.map_or(ATTRIBUTION, |attribution| read_attribution(&attribution, errors));
    let hold_days = days(terms, "hold_days", errors);
    let payable_on = terms.optional("payable_on").word(PayableOn::WORDS, PayableOn::from_word, errors).unwrap_or(PayableOn::Approval);
    let claim_days = days(terms, "claim_days", errors);
    let to = terms.optional("unclaimed_to").word(UnclaimedTo::WORDS, UnclaimedTo::from_word, errors);
    let boosts = terms.optional("boosts").list(boost::BOOSTS_MAX, errors).unwrap_or_default();
    let boosts = boosts.iter().filter_map(|field| boost::read(&field.object(errors)?, currency, errors)).collect();
    Some(Terms {
        rules: RULES,
        currency,
        commission: commission?,
        split: split?,
        attribution,
        hold_days,
        payable_on,
        claim_days,
        unclaimed_to: to.unwrap_or(UnclaimedTo::Publisher),
        boosts,
    })
}

/// What holds where the terms say nothing about attribution.
const ATTRIBUTION: Attribution =
    Attribution { model: Model::LastClick, window_days: 30, stand_down_minutes: 0, self_referral: SelfReferral::Hold };

fn days(terms: &Object<'_>, name: &str, errors: &mut FieldErrors) -> u32 {
    whole(&terms.optional(name), 0, DAYS_MAX, errors).unwrap_or(30)
}

fn whole(field: &Field<'_, '_>, least: i64, most: i64, errors: &mut FieldErrors) -> Option<u32> {
    field.integer(least..=most, errors).and_then(|number| u32::try_from(number).ok())
}

fn read_split(split: &Object<'_>, errors: &mut FieldErrors) -> Option<Split> {
    split.only(&["publisher", "buyer", "platform"], errors);
    let mut share = |name| split.required(name, errors).percent(errors);
    let (publisher, buyer, platform) = (share("publisher"), share("buyer"), share("platform"));
    let split_read = Split { publisher: publisher?, buyer: buyer?, platform: platform? };
    let sum = split_read.publisher.parts() + split_read.buyer.parts() + split_read.platform.parts();
    if sum != Percent::WHOLE {
        errors.push(split.path(), "split_not_100", "publisher, buyer and platform add up to exactly 100");
    }
    Some(split_read)
}

fn read_attribution(attribution: &Object<'_>, errors: &mut FieldErrors) -> Attribution {
    attribution.only(&["model", "window_days", "stand_down_minutes", "self_referral"], errors);
    let model = attribution.optional("model").word(Model::WORDS, Model::from_word, errors);
    let window_days = whole(&attribution.optional("window_days"), 1, DAYS_MAX, errors);
    let stand_down = whole(&attribution.optional("stand_down_minutes"), 0, STAND_DOWN_MINUTES_MAX, errors);
    let self_referral = attribution.optional("self_referral").word(SelfReferral::WORDS, SelfReferral::from_word, errors);
    Attribution {
        model: model.unwrap_or(ATTRIBUTION.model),
        window_days: window_days.unwrap_or(ATTRIBUTION.window_days),
        stand_down_minutes: stand_down.unwrap_or(ATTRIBUTION.stand_down_minutes),
        self_referral: self_referral.unwrap_or(ATTRIBUTION.self_referral),
    }
}

fn commission(terms: &Object<'_>, currency: Currency, upstream: bool, errors: &mut FieldErrors) -> Option<Vec<Rule>> {
    let field = terms.required("commission", errors);
    let list = field.list(RULES_MAX, errors)?;
    if list.is_empty() {
        errors.push(field.path(), "empty_list", "at least one rule is wanted");
    }
    let rules = list.iter().map(|rule| read_rule(&rule.object(errors)?, currency, upstream, errors));
    // Every rule is read, so that every wrong one is named.
    rules.collect::<Vec<_>>().into_iter().collect()
}

fn read_rule(rule: &Object<'_>, currency: Currency, upstream: bool, errors: &mut FieldErrors) -> Option<Rule> {
    rule.only(&["when", "pay", "cap", "reason"], errors);
    let when = match rule.optional("when").object(errors) {
        Some(when) => read_when(&when, currency, errors),
        None => When { types: vec![SALE.to_owned()], ..When::default() },
    };
    let pay = rule.required("pay", errors).object(errors).and_then(|pay| read_pay(&pay, currency, upstream, errors));
    let cap_per_order = rule.optional("cap").object(errors).and_then(|cap| {
        cap.only(&["per_order"], errors);
        cap.required("per_order", errors).minor_from_zero(currency, errors)
    });
    let codes: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    let reason = rule.optional("reason").word(&codes, Reason::from_code, errors);
    Some(Rule { when, pay: pay?, cap_per_order, reason })
}

fn read_when(when: &Object<'_>, currency: Currency, errors: &mut FieldErrors) -> When {
    when.only(&["type", "category", "customer", "coupon", "publisher", "min_amount"], errors);
    let types = when.optional("type").texts(NAME_CHARS_MAX, LIST_MAX, errors);
    if let Some(verb) = types.iter().flatten().find(|goal| VERBS.contains(&goal.as_str())) {
        errors.push(when.path_of("type"), "reserved_type", format!("{verb} is a message about an order, not a goal"));
    }
    let publishers = when.optional("publisher").texts(NAME_CHARS_MAX, LIST_MAX, errors);
    When {
        types: types.unwrap_or_else(|| vec![SALE.to_owned()]),
        categories: when.optional("category").texts(NAME_CHARS_MAX, LIST_MAX, errors),
        customer_new: read_customer(when, errors),
        coupons: when.optional("coupon").texts(boost::CODE_CHARS_MAX, LIST_MAX, errors),
        publishers: publishers.map(|ids| read_publishers(&ids, &when.path_of("publisher"), errors)),
        min_amount: when.optional("min_amount").minor_from_zero(currency, errors),
    }
}

fn read_customer(when: &Object<'_>, errors: &mut FieldErrors) -> Option<bool> {
    let words = when.optional("customer").texts(NAME_CHARS_MAX, 1, errors)?;
    match words.first().map(String::as_str) {
        Some("new") => Some(true),
        Some("returning") => Some(false),
        _ => {
            errors.push(when.path_of("customer"), "unknown_word", "one of: new, returning");
            None
        }
    }
}

fn read_publishers(ids: &[String], path: &str, errors: &mut FieldErrors) -> Vec<PublisherId> {
    let mut publishers = Vec::with_capacity(ids.len());
    for id in ids {
        match id.parse() {
            Ok(id) => publishers.push(id),
            Err(error) => errors.push(path, "invalid_id", format!("{error}")),
        }
    }
    publishers
}

fn read_pay(pay: &Object<'_>, currency: Currency, upstream: bool, errors: &mut FieldErrors) -> Option<Pay> {
    pay.only(&Pay::KINDS, errors);
    let mut ways = Pay::KINDS.into_iter().filter(|way| pay.optional(way).is_present());
    let (Some(way), None) = (ways.next(), ways.next()) else {
        errors.push(pay.path(), "exactly_one_way", format!("exactly one of: {}", Pay::KINDS.join(", ")));
        return None;
    };
    let field = pay.optional(way);
    match way {
        "percent" => field.percent(errors).map(Pay::Percent),
        "tiers" => read_tiers(&field, currency, errors).map(Pay::Tiers),
        "per_item" => field.minor_from_zero(currency, errors).map(Pay::PerItem),
        "flat" => field.minor_from_zero(currency, errors).map(Pay::Flat),
        _ => {
            if !upstream {
                errors.push(field.path(), "not_upstream", "only a program that a network pays for reports commissions");
            }
            field.percent(errors).map(Pay::Reported)
        }
    }
}

fn read_tiers(field: &Field<'_, '_>, currency: Currency, errors: &mut FieldErrors) -> Option<Vec<Tier>> {
    let list = field.list(LIST_MAX, errors)?;
    if list.is_empty() {
        errors.push(field.path(), "empty_list", "at least one tier is wanted");
    }
    let mut tiers: Vec<Tier> = Vec::with_capacity(list.len());
    for element in &list {
        let Some(tier) = element.object(errors) else { continue };
        tier.only(&["from", "percent"], errors);
        let from = tier.required("from", errors).minor_from_zero(currency, errors);
        let percent = tier.required("percent", errors).percent(errors);
        let (Some(from), Some(percent)) = (from, percent) else { continue };
        if tiers.last().map_or(from != 0, |last| from <= last.from) {
            errors.push(tier.path_of("from"), "tiers_not_ascending", "tiers ascend, the first from 0");
        }
        tiers.push(Tier { from, percent });
    }
    Some(tiers)
}
