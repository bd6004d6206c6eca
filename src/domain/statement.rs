//! Self-billed statements: a publisher's invoice to the platform, which the platform writes for them. One lists what a payment pays for
//! orders and no statement lists yet; its VAT is added to the payment.

use crate::domain::{
    account::Account,
    entry::{Link, Row},
    identity::Identity,
    invoice,
    payee::Payee,
    series::Number,
};
use crate::kernel::{
    currency::Currency,
    id::{PaymentId, PublisherId, StatementId},
    money::Money,
    percent::Percent,
    time::{Day, Time},
};

/// What statements say of a publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billing {
    pub publisher: PublisherId,
    pub party: Identity,
    /// Percent of what they earned; 0 for those who charge no VAT.
    pub vat_rate: Percent,
    pub vat_mention: Option<String>,
    /// Since when they let the platform write their invoices.
    pub mandate_at: Option<Time>,
    /// When the operator found the VAT number and rate to be right.
    pub vat_confirmed_at: Option<Time>,
}

impl Billing {
    /// Takes what somebody says now. The operator's word confirms; a publisher's own leaves what was confirmed and is the same.
    #[must_use]
    pub fn replaced_by(&self, new: Self, by_operator: bool, now: Time) -> Self {
        let looked_at = |billing: &Self| {
            let Identity { name, country, vat_number, registration, .. } = billing.party.clone();
            (billing.vat_rate, name, country, vat_number, registration)
        };
        let is_same = looked_at(self) == looked_at(&new);
        Self {
            mandate_at: new.mandate_at.map(|at| self.mandate_at.unwrap_or(at)),
            vat_confirmed_at: if by_operator { Some(now) } else { self.vat_confirmed_at.filter(|_| is_same) },
            ..new
        }
    }

    /// Who writes their statements, if they let somebody: `platform` as documents name it, once it has said who it is.
    pub fn by(self, platform: Option<Identity>) -> Option<SelfBilling> {
        // Where merchants pay is nothing to publishers.
        let platform =
            platform.filter(|platform| !platform.name.is_empty()).map(|platform| Identity { iban: None, note: None, ..platform });
        Some(SelfBilling { mandate_at: self.mandate_at?, platform, billing: self })
    }

    /// VAT may be paid: there is none, or the operator has looked at it.
    pub fn is_vat_settled(&self) -> bool {
        self.vat_rate.parts() == 0 || self.vat_confirmed_at.is_some()
    }
}

/// Who writes statements for whom, for a publisher who has accepted that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfBilling {
    pub billing: Billing,
    pub mandate_at: Time,
    /// The platform as documents name it, once it has said so.
    pub platform: Option<Identity>,
}

/// What a statement over some lines comes to, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Total {
    pub lines: i64,
    /// Below zero if more was taken back than earned.
    pub net: i64,
    /// Once on the total, rounded half up.
    pub vat: i64,
}

/// What a statement says, before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub publisher: PublisherId,
    /// The payment with which it was drawn up.
    pub payment: PaymentId,
    pub currency: Currency,
    pub total: Total,
    pub vat_rate: Percent,
    pub vat_mention: Option<String>,
    pub mandate_at: Time,
    pub issued_on: Day,
    /// The publisher.
    pub seller: Identity,
    /// The platform.
    pub buyer: Identity,
}

/// An issued statement. It never changes, whatever becomes of its payment: what a returned payment leaves payable, VAT included, is paid by
/// the next one without another statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub id: StatementId,
    pub number: Number,
    pub issued_at: Time,
    pub draft: Draft,
    /// The ends of the journal's chains when it was issued.
    pub heads: Vec<Link>,
}

impl SelfBilling {
    /// Of lines on the publisher's account, debits positive; none if nothing is earned or taken back by them.
    pub fn total(&self, amounts: impl Iterator<Item = i64>) -> Option<Total> {
        let (lines, net) = amounts.fold((0, 0_i64), |(lines, net), amount| (lines + 1, net.saturating_sub(amount)));
        (net != 0).then(|| Total { lines, net, vat: invoice::vat(net, self.billing.vat_rate) })
    }

    /// None as long as the platform has not said who it is.
    pub fn draw(&self, total: Total, payment: PaymentId, currency: Currency, issued_on: Day) -> Option<Draft> {
        let Billing { publisher, party, vat_rate, vat_mention, .. } = self.billing.clone();
        let buyer = self.platform.clone()?;
        Some(Draft {
            publisher,
            payment,
            currency,
            total,
            vat_rate,
            vat_mention,
            mandate_at: self.mandate_at,
            issued_on,
            seller: party,
            buyer,
        })
    }
}

impl Draft {
    pub const fn net(&self) -> Money {
        Money::new(self.total.net, self.currency)
    }
    pub const fn vat(&self) -> Money {
        Money::new(self.total.vat, self.currency)
    }
    pub const fn gross(&self) -> Money {
        Money::new(self.total.net.saturating_add(self.total.vat), self.currency)
    }
}

impl Statement {
    /// What it holds on the ledger: its VAT only, for its lines are posted already.
    pub fn row(&self) -> Row {
        let vat = self.draft.total.vat;
        let mut row = Row::from([(Account::VatDeductible, vat), (Payee::Publisher(self.draft.publisher).payable(), -vat)]);
        row.retain(|_, amount| *amount != 0);
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn billing(rate: &str, number: Option<&str>) -> Billing {
        Billing {
            publisher: PublisherId::from_raw(1),
            party: Identity { name: "A".to_owned(), vat_number: number.map(str::to_owned), ..Identity::default() },
            vat_rate: rate.parse().expect("a percentage"),
            vat_mention: None,
            mandate_at: Some(Time::from_micros(5)),
            vat_confirmed_at: None,
        }
    }

    #[test]
    fn vat_is_added_once_on_the_total() {
        let total = |rate: &str, amounts: &[i64]| {
            let mandate_at = Time::from_micros(0);
            let found = SelfBilling { billing: billing(rate, None), mandate_at, platform: None }.total(amounts.iter().copied());
            found.map(|total| (total.lines, total.net, total.vat))
        };
        assert_eq!(total("20", &[-1, -1, -1]), Some((3, 3, 1)), "not three times 0");
        assert_eq!(total("20", &[-1000, 1250]), Some((2, -250, -50)), "what was taken back takes its VAT back");
        assert_eq!(total("0", &[-1000]), Some((1, 1000, 0)));
        assert_eq!((total("20", &[]), total("20", &[-7, 7])), (None, None));
    }

    #[test]
    fn a_publisher_cannot_confirm_vat() {
        let (none, now) = (billing("0", None), Time::from_micros(9));
        let said = none.replaced_by(billing("20", Some("FR1")), false, now);
        assert!(none.is_vat_settled() && !said.is_vat_settled());
        let confirmed = said.replaced_by(said.clone(), true, now);
        assert!(confirmed.is_vat_settled());
        assert!(confirmed.replaced_by(billing("20", Some("FR1")), false, now).is_vat_settled(), "nothing about VAT has changed");
        assert!(!confirmed.replaced_by(billing("20", Some("FR2")), false, now).is_vat_settled());
        assert!(!confirmed.replaced_by(billing("10", Some("FR1")), false, now).is_vat_settled());
    }

    #[test]
    fn a_mandate_keeps_its_date_until_it_is_withdrawn() {
        let first = billing("0", None);
        let later = Billing { mandate_at: Some(Time::from_micros(8)), ..billing("0", None) };
        assert_eq!(first.replaced_by(later.clone(), false, Time::from_micros(8)).mandate_at, Some(Time::from_micros(5)));
        let withdrawn = first.replaced_by(Billing { mandate_at: None, ..later.clone() }, false, Time::from_micros(8));
        assert_eq!(withdrawn.mandate_at, None);
        assert_eq!(withdrawn.replaced_by(later, false, Time::from_micros(8)).mandate_at, Some(Time::from_micros(8)));
    }
}
