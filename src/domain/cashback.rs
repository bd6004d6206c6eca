//! What a buyer reads of the cashback of one order: where it stands, until when, and why not.

use crate::domain::{
    conversion::{Cashback, CashbackState, CashbackText, Conversion, Status},
    reason::Reason,
};
use crate::kernel::{code::Language, money::Money, time::Time};

/// None where there is none to speak of: nobody is credited, or the terms give buyers nothing.
pub fn cashback(conversion: &Conversion) -> Option<Cashback> {
    let (state, date) = state(conversion)?;
    let amount = Money::new(conversion.shares.buyer, conversion.commission.currency);
    Some(Cashback { state, amount, date, text: text(conversion, state, date) })
}

fn state(conversion: &Conversion) -> Option<(CashbackState, Option<Time>)> {
    let refused = || Some((CashbackState::Refused, None));
    match conversion.status {
        Status::Unattributed => None,
        Status::Rejected => refused(),
        _ if conversion.expired_at.is_some() => Some((CashbackState::Expired, conversion.expired_at)),
        _ if conversion.shares.buyer == 0 => {
            conversion.reason.as_ref().filter(|_| conversion.commission.minor == 0).and_then(|_| refused())
        }
        _ if conversion.buyer.is_none() => Some((CashbackState::Unclaimed, conversion.claim_until)),
        Status::Pending => Some((CashbackState::Tracked, conversion.payable_at)),
        Status::Approved => Some((CashbackState::Confirmed, conversion.approved_at)),
        Status::Payable | Status::Paid if conversion.buyer_paid => Some((CashbackState::Paid, None)),
        Status::Payable | Status::Paid => Some((CashbackState::Payable, conversion.payable_at)),
    }
}

fn text(conversion: &Conversion, state: CashbackState, date: Option<Time>) -> CashbackText {
    let say = |en: String, fr: String| CashbackText { en, fr };
    let plain = |en: &str, fr: &str| say(en.to_owned(), fr.to_owned());
    let (en, fr) = (date.map(english).unwrap_or_default(), date.map(french).unwrap_or_default());
    match state {
        CashbackState::Tracked if date.is_none() => plain("Recorded; it is being checked.", "Enregistré ; en cours de vérification."),
        CashbackState::Tracked => {
            say(format!("Recorded; confirmed on {en} at the latest."), format!("Enregistré ; confirmé au plus tard le {fr}."))
        }
        CashbackState::Confirmed => plain(
            "Confirmed; it becomes payable when the shop has paid us.",
            "Confirmé ; il sera payable quand la boutique nous aura payés.",
        ),
        CashbackState::Payable => say(
            format!("Payable since {en}; it goes with the next payout."),
            format!("Payable depuis le {fr} ; il part avec le prochain versement."),
        ),
        CashbackState::Paid => plain("Paid out.", "Versé."),
        CashbackState::Unclaimed => say(format!("It waits for its buyer until {en}."), format!("Il attend son acheteur jusqu’au {fr}.")),
        CashbackState::Expired => plain("Nobody claimed it in time.", "Personne ne l’a réclamé à temps."),
        CashbackState::Refused => {
            let words = |language| conversion.reason.as_ref().map_or(Reason::Rejected.text(language), |why| why.text(language));
            say(format!("Refused: {}", words(Language::En)), format!("Refusé : {}", words(Language::Fr)))
        }
    }
}

/// 2026-11-22.
fn english(time: Time) -> String {
    time.to_string().chars().take(10).collect()
}

/// 22/11/2026.
fn french(time: Time) -> String {
    let day = english(time);
    day.rsplit('-').collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        conversion::{Flags, Shares},
        verdict::Grounds,
    };
    use crate::kernel::{
        currency::Currency,
        id::{BuyerId, ConversionId, ProgramId},
    };

    fn at(text: &str) -> Time {
        Time::parse(text).expect("a time")
    }

    /// A pending order with 1.80 for its buyer.
    fn plain() -> Conversion {
        let money = |minor| Money::new(minor, Currency::EUR);
        Conversion {
            id: ConversionId::from_raw(1),
            program: ProgramId::from_raw(2),
            order_id: "A-1".to_owned(),
            goal: "sale".to_owned(),
            status: Status::Pending,
            flags: Flags::default(),
            reason: None,
            amount: money(12_000),
            refunded: money(0),
            commission: money(600),
            shares: Shares { publisher: 360, buyer: 180, platform: 60 },
            credits: Vec::new(),
            bonuses: Vec::new(),
            buyer: Some(BuyerId::from_raw(3)),
            terms_version: 1,
            occurred_at: at("2026-11-22T12:00:00Z"),
            recorded_at: at("2026-11-22T12:00:00Z"),
            payable_at: Some(at("2026-12-22T12:00:00Z")),
            approved_at: None,
            net: 12_000,
            claim_until: None,
            expired_at: None,
            buyer_paid: false,
            cashback: None,
        }
    }

    #[test]
    fn every_state_with_its_sentence() {
        type Change = fn(&mut Conversion);
        let nothing = |c: &mut Conversion| {
            c.shares = Shares::default();
            c.commission.minor = 0;
        };
        let table: [(Change, Option<(&str, &str)>); 14] = [
            (|_| {}, Some(("tracked", "Recorded; confirmed on 2026-12-22 at the latest."))),
            (|c| c.payable_at = None, Some(("tracked", "Recorded; it is being checked."))),
            (|c| c.status = Status::Approved, Some(("confirmed", "Confirmed; it becomes payable when the shop has paid us."))),
            (|c| c.status = Status::Payable, Some(("payable", "Payable since 2026-12-22; it goes with the next payout."))),
            (|c| (c.status, c.buyer_paid) = (Status::Paid, true), Some(("paid", "Paid out."))),
            // The publisher waits; the buyer has it. And the other way round.
            (|c| (c.status, c.buyer_paid) = (Status::Payable, true), Some(("paid", "Paid out."))),
            (|c| c.status = Status::Paid, Some(("payable", "Payable since 2026-12-22; it goes with the next payout."))),
            (
                |c| (c.status, c.reason) = (Status::Rejected, Some(Reason::Cancelled.into())),
                Some(("refused", "Refused: The order was cancelled.")),
            ),
            (
                |c| (c.status, c.reason) = (Status::Rejected, Some((&Grounds::other("never sent")).into())),
                Some(("refused", "Refused: never sent")),
            ),
            (|c| c.status = Status::Rejected, Some(("refused", "Refused: The shop refused the sale."))),
            (
                |c| (c.buyer, c.claim_until) = (None, Some(c.recorded_at.plus_days(30))),
                Some(("unclaimed", "It waits for its buyer until 2026-12-22.")),
            ),
            (
                |c| (c.buyer, c.expired_at, c.shares.buyer) = (None, Some(c.recorded_at.plus_days(30)), 0),
                Some(("expired", "Nobody claimed it in time.")),
            ),
            (|c| c.status = Status::Unattributed, None),
            (|c| c.shares.buyer = 0, None),
        ];
        for (n, (change, wanted)) in table.into_iter().enumerate() {
            let mut conversion = plain();
            change(&mut conversion);
            let found = cashback(&conversion);
            let said = found.as_ref().map(|cashback| (cashback.state.word(), cashback.text.en.as_str()));
            assert_eq!(said, wanted, "row {n}");
        }
        let mut refunded = plain();
        nothing(&mut refunded);
        refunded.reason = Some(Reason::FullyRefunded.into());
        let found = cashback(&refunded).expect("a refusal");
        assert_eq!((found.state, found.text.fr.as_str()), (CashbackState::Refused, "Refusé : La commande entière a été remboursée."));
        assert_eq!(cashback(&plain()).expect("some").text.fr, "Enregistré ; confirmé au plus tard le 22/12/2026.");
    }
}
