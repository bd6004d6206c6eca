//! The two cookies of the tracking path: the last clicks, and the signed-in buyer.

use crate::kernel::{
    id::{self, BuyerId, LinkId},
    seal::{BuyerCookie, ClickToken, KeyRing},
    time::{DAY, Time},
};
use http::{HeaderMap, HeaderValue, header};

/// The last [`CLICKS_MAX`] sealed click ids, newest first.
pub const CLICKS: &str = "rst_clicks";
/// The signed-in buyer and the day of signing in, sealed.
pub const BUYER: &str = "rst_buyer";
const CLICKS_MAX: usize = 8;
/// Both cookies live 30 days from when they were last set.
const DAYS: u32 = 30;
/// What ends each `Set-Cookie`: 30 days in seconds.
const ATTRIBUTES: &str = "; HttpOnly; SameSite=Lax; Max-Age=2592000";
/// Between click ids: legal in a cookie's value (RFC 6265, `cookie-octet`) and no character of base64url.
const SEPARATOR: char = '.';
/// No more pairs of a request's cookies are looked at than browsers keep for a site.
const PAIRS_MAX: usize = 180;

/// The value of a cookie; of several with that name the first, which is the one with the longest path.
pub fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).take(PAIRS_MAX).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(key, value)| (key == name).then_some(value))
}

/// The clicks that a visitor brings along, newest first, with the texts they came as.
#[derive(Debug, Default)]
pub struct Clicks<'a>(Vec<(&'a str, ClickToken)>);

impl<'a> Clicks<'a> {
    /// Opens `rst_clicks`; what does not open is left out.
    pub fn read(headers: &'a HeaderMap, ring: &KeyRing) -> Self {
        let texts = value(headers, CLICKS).into_iter().flat_map(|value| value.split(SEPARATOR)).take(CLICKS_MAX);
        Self(texts.filter_map(|text| ring.open_click(text).map(|token| (text, token))).collect())
    }

    /// The visitor's browser keeps no cookies, or this is its first click.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn tokens(&self) -> impl Iterator<Item = &ClickToken> {
        self.0.iter().map(|(_, token)| token)
    }

    /// Whether one of them is a click on `link`, of a quality that `as_visit` accepts, less than `micros` before `now`.
    pub fn followed(&self, link: LinkId, now: Time, micros: i64, as_visit: impl Fn(u8) -> bool) -> bool {
        let fresh = |token: &ClickToken| (0..micros).contains(&now.since(id::time_of(token.click.raw())));
        self.tokens().any(|token| token.link == link && as_visit(token.quality) && fresh(token))
    }

    /// `Set-Cookie` with one more click ahead of the ones that were brought along; the oldest falls off.
    pub fn set_with(&self, sealed: &str) -> HeaderValue {
        let mut cookie = String::with_capacity(600);
        for part in [CLICKS, "=", sealed] {
            cookie.push_str(part);
        }
        for (text, _) in self.0.iter().take(CLICKS_MAX - 1) {
            cookie.push(SEPARATOR);
            cookie.push_str(text);
        }
        finish(cookie, "/")
    }
}

/// The signed-in buyer, if the cookie opens and is not older than it may be.
pub fn buyer(headers: &HeaderMap, ring: &KeyRing, now: Time) -> Option<BuyerId> {
    let cookie = ring.open_cookie(value(headers, BUYER)?)?;
    // A day of slack ahead: the portal may run on another node with another clock.
    let age = now.since(cookie.set_on.start_utc());
    (-DAY..=i64::from(DAYS + 1) * DAY).contains(&age).then_some(cookie.buyer)
}

/// `Set-Cookie` that tells the tracking path who signed in.
pub fn set_buyer(ring: &KeyRing, cookie: BuyerCookie) -> HeaderValue {
    finish(format!("{BUYER}={}", ring.seal_cookie(cookie)), "/c/")
}

/// `Set-Cookie` that takes it away at sign-out.
pub fn clear_buyer() -> HeaderValue {
    HeaderValue::from_static("rst_buyer=; Path=/c/; HttpOnly; SameSite=Lax; Max-Age=0")
}

fn finish(mut cookie: String, path: &str) -> HeaderValue {
    for part in ["; Path=", path, ATTRIBUTES] {
        cookie.push_str(part);
    }
    HeaderValue::try_from(cookie).expect("base64url, dots and attributes are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{
        id::ClickId,
        seal::SealKey,
        time::{Day, SECOND},
    };

    fn ring() -> KeyRing {
        KeyRing::new(&[SealKey { number: 1, secret: [5; 32] }]).expect("a ring")
    }
    fn request(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(cookie).expect("a header"))])
    }
    fn sealed(ring: &KeyRing, link: i64, at: Time, quality: u8) -> String {
        let click = ClickId::from_raw(id::lowest_at(at));
        ring.seal_click(&ClickToken { click, link: LinkId::from_raw(link), buyer: None, consent: true, quality })
    }
    fn value_of(set: &HeaderValue) -> &str {
        set.to_str().expect("ASCII").split(';').next().expect("a pair")
    }

    #[test]
    fn the_last_eight_clicks() {
        let ring = ring();
        let mut cookie = String::new();
        for n in 0..12 {
            let headers = request(&format!("theme=dark; {cookie}; x"));
            cookie =
                value_of(&Clicks::read(&headers, &ring).set_with(&sealed(&ring, n, Time::from_millis(1_800_000_000_000), 0))).to_owned();
        }
        let headers = request(&cookie);
        let links: Vec<i64> = Clicks::read(&headers, &ring).tokens().map(|token| token.link.raw()).collect();
        assert_eq!(links, [11, 10, 9, 8, 7, 6, 5, 4]);
        let set = Clicks::default().set_with("abc");
        assert_eq!(set, "rst_clicks=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000");
    }

    #[test]
    fn rubbish_is_left_out() {
        let ring = ring();
        let good = sealed(&ring, 1, Time::from_millis(1_800_000_000_000), 0);
        for (cookie, count) in [
            (String::new(), 0),
            ("rst_clicks=".to_owned(), 0),
            ("rst_clicks=....".to_owned(), 0),
            (format!("rst_clicks=x.{good}.{}", &good[1..]), 1),
            (format!("rst_clicksx={good}"), 0),
            (format!("rst_clicks={good}; rst_clicks=x"), 1),
            (format!("rst_clicks={}{good}", "x.".repeat(8)), 0),
            (format!("{}rst_clicks={good}", "a=b; ".repeat(PAIRS_MAX)), 0),
        ] {
            assert_eq!(Clicks::read(&request(&cookie), &ring).tokens().count(), count, "{cookie}");
        }
        let mut two_lines = request("a=b");
        two_lines.append(header::COOKIE, HeaderValue::try_from(format!("rst_clicks={good}")).expect("a header"));
        assert_eq!(Clicks::read(&two_lines, &ring).tokens().count(), 1);
    }

    #[test]
    fn a_repeat_is_young_and_on_the_same_link() {
        let ring = ring();
        let at = Time::from_millis(1_800_000_000_000);
        let cookie = format!("rst_clicks={}", sealed(&ring, 1, at, 0));
        let headers = request(&cookie);
        let clicks = Clicks::read(&headers, &ring);
        let followed = |link, now| clicks.followed(LinkId::from_raw(link), now, 10 * SECOND, |quality| quality < 2);
        assert!(followed(1, at.plus(9_999_999)));
        assert!(!followed(1, at.plus(10_000_000)));
        assert!(!followed(2, at));
        let embedded = format!("rst_clicks={}", sealed(&ring, 1, at, 5));
        let headers = request(&embedded);
        assert!(!Clicks::read(&headers, &ring).followed(LinkId::from_raw(1), at, 10 * SECOND, |quality| quality < 2));
    }

    #[test]
    fn the_buyers_cookie_lasts_thirty_days() {
        let ring = ring();
        let day = Day::from_number(20_000);
        let set = set_buyer(&ring, BuyerCookie { buyer: BuyerId::from_raw(9), set_on: day });
        assert!(set.to_str().expect("ASCII").ends_with("; Path=/c/; HttpOnly; SameSite=Lax; Max-Age=2592000"));
        let headers = request(value_of(&set));
        let found = |days: u32| buyer(&headers, &ring, day.start_utc().plus_days(days)).map(BuyerId::raw);
        assert_eq!((found(0), found(30), found(32)), (Some(9), Some(9), None));
        assert_eq!(buyer(&headers, &ring, day.start_utc().plus(-2 * DAY)), None);
        assert_eq!(buyer(&request("rst_buyer=x"), &ring, day.start_utc()), None);
    }
}
