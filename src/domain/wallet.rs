//! Wallets: what a payee has to get in a currency, how they want to be paid, and what a run takes from that or why it takes nothing.

use crate::codes;
use crate::domain::{
    entry::Subject,
    payee::Payee,
    statement::{SelfBilling, Total},
    word::words,
};
use crate::kernel::{
    currency::Currency,
    id::EntryId,
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

codes! {
    /// Why a payout run leaves a payee out. The payee reads it.
    pub enum Why {
        Debt = "debt", "A balance is below zero, in this currency or another; later earnings in it are set against it first.", "Un solde est négatif, dans cette devise ou une autre ; les gains suivants dans celle-ci le compensent d’abord.";
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
    /// A self-billed statement is to list it: it is of an order, or changes what is owed for orders, and stands on none yet.
    pub unstated: bool,
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

/// What a statement lists of the lines that a payment pays.
pub fn unstated(lines: &[FreeLine]) -> impl Iterator<Item = &FreeLine> {
    lines.iter().filter(|line| line.unstated)
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
        // What a payment posted that was cancelled or came back cancels out, whenever that was.
        let is_taken =
            |line: &&FreeLine| line.amount > 0 || matches!(line.subject, Subject::Payment(_)) || until.is_none_or(|until| line.at < until);
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
        let stated = match self.stated(&lines) {
            Ok(stated) => stated,
            Err(why) => return leave_out(Against { why, missing: None, until: None }),
        };
        let amount = amount.saturating_add(stated.map_or(0, |total| total.vat));
        // VAT that is taken back may leave less than the fee.
        if amount <= fee {
            return leave_out(Against { why: Why::BelowMinimum, missing: Some(fee + 1 - amount), until: None });
        }
        Assessed::Pay { amount, lines, details, stated }
    }

    /// What a statement over these lines comes to, if one is to be written.
    fn stated(&self, lines: &[FreeLine]) -> Result<Option<Total>, Why> {
        let Some(writer) = &self.self_billing else { return Ok(None) };
        let Some(total) = writer.total(unstated(lines).map(|line| line.amount)) else { return Ok(None) };
        if writer.platform.is_none() {
            return Err(Why::SellerUnknown);
        }
        if !writer.billing.is_vat_settled() {
            return Err(Why::VatUnconfirmed);
        }
        Ok(Some(total))
    }
}

#[cfg(test)]
#[path = "wallet_tests.rs"]
mod tests;
