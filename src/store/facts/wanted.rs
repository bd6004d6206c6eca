//! What the commands of a batch name: the first step of loading, without a database.

use super::payouts;
use crate::domain::{
    account::Owner,
    command::{Act, Answered, Command, Goodwill, Restored},
    debt::DebtLimit,
    idempotency::Slot,
    movement::What,
    order::Order,
    payee::Payee,
    sale::{OpenedClick, OrderKey, Sale, SentClick},
    series::Series,
    terms::when::fold_code,
    touch::Touch,
};
use crate::kernel::{
    currency::Currency,
    id::{BuyerId, ClickId, ConversionId, InvoiceId, LinkId, MerchantId, MovementId, ProgramId, PublisherId},
    time::{Day, Month, Time, Zone},
};
use std::collections::{BTreeMap, BTreeSet};

/// What the commands of a batch name.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub(super) keys: BTreeSet<OrderKey>,
    pub(super) webhooks: BTreeSet<(MerchantId, String)>,
    /// Where first answers are kept.
    pub(super) slots: BTreeSet<Slot>,
    pub(super) references: BTreeSet<(ProgramId, String)>,
    /// Folded coupon codes.
    pub(super) codes: BTreeSet<String>,
    pub(super) links: BTreeSet<LinkId>,
    pub(super) clicks: BTreeSet<ClickId>,
    pub(super) buyers: BTreeSet<BuyerId>,
    pub(super) publishers: BTreeSet<PublisherId>,
    /// Orders that are to be restored under these numbers: are the numbers free?
    pub(super) ids: BTreeSet<ConversionId>,
    /// Links and clicks of sign-ins: their orders are wanted too.
    pub(super) tied_links: BTreeSet<LinkId>,
    pub(super) tied_clicks: BTreeSet<ClickId>,
    pub(super) months: BTreeSet<Month>,
    /// Sales that may need a rate: program, currency, day.
    pub(super) conversions: BTreeSet<(ProgramId, Currency, Day)>,
    /// Rates to store.
    pub(super) rates: BTreeSet<(Day, Currency)>,
    pub(super) stores_rates: bool,
    /// Those beside orders.
    pub(super) parties: BTreeSet<Owner>,
    pub(super) movements: BTreeSet<MovementId>,
    /// Where there is one, sales look at what their payees owe.
    pub(super) debt_limit: Option<DebtLimit>,
    pub(super) invoices: BTreeSet<InvoiceId>,
    /// Who is to be invoiced, of what was posted before.
    pub(super) invoiced: BTreeMap<MerchantId, Time>,
    /// Documents that take a number.
    pub(super) series: BTreeSet<Series>,
    pub(super) payouts: payouts::Wanted,
    /// Orders that may be paid for, by their merchant.
    pub(super) billed: BTreeMap<MerchantId, BTreeSet<OrderKey>>,
    /// Who claims missing cashback: with their clicks and open claims.
    pub(super) claimants: BTreeSet<BuyerId>,
    /// Who signs in: with the orders that they claim.
    pub(super) signing_in: BTreeSet<BuyerId>,
}

impl Wanted {
    pub fn of<'a>(commands: impl IntoIterator<Item = &'a Command>, zone: &Zone, debt_limit: Option<DebtLimit>) -> Self {
        let mut wanted = Self { debt_limit, ..Self::default() };
        for command in commands {
            wanted.add(command, zone);
        }
        wanted
    }

    /// Whether the batch stores exchange rates, which takes their lock exclusively.
    pub fn stores_rates(&self) -> bool {
        self.stores_rates
    }

    fn add(&mut self, command: &Command, zone: &Zone) {
        let message = &command.message;
        self.months.insert(zone.month(message.received_at));
        self.webhooks.extend(message.merchant.zip(message.webhook_id.clone()));
        self.slots.extend(command.once.as_ref().map(|once| once.slot.clone()));
        self.keys.extend(command.act.key().cloned());
        match &command.act {
            Act::Sale { key, sale } => self.add_sale(key, sale, zone),
            Act::Tie { buyer, clicks } => {
                self.buyers.insert(*buyer);
                self.signing_in.insert(*buyer);
                for click in clicks {
                    self.add_click(click);
                    self.tied_links.insert(click.link);
                    self.tied_clicks.insert(click.click);
                }
            }
            Act::Rates { day, rates } => {
                self.stores_rates = true;
                self.rates.extend(rates.iter().map(|(currency, _)| (*day, *currency)));
            }
            Act::Restore(Restored::ClickTie { click, tie }) => {
                self.clicks.insert(*click);
                self.buyers.insert(tie.buyer);
            }
            Act::Restore(Restored::Fact { order, .. }) => self.add_restored(order),
            Act::Move(what, _) => {
                self.add_party(what.owner());
                match what {
                    What::Bonus { funder: Some(merchant), .. } => self.add_party(Owner::Merchant(*merchant)),
                    What::Received { invoice: Some(invoice), .. } => drop(self.invoices.insert(*invoice)),
                    _ => {}
                }
            }
            Act::Invoice { merchant, until, .. } => {
                self.add_party(Owner::Merchant(*merchant));
                let latest = self.invoiced.entry(*merchant).or_insert(*until);
                *latest = (*until).max(*latest);
                self.series.extend([Series::Invoice, Series::CreditNote]);
            }
            Act::Claim(new) => {
                self.buyers.insert(new.buyer);
                self.claimants.insert(new.buyer);
            }
            Act::Answer { key, answer, .. } => self.add_answer(key, answer, zone.day(message.received_at)),
            Act::Reverse { movement, .. } => {
                self.movements.insert(*movement);
            }
            Act::Payout(step) => {
                // All that concerns payouts is done in a row: it is the platform's.
                self.parties.insert(Owner::Platform);
                self.series.extend(step.series());
                self.payouts.add(step);
            }
            Act::CountPaid { key } => self.payouts.count(key),
            Act::InvoicePaid { key, merchant } => {
                self.add_party(Owner::Merchant(*merchant));
                self.billed.entry(*merchant).or_default().insert(key.clone());
            }
            Act::Refund { .. }
            | Act::Cancel { .. }
            | Act::Approve { .. }
            | Act::Reject { .. }
            | Act::Reopen { .. }
            | Act::Adjust { .. }
            | Act::MerchantPaid { .. }
            | Act::CreditCovers { .. }
            | Act::Expire { .. }
            | Act::Release { .. }
            | Act::Refused { .. } => {}
        }
    }

    /// Goodwill is a movement; an accepted claim records a sale, in the program's own currency.
    fn add_answer(&mut self, key: &OrderKey, answer: &Answered, today: Day) {
        match answer {
            Answered::Goodwill(Goodwill { funder: Some(merchant), .. }) => self.add_party(Owner::Merchant(*merchant)),
            Answered::Accept { amount: Some(amount) } => drop(self.conversions.insert((key.program, amount.currency, today))),
            _ => {}
        }
    }

    /// Who is paid or owes beside orders: with their balances.
    pub(super) fn add_party(&mut self, owner: Owner) {
        self.parties.insert(owner);
        match owner {
            Owner::Publisher(id) => drop(self.publishers.insert(id)),
            Owner::Buyer(id) => drop(self.buyers.insert(id)),
            Owner::Merchant(_) | Owner::Platform => {}
        }
    }

    pub(super) fn add_clicks(&mut self, sale: &Sale) {
        for click in &sale.clicks {
            if let SentClick::Opened(click) = click {
                self.add_click(click);
            }
        }
    }

    pub(super) fn add_sale(&mut self, key: &OrderKey, sale: &Sale, zone: &Zone) {
        self.add_clicks(sale);
        let content = &sale.content;
        self.codes.extend(content.coupon.as_deref().map(fold_code));
        let reference = content.customer.as_ref().and_then(|customer| customer.reference.clone());
        self.references.extend(reference.map(|reference| (key.program, reference)));
        self.conversions.insert((key.program, content.amount.currency, zone.day(sale.occurred_at)));
    }

    /// What the fact names, and nothing that its sale would look up.
    pub(super) fn add_restored(&mut self, order: &Order) {
        self.ids.insert(order.id);
        if let Some(fact) = &order.sale {
            let reference = fact.sale.content.customer.as_ref().and_then(|customer| customer.reference.clone());
            self.references.extend(reference.map(|reference| (order.key.program, reference)));
        }
        for touch in order.context.iter().flat_map(|context| &context.touches) {
            if let Touch::Known(known) = touch {
                self.links.insert(known.link);
                self.buyers.extend(known.buyer.map(|buyer| buyer.id));
            }
        }
        self.publishers.extend(order.context.iter().filter_map(|context| Some(context.coupon.as_ref()?.publisher)));
        for payee in order.paid.iter().flat_map(|paid| paid.covered.keys()) {
            match payee {
                Payee::Publisher(id) => drop(self.publishers.insert(*id)),
                Payee::Buyer(id) => drop(self.buyers.insert(*id)),
            }
        }
        for (buyer, claim) in &order.claims {
            self.buyers.insert(*buyer);
            self.links.extend(claim.touches.iter().map(|touch| touch.link));
        }
        if let Some(tie) = order.tie {
            self.clicks.insert(tie.click);
            self.buyers.insert(tie.buyer);
        }
        if let Some(found) = &order.loyalty {
            self.buyers.insert(found.buyer);
            self.buyers.extend(found.brought.and_then(|brought| brought.by));
        }
    }

    fn add_click(&mut self, click: &OpenedClick) {
        self.links.insert(click.link);
        self.clicks.insert(click.click);
        self.buyers.extend(click.buyer);
    }
}
