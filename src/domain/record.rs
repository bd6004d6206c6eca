//! Recording a sale: first, again, completed by a click, replaced by a signed one, or released by a rate.

use crate::domain::{
    attribution::{self, Attributed},
    buyer::same_email,
    command::Outcome,
    conversion::Status,
    decide::{self, Mint, Step},
    decision::FactKind,
    entry::Kind,
    facts::{Facts, ProgramFacts},
    order::{Context, Order, OwnedCoupon, SaleFact},
    reason::{Reason, Refusal},
    sale::{OrderKey, SALE, Sale, SentClick},
    terms::{self, Version, when::fold_code},
    touch::{Known, Touch, TouchBuyer},
};
use crate::kernel::{
    id::{BuyerId, ClickId, ConversionId, PublisherId},
    time::{SECOND, Time},
};

/// `occurred_at` lies at most so far ahead: clocks differ. Microseconds.
const AHEAD_MAX: i64 = 300 * SECOND;

pub(super) fn sale(facts: &Facts, key: &OrderKey, sale: &Sale, now: Time, mint: Mint<'_>) -> Step {
    let program = decide::program(facts, key)?;
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
    let same = stored.sale.content == sale.content;
    match (stored.sale.signed, sale.signed) {
        // Whole, with its clicks: had the signed one come first, the other would have changed nothing.
        (false, true) => put(facts, program, version, before, key, revised(&sale.clicks), Kind::Replaced, now, mint),
        _ if !same => Err(Refusal::OrderConflict),
        (true, false) => decide::duplicate(program, before),
        _ => complete(facts, program, version, order, sale, revised(&sale.clicks), now, mint),
    }
}

/// The same sale again: if it brings a click that an unattributed one lacked, it completes it.
#[expect(clippy::too_many_arguments, reason = "the parts of one step, all of different types")]
fn complete(
    facts: &Facts,
    program: &ProgramFacts,
    version: &Version,
    order: &Order,
    sale: &Sale,
    revised: SaleFact,
    now: Time,
    mint: Mint<'_>,
) -> Step {
    let touches = touches(facts, sale);
    let counts = |touches: &[Touch]| {
        let asked = attribution::Asked {
            program: order.key.program,
            occurred_at: revised.sale.occurred_at,
            other_channel: revised.sale.other_channel.is_some(),
            touches,
            coupon: None,
        };
        !attribution::attribute(&version.terms.attribution, &asked).credited.is_empty()
    };
    let is_open = match &order.context {
        Some(_) => decide::due_of(program, order)?.is_some_and(|due| due.workings.attributed.credited.is_empty()),
        None => !counts(&self::touches(facts, &order.sale.as_ref().map_or_else(|| sale.clone(), |fact| fact.sale.clone()))),
    };
    if sale.signed && is_open && counts(&touches) {
        put(facts, program, version, Some(order), &order.key, revised, Kind::Completed, now, mint)
    } else {
        decide::duplicate(program, Some(order))
    }
}

/// A sale that waited for a rate, now that one may have come.
pub(super) fn release(facts: &Facts, key: &OrderKey, now: Time, mint: Mint<'_>) -> Step {
    let program = decide::program(facts, key)?;
    let order = facts.orders.get(key).ok_or(Refusal::NotFound)?;
    let fact = order.sale.clone().ok_or(Refusal::NotRecorded)?;
    if order.context.is_some() {
        return decide::duplicate(program, Some(order));
    }
    let version = version(program, Some(order), fact.sale.occurred_at).ok_or(Refusal::NotFound)?;
    let mut order = order.clone();
    let Some(found) = look_up(facts, version, &order, &fact.sale, now) else { return Err(Refusal::NotDue) };
    found.put_into(&mut order);
    finish(facts, facts.orders.get(key), order, None, &fact.sale, Kind::Recorded, now, mint)
}

/// Stores a sale's content and records it, or parks it if there is no rate.
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
    if let Some(found) = look_up(facts, version, &order, &sale, now) {
        found.put_into(&mut order);
    }
    let kind = if before.is_some_and(|before| before.context.is_some()) { kind } else { Kind::Recorded };
    finish(facts, before, order, Some(FactKind::Sale), &sale, kind, now, mint)
}

#[expect(clippy::too_many_arguments, reason = "the parts of one step, all of different types")]
fn finish(
    facts: &Facts,
    before: Option<&Order>,
    order: Order,
    fact: Option<FactKind>,
    sale: &Sale,
    kind: Kind,
    now: Time,
    mint: Mint<'_>,
) -> Step {
    let is_recorded = order.context.is_some();
    let known = |click: &ClickId| {
        let touches = before.and_then(|b| b.context.as_ref()).map_or(&[][..], |context| &context.touches);
        touches.iter().any(|touch| matches!(touch, Touch::Known(known) if known.click == *click))
    };
    let clicks = |touch: &Touch| match touch {
        Touch::Known(touch) => Some(touch.click),
        Touch::Unknown(_) => None,
    };
    let new_clicks =
        order.context.iter().flat_map(|context| context.touches.iter().filter_map(clicks)).filter(|click| !known(click)).collect();
    let mut change = decide::change(facts, before, order, fact, kind, now, mint)?;
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
fn version<'a>(program: &'a ProgramFacts, order: Option<&Order>, occurred_at: Time) -> Option<&'a Version> {
    let kept = order.and_then(|order| order.context.as_ref()).map(|context| context.terms_version);
    match kept {
        Some(number) => program.versions.iter().find(|version| version.number == number),
        None => terms::in_effect(&program.versions, occurred_at),
    }
}

/// What a recording found out.
struct Found(Context);

impl Found {
    fn put_into(self, order: &mut Order) {
        order.context = Some(self.0);
    }
}

/// Looks up once what comes from elsewhere. None if there is no fitting rate.
fn look_up(facts: &Facts, version: &Version, order: &Order, sale: &Sale, now: Time) -> Option<Found> {
    let kept = order.context.as_ref();
    let (from, to) = (sale.content.amount.currency, version.terms.currency);
    let conversion = match kept.map(|context| &context.conversion).filter(|kept| kept.from == from) {
        Some(kept) => kept.clone(),
        None => facts.rates.conversion(from, to, facts.zone.day(sale.occurred_at))?,
    };
    let (touches, coupon) = (touches(facts, sale), own_coupon(facts, order, sale));
    let asked = attribution::Asked {
        program: order.key.program,
        occurred_at: sale.occurred_at,
        other_channel: sale.other_channel.is_some(),
        touches: &touches,
        coupon: coupon.as_ref(),
    };
    let attributed = attribution::attribute(&version.terms.attribution, &asked);
    let recorded_at = kept.map_or(now, |context| context.recorded_at);
    let context = Context {
        recorded_at,
        terms_version: version.number,
        conversion,
        customer_new: customer_new(facts, order, sale),
        tier_base: if version.terms.has_tiers() { tier_base(facts, order, &attributed, now) } else { 0 },
        self_referral: attributed
            .buyer
            .is_some_and(|buyer| is_self_referral(facts, buyer, attributed.credited.iter().map(|c| c.publisher))),
        touches,
        coupon,
    };
    Some(Found(context))
}

fn touches(facts: &Facts, sale: &Sale) -> Vec<Touch> {
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
                generosity: publisher.generosity,
                quality: opened.quality,
                buyer: opened.buyer.map(|id| TouchBuyer { id, tied_at: None }).or_else(tied),
            })
        }
    };
    sale.clicks.iter().map(touch).collect()
}

fn own_coupon(facts: &Facts, order: &Order, sale: &Sale) -> Option<OwnedCoupon> {
    let code = fold_code(sale.content.coupon.as_ref()?);
    let coupon = facts.coupons.get(&(order.key.program, code)).filter(|coupon| coupon.is_valid_at(sale.occurred_at))?;
    let generosity = facts.publishers.get(&coupon.publisher)?.generosity;
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

/// The publisher's approved net amount of the current month, without this order.
fn tier_base(facts: &Facts, order: &Order, attributed: &Attributed, now: Time) -> i64 {
    let Some(publisher) = attributed.credited.last().map(|c| c.publisher) else { return 0 };
    let month = facts.zone.month(now);
    let all = facts.tier_bases.get(&(order.key.program, publisher, month)).copied().unwrap_or(0);
    let own = facts.orders.get(&order.key).and_then(|stored| {
        let due = facts.programs.get(&order.key.program).and_then(|program| decide::due_of(program, stored).ok().flatten())?;
        decide::tier_part(facts, &due)
    });
    all - own.filter(|(p, m, _)| (*p, *m) == (publisher, month)).map_or(0, |(_, _, net)| net)
}

/// Whether the buyer has the e-mail address of one of these publishers.
pub(super) fn is_self_referral(facts: &Facts, buyer: BuyerId, publishers: impl IntoIterator<Item = PublisherId>) -> bool {
    let email = facts.buyers.get(&buyer).and_then(|buyer| buyer.email.as_deref());
    publishers.into_iter().any(|publisher| same_email(email, facts.publishers.get(&publisher).and_then(|p| p.email.as_deref())))
}
