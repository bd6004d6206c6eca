//! Payouts: how payees want to be paid, what a run takes from their balances, and why it leaves somebody out.

use crate::codes;
use crate::domain::{
    entry::{Link, Subject},
    order::Actor,
    payee::Payee,
    series::Series,
    statement::{SelfBilling, Total},
    word::words,
};
use crate::kernel::{
    currency::Currency,
    id::{BatchId, EntryId, PaymentId},
    money::Money,
    time::{DAY, Time},
};
use std::{collections::BTreeMap, fmt};

/// Below this many units of its currency a balance stays where it is, unless its payee says otherwise.
const MINIMUM_UNITS: i64 = 10;
/// How long nothing is paid to an account that was just put in the place of another. Microseconds.
pub const PAUSE: i64 = 3 * DAY;

words! {
    /// How somebody is paid.
    pub enum Method {
        Sepa = "sepa",
        Manual = "manual",
    }
}

words! {
    /// What a batch is exported as. `csv` holds the payments that a pain.001 cannot take, `csv_all` every payment.
    pub enum Form {
        Pain001 = "pain001",
        Csv = "csv",
        CsvAll = "csv_all",
    }
}

words! {
    /// Where a payout run stands, by its payments.
    pub enum BatchStatus {
        Prepared = "prepared",
        Exported = "exported",
        Settled = "settled",
        Cancelled = "cancelled",
    }
}

codes! {
    /// Why a payout run leaves a payee out. The payee reads it.
    pub enum Why {
        Debt = "debt", "The balance is below zero; later earnings are set against it first.", "Le solde est négatif ; les gains suivants le compensent d’abord.";
        Held = "held", "Payouts to this account are on hold.", "Les versements vers ce compte sont suspendus.";
        NoMethod = "no_method", "Nothing says yet where to pay to.", "Aucune coordonnée de paiement n’est encore enregistrée.";
        Returned = "returned", "The last payment came back; the account’s details must be changed.", "Le dernier versement est revenu ; il faut modifier les coordonnées.";
        IbanChanged = "iban_changed", "The account was changed less than 72 hours ago.", "Le compte a été modifié il y a moins de 72 heures.";
        SellerUnknown = "seller_unknown", "The statement cannot be written yet: the operator has not said who it is made out to.", "L’autofacture ne peut pas encore être établie : l’opérateur n’a pas indiqué à qui elle est adressée.";
        VatUnconfirmed = "vat_unconfirmed", "The operator has not looked at the VAT number and rate yet.", "L’opérateur n’a pas encore vérifié le numéro et le taux de TVA.";
        BelowMinimum = "below_minimum", "The balance is below the minimum for a payout.", "Le solde est inférieur au minimum de versement.";
    }
}

codes! {
    /// Why a payment came back. The payee reads it.
    pub enum ReturnReason {
        AccountClosed = "account_closed", "The account is closed.", "Le compte est clôturé.";
        WrongIban = "wrong_iban", "The account number is wrong.", "Le numéro de compte est faux.";
        WrongName = "wrong_name", "The name does not match the account.", "Le nom ne correspond pas au compte.";
        Refused = "refused", "The payee’s bank refused the payment.", "La banque du bénéficiaire a refusé le paiement.";
        NotExecuted = "not_executed", "Our bank did not execute the payment.", "Notre banque n’a pas exécuté le paiement.";
        Recalled = "recalled", "The payment was called back.", "Le paiement a été rappelé.";
        Unknown = "unknown", "The bank gave no reason.", "La banque n’a pas donné de raison.";
        Other = "other", "Another reason; the note says which.", "Une autre raison ; la note dit laquelle.";
    }
}

impl ReturnReason {
    /// Every code, for declarations.
    pub const CODES: &'static [&'static str] =
        &["account_closed", "wrong_iban", "wrong_name", "refused", "not_executed", "recalled", "unknown", "other"];
    /// Nothing is paid to this account until its details are changed.
    pub const BLOCKING: [Self; 3] = [Self::AccountClosed, Self::WrongIban, Self::WrongName];
}

/// Where somebody is paid to. Its `Debug` shows no account.
#[derive(Clone, PartialEq, Eq)]
pub struct Details {
    pub method: Method,
    /// The account holder's name.
    pub holder: String,
    /// As much of the account as people are shown.
    pub shown: String,
    /// The account itself, as the vault stores it.
    pub sealed: Vec<u8>,
    pub changed_at: Time,
}

impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Details").field("method", &self.method).field("changed_at", &self.changed_at).finish_non_exhaustive()
    }
}

/// How a payee wants to be paid, and what stands against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub payee: Payee,
    pub details: Option<Details>,
    /// Minor units below which a balance stays, where they are not the usual ones.
    pub minimums: BTreeMap<Currency, i64>,
    /// The operator's hold, with why.
    pub held: Option<String>,
    /// The account is new in the place of another: nothing is paid before then.
    pub paused_until: Option<Time>,
    /// The account was changed then, and the address of before has not been told.
    pub notice_due_at: Option<Time>,
    /// A payment to these details came back: nothing is paid until they are changed.
    pub blocked: Option<ReturnReason>,
}

impl Profile {
    /// Of somebody who has said nothing yet.
    pub const fn empty(payee: Payee) -> Self {
        Self { payee, details: None, minimums: BTreeMap::new(), held: None, paused_until: None, notice_due_at: None, blocked: None }
    }

    /// Minor units below which a balance stays.
    pub fn minimum(&self, currency: Currency) -> i64 {
        self.minimums.get(&currency).copied().unwrap_or(MINIMUM_UNITS * currency.scale())
    }

    /// Takes new details; a payee who had others waits, in case somebody else sent them.
    pub fn change(&mut self, details: Details) {
        let now = details.changed_at;
        if self.details.replace(details).is_some() {
            self.paused_until = Some(now.plus(PAUSE));
            self.notice_due_at = self.notice_due_at.or(Some(now));
        }
        self.blocked = None;
    }

    /// What stands against a payment of this much, if anything does.
    fn against(&self, amount: Money, fee: i64, now: Time) -> Result<&Details, Against> {
        let missing = self.minimum(amount.currency).max(fee + 1) - amount.minor;
        if self.held.is_some() {
            return Err(Against { why: Why::Held, missing: None, until: None });
        }
        let Some(details) = &self.details else { return Err(Against { why: Why::NoMethod, missing: None, until: None }) };
        if self.blocked.is_some() {
            return Err(Against { why: Why::Returned, missing: None, until: None });
        }
        if let Some(until) = self.paused_until.filter(|until| now < *until) {
            return Err(Against { why: Why::IbanChanged, missing: None, until: Some(until) });
        }
        if missing > 0 {
            return Err(Against { why: Why::BelowMinimum, missing: Some(missing), until: None });
        }
        Ok(details)
    }
}

/// Why nothing is paid now, with what is missing or when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Against {
    pub why: Why,
    /// Minor units below the minimum.
    pub missing: Option<i64>,
    pub until: Option<Time>,
}

/// A line of the journal on a payee's `:payable` account that no live payment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeLine {
    pub entry: EntryId,
    /// 1, 2, 3, … within the entry.
    pub line: i64,
    /// Minor units, debit positive.
    pub amount: i64,
    pub at: Time,
    pub subject: Subject,
    /// It stands on a self-billed statement, with a payment that was cancelled or came back.
    pub is_stated: bool,
}

/// What a payee has to get in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    pub profile: Profile,
    /// All of them: their sum is the balance.
    pub lines: Vec<FreeLine>,
    /// Owes more than the operator lets stand, in whatever currency.
    pub in_debt: bool,
    /// Of a publisher for whom statements are written.
    pub self_billing: Option<SelfBilling>,
}

/// What a run does with a wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assessed {
    /// Nothing is due.
    Nothing,
    Pay {
        /// With the VAT of the statement.
        amount: i64,
        lines: Vec<FreeLine>,
        details: Details,
        /// What a statement over those of them comes to that stand on none.
        stated: Option<Total>,
    },
    LeaveOut {
        balance: i64,
        against: Against,
    },
}

/// What a statement lists of the lines that a payment pays: what orders have brought, and no other lists.
pub fn unstated(lines: &[FreeLine]) -> impl Iterator<Item = &FreeLine> {
    lines.iter().filter(|line| !line.is_stated && line.subject.order().is_some())
}

impl Wallet {
    /// The lines up to `until`, and whatever was taken back since: a payment never turns what is left into a debt.
    pub fn assess(&self, currency: Currency, until: Option<Time>, fee: i64, now: Time) -> Assessed {
        let due = |lines: &[FreeLine]| -lines.iter().map(|line| line.amount).sum::<i64>();
        let balance = due(&self.lines);
        if balance < 0 || (self.in_debt && balance > 0) {
            let against = Against { why: Why::Debt, missing: None, until: None };
            return Assessed::LeaveOut { balance, against };
        }
        let is_taken = |line: &&FreeLine| line.amount > 0 || until.is_none_or(|until| line.at < until);
        let lines: Vec<FreeLine> = self.lines.iter().filter(is_taken).copied().collect();
        let amount = due(&lines);
        if amount <= 0 {
            return Assessed::Nothing;
        }
        let leave_out = |against| Assessed::LeaveOut { balance, against };
        let details = match self.profile.against(Money::new(amount, currency), fee, now) {
            Ok(details) => details.clone(),
            Err(against) => return leave_out(against),
        };
        let stated =
            self.self_billing.as_ref().and_then(|billing| Some((billing, billing.total(unstated(&lines).map(|line| line.amount))?)));
        let why = stated.and_then(|(billing, _)| match () {
            () if billing.platform.is_none() => Some(Why::SellerUnknown),
            () => (!billing.billing.is_vat_settled()).then_some(Why::VatUnconfirmed),
        });
        if let Some(why) = why {
            return leave_out(Against { why, missing: None, until: None });
        }
        let stated = stated.map(|(_, total)| total);
        let amount = amount.saturating_add(stated.map_or(0, |total| total.vat));
        // VAT that is taken back may leave less than the fee.
        if amount <= fee {
            return leave_out(Against { why: Why::BelowMinimum, missing: Some(fee + 1 - amount), until: None });
        }
        Assessed::Pay { amount, lines, details, stated }
    }
}

/// A payout run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub id: BatchId,
    pub currency: Currency,
    /// Only what was posted before; everything, if nobody said.
    pub until: Option<Time>,
    pub by: Actor,
    pub prepared_at: Time,
    /// When a part of it was first told to a bank.
    pub exported_at: Option<Time>,
    pub cancelled_at: Option<Time>,
    /// The heads of the journal's chains before it: kept elsewhere, they show a tail that was cut off.
    pub heads: Vec<Link>,
}

impl Batch {
    /// `is_open`: a payment of it is still under way.
    pub const fn status(&self, is_open: bool) -> BatchStatus {
        match (self.cancelled_at, self.exported_at, is_open) {
            (Some(_), ..) => BatchStatus::Cancelled,
            (None, None, _) => BatchStatus::Prepared,
            (None, Some(_), true) => BatchStatus::Exported,
            (None, Some(_), false) => BatchStatus::Settled,
        }
    }
}

/// A payee whom a run left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    pub payee: Payee,
    /// Minor units, positive is the payee's.
    pub balance: i64,
    pub against: Against,
}

/// A line that a payment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    pub payment: PaymentId,
    pub line: FreeLine,
}

/// What a payout's command writes beside its payments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub batch: Batch,
    /// Of a new batch.
    pub left_out: Vec<LeftOut>,
    /// With the payments' own lines.
    pub taken: Vec<Taken>,
    /// Payments whose lines are free again.
    pub freed: Vec<PaymentId>,
}

/// What may be done about payouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A new batch of everything due in a currency; `fee` is kept from each payment, minor units, not negative.
    Prepare {
        currency: Currency,
        until: Option<Time>,
        fee: i64,
    },
    Cancel {
        batch: BatchId,
    },
    /// Takes one payment out of its batch.
    Remove {
        payment: PaymentId,
    },
    Export {
        batch: BatchId,
        form: Form,
    },
    SettleAll {
        batch: BatchId,
    },
    Settle {
        payment: PaymentId,
    },
    Return {
        payment: PaymentId,
        reason: ReturnReason,
        note: Option<String>,
    },
}

impl Step {
    pub const fn batch(&self) -> Option<BatchId> {
        match self {
            Self::Cancel { batch } | Self::Export { batch, .. } | Self::SettleAll { batch } => Some(*batch),
            _ => None,
        }
    }

    /// The series of the documents that it may issue.
    pub const fn series(&self) -> Option<Series> {
        match self {
            Self::Prepare { .. } => Some(Series::Statement),
            _ => None,
        }
    }

    pub const fn payment(&self) -> Option<PaymentId> {
        match self {
            Self::Remove { payment } | Self::Settle { payment } | Self::Return { payment, .. } => Some(*payment),
            _ => None,
        }
    }
}

/// Whether a payment to these details stands in this form of a batch.
pub fn fits(form: Form, method: Method, currency: Currency) -> bool {
    let by_sepa = method == Method::Sepa && currency == Currency::EUR;
    match form {
        Form::Pain001 => by_sepa,
        Form::Csv => !by_sepa,
        Form::CsvAll => true,
    }
}

#[cfg(test)]
#[path = "payout_tests.rs"]
mod tests;
