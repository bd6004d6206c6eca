//! Movements: money that moved beside orders, each a dated act of somebody, with a reason.

pub use crate::domain::payee::Payee;
use crate::domain::{
    account::{Account, Owner, Stage},
    entry::{self, Row},
    order::Actor,
    word::words,
};
use crate::kernel::{
    id::{BuyerId, InvoiceId, MerchantId, MovementId},
    money::Money,
    time::Time,
};

/// What moved, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A bonus or goodwill without an order, paid by the platform or by a merchant.
    Bonus { buyer: BuyerId, funder: Option<MerchantId> },
    /// Charged to a merchant.
    Fee { merchant: MerchantId },
    /// A merchant's payment, of an invoice or ahead.
    Received { merchant: MerchantId, invoice: Option<InvoiceId> },
    /// A merchant's credit paid back.
    PaidBack { merchant: MerchantId },
    /// The bank's own charge.
    BankCharge,
    /// A payee's negative balance, or a merchant's debt.
    WrittenOff { of: Party },
    /// A balance that its owner gave up, or that lay dormant: it goes to the platform.
    Waived { by: Payee },
}

/// Somebody who may owe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    Payee(Payee),
    Merchant(MerchantId),
}

words! {
    /// What kind of movement it is.
    pub enum Kind {
        Bonus = "bonus",
        Fee = "fee",
        Received = "received",
        PaidBack = "paid_back",
        BankCharge = "bank_charge",
        WrittenOff = "written_off",
        Waived = "waived",
    }
}

/// Money that moved beside orders. Never changed; undone by a second dated act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    pub id: MovementId,
    pub what: What,
    /// Above zero.
    pub amount: Money,
    /// For people: the buyer reads that of a bonus, the merchant that of a fee.
    pub reason: Option<String>,
    /// The bank's or the merchant's own.
    pub reference: Option<String>,
    pub by: Actor,
    /// When it was entered.
    pub at: Time,
    /// When the money moved, where that is another moment: a payment's day of receipt.
    pub happened_at: Time,
    pub reversed: Option<Reversed>,
}

/// A movement was undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversed {
    pub at: Time,
    pub reason: Option<String>,
}

impl Party {
    pub const fn owner(self) -> Owner {
        match self {
            Self::Payee(payee) => payee.owner(),
            Self::Merchant(id) => Owner::Merchant(id),
        }
    }
}

impl What {
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Bonus { .. } => Kind::Bonus,
            Self::Fee { .. } => Kind::Fee,
            Self::Received { .. } => Kind::Received,
            Self::PaidBack { .. } => Kind::PaidBack,
            Self::BankCharge => Kind::BankCharge,
            Self::WrittenOff { .. } => Kind::WrittenOff,
            Self::Waived { .. } => Kind::Waived,
        }
    }

    /// The kind of the entry that posts it.
    pub const fn entry(&self) -> entry::Kind {
        match self {
            Self::Bonus { .. } => entry::Kind::Bonus,
            Self::Fee { .. } => entry::Kind::Fee,
            Self::Received { .. } => entry::Kind::Received,
            Self::PaidBack { .. } => entry::Kind::PaidBack,
            Self::BankCharge => entry::Kind::BankCharge,
            Self::WrittenOff { .. } => entry::Kind::WrittenOff,
            Self::Waived { .. } => entry::Kind::Waived,
        }
    }

    /// Whose it is, as lists are filtered.
    pub const fn owner(&self) -> Owner {
        match self {
            Self::Bonus { buyer, .. } => Owner::Buyer(*buyer),
            Self::Fee { merchant } | Self::Received { merchant, .. } | Self::PaidBack { merchant } => Owner::Merchant(*merchant),
            Self::BankCharge => Owner::Platform,
            Self::WrittenOff { of } => of.owner(),
            Self::Waived { by } => by.owner(),
        }
    }

    /// The merchant whose debt it changes.
    pub const fn merchant(&self) -> Option<MerchantId> {
        match self {
            Self::Fee { merchant }
            | Self::Received { merchant, .. }
            | Self::PaidBack { merchant }
            | Self::WrittenOff { of: Party::Merchant(merchant) } => Some(*merchant),
            Self::Bonus { funder, .. } => *funder,
            Self::WrittenOff { of: Party::Payee(_) } | Self::Waived { .. } | Self::BankCharge => None,
        }
    }

    /// Debited and credited account.
    const fn accounts(&self) -> (Account, Account) {
        match self {
            Self::Bonus { buyer, funder } => {
                let payer = match funder {
                    None => Account::PromotionsSpent,
                    Some(merchant) => Account::MerchantOwed(*merchant),
                };
                (payer, Account::Buyer(*buyer, Stage::Payable))
            }
            Self::Fee { merchant } => (Account::MerchantOwed(*merchant), Account::PlatformFees),
            Self::Received { merchant, .. } => (Account::Cash, Account::MerchantOwed(*merchant)),
            Self::PaidBack { merchant } => (Account::MerchantOwed(*merchant), Account::Cash),
            Self::BankCharge => (Account::BankFees, Account::Cash),
            Self::WrittenOff { of: Party::Payee(payee) } => (Account::Losses, payee.payable()),
            Self::WrittenOff { of: Party::Merchant(merchant) } => (Account::Losses, Account::MerchantOwed(*merchant)),
            Self::Waived { by } => (by.payable(), Account::PlatformRevenue),
        }
    }
}

impl Movement {
    /// What it holds on the ledger, debits positive; nothing once it is reversed.
    pub fn row(&self) -> Row {
        if self.reversed.is_some() {
            return Row::new();
        }
        let (debit, credit) = self.what.accounts();
        Row::from([(debit, self.amount.minor), (credit, -self.amount.minor)])
    }
}
