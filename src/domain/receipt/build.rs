//! Lays a receipt out, from an order and what is due on it.

use super::{
    AsSoldLines, CommissionLines, CreditLine, EntryLines, Event, ExpiredLine, OrderLine, PostingLine, RateLine, ReasonText, Receipt,
    RefundLine, RefundedLine, RuleLine, SaleLines, ShareLine, SplitLines, Step, TermsLine, TierLine, TouchLine, bonus,
};
use crate::domain::{
    account::Account,
    cashback::cashback,
    commission::{Commission, RulePaid},
    due::Due,
    entry::Entry,
    order::{Actor, Order},
    program::Program,
    reason::Reason,
    sale::{Line, Refund},
    terms::{
        PayableOn, Terms, Version,
        pay::{Pay, Tier},
    },
    touch::Touch,
    verdict::Grounds,
};
use crate::kernel::{currency::Currency, money::Money, time::Time};

/// None while the order is parked. `due` is what [`crate::domain::due::due`] reads in `order`; `entries` are the journal's about it.
pub fn receipt(order: &Order, due: &Due, program: &Program, version: &Version, entries: &[Entry]) -> Option<Receipt> {
    let (fact, context) = (order.sale.as_ref()?, order.context.as_ref()?);
    let (terms, sale) = (&*version.terms, &fact.sale);
    let to = program.currency;
    let rate = context.conversion.rates.map(|rates| RateLine {
        day: rates.day,
        source: "ECB",
        from_currency: context.conversion.from,
        from: rates.from.text(),
        to_currency: to,
        to: rates.to.text(),
    });
    Some(Receipt {
        conversion: order.id,
        program: program.id,
        merchant: program.merchant,
        order_id: order.key.order_id.clone(),
        goal: order.key.goal.clone(),
        status: due.status.word(),
        flags: due.flags.words().collect(),
        reason: due.reason.as_ref().map(ReasonText::of),
        occurred_at: sale.occurred_at,
        recorded_at: context.recorded_at,
        terms: TermsLine {
            version: version.number,
            effective_at: version.effective_at,
            rules: terms.rules,
            model: terms.attribution.model.word(),
            window_days: terms.attribution.window_days,
            hold_days: terms.hold_days,
            payable_on: terms.payable_on.word(),
        },
        sale: sale_lines(order, due)?,
        rate,
        touches: context
            .touches
            .iter()
            .zip(&due.workings.attributed.judged)
            .map(|(touch, refused)| touch_line(touch, *refused, due))
            .chain(claimed_touch(order, due))
            .collect(),
        commission: commission_lines(due, terms, to),
        split: split_lines(due, terms, to),
        bonuses: bonus::lines(order, due, terms, to),
        buyer: due.buyer,
        claim_until: due.claim_until,
        cashback: due.conversion(order).as_ref().and_then(cashback),
        steps: steps(order, due, terms),
        entries: entries.iter().map(entry_lines).collect(),
        payments: Vec::new(),
    })
}

fn sale_lines(order: &Order, due: &Due) -> Option<SaleLines> {
    let sale = &order.sale.as_ref()?.sale;
    let (left, currency) = (&due.workings.left, sale.content.amount.currency);
    let money = |minor| Money::new(minor, currency);
    let rule = |n: usize| due.workings.commission.as_ref().and_then(|c| c.rule_of_line[n]).map(|rule| rule + 1);
    // An adjustment of an unsigned sale does not reach a signed one in another currency.
    let adjust = order.adjust.as_ref().filter(|adjust| adjust.amount.currency == currency);
    let line = |(n, (sold, now)): (usize, (&Line, &Line))| OrderLine {
        sku: sold.sku.clone(),
        category: sold.category.clone(),
        quantity: sold.quantity,
        amount: money(sold.amount),
        amount_sent: adjust.map(|_| money(sale.content.lines[n].amount)),
        quantity_left: now.quantity,
        amount_left: money(now.amount),
        rule: rule(n),
    };
    let context = order.context.as_ref()?;
    let is_credited = |publisher| due.workings.attributed.credited.iter().any(|c| c.click.is_none() && c.publisher == publisher);
    // By the most room that there ever was, as it is counted: not by what is adjusted now.
    let refused = |id: &str| left.refused.iter().find(|(refused, _)| refused == id).map(|(_, reason)| ReasonText::of_code(*reason));
    let refunds = order.refunds.iter().map(|(id, fact)| RefundLine {
        refund_id: id.clone(),
        amount: fact.refund.money(),
        at: fact.at,
        lines: match &fact.refund {
            Refund::Amount(_) => None,
            Refund::Lines { currency, lines } => Some(
                lines
                    .iter()
                    .map(|line| RefundedLine { sku: line.sku.clone(), quantity: line.quantity, amount: Money::new(line.amount, *currency) })
                    .collect(),
            ),
        },
        refused: refused(id),
    });
    Some(SaleLines {
        amount: due.sold,
        refunded: due.refunded,
        left: money(left.left_total),
        signed: sale.signed,
        coupon: sale.content.coupon.clone(),
        coupon_publisher: context.coupon.as_ref().map(|coupon| coupon.publisher).filter(|publisher| is_credited(*publisher)),
        customer: context.customer_new.map(customer_word),
        adjusted_from: adjust.map(|_| sale.content.amount),
        largest: money(adjust.map_or(0, |adjust| adjust.room).max(sale.content.amount.minor)),
        lines: left.sold.iter().zip(&left.lines).enumerate().map(line).collect(),
        refunds: refunds.collect(),
    })
}

const fn customer_word(is_new: bool) -> &'static str {
    if is_new { "new" } else { "returning" }
}

fn touch_line(touch: &Touch, refused: Option<Reason>, due: &Due) -> TouchLine {
    let refused = refused.map(ReasonText::of_code);
    match touch {
        Touch::Unknown(_) => TouchLine { click: None, link: None, publisher: None, at: None, quality: None, weight: None, refused },
        Touch::Known(known) => TouchLine {
            click: Some(known.click),
            link: Some(known.link),
            publisher: Some(known.publisher),
            at: Some(known.at()),
            quality: Some(known.quality.code()),
            weight: due.workings.attributed.credited.iter().find(|c| c.click == Some(known.click)).map(|c| c.weight),
            refused,
        },
    }
}

/// The buyer's own click that a claim brought in, where the sale had none that counts.
fn claimed_touch(order: &Order, due: &Due) -> Option<TouchLine> {
    let credited = due.workings.attributed.credited.iter().find_map(|credited| credited.click)?;
    let is_named = order.context.iter().flat_map(|context| &context.touches).any(|touch| match touch {
        Touch::Known(known) => known.click == credited,
        Touch::Unknown(_) => false,
    });
    let known = order.claims.values().flat_map(|claim| &claim.touches).find(|touch| touch.click == credited).filter(|_| !is_named)?;
    Some(touch_line(&Touch::Known(known.clone()), None, due))
}

fn commission_lines(due: &Due, terms: &Terms, to: Currency) -> Option<CommissionLines> {
    let commission = due.workings.commission.as_ref()?;
    let from = due.sold.currency;
    let as_sold = commission.as_sold.as_ref().map(|most| AsSoldLines {
        rules: rule_lines(most, terms, from, to),
        exact: most.exact.to_string(),
        amount: Money::new(most.rounded, to),
        limits: commission.exact.round_half_up().is_ok_and(|own| own > most.rounded),
    });
    Some(CommissionLines {
        rules: rule_lines(commission, terms, from, to),
        exact: commission.exact.to_string(),
        amount: Money::new(commission.rounded, to),
        as_sold,
    })
}

/// `from` is the sale's currency, `to` the program's.
fn rule_lines(commission: &Commission, terms: &Terms, from: Currency, to: Currency) -> Vec<RuleLine> {
    let lines_of = |rule| commission.rule_of_line.iter().enumerate().filter(move |(_, of)| **of == Some(rule)).map(|(n, _)| n + 1);
    let line = |paid: &RulePaid| {
        let rule = &terms.commission[paid.rule];
        let (mut each, mut tiers, mut reported) = (None, None, None);
        match &rule.pay {
            Pay::Percent(_) => {}
            Pay::Flat(minor) | Pay::PerItem(minor) => each = Some(Money::new(*minor, to)),
            Pay::Tiers(all) => {
                let tier = |tier: &Tier| TierLine { from: Money::new(tier.from, to), percent: tier.percent };
                tiers = Some(all.iter().map(tier).collect());
            }
            Pay::Reported(_) => reported = Some(Money::new(paid.base.reported, from)),
        }
        RuleLine {
            rule: paid.rule + 1,
            customer: rule.when.customer_new.map(customer_word),
            lines: lines_of(paid.rule).collect(),
            pays: rule.pay.kind(),
            percent: rule.pay.percent(paid.base.tier_base),
            each,
            tier_base: tiers.is_some().then(|| Money::new(paid.base.tier_base, to)),
            tiers,
            reported,
            amount: Money::new(paid.base.amount, from),
            quantity: paid.base.quantity,
            cap_per_order: rule.cap_per_order.map(|cap| Money::new(cap, to)),
            capped: paid.capped,
            exact: paid.exact.to_string(),
        }
    };
    commission.paid.iter().map(line).collect()
}

fn split_lines(due: &Due, terms: &Terms, to: Currency) -> Option<SplitLines> {
    let shared = due.workings.shared.as_ref()?;
    let money = |minor| Money::new(minor, to);
    let share = |percent, by_terms, due| ShareLine { percent, by_terms: money(by_terms), due: money(due) };
    let credited = due.workings.attributed.credited.iter();
    let credits = shared.credits.iter().zip(&shared.gifts).zip(credited).map(|((credit, gift), credited)| CreditLine {
        publisher: Some(credit.publisher),
        link: credit.link,
        click: credit.click,
        weight: credit.weight,
        generosity: credited.generosity,
        gift: money(*gift),
        amount: money(credit.amount),
    });
    Some(SplitLines {
        publisher: share(terms.split.publisher, shared.by_terms.publisher, shared.shares.publisher),
        buyer: share(terms.split.buyer, shared.by_terms.buyer, shared.shares.buyer),
        platform: share(terms.split.platform, shared.by_terms.platform, shared.shares.platform),
        credits: credits.collect(),
        expired: (shared.expired > 0).then(|| ExpiredLine { amount: money(shared.expired), to: terms.unclaimed_to.word() }),
    })
}

fn steps(order: &Order, due: &Due, terms: &Terms) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut add = |at: Option<Time>, event, by, reason: Option<&Grounds>| {
        if let Some(at) = at {
            steps.push(Step { at, event, by, reason: reason.map(ReasonText::said) });
        }
    };
    add(order.sale.as_ref().map(|s| s.received_at), Event::SaleReceived, None, None);
    add(order.context.as_ref().map(|c| c.recorded_at), Event::Recorded, None, None);
    for fact in order.refunds.values() {
        add(Some(fact.at), Event::Refunded, None, None);
    }
    for (at, by) in [(order.approvals.merchant, "merchant"), (order.approvals.operator, "operator"), (order.approvals.clock, "clock")] {
        add(at, Event::Approve, Some(by), None);
    }
    add(due.approved_at, Event::Approved, None, None);
    if terms.payable_on == PayableOn::MerchantPayment {
        add(order.merchant_paid, Event::MerchantPaid, None, None);
    }
    for (verdict, event) in [(&order.cancel, Event::Cancelled), (&order.reject, Event::Rejected)] {
        if let Some(verdict) = verdict {
            add(Some(verdict.at), event, Some(verdict.by.word()), verdict.reason.as_ref());
        }
    }
    if let Some(reopened) = &order.reopened {
        add(Some(reopened.at), Event::Reopened, Some(Actor::Operator.word()), Some(&reopened.reason));
    }
    if let Some(adjust) = &order.adjust {
        add(Some(adjust.at), Event::Adjusted, None, adjust.reason.as_ref());
    }
    add(order.tie.map(|tie| tie.at), Event::BuyerTied, Some("buyer"), None);
    let claim = due.buyer.and_then(|buyer| order.claims.get(&buyer)).filter(|claim| !claim.closed);
    add(claim.map(|claim| claim.at), Event::Claimed, Some("buyer"), None);
    add(order.expired, Event::ShareExpired, Some("clock"), None);
    steps.sort_by_key(|step| step.at); // stable: what happened at once keeps the order above
    steps
}

fn entry_lines(entry: &Entry) -> EntryLines {
    let posting = |(account, debit): (&Account, &i64)| PostingLine {
        account: account.to_string(),
        amount: Money::new(account.usual(*debit), entry.currency),
    };
    EntryLines { id: entry.id, at: entry.at, kind: entry.kind.word(), postings: entry.postings.iter().map(posting).collect() }
}
