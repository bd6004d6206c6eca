//! What is put right: a transfer that came twice, a campaign that never ran, parcels that come back after the payout, debts that stay.

use super::{
    DAY, HOUR, MINUTE, Plot,
    call::{Call, Then},
    office::{day, firsts},
};
use crate::{
    app::demo::cast::Cast,
    kernel::time::{Time, Zone},
};
use serde_json::{Value, json};
use std::{cmp::Reverse, collections::BTreeMap};

/// So many members' parcels come back after they were paid.
const RETURNERS: usize = 6;
/// So many of them answer no reminder; the others go on buying, and owe until they have earned it.
const SILENT: usize = 3;
/// Members without a bank account here who leave.
const LEAVERS: [usize; 6] = [133, 140, 152, 163, 177, 190];

impl Plot {
    pub(super) fn plan_amends(&mut self, cast: &Cast, days: i64) {
        let opening = self.start.plus(7 * HOUR);
        let first_close = self.start.plus(day(31, days) * DAY + 8 * HOUR);
        for (shop, accounts) in firsts(cast) {
            let (merchant, currency) = (&shop.merchant, shop.script.currency);
            let money = |amount: &str| json!({"amount": amount, "currency": currency});
            if let Some(ahead) = accounts.ahead {
                let again = json!({"amount": money(ahead), "reference": "AVANCE"});
                self.call(opening.plus(2 * MINUTE), Call::post(format!("/merchants/{merchant}/payments"), again));
                let back = json!({"amount": money(ahead), "reason": "Avance versée deux fois.", "reference": "AVANCE"});
                self.call(opening.plus(2 * DAY), Call::post(format!("/merchants/{merchant}/repayments"), back));
            } else if accounts.pays.is_empty() {
                // Larger than what the shop owes for a day: it is on the month's invoice, and undone it leaves a credit note.
                let fee = json!({"amount": money("180.00"), "reason": "Mise en avant dans la newsletter"});
                let fee = Call::post(format!("/merchants/{merchant}/fees"), fee);
                self.call(first_close.plus(-DAY), fee.then(Then::Undo("La newsletter n’est jamais partie.")));
                let body = json!({"merchant": merchant, "currency": currency, "until": Zone::UTC.day(first_close).to_string()});
                self.call(first_close.plus(DAY), Call::post("/invoices", body));
            }
        }
        let settled = self.start.plus(day(45, days) * DAY + 14 * HOUR);
        self.call(settled, Call::get("/conversions?status=paid&limit=500").then(Then::TakeBack));
        for buyer in LEAVERS {
            let buyer = cast.buyers[buyer].id;
            let balances = Call::get(format!("/balances?owner={buyer}"));
            self.call(self.end.plus(-3 * DAY), balances.then(Then::GiveUp(buyer.to_string())));
        }
    }

    /// On the next day, after the month's invoice.
    pub(super) fn undo(&mut self, at: Time, movement: &str, reason: &str) {
        self.call(at.plus(DAY + 2 * HOUR), Call::post(format!("/movements/{movement}/reverse"), json!({"reason": reason})));
    }

    /// Those who got most return everything: they owe what they were paid, and what they order next is held.
    pub(super) fn take_back(&mut self, at: Time, paid: &Value) {
        let mut by_buyer: BTreeMap<&str, (i64, Vec<&str>)> = BTreeMap::new();
        for conversion in paid["data"].as_array().into_iter().flatten().filter(|row| row["commission"]["currency"] == "EUR") {
            if let (Some(buyer), Some(id)) = (conversion["buyer"].as_str(), conversion["id"].as_str()) {
                let (share, ids) = by_buyer.entry(buyer).or_default();
                *share += minor(&conversion["shares"]["buyer"]);
                ids.push(id);
            }
        }
        let mut most: Vec<_> = by_buyer.into_iter().collect();
        most.sort_by_key(|(_, (share, _))| Reverse(*share)); // stable: by id, which is the same each time
        // Who owes most is the one to stay silent.
        for (n, (buyer, (_, ids))) in most.into_iter().take(RETURNERS).enumerate() {
            for id in ids {
                self.call(at.plus(DAY), Call::post(format!("/conversions/{id}/reject"), json!({"reason": "returned"})));
            }
            if n < SILENT {
                let reminded = at.plus(22 * DAY).min(self.end.plus(-DAY));
                self.call(reminded, Call::get(format!("/balances?owner={buyer}")).then(Then::WriteOff(buyer.to_owned())));
            }
        }
    }

    pub(super) fn write_off(&mut self, at: Time, owner: &str, balances: &Value) {
        for amount in payable(balances).filter(|amount| minor(amount) < 0) {
            let owed =
                json!({"amount": amount["amount"].as_str().map(|text| text.trim_start_matches('-')), "currency": amount["currency"]});
            let body = json!({"owner": owner, "amount": owed, "reason": "Trois relances sans réponse."});
            self.call(at.plus(MINUTE), Call::post("/write-offs", body));
        }
    }

    pub(super) fn give_up(&mut self, at: Time, owner: &str, balances: &Value) {
        for amount in payable(balances).filter(|amount| minor(amount) > 0) {
            let body = json!({"owner": owner, "amount": amount, "reason": "Ferme son compte et laisse le solde, dit par courriel."});
            self.call(at.plus(MINUTE), Call::post("/waivers", body));
        }
    }
}

/// What is payable of somebody's balances.
fn payable(balances: &Value) -> impl Iterator<Item = &Value> {
    let rows = balances["data"].as_array().into_iter().flatten();
    rows.filter(|row| row["account"].as_str().is_some_and(|account| account.ends_with(":payable"))).map(|row| &row["amount"])
}

/// Minor units of the amount's own currency.
fn minor(money: &Value) -> i64 {
    money["amount"].as_str().and_then(|text| text.replace('.', "").parse().ok()).unwrap_or(0)
}
