//! Short words for what the domain's tests say: terms, rules, sales and refunds in the making.

use ristourne::domain::{
    sale::{Content, Customer, Line, OpenedClick, Refund, RefundLine, SALE, Sale, SentClick},
    terms::{Attribution, Model, PayableOn, RULES, Rule, SelfReferral, Split, Terms, UnclaimedTo, pay::Pay, when::When},
};
use ristourne::kernel::{
    currency::Currency,
    money::Money,
    percent::Percent,
    time::{Day, SECOND, Time},
};

pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;

/// When sales of these tests occur, unless they say otherwise: 2026-11-22, noon UTC.
pub fn noon() -> Time {
    Time::parse("2026-11-22T12:00:00Z").expect("valid")
}

pub fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

pub fn currency(code: &str) -> Currency {
    code.parse().expect("known")
}

/// Reads `119.99 EUR`; without a code it is euros.
pub fn money(text: &str) -> Money {
    let (amount, code) = text.split_once(' ').unwrap_or((text, "EUR"));
    Money::parse(amount, currency(code)).expect("an amount")
}

pub fn percent(text: &str) -> Percent {
    text.parse().expect("a percentage")
}

pub fn split(publisher: &str, buyer: &str, platform: &str) -> Split {
    Split { publisher: percent(publisher), buyer: percent(buyer), platform: percent(platform) }
}

/// A rule for sales without further conditions.
pub fn pays(pay: Pay) -> Rule {
    Rule { when: When { types: vec![SALE.to_owned()], ..When::default() }, pay, cap_per_order: None, reason: None }
}

pub fn pays_percent(text: &str) -> Rule {
    pays(Pay::Percent(percent(text)))
}

pub fn pays_flat(amount: &str) -> Rule {
    pays(Pay::Flat(money(amount).minor))
}

/// A rule that only holds for some orders or lines.
pub fn when(rule: Rule, change: impl FnOnce(&mut When)) -> Rule {
    let mut rule = rule;
    change(&mut rule.when);
    rule
}

pub fn in_category(category: &str, rule: Rule) -> Rule {
    when(rule, |when| when.categories = Some(vec![category.to_owned()]))
}

/// 5 %, split 60/30/10, in euros, everything else as the contract's defaults.
pub fn terms() -> Terms {
    Terms {
        rules: RULES,
        currency: Currency::EUR,
        commission: vec![pays_percent("5")],
        split: split("60", "30", "10"),
        attribution: Attribution { model: Model::LastClick, window_days: 30, stand_down_minutes: 0, self_referral: SelfReferral::Hold },
        hold_days: 30,
        payable_on: PayableOn::Approval,
        claim_days: 30,
        unclaimed_to: UnclaimedTo::Publisher,
        boosts: Vec::new(),
    }
}

/// A sale in the making.
#[derive(Debug, Clone)]
pub struct Said(pub Sale);

/// A signed sale of one line without sku, at noon, without clicks.
pub fn sale(amount: &str) -> Said {
    let amount = money(amount);
    let lines = vec![Line { sku: None, category: None, quantity: 1, amount: amount.minor }];
    let content = Content { amount, lines, coupon: None, customer: None, reported: None };
    Said(Sale { content, occurred_at: noon(), clicks: Vec::new(), other_channel: None, signed: true })
}

impl Said {
    /// Lines of sku, category (which may be empty), quantity and amount; they make up the whole.
    pub fn lines(mut self, lines: &[(&str, &str, i64, &str)]) -> Self {
        let of = self.0.content.amount.currency;
        let line = |(sku, category, quantity, amount): &(&str, &str, i64, &str)| Line {
            sku: Some((*sku).to_owned()),
            category: (!category.is_empty()).then(|| (*category).to_owned()),
            quantity: *quantity,
            amount: Money::parse(amount, of).expect("an amount").minor,
        };
        self.0.content.lines = lines.iter().map(line).collect();
        assert_eq!(self.0.content.lines.iter().map(|l| l.amount).sum::<i64>(), self.0.content.amount.minor, "lines add up");
        self
    }
    pub fn click(mut self, click: &OpenedClick) -> Self {
        self.0.clicks.push(SentClick::Opened(*click));
        self
    }
    pub fn clicks(self, clicks: &[OpenedClick]) -> Self {
        clicks.iter().fold(self, Self::click)
    }
    pub fn unknown_click(mut self) -> Self {
        self.0.clicks.push(SentClick::Unknown("gclid-123".to_owned()));
        self
    }
    pub fn coupon(mut self, code: &str) -> Self {
        self.0.content.coupon = Some(code.to_owned());
        self
    }
    pub fn customer(mut self, reference: Option<&str>, new: Option<bool>) -> Self {
        self.0.content.customer = Some(Customer { reference: reference.map(str::to_owned), new });
        self
    }
    pub fn at(mut self, at: Time) -> Self {
        self.0.occurred_at = at;
        self
    }
    pub fn unsigned(mut self) -> Self {
        self.0.signed = false;
        self
    }
    pub fn channel(mut self, channel: &str) -> Self {
        self.0.other_channel = Some(channel.to_owned());
        self
    }
    pub fn reported(mut self, amount: &str) -> Self {
        self.0.content.reported = Some(Money::parse(amount, self.0.content.amount.currency).expect("an amount").minor);
        self
    }
}

pub fn back(amount: &str) -> Refund {
    Refund::Amount(money(amount))
}

/// A refund in euros by lines of sku, quantity and amount.
pub fn back_lines(lines: &[(&str, i64, &str)]) -> Refund {
    let line = |(sku, quantity, amount): &(&str, i64, &str)| RefundLine {
        sku: (*sku).to_owned(),
        quantity: *quantity,
        amount: money(amount).minor,
    };
    Refund::Lines { currency: Currency::EUR, lines: lines.iter().map(line).collect() }
}
