//! What terms may say, every refusal of theirs, and that they are read back as written.

use super::{
    boost::{self, Boost, Funder, Reward},
    parse::parse,
    pay::{Pay, Tier},
    when::When,
    *,
};
use crate::kernel::{
    fields::FieldErrors,
    id::{ProgramId, PublisherId},
    time::Time,
};
use proptest::prelude::*;

const SPLIT: &str = r#""split": {"publisher": "60", "buyer": "30", "platform": "10"}"#;

fn with(rest: &str) -> String {
    format!(r#"{{"commission": [{{"pay": {{"percent": "5"}}}}], {SPLIT}{rest}}}"#)
}

fn with_rule(rule: &str) -> String {
    format!(r#"{{"commission": [{rule}], {SPLIT}}}"#)
}

fn codes(errors: &FieldErrors) -> Vec<(&str, &str)> {
    errors.as_slice().iter().map(|e| (e.field.as_str(), e.code)).collect()
}

#[test]
fn the_contracts_example_is_read_whole() {
    let publisher = PublisherId::from_raw(7);
    let text = format!(
        r#"{{"commission": [{{"when": {{"type": "sale", "category": ["books"], "customer": "new", "coupon": ["BLOG10"], "publisher": ["{publisher}"], "min_amount": "50.00"}}, "pay": {{"percent": "8"}}}},
                {{"when": {{"type": "lead"}}, "pay": {{"flat": "1.50"}}}},
                {{"pay": {{"tiers": [{{"from": "0", "percent": "5"}}, {{"from": "10000", "percent": "6.5"}}]}}}},
                {{"pay": {{"per_item": "0.40"}}, "cap": {{"per_order": "30.00"}}}}],
 "split": {{"publisher": "60", "buyer": "30", "platform": "10"}},
 "attribution": {{"model": "last_click", "window_days": 30, "stand_down_minutes": 0, "self_referral": "hold"}},
 "hold_days": 30, "payable_on": "approval", "claim_days": 30, "unclaimed_to": "publisher",
 "boosts": [{{"kind": "return", "percent_of_buyer_share": "50", "within_days": 7, "fades_to_zero_at_days": 30}}]}}"#
    );
    let terms = parse(&text, Currency::EUR, false).expect("the contract's own example");
    assert_eq!(terms.commission[0].when.publishers, Some(vec![publisher]));
    assert_eq!(terms.commission[0].when.min_amount, Some(5000));
    assert_eq!(terms.commission[2].when.types, ["sale"]);
    assert_eq!(terms.commission[2].pay.percent(1_000_000), "6.5".parse().ok());
    assert_eq!((&terms.commission[3].pay, terms.commission[3].cap_per_order), (&Pay::PerItem(40), Some(3000)));
    assert_eq!(terms.boosts[0].funded_by, Funder::Platform);
    assert!(terms.names_goal("lead") && !terms.names_goal("signup"));
}

#[test]
fn what_is_left_out_has_the_value_the_contract_shows() {
    let terms = parse(&with(""), Currency::EUR, false).expect("the least that is required");
    insta::assert_snapshot!(terms.to_json(), @r#"{"rules":1,"commission":[{"when":{"type":["sale"]},"pay":{"percent":"5"}}],"split":{"publisher":"60","buyer":"30","platform":"10"},"attribution":{"model":"last_click","window_days":30,"stand_down_minutes":0,"self_referral":"hold"},"hold_days":30,"payable_on":"approval","claim_days":30,"unclaimed_to":"publisher","boosts":[]}"#);
}

#[test]
fn every_refusal_names_its_field() {
    for (text, field, code) in [
        (String::new(), "", "not_json"),
        ("[]".to_owned(), "", "invalid_type"),
        (format!("{{{SPLIT}}}"), "commission", "missing_field"),
        (r#"{"commission": [{"pay": {"flat": "1"}}]}"#.to_owned(), "split", "missing_field"),
        (format!(r#"{{"commission": [], {SPLIT}}}"#), "commission", "empty_list"),
        (with(r#", "hold_day": 3"#), "hold_day", "unknown_field"),
        (with(r#", "hold_days": 366"#), "hold_days", "out_of_range"),
        (with(r#", "hold_days": -1"#), "hold_days", "out_of_range"),
        (with(r#", "claim_days": 1.5"#), "claim_days", "invalid_type"),
        (with(r#", "claim_days": "30""#), "claim_days", "invalid_type"),
        (with(r#", "rules": 2"#), "rules", "out_of_range"),
        (with(r#", "payable_on": "never""#), "payable_on", "unknown_word"),
        (with(r#", "unclaimed_to": "buyer""#), "unclaimed_to", "unknown_word"),
        (with(r#", "attribution": {"window_days": 0}"#), "attribution.window_days", "out_of_range"),
        (with(r#", "attribution": {"stand_down_minutes": 43201}"#), "attribution.stand_down_minutes", "out_of_range"),
        (with(r#", "attribution": {"model": "even"}"#), "attribution.model", "unknown_word"),
        (with(r#", "attribution": {"self_referal": "hold"}"#), "attribution.self_referal", "unknown_field"),
        (with_rule(r#"{"when": {}}"#), "commission[0].pay", "missing_field"),
        (with_rule(r#"{"pay": {}}"#), "commission[0].pay", "exactly_one_way"),
        (with_rule(r#"{"pay": {"flat": "1", "percent": "2"}}"#), "commission[0].pay", "exactly_one_way"),
        (with_rule(r#"{"pay": {"flat": "-1"}}"#), "commission[0].pay.flat", "negative_amount"),
        (with_rule(r#"{"pay": {"flat": "1.005"}}"#), "commission[0].pay.flat", "too_many_decimals"),
        (with_rule(r#"{"pay": {"per_item": "1e3"}}"#), "commission[0].pay.per_item", "invalid_amount"),
        (with_rule(r#"{"pay": {"flat": "99999999999999"}}"#), "commission[0].pay.flat", "amount_out_of_range"),
        (with_rule(r#"{"pay": {"percent": "100.1"}}"#), "commission[0].pay.percent", "invalid_percent"),
        (with_rule(r#"{"pay": {"percent": 1.00005}}"#), "commission[0].pay.percent", "invalid_percent"),
        (with_rule(r#"{"pay": {"reported": "100"}}"#), "commission[0].pay.reported", "not_upstream"),
        (with_rule(r#"{"pay": {"tiers": []}}"#), "commission[0].pay.tiers", "empty_list"),
        (with_rule(r#"{"pay": {"tiers": [{"from": "1", "percent": "5"}]}}"#), "commission[0].pay.tiers[0].from", "tiers_not_ascending"),
        (
            with_rule(r#"{"pay": {"tiers": [{"from": "0", "percent": "5"}, {"from": "0", "percent": "6"}]}}"#),
            "commission[0].pay.tiers[1].from",
            "tiers_not_ascending",
        ),
        (with_rule(r#"{"pay": {"flat": "1"}, "cap": {"per_order": "1", "per_item": "3"}}"#), "commission[0].cap.per_item", "unknown_field"),
        (with_rule(r#"{"pay": {"flat": "1"}, "reason": "because"}"#), "commission[0].reason", "unknown_word"),
        (with_rule(r#"{"when": {"type": "refund"}, "pay": {"flat": "1"}}"#), "commission[0].when.type", "reserved_type"),
        (with_rule(r#"{"when": {"category": []}, "pay": {"flat": "1"}}"#), "commission[0].when.category", "empty_list"),
        (with_rule(r#"{"when": {"category": ["a", 1]}, "pay": {"flat": "1"}}"#), "commission[0].when.category[1]", "invalid_type"),
        (with_rule(r#"{"when": {"coupon": "a\u0000"}, "pay": {"flat": "1"}}"#), "commission[0].when.coupon", "invalid_text"),
        (with_rule(r#"{"when": {"customer": "old"}, "pay": {"flat": "1"}}"#), "commission[0].when.customer", "unknown_word"),
        (with_rule(r#"{"when": {"publisher": "me"}, "pay": {"flat": "1"}}"#), "commission[0].when.publisher", "invalid_id"),
        (with_rule(r#"{"when": {"min_amount": true}, "pay": {"flat": "1"}}"#), "commission[0].when.min_amount", "invalid_type"),
        (with_rule(r#"{"pay": {"flat": "1"}, "pay": {"flat": "2"}}"#), "commission[0].pay", "duplicate_field"),
        (with(r#", "boosts": [{"kind": "gift"}]"#), "boosts[0].kind", "unknown_word"),
        (with(r#", "boosts": [{"kind": "welcome", "flat": "5", "quota": 1}]"#), "boosts[0].quota", "unknown_field"),
        (with(r#", "boosts": [{"kind": "code", "code": "X"}]"#), "boosts[0].flat", "exactly_one_reward"),
        (with(r#", "boosts": [{"kind": "code", "code": ["X", "Y"], "flat": "1"}]"#), "boosts[0].code", "too_many"),
        (
            with(r#", "boosts": [{"kind": "return", "percent_of_buyer_share": "50", "within_days": 7, "fades_to_zero_at_days": 7}]"#),
            "boosts[0].fades_to_zero_at_days",
            "out_of_range",
        ),
        (
            with(r#", "boosts": [{"kind": "referral", "referrer": "5", "friend": "5", "funded_by": "me"}]"#),
            "boosts[0].funded_by",
            "unknown_word",
        ),
    ] {
        let errors = parse(&text, Currency::EUR, false).expect_err(&text);
        assert_eq!(codes(&errors), [(field, code)], "{text}");
    }
    let split = r#"{"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "9.9999"}}"#;
    assert_eq!(codes(&parse(split, Currency::EUR, false).expect_err("not 100")), [("split", "split_not_100")]);
    assert!(parse(&with_rule(r#"{"pay": {"reported": 100}}"#), Currency::EUR, true).is_ok(), "upstream programs may");
}

#[test]
fn all_wrong_fields_are_named_at_once() {
    let text = r#"{"commission": [{"pay": {"percent": "x"}}, {"pay": {}}], "split": {"publisher": "60", "buyer": 30, "extra": 1}, "hold_days": 400}"#;
    let errors = parse(text, Currency::EUR, false).expect_err("five mistakes");
    let expected = [
        ("commission[0].pay.percent", "invalid_percent"),
        ("commission[1].pay", "exactly_one_way"),
        ("split.extra", "unknown_field"),
        ("split.platform", "missing_field"),
        ("hold_days", "out_of_range"),
    ];
    assert_eq!(codes(&errors), expected);
}

#[test]
fn sizes_are_bounded() {
    let rules = vec![r#"{"pay": {"flat": "1"}}"#; 201].join(",");
    assert_eq!(codes(&parse(&with_rule(&rules), Currency::EUR, false).expect_err("201")), [("commission", "too_many")]);
    let names = vec!["\"a\""; 1001].join(",");
    let rule = format!(r#"{{"when": {{"category": [{names}]}}, "pay": {{"flat": "1"}}}}"#);
    assert_eq!(codes(&parse(&with_rule(&rule), Currency::EUR, false).expect_err("1001")), [("commission[0].when.category", "too_many")]);
    let rule = format!(r#"{{"when": {{"category": "{}"}}, "pay": {{"flat": "1"}}}}"#, "é".repeat(129));
    assert_eq!(codes(&parse(&with_rule(&rule), Currency::EUR, false).expect_err("129")), [("commission[0].when.category", "too_long")]);
}

fn percent() -> impl Strategy<Value = Percent> {
    (0_u32..=1_000_000).prop_map(|parts| Percent::from_parts(parts).expect("at most 100 %"))
}

fn minor() -> impl Strategy<Value = i64> {
    prop_oneof![0_i64..10_000, 0..=crate::kernel::money::MINOR_MAX]
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[^\\x00]{1,8}", 1..4)
}

/// Amounts that rise from 0.
fn ascending() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::btree_set(1..1_000_000_i64, 0..4).prop_map(|set| std::iter::once(0).chain(set).collect())
}

fn pay() -> impl Strategy<Value = Pay> {
    prop_oneof![
        percent().prop_map(Pay::Percent),
        minor().prop_map(Pay::Flat),
        minor().prop_map(Pay::PerItem),
        percent().prop_map(Pay::Reported),
        (ascending(), percent()).prop_map(|(from, percent)| Pay::Tiers(from.into_iter().map(|from| Tier { from, percent }).collect())),
    ]
}

fn when() -> impl Strategy<Value = When> {
    let publishers = prop::collection::vec((0..i64::MAX).prop_map(PublisherId::from_raw), 1..3);
    let types = texts().prop_filter("verbs are no goals", |types| !types.iter().any(|t| super::parse::VERBS.contains(&t.as_str())));
    let lists = (types, prop::option::of(texts()), prop::option::of(texts()), prop::option::of(publishers));
    (lists, prop::option::of(any::<bool>()), prop::option::of(minor())).prop_map(|(lists, customer_new, min_amount)| When {
        types: lists.0,
        categories: lists.1,
        customer_new,
        coupons: lists.2,
        publishers: lists.3,
        min_amount,
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    (when(), pay(), prop::option::of(minor()), prop::option::of(prop::sample::select(Reason::ALL)))
        .prop_map(|(when, pay, cap_per_order, reason)| Rule { when, pay, cap_per_order, reason })
}

fn code(codes: impl Strategy<Value = Vec<String>>) -> impl Strategy<Value = boost::Code> {
    let reward = prop_oneof![minor().prop_map(Reward::Flat), percent().prop_map(Reward::PercentOfBuyerShare)];
    (codes, reward, prop::option::of(1_i64..1000), prop::option::of(0_i64..1_000_000_000), prop::option::of("[^\\x00]{1,8}")).prop_map(
        |(codes, reward, quota, from, place)| {
            let from = from.map(Time::from_millis);
            boost::Code { codes, reward, quota, from, until: from.map(|from| from.plus(1)), place }
        },
    )
}

fn boost_kind() -> impl Strategy<Value = boost::Kind> {
    let least = || prop::option::of(minor());
    let tiers = (ascending(), percent()).prop_map(|(from, percent_of_buyer_share)| {
        from.into_iter().map(|from| boost::Tier { from, percent_of_buyer_share }).collect::<Vec<_>>()
    });
    prop_oneof![
        (percent(), 0_u32..100, 1_u32..100).prop_map(|(percent_of_buyer_share, within_days, more)| boost::Kind::Return {
            percent_of_buyer_share,
            within_days,
            fades_to_zero_at_days: within_days + more
        }),
        (minor(), least()).prop_map(|(flat, min_amount)| boost::Kind::Welcome { flat, min_amount }),
        (minor(), minor(), least()).prop_map(|(referrer, friend, min_amount)| boost::Kind::Referral { referrer, friend, min_amount }),
        code("[^\\x00]{1,8}".prop_map(|one| vec![one])).prop_map(boost::Kind::Code),
        code(texts()).prop_map(boost::Kind::Voucher),
        (1_i64..99, tiers).prop_map(|(program, tiers)| boost::Kind::Tier { programs: vec![ProgramId::from_raw(program)], tiers }),
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    let boosts = (boost_kind(), prop::sample::select(&[Funder::Platform, Funder::Merchant][..]), prop::option::of(minor()))
        .prop_map(|(kind, funded_by, budget)| Boost { kind, funded_by, budget });
    let split = (0_u32..=500_000, 0_u32..=500_000).prop_map(|(publisher, buyer)| {
        let percent = |parts| Percent::from_parts(parts).expect("at most 100 %");
        Split { publisher: percent(publisher), buyer: percent(buyer), platform: percent(1_000_000 - publisher - buyer) }
    });
    let models = &[Model::LastClick, Model::FirstClick, Model::Linear, Model::TimeDecay, Model::Position][..];
    let referrals = &[SelfReferral::Hold, SelfReferral::Allow, SelfReferral::Refuse][..];
    let attribution = (prop::sample::select(models), 1_u32..=365, 0_u32..=43_200, prop::sample::select(referrals)).prop_map(
        |(model, window_days, stand_down_minutes, self_referral)| Attribution { model, window_days, stand_down_minutes, self_referral },
    );
    let dues = (
        0_u32..=365,
        prop::sample::select(&[PayableOn::Approval, PayableOn::MerchantPayment][..]),
        0_u32..=365,
        prop::sample::select(&[UnclaimedTo::Publisher, UnclaimedTo::Platform, UnclaimedTo::Merchant][..]),
    );
    let currency = prop::sample::select(&["EUR", "JPY", "KWD", "CLF"][..]).prop_map(|code| code.parse().expect("known"));
    let lists = (prop::collection::vec(rule(), 1..5), prop::collection::vec(boosts, 0..3));
    (currency, lists, split, attribution, dues).prop_map(|(currency, (commission, boosts), split, attribution, dues)| Terms {
        rules: RULES,
        currency,
        commission,
        split,
        attribution,
        hold_days: dues.0,
        payable_on: dues.1,
        claim_days: dues.2,
        unclaimed_to: dues.3,
        boosts,
    })
}

proptest! {
    #[test]
    fn terms_are_read_back_as_written(terms in terms()) {
        let json = terms.to_json();
        let read = parse(&json, terms.currency, true);
        prop_assert_eq!(read.as_ref(), Ok(&terms), "{}", json);
        prop_assert_eq!(read.map(|read| read.to_json()), Ok(json));
    }

    #[test]
    fn mutilated_terms_are_refused_or_read_but_never_panic(terms in terms(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut json = terms.to_json().into_bytes();
        let at = at.index(json.len());
        json[at] = byte;
        if let Ok(text) = String::from_utf8(json)
            && let Ok(read) = parse(&text, terms.currency, true)
        {
            prop_assert_eq!(parse(&read.to_json(), terms.currency, true), Ok(read));
        }
    }
}
