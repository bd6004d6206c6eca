//! Recording a sale: first, again, completed by a click, replaced by a signed one, or released by a rate.

use super::{
    change::{self, Mint, Step},
    claim,
};
use crate::domain::{
    account::Account,
    attribution::{self, Attributed},
    buyer::same_email,
    command::Outcome,
    conversion::Status,
    decision::FactKind,
    due::Due,
    entry::Kind,
    facts::{Facts, LoyaltyFacts, ProgramFacts},
    movement::Payee,
    order::{ClaimFound, Context, Order, OwnedCoupon, SaleFact},
    publisher::Publisher,
    reason::{Reason, Refusal},
    sale::{OrderKey, SALE, Sale, SentClick},
    terms::{self, Version, when::fold_code},
    touch::{Known, Touch, TouchBuyer},
};
use crate::kernel::{
    currency::Currency,
    id::{BuyerId, ClickId, ConversionId, PublisherId},
    money::Money,
    percent::Percent,
    time::{SECOND, Time},
};
use std::collections::BTreeMap;

/// `occurred_at` lies at most so far ahead: clocks differ. Microseconds.
const AHEAD_MAX: i64 = 300 * SECOND;

pub(super) fn sale(facts: &Facts, key: &OrderKey, sale: &Sale, now: Time, mint: Mint<'_>) -> Step {
    let program = change::program(facts, key)?;
    let before = facts.orders.get(key);
    let stored = before.and_then(|order| order.sale.as_ref());
    let occurred_at = stored.map_or(sale.occurred_at, |stored| stored.sale.occurred_at);
    let version = version(program, before, occurred_at).ok_or(Refusal::NotFound)?;
    if !version.terms.names_goal(&key.goal) {
        return Err(Refusal::UnknownType);
    }
    let amount = sale.content.amount.minor;
    if amount < 0 || (key.goal == SALE && amount == 0) {
        return Err(Refusal::AmountNotPositive);
    }
    if sale.occurred_at.since(now) > AHEAD_MAX {
        return Err(Refusal::OccurredInFuture);
    }
    let (Some(stored), Some(order)) = (stored, before) else {
        let fact = SaleFact { sale: sale.clone(), received_at: now, revision: 1 };
        return put(facts, program, version, before, key, fact, Kind::Recorded, now, mint);
    };
    let revised = |clicks: &[SentClick]| SaleFact {
        sale: Sale { occurred_at, clicks: clicks.to_vec(), ..sale.clone() },
        received_at: stored.received_at,
        revision: stored.revision + 1,
    };
    let is_repeat = stored.sale.content == sale.content;
    match (stored.sale.signed, sale.signed) {
        // Whole, with its clicks: had the signed one come first, the other would have changed nothing.
        (false, true) => put(facts, program, version, before, key, revised(&sale.clicks), Kind::Replaced, now, mint),
        _ if !is_repeat => Err(Refusal::OrderConflict),
        (true, false) => change::duplicate(program, before),
        _ => complete(facts, program, version, order, &stored.sale, sale, revised(&sale.clicks), now, mint),
    }
}

/// The same sale again: if it brings clicks that count and the stored ones do not, it completes it. That includes a sale credited by a
/// coupon, whose buyer the clicks tell; a sale refused for self-referral has its clicks.
#[expect(clippy::too_many_arguments, reason = "the parts of one step, all of different types")]
fn complete(
    facts: &Facts,
    program: &ProgramFacts,
    version: &Version,
    order: &Order,
    stored: &Sale,
    sale: &Sale,
    revised: SaleFact,
    now: Time,
    mint: Mint<'_>,
) -> Step {
    let counts = |sale: &Sale, touches: &[Touch]| {
        let asked = attribution::Asked {
            program: order.key.program,
            occurred_at: stored.occurred_at,
            other_channel: sale.other_channel.is_some(),
            touches,
            coupon: None,
        };
        !attribution::attribute(&version.terms.attribution, &asked).credited.is_empty()
    };
    let is_open = match &order.context {
        Some(context) => !counts(stored, &context.touches),
        None => !counts(stored, &touches(facts, stored, None)),
    };
    if sale.signed && is_open && counts(sale, &touches(facts, sale, None)) {
        put(facts, program, version, Some(order), &order.key, revised, Kind::Completed, now, mint)
    } else {
        change::duplicate(program, Some(order))
    }
}

/// A sale that waited for a rate, now that one may have come.
pub(super) fn release(facts: &Facts, key: &OrderKey, now: Time, mint: Mint<'_>) -> Step {
    let program = change::program(facts, key)?;
    let order = facts.orders.get(key).ok_or(Refusal::NotFound)?;
    let fact = order.sale.clone().ok_or(Refusal::NotRecorded)?;
    if order.context.is_some() {
        return change::duplicate(program, Some(order));
    }
    let version = version(program, Some(order), fact.sale.occurred_at).ok_or(Refusal::NotFound)?;
    let mut order = order.clone();
    order.context = Some(look_up(facts, version, &order, &fact.sale, now).ok_or(Refusal::NotDue)?);
    hold_unpaid(facts, program, &mut order);
    finish(facts, Some(&facts.loyalty), facts.orders.get(key), order, None, &fact.sale, Kind::Recorded, now, mint)
}

/// Stores a sale's content and records it, or parks it if there is no rate: also a signed one that replaces a recorded unsigned one.
#[expect(clippy::too_many_arguments, reason = "the parts of one step, all of different types")]
fn put(
    facts: &Facts,
    program: &ProgramFacts,
    version: &Version,
    before: Option<&Order>,
    key: &OrderKey,
    fact: SaleFact,
    kind: Kind,
    now: Time,
    mint: Mint<'_>,
) -> Step {
    debug_assert_eq!(program.program.id, key.program);
    let mut order = before.cloned().unwrap_or_else(|| Order::empty(ConversionId::from_raw(mint()), key.clone()));
    let sale = fact.sale.clone();
    order.sale = Some(fact);
    // Once, as debts: when it first credits somebody, which may be when it is completed or replaced.
    let is_open = kept_due(facts, &order).is_none();
    order.context = look_up(facts, version, &order, &sale, now);
    if is_open {
        hold_unpaid(facts, program, &mut order);
    }
    let kind = if before.is_some_and(|before| before.context.is_some()) { kind } else { Kind::Recorded };
    finish(facts, Some(&facts.loyalty), before, order, Some(FactKind::Sale), &sale, kind, now, mint)
}

/// What storing a sale comes to, with the touches and the customer that are new.
#[expect(clippy::too_many_arguments, reason = "the parts of one step, all of different types")]
pub(super) fn finish(
    facts: &Facts,
    known: Option<&LoyaltyFacts>,
    before: Option<&Order>,
    order: Order,
    fact: Option<FactKind>,
    sale: &Sale,
    kind: Kind,
    now: Time,
    mint: Mint<'_>,
) -> Step {
    let is_recorded = order.context.is_some();
    let was_known = |click: &ClickId| {
        let touches = before.and_then(|b| b.context.as_ref()).map_or(&[][..], |context| &context.touches);
        touches.iter().any(|touch| matches!(touch, Touch::Known(known) if known.click == *click))
    };
    let clicks = |touch: &Touch| match touch {
        Touch::Known(touch) => Some(touch.click),
        Touch::Unknown(_) => None,
    };
    let new_clicks =
        order.context.iter().flat_map(|context| context.touches.iter().filter_map(clicks)).filter(|click| !was_known(click)).collect();
    let mut change = change::change_with(facts, known, before, order, fact, kind, now, mint)?;
    change.new_clicks = new_clicks;
    let reference = sale.content.customer.as_ref().and_then(|customer| customer.reference.clone());
    change.customer =
        reference.filter(|reference| is_recorded && !facts.customers.contains_key(&(change.order.key.program, reference.clone())));
    let outcome = match &change.conversion {
        None => Outcome::Parked(Some(Reason::NoRate)),
        Some(conversion) if conversion.status == Status::Unattributed => Outcome::Unattributed(Box::new(conversion.clone())),
        Some(conversion) => Outcome::Recorded(Box::new(conversion.clone())),
    };
    Ok((outcome, vec![change]))
}

/// The version an order has, or the one in effect when it occurred.
pub(super) fn version<'a>(program: &'a ProgramFacts, order: Option<&Order>, occurred_at: Time) -> Option<&'a Version> {
    let kept = order.and_then(|order| order.context.as_ref()).map(|context| context.terms_version);
    match kept {
        Some(number) => program.versions.iter().find(|version| version.number == number),
        None => terms::in_effect(&program.versions, occurred_at),
    }
}

/// Looks up once what comes from elsewhere; what an earlier recording of the order found stays. None if there is no fitting rate.
fn look_up(facts: &Facts, version: &Version, order: &Order, sale: &Sale, now: Time) -> Option<Context> {
    let kept = order.context.as_ref();
    let (from, to) = (sale.content.amount.currency, version.terms.currency);
    let conversion = match kept.map(|context| &context.conversion).filter(|kept| kept.from == from) {
        Some(kept) => kept.clone(),
        None => facts.rates.conversion(from, to, facts.zone.day(sale.occurred_at))?,
    };
    let (touches, coupon) = (touches(facts, sale, kept), own_coupon(facts, order, sale));
    let asked = attribution::Asked {
        program: order.key.program,
        occurred_at: sale.occurred_at,
        other_channel: sale.other_channel.is_some(),
        touches: &touches,
        coupon: coupon.as_ref(),
    };
    let recorded_at = kept.map_or(now, |context| context.recorded_at);
    let attributed = attribution::attribute(&version.terms.attribution, &asked);
    let revision = order.sale.as_ref().map_or(1, |fact| fact.revision);
    let claimants = order.claims.iter().filter_map(|(buyer, fact)| {
        let found = claim::look_up(facts, version, order, (&asked, recorded_at, revision), (*buyer, fact), now)?;
        Some((*buyer, found))
    });
    let claimants: BTreeMap<BuyerId, ClaimFound> = claimants.collect();
    // A buyer who has to stand back behind a claim is nobody of the order's.
    let (owing, claimed) =
        attribution::claimed(&version.terms, &asked, recorded_at, order.claimants(revision, &claimants), attributed.clone());
    let owing = if claimed.is_some_and(|claimed| claimed.attributes) { attributed.clone() } else { owing };
    Some(Context {
        claimants,
        recorded_at,
        terms_version: version.number,
        conversion,
        customer_new: customer_new(facts, order, sale),
        tier_base: if version.terms.has_tiers() { tier_base(facts, order, &attributed, now) } else { 0 },
        self_referral: attributed
            .buyer
            .is_some_and(|buyer| is_self_referral(facts, buyer, attributed.credited.iter().map(|c| c.publisher))),
        in_debt: match kept.filter(|context| was_credited(facts, version, order, context)) {
            Some(context) => context.in_debt,
            None => is_in_debt(facts, &owing, to),
        },
        // Also as a claim found it, whose publisher the sale's own clicks may replace.
        budget_used_up: kept.is_some_and(|context| context.budget_used_up)
            || order.claims.values().filter_map(|fact| fact.found).any(|found| found.budget_used_up),
        touches,
        coupon,
    })
}

/// Whether whoever is credited, or the buyer, owes too much.
pub(super) fn is_in_debt(facts: &Facts, attributed: &Attributed, currency: Currency) -> bool {
    let publishers = attributed.credited.iter().map(|credited| Payee::Publisher(credited.publisher));
    let mut payees = publishers.chain(attributed.buyer.map(Payee::Buyer)).filter(|_| !attributed.credited.is_empty());
    let is_beyond = |payee: Payee| {
        let owed = facts.balances.get(&(payee.payable(), currency)).copied().unwrap_or(0);
        facts.debt_limit.is_some_and(|limit| limit.is_exceeded(Money::new(owed, currency)))
    };
    payees.any(is_beyond)
}

/// What is due on the order as stored, if somebody was credited, and what was looked up for it: that is kept.
fn kept_due<'a>(facts: &'a Facts, order: &Order) -> Option<(Due, &'a Context)> {
    let (stored, program) = (facts.orders.get(&order.key)?, facts.programs.get(&order.key.program)?);
    let due = change::due_of(program, stored).ok().flatten()?;
    stored.context.as_ref().filter(|_| !due.credits.is_empty()).map(|context| (due, context))
}

/// Whether the sale that is stored had credits of its own, so that what was looked up for them stays.
fn was_credited(facts: &Facts, version: &Version, order: &Order, context: &Context) -> bool {
    let Some(stored) = facts.orders.get(&order.key).and_then(|order| order.sale.as_ref()) else { return false };
    let asked = attribution::Asked {
        program: order.key.program,
        occurred_at: stored.sale.occurred_at,
        other_channel: stored.sale.other_channel.is_some(),
        touches: &context.touches,
        coupon: context.coupon.as_ref(),
    };
    !attribution::attribute(&version.terms.attribution, &asked).credited.is_empty()
}

/// Notes whether the credit of a merchant that pays ahead covers the sale.
fn hold_unpaid(facts: &Facts, program: &ProgramFacts, order: &mut Order) {
    let budget_used_up = is_unpaid(facts, program, order);
    if let Some(context) = order.context.as_mut() {
        context.budget_used_up = budget_used_up;
    }
}

/// Whether a prepaid merchant's credit, less what is promised already, does not cover what it owes for the order.
pub(super) fn is_unpaid(facts: &Facts, program: &ProgramFacts, order: &Order) -> bool {
    let (merchant, currency) = (program.program.merchant, program.program.currency);
    if !facts.merchants.get(&merchant).is_some_and(|merchant| merchant.billing.prepaid) {
        return false;
    }
    let (owed, pending) = (Account::MerchantOwed(merchant), Account::MerchantPending(merchant));
    // Amounts beyond all measure are refused where the order is decided.
    let row = change::due_of(program, order).ok().flatten().map(|due| due.row(merchant, program.program.id));
    // An order that is approved already owes it. Bonuses that the merchant pays are looked up afterwards: the next sale counts them.
    let promised: i64 = row.iter().flat_map(|row| [owed, pending].map(|account| row.get(&account).copied().unwrap_or(0))).sum();
    let held = |account| i128::from(facts.balances.get(&(account, currency)).copied().unwrap_or(0));
    promised > 0 && held(owed) + held(pending) + i128::from(promised) > 0
}

/// The clicks of a sale with what is known of them.
fn touches(facts: &Facts, sale: &Sale, kept: Option<&Context>) -> Vec<Touch> {
    let touch = |sent: &SentClick| match sent {
        SentClick::Unknown(text) => Touch::Unknown(text.clone()),
        SentClick::Opened(opened) => {
            let link = facts.links.get(&opened.link);
            let known = link.and_then(|link| Some((link, facts.publishers.get(&link.publisher)?)));
            let Some((link, publisher)) = known else { return Touch::Unknown(opened.click.to_string()) };
            let tied = || facts.ties.get(&opened.click).map(|tie| TouchBuyer { id: tie.buyer, tied_at: Some(tie.at) });
            Touch::Known(Known {
                click: opened.click,
                link: opened.link,
                program: link.program,
                publisher: link.publisher,
                kind: publisher.kind,
                generosity: generosity(kept, publisher),
                quality: opened.quality,
                buyer: opened.buyer.map(|id| TouchBuyer { id, tied_at: None }).or_else(tied),
            })
        }
    };
    sale.clicks.iter().map(touch).collect()
}

/// What a publisher gives to the buyer, as it was when the order was first recorded with a click or coupon of theirs.
pub(super) fn generosity(kept: Option<&Context>, publisher: &Publisher) -> Percent {
    let of_touch = |touch: &Touch| match touch {
        Touch::Known(known) if known.publisher == publisher.id => Some(known.generosity),
        _ => None,
    };
    let by_coupon = |context: &Context| context.coupon.as_ref().filter(|coupon| coupon.publisher == publisher.id).map(|c| c.generosity);
    let found = kept.and_then(|context| context.touches.iter().find_map(of_touch).or_else(|| by_coupon(context)));
    found.unwrap_or(publisher.generosity)
}

fn own_coupon(facts: &Facts, order: &Order, sale: &Sale) -> Option<OwnedCoupon> {
    let code = fold_code(sale.content.coupon.as_ref()?);
    let coupon = facts.coupons.get(&(order.key.program, code)).filter(|coupon| coupon.is_valid_at(sale.occurred_at))?;
    let generosity = generosity(order.context.as_ref(), facts.publishers.get(&coupon.publisher)?);
    Some(OwnedCoupon { id: coupon.id, publisher: coupon.publisher, generosity })
}

/// What the merchant says wins; else a reference not seen before in the program, but by this very order, is new.
fn customer_new(facts: &Facts, order: &Order, sale: &Sale) -> Option<bool> {
    let customer = sale.content.customer.as_ref()?;
    let by_reference = |reference: &String| match facts.customers.get(&(order.key.program, reference.clone())) {
        None => true,
        Some(first) => *first == order.id,
    };
    customer.new.or_else(|| customer.reference.as_ref().map(by_reference))
}

/// The publisher's approved net amount of the current month. An order that was recorded with this publisher keeps what was read then, so
/// what is read here never holds the order itself.
pub(super) fn tier_base(facts: &Facts, order: &Order, attributed: &Attributed, now: Time) -> i64 {
    let Some(publisher) = attributed.credited.last().map(|c| c.publisher) else { return 0 };
    let stored = || {
        let (due, _) = kept_due(facts, order)?;
        let same = due.credits.last().is_some_and(|credit| credit.publisher == publisher);
        same.then_some(due.workings.tier_base)
    };
    let read = || facts.tier_bases.get(&(order.key.program, publisher, facts.zone.month(now))).copied().unwrap_or(0);
    stored().unwrap_or_else(read)
}

/// Whether the buyer is one of these publishers: by their accounts, or by the e-mail address.
pub(super) fn is_self_referral(facts: &Facts, buyer: BuyerId, publishers: impl IntoIterator<Item = PublisherId>) -> bool {
    let email = facts.buyers.get(&buyer).and_then(|buyer| buyer.email.as_deref());
    let is_same = |publisher: &Publisher| publisher.buyer == Some(buyer) || same_email(email, publisher.email.as_deref());
    publishers.into_iter().any(|publisher| facts.publishers.get(&publisher).is_some_and(is_same))
}
