//! What happens in the demo and when. Visits are known from the start; what they lead to (sales, refunds, verdicts, mistakes) is thought of
//! as the play goes, and kept in the order of its time.

mod amends;
mod call;
mod mishaps;
mod office;
mod orders;
mod visits;

pub use call::Call;
pub use visits::{Fetch, Visit};

use crate::{
    app::demo::{cast::Cast, dice::Dice, script::SHOPS},
    kernel::time::{DAY, SECOND, Time, Zone},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// How much is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Size {
    /// Four weeks and 1,200 clicks: enough to see everything once
    Small,
    /// Three months, 20,000 clicks and 2,000 orders
    Full,
}

impl Size {
    pub fn days(self) -> i64 {
        match self {
            Self::Small => 28,
            Self::Full => 90,
        }
    }

    /// Visits that are planned; impatient readers click a second time on top.
    fn visits(self) -> i64 {
        match self {
            Self::Small => 1_200,
            Self::Full => 20_300,
        }
    }
}

/// How a message is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// A signed postback.
    Signed,
    /// The same under this `webhook-id`.
    Named(String),
    /// A signed URL.
    Url,
    /// The picture on the shop's page.
    Pixel,
    /// With a signature that does not fit.
    Forged,
    /// Signed an hour ago.
    Stale,
    /// Without a signature.
    Bare,
    /// As plain text.
    Text,
    /// About a program that does not exist.
    Stranger,
}

impl How {
    /// Whether it is judged from what the server knows without a read. Several of these may be sent at once and still arrive in their order.
    pub fn is_prompt(&self) -> bool {
        !matches!(self, Self::Forged | Self::Stranger)
    }
}

/// A message on its way.
#[derive(Debug, Clone)]
pub struct Message {
    pub shop: usize,
    pub body: Value,
    pub how: How,
}

#[derive(Debug, Clone)]
pub enum Event {
    Send(Message),
    /// Somebody at a desk, the operator or a shop's people, calls the API.
    Desk {
        path: String,
        body: Value,
    },
    /// The office's work, whose answer leads to more.
    Office(Call),
    /// A shop's people go through what waits.
    Verdicts(usize),
    /// What runs on a clock.
    Jobs,
}

/// What is still to happen.
#[derive(Debug)]
pub struct Plot {
    dice: Dice,
    start: Time,
    end: Time,
    /// By time, and by when they were thought of.
    visits: BTreeMap<(Time, u64), Visit>,
    events: BTreeMap<(Time, u64), Event>,
    next: u64,
    orders: i64,
    /// The latest clicks of a reader on links to a shop, with their times.
    clicks: HashMap<(i64, usize), Vec<(Time, String)>>,
    /// Any click on a link to each shop.
    last_click: Vec<Option<String>>,
    office: office::Office,
}

impl Plot {
    /// The traffic of the days before `end`, a midnight.
    pub fn new(cast: &Cast, size: Size, end: Time) -> Self {
        let start = end.plus(-size.days() * DAY);
        let mut plot = Self {
            dice: Dice::new(20_261_101),
            start,
            end,
            visits: BTreeMap::new(),
            events: BTreeMap::new(),
            next: 0,
            orders: 1000,
            clicks: HashMap::new(),
            last_click: vec![None; SHOPS.len()],
            office: office::Office::new(),
        };
        for n in 0..size.days() {
            let midnight = start.plus(n * DAY);
            plot.rates(midnight, n);
            plot.add(midnight.plus(3 * HOUR), Event::Jobs);
        }
        for shop in &cast.shops {
            for (day, terms) in crate::app::demo::cast::later_terms(shop, &cast.blogs) {
                // A short play has them too: at the same part of its days.
                let day = day * size.days() / Size::Full.days();
                let path = format!("/programs/{}/terms", shop.program);
                plot.add(start.plus(day * DAY + 9 * HOUR), Event::Desk { path, body: json!({"terms": terms}) });
            }
        }
        plot.plan_visits(cast, size);
        plot.plan_office(cast, size.days());
        plot
    }

    pub fn start(&self) -> Time {
        self.start
    }

    /// The visits before then, in their order.
    pub fn visits_before(&mut self, until: Time) -> Vec<(Time, Visit)> {
        let later = self.visits.split_off(&(until, 0));
        std::mem::replace(&mut self.visits, later).into_iter().map(|((at, _), visit)| (at, visit)).collect()
    }

    /// The next event before then.
    pub fn event_before(&mut self, until: Time) -> Option<(Time, Event)> {
        let first = self.events.first_entry().filter(|first| first.key().0 < until)?;
        let ((at, _), event) = first.remove_entry();
        Some((at, event))
    }

    /// The next event before then, if it is a message that may be sent together with the one before it.
    pub fn prompt_before(&mut self, until: Time) -> Option<(Time, Message)> {
        let first = self.events.first_entry().filter(|first| first.key().0 < until)?;
        match first.get() {
            Event::Send(message) if message.how.is_prompt() => {}
            _ => return None,
        }
        match first.remove_entry() {
            ((at, _), Event::Send(message)) => Some((at, message)),
            _ => None,
        }
    }

    /// What would happen after the end is left to the reader of the demo.
    fn add(&mut self, at: Time, event: Event) {
        if at < self.end {
            self.events.insert((at, self.next), event);
            self.next += 1;
        }
    }

    fn send(&mut self, at: Time, shop: usize, body: Value, how: How) {
        self.add(at, Event::Send(Message { shop, body, how }));
    }

    /// Sends some time between these two after `at`.
    fn send_within(&mut self, at: Time, (least, most): (i64, i64), shop: usize, body: Value, how: How) {
        let wait = self.dice.between(least, most);
        self.send(at.plus(wait), shop, body, how);
    }

    /// Working days only, as the ECB does. Crowns come late: two thirds into the play for the last twenty days, and from then on daily.
    fn rates(&mut self, midnight: Time, n: i64) {
        let days = self.end.since(self.start) / DAY;
        let (first_crowns, crowns_come) = (days * 4 / 9, days * 2 / 3);
        let day = |n: i64| Zone::UTC.day(self.start.plus(n * DAY));
        let is_working = |n: i64| (day(n).number() + 3) % 7 < 5;
        let crowns = |n: i64| format!("11.{:04}", 5_000 + (n * 61) % 1_900);
        let mut events = Vec::new();
        if n == crowns_come {
            for late in (first_crowns..n).filter(|late| is_working(*late)) {
                events.push((10 * HOUR + late * SECOND, json!({"date": day(late), "rates": {"NOK": crowns(late)}})));
            }
        }
        if is_working(n) {
            let mut rates = json!({"USD": format!("1.{:04}", 876 + (n * 37) % 211), "GBP": format!("0.{:04}", 8_641 + (n * 23) % 97),
                "JPY": format!("{}.{:02}", 160 + (n * 3) % 7, (n * 29) % 100), "CHF": format!("0.9{:03}", 250 + (n * 13) % 140)});
            if n >= crowns_come {
                rates["NOK"] = json!(crowns(n));
            }
            events.push((15 * HOUR, json!({"date": day(n), "rates": rates})));
        }
        for (at, body) in events {
            self.add(midnight.plus(at), Event::Desk { path: "/rates".to_owned(), body });
        }
    }
}
