//! The fields of a postback, as merchants write them; `formats::postback` reads them. Names that are not known are let pass.

use super::{Field, Kind};
use crate::{
    domain::{sale::REFERENCE_CHARS_MAX, terms::parse::NAME_CHARS_MAX, verdict::WORDS_CHARS_MAX},
    formats::postback::{CHANNEL_CHARS_MAX, CLICK_IDS_MAX, COUPON_CHARS_MAX, LINES_MAX, QUANTITY_MAX},
    kernel::id::ProgramId,
};

const REFERENCE: Kind = Kind::Text { chars_max: REFERENCE_CHARS_MAX };

pub const MESSAGE: &[Field] = &[
    Field::required("program", Kind::Id(ProgramId::PREFIX), "Whose sale it is."),
    Field::optional(
        "type",
        Kind::Text { chars_max: NAME_CHARS_MAX },
        "`sale` (if left out) or another goal that the terms name; `refund`, `cancel`, `approve` or `reject` say something about an order.",
    ),
    Field::required("order_id", REFERENCE, "Your own number, unique per program and type; kept as sent."),
    Field::optional(
        "amount",
        Kind::Amount,
        "Net of tax and shipping. Required for sales, which are above 0. Of a refund: what was given back this time, if not in `items`.",
    ),
    Field::optional("currency", Kind::Currency, "Required for sales; the program's if left out elsewhere."),
    Field::optional("click_id", CLICK_ID, "The click id that your shop received as `rclid` (or `click_param`)."),
    Field::optional("click_ids", Kind::List { of: &CLICK_ID, max: CLICK_IDS_MAX }, "All of them, for multi-touch; oldest first."),
    Field::optional("coupon", Kind::Text { chars_max: COUPON_CHARS_MAX }, "The code that the buyer used."),
    Field::optional(
        "customer",
        Kind::Object(&[
            Field::optional("ref", REFERENCE, "Your own number for the customer."),
            Field::optional("status", Kind::Word(&["new", "returning"]), "What you know of them."),
        ]),
        "Who bought.",
    ),
    Field::optional(
        "items",
        Kind::List {
            of: &Kind::Object(&[
                Field::optional("sku", REFERENCE, "Required in a refund, where it names the line."),
                Field::optional("category", REFERENCE, "What rules of the terms look at."),
                Field::optional("quantity", Kind::Integer { min: 0, max: QUANTITY_MAX }, "1 if left out; at least 1 but in a refund."),
                Field::required("amount", Kind::Amount, "The line's total after discounts, not the unit price."),
            ]),
            max: LINES_MAX,
        },
        "The order's lines, which add up to `amount`; without them the order is one line.",
    ),
    Field::optional("occurred_at", Kind::Time, "When the order was placed; now if left out."),
    Field::optional(
        "channel",
        Kind::Text { chars_max: CHANNEL_CHARS_MAX },
        "Who your own de-duplication gives the sale to, if not to `ristourne`: it is kept, and earns nothing.",
    ),
    Field::optional("commission", Kind::Amount, "What the network pays you; upstream programs only."),
    Field::optional("refund_id", REFERENCE, "Your own number of the refund; required for one."),
    Field::optional(
        "of",
        Kind::Text { chars_max: NAME_CHARS_MAX },
        "The goal of the order that a refund or verdict is about; `sale` if left out.",
    ),
    Field::optional(
        "reason",
        Kind::Grounds,
        "Why it is refused or cancelled: a code, or words of your own, which are `other`. Required for `reject`.",
    ),
    Field::optional("reason_text", Kind::Text { chars_max: WORDS_CHARS_MAX }, "Beside the reason `other`, your own words."),
    Field::optional("test", Kind::Boolean, "Judge it and touch nothing: the answer says what it would have come to."),
];

/// Of any length: longer text is no click id of ours, and is taken as such.
const CLICK_ID: Kind = Kind::Text { chars_max: usize::MAX };

/// What may be wrong with a message as a whole, and what it may contradict.
pub const MESSAGE_CODES: &[(u16, &str)] = &[
    (409, "order_conflict"),
    (409, "refund_conflict"),
    (422, "unknown_program"),
    (422, "unknown_type"),
    (422, "reserved_type"),
    (422, "amount_not_positive"),
    (422, "negative_line"),
    (422, "items_mismatch"),
    (422, "occurred_in_future"),
    (422, "currency_mismatch"),
    (422, "unknown_line"),
    (422, "refund_exceeds_order"),
];
