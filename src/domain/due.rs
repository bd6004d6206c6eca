//! What is due on an order now: one pure reading of the set of its facts. Receipts, audits and replays are this function run again.

use crate::domain::{
    account::{Account, Stage},
    attribution::{self, Attributed, Claimed},
    commission::{self, Commission},
    conversion::{Conversion, Credit, Flags, Shares, Status},
    entry::Row,
    left::{self, Left},
    loyalty::{self, Bonus, Offer},
    order::{Context, Order, SaleFact, Tie},
    payee::Payee,
    pot::{Held, Pot},
    reason::Reason,
    split::{self, Shared},
    terms::{PayableOn, SelfReferral, Terms, boost::Funder},
    verdict::{Grounds, Why},
};
use crate::kernel::{
    id::{BuyerId, MerchantId, ProgramId},
    money::{MINOR_MAX, Money},
    ratio::OutOfRange,
    time::Time,
};
use std::collections::BTreeMap;

/// What is due on a recorded order, with how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub status: Status,
    pub flags: Flags,
    pub reason: Option<Why>,
    pub sold: Money,
    pub refunded: Money,
    /// Minor units of the program's currency.
    pub commission: i64,
    pub shares: Shares,
    pub credits: Vec<Credit>,
    /// Beside the commission, each with its own funder.
    pub bonuses: Vec<Bonus>,
    pub buyer: Option<BuyerId>,
    pub payable_at: Option<Time>,
    pub approved_at: Option<Time>,
    /// What is left, minor units of the program's currency, rounded half up once.
    pub net: i64,
    /// Until when an unclaimed share may be claimed.
    pub claim_until: Option<Time>,
    /// As [`Conversion::buyer_paid`].
    pub buyer_paid: bool,
    pub workings: Workings,
}

/// The steps between the facts and the amounts, for receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workings {
    pub attributed: Attributed,
    /// What tiers looked at.
    pub tier_base: i64,
    pub left: Left,
    /// None if the sale is unattributed or rejected.
    pub commission: Option<Commission>,
    pub shared: Option<Shared>,
    /// What each boost pays; also those of which nothing was left to pay.
    pub offers: Vec<Offer>,
}

/// What an order adds to its buyer's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    pub buyer: BuyerId,
    /// Minor units of the program's currency; 0 while it is not approved.
    pub approved_net: i64,
}

/// Reads an order. None while it is parked. Fails only on amounts beyond [`MINOR_MAX`].
pub fn due(order: &Order, terms: &Terms) -> Result<Option<Due>, OutOfRange> {
    let (Some(fact), Some(context)) = (&order.sale, &order.context) else { return Ok(None) };
    let sale = &fact.sale;
    let Bound { attributed, tie, claimed, self_referral } = bound(order, fact, context, terms);
    let found = claimed.and_then(|claimed| claimed.found);
    let left = left::left(order, sale);
    let rejected = order.rejection().is_some() || order.cancellation().is_some();
    let earns = !rejected && !attributed.credited.is_empty();
    let (mut commission, mut shared) = (None, None);
    // What brought the publisher in, the sale or the claim, looked it up.
    let tier_base = found.and_then(|found| found.tier_base).unwrap_or(context.tier_base);
    if earns {
        let setting = commission::Setting {
            goal: &order.key.goal,
            customer_new: context.customer_new,
            coupon: sale.content.coupon.as_deref(),
            publisher: attributed.credited.last().map(|c| c.publisher),
            reported: sale.content.reported.unwrap_or(0),
            tier_base,
            conversion: &context.conversion,
        };
        let worked = commission::commission(terms, &left, &setting)?;
        if worked.rounded > MINOR_MAX {
            return Err(OutOfRange);
        }
        let expired_to = order.expired.map(|_| terms.unclaimed_to);
        shared = Some(split::split(&terms.split, worked.rounded, &attributed.credited, expired_to));
        commission = Some(worked);
    }
    let currency = sale.content.amount.currency;
    let self_referred = self_referral && terms.attribution.self_referral == SelfReferral::Hold;
    let in_debt = context.in_debt || found.is_some_and(|found| found.in_debt);
    let budget_used_up = context.budget_used_up || found.is_some_and(|found| found.budget_used_up);
    let held = attributed.suspect || self_referred || in_debt || budget_used_up;
    let buyer = attributed.buyer.or(tie.map(|tie| tie.buyer)).or(claimed.map(|claimed| claimed.buyer));
    let buyer = buyer.filter(|_| !attributed.credited.is_empty() && order.expired.is_none());
    let due_shares = shared.as_ref().map_or(Shares::default(), |s| s.shares);
    let open = buyer.is_none()
        && order.expired.is_none()
        && !attributed.credited.is_empty()
        && terms.split.buyer.parts() + gift_parts(&attributed) > 0;
    let flags = Flags {
        unsigned: !sale.signed,
        held: held && !attributed.credited.is_empty(),
        unclaimed: due_shares.buyer > 0 && buyer.is_none(),
        refunded: left.refunded() > 0,
        over_refunded: left.over_refunded,
    };
    let dates = Dates::of(order, context, terms, flags);
    let status = match (rejected, attributed.credited.is_empty()) {
        (true, _) => Status::Rejected,
        (false, true) => Status::Unattributed,
        (false, false) => dates.status(),
    };
    let waits = [
        (attributed.suspect, Reason::SuspectTraffic),
        (self_referred, Reason::SelfReferral),
        (in_debt, Reason::DebtLimit),
        (budget_used_up, Reason::BudgetUsedUp),
    ];
    let waits = waits.into_iter().find_map(|(is_so, reason)| is_so.then_some(reason));
    let net = if earns { net(context, &left)? } else { 0 };
    let sold = context.conversion.convert(left.sold_total)?.round_half_up()?;
    let setting = loyalty::Setting {
        program: order.key.program,
        occurred_at: sale.occurred_at,
        coupon: sale.content.coupon.as_deref(),
        share: due_shares.buyer,
        sold,
        is_approved: earns && dates.approved.is_some(),
    };
    let found = order.loyalty.as_ref().filter(|found| earns && left.is_anything_left() && buyer == Some(found.buyer));
    let offers = found.map(|found| loyalty::offers(terms, found, &setting)).transpose()?.unwrap_or_default();
    let silence = (status == Status::Pending && !flags.held && !flags.unsigned).then(|| sale.occurred_at.plus_days(terms.hold_days));
    let due = Due {
        status,
        flags,
        reason: reason(order, &attributed, waits.filter(|_| flags.held && status == Status::Pending), commission.as_ref()),
        sold: Money::new(left.sold_total, currency),
        refunded: Money::new(left.refunded(), currency),
        commission: shared.as_ref().map_or(0, |s| s.commission),
        shares: due_shares,
        credits: shared.as_ref().map_or_else(|| unpaid_credits(&attributed), |s| s.credits.clone()),
        bonuses: offers.iter().flat_map(Offer::bonuses).collect(),
        buyer,
        payable_at: if status == Status::Payable { dates.payable } else { silence },
        approved_at: dates.approved.filter(|_| earns),
        net,
        buyer_paid: false,
        claim_until: open.then(|| claim_until(context, terms)),
        workings: Workings { attributed, tier_base, left, commission, shared, offers },
    };
    Ok(Some(due.or_paid(order)))
}

/// What is left, in the program's currency. Within the range of amounts, so that sums of them are too.
fn net(context: &Context, left: &Left) -> Result<i64, OutOfRange> {
    let net = context.conversion.convert(left.left_total)?.round_half_up()?;
    if net > MINOR_MAX { Err(OutOfRange) } else { Ok(net) }
}

/// Until when the unclaimed share of an order may be claimed.
pub fn claim_until(context: &Context, terms: &Terms) -> Time {
    context.recorded_at.plus_days(terms.claim_days)
}

fn gift_parts(attributed: &Attributed) -> i64 {
    attributed.credited.iter().map(|c| c.generosity.parts()).sum()
}

/// Who earns and who bought.
struct Bound<'a> {
    attributed: Attributed,
    /// The sign-in that the order has its buyer from.
    tie: Option<Tie>,
    /// The claim that the order has its buyer from, and perhaps its publisher.
    claimed: Option<Claimed<'a>>,
    self_referral: bool,
}

fn bound<'a>(order: &'a Order, fact: &SaleFact, context: &Context, terms: &Terms) -> Bound<'a> {
    let sale = &fact.sale;
    let asked = attribution::Asked {
        program: order.key.program,
        occurred_at: sale.occurred_at,
        other_channel: sale.other_channel.is_some(),
        touches: &context.touches,
        coupon: context.coupon.as_ref(),
    };
    let attributed = attribution::attribute(&terms.attribution, &asked);
    // A share that has gone to somebody is gone, and with it what a claim would bring.
    let claimants = order.claimants(fact.revision, &context.claimants).filter(|_| order.expired.is_none());
    let (mut attributed, claimed) = attribution::claimed(terms, &asked, context.recorded_at, claimants, attributed);
    // A signed sale that replaced an unsigned one may name other clicks than the one that was tied.
    let is_counted = |tie: &Tie| attribution::is_counted(&context.touches, &attributed.judged, tie.click);
    let tie = order.tie.filter(|tie| attributed.buyer.is_none() && is_counted(tie));
    let claimed = claimed.filter(|_| tie.is_none());
    let self_referral = match (tie, claimed) {
        (Some(tie), _) => tie.self_referral,
        (None, Some(claimed)) => claimed.is_self_referral(),
        (None, None) => context.self_referral,
    };
    if self_referral && terms.attribution.self_referral == SelfReferral::Refuse && !attributed.credited.is_empty() {
        attributed = Attributed { credited: Vec::new(), reason: Some(Reason::SelfReferral), ..attributed };
    }
    Bound { attributed, tie, claimed, self_referral }
}

/// A rejected sale still says whose it was.
fn unpaid_credits(attributed: &Attributed) -> Vec<Credit> {
    let credit = |c: &attribution::Credited| Credit { publisher: c.publisher, link: c.link, click: c.click, weight: c.weight, amount: 0 };
    attributed.credited.iter().map(credit).collect()
}

struct Dates {
    approved: Option<Time>,
    payable: Option<Time>,
}

impl Dates {
    fn of(order: &Order, context: &Context, terms: &Terms, flags: Flags) -> Self {
        let approvals = order.approvals;
        let merchant = approvals.merchant.filter(|_| !flags.held);
        let clock = approvals.clock.filter(|_| !flags.held && !flags.unsigned);
        let approved = [approvals.operator, merchant, clock].into_iter().flatten().min().map(|at| at.max(context.recorded_at));
        let payable = approved.and_then(|approved| match terms.payable_on {
            PayableOn::Approval => Some(approved),
            PayableOn::MerchantPayment => order.merchant_paid.map(|paid| paid.max(approved)),
        });
        Self { approved, payable }
    }

    fn status(&self) -> Status {
        match (self.approved, self.payable) {
            (_, Some(_)) => Status::Payable,
            (Some(_), None) => Status::Approved,
            (None, None) => Status::Pending,
        }
    }
}

/// `waits`: why the order is held, as long as the operator has not lifted it: only then does that explain anything.
fn reason(order: &Order, attributed: &Attributed, waits: Option<Reason>, commission: Option<&Commission>) -> Option<Why> {
    let refused = |grounds: Option<&Grounds>, code: Reason| Some(grounds.map_or_else(|| code.into(), Why::from));
    if let Some(verdict) = order.rejection() {
        return refused(verdict.reason.as_ref(), Reason::Rejected);
    }
    if let Some(verdict) = order.cancellation() {
        return refused(verdict.reason.as_ref(), Reason::Cancelled);
    }
    let code = attributed.reason.or_else(|| commission.and_then(|c| c.reason)).or(waits);
    // Nothing is left, and nothing was given back: somebody said so.
    let nothing = order.adjust.as_ref().filter(|adjust| code == Some(Reason::FullyRefunded) && adjust.amount.minor == 0);
    nothing.and_then(|adjust| adjust.reason.as_ref()).map(Why::from).or_else(|| code.map(Why::from))
}

impl Due {
    /// Paid, if settled payments hold each share of what is payable; and whether they hold the buyer's.
    fn or_paid(self, order: &Order) -> Self {
        let Some(paid) = order.paid.as_ref().filter(|_| self.status == Status::Payable) else { return self };
        // Whose the debt is does not matter for this.
        let row = self.row(MerchantId::from_raw(0), order.key.program);
        let has_got = |payee| paid.covered.contains_key(&payee) && paid.has(payee, &row);
        let buyer_paid = self.buyer.map(Payee::Buyer).is_some_and(has_got);
        let status = if paid.covers(&row) { Status::Paid } else { self.status };
        Self { status, buyer_paid, ..self }
    }

    /// The conversion as people see it. None of an order that is parked.
    pub fn conversion(&self, order: &Order) -> Option<Conversion> {
        let (sale, context) = (order.sale.as_ref()?, order.context.as_ref()?);
        Some(Conversion {
            id: order.id,
            program: order.key.program,
            order_id: order.key.order_id.clone(),
            goal: order.key.goal.clone(),
            status: self.status,
            flags: self.flags,
            reason: self.reason.clone(),
            amount: self.sold,
            refunded: self.refunded,
            commission: Money::new(self.commission, context.conversion.to),
            shares: self.shares,
            credits: self.credits.clone(),
            bonuses: self.bonuses.clone(),
            buyer: self.buyer,
            terms_version: context.terms_version,
            occurred_at: sale.sale.occurred_at,
            recorded_at: context.recorded_at,
            payable_at: self.payable_at,
            approved_at: self.approved_at,
            net: self.net,
            claim_until: self.claim_until,
            expired_at: order.expired,
            buyer_paid: self.buyer_paid,
            cashback: None,
        })
    }

    /// What the order holds on the ledger, debits positive.
    pub fn row(&self, merchant: MerchantId, program: ProgramId) -> Row {
        let stage = match self.status {
            Status::Unattributed | Status::Rejected => return Row::new(),
            Status::Pending => Stage::Pending,
            Status::Approved => Stage::Approved,
            Status::Payable | Status::Paid => Stage::Payable,
        };
        let (debtor, platform) = match stage {
            Stage::Pending => (Account::MerchantPending(merchant), Account::PlatformPending),
            Stage::Approved | Stage::Payable => (Account::MerchantOwed(merchant), Account::PlatformRevenue),
        };
        let mut row = Row::new();
        let mut add = |account, debit: i64| *row.entry(account).or_default() += debit;
        add(debtor, self.commission);
        add(platform, -self.shares.platform);
        add(self.buyer.map_or(Account::Unclaimed(program, stage), |buyer| Account::Buyer(buyer, stage)), -self.shares.buyer);
        for credit in &self.credits {
            add(Account::Publisher(credit.publisher, stage), -credit.amount);
        }
        for bonus in &self.bonuses {
            let payer = match (bonus.funded_by, stage) {
                (Funder::Merchant, _) => debtor,
                (Funder::Platform, Stage::Pending) => Account::PromotionsPending,
                (Funder::Platform, Stage::Approved | Stage::Payable) => Account::PromotionsSpent,
            };
            if let Some(buyer) = bonus.buyer {
                add(payer, bonus.amount);
                add(Account::Buyer(buyer, stage), -bonus.amount);
            }
        }
        row.retain(|_, amount| *amount != 0);
        row
    }

    /// Whether it is neither refused nor without anybody to credit.
    pub const fn earns(&self) -> bool {
        !matches!(self.status, Status::Unattributed | Status::Rejected)
    }

    /// What its bonuses take from what they share with other orders.
    pub fn held(&self) -> BTreeMap<Pot, Held> {
        let mut held: BTreeMap<Pot, Held> = BTreeMap::new();
        for (pot, more) in self.workings.offers.iter().flat_map(Offer::held).filter(|(_, more)| more.uses > 0) {
            let held = held.entry(pot.clone()).or_default();
            held.amount += more.amount;
            held.uses += more.uses;
        }
        held
    }

    /// None of one that is refused, or has no buyer.
    pub fn counted(&self) -> Option<Counted> {
        let approved_net = if self.approved_at.is_some() { self.net } else { 0 };
        self.buyer.filter(|_| self.earns()).map(|buyer| Counted { buyer, approved_net })
    }
}
