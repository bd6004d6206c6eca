//! The office: what happens beside visits and sales. Documents, payments, payouts, claims, vouchers; each answer leads to the next step.

use super::{
    DAY, Event, HOUR, MINUTE, Plot,
    call::{Call, Then},
    orders::Sale,
};
use crate::{
    app::demo::{
        accounts::{Accounts, BUYERS_PAID, CLUB_CODE, OFFICES, VOUCHERS, billing, iban, method},
        cast::{Cast, Shop},
        dice::Dice,
        script::BLOGS,
    },
    kernel::time::{Time, Zone},
};
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// What the office remembers.
#[derive(Debug)]
pub(super) struct Office {
    /// Its own, so that visits and sales fall as they would without it.
    dice: Dice,
    /// Who placed an order, by its number.
    members: HashMap<String, usize>,
    /// Codes that lie in parcels, by shop.
    codes: BTreeMap<usize, Vec<String>>,
    /// Conversions that wait for a shop's verdict, by shop.
    waiting: BTreeMap<usize, Vec<String>>,
}

impl Office {
    pub fn new() -> Self {
        Self { dice: Dice::new(20_261_126), members: HashMap::new(), codes: BTreeMap::new(), waiting: BTreeMap::new() }
    }
}

/// The day of a play that lasts so long on which something of the whole play's ninety days happens.
pub(super) fn day(of_ninety: i64, days: i64) -> i64 {
    of_ninety * days / 90
}

impl Plot {
    pub(super) fn call(&mut self, at: Time, call: Call) {
        self.add(at, Event::Office(call));
    }

    /// Everything that is planned from the start.
    pub(super) fn plan_office(&mut self, cast: &Cast, days: i64) {
        self.open_office(cast);
        for (shop, count, body) in VOUCHERS {
            let path = format!("/programs/{}/vouchers", cast.shops[shop].program);
            let mut body: Value = serde_json::from_str(body).unwrap_or_default();
            body["count"] = json!(count);
            self.call(self.start.plus(day(4, days) * DAY + 10 * HOUR), Call::post(path, body).then(Then::ReadCodes(shop)));
        }
        for of_ninety in [31, 62, 88] {
            let morning = self.start.plus(day(of_ninety, days) * DAY + 8 * HOUR);
            self.close_month(cast, morning);
        }
        for of_ninety in [20, 48, 76] {
            self.verdicts(cast, self.start.plus(day(of_ninety, days) * DAY + 16 * HOUR));
        }
        for (n, of_ninety) in [36, 66, 87].into_iter().enumerate() {
            let morning = self.start.plus(day(of_ninety, days) * DAY + 9 * HOUR);
            for currency in ["EUR", "GBP", "JPY"] {
                let then = if n == 2 { Then::Nothing } else { Then::Export };
                self.call(
                    morning,
                    Call::post("/payouts", json!({"currency": currency, "fee": if n == 1 { "0.00" } else { "0" }})).then(then),
                );
            }
        }
        let later = |of_ninety: i64| self.start.plus(day(of_ninety, days) * DAY + 14 * HOUR);
        let (goodwill, charge) = (later(50), later(67));
        let euros = |amount: &str| json!({"amount": amount, "currency": "EUR"});
        let body =
            json!({"buyer": cast.buyers[3].id, "amount": euros("5.00"), "funded_by": "platform", "reason": "Merci pour votre patience."});
        self.call(goodwill, Call::post("/bonuses", body));
        let merchant = &cast.shops[0].merchant;
        let body = json!({"buyer": cast.buyers[5].id, "amount": euros("4.00"), "funded_by": merchant, "reason": "Colis abîmé."});
        self.call(goodwill, Call::post("/bonuses", body));
        self.call(charge, Call::post("/bank-charges", json!({"amount": euros("2.40"), "reason": "SEPA"})));
        self.plan_amends(cast, days);
    }

    /// Who stands on documents, how everybody is paid, who pays ahead.
    fn open_office(&mut self, cast: &Cast) {
        let at = self.start.plus(7 * HOUR);
        let seller = json!({"name": "Ristourne Démo SAS", "address": "12 rue du Port\n35400 Saint-Malo", "country": "FR",
            "vat_number": "FR40303265045", "registration": "SIREN 303 265 045", "iban": iban("FR", "30006000011234567890189")});
        self.call(at, Call::patch("/seller", seller));
        let debtor = json!({"name": "Ristourne Demo SAS", "iban": iban("FR", "30006000011234567890189")});
        self.call(at, Call::put("/payout-debtor", debtor));
        for (shop, accounts) in firsts(cast) {
            let merchant = &shop.merchant;
            let body = json!({"legal_name": accounts.legal_name, "address": accounts.address, "country": accounts.country,
                "vat_rate": accounts.vat_rate, "vat_mention": accounts.vat_mention, "prepaid": accounts.ahead.is_some()});
            self.call(at, Call::patch(format!("/merchants/{merchant}"), body));
            if let Some(ahead) = accounts.ahead {
                let amount = json!({"amount": ahead, "currency": shop.script.currency});
                self.call(
                    at.plus(MINUTE),
                    Call::post(format!("/merchants/{merchant}/payments"), json!({"amount": amount, "reference": "AVANCE"})),
                );
            }
        }
        for (n, blog) in cast.blogs.iter().enumerate() {
            // Some have not said yet where to pay to.
            if n % 6 != 5 {
                self.call(at, Call::put(format!("/publishers/{blog}/payout-method"), method(n, BLOGS[n].name)));
            }
        }
        for (n, blog) in cast.blogs.iter().enumerate() {
            if let Some(billing) = billing(n, BLOGS[n].name) {
                self.call(at, Call::put(format!("/publishers/{blog}/billing"), billing));
            }
        }
        for (n, buyer) in cast.buyers.iter().enumerate().take(BUYERS_PAID) {
            self.call(at, Call::put(format!("/buyers/{}/payout-method", buyer.id), method(100 + n, "Titulaire du compte")));
        }
    }

    /// The month's fee, then the invoice of everything up to yesterday.
    fn close_month(&mut self, cast: &Cast, at: Time) {
        let yesterday = Zone::UTC.day(at).minus(1);
        for (shop, accounts) in firsts(cast) {
            let (merchant, currency) = (&shop.merchant, shop.script.currency);
            let fee = json!({"amount": {"amount": accounts.fee, "currency": currency}, "reason": "Frais mensuels"});
            self.call(at.plus(-DAY), Call::post(format!("/merchants/{merchant}/fees"), fee));
            let body = json!({"merchant": merchant, "currency": currency, "until": yesterday.to_string()});
            self.call(at, Call::post("/invoices", body).then(Then::Pay(accounts)));
        }
    }

    /// A shop's people go through what waits, many at once.
    fn verdicts(&mut self, cast: &Cast, at: Time) {
        for shop in 0..cast.shops.len() {
            self.add(at, Event::Verdicts(shop));
        }
    }

    /// The list of a shop's verdicts as it is then.
    pub fn verdicts_of(&mut self, shop: usize) -> Option<Call> {
        let waiting = self.office.waiting.remove(&shop)?;
        let dice = &mut self.office.dice;
        let verdict = |id: &String| match dice.between(0, 9) {
            0 => json!({"conversion": id, "verdict": "reject", "reason": *dice.pick(&["returned", "out_of_stock", "terms_not_met"])}),
            _ => json!({"conversion": id, "verdict": "approve"}),
        };
        Some(Call::post("/conversions/verdicts", waiting.iter().map(verdict).collect()))
    }

    /// Who buys is remembered, and a code may lie in the parcel before.
    pub(super) fn note_buyer(&mut self, sale: &mut Sale, member: Option<usize>) {
        let (Some(member), Some(order)) = (member, sale.body["order_id"].as_str()) else { return };
        self.office.members.insert(order.to_owned(), member);
        if sale.body.get("coupon").is_some() {
            return;
        }
        if CLUB_CODE.0 == sale.shop && self.office.dice.permille(200) {
            sale.body["coupon"] = json!(CLUB_CODE.1);
        } else if let Some(codes) = self.office.codes.get_mut(&sale.shop)
            && !codes.is_empty()
            && self.office.dice.permille(300)
        {
            // Somebody tries a code a second time.
            let code = if self.office.dice.permille(150) { codes[0].clone() } else { codes.remove(0) };
            sale.body["coupon"] = json!(code);
        }
    }

    /// Some sales of members are never sent: a script blocker ate the page. They claim.
    pub(super) fn is_lost(&mut self, cast: &Cast, at: Time, sale: &Sale, member: Option<usize>) -> bool {
        let Some(member) = member.filter(|_| self.office.dice.permille(25)) else { return false };
        let amount = sale.body["amount"].as_str().unwrap_or_default().to_owned();
        if sale.body["currency"] != cast.shops[sale.shop].script.currency {
            return false;
        }
        let body = json!({"buyer": cast.buyers[member].id, "program": sale.body["program"], "order_id": sale.body["order_id"],
            "amount": amount, "ordered_at": at, "note": "Pas vu sur mon compte."});
        let wait = self.office.dice.between(2 * DAY, 5 * DAY);
        self.call(at.plus(wait), Call::post("/claims", body).then(Then::Answer { shop: sale.shop, amount }));
        true
    }

    /// A sale was answered: whoever sees nothing on their account claims; the others wait for a verdict.
    pub(super) fn note_sale(&mut self, cast: &Cast, at: Time, shop: usize, body: &Value, answer: &Value) {
        let dice = &mut self.office.dice;
        if answer["status"] == "recorded" && dice.permille(120) {
            if let Some(id) = answer["conversion"]["id"].as_str() {
                self.office.waiting.entry(shop).or_default().push(id.to_owned());
            }
        } else if answer["status"] == "unattributed"
            && let Some(member) = body["order_id"].as_str().and_then(|order| self.office.members.get(order)).copied()
            && dice.permille(700)
        {
            let wait = dice.between(2 * DAY, 6 * DAY);
            let claim = json!({"buyer": cast.buyers[member].id, "program": body["program"], "order_id": body["order_id"]});
            self.call(at.plus(wait), Call::post("/claims", claim));
        }
    }

    /// The operator looks again at what was rejected.
    pub(super) fn second_look(&mut self, at: Time, conversion: &str) {
        if self.office.dice.permille(400) {
            let call = Call::post(format!("/conversions/{conversion}/reopen"), json!({"reason": "La boutique confirme la commande."}));
            self.call(at, call.then(Then::Reopen(conversion.to_owned())));
        }
    }

    /// What follows from an answer.
    pub fn replied(&mut self, at: Time, call: &Call, status: StatusCode, answer: &Value) {
        if !status.is_success() {
            return;
        }
        let id = answer["id"].as_str().unwrap_or_default();
        match &call.then {
            Then::Nothing => {}
            Then::Pay(accounts) => {
                let open = answer["open"]["amount"].as_str().unwrap_or("0");
                for (after, part) in accounts.pays {
                    let amount = super::orders::percent_of(open, *part);
                    let body = json!({"amount": amount, "reference": answer["number"]});
                    if open.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
                        self.call(at.plus(after * DAY), Call::post(format!("/invoices/{id}/payments"), body));
                    }
                }
            }
            Then::Export => {
                let payments: Vec<String> = answer["payments"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|payment| payment["id"].as_str().map(str::to_owned))
                    .collect();
                if let Some(last) = payments.last().filter(|_| payments.len() > 2) {
                    self.call(at.plus(20 * MINUTE), Call::post(format!("/payouts/{last}/cancel"), json!({})));
                }
                for format in ["pain001", "csv"] {
                    self.call(at.plus(HOUR), Call::post(format!("/payouts/{id}/export?format={format}"), json!({})));
                }
                let settle = Call::post(format!("/payouts/{id}/settle"), json!({})).then(Then::Settle(payments.clone()));
                if let Some(first) = payments.first().filter(|_| payments.len() > 2) {
                    let body = json!({"reason": "account_closed", "note": "AC04"});
                    self.call(at.plus(DAY), Call::post(format!("/payouts/{first}/return"), body));
                }
                self.call(at.plus(2 * DAY), settle);
            }
            Then::Settle(payments) => {
                // One comes back after it had arrived.
                if let Some(payment) = payments.get(1).filter(|_| payments.len() > 2) {
                    self.call(at.plus(2 * DAY), Call::post(format!("/payouts/{payment}/return"), json!({"reason": "refused"})));
                }
            }
            Then::ReadCodes(shop) => {
                let path = format!("/programs/{}/vouchers/{id}/codes?limit=500", answer["program"].as_str().unwrap_or_default());
                self.call(at.plus(MINUTE), Call::get(path).then(Then::HandOut(*shop)));
            }
            Then::HandOut(shop) => {
                let codes = answer["data"].as_array().into_iter().flatten().filter_map(|row| row["code"].as_str().map(str::to_owned));
                self.office.codes.insert(*shop, codes.collect());
            }
            Then::Answer { shop, amount } => self.answer_claim(at, *shop, id, answer, amount),
            Then::Reopen(conversion) => {
                self.call(at.plus(HOUR), Call::post(format!("/conversions/{conversion}/approve"), json!({})));
            }
            Then::Undo(reason) => self.undo(at, id, reason),
            Then::TakeBack => self.take_back(at, answer),
            Then::WriteOff(owner) => self.write_off(at, owner, answer),
            Then::GiveUp(owner) => self.give_up(at, owner, answer),
        }
    }

    fn answer_claim(&mut self, at: Time, shop: usize, id: &str, answer: &Value, amount: &str) {
        if answer["state"] != "waiting" {
            return;
        }
        let (verb, body) = match self.office.dice.between(0, 9) {
            0..4 => ("accept", json!({"amount": amount})),
            4..6 => ("refuse", json!({"reason": *self.office.dice.pick(&["not_eligible", "order_not_found", "cancelled_or_returned"])})),
            6..8 => {
                let funded_by = if shop == 0 { "merchant" } else { "platform" };
                // Small enough in any currency.
                ("goodwill", json!({"amount": "2", "funded_by": funded_by, "reason": "Geste commercial"}))
            }
            _ => return,
        };
        let wait = self.office.dice.between(DAY, 9 * DAY);
        self.call(at.plus(wait), Call::post(format!("/claims/{id}/{verb}"), body));
    }
}

/// The first shop of each merchant, with how its accountants work.
pub(super) fn firsts(cast: &Cast) -> Vec<(&Shop, &'static Accounts)> {
    let mut firsts: Vec<(&Shop, &'static Accounts)> = Vec::new();
    for shop in &cast.shops {
        if firsts.last().is_none_or(|(other, _)| other.merchant != shop.merchant) {
            firsts.extend(OFFICES.iter().find(|office| office.merchant == shop.script.merchant).map(|office| (shop, office)));
        }
    }
    firsts
}
