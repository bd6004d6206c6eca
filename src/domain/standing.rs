//! How a merchant's documents stand: which invoices its payments cover, and what credit is left.
//!
//! A reading of the set, never of the sequence. A payment of an invoice covers that one, up to its total. Whatever else lowers what the
//! merchant owes is one pool: payments without an invoice, what was overpaid, credit notes, debts written off; less credit that was paid
//! back. The pool covers what is open, the oldest first.

use crate::domain::{
    invoice::Invoice,
    movement::{Movement, Party, What},
    series::{Number, Series},
    word::words,
};
use crate::kernel::{
    currency::Currency,
    id::{ConversionId, InvoiceId},
    money::Money,
    time::Day,
};
use std::collections::{BTreeSet, HashMap};

words! {
    /// How far an invoice is paid. `credited`: a credit note, which lowers what the merchant owes.
    pub enum InvoiceStatus {
        Issued = "issued",
        PartPaid = "part_paid",
        Paid = "paid",
        Overdue = "overdue",
        Credited = "credited",
    }
}

/// What of an issued document matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Billed {
    pub id: InvoiceId,
    pub number: Number,
    pub gross: Money,
    pub due_on: Day,
}

impl Billed {
    pub const fn of(invoice: &Invoice) -> Self {
        Self { id: invoice.id, number: invoice.number, gross: invoice.draft.gross(), due_on: invoice.draft.due_on }
    }
}

/// How one document stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub billed: Billed,
    /// What is covered of it.
    pub paid: Money,
    pub open: Money,
}

impl Standing {
    pub fn status(&self, today: Day) -> InvoiceStatus {
        match (self.billed.number.series, self.open.minor, self.paid.minor) {
            (Series::CreditNote, ..) => InvoiceStatus::Credited,
            (_, 0, _) => InvoiceStatus::Paid,
            _ if self.billed.due_on < today => InvoiceStatus::Overdue,
            (_, _, 0) => InvoiceStatus::Issued,
            _ => InvoiceStatus::PartPaid,
        }
    }

    /// Nothing of it is open. What stands on a credit note is paid by what it takes back.
    pub fn is_paid(&self) -> bool {
        self.open.minor == 0
    }
}

/// How all documents of a merchant in one currency stand, and the credit that is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// As they were issued.
    pub standings: Vec<Standing>,
    /// Below zero where more was paid back than came.
    pub credit: Money,
}

/// The same in every currency that there is something in.
pub fn accounts(billed: &[Billed], movements: &[Movement]) -> Vec<Account> {
    let currencies = billed.iter().map(|billed| billed.gross.currency).chain(movements.iter().map(|movement| movement.amount.currency));
    let currencies: BTreeSet<Currency> = currencies.collect();
    currencies.into_iter().map(|currency| account(currency, billed, movements)).collect()
}

/// Reads a merchant's documents, in the order of their issue, and its movements.
pub fn account(currency: Currency, billed: &[Billed], movements: &[Movement]) -> Account {
    let live = movements.iter().filter(|movement| movement.reversed.is_none() && movement.amount.currency == currency);
    let (mut named, mut pool): (HashMap<InvoiceId, i64>, i64) = (HashMap::new(), 0);
    for movement in live {
        let minor = movement.amount.minor;
        match movement.what {
            What::Received { invoice: Some(invoice), .. } => *named.entry(invoice).or_default() += minor,
            What::Received { invoice: None, .. } | What::WrittenOff { of: Party::Merchant(_) } => pool += minor,
            What::PaidBack { .. } => pool -= minor,
            _ => {}
        }
    }
    let billed = billed.iter().filter(|billed| billed.gross.currency == currency);
    let mut standings: Vec<Standing> = billed
        .map(|billed| {
            let gross = billed.gross.minor;
            let covered = named.remove(&billed.id).unwrap_or(0);
            let paid = covered.min(gross.max(0));
            // What was overpaid, and all of a credit note.
            pool += covered - paid - gross.min(0);
            let money = |minor| Money::new(minor, currency);
            Standing { billed: *billed, paid: money(paid), open: money(gross.max(0) - paid) }
        })
        .collect();
    for standing in &mut standings {
        let covered = pool.clamp(0, standing.open.minor);
        standing.paid.minor += covered;
        standing.open.minor -= covered;
        pool -= covered;
    }
    Account { standings, credit: Money::new(pool, currency) }
}

/// A merchant's documents and movements, as far as they decide whether an order is paid for.
#[derive(Debug, Clone)]
pub struct Papers {
    billed: Vec<Billed>,
    movements: Vec<Movement>,
    /// The documents that bill an order: its lines above zero.
    bills: HashMap<ConversionId, Vec<InvoiceId>>,
    unpaid: BTreeSet<InvoiceId>,
}

impl Papers {
    /// `billed` in the order of issue.
    pub fn new(billed: Vec<Billed>, movements: Vec<Movement>, bills: HashMap<ConversionId, Vec<InvoiceId>>) -> Self {
        let mut papers = Self { billed, movements, bills, unpaid: BTreeSet::new() };
        papers.look();
        papers
    }

    /// Whether no document that bills the order is open. Documents that only take back are no bills.
    pub fn pay_for(&self, order: ConversionId) -> bool {
        self.bills.get(&order).is_none_or(|bills| bills.iter().all(|invoice| !self.unpaid.contains(invoice)))
    }

    /// Makes a movement of the merchant known, or its undoing.
    pub fn add(&mut self, movement: &Movement) {
        self.movements.retain(|known| known.id != movement.id);
        self.movements.push(movement.clone());
        self.look();
    }

    fn look(&mut self) {
        let accounts = accounts(&self.billed, &self.movements);
        let open = accounts.iter().flat_map(|account| &account.standings).filter(|standing| !standing.is_paid());
        self.unpaid = open.map(|standing| standing.billed.id).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{movement::Reversed, order::Actor};
    use crate::kernel::{
        id::{MerchantId, MovementId},
        time::Time,
    };

    const EUR: Currency = Currency::EUR;

    fn billed(serial: i64, gross: i64) -> Billed {
        let series = if gross < 0 { Series::CreditNote } else { Series::Invoice };
        let day = Day::from_number(20_000 + i32::try_from(serial).expect("small"));
        Billed {
            id: InvoiceId::from_raw(serial),
            number: Number { series, year: 2026, serial },
            gross: Money::new(gross, EUR),
            due_on: day,
        }
    }

    fn moved(what: What, minor: i64) -> Movement {
        let (id, at) = (MovementId::from_raw(1), Time::default());
        Movement {
            id,
            what,
            amount: Money::new(minor, EUR),
            reason: None,
            reference: None,
            by: Actor::Operator,
            at,
            happened_at: at,
            reversed: None,
        }
    }

    fn received(invoice: Option<i64>, minor: i64) -> Movement {
        moved(What::Received { merchant: MerchantId::from_raw(1), invoice: invoice.map(InvoiceId::from_raw) }, minor)
    }

    fn open(account: &Account) -> (Vec<i64>, i64) {
        (account.standings.iter().map(|standing| standing.open.minor).collect(), account.credit.minor)
    }

    #[test]
    fn payments_cover_what_they_name_and_then_the_oldest() {
        let documents = [billed(1, 100), billed(2, 50), billed(3, -30), billed(4, 200)];
        let after = |movements: &[Movement]| open(&account(EUR, &documents, movements));
        assert_eq!(after(&[]), (vec![70, 50, 0, 200], 0), "a credit note covers the oldest");
        assert_eq!(after(&[received(Some(2), 50)]), (vec![70, 0, 0, 200], 0));
        assert_eq!(after(&[received(Some(2), 60)]), (vec![60, 0, 0, 200], 0), "what is overpaid goes to the oldest");
        assert_eq!(after(&[received(None, 400), received(Some(1), 10)]), (vec![0, 0, 0, 0], 90));
        let merchant = MerchantId::from_raw(1);
        assert_eq!(after(&[received(None, 400), moved(What::PaidBack { merchant }, 80)]), (vec![0, 0, 0, 0], 0));
        assert_eq!(after(&[moved(What::WrittenOff { of: Party::Merchant(merchant) }, 70)]), (vec![0, 50, 0, 200], 0));
        let mut undone = received(Some(1), 100);
        undone.reversed = Some(Reversed { at: Time::default(), reason: None });
        assert_eq!(after(&[undone]), (vec![70, 50, 0, 200], 0), "a payment that was reversed is none");
        let mut both = vec![received(Some(1), 30), received(None, 25), received(Some(4), 250)];
        let once = after(&both);
        both.reverse();
        assert_eq!(after(&both), once, "the sequence does not matter");
    }

    #[test]
    fn a_status_says_how_far_it_is() {
        let statuses = |paid: i64, today: i32| {
            let account = account(EUR, &[billed(1, 100), billed(2, -10)], &[received(Some(1), paid)]);
            account.standings.iter().map(|standing| standing.status(Day::from_number(today)).word()).collect::<Vec<_>>()
        };
        assert_eq!(statuses(90, 20_001), ["paid", "credited"]);
        assert_eq!(statuses(40, 20_001), ["part_paid", "credited"]);
        assert_eq!(statuses(40, 20_002), ["overdue", "credited"]);
        let unpaid = account(EUR, &[billed(1, 100)], &[]);
        assert_eq!(unpaid.standings[0].status(Day::from_number(20_001)), InvoiceStatus::Issued);
    }
}
