//! The table of who sees what.

use super::*;
use crate::domain::conversion::{Credit, Flags, Shares, Status};
use crate::kernel::{
    currency::Currency,
    id::{ConversionId, KeyId, ProgramId},
    money::Money,
    time::Time,
};

const M: [MerchantId; 2] = [MerchantId::from_raw(11), MerchantId::from_raw(12)];
const P: [PublisherId; 2] = [PublisherId::from_raw(21), PublisherId::from_raw(22)];
const B: [BuyerId; 2] = [BuyerId::from_raw(31), BuyerId::from_raw(32)];

/// The columns of the tables: everybody, then the first and second of each kind.
const SCOPES: [Scope; 7] = [
    Scope::All,
    Scope::Merchant(M[0]),
    Scope::Merchant(M[1]),
    Scope::Publisher(P[0]),
    Scope::Publisher(P[1]),
    Scope::Buyer(B[0]),
    Scope::Buyer(B[1]),
];

fn conversion(publishers: &[PublisherId], buyer: Option<BuyerId>) -> Conversion {
    let credit = |publisher: &PublisherId| Credit { publisher: *publisher, link: None, click: None, weight: 1, amount: 10 };
    let money = Money::new(100, Currency::EUR);
    Conversion {
        id: ConversionId::from_raw(1),
        program: ProgramId::from_raw(2),
        order_id: "A-1".to_owned(),
        goal: "sale".to_owned(),
        status: Status::Pending,
        flags: Flags::default(),
        reason: None,
        amount: money,
        refunded: money,
        commission: money,
        shares: Shares::default(),
        credits: publishers.iter().map(credit).collect(),
        bonuses: Vec::new(),
        buyer,
        terms_version: 1,
        occurred_at: Time::from_micros(0),
        recorded_at: Time::from_micros(0),
        payable_at: None,
        approved_at: None,
        net: 100,
        claim_until: None,
        expired_at: None,
        buyer_paid: false,
        cashback: None,
    }
}

#[test]
fn who_sees_which_row() {
    type Sees = Box<dyn Fn(Scope) -> bool>;
    let shared = conversion(&P, Some(B[0]));
    let single = conversion(&P[..1], None);
    //                                  all m0 m1 p0 p1 b0 b1
    let table: [(&str, Sees, [u8; 7]); 7] = [
        ("merchant", Box::new(|scope| scope.is_merchant(M[0])), [1, 1, 0, 0, 0, 0, 0]),
        ("publisher", Box::new(|scope| scope.is_publisher(P[0])), [1, 0, 0, 1, 0, 0, 0]),
        ("buyer", Box::new(|scope| scope.is_buyer(B[0])), [1, 0, 0, 0, 0, 1, 0]),
        ("program", Box::new(|scope| scope.sees_program(M[0])), [1, 1, 0, 1, 1, 0, 0]),
        ("coupon", Box::new(|scope| scope.sees_coupon(P[0], M[0])), [1, 1, 0, 1, 0, 0, 0]),
        ("shared conversion", Box::new(move |scope| scope.sees_conversion(&shared, M[0])), [1, 1, 0, 1, 1, 1, 0]),
        ("conversion of one", Box::new(move |scope| scope.sees_conversion(&single, M[1])), [1, 0, 1, 1, 0, 0, 0]),
    ];
    for (row, sees, wanted) in table {
        assert_eq!(SCOPES.map(|scope| u8::from(sees(scope))), wanted, "{row}");
    }
}

#[test]
fn lists_are_narrowed_to_what_may_be_seen() {
    let asked = |merchant, publisher, buyer| Whose { merchant, publisher, buyer };
    let all = Whose::default();
    // What is asked for, and what each scope gets of it.
    let (m, p, b) = (asked(Some(M[0]), None, None), asked(None, Some(P[0]), None), asked(None, None, Some(B[0])));
    let both = |merchant, publisher, buyer| Some(asked(merchant, publisher, buyer));
    let table = [
        (
            all,
            [
                Some(all),
                Some(m),
                both(Some(M[1]), None, None),
                Some(p),
                both(None, Some(P[1]), None),
                Some(b),
                both(None, None, Some(B[1])),
            ],
        ),
        (
            m,
            [
                Some(m),
                Some(m),
                None,
                both(Some(M[0]), Some(P[0]), None),
                both(Some(M[0]), Some(P[1]), None),
                both(Some(M[0]), None, Some(B[0])),
                both(Some(M[0]), None, Some(B[1])),
            ],
        ),
        (
            p,
            [
                Some(p),
                both(Some(M[0]), Some(P[0]), None),
                both(Some(M[1]), Some(P[0]), None),
                Some(p),
                None,
                both(None, Some(P[0]), Some(B[0])),
                both(None, Some(P[0]), Some(B[1])),
            ],
        ),
        // Who bought is nobody's business but the buyer's own and the operator's.
        (b, [Some(b), None, None, None, None, Some(b), None]),
    ];
    for (asked, wanted) in table {
        assert_eq!(SCOPES.map(|scope| scope.narrow(asked)), wanted, "{asked:?}");
    }
}

#[test]
fn roles_are_a_set() {
    let some = OPERATOR | PUBLISHER;
    assert_eq!(some.iter().collect::<Vec<_>>(), [Role::Operator, Role::Publisher]);
    assert!(!some.contains(Role::Merchant) && !some.contains(Role::Buyer));
    assert_eq!(ANY.iter().count(), Role::WORDS.len());
}

#[test]
fn a_key_sees_its_owners_rows() {
    let scope = |role, owner| Scope::of(&Key { id: KeyId::from_raw(1), role, owner, name: None });
    assert_eq!(scope(Role::Operator, None), Some(Scope::All));
    assert_eq!(scope(Role::Merchant, Some(11)), Some(SCOPES[1]));
    assert_eq!(scope(Role::Publisher, Some(21)), Some(SCOPES[3]));
    assert_eq!(scope(Role::Buyer, Some(31)), Some(SCOPES[5]));
    assert_eq!(scope(Role::Buyer, None), None);
}
