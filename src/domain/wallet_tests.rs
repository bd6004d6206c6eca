//! Tables of what a payout takes from a wallet, and why not.
use super::*;
use crate::kernel::id::{BuyerId, ConversionId, PaymentId};

#[test]
fn codes_are_listed() {
    assert_eq!(ReturnReason::ALL.iter().map(|reason| reason.code()).collect::<Vec<_>>(), ReturnReason::CODES);
}

fn line(entry: i64, amount: i64) -> FreeLine {
    let (entry, at) = (EntryId::from_raw(entry), Time::from_micros(entry));
    FreeLine { entry, line: 1, amount, at, subject: Subject::Order(ConversionId::from_raw(1)), unstated: true }
}

fn wallet(amounts: &[i64]) -> Wallet {
    let mut profile = Profile::empty(Payee::Buyer(BuyerId::from_raw(1)));
    let (method, at) = (Method::Sepa, Time::from_micros(0));
    profile.change(Details { method, holder: "A".to_owned(), shown: "…".to_owned(), sealed: Vec::new(), changed_at: at });
    Wallet { profile, lines: (1..).zip(amounts).map(|(entry, amount)| line(entry, *amount)).collect(), in_debt: false, self_billing: None }
}

fn why(wallet: &Wallet) -> Option<Why> {
    match wallet.assess(Currency::EUR, None, 0, Time::from_micros(PAUSE)) {
        Assessed::LeaveOut { against, .. } => Some(against.why),
        _ => None,
    }
}

#[test]
fn what_was_taken_back_since_is_taken_too() {
    let assess = |amounts: &[i64], until: i64| match wallet(amounts).assess(
        Currency::EUR,
        Some(Time::from_micros(until)),
        0,
        Time::from_micros(9),
    ) {
        Assessed::Pay { amount, lines, .. } => Some((amount, lines.len())),
        _ => None,
    };
    assert_eq!(assess(&[-2000, -3000, 500], 2), Some((1500, 2)));
    assert_eq!(assess(&[-2000, -3000, 500], 9), Some((4500, 3)));
    assert_eq!(assess(&[-2000, 2000, -3000], 2), None);
}

#[test]
fn a_run_that_was_cancelled_takes_nothing_from_the_next_one() {
    let payment = |entry, amount| FreeLine { subject: Subject::Payment(PaymentId::from_raw(1)), ..line(entry, amount) };
    let mut wallet = wallet(&[-2000]);
    wallet.lines.extend([payment(5, 2000), payment(6, -2000)]);
    let assessed = wallet.assess(Currency::EUR, Some(Time::from_micros(2)), 0, Time::from_micros(9));
    assert!(matches!(&assessed, Assessed::Pay { amount: 2000, lines, .. } if lines.len() == 3), "{assessed:?}");
}

#[test]
fn why_nothing_is_paid() {
    assert_eq!(why(&wallet(&[-1000])), None);
    assert_eq!(why(&wallet(&[-999])), Some(Why::BelowMinimum));
    assert_eq!(why(&wallet(&[-1000, 1001])), Some(Why::Debt));
    assert_eq!(why(&Wallet { in_debt: true, ..wallet(&[-1000]) }), Some(Why::Debt));
    let with = |change: &dyn Fn(&mut Profile)| {
        let mut wallet = wallet(&[-1000]);
        change(&mut wallet.profile);
        why(&wallet)
    };
    assert_eq!(with(&|profile| profile.held = Some("looked into".to_owned())), Some(Why::Held));
    assert_eq!(with(&|profile| profile.details = None), Some(Why::NoMethod));
    assert_eq!(with(&|profile| profile.blocked = Some(ReturnReason::WrongIban)), Some(Why::Returned));
    let again = |at: i64| {
        with(&|profile| {
            let details = profile.details.clone().expect("details");
            profile.change(Details { changed_at: Time::from_micros(at), ..details });
        })
    };
    assert_eq!((again(0), again(1)), (None, Some(Why::IbanChanged)), "72 hours");
}
