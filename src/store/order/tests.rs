//! What is stored of an order comes back as it was: every kind of fact, with hostile texts and extreme numbers.
use super::*;
use crate::domain::{
    click::Quality,
    loyalty::{Brought, Loyalty, TierBase, Voucher},
    order::{Actor, Adjust, Approvals, ClaimFact, ClaimFound, Context, OwnedCoupon, RefundFact, Reopened, SaleFact, Tie, Verdict},
    publisher::Kind,
    rate::{Applied, Conversion, Rate},
    sale::{Content, Customer, Line, OpenedClick, Refund, RefundLine, Sale, SentClick},
    terms::boost::{Funder, Reward},
    touch::{Known, Touch, TouchBuyer},
    verdict::{Grounds, VerdictReason},
};
use crate::kernel::{
    currency::Currency,
    id::{BuyerId, ClaimId, ClickId, CouponId, LinkId, PublisherId, VoucherBatchId},
    money::Money,
    percent::Percent,
    time::Day,
};
use proptest::{collection::vec, option, prelude::*};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), Just("{\"unknown\":1}".to_owned()), Just("\\u0000 \u{2028}\u{202e}'\";--".to_owned())]
}
fn currency() -> impl Strategy<Value = Currency> {
    prop_oneof!["EUR", "JPY", "KWD", "CLF"].prop_map(|code| code.parse().expect("known"))
}
fn money() -> impl Strategy<Value = Money> {
    (any::<i64>(), currency()).prop_map(|(minor, currency)| Money::new(minor, currency))
}
fn time() -> impl Strategy<Value = Time> {
    any::<i64>().prop_map(Time::from_micros)
}
fn raw() -> impl Strategy<Value = i64> {
    0..=i64::MAX
}
fn quality() -> impl Strategy<Value = Quality> {
    proptest::sample::select(Quality::ALL)
}
fn percent() -> impl Strategy<Value = Percent> {
    (0..=1_000_000_u32).prop_map(|parts| Percent::from_parts(parts).expect("at most 100 %"))
}

prop_compose! {
    fn line()(sku in option::of(text()), category in option::of(text()), quantity in any::<i64>(), amount in any::<i64>()) -> Line {
        Line { sku, category, quantity, amount }
    }
}
fn opened() -> impl Strategy<Value = OpenedClick> {
    (raw(), raw(), option::of(raw()), quality()).prop_map(|(click, link, buyer, quality)| OpenedClick {
        click: ClickId::from_raw(click),
        link: LinkId::from_raw(link),
        buyer: buyer.map(BuyerId::from_raw),
        quality,
    })
}
fn sent() -> impl Strategy<Value = SentClick> {
    prop_oneof![opened().prop_map(SentClick::Opened), text().prop_map(SentClick::Unknown)]
}
prop_compose! {
    fn content()(
        amount in money(),
        lines in vec(line(), 0..4),
        coupon in option::of(text()),
        customer in option::of((option::of(text()), any::<Option<bool>>())),
        reported in any::<Option<i64>>(),
    ) -> Content {
        Content { amount, lines, coupon, customer: customer.map(|(reference, new)| Customer { reference, new }), reported }
    }
}
prop_compose! {
    fn sale()(
        content in content(),
        occurred_at in time(),
        clicks in vec(sent(), 0..4),
        other_channel in option::of(text()),
        signed in any::<bool>(),
        received_at in time(),
        revision in 1_u32..9,
    ) -> SaleFact {
        SaleFact { sale: Sale { content, occurred_at, clicks, other_channel, signed }, received_at, revision }
    }
}
fn refund() -> impl Strategy<Value = Refund> {
    let line = (text(), any::<i64>(), any::<i64>()).prop_map(|(sku, quantity, amount)| RefundLine { sku, quantity, amount });
    let lines = (currency(), vec(line, 0..4)).prop_map(|(currency, lines)| Refund::Lines { currency, lines });
    prop_oneof![money().prop_map(Refund::Amount), lines]
}
fn actor() -> impl Strategy<Value = Actor> {
    proptest::sample::select(vec![Actor::Merchant, Actor::Operator, Actor::Buyer, Actor::Clock])
}
fn grounds() -> impl Strategy<Value = Grounds> {
    let coded = proptest::sample::select(VerdictReason::ALL).prop_map(Grounds::from);
    prop_oneof![coded, text().prop_map(Grounds::other)]
}
fn verdict() -> impl Strategy<Value = Verdict> {
    (actor(), option::of(grounds()), time(), 0_u32..3).prop_map(|(by, reason, at, round)| Verdict { by, reason, at, round })
}
fn known() -> impl Strategy<Value = Known> {
    let kind = proptest::sample::select(vec![Kind::Content, Kind::Cashback, Kind::Coupon, Kind::Tool]);
    let buyer = option::of((raw(), option::of(time())).prop_map(|(id, tied_at)| TouchBuyer { id: BuyerId::from_raw(id), tied_at }));
    (opened(), raw(), raw(), kind, percent(), buyer).prop_map(|(opened, program, publisher, kind, generosity, buyer)| Known {
        click: opened.click,
        link: opened.link,
        program: ProgramId::from_raw(program),
        publisher: PublisherId::from_raw(publisher),
        kind,
        generosity,
        quality: opened.quality,
        buyer,
    })
}
fn touch() -> impl Strategy<Value = Touch> {
    prop_oneof![known().prop_map(Touch::Known), text().prop_map(Touch::Unknown)]
}
fn claim_found() -> impl Strategy<Value = ClaimFound> {
    let parts = (any::<u32>(), option::of(raw()), option::of(any::<i64>()), any::<bool>(), any::<bool>(), any::<bool>());
    parts.prop_map(|(revision, publisher, tier_base, self_referral, in_debt, budget_used_up)| {
        let publisher = publisher.map(PublisherId::from_raw);
        ClaimFound { revision, publisher, tier_base, self_referral, in_debt, budget_used_up }
    })
}
fn claim() -> impl Strategy<Value = (BuyerId, ClaimFact)> {
    let parts = (1..i64::MAX, raw(), time(), vec(known(), 0..3), option::of(claim_found()), any::<bool>(), 1_u32..9);
    parts.prop_map(|(buyer, claim, at, touches, found, closed, revision)| {
        (BuyerId::from_raw(buyer), ClaimFact { claim: ClaimId::from_raw(claim), at, revision, touches, found, closed })
    })
}
prop_compose! {
    fn found()(
        recorded_at in time(),
        terms_version in any::<u32>(),
        (from, to) in (currency(), currency()),
        rates in option::of(((-700_000..700_000_i32), proptest::sample::select(vec!["1", "0.00000001", "99999999.99999999", "160.50"]))),
        touches in vec(touch(), 0..4),
        coupon in option::of((raw(), raw(), percent())),
        customer_new in any::<Option<bool>>(),
        tier_base in any::<i64>(),
        (self_referral, in_debt) in (any::<bool>(), any::<bool>()),
        claimants in proptest::collection::btree_map((1..i64::MAX).prop_map(BuyerId::from_raw), claim_found(), 0..3),
    ) -> Context {
        let rate = |text| Rate::parse(text).expect("a rate");
        let applied = |(day, text)| Applied { day: Day::from_number(day), from: rate(text), to: rate("1.0876") };
        let owned = |(id, publisher, generosity)| OwnedCoupon {
            id: CouponId::from_raw(id), publisher: PublisherId::from_raw(publisher), generosity,
        };
        Context {
            recorded_at, terms_version, conversion: Conversion { from, to, rates: rates.map(applied) }, touches,
            coupon: coupon.map(owned), customer_new, tier_base, self_referral, claimants, in_debt, budget_used_up: !self_referral,
        }
    }
}
prop_compose! {
    fn loyalty()(
        (buyer, coupon, at, revision) in (raw(), option::of(text()), time(), 1_u32..9),
        last_order in option::of(time()),
        bases in proptest::collection::btree_map(text(), (any::<i64>(), vec(raw(), 0..3)), 0..3),
        voucher in option::of((raw(), option::of(text()), any::<bool>(), any::<i64>(), percent(), option::of(time()), option::of(time()))),
        brought in option::of(option::of(raw())),
        caps in proptest::collection::btree_map(text(), any::<i64>(), 0..3),
    ) -> Loyalty {
        let base = |(amount, left_out): (i64, Vec<i64>)| TierBase { amount, left_out: left_out.into_iter().map(ProgramId::from_raw).collect() };
        let voucher = voucher.map(|(batch, boost, is_flat, flat, percent, from, until)| Voucher {
            batch: VoucherBatchId::from_raw(batch), boost, funded_by: Funder::Merchant, from, until,
            reward: if is_flat { Reward::Flat(flat) } else { Reward::PercentOfBuyerShare(percent) },
        });
        Loyalty {
            buyer: BuyerId::from_raw(buyer), coupon, at, revision, last_order, voucher, caps,
            bases: bases.into_iter().map(|(name, found)| (name, base(found))).collect(),
            brought: brought.map(|by| Brought { by: by.map(BuyerId::from_raw) }),
        }
    }
}
prop_compose! {
    fn order()(
        sale in option::of(sale()),
        refunds in proptest::collection::btree_map(text(), (refund(), time(), 1_u32..9).prop_map(|(refund, at, revision)| RefundFact { refund, at, revision }), 0..3),
        (cancel, reject) in (option::of(verdict()), option::of(verdict())),
        (merchant, operator, clock) in (option::of(time()), option::of(time()), option::of(time())),
        adjust in option::of((money(), option::of(grounds()), time(), 1_u32..9)),
        reopened in option::of((grounds(), time(), 1_u32..9)),
        tie in option::of((raw(), raw(), time(), any::<bool>(), 1_u32..9)),
        (merchant_paid, expired, loyalty) in (option::of(time()), option::of(time()), option::of(loyalty())),
        claims in vec(claim(), 0..3),
    ) -> Order {
        let key = OrderKey { program: ProgramId::from_raw(1), goal: "sale".to_owned(), order_id: "A-1".to_owned() };
        let adjusted = |(amount, reason, at, revision): (Money, _, _, _)| Adjust { amount, reason, at, revision, room: amount.minor.max(0) };
        let reopened = reopened.map(|(reason, at, revision)| Reopened { reason, at, revision });
        let tied = |(buyer, click, at, self_referral, revision)| Tie {
            buyer: BuyerId::from_raw(buyer), click: ClickId::from_raw(click), at, self_referral, revision,
        };
        Order {
            sale, refunds, cancel, reject, reopened, approvals: Approvals { merchant, operator, clock }, adjust: adjust.map(adjusted),
            tie: tie.map(tied), merchant_paid, expired, loyalty, claims: claims.into_iter().collect(), ..Order::empty(ConversionId::from_raw(7), key)
        }
    }
}

fn kinds(order: &Order) -> Vec<FactKind> {
    let mut kinds: Vec<FactKind> = order.refunds.keys().cloned().map(FactKind::Refund).collect();
    kinds.extend(order.sale.as_ref().map(|_| FactKind::Sale));
    kinds.extend(order.cancel.as_ref().map(|_| FactKind::Cancel));
    kinds.extend(order.reject.as_ref().map(|_| FactKind::Reject));
    kinds.extend(order.reopened.as_ref().map(|_| FactKind::Reopen));
    kinds.extend(order.adjust.as_ref().map(|_| FactKind::Adjust));
    kinds.extend(order.tie.map(|_| FactKind::Tie));
    kinds.extend(order.claims.keys().map(|buyer| FactKind::Claim(*buyer)));
    kinds.extend(order.merchant_paid.map(|_| FactKind::MerchantPaid));
    kinds.extend(order.expired.map(|_| FactKind::Expire));
    kinds.extend(order.loyalty.as_ref().map(|_| FactKind::Loyalty));
    kinds.extend(order.paid.as_ref().map(|_| FactKind::Paid));
    let by = [Actor::Merchant, Actor::Operator, Actor::Clock];
    kinds.extend(by.into_iter().filter(|by| order.approvals.by(*by).is_some()).map(FactKind::Approve));
    kinds
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn facts_come_back_as_they_were(order in order()) {
        let mut read = Order::empty(order.id, order.key.clone());
        for kind in kinds(&order) {
            let row = fact::row(&order, &kind, InboxId::from_raw(1), order.sale.as_ref().map_or(Time::default(), |s| s.received_at));
            fact::add(&mut read, &row.expect("the order has it")).expect("we wrote it");
        }
        prop_assert_eq!(read, order);
    }

    #[test]
    fn contexts_come_back_as_they_were(found in found()) {
        let text = context::text(&found).expect("writes");
        prop_assert_eq!(context::parse(&text), Some(found));
    }
}

#[test]
fn the_later_decision_counts_whichever_message_came_first() {
    let key = OrderKey { program: ProgramId::from_raw(1), goal: "sale".to_owned(), order_id: "A-1".to_owned() };
    let mut order = Order::empty(ConversionId::from_raw(7), key);
    let (buyer, at) = (BuyerId::from_raw(5), Time::from_micros(9));
    let claim = ClaimFact { claim: ClaimId::from_raw(3), at, revision: 1, touches: Vec::new(), found: None, closed: false };
    let refund = |minor, revision| RefundFact { refund: Refund::Amount(Money::new(minor, Currency::EUR)), at, revision };
    let tie = |click, revision| Tie { buyer, click: ClickId::from_raw(click), at, self_referral: false, revision };
    let kinds = [FactKind::Claim(buyer), FactKind::Refund("r1".to_owned()), FactKind::Tie];
    let mut rows = Vec::new();
    // What was decided second stands before the other: its message had come before.
    for (revision, inbox) in [(1, 20), (2, 10)] {
        order.claims.insert(buyer, ClaimFact { revision, closed: revision == 2, ..claim.clone() });
        order.refunds.insert("r1".to_owned(), refund(100 * i64::from(revision), revision));
        order.tie = Some(tie(i64::from(revision), revision));
        rows.extend(kinds.iter().map(|kind| fact::row(&order, kind, InboxId::from_raw(inbox), at).expect("the order has it")));
    }
    rows.sort_by_key(|row| row.inbox);
    let mut read = Order::empty(order.id, order.key.clone());
    for row in &rows {
        fact::add(&mut read, row).expect("we wrote it");
    }
    assert_eq!(read, order);
}

#[test]
fn what_we_do_not_write_is_refused() {
    let base = Order::empty(
        ConversionId::from_raw(7),
        OrderKey { program: ProgramId::from_raw(1), goal: "sale".to_owned(), order_id: "A-1".to_owned() },
    );
    let fact = |kind: &str, key: &str, body: &str| {
        fact::add(
            &mut base.clone(),
            &Fact {
                conversion: base.id,
                kind: kind.to_owned(),
                key: key.to_owned(),
                inbox: InboxId::from_raw(1),
                at: Time::default(),
                body: body.to_owned(),
            },
        )
    };
    assert_eq!(fact("refund", "r1", r#"{"amount":5,"currency":"EUR"}"#), Some(()));
    for (kind, key, body) in [
        ("refund", "r1", r#"{"amount":5.5,"currency":"EUR"}"#),
        ("refund", "r1", r#"{"amount":5,"currency":"XXX"}"#),
        ("refund", "r1", r#"{"amount":5,"currency":"EUR","lines":[]}"#),
        ("refund", "r1", r#"{"amount":5,"currency":"EUR","extra":1}"#),
        ("refund", "r1", ""),
        ("approve", "nobody", "{}"),
        ("sale", "one", "{}"),
        ("cancel", "", r#"{"by":"somebody"}"#),
        ("unknown", "", "{}"),
    ] {
        assert_eq!(fact(kind, key, body), None, "{kind} {body}");
    }
}

#[test]
fn words_from_before_there_was_a_list_are_another_reason() {
    let key = OrderKey { program: ProgramId::from_raw(1), goal: "sale".to_owned(), order_id: "A-1".to_owned() };
    let read = |kind, body| {
        let (id, at) = (ConversionId::from_raw(7), Time::from_micros(9));
        exported(&Given { id, key: &key, kind, fact_key: "", at, body, context: None }).map(|(order, _)| order)
    };
    let reason = |order: Order| order.reject.or(order.cancel).and_then(|verdict| verdict.reason);
    let order = read("reject", r#"{"by":"merchant","reason":"never paid"}"#).expect("a fact");
    assert_eq!(reason(order), Some(Grounds::other("never paid")));
    let order = read("cancel", r#"{"by":"merchant","reason":"duplicate"}"#).expect("a fact");
    assert_eq!(reason(order), Some(VerdictReason::Duplicate.into()));
    assert_eq!(read("reject", r#"{"by":"merchant","reason":"fraud","reason_text":"x"}"#), None, "words stand beside `other` only");
    assert_eq!(read("reopen", r#"{"reason":"other"}"#), None, "a reopening has its number");
}
