//! Reports against a recount: random traffic, late clicks, and orders that are refunded, rejected, adjusted and attributed anew; folded at
//! any time, or not at all.
use crate::store_world::{BLOG, DOLLAR, DOLLAR_LINK, EURO, LINK, MERCHANT, OTHER_BLOG, OTHER_LINK, World, key, now, refund, sale, usd};
use crate::support::for_each_database;
use ristourne::domain::{
    access::Whose,
    click::{Click, Quality},
    command::Act,
    conversion::{Conversion, Status},
    facet::Facet,
    fold::Counter,
    order::Actor,
    report::{Sales, Tally},
    sale::OpenedClick,
};
use ristourne::engine::{folder, verify};
use ristourne::kernel::{
    country::Country,
    currency::Currency,
    id::{ClickId, LinkId, ProgramId, PublisherId, lowest_at},
    time::{Day, SECOND, Zone},
};
use ristourne::store::{
    self, Tx,
    direct::InsertTx,
    stat::{self, By, Part},
};
use std::collections::{BTreeMap, HashSet};

/// What comes in, and the word that a report has for it.
const AGENTS: [(Option<&str>, &str); 4] = [
    (Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"), "Firefox"),
    (Some("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"), "Chrome"),
    (Some("curl/8.5.0"), "curl"),
    (None, "none"),
];
const REFERRERS: [(Option<&str>, &str); 4] = [
    (Some("https://www.A.example/x?y"), "a.example"),
    (Some("http://b.example:81/"), "b.example"),
    (Some("nonsense"), "(other)"),
    (None, "(none)"),
];
const COUNTRIES: [(Option<&str>, &str); 3] = [(Some("FR"), "FR"), (Some("DE"), "DE"), (None, "unknown")];
const SUBS: [(Option<&str>, &str); 4] = [(Some("a"), "a"), (Some("=é"), "=é"), (Some("(none)"), "\\(none)"), (None, "(none)")];
const UNKNOWN: [&str; 4] = ["unknown", "(unknown)", "(unknown)", "(unknown)"];
const PLACES: [(LinkId, ProgramId, PublisherId); 3] = [(LINK, EURO, BLOG), (OTHER_LINK, EURO, OTHER_BLOG), (DOLLAR_LINK, DOLLAR, BLOG)];

/// `SplitMix64`: chance that is the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % n as u64).expect("small")
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A click, its words, and whether it is stored yet.
struct Known {
    click: Click,
    words: [&'static str; 4],
    stored: bool,
}

struct Traffic {
    dice: Dice,
    world: World,
    counter: Counter,
    clicks: Vec<Known>,
    orders: Vec<(ProgramId, String)>,
    phrases: HashSet<i64>,
}

impl Traffic {
    async fn start(url: &str, seed: u64) -> Self {
        let mut world = World::new(url).await;
        world.setting.zone = Zone::named("Europe/Paris").expect("a zone");
        let counter = Counter::new(world.setting.zone.clone());
        Self { dice: Dice(seed), world, counter, clicks: Vec::new(), orders: Vec::new(), phrases: HashSet::new() }
    }

    fn zone(&self) -> &Zone {
        &self.world.setting.zone
    }

    /// Some clicks of the last three days; a few are only stored later, as those from a spool are.
    async fn visit(&mut self, count: usize) {
        let first = self.clicks.len();
        for n in first..first + count {
            let dice = &mut self.dice;
            let ago = i64::try_from(dice.below(60 * 60 * 60) + 6 * 60 * 60).expect("small");
            let at = now().plus(-ago * SECOND);
            let (agent, referrer) = (*dice.pick(&AGENTS), *dice.pick(&REFERRERS));
            let (country, sub, place) = (*dice.pick(&COUNTRIES), *dice.pick(&SUBS), *dice.pick(&PLACES));
            let click = Click {
                id: ClickId::from_raw(lowest_at(at) + i64::try_from(n).expect("small")),
                link: place.0,
                publisher: place.2,
                program: place.1,
                at,
                quality: *dice.pick(&[Quality::Ok, Quality::Ok, Quality::Duplicate, Quality::Prefetch]),
                consent: true,
                buyer: None,
                address: None,
                country: country.0.and_then(Country::parse),
                agent: agent.0.map(str::to_owned),
                referrer: referrer.0.map(str::to_owned),
                subs: [sub.0.map(str::to_owned), None, None, None, None],
                url: None,
            };
            let stored = dice.below(4) > 0;
            self.clicks.push(Known { click, words: [country.1, referrer.1, agent.1, sub.1], stored });
        }
        let new: Vec<&Click> = self.clicks[first..].iter().filter(|known| known.stored).map(|known| &known.click).collect();
        let mut tx = InsertTx::begin(self.world.db(), None).await.expect("begins");
        let phrases = store::click::insert_new(&mut tx, &mut self.counter, &new, &self.phrases).await.expect("inserts");
        tx.commit().await.expect("commits");
        self.phrases.extend(phrases);
    }

    /// What a spool held back comes, and some that are stored already come again.
    async fn read_back(&mut self) {
        let late: Vec<&Click> =
            self.clicks.iter().enumerate().filter(|(n, known)| !known.stored || n % 5 == 0).map(|(_, k)| &k.click).collect();
        let mut tx = InsertTx::begin(self.world.db(), None).await.expect("begins");
        store::click::insert_missing(&mut tx, &mut self.counter, &late, &self.phrases).await.expect("inserts");
        tx.commit().await.expect("commits");
        self.clicks.iter_mut().for_each(|known| known.stored = true);
    }

    /// A message about a new order, or an old one.
    async fn trade(&mut self) {
        let known = &self.clicks[self.dice.below(self.clicks.len())].click;
        let (program, link, quality) = (known.program, known.link, known.quality);
        let click = OpenedClick { click: known.id, link, buyer: None, quality };
        let currency = if program == EURO { Currency::EUR } else { usd() };
        let minor = 1_000 + 100 * i64::try_from(self.dice.below(500)).expect("small");
        let old = (!self.orders.is_empty()).then(|| self.dice.below(self.orders.len())).map(|n| self.orders[n].clone());
        let (actor, act) = match (self.dice.below(9), old) {
            (0, Some((program, order))) => (Actor::Merchant, Act::Reject { key: key(program, &order), reason: None }),
            (1, Some((program, order))) => (Actor::Operator, Act::Approve { key: key(program, &order) }),
            (2, Some((EURO, order))) => {
                let id = format!("r{}", self.dice.below(4));
                (Actor::Merchant, Act::Refund { key: key(EURO, &order), refund_id: id, refund: refund(500) })
            }
            (3, Some((EURO, order))) => {
                let amount = refund(700 + minor).money();
                (Actor::Operator, Act::Adjust { key: key(EURO, &order), amount, reason: None })
            }
            // Without a click at first: completed by the repeat that brings one. Its content must be the same.
            (4, _) => {
                let order = format!("U{}", self.dice.below(12));
                let clicks: &[OpenedClick] = if self.dice.below(2) == 0 { &[] } else { &[click] };
                (Actor::Merchant, Act::Sale { key: key(program, &order), sale: sale(5_000, currency, clicks) })
            }
            _ => {
                let order = format!("O{}", self.orders.len());
                self.orders.push((program, order.clone()));
                (Actor::Merchant, Act::Sale { key: key(program, &order), sale: sale(minor, currency, &[click]) })
            }
        };
        self.world.one(actor, act).await;
    }

    /// Every report under every filter is what the rows say.
    async fn check(&self) {
        let mut tx = self.world.db().read().await.expect("reads");
        let conversions = store::conversion::list(&mut tx, &store::conversion::Wanted::default(), None, 10_000).await.expect("reads");
        let day = self.zone().day(now().plus(-24 * 60 * 60 * SECOND));
        let of = |merchant, publisher| Whose { merchant, publisher, buyer: None };
        let all = stat::Wanted::default();
        let filters = [
            all,
            stat::Wanted { program: Some(EURO), ..all },
            stat::Wanted { program: Some(DOLLAR), ..all },
            stat::Wanted { whose: of(None, Some(BLOG)), ..all },
            stat::Wanted { whose: of(None, Some(BLOG)), program: Some(EURO), ..all },
            stat::Wanted { whose: of(Some(MERCHANT), None), ..all },
            stat::Wanted { whose: of(Some(MERCHANT), Some(OTHER_BLOG)), ..all },
            stat::Wanted { link: Some(LINK), ..all },
            stat::Wanted { link: Some(LINK), program: Some(DOLLAR), ..all },
            stat::Wanted { since: Some(day), ..all },
            stat::Wanted { since: Some(day), until: Some(day), program: Some(EURO), ..all },
            stat::Wanted { until: Some(day.minus(1)), link: Some(OTHER_LINK), ..all },
        ];
        let parts = [By::Day, By::Link, By::Publisher, By::Program].into_iter().chain(Facet::ALL.map(By::Facet));
        for by in parts {
            for wanted in &filters {
                self.compare(&mut tx, by, wanted, &conversions).await;
            }
        }
    }

    async fn compare(&self, tx: &mut Tx, by: By, wanted: &stat::Wanted, conversions: &[Conversion]) {
        let mut counted: BTreeMap<Part, Tally> = BTreeMap::new();
        let mut count = |day, program, publisher, link: Option<LinkId>, words: &[&str; 4], tally: &Tally| {
            let fits = wanted.program.is_none_or(|wanted| wanted == program)
                && wanted.whose.publisher.is_none_or(|wanted| publisher == Some(wanted))
                && wanted.link.is_none_or(|wanted| link == Some(wanted))
                && wanted.since.is_none_or(|since| since <= day)
                && wanted.until.is_none_or(|until| day <= until);
            if fits {
                counted.entry(part(by, day, program, publisher, link, words)).or_default().add(tally);
            }
        };
        for known in self.clicks.iter().filter(|known| known.stored) {
            let Click { link, program, publisher, quality, at, .. } = known.click;
            let tally = Tally::clicks(1, i64::from(quality == Quality::Ok));
            count(self.zone().day(at), program, Some(publisher), Some(link), &known.words, &tally);
        }
        for conversion in conversions.iter().filter(|c| !matches!(c.status, Status::Unattributed | Status::Rejected)) {
            let newest = conversion.newest();
            let click = newest.and_then(|credit| credit.click);
            let known = self.clicks.iter().find(|known| known.stored && Some(known.click.id) == click);
            let words = known.map_or(UNKNOWN, |known| known.words);
            let tally = Tally::sale(conversion.commission.currency, Sales(1, conversion.commission.minor));
            let day = self.zone().day(conversion.occurred_at);
            count(day, conversion.program, newest.map(|c| c.publisher), newest.and_then(|c| c.link), &words, &tally);
        }
        let report = stat::clicks(tx, by, wanted).await.expect("reads");
        let report: BTreeMap<Part, Tally> = report.into_iter().map(|row| (row.part, row.tally)).collect();
        assert_eq!(report, counted, "{by:?} {wanted:?}");
    }
}

fn part(by: By, day: Day, program: ProgramId, publisher: Option<PublisherId>, link: Option<LinkId>, words: &[&str; 4]) -> Part {
    match by {
        By::Day => Part::Day(day),
        By::Program => Part::Program(program),
        By::Publisher => Part::Publisher(publisher),
        By::Link => Part::Link(link),
        By::Facet(Facet::Country) => Part::Value(words[0].to_owned()),
        By::Facet(Facet::Referrer) => Part::Value(words[1].to_owned()),
        By::Facet(Facet::Agent) => Part::Value(words[2].to_owned()),
        By::Facet(Facet::Sub1) => Part::Value(words[3].to_owned()),
    }
}

#[tokio::test]
async fn reports_say_what_a_recount_says() {
    for_each_database(async |url| {
        let mut traffic = Traffic::start(url, 20_261_126).await;
        for round in 0..10 {
            traffic.visit(30).await;
            for _ in 0..12 {
                traffic.trade().await;
            }
            match round % 4 {
                0 => folder::fold_all(traffic.world.db()).await.expect("folds"),
                2 => traffic.read_back().await,
                _ => {}
            }
            traffic.check().await;
        }
        let (db, zone) = (traffic.world.db().clone(), traffic.zone().clone());
        folder::rebuild(&db, &zone).await.expect("folds anew");
        traffic.check().await;
        traffic.visit(30).await;
        traffic.trade().await;
        let report = verify::verify(&db, &zone, &traffic.world.setting.terms).await.expect("reads");
        assert_eq!(report.breaches, []);
        let counted = traffic.clicks.iter().filter(|known| known.stored).count();
        assert_eq!(report.clicks, counted as u64);
    })
    .await;
}

/// A fold takes so many transactions; what is more is folded by the next at once, and there is none more than it takes.
#[tokio::test]
async fn all_that_waits_is_folded_in_as_few_folds_as_it_takes() {
    for_each_database(async |url| {
        let mut traffic = Traffic::start(url, 2).await;
        let folds = 3;
        let transactions = folder::AT_ONCE * (folds - 1) + 1;
        let mut tx = InsertTx::begin(traffic.world.db(), None).await.expect("begins");
        for n in 0..transactions {
            let click = bare(n);
            store::click::insert_new(&mut tx, &mut traffic.counter, &[&click], &traffic.phrases).await.expect("inserts");
        }
        tx.commit().await.expect("commits");
        let db = traffic.world.db();
        let before = store::fold::state(&mut db.read().await.expect("reads")).await.expect("reads").version;
        folder::fold_all(db).await.expect("folds");
        let mut tx = db.read().await.expect("reads");
        assert_eq!(store::fold::state(&mut tx).await.expect("reads").version - before, folds);
        assert!(store::fold::pending(&mut tx, 1).await.expect("reads").is_empty());
        let rows = stat::clicks(&mut tx, By::Link, &stat::Wanted::default()).await.expect("reads");
        assert_eq!(rows.iter().map(|row| row.tally.raw).sum::<i64>(), transactions);
    })
    .await;
}

/// A click of two hours ago without anything that tells it apart; `n` is in its id.
fn bare(n: i64) -> Click {
    let at = now().plus(-7_200 * SECOND);
    Click {
        id: ClickId::from_raw(lowest_at(at) + n),
        link: LINK,
        publisher: BLOG,
        program: EURO,
        at,
        quality: Quality::Ok,
        consent: false,
        buyer: None,
        address: None,
        country: None,
        agent: None,
        referrer: None,
        subs: [const { None }; 5],
        url: None,
    }
}

/// A tracker that puts a number of its own into every sub-id: the first thousand of a day and link stand apart, the rest together, and
/// nothing is lost or counted twice, whatever was folded together.
#[tokio::test]
async fn sub_ids_without_end_are_counted_together() {
    for_each_database(async |url| {
        let mut traffic = Traffic::start(url, 1).await;
        for round in 0..3 {
            let sub = |n| Some(format!("n{}", (400 * round + n) % 1_300));
            let clicks: Vec<Click> =
                (0..600).map(|n| Click { subs: [sub(n), None, None, None, None], ..bare(1_000 * round + n) }).collect();
            let mut tx = InsertTx::begin(traffic.world.db(), None).await.expect("begins");
            let clicks: Vec<&Click> = clicks.iter().collect();
            store::click::insert_new(&mut tx, &mut traffic.counter, &clicks, &traffic.phrases).await.expect("inserts");
            tx.commit().await.expect("commits");
            folder::fold_all(traffic.world.db()).await.expect("folds");
        }
        traffic.phrases.clear();
        for wanted in [stat::Wanted::default(), stat::Wanted { link: Some(LINK), ..Default::default() }] {
            let mut tx = traffic.world.db().read().await.expect("reads");
            let rows = stat::clicks(&mut tx, By::Facet(Facet::Sub1), &wanted).await.expect("reads");
            assert_eq!(rows.iter().map(|row| row.tally.raw).sum::<i64>(), 1_800);
            // n0 to n999 came first; n0 to n99 came again in the last round, and n1000 to n1299 too late.
            let of = |value: &str| rows.iter().find(|row| row.part == Part::Value(value.to_owned())).map(|row| row.tally.raw);
            assert_eq!((rows.len(), of("(other)"), of("n5"), of("n1005")), (1_001, Some(300), Some(2), None), "{wanted:?}");
        }
        let (db, zone) = (traffic.world.db(), traffic.zone());
        let report = verify::verify(db, zone, &traffic.world.setting.terms).await.expect("reads");
        assert!(report.breaches.iter().all(|breach| breach.code == "reports_outdated"), "{:?}", report.breaches);
    })
    .await;
}
