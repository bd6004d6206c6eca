//! What happens in the demo and when: weeks of clicks, sales, refunds and mistakes, in the order of their times.

use crate::{
    app::demo::{
        cast::{Cast, Good, Shop},
        dice::Dice,
    },
    kernel::time::{DAY, SECOND, Time},
};
use serde_json::{Value, json};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

/// Weeks of traffic: long enough that orders of every age stand side by side.
pub const DAYS: i64 = 56;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// Readers without an account. Each has a browser and an address of their own.
const READERS: i64 = 400;

const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:141.0) Gecko/20100101 Firefox/141.0",
];
const ROBOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

/// A visit that follows a link.
#[derive(Debug, Clone)]
pub struct Visit {
    pub link: usize,
    pub agent: &'static str,
    pub address: [u8; 4],
    /// A member's ref, by a portal's link.
    pub buyer: Option<usize>,
    pub sub1: &'static str,
    pub without_consent: bool,
    pub prefetch: bool,
    /// Who it is; none for robots.
    pub reader: Option<i64>,
    /// Buys after so many microseconds.
    pub buys_after: Option<i64>,
}

/// How a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Signed,
    /// With a signature that does not fit.
    Forged,
}

#[derive(Debug, Clone)]
pub enum Event {
    Click(Visit),
    Send {
        shop: usize,
        body: Value,
        how: How,
    },
    /// Rates of a day, in the afternoon.
    Rates {
        day: Value,
    },
    /// A reader opens an account, and what they clicked becomes theirs.
    SignIn {
        buyer: usize,
        clicks: Vec<String>,
    },
    /// What runs on a clock.
    Jobs,
}

/// Ordered by time, then by when it was thought of.
type Queue = BinaryHeap<Reverse<(Time, u64)>>;

/// What is still to happen.
#[derive(Debug)]
pub struct Plot {
    dice: Dice,
    queue: Queue,
    events: BTreeMap<u64, Event>,
    next: u64,
    end: Time,
    orders: i64,
    /// The clicks of each reader, with the link.
    clicks: BTreeMap<i64, Vec<(usize, String)>>,
}

impl Plot {
    /// The traffic of the weeks before `end`, a midnight.
    pub fn new(cast: &Cast, end: Time) -> Self {
        let mut plot = Self {
            dice: Dice::new(20_261_101),
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next: 0,
            end,
            orders: 1000,
            clicks: BTreeMap::new(),
        };
        let start = end.plus(-DAYS * DAY);
        for n in 0..DAYS {
            let midnight = start.plus(n * DAY);
            plot.rates(midnight, n);
            plot.add(midnight.plus(3 * HOUR), Event::Jobs);
            // More readers at the week's end, and a little more each week.
            let busy = if n % 7 >= 5 { 20 } else { 0 };
            for _ in 0..plot.dice.between(30, 45) + busy + n / 4 {
                plot.visit(cast, midnight);
            }
        }
        plot
    }

    /// The next thing to happen, and when.
    pub fn pop(&mut self) -> Option<(Time, Event)> {
        let Reverse((at, key)) = self.queue.pop()?;
        Some((at, self.events.remove(&key)?))
    }

    /// The next event, if it is a click too: clicks that follow each other are answered together.
    pub fn pop_click(&mut self) -> Option<(Time, Visit)> {
        let Reverse((at, key)) = *self.queue.peek()?;
        let Some(Event::Click(visit)) = self.events.get(&key).cloned() else { return None };
        self.queue.pop();
        self.events.remove(&key);
        Some((at, visit))
    }

    /// What would happen after the end is left to the reader of the demo.
    fn add(&mut self, at: Time, event: Event) {
        if at < self.end {
            self.queue.push(Reverse((at, self.next)));
            self.events.insert(self.next, event);
            self.next += 1;
        }
    }

    /// Working days only, as the ECB does.
    fn rates(&mut self, midnight: Time, n: i64) {
        let day = crate::kernel::time::Zone::UTC.day(midnight);
        if (day.number() + 3) % 7 >= 5 {
            return;
        }
        let (usd, gbp) = (10_876 + (n * 37) % 211, 8_641 + (n * 23) % 97);
        let rates = json!({"USD": format!("1.{:04}", usd - 10_000), "GBP": format!("0.{gbp:04}")});
        self.add(midnight.plus(15 * HOUR), Event::Rates { day: json!({"date": day, "rates": rates}) });
    }

    fn visit(&mut self, cast: &Cast, midnight: Time) {
        let dice = &mut self.dice;
        // From six in the morning, to the millisecond: no two at once.
        let at = midnight.plus(6 * HOUR + dice.between(0, 17 * HOUR / 1000) * 1000);
        let link = dice.index(cast.links.len());
        let robot = dice.permille(120);
        let reader = dice.between(0, READERS - 1);
        let portal = cast.links[link].portal;
        let byte = |number: i64| u8::try_from(number.rem_euclid(251)).unwrap_or(0);
        let visit = Visit {
            link,
            agent: if robot { ROBOT } else { AGENTS[usize::try_from(reader).unwrap_or(0) % AGENTS.len()] },
            address: [198, 51, 100 + byte(reader / 251), byte(reader)],
            buyer: (portal && !robot).then(|| dice.index(cast.buyers.len() / 2)),
            sub1: dice.pick::<&str>(&["newsletter", "article", "sidebar", "instagram"]),
            without_consent: !robot && !portal && dice.permille(40),
            prefetch: !robot && dice.permille(20),
            reader: (!robot).then_some(reader),
            buys_after: (!robot && dice.permille(170)).then(|| dice.between(2 * MINUTE, 3 * DAY)),
        };
        if dice.permille(30) {
            // An impatient second click.
            self.add(at.plus(3 * SECOND), Event::Click(Visit { buys_after: None, ..visit.clone() }));
        }
        self.add(at, Event::Click(visit));
    }

    /// A click was answered; `click_id` is what the shop received, if anything.
    pub fn clicked(&mut self, cast: &Cast, at: Time, visit: &Visit, click_id: Option<&str>) {
        if let (Some(reader), Some(id)) = (visit.reader, click_id) {
            self.clicks.entry(reader).or_default().push((visit.link, id.to_owned()));
        }
        let (Some(after), Some(reader)) = (visit.buys_after, visit.reader) else { return };
        self.buy(cast, at.plus(after), visit, reader, click_id);
    }

    fn buy(&mut self, cast: &Cast, at: Time, visit: &Visit, reader: i64, click_id: Option<&str>) {
        let shop_number = cast.links[visit.link].shop;
        let shop = &cast.shops[shop_number];
        self.orders += 1;
        let order_id = format!("{}-{}", shop.orders, self.orders);
        let lines = self.basket(shop);
        let mut body = sale(shop, &order_id, &lines);
        body["customer"] = json!({"ref": format!("c-{reader}")});
        // Some shops sell abroad: the same figures in another currency.
        if shop.currency == "GBP" && self.dice.permille(250) {
            body["currency"] = json!(*self.dice.pick(&["EUR", "USD"]));
        }
        // One journey, several clicks: the earlier ones at this shop come along.
        let earlier = self.clicks.get(&reader).into_iter().flatten();
        let ids: Vec<&String> = earlier.filter(|(link, _)| cast.links[*link].shop == shop_number).map(|(_, id)| id).collect();
        if let Some(id) = click_id {
            body["click_id"] = json!(id);
            body["click_ids"] = json!(ids);
        }
        match self.dice.between(0, 999) {
            0..40 => without(&mut body, &["click_id", "click_ids"]),
            40..55 => {
                without(&mut body, &["click_ids"]);
                body["click_id"] = json!("AAAAunknownclickidofanothersystem");
            }
            55..90 if shop_number == 0 => body["coupon"] = json!(cast.coupon),
            _ => {}
        }
        self.mistakes(shop_number, at, &body);
        self.send(at, shop_number, body.clone(), How::Signed);
        self.afterwards(shop_number, at, &body, &lines);
        if !cast.links[visit.link].portal && self.dice.permille(120) {
            let clicks = ids_of(&body);
            let buyer = self.dice.index(cast.buyers.len() / 2) + cast.buyers.len() / 2;
            let later = at.plus(self.dice.between(HOUR, 12 * DAY));
            if !clicks.is_empty() {
                self.add(later, Event::SignIn { buyer, clicks });
            }
        }
        if shop.currency == "GBP" && self.dice.permille(300) {
            let signup =
                json!({"program": shop.program, "type": "signup", "order_id": format!("SU-{}", self.orders), "click_id": click_id});
            self.send(at.plus(-MINUTE), shop_number, signup, How::Signed);
        }
    }

    fn basket(&mut self, shop: &Shop) -> Vec<(Good, i64)> {
        let mut lines: Vec<(Good, i64)> = Vec::new();
        for _ in 0..self.dice.between(1, 3) {
            let good = *self.dice.pick(shop.goods);
            if lines.iter().all(|(other, _)| other.sku != good.sku) {
                lines.push((good, if self.dice.permille(200) { 2 } else { 1 }));
            }
        }
        lines
    }

    /// What goes wrong on the way: it must change nothing.
    fn mistakes(&mut self, shop: usize, at: Time, body: &Value) {
        match self.dice.between(0, 999) {
            // The shop's queue sends it again.
            0..60 => self.send_within(at, (MINUTE, 2 * DAY), shop, body.clone(), How::Signed),
            // Somebody else does.
            60..75 => self.send(at.plus(2 * SECOND), shop, body.clone(), How::Forged),
            // The same number with another amount.
            75..90 => {
                let mut other = body.clone();
                other["amount"] = json!("1.00");
                without(&mut other, &["items"]);
                self.send(at.plus(HOUR), shop, other, How::Signed);
            }
            90..105 => {
                let mut empty = body.clone();
                (empty["amount"], empty["order_id"]) = (json!("0.00"), json!(format!("TEST-{}", self.orders)));
                without(&mut empty, &["items"]);
                self.send(at.plus(MINUTE), shop, empty, How::Signed);
            }
            _ => {}
        }
    }

    /// Refunds and verdicts.
    fn afterwards(&mut self, shop: usize, at: Time, sale: &Value, lines: &[(Good, i64)]) {
        let about = |kind: &str| json!({"program": sale["program"], "order_id": sale["order_id"], "type": kind});
        match self.dice.between(0, 999) {
            0..70 => {
                let (good, quantity) = lines[0];
                let mut refund = about("refund");
                (refund["refund_id"], refund["currency"]) = (json!("R1"), sale["currency"].clone());
                refund["items"] = json!([{"sku": good.sku, "quantity": quantity, "amount": money(good.price * quantity)}]);
                self.send_within(at, (2 * DAY, 25 * DAY), shop, refund, How::Signed);
            }
            70..100 => {
                let mut refund = about("refund");
                (refund["refund_id"], refund["currency"], refund["amount"]) = (json!("GOODWILL"), sale["currency"].clone(), json!("2.50"));
                // Sometimes the warehouse is faster than the shop.
                let wait = if self.dice.permille(200) { -30 * SECOND } else { self.dice.between(DAY, 20 * DAY) };
                self.send(at.plus(wait), shop, refund, How::Signed);
            }
            100..140 => {
                let mut reject = about("reject");
                reject["reason"] = json!("The order was not paid.");
                self.send_within(at, (DAY, 9 * DAY), shop, reject, How::Signed);
            }
            140..165 => self.send_within(at, (HOUR, 2 * DAY), shop, about("cancel"), How::Signed),
            165..330 => self.send_within(at, (3 * DAY, 12 * DAY), shop, about("approve"), How::Signed),
            _ => {}
        }
    }

    /// Sends some time between these two after `at`.
    fn send_within(&mut self, at: Time, (least, most): (i64, i64), shop: usize, body: Value, how: How) {
        let wait = self.dice.between(least, most);
        self.send(at.plus(wait), shop, body, how);
    }

    fn send(&mut self, at: Time, shop: usize, body: Value, how: How) {
        self.add(at, Event::Send { shop, body, how });
    }
}

fn sale(shop: &Shop, order_id: &str, lines: &[(Good, i64)]) -> Value {
    let items = lines.iter().map(|(good, quantity)| {
        json!({"sku": good.sku, "category": good.category, "quantity": quantity, "amount": money(good.price * quantity)})
    });
    let amount: i64 = lines.iter().map(|(good, quantity)| good.price * quantity).sum();
    json!({"program": shop.program, "type": "sale", "order_id": order_id, "amount": money(amount), "currency": shop.currency,
        "items": items.collect::<Vec<_>>()})
}

fn without(body: &mut Value, fields: &[&str]) {
    if let Some(body) = body.as_object_mut() {
        body.retain(|name, _| !fields.contains(&name.as_str()));
    }
}

fn ids_of(body: &Value) -> Vec<String> {
    let one = body["click_id"].as_str().into_iter();
    let many = body["click_ids"].as_array().into_iter().flatten().filter_map(Value::as_str);
    one.chain(many).map(str::to_owned).collect()
}

/// Minor units of a currency with cents, as text.
fn money(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}
