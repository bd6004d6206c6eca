//! Made-up orders: terms, clicks and the set of facts of one order, from a list of choices.
//!
//! Properties draw the choices with proptest, which makes them smaller when something fails; the golden file draws them from a fixed
//! sequence of its own. A choice of 0 is always the plainest.

use super::domain::{Blog, HOUR, MINUTE, Said, World, back, currency, in_category, noon, pays, pays_percent, sale, terms, when};
use ristourne::domain::{
    click::Quality,
    command::{Act, Outcome},
    order::Actor,
    publisher::Kind,
    reason::Reason,
    sale::{Line, OpenedClick, Refund, RefundLine, SentClick},
    terms::{Model, PayableOn, Rule, SelfReferral, Split, Terms, UnclaimedTo, pay::Pay, pay::Tier},
};
use ristourne::kernel::{currency::Currency, money::Money, percent::Percent, time::DAY};

/// The order that the facts are of.
pub const ORDER: &str = "A-1";

const CURRENCIES: [&str; 5] = ["EUR", "USD", "JPY", "KWD", "CLF"];
const RATES: [(&str, &str); 4] = [("USD", "1.0876"), ("JPY", "162.35"), ("KWD", "0.3345"), ("CLF", "0.0301")];
const SKUS: [&str; 4] = ["S1", "S2", "S3", "unknown"];
const CATEGORIES: [Option<&str>; 3] = [None, Some("books"), Some("gift cards")];

/// A list of choices, taken one by one; when it is used up, every choice is 0.
#[derive(Debug)]
pub struct Dice<'a> {
    choices: &'a [u16],
}

impl<'a> Dice<'a> {
    pub fn new(choices: &'a [u16]) -> Self {
        Self { choices }
    }
    fn next(&mut self) -> u16 {
        let Some((first, rest)) = self.choices.split_first() else { return 0 };
        self.choices = rest;
        *first
    }
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.next()) % end
    }
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
    /// True for so many of a hundred.
    pub fn chance(&mut self, percent: u16) -> bool {
        self.next() % 100 >= 100 - percent
    }
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let wide = (i64::from(self.next()) << 32) | (i64::from(self.next()) << 16) | i64::from(self.next());
        low + wide % (high - low + 1)
    }
    /// Mostly small, sometimes huge, in minor units.
    pub fn amount(&mut self) -> i64 {
        let high = self.pick(&[20_000, 300, 1_000_000, 1_000_000_000]);
        self.between(1, high)
    }
    pub fn percent(&mut self) -> Percent {
        let parts = if self.chance(30) { self.between(0, 1_000_000) } else { 10_000 * self.between(0, 100) };
        Percent::from_parts(u32::try_from(parts).expect("small")).expect("at most 100 %")
    }
    pub fn split(&mut self) -> Split {
        let grain = self.pick(&[100_000, 50_000, 1]);
        let publisher = grain * self.between(0, 1_000_000 / grain);
        let buyer = grain * self.between(0, (1_000_000 - publisher) / grain);
        let percent = |parts: i64| Percent::from_parts(u32::try_from(parts).expect("small")).expect("at most 100 %");
        Split { publisher: percent(publisher), buyer: percent(buyer), platform: percent(1_000_000 - publisher - buyer) }
    }
}

/// Something that happens to the order, or to the world while it waits.
#[derive(Debug, Clone)]
pub enum Event {
    Tell(Actor, Box<Act>),
    /// The day's rates come in.
    Rates,
}

/// One order's facts, and the world in which they are told.
#[derive(Debug, Clone)]
pub struct Story {
    pub world: World,
    /// A set: the sequence is up to who tells them.
    pub events: Vec<Event>,
    /// Long after, in this sequence.
    pub later: Vec<Event>,
    /// What was chosen, in a few words.
    pub label: String,
}

impl Story {
    pub fn roll(dice: &mut Dice<'_>) -> Self {
        let (terms, label) = rolled_terms(dice);
        let program_currency = terms.currency;
        let (window, label_currency) = (i64::from(terms.attribution.window_days) * DAY, program_currency);
        let mut world = World::with(terms);
        let blogs = people(&mut world, dice);
        let clicks = clicks(&mut world, dice, &blogs, window);
        world.coupon("OWN", blogs[1], None, None);
        earlier_orders(&mut world, &blogs);
        let mut story = Self { world, events: Vec::new(), later: Vec::new(), label };
        let sold_in = if dice.chance(40) { currency(dice.pick(&CURRENCIES)) } else { label_currency };
        if dice.chance(50) {
            story.events.push(Event::Rates);
        } else {
            tell_rates(&mut story.world);
        }
        // A pixel may name other clicks than the signed sale.
        let named: Vec<OpenedClick> = clicks.iter().filter(|_| !dice.chance(25)).copied().collect();
        let signed = rolled_sale(dice, sold_in, &named);
        story.add_sales(dice, &signed, [&named, &clicks], window);
        story.add_refunds(dice, &signed);
        story.add_verdicts(dice);
        story.add_sign_ins(dice, &clicks);
        let (key, wide) = (story.world.key(ORDER), dice.chance(50));
        if wide {
            story.later.push(Event::Tell(Actor::Operator, Box::new(Act::MerchantPaid { key: key.clone() })));
            story.later.push(Event::Tell(Actor::Clock, Box::new(Act::Expire { key: key.clone() })));
            story.later.push(Event::Tell(Actor::Clock, Box::new(Act::Approve { key })));
        }
        story
    }

    pub fn tell(&mut self, by: Actor, act: Act) {
        self.events.push(Event::Tell(by, Box::new(act)));
    }

    fn add_sale(&mut self, said: &Said) {
        let key = self.world.key(ORDER);
        self.tell(Actor::Merchant, Act::Sale { key, sale: said.0.clone() });
    }

    /// The signed sale, perhaps again without its clicks, and perhaps a pixel's, which may say anything.
    fn add_sales(&mut self, dice: &mut Dice<'_>, signed: &Said, [named, clicks]: [&[OpenedClick]; 2], window: i64) {
        let is_signed = !dice.chance(10);
        if is_signed {
            self.add_sale(signed);
        }
        // Of two sets of clicks that both count the first would stay; of two that both do not, the reason of the first.
        let counts = |click: &OpenedClick| {
            let age = noon().since(ristourne::kernel::id::time_of(click.click.raw()));
            let here = self.world.facts.links[&click.link].program == self.world.program;
            here && click.quality != Quality::Embedded && (-MINUTE..=window).contains(&age)
        };
        if is_signed && named.iter().any(counts) && dice.chance(40) {
            let mut bare = signed.clone();
            bare.0.clicks.clear();
            self.add_sale(&bare);
        }
        if !is_signed || dice.chance(25) {
            let in_currency = if dice.chance(30) { currency(dice.pick(&CURRENCIES)) } else { signed.0.content.amount.currency };
            let some: Vec<OpenedClick> = clicks.iter().filter(|_| dice.chance(60)).copied().collect();
            let mut pixel = if dice.chance(30) { signed.clone() } else { rolled_sale(dice, in_currency, &some) };
            pixel.0.signed = false;
            self.add_sale(&pixel);
        }
    }

    fn add_refunds(&mut self, dice: &mut Dice<'_>, signed: &Said) {
        let content = &signed.0.content;
        for n in 0..dice.below(5) {
            let part = |whole: i64, dice: &mut Dice<'_>| (i128::from(whole) * i128::from(dice.between(1, 1200)) / 1000).max(1);
            let minor = |amount: i128| i64::try_from(amount).expect("small");
            let refund = match dice.below(8) {
                0..4 => Refund::Amount(Money::new(minor(part(content.amount.minor, dice)), content.amount.currency)),
                4..7 => {
                    let line = |dice: &mut Dice<'_>| {
                        let sku = SKUS[dice.below(13) % SKUS.len()];
                        let sold: i64 = content.lines.iter().filter(|l| l.sku.as_deref() == Some(sku)).map(|l| l.amount).sum();
                        RefundLine { sku: sku.to_owned(), quantity: dice.between(0, 3), amount: minor(part(sold, dice)) }
                    };
                    let count = 1 + dice.below(2);
                    Refund::Lines { currency: content.amount.currency, lines: (0..count).map(|_| line(dice)).collect() }
                }
                _ => back("1.00 CHF"),
            };
            let (key, refund_id) = (self.world.key(ORDER), format!("R-{n}"));
            self.tell(Actor::Merchant, Act::Refund { key, refund_id, refund });
        }
    }

    fn add_verdicts(&mut self, dice: &mut Dice<'_>) {
        let key = self.world.key(ORDER);
        for by in [Actor::Merchant, Actor::Operator] {
            if dice.chance(35) {
                self.tell(by, Act::Approve { key: key.clone() });
            }
        }
        if dice.chance(8) {
            self.tell(Actor::Merchant, Act::Cancel { key: key.clone(), reason: None });
        }
        if dice.chance(8) {
            self.tell(Actor::Merchant, Act::Reject { key, reason: Some("not delivered".into()) });
        }
    }

    /// One person signs in, perhaps the blogger themself.
    fn add_sign_ins(&mut self, dice: &mut Dice<'_>, clicks: &[OpenedClick]) {
        let buyer = if dice.chance(30) { self.world.buyer(Some("blogger@mail.example")) } else { self.world.buyer(None) };
        for click in clicks {
            if dice.chance(30) {
                self.tell(Actor::Buyer, Act::Tie { buyer, clicks: vec![*click] });
            }
        }
    }

    /// Whoever signs in claims the order too, and was at the shop before, after, or not at all.
    pub fn and_claims(mut self, dice: &mut Dice<'_>) -> Self {
        let signed_in = self.events.iter().find_map(|event| match event {
            Event::Tell(_, act) => match &**act {
                Act::Tie { buyer, .. } => Some(*buyer),
                _ => None,
            },
            Event::Rates => None,
        });
        let buyer = signed_in.unwrap_or_else(|| self.world.buyer(None));
        let mut links: Vec<Blog> = self.world.facts.links.iter().map(|(link, of)| Blog { publisher: of.publisher, link: *link }).collect();
        links.sort_by_key(|blog| blog.link);
        for _ in 0..dice.below(4) {
            let before = if dice.chance(70) { dice.between(0, 40 * 24) * HOUR } else { dice.between(-3, 90) * MINUTE };
            let blog = links[dice.below(links.len())];
            let quality = dice.pick(&[Quality::Ok, Quality::Ok, Quality::Prefetch, Quality::Bot, Quality::Embedded]);
            let click = OpenedClick { buyer: Some(buyer), quality, ..self.world.click(blog, before) };
            self.world.see(click);
        }
        if dice.chance(70) {
            let new = self.world.new_claim(buyer, ORDER);
            self.tell(Actor::Buyer, Act::Claim(Box::new(new)));
        }
        self
    }

    /// Tells the events of these positions, and then what comes later. What each came to stands beside.
    pub fn run(&self, sequence: impl IntoIterator<Item = usize>) -> (World, Vec<(Event, Outcome)>) {
        let (mut world, mut told) = (self.world.clone(), Vec::new());
        for n in sequence {
            let event = self.events[n].clone();
            let outcome = happen(&mut world, &event);
            told.push((event, outcome));
        }
        world.now = noon().plus_days(60);
        for event in &self.later {
            let outcome = happen(&mut world, event);
            told.push((event.clone(), outcome));
        }
        (world, told)
    }
}

fn happen(world: &mut World, event: &Event) -> Outcome {
    match event {
        Event::Tell(by, act) => world.tell(*by, Act::clone(act)),
        Event::Rates => tell_rates(world),
    }
}

fn tell_rates(world: &mut World) -> Outcome {
    world.rates("2026-11-20", &RATES)
}

fn rolled_terms(dice: &mut Dice<'_>) -> (Terms, String) {
    let code = dice.pick(&["EUR", "EUR", "USD", "JPY", "KWD", "CLF"]);
    let (commission, name) = rolled_rules(dice);
    let mut terms = Terms { currency: currency(code), commission, split: dice.split(), ..terms() };
    terms.attribution.model = dice.pick(&[Model::LastClick, Model::FirstClick, Model::Linear, Model::TimeDecay, Model::Position]);
    terms.attribution.self_referral = dice.pick(&[SelfReferral::Hold, SelfReferral::Allow, SelfReferral::Refuse]);
    terms.attribution.stand_down_minutes = dice.pick(&[0, 0, 24 * 60]);
    terms.payable_on = dice.pick(&[PayableOn::Approval, PayableOn::Approval, PayableOn::MerchantPayment]);
    terms.unclaimed_to = dice.pick(&[UnclaimedTo::Publisher, UnclaimedTo::Platform, UnclaimedTo::Merchant]);
    let Split { publisher, buyer, platform } = terms.split;
    let label = format!("{code}, {name}, {}, {publisher}/{buyer}/{platform}", terms.attribution.model.word());
    (terms, label)
}

/// Rules of every kind, and what they are called.
fn rolled_rules(dice: &mut Dice<'_>) -> (Vec<Rule>, &'static str) {
    let least = |minor, rule| when(rule, |when| when.min_amount = Some(minor));
    let capped = |minor, rule| Rule { cap_per_order: Some(minor), ..rule };
    let excluded = || Rule { reason: Some(Reason::ExcludedCategory), ..in_category("gift cards", pays_percent("0")) };
    match dice.below(10) {
        0 => (vec![pays_percent("5")], "percent"),
        1 => (vec![pays(Pay::Percent(dice.percent()))], "any percent"),
        2 => (vec![pays(Pay::Flat(dice.between(0, 500)))], "flat"),
        3 => (vec![in_category("books", pays_percent("8")), least(8_000, pays_percent("6")), capped(90, pays_percent("2"))], "categories"),
        4 => (vec![excluded(), capped(100, pays(Pay::PerItem(40)))], "per item"),
        5 => {
            let tier = |from, percent: Percent| Tier { from, percent };
            (vec![pays(Pay::Tiers(vec![tier(0, dice.percent()), tier(8_000, dice.percent()), tier(99_999_999, dice.percent())]))], "tiers")
        }
        6 => (vec![least(8_000, pays(Pay::Flat(500))), in_category("books", pays_percent("3.3333"))], "minimum"),
        7 => {
            let new = when(pays_percent("9"), |when| when.customer_new = Some(true));
            let coupon = when(pays_percent("1"), |when| when.coupons = Some(vec!["own".to_owned()]));
            (vec![coupon, new, excluded(), pays_percent("0.5")], "customers and coupons")
        }
        8 => (vec![least(8_000, pays_percent("1")), pays_percent("10")], "less for more"),
        _ => (vec![excluded(), pays(Pay::Reported(dice.percent()))], "reported"),
    }
}

fn people(world: &mut World, dice: &mut Dice<'_>) -> Vec<Blog> {
    let generosities = ["0", "0", "33.3333", "100"];
    let own = world.publisher(Kind::Content, dice.pick(&generosities), Some("Blogger@mail.example"));
    let coupons = world.publisher(Kind::Coupon, dice.pick(&generosities), None);
    let cashback = world.publisher(Kind::Cashback, dice.pick(&generosities), None);
    let elsewhere = world.elsewhere(own);
    vec![own, coupons, cashback, elsewhere]
}

fn clicks(world: &mut World, dice: &mut Dice<'_>, blogs: &[Blog], window: i64) -> Vec<OpenedClick> {
    let known = [world.buyer(Some("blogger@mail.example")), world.buyer(None)];
    let qualities = [Quality::Ok, Quality::Ok, Quality::Ok, Quality::Duplicate, Quality::Bot, Quality::Embedded];
    let mut clicks = Vec::new();
    for _ in 0..dice.below(5) {
        let before = match dice.below(8) {
            0..4 => dice.between(0, 30 * 24) * HOUR,
            4 => window,
            5 => window + 1000,
            6 => -MINUTE,
            _ => dice.between(-2, 90) * MINUTE,
        };
        let blog = blogs[dice.below(13) % blogs.len()];
        let click = world.click(blog, before);
        let buyer = if dice.chance(25) { Some(dice.pick(&known)) } else { None };
        clicks.push(OpenedClick { buyer, quality: dice.pick(&qualities), ..click });
    }
    clicks
}

/// Another order makes a tier's base, and a customer known.
fn earlier_orders(world: &mut World, blogs: &[Blog]) {
    let goal = world.facts.programs[&world.program].program.currency;
    let click = world.click(blogs[0], HOUR);
    let mut said = sale("100.00").customer(Some("old"), None).click(&click);
    said.0.content.amount = Money::new(10_000, goal);
    said.0.content.lines[0].amount = 10_000;
    world.sell("earlier", &said);
    world.approve("earlier", Actor::Operator);
}

fn rolled_sale(dice: &mut Dice<'_>, sold_in: Currency, clicks: &[OpenedClick]) -> Said {
    let line = |dice: &mut Dice<'_>| Line {
        sku: if dice.chance(10) { None } else { Some(SKUS[dice.below(3)].to_owned()) },
        category: dice.pick(&CATEGORIES).map(str::to_owned),
        quantity: dice.between(1, 5),
        amount: if dice.chance(10) { 0 } else { dice.amount() },
    };
    let count = 1 + dice.below(4);
    let mut lines: Vec<Line> = (0..count).map(|_| line(dice)).collect();
    lines[0].amount = lines[0].amount.max(1);
    let total: i64 = lines.iter().map(|line| line.amount).sum();
    let mut said = sale("1.00").clicks(clicks);
    said.0.content.amount = Money::new(total, sold_in);
    said.0.content.lines = lines;
    said.0.content.reported = dice.chance(50).then(|| dice.between(0, total));
    said.0.other_channel = dice.chance(4).then(|| "google".to_owned());
    if dice.chance(10) {
        said.0.clicks.push(SentClick::Unknown("gclid".to_owned()));
    }
    if dice.chance(12) {
        said = said.coupon(dice.pick(&["own", "OTHER"]));
    }
    match dice.below(5) {
        0 | 1 => said,
        2 => said.customer(Some("old"), None),
        3 => said.customer(Some("fresh"), None),
        _ => said.customer(Some("old"), Some(true)),
    }
}

/// Every event at least once, some twice or three times, in a sequence that the choices decide.
pub fn sequence(events: usize, choices: &[u16]) -> Vec<usize> {
    let mut dice = Dice::new(choices);
    let mut places: Vec<(usize, usize)> = Vec::new();
    for event in 0..events {
        places.push((dice.below(1 << 16), event));
        while dice.chance(25) {
            places.push((dice.below(1 << 16), event));
        }
    }
    places.sort_unstable();
    places.into_iter().map(|(_, event)| event).collect()
}
