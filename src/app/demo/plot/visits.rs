//! Who follows which link when: more at the week's end and before the feasts, at noon and in the evening, and each shop in its own season.

use super::{HOUR, MINUTE, Plot, Size};
use crate::{
    app::demo::{
        cast::Cast,
        script::{BLOGS, TWO_HATS},
    },
    kernel::time::{DAY, SECOND, Time, Zone},
};

/// Readers without an account, of each shop. Each has a browser and an address of their own.
const READERS: i64 = 900;
/// Buyers who have an account from the start; the others open one after they bought.
pub(super) const MEMBERS: usize = 120;
/// Numbers of members among the readers.
const MEMBER_BASE: i64 = 100_000;

const AGENTS: [&str; 8] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:141.0) Gecko/20100101 Firefox/141.0",
    "Mozilla/5.0 (Linux; Android 14; SM-A546B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0",
];
const ROBOTS: [&str; 4] = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
];
const PLACES: [&str; 6] = ["newsletter", "article", "article", "sidebar", "instagram", "top-10"];
/// How many visits each hour has, midnight UTC first.
const HOURS: [i64; 24] = [10, 6, 4, 3, 4, 8, 20, 38, 46, 48, 50, 54, 66, 62, 52, 48, 50, 58, 70, 84, 92, 82, 52, 24];
/// Monday first.
const WEEKDAYS: [i64; 7] = [96, 92, 92, 94, 98, 112, 124];

/// A visit that follows a link.
#[derive(Debug, Clone)]
pub struct Visit {
    pub link: usize,
    /// None of a script that says nothing of itself.
    pub agent: Option<&'static str>,
    pub address: [u8; 4],
    /// A member's ref, by a portal's link.
    pub member: Option<usize>,
    /// A member who is signed in, by the sealed cookie.
    pub signed_in: Option<usize>,
    pub sub1: &'static str,
    pub without_consent: bool,
    pub fetch: Fetch,
    /// Where the page was that held the link.
    pub referrer: Option<String>,
    /// Leads to a page of the shop instead of its front door.
    pub deep: bool,
    /// Who it is; none for robots.
    pub reader: Option<i64>,
    /// Buys after so many microseconds.
    pub buys_after: Option<i64>,
}

/// What the browser says it loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    Page,
    /// Ahead, before anybody looks.
    Prefetch,
    /// Inside another page.
    Image,
}

impl Plot {
    pub(super) fn plan_visits(&mut self, cast: &Cast, size: Size) {
        let (start, total) = (self.start, size.visits());
        let weights: Vec<i64> = (0..size.days()).map(|n| busy(start.plus(n * DAY)) * (950 + n * 100 / size.days())).collect();
        let sum: i64 = weights.iter().sum();
        // Rounded by the running total, so that nothing gets lost.
        let (mut planned, mut passed) = (0, 0);
        for (n, weight) in (0..).zip(weights) {
            let midnight = start.plus(n * DAY);
            let month = usize::try_from(Zone::UTC.month(midnight).number().rem_euclid(12)).unwrap_or(0);
            let reach: Vec<i64> =
                cast.links.iter().map(|link| BLOGS[link.blog].reach * cast.shops[link.shop].script.months[month]).collect();
            passed += weight;
            while planned < total * passed / sum {
                self.plan_visit(cast, midnight, &reach);
                planned += 1;
            }
        }
    }

    fn plan_visit(&mut self, cast: &Cast, midnight: Time, reach: &[i64]) {
        let dice = &mut self.dice;
        let hour = i64::try_from(dice.weighted(&HOURS)).unwrap_or(0);
        // To the millisecond, as ids are.
        let at = midnight.plus(hour * HOUR + dice.between(0, HOUR / 1000 - 1) * 1000);
        let link = dice.weighted(reach);
        let visit = match dice.between(0, 999) {
            0..80 => robot(dice.between(0, 3), link),
            80..88 => script(dice.between(0, 9), link),
            88..92 => {
                // A blogger who buys by a link of their own.
                let (blog, buyer) = *dice.pick(&TWO_HATS);
                let own = cast.links.iter().position(|link| link.blog == blog).unwrap_or(link);
                Visit { signed_in: Some(buyer), buys_after: Some(dice.between(5 * MINUTE, DAY)), ..self.person(cast, own) }
            }
            _ => self.person(cast, link),
        };
        if visit.reader.is_some() && self.dice.permille(25) {
            // An impatient second click.
            self.plan(at.plus(3 * SECOND), Visit { buys_after: None, ..visit.clone() });
        }
        self.plan(at, visit);
    }

    fn plan(&mut self, at: Time, visit: Visit) {
        if at < self.end {
            self.visits.insert((at, self.next), visit);
            self.next += 1;
        }
    }

    fn person(&mut self, cast: &Cast, link: usize) -> Visit {
        let (dice, to) = (&mut self.dice, &cast.links[link]);
        let blog = &BLOGS[to.blog];
        let member = (to.portal || dice.permille(80)).then(|| dice.index(MEMBERS));
        let reader = match member {
            Some(member) => MEMBER_BASE + i64::try_from(member).unwrap_or(0),
            None => i64::try_from(to.shop).unwrap_or(0) * READERS + dice.between(0, READERS - 1),
        };
        let buys = match blog.kind {
            "cashback" => 190,
            "coupon" => 160,
            "tool" => 130,
            _ => 95,
        };
        let referrer = dice.permille(850).then(|| match blog.kind {
            "content" => {
                format!("https://{}.example/{}/{}", blog.slug, dice.pick(&["avis", "test", "guide", "selection"]), dice.between(1, 60))
            }
            _ => format!("https://www.{}.example/", blog.slug),
        });
        Visit {
            link,
            agent: Some(AGENTS[index(reader, AGENTS.len())]),
            address: address(reader),
            member: member.filter(|_| to.portal),
            signed_in: member.filter(|_| !to.portal),
            sub1: dice.pick::<&str>(&PLACES),
            without_consent: !to.portal && dice.permille(40),
            fetch: match dice.between(0, 999) {
                0..18 => Fetch::Prefetch,
                18..36 => Fetch::Image,
                _ => Fetch::Page,
            },
            referrer,
            deep: dice.permille(220),
            reader: Some(reader),
            buys_after: dice.permille(buys).then(|| match dice.between(0, 999) {
                0..760 => dice.between(2 * MINUTE, 8 * HOUR),
                760..930 => dice.between(8 * HOUR, 5 * DAY),
                930..985 => dice.between(5 * DAY, 28 * DAY),
                // Longer than most programs wait.
                _ => dice.between(31 * DAY, 50 * DAY),
            }),
        }
    }

    /// A visit was answered; `click_id` is what the shop received, if anything.
    pub fn clicked(&mut self, cast: &Cast, at: Time, visit: &Visit, click_id: Option<&str>) {
        let shop = cast.links[visit.link].shop;
        if let Some(id) = click_id {
            self.last_click[shop] = Some(id.to_owned());
            if let Some(reader) = visit.reader {
                let clicks = self.clicks.entry((reader, shop)).or_default();
                clicks.push((at, id.to_owned()));
                // A browser's cookie keeps eight, too.
                if clicks.len() > 8 {
                    clicks.remove(0);
                }
            }
        }
        let (Some(after), Some(reader)) = (visit.buys_after, visit.reader) else { return };
        self.buy(cast, (at, at.plus(after)), visit, reader, click_id);
    }
}

fn robot(which: i64, link: usize) -> Visit {
    Visit {
        link,
        agent: Some(ROBOTS[index(which, ROBOTS.len())]),
        address: [198, 19, 255, 10],
        member: None,
        signed_in: None,
        sub1: "article",
        without_consent: false,
        fetch: Fetch::Page,
        referrer: None,
        deep: false,
        reader: None,
        buys_after: None,
    }
}

/// Somebody's program that follows links and says nothing of itself; some of them buy.
fn script(which: i64, link: usize) -> Visit {
    let reader = 200_000 + which;
    Visit { agent: None, address: address(reader), reader: Some(reader), buys_after: (which < 4).then_some(HOUR), ..robot(0, link) }
}

/// Within 198.18.0.0/15, which is set aside for measuring and is nobody's (RFC 2544).
fn address(reader: i64) -> [u8; 4] {
    let byte = |number: i64| u8::try_from(number.rem_euclid(256)).unwrap_or(0);
    [198, 18 + byte(reader / 65_536 % 2), byte(reader / 256), byte(reader)]
}

fn index(number: i64, length: usize) -> usize {
    usize::try_from(number).unwrap_or(0) % length
}

/// How busy a day is; the months are the shops' own.
fn busy(midnight: Time) -> i64 {
    let day = Zone::UTC.day(midnight);
    let weekday = WEEKDAYS[index((day.number() + 3).rem_euclid(7), 7)];
    // Month and day as one number, 1224 on Christmas Eve.
    let date: i64 = day.to_string()[5..].replace('-', "").parse().unwrap_or(0);
    weekday
        * match date {
            // Black Friday's week, the weeks before Christmas, the sales of January and of summer.
            1124..=1130 => 19,
            1201..=1219 => 14,
            108..=120 | 625..=705 => 12,
            1224..=1226 => 6,
            _ => 10,
        }
}
