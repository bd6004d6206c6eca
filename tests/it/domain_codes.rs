//! Every reason and every refusal is reached: one row each, and a value without a row fails.

mod beside;

use crate::domain_payouts;
use crate::support::domain::{Said, World, back, back_lines, in_category, money, noon, pays_flat, pays_percent, sale, terms, when};
use beside::{claim_of, invoiced, paid_credit_note, payout};
use ristourne::domain::{
    account::{Account, Stage},
    claim::ClaimReason,
    click::Quality,
    command::{Act, Answered, Command, Moved, Once, Outcome, Restored},
    idempotency::{Scope, Slot},
    merchant::{Billing, Merchant},
    movement::What,
    order::Actor,
    payout::{Form, Step},
    publisher::Kind,
    reason::{Reason, Refusal},
    sale::OpenedClick,
    terms::{Rule, SelfReferral, Terms},
    touch::ClickTie,
    verdict::Why,
};
use ristourne::kernel::{
    code::Language,
    currency::Currency,
    id::{BuyerId, ClickId, KeyId},
    money::Money,
    time::{DAY, SECOND},
};
use std::sync::Arc;

/// A row: makes a world and says where in it the value shows.
type Row<T> = (T, fn() -> Vec<T>);

fn of_conversion(world: &World) -> Vec<Reason> {
    world.conversion("A-1").reason.as_ref().map(Why::code).and_then(Reason::from_code).into_iter().collect()
}

/// The reason of a sale with a click a day before noon, changed as wanted.
fn sold(terms: Terms, change: impl FnOnce(&mut World, OpenedClick) -> Said) -> Vec<Reason> {
    let mut world = World::with(terms);
    let blog = world.publisher(Kind::Content, "0", Some("a@b.example"));
    let click = world.click(blog, DAY);
    let said = change(&mut world, click);
    world.sell("A-1", &said);
    of_conversion(&world)
}

fn excluded(reason: Reason) -> Vec<Reason> {
    let rule = Rule { reason: Some(reason), ..pays_percent("0") };
    sold(Terms { commission: vec![rule], ..terms() }, |_, click| sale("9.00").click(&click))
}

fn after(acts: impl FnOnce(&mut World)) -> Vec<Reason> {
    let mut world = World::new();
    let blog = world.blog();
    let click = world.click(blog, DAY);
    world.sell("A-1", &sale("9.00").lines(&[("a", "", 1, "9.00")]).click(&click));
    acts(&mut world);
    of_conversion(&world)
}

/// A parked refund that its sale then refuses.
fn parked(refund: ristourne::domain::sale::Refund) -> Vec<Reason> {
    let mut world = World::new();
    world.refund("A-1", "R-1", refund);
    world.sell("A-1", &sale("9.00").lines(&[("a", "", 1, "9.00")]));
    world.due("A-1").workings.left.refused.iter().map(|(_, reason)| *reason).collect()
}

const REASONS: &[Row<Reason>] = &[
    (Reason::OtherChannel, || sold(terms(), |_, click| sale("9.00").click(&click).channel("google"))),
    (Reason::SelfReferral, || {
        let mut terms = terms();
        terms.attribution.self_referral = SelfReferral::Refuse;
        sold(terms, |world, click| {
            let buyer = world.buyer(Some("A@B.example"));
            sale("9.00").click(&OpenedClick { buyer: Some(buyer), ..click })
        })
    }),
    (Reason::NoClick, || sold(terms(), |_, _| sale("9.00"))),
    (Reason::UnknownClick, || sold(terms(), |_, _| sale("9.00").unknown_click())),
    (Reason::WrongProgram, || {
        sold(terms(), |world, click| {
            let publisher = world.facts.links[&click.link].publisher;
            let foreign = world.elsewhere(crate::support::domain::Blog { publisher, link: click.link });
            let click = world.click(foreign, DAY);
            sale("9.00").click(&click)
        })
    }),
    (Reason::ClickEmbedded, || sold(terms(), |_, click| sale("9.00").click(&OpenedClick { quality: Quality::Embedded, ..click }))),
    (Reason::ClickAfterSale, || sold(terms(), |_, click| sale("9.00").click(&click).at(noon().plus(-2 * DAY)))),
    (Reason::ClickExpired, || {
        sold(terms(), |world, click| {
            world.now = noon().plus(31 * DAY);
            sale("9.00").click(&click).at(noon().plus(30 * DAY))
        })
    }),
    (Reason::StoodDown, || {
        let mut terms = terms();
        terms.attribution.stand_down_minutes = 5;
        let mut world = World::with(terms);
        let (blog, tool) = (world.blog(), world.publisher(Kind::Tool, "0", None));
        let clicks = [world.click(blog, DAY), world.click(tool, DAY - SECOND)];
        world.sell("A-1", &sale("9.00").clicks(&clicks));
        world.due("A-1").workings.attributed.judged.iter().flatten().copied().collect()
    }),
    (Reason::NoRate, || match World::new().sell("A-1", &sale("9.00 USD")) {
        Outcome::Parked(reason) => reason.into_iter().collect(),
        other => panic!("{other:?}"),
    }),
    (Reason::NoRule, || {
        sold(Terms { commission: vec![in_category("x", pays_percent("5"))], ..terms() }, |_, click| sale("9.00").click(&click))
    }),
    (Reason::ExcludedCategory, || excluded(Reason::ExcludedCategory)),
    (Reason::ExcludedCoupon, || excluded(Reason::ExcludedCoupon)),
    (Reason::ExcludedCustomer, || excluded(Reason::ExcludedCustomer)),
    (Reason::ExcludedPublisher, || excluded(Reason::ExcludedPublisher)),
    (Reason::BelowMinimum, || {
        let rule = when(pays_flat("1.00"), |when| when.min_amount = Some(901));
        sold(Terms { commission: vec![rule], ..terms() }, |_, click| sale("9.00").click(&click))
    }),
    (Reason::RoundsToZero, || sold(terms(), |_, click| sale("0.09").click(&click))),
    (Reason::FullyRefunded, || {
        after(|world| {
            world.refund("A-1", "R-1", back("9.00"));
        })
    }),
    (Reason::Cancelled, || {
        after(|world| {
            world.cancel("A-1");
        })
    }),
    (Reason::Rejected, || {
        after(|world| {
            world.reject("A-1", None);
        })
    }),
    (Reason::SuspectTraffic, || sold(terms(), |_, click| sale("9.00").click(&OpenedClick { quality: Quality::Suspect, ..click }))),
    (Reason::BudgetUsedUp, || {
        sold(terms(), |world, click| {
            let (id, billing) = (world.merchant, Billing { prepaid: true, ..Billing::default() });
            world.facts.merchants.insert(id, Merchant { id, name: "Shop".to_owned(), email: None, billing });
            sale("9.00").click(&click)
        })
    }),
    (Reason::ClaimWindowClosed, || {
        let mut world = World::new();
        let (blog, buyer) = (world.blog(), world.buyer(None));
        let click = world.click(blog, DAY);
        world.sell("A-1", &sale("9.00").click(&click));
        world.now = world.now.plus_days(30);
        world.sign_in(buyer, &[click]).into_iter().flatten().collect()
    }),
    (Reason::DebtLimit, || {
        sold(terms(), |world, click| {
            let owes = Account::Publisher(world.facts.links[&click.link].publisher, Stage::Payable);
            world.facts.debt_limit = "1".parse().ok();
            world.facts.balances.insert((owes, Currency::EUR), 101);
            sale("9.00").click(&click)
        })
    }),
    (Reason::RefundExceedsOrder, || parked(back("9.01"))),
    (Reason::UnknownLine, || parked(back_lines(&[("b", 1, "1.00")]))),
    (Reason::CurrencyMismatch, || parked(back("1.00 USD"))),
    (Reason::ClickHasBuyer, || {
        let mut world = World::new();
        let (blog, alice, bob) = (world.blog(), world.buyer(None), world.buyer(None));
        let click = OpenedClick { buyer: Some(alice), ..world.click(blog, DAY) };
        world.sign_in(bob, &[click]).into_iter().flatten().collect()
    }),
];

/// Under this `Idempotency-Key`, with a body of this hash.
fn once(token: &str, body: u8) -> Once {
    let scope = Scope { api_key: KeyId::from_raw(1), path: "/conversions/cnv_1/approve".to_owned(), token: token.to_owned() };
    let render = Arc::new(|outcome: &Outcome| (outcome.http(), outcome.verdict().as_bytes().to_vec()));
    Once { slot: Slot { scope: Arc::new(scope), item: 0 }, body_hash: [body; 32], render }
}

/// What the last of some acts is refused with, after a sale of 9.00 EUR.
fn refused(act: impl FnOnce(&mut World) -> Outcome) -> Vec<Refusal> {
    let mut world = World::new();
    let blog = world.blog();
    let click = world.click(blog, DAY);
    world.sell("A-1", &sale("9.00").lines(&[("a", "", 1, "9.00")]).click(&click));
    world.refund("A-1", "R-1", back("1.00"));
    world.rates("2026-11-22", &[("JPY", "99999999")]);
    let held = (world.facts.orders.len(), world.entries.len());
    match act(&mut world) {
        Outcome::Refused(refusal) => {
            assert!(world.last.as_ref().is_some_and(|decision| decision.changes.is_empty()), "a refusal changes nothing");
            assert_eq!((world.facts.orders.len(), world.entries.len()), held);
            vec![refusal]
        }
        other => panic!("not refused: {other:?}"),
    }
}

/// A line of an export: a click that a sign-in gave a buyer.
fn restore_tie(world: &mut World, buyer: BuyerId) -> Outcome {
    let (click, tie) = (ClickId::from_raw(7), ClickTie { buyer, at: noon() });
    world.tell(Actor::Buyer, Act::Restore(Restored::ClickTie { click, tie }))
}

const REFUSALS: &[Row<Refusal>] = &[
    (Refusal::IdempotencyConflict, || {
        refused(|world| {
            let send = |world: &mut World, body: u8| {
                let command = world.command(Actor::Operator, Act::Approve { key: world.key("A-1") });
                world.send(&Command { once: Some(Box::new(once("again", body))), ..command })
            };
            assert!(matches!(send(world, 1), Outcome::Recorded(_)));
            assert_eq!(
                send(world, 1),
                Outcome::Replayed(world.facts.kept.values().next().expect("kept").clone()),
                "the same is answered again"
            );
            // What the first has brought is no trace of a refusal.
            world.entries.pop();
            send(world, 2)
        })
    }),
    (Refusal::WebhookIdConflict, || {
        refused(|world| {
            let send = |world: &mut World, body: u8| {
                let mut command = world.command(Actor::Merchant, Act::Cancel { key: world.key("A-1"), reason: None });
                command.message.webhook_id = Some("m-1".to_owned());
                command.message.body_hash = [body; 32];
                world.facts.webhooks.clear();
                if body == 2 {
                    world.facts.webhooks.insert((world.merchant, "m-1".to_owned()), [1; 32]);
                }
                ristourne::domain::decide::decide(&world.facts, &command, &mut || 1)
            };
            let decision = send(world, 2);
            let outcome = decision.outcome.clone();
            world.last = Some(decision);
            outcome
        })
    }),
    (Refusal::UnknownType, || {
        refused(|world| {
            let act = Act::Sale { key: world.key_of("lead", "A-2"), sale: sale("9.00").0 };
            world.tell(Actor::Merchant, act)
        })
    }),
    (Refusal::AmountNotPositive, || refused(|world| world.sell("A-2", &sale("0.00")))),
    (Refusal::OccurredInFuture, || refused(|world| world.sell("A-2", &sale("9.00").at(noon().plus(DAY))))),
    (Refusal::AmountOutOfRange, || {
        refused(|world| {
            world.rates("2026-11-21", &[("USD", "0.00000001")]);
            let link = *world.facts.links.iter().next().expect("one").0;
            let publisher = world.facts.links[&link].publisher;
            let click = world.click(crate::support::domain::Blog { publisher, link }, DAY);
            world.sell("A-2", &sale("10000000.01 USD").click(&click))
        })
    }),
    (Refusal::OrderConflict, || refused(|world| world.sell("A-1", &sale("9.01")))),
    (Refusal::RefundConflict, || refused(|world| world.refund("A-1", "R-1", back("2.00")))),
    (Refusal::CurrencyMismatch, || refused(|world| world.refund("A-1", "R-2", back("1.00 USD")))),
    (Refusal::UnknownLine, || refused(|world| world.refund("A-1", "R-2", back_lines(&[("b", 1, "1.00")])))),
    (Refusal::RefundExceedsOrder, || refused(|world| world.refund("A-1", "R-2", back("9.01")))),
    (Refusal::NotRecorded, || {
        let mut world = World::new();
        world.cancel("A-1");
        match world.adjust("A-1", "5.00") {
            Outcome::Refused(refusal) => vec![refusal],
            other => panic!("{other:?}"),
        }
    }),
    (Refusal::NotFound, || refused(|world| world.adjust("A-2", "5.00"))),
    (Refusal::NotDue, || refused(|world| world.expire("A-1"))),
    (Refusal::UnknownReference, || refused(|world| restore_tie(world, BuyerId::from_raw(1)))),
    (Refusal::TieConflict, || {
        refused(|world| {
            let (first, second) = (world.buyer(None), world.buyer(None));
            assert_eq!(restore_tie(world, first), Outcome::Tied(Vec::new()));
            assert_eq!(restore_tie(world, first), Outcome::Duplicate(None));
            restore_tie(world, second)
        })
    }),
    (Refusal::ExceedsBalance, || {
        refused(|world| {
            let merchant = world.merchant;
            world
                .facts
                .merchants
                .insert(merchant, Merchant { id: merchant, name: "Shop".to_owned(), email: None, billing: Billing::default() });
            let credit = Moved { amount: Money::new(1, Currency::EUR), reason: None, reference: None, happened_at: None };
            world.tell(Actor::Operator, Act::Move(What::PaidBack { merchant }, credit))
        })
    }),
    (Refusal::SellerUnknown, || refused(|world| invoiced(world, None, &[]))),
    (Refusal::NothingToInvoice, || refused(|world| invoiced(world, Some("Ristourne SAS"), &[]))),
    (Refusal::CreditNoteNotPayable, || refused(paid_credit_note)),
    (Refusal::CurrencyWanted, || refused(|world| invoiced(world, Some("Ristourne SAS"), &["EUR", "USD"]))),
    (Refusal::PaymentExported, || payout(&[Form::Pain001], |done| Step::Cancel { batch: done.batch.id })),
    (Refusal::PaymentNotExported, || payout(&[], |done| Step::Settle { payment: done.payments[0].id })),
    (Refusal::PaymentClosed, || {
        let mut world = World::new();
        let (_, done) = domain_payouts::paid_out(&mut world);
        let payment = done.payments[0].id;
        domain_payouts::step(&mut world, Step::Remove { payment }).expect("taken out");
        domain_payouts::step(&mut world, Step::Settle { payment }).err().into_iter().collect()
    }),
    (Refusal::NothingToExport, || payout(&[], |done| Step::Export { batch: done.batch.id, form: Form::Csv })),
    (Refusal::OrderAlreadyClaimed, || {
        let mut world = World::new();
        let (blog, first, second) = (world.blog(), world.buyer(None), world.buyer(None));
        let click = world.visit(first, blog, DAY);
        world.sell("A-1", &sale("9.00").click(&click));
        refusal_of(world.claim(second, "A-1"))
    }),
    (Refusal::ClaimWindowClosed, || {
        let mut world = World::new();
        let (blog, buyer) = (world.blog(), world.buyer(None));
        let click = world.click(blog, DAY);
        world.sell("A-1", &sale("9.00").click(&click));
        world.now = world.now.plus_days(30);
        refusal_of(world.claim(buyer, "A-1"))
    }),
    (Refusal::ClaimTooOld, || {
        let mut world = World::new();
        let buyer = world.buyer(None);
        world.sell("A-1", &sale("9.00"));
        world.now = world.now.plus_days(400);
        refusal_of(world.claim(buyer, "A-1"))
    }),
    (Refusal::TooManyClaims, || {
        let mut world = World::new();
        let buyer = world.buyer(None);
        for n in 0..5 {
            world.claim(buyer, &format!("C-{n}"));
        }
        refusal_of(world.claim(buyer, "C-5"))
    }),
    (Refusal::ClaimClosed, || {
        let mut world = World::new();
        let buyer = world.buyer(None);
        let claim = claim_of(&world.claim(buyer, "A-1"));
        let refuse = |reason| Answered::Refuse { reason, text: None };
        world.answer(Actor::Merchant, claim, refuse(ClaimReason::NoVisit));
        refusal_of(world.answer(Actor::Merchant, claim, refuse(ClaimReason::TooLate)))
    }),
    (Refusal::ClaimNotCreditable, || {
        let mut world = World::new();
        let buyer = world.buyer(None);
        let claim = claim_of(&world.claim(buyer, "A-1"));
        refusal_of(world.answer(Actor::Merchant, claim, Answered::Accept { amount: Some(money("9.00")) }))
    }),
    (Refusal::RateConflict, || refused(|world| world.rates("2026-11-22", &[("JPY", "160")]))),
];

fn refusal_of(outcome: Outcome) -> Vec<Refusal> {
    match outcome {
        Outcome::Refused(refusal) => vec![refusal],
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_reason_is_reached() {
    for (reason, reach) in REASONS {
        assert!(reach().contains(reason), "{reason}");
    }
    let missing: Vec<_> = Reason::ALL.iter().filter(|reason| !REASONS.iter().any(|(of, _)| of == *reason)).collect();
    assert!(missing.is_empty(), "reasons without a row: {missing:?}");
}

#[test]
fn every_refusal_is_reached() {
    for (refusal, reach) in REFUSALS {
        assert!(reach().contains(refusal), "{refusal}");
    }
    let missing: Vec<_> = Refusal::ALL.iter().filter(|refusal| !REFUSALS.iter().any(|(of, _)| of == *refusal)).collect();
    assert!(missing.is_empty(), "refusals without a row: {missing:?}");
}

#[test]
fn codes_are_distinct_and_written_in_both_languages() {
    fn check<T: Copy + PartialEq + std::fmt::Debug>(all: &[T], code: fn(T) -> &'static str, text: fn(T, Language) -> &'static str) {
        for (n, value) in all.iter().enumerate() {
            assert!(code(*value).bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{value:?}");
            assert!(!all[..n].iter().any(|other| code(*other) == code(*value)), "{value:?} twice");
            assert!(text(*value, Language::En).ends_with('.') && text(*value, Language::Fr).ends_with('.'), "{value:?}");
            assert_ne!(text(*value, Language::En), text(*value, Language::Fr), "{value:?}");
        }
    }
    check(Reason::ALL, Reason::code, Reason::text);
    check(Refusal::ALL, Refusal::code, Refusal::text);
}
