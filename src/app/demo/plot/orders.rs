//! From a visit to an order, and what becomes of it: refunds, verdicts, and the reader who signs in afterwards.

use super::{DAY, Event, HOUR, How, MINUTE, Message, Plot, SECOND, Visit};
use crate::{
    app::demo::{
        cast::{BUYERS, Cast, Shop},
        script::{COUPONS, Good, OPEN_CODE, Sends},
    },
    kernel::time::Time,
};
use serde_json::{Value, json};

/// A sale on its way.
#[derive(Debug, Clone)]
pub(super) struct Sale {
    pub shop: usize,
    pub body: Value,
    pub how: How,
}

/// In what a shop refuses a sale: codes of the list, or its own words.
const REFUSALS: [&str; 7] = [
    "returned",
    "payment_failed",
    "duplicate",
    "customer_error",
    "already_credited_elsewhere",
    "The parcel came back.",
    "Commande jamais réglée.",
];

impl Plot {
    /// A reader buys: `clicked` is when they followed the link, `at` when they pay.
    pub(super) fn buy(&mut self, cast: &Cast, (clicked, at): (Time, Time), visit: &Visit, reader: i64, click_id: Option<&str>) {
        let number = cast.links[visit.link].shop;
        let shop = &cast.shops[number];
        self.orders += 1;
        let lines = self.basket(shop);
        let mut body = self.sale(shop, &lines);
        if self.dice.permille(850) {
            body["customer"] = json!({"ref": format!("c-{reader}")});
        }
        // One journey, several clicks: the earlier ones at this shop come along.
        let earlier: Vec<String> = self.clicks.get(&(reader, number)).into_iter().flatten().map(|(_, id)| id.clone()).collect();
        if let Some(id) = click_id {
            body["click_id"] = json!(id);
            if earlier.len() > 1 {
                body["click_ids"] = json!(earlier);
            }
        }
        self.loosen(number, clicked, &mut body);
        if let Some((_, code, ..)) = COUPONS.iter().find(|(shop, ..)| *shop == number)
            && self.dice.permille(60)
        {
            body["coupon"] = json!(code);
        } else if OPEN_CODE.0 == number && self.dice.permille(80) {
            body["coupon"] = json!(OPEN_CODE.1);
        }
        let how = match shop.script.sends {
            Sends::Urls if self.dice.permille(400) => How::Url,
            Sends::Pixel if self.dice.permille(200) => How::Pixel,
            _ => How::Signed,
        };
        if how != How::Signed {
            // What a URL can say of an order.
            without(&mut body, &["items", "click_ids", "customer"]);
        }
        let mut sale = Sale { shop: number, body, how };
        let member = visit.member.or(visit.signed_in);
        self.note_buyer(&mut sale, member);
        if self.is_lost(cast, at, &sale, member) {
            return;
        }
        self.mishap(at, &sale);
        self.send(at, number, sale.body.clone(), sale.how.clone());
        if sale.how == How::Pixel {
            self.confirm(at, &sale);
        } else {
            self.afterwards(at, &sale);
        }
        self.sign_in(cast, at, visit, &sale, click_id);
        if let Some((goal, share)) = shop.script.goal
            && self.dice.permille(share)
        {
            let order = format!("{}-{}", goal.to_uppercase(), self.orders);
            let goal = json!({"program": shop.program, "type": goal, "order_id": order, "click_id": click_id});
            self.send(at.plus(-MINUTE), number, goal, How::Signed);
        }
    }

    /// Some sales come without a click that counts.
    fn loosen(&mut self, shop: usize, clicked: Time, body: &mut Value) {
        match self.dice.between(0, 999) {
            0..35 => without(body, &["click_id", "click_ids"]),
            35..47 => {
                without(body, &["click_ids"]);
                body["click_id"] = json!("AAAAunknownclickidofanothersystem");
            }
            47..59 => body["channel"] = json!(*self.dice.pick(&["google_ads", "instagram", "newsletter"])),
            59..69 => {
                let other = self.last_click.iter().enumerate().find_map(|(n, id)| id.clone().filter(|_| n != shop));
                without(body, &["click_ids"]);
                body["click_id"] = json!(other);
            }
            69..77 => {
                without(body, &["click_ids"]);
                body["occurred_at"] = json!(clicked.plus(-HOUR));
            }
            _ => {}
        }
    }

    fn basket(&mut self, shop: &Shop) -> Vec<(Good, i64)> {
        let mut lines: Vec<(Good, i64)> = Vec::new();
        for _ in 0..self.dice.between(1, 4) {
            let good = *self.dice.pick(shop.script.goods);
            if lines.iter().all(|(other, _)| other.sku != good.sku) {
                lines.push((good, if self.dice.permille(180) { self.dice.between(2, 3) } else { 1 }));
            }
        }
        lines
    }

    fn sale(&mut self, shop: &Shop, lines: &[(Good, i64)]) -> Value {
        // Some shops sell abroad, at the prices of there.
        let abroad = if self.dice.permille(130) { shop.script.abroad } else { &[] };
        let (currency, thousand) = if abroad.is_empty() { (shop.script.currency, 1000) } else { *self.dice.pick(abroad) };
        let decimals = currency.parse().map_or(2, crate::kernel::currency::Currency::decimals);
        let price = |(good, quantity): &(Good, i64)| good.price * thousand / 1000 * quantity;
        let items = lines.iter().map(|line| {
            let (good, quantity) = line;
            json!({"sku": good.sku, "category": good.category, "quantity": quantity, "amount": money(price(line), decimals)})
        });
        json!({"program": shop.program, "type": "sale", "order_id": format!("{}-{}", shop.script.orders, self.orders),
            "amount": money(lines.iter().map(price).sum(), decimals), "currency": currency, "items": items.collect::<Vec<_>>()})
    }

    /// The pixel's sale is confirmed at night, or approved by the shop's people, or neither.
    fn confirm(&mut self, at: Time, sale: &Sale) {
        match self.dice.between(0, 9) {
            0..5 => {
                let mut signed = sale.body.clone();
                signed["customer"] = json!({"status": *self.dice.pick(&["new", "returning"])});
                self.send_within(at, (3 * HOUR, 20 * HOUR), sale.shop, signed, How::Signed);
                self.afterwards(at.plus(DAY), sale);
            }
            5..8 => self.send_within(at, (3 * DAY, 12 * DAY), sale.shop, about(sale, "approve"), How::Signed),
            _ => {}
        }
    }

    /// Refunds and verdicts.
    fn afterwards(&mut self, at: Time, sale: &Sale) {
        let how = if sale.how == How::Url { How::Url } else { How::Signed };
        let (shop, later) = (sale.shop, (2 * DAY, 25 * DAY));
        match self.dice.between(0, 999) {
            0..55 if sale.body["items"].is_array() => {
                let mut refund = refund(sale, "R1");
                refund["items"] = json!([line_of(sale)]);
                self.send_within(at, later, shop, refund, how);
            }
            0..90 => {
                let refund = part(sale, "GOODWILL", 15);
                self.send_within(at, later, shop, refund, how);
            }
            90..115 => self.send_within(at, later, shop, part(sale, "ALL", 100), how),
            // Sometimes the warehouse is faster than the shop.
            115..127 => self.send(at.plus(-30 * SECOND), shop, part(sale, "FAST", 20), how),
            127..134 => self.send_within(at, later, shop, part(sale, "TOO-MUCH", 150), how),
            134..140 => {
                self.send_within(at, (2 * DAY, 9 * DAY), shop, part(sale, "FIRST", 60), how.clone());
                self.send_within(at, (9 * DAY, 20 * DAY), shop, part(sale, "SECOND", 60), how);
            }
            140..175 => {
                let mut reject = about(sale, "reject");
                reject["reason"] = json!(*self.dice.pick(&REFUSALS));
                self.send_within(at, (DAY, 9 * DAY), shop, reject, how);
            }
            175..200 => self.send_within(at, (HOUR, 2 * DAY), shop, about(sale, "cancel"), how),
            200..380 => self.send_within(at, (3 * DAY, 12 * DAY), shop, about(sale, "approve"), how),
            _ => {}
        }
    }

    /// Some readers open an account after they bought, and what they clicked becomes theirs: in time, or too late.
    fn sign_in(&mut self, cast: &Cast, at: Time, visit: &Visit, sale: &Sale, click_id: Option<&str>) {
        let (Some(id), None, None) = (click_id, visit.member, visit.signed_in) else { return };
        if self.dice.permille(130) {
            let buyer = &cast.buyers[super::visits::MEMBERS + self.dice.index(BUYERS - super::visits::MEMBERS)];
            let ids = sale.body["click_ids"].as_array().cloned().unwrap_or_else(|| vec![json!(id)]);
            let later = at.plus(self.dice.between(HOUR, 25 * DAY));
            self.add(later, Event::Desk { path: format!("/buyers/{}/clicks", buyer.id), body: json!({"click_ids": ids}) });
        }
    }

    /// A message was answered: the operator looks at what is held, and corrects a few amounts.
    pub fn answered(&mut self, cast: &Cast, at: Time, message: &Message, answer: &Value) {
        if message.body["type"] == "sale" {
            self.note_sale(cast, at, message.shop, &message.body, answer);
        }
        let conversion = &answer["conversion"];
        let Some(id) = conversion["id"].as_str().filter(|_| message.body["type"] == "sale" && answer["status"] == "recorded") else {
            return;
        };
        let desk = |verb: &str, body: Value| Event::Desk { path: format!("/conversions/{id}/{verb}"), body };
        let is_held = conversion["flags"].as_array().is_some_and(|flags| flags.contains(&json!("held")));
        if is_held {
            let verdict = self.dice.between(0, 9);
            let event = match verdict {
                0..5 => desk("approve", json!({})),
                5..8 => desk("reject", json!({"reason": "fraud"})),
                _ => return,
            };
            let wait = self.dice.between(DAY, 4 * DAY);
            if matches!(&event, Event::Desk { path, .. } if path.ends_with("/reject")) {
                self.second_look(at.plus(wait + DAY), id);
            }
            self.add(at.plus(wait), event);
        } else if self.dice.permille(15) {
            let body =
                json!({"amount": conversion["amount"]["amount"].as_str().map(nine_tenths), "reason": "Remise accordée après l’achat"});
            let wait = self.dice.between(HOUR, 10 * DAY);
            self.add(at.plus(wait), desk("adjust", body));
        }
    }
}

/// A message about an order.
pub(super) fn about(sale: &Sale, kind: &str) -> Value {
    json!({"program": sale.body["program"], "order_id": sale.body["order_id"], "type": kind})
}

fn refund(sale: &Sale, id: &str) -> Value {
    let mut refund = about(sale, "refund");
    (refund["refund_id"], refund["currency"]) = (json!(id), sale.body["currency"].clone());
    refund
}

/// So many percent of the order are given back.
fn part(sale: &Sale, id: &str, percent: i64) -> Value {
    let mut refund = refund(sale, id);
    refund["amount"] = json!(percent_of(sale.body["amount"].as_str().unwrap_or_default(), percent));
    refund
}

/// The first line, as it was sold.
fn line_of(sale: &Sale) -> Value {
    let mut line = sale.body["items"][0].clone();
    without(&mut line, &["category"]);
    line
}

fn nine_tenths(amount: &str) -> String {
    percent_of(amount, 90)
}

/// A part of an amount in text, rounded down, with its decimals.
pub(super) fn percent_of(amount: &str, percent: i64) -> String {
    let decimals = amount.split_once('.').map_or(0, |(_, cents)| cents.len());
    let minor: i64 = amount.replace('.', "").parse().unwrap_or(0);
    money((minor * percent / 100).max(1), u8::try_from(decimals).unwrap_or(0))
}

pub(super) fn without(body: &mut Value, fields: &[&str]) {
    if let Some(body) = body.as_object_mut() {
        body.retain(|name, _| !fields.contains(&name.as_str()));
    }
}

/// Minor units as text.
fn money(minor: i64, decimals: u8) -> String {
    let scale = 10_i64.pow(decimals.into());
    match decimals {
        0 => minor.to_string(),
        _ => format!("{}.{:0width$}", minor / scale, minor % scale, width = decimals.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_decimals() {
        assert_eq!((money(1205, 2), money(1205, 0), money(5, 2)), ("12.05".to_owned(), "1205".to_owned(), "0.05".to_owned()));
        assert_eq!((percent_of("12.05", 50), percent_of("1205", 50), percent_of("0.01", 10)), ("6.02".into(), "602".into(), "0.01".into()));
    }
}
