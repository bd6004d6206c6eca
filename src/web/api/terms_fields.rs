//! The fields of terms, as people write them.

use super::{Field, Kind};
use crate::{
    domain::terms::{
        self, Model, PayableOn, SelfReferral, UnclaimedTo,
        boost::{self, BOOSTS_MAX, Funder},
        parse::{LIST_MAX, NAME_CHARS_MAX, RULES_MAX},
    },
    kernel::id::{ProgramId, PublisherId},
};

/// What terms may say, as `terms::parse` reads it.
pub const TERMS: Kind = Kind::Object(&[
    Field::optional("rules", Kind::Integer { min: RULES, max: RULES }, "Stamped by the server; may be sent back as it was shown."),
    Field::required("commission", Kind::List { of: &RULE, max: RULES_MAX }, "Each line of an order takes the first rule that fits."),
    Field::required("split", SPLIT, "Percent of the commission; they add up to exactly 100."),
    Field::optional("attribution", ATTRIBUTION, "Who is credited."),
    Field::optional("hold_days", DAYS, "Silence means approval so many times 24 hours after the sale; 30 if left out."),
    Field::optional("payable_on", Kind::Word(PayableOn::WORDS), "What makes an approved share payable; `approval` if left out."),
    Field::optional("claim_days", DAYS, "An unclaimed share waits so many times 24 hours; 30 if left out."),
    Field::optional("unclaimed_to", Kind::Word(UnclaimedTo::WORDS), "Who gets it then; `publisher` if left out."),
    Field::optional("boosts", Kind::List { of: &BOOST, max: BOOSTS_MAX }, "Bonuses to buyers, beside the commission."),
]);
/// What may be wrong with terms as a whole.
pub const TERMS_CODES: &[(u16, &str)] = &[
    (422, "split_not_100"),
    (422, "empty_list"),
    (422, "tiers_not_ascending"),
    (422, "reserved_type"),
    (422, "not_upstream"),
    (422, "exactly_one_reward"),
    (422, "out_of_range"),
    (422, "platform_funds"),
];

const RULES: i64 = terms::RULES as i64;
const DAYS: Kind = Kind::Integer { min: 0, max: 365 };
const NAMES: Kind = Kind::Texts { chars_max: NAME_CHARS_MAX, max: LIST_MAX };
const CODES: Kind = Kind::Texts { chars_max: boost::CODE_CHARS_MAX, max: LIST_MAX };
const SPLIT: Kind = Kind::Object(&[
    Field::required("publisher", Kind::Percent, "Of those who are credited, together."),
    Field::required("buyer", Kind::Percent, "The cashback."),
    Field::required("platform", Kind::Percent, "What stays here."),
]);
const ATTRIBUTION: Kind = Kind::Object(&[
    Field::optional("model", Kind::Word(Model::WORDS), "`last_click` if left out."),
    Field::optional("window_days", Kind::Integer { min: 1, max: 365 }, "How old a click may be, times 24 hours; 30 if left out."),
    Field::optional(
        "stand_down_minutes",
        Kind::Integer { min: 0, max: 43_200 },
        "How long cashback and coupon publishers stand back behind a content publisher's click; 0 if left out.",
    ),
    Field::optional("self_referral", Kind::Word(SelfReferral::WORDS), "If the buyer and the publisher are one person; `hold` if left out."),
]);
const RULE: Kind = Kind::Object(&[
    Field::optional("when", WHEN, "All conditions must hold; any sale if left out."),
    Field::required("pay", PAY, "Exactly one of these."),
    Field::optional("cap", Kind::Object(&[Field::required("per_order", Kind::Amount, "The most it pays for one order.")]), "A limit."),
    Field::optional("reason", Kind::Reason, "Shown to people when the rule pays nothing."),
]);
const WHEN: Kind = Kind::Object(&[
    Field::optional("type", NAMES, "Goals; `sale` if left out."),
    Field::optional("category", NAMES, "The line's category is one of these."),
    Field::optional("customer", Kind::Word(&["new", "returning"]), "What the merchant says of the customer."),
    Field::optional("coupon", CODES, "The order's coupon is one of these, compared without case."),
    Field::optional("publisher", Kind::Ids { prefix: PublisherId::PREFIX, max: LIST_MAX }, "One of these is credited."),
    Field::optional("min_amount", Kind::Amount, "The order's amount is at least this, in the program's currency."),
]);
const PAY: Kind = Kind::OneOf(&[
    Field::required("percent", Kind::Percent, "Of the lines' amount."),
    Field::required(
        "tiers",
        Kind::List {
            of: &Kind::Object(&[
                Field::required("from", Kind::Amount, "The publisher's approved net amount of the month; the first is 0."),
                Field::required("percent", Kind::Percent, "From there on."),
            ]),
            max: LIST_MAX,
        },
        "Percent by the publisher's month so far; ascending.",
    ),
    Field::required("per_item", Kind::Amount, "For each unit."),
    Field::required("flat", Kind::Amount, "For each order."),
    Field::required("reported", Kind::Percent, "Of what an upstream network reports in `commission`; upstream programs only."),
]);

const MIN_AMOUNT: Field = Field::optional("min_amount", Kind::Amount, "For orders of at least this amount.");
const BOOST_DAYS: Kind = Kind::Integer { min: 0, max: boost::DAYS_MAX };
const BOOST: Kind = Kind::Variants {
    common: &[
        Field::optional("funded_by", Kind::Word(Funder::WORDS), "Who pays it; `platform` if left out."),
        Field::optional("budget", Kind::Amount, "The most that all of them come to."),
    ],
    kinds: &[
        (
            &["return"],
            &[
                Field::required("percent_of_buyer_share", Kind::Percent, "For coming back."),
                Field::required("within_days", BOOST_DAYS, "Whole up to so many days since the last order …"),
                Field::required("fades_to_zero_at_days", BOOST_DAYS, "… and falling to nothing by then."),
            ],
        ),
        (&["welcome"], &[Field::required("flat", Kind::Amount, "For the first order."), MIN_AMOUNT]),
        (
            &["referral"],
            &[
                Field::required("referrer", Kind::Amount, "For who brings a friend."),
                Field::required("friend", Kind::Amount, "For the friend."),
                MIN_AMOUNT,
            ],
        ),
        (
            &["code", "voucher"],
            &[
                Field::required("code", CODES, "One code; of a voucher's, each is good for one order."),
                Field::optional("flat", Kind::Amount, "What it is worth: this, or …"),
                Field::optional("percent_of_buyer_share", Kind::Percent, "… this."),
                Field::optional("quota", Kind::Integer { min: 1, max: boost::QUOTA_MAX }, "How often it may be used."),
                Field::optional("from", Kind::Time, "Since when."),
                Field::optional("until", Kind::Time, "Until when, this moment not included."),
                Field::optional("place", Kind::Text { chars_max: boost::PLACE_CHARS_MAX }, "Where it is handed out, for people."),
            ],
        ),
        (
            &["tier"],
            &[
                Field::required("programs", Kind::List { of: &Kind::Id(ProgramId::PREFIX), max: boost::LIST_MAX }, "Whose orders count."),
                Field::required(
                    "tiers",
                    Kind::List {
                        of: &Kind::Object(&[
                            Field::required("from", Kind::Amount, "The buyer's approved amount; the first is 0."),
                            Field::required("percent_of_buyer_share", Kind::Percent, "From there on."),
                        ]),
                        max: boost::LIST_MAX,
                    },
                    "Ascending.",
                ),
            ],
        ),
    ],
};
