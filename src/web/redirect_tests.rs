//! Tables of what becomes of a request for a link.

use super::*;
use crate::kernel::{
    id::{self, BuyerId, LinkId, ProgramId, PublisherId},
    seal::{BuyerCookie, SealKey},
    time::Day,
};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0";

struct Bench {
    ids: Generator,
    ring: KeyRing,
    recent: Recent,
    program: ProgramRoute,
    link: LinkRoute,
    now: Time,
}

impl Bench {
    fn new() -> Self {
        let program = ProgramRoute::parse(ProgramId::from_raw(3), "https://shop.example/?s={sub1}", &["shop.example"], "rclid");
        Self {
            ids: Generator::new(1, 0),
            ring: KeyRing::new(&[SealKey { number: 1, secret: [5; 32] }]).expect("a ring"),
            recent: Recent::default(),
            program: program.expect("a route"),
            link: LinkRoute { link: LinkId::from_raw(1), publisher: PublisherId::from_raw(2), portal: false, url: None },
            now: Time::parse("2026-11-22T09:00:00Z").expect("a time"),
        }
    }
    fn go(&self, query: &str, head: bool, client: &str, after_seconds: i64, headers: &[(&'static str, &str)]) -> Departure {
        let pairs = headers.iter().map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_str(value).expect("a value")));
        let headers: HeaderMap = pairs.collect();
        let tools = Tools { ids: &self.ids, ring: &self.ring, recent: &self.recent };
        let (client, now) = (Address::parse(client).expect("an address"), self.now.plus(after_seconds * SECOND));
        depart(&self.program, &self.link, &Arrival { query, headers: &headers, client, head, now }, &tools)
    }
    fn plain(&self, query: &str) -> Departure {
        self.go(query, false, "192.0.2.1", 0, &[("user-agent", FIREFOX)])
    }
    /// The click id in a `Location`, opened.
    fn passed(&self, departure: &Departure) -> Option<ClickToken> {
        let (_, rest) = departure.location.split_once("rclid=")?;
        self.ring.open_click(rest.split('#').next()?)
    }
}

fn pair(cookie: Option<&HeaderValue>) -> &str {
    cookie.and_then(|cookie| cookie.to_str().ok()).and_then(|cookie| cookie.split(';').next()).unwrap_or_default()
}

#[test]
fn a_click_carries_what_the_visitor_brought() {
    let bench = Bench::new();
    let headers = [("user-agent", FIREFOX), ("referer", "https://blog.example/post")];
    let departure = bench.go("sub1=a+b&sub3=%C3%A9&sub1=second&unknown=1", false, "192.0.2.1", 0, &headers);
    assert!(departure.location.starts_with("https://shop.example/?s=a%20b&rclid="), "{}", departure.location);
    let click = &departure.click;
    assert_eq!(click.quality, Quality::Ok);
    assert_eq!((click.address.as_deref(), click.agent.as_deref()), (Some("192.0.2.1"), Some(FIREFOX)));
    assert_eq!((click.referrer.as_deref(), &click.url), (Some("https://blog.example/post"), &None));
    assert_eq!(click.subs, [Some("a b".to_owned()), None, Some("é".to_owned()), None, None]);
    let wanted = ClickToken { click: click.id, link: LinkId::from_raw(1), buyer: None, consent: true, quality: 0 };
    assert_eq!(bench.passed(&departure), Some(wanted));
    assert_eq!(id::time_of(click.id.raw()), bench.now);
    assert!(pair(departure.cookie.as_ref()).starts_with("rst_clicks="));
}

#[test]
fn odd_queries_never_refuse_the_redirect() {
    let bench = Bench::new();
    let long = format!("sub1={}", "x".repeat(129));
    for (query, sub) in [
        ("sub1=%00", None),
        (long.as_str(), None),
        (&long[..long.len() - 1], Some("x".repeat(128))),
        ("sub1=%ff", Some("\u{fffd}".to_owned())),
        ("sub1=&sub1=b", Some("b".to_owned())),
        ("sub1=%E2%82%AC%0D%0A", Some("€\r\n".to_owned())),
        ("&&==&=&sub1", None),
        ("sub6=x&SUB1=x", None),
    ] {
        let departure = bench.plain(query);
        assert_eq!(departure.click.subs[0], sub, "{query}");
        assert!(departure.location.starts_with("https://shop.example/?s="), "{query}");
        assert!(bench.passed(&departure).is_some() && departure.location.bytes().all(|b| b.is_ascii_graphic()), "{query}");
    }
}

#[test]
fn deep_links_are_kept_with_the_click() {
    let bench = Bench::new();
    let departure = bench.plain("url=https%3A%2F%2Fwww.shop.example%2Fp%3Fx%3D1%23f");
    assert!(departure.location.starts_with("https://www.shop.example/p?x=1&rclid=") && departure.location.ends_with("#f"));
    assert_eq!(departure.click.url.as_deref(), Some("https://www.shop.example/p?x=1#f"));
    let departure = bench.plain("url=https%3A%2F%2Fevil.example%2F");
    assert!(departure.location.starts_with("https://shop.example/?s=&rclid="));
    assert_eq!(departure.click.url, None);
}

#[test]
fn without_consent_nothing_of_the_visitor_is_kept_or_passed_on() {
    let bench = Bench::new();
    let headers = [("user-agent", FIREFOX), ("referer", "https://blog.example/"), ("cookie", "rst_clicks=x")];
    let departure = bench.go("cons=0&sub1=a", false, "192.0.2.1", 0, &headers);
    assert_eq!(departure.location, "https://shop.example/?s=a");
    assert_eq!(departure.cookie, None);
    let click = departure.click;
    assert_eq!((click.consent, click.address, click.agent, click.buyer), (false, None, None, None));
    assert!(bench.plain("cons=1").click.consent && bench.plain("cons=").click.consent);
    // A known buyer asked for the service: the click id goes along, the rest still does not.
    let bench = Bench::new();
    let set_on = Day::from_number(i32::try_from(bench.now.micros() / crate::kernel::time::DAY).expect("a day"));
    let cookie = cookie::set_buyer(&bench.ring, BuyerCookie { buyer: BuyerId::from_raw(9), set_on });
    let departure = bench.go("cons=0", false, "192.0.2.1", 0, &[("user-agent", FIREFOX), ("cookie", pair(Some(&cookie)))]);
    assert_eq!(bench.passed(&departure).map(|token| (token.buyer, token.consent)), Some((Some(BuyerId::from_raw(9)), false)));
    assert_eq!((departure.cookie, departure.click.address), (None, None));
}

#[test]
fn a_members_ref_counts_for_portals_only() {
    let mut bench = Bench::new();
    let (cookie_buyer, member) = (BuyerId::from_raw(9), BuyerId::from_raw(10));
    let set_on = Day::from_number(i32::try_from(bench.now.micros() / crate::kernel::time::DAY).expect("a day"));
    let cookie = cookie::set_buyer(&bench.ring, BuyerCookie { buyer: cookie_buyer, set_on });
    let query = format!("buyer={}", bench.ring.seal_ref(member));
    let headers = [("cookie", pair(Some(&cookie)))];
    let found = |bench: &Bench, query: &str, headers: &[_]| bench.go(query, false, "192.0.2.1", 0, headers).click.buyer;
    assert_eq!(found(&bench, &query, &headers), Some(cookie_buyer), "a blogger's link is nobody's purse");
    assert_eq!(found(&bench, &query, &[]), None);
    bench.link.portal = true;
    assert_eq!(found(&bench, &query, &headers), Some(member));
    assert_eq!(found(&bench, "buyer=forged", &headers), Some(cookie_buyer));
    assert_eq!(found(&bench, "buyer=forged", &[]), None);
}

#[test]
fn qualities() {
    let long = "x".repeat(1025);
    let googlebot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    for (headers, wanted) in [
        (vec![("user-agent", FIREFOX)], Quality::Ok),
        (vec![("user-agent", FIREFOX), ("sec-fetch-dest", "document")], Quality::Ok),
        (vec![("user-agent", googlebot), ("sec-fetch-dest", "image")], Quality::Embedded),
        (vec![("user-agent", googlebot), ("sec-purpose", "prefetch;prerender")], Quality::Prefetch),
        (vec![("user-agent", FIREFOX), ("x-moz", "prefetch")], Quality::Prefetch),
        (vec![("user-agent", googlebot)], Quality::Bot),
        (vec![], Quality::Suspect),
        (vec![("user-agent", &long)], Quality::Suspect),
    ] {
        let bench = Bench::new();
        let departure = bench.go("", false, "192.0.2.1", 0, &headers);
        assert_eq!(departure.click.quality, wanted, "{headers:?}");
        assert_eq!(bench.passed(&departure).map(|token| token.quality), Some(wanted.number()));
        assert_eq!(departure.cookie.is_some(), wanted != Quality::Embedded);
    }
}

#[test]
fn repeats_by_cookie() {
    let bench = Bench::new();
    let first = bench.plain("");
    let cookie = pair(first.cookie.as_ref()).to_owned();
    let quality = |after, client| bench.go("", false, client, after, &[("user-agent", FIREFOX), ("cookie", &cookie)]).click.quality;
    assert_eq!(quality(9, "198.51.100.1"), Quality::Duplicate, "wherever the visitor is");
    assert_eq!(quality(10, "198.51.100.1"), Quality::Ok);
    assert_eq!(quality(9, "192.0.2.1"), Quality::Duplicate);
    // Somebody else behind the same address, with the same browser, who brings cookies of other clicks.
    let other = Bench { link: LinkRoute { link: LinkId::from_raw(77), ..bench.link.clone() }, ..Bench::new() };
    let cookie = pair(other.plain("").cookie.as_ref()).to_owned();
    assert_eq!(bench.go("", false, "192.0.2.1", 1, &[("user-agent", FIREFOX), ("cookie", &cookie)]).click.quality, Quality::Ok);
}

#[test]
fn repeats_by_memory_and_what_is_none() {
    let bench = Bench::new();
    let go = |head, client, after, agent| bench.go("", head, client, after, &[("user-agent", agent)]).click.quality;
    assert_eq!(go(true, "192.0.2.1", 0, FIREFOX), Quality::Ok, "HEAD leaves no trace");
    assert_eq!(go(false, "192.0.2.1", 0, FIREFOX), Quality::Ok);
    assert_eq!(go(false, "192.0.2.1", 9, FIREFOX), Quality::Duplicate);
    assert_eq!(go(false, "192.0.2.1", 9, "Mozilla/5.0 (another browser) Gecko"), Quality::Ok);
    assert_eq!(go(false, "192.0.2.2", 9, FIREFOX), Quality::Ok);
    assert_eq!(go(false, "192.0.2.1", 19, FIREFOX), Quality::Ok);
    // The visit that follows a prefetch is the first visit, by memory and by cookie.
    let bench = Bench::new();
    let ahead = bench.go("", false, "192.0.2.1", 0, &[("user-agent", FIREFOX), ("sec-purpose", "prefetch")]);
    assert_eq!(bench.plain("").click.quality, Quality::Ok);
    let cookie = pair(ahead.cookie.as_ref()).to_owned();
    assert_eq!(bench.go("", false, "192.0.2.9", 1, &[("user-agent", FIREFOX), ("cookie", &cookie)]).click.quality, Quality::Ok);
}

#[test]
fn answers_are_sealed_and_leave_no_trace_for_head() {
    let bench = Bench::new();
    let head = bench.go("", true, "192.0.2.1", 0, &[("user-agent", FIREFOX)]);
    assert!(head.cookie.is_none() && bench.passed(&head).is_some());
    let departure = bench.plain("");
    let answer = go(departure.location, departure.cookie);
    assert_eq!(answer.status(), StatusCode::FOUND);
    for (name, value) in [("cache-control", "no-store"), ("x-robots-tag", "noindex")] {
        assert_eq!(answer.headers()[name], value);
    }
    assert!(answer.headers().contains_key("location") && answer.headers().contains_key("set-cookie"));
}
