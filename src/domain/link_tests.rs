//! Tables of where clicks go, friendly and hostile.

use super::*;

const CLICK: &str = "AbC-_1";

fn program(landing: &str) -> ProgramRoute {
    ProgramRoute::parse(ProgramId::from_raw(3), landing, &["shop.example", "Bücher.example", "127.0.0.1"], "rclid").expect("a program")
}
fn link() -> LinkRoute {
    LinkRoute { link: LinkId::from_raw(1), publisher: PublisherId::from_raw(2), portal: false, url: None }
}
fn location(landing: &str, url: Option<&str>, click_id: Option<&str>) -> String {
    let subs = [Some("a&b=ü /#".to_owned()), None, Some("\r\nSet-Cookie: x".to_owned()), None, Some("{click_id}".to_owned())];
    route(&program(landing), &link(), &Passage { click_id, subs: &subs, url }).location
}

#[test]
fn landing_urls_are_filled_and_get_the_click_id_ahead_of_the_fragment() {
    for (landing, wanted) in [
        ("https://shop.example", "https://shop.example/?rclid=AbC-_1"),
        ("https://shop.example/?", "https://shop.example/?rclid=AbC-_1"),
        ("https://shop.example/a?x=1", "https://shop.example/a?x=1&rclid=AbC-_1"),
        ("https://shop.example/a?x=1&", "https://shop.example/a?x=1&rclid=AbC-_1"),
        ("https://shop.example/a?x=1#top", "https://shop.example/a?x=1&rclid=AbC-_1#top"),
        ("https://shop.example/#/spa?y", "https://shop.example/?rclid=AbC-_1#/spa?y"),
        ("https://shop.example/?c={click_id}", "https://shop.example/?c=AbC-_1"),
        ("https://shop.example/#c={click_id}", "https://shop.example/#c=AbC-_1"),
        ("https://shop.example/{click_id}/{click_id}", "https://shop.example/AbC-_1/AbC-_1"),
        (
            "https://shop.example/{program_id}?l={link_id}&p={publisher_id}",
            "https://shop.example/prg_0000000000003?l=lnk_0000000000001&p=pub_0000000000002&rclid=AbC-_1",
        ),
        ("https://shop.example/?s={sub1}", "https://shop.example/?s=a%26b%3D%C3%BC%20%2F%23&rclid=AbC-_1"),
        ("https://shop.example/?s={sub2}", "https://shop.example/?s=&rclid=AbC-_1"),
        ("https://shop.example/?s={sub3}", "https://shop.example/?s=%0D%0ASet-Cookie%3A%20x&rclid=AbC-_1"),
        ("https://shop.example/?s={sub5}", "https://shop.example/?s=%7Bclick_id%7D&rclid=AbC-_1"),
        ("https://Bücher.example:8443/é?q=ü", "https://xn--bcher-kva.example:8443/%C3%A9?q=%C3%BC&rclid=AbC-_1"),
        ("http://localhost:9000/rst0x", "http://localhost:9000/rst0x?rclid=AbC-_1"),
        ("http://localhost:9000/rst0x0{sub2}", "http://localhost:9000/rst0x0?rclid=AbC-_1"),
    ] {
        assert_eq!(location(landing, None, Some(CLICK)), wanted, "{landing}");
    }
    assert_eq!(location("https://shop.example/?c={click_id}&x", None, None), "https://shop.example/?c=&x");
    assert_eq!(location("https://shop.example/a#b", None, None), "https://shop.example/a#b");
}

#[test]
fn landing_urls_that_are_refused() {
    for bad in [
        "",
        "shop.example",
        "//shop.example/",
        "ftp://shop.example/",
        "javascript://shop.example/%0aalert(1)",
        "https://",
        "https:///shop.example",
        "https:shop.example",
        "https://user@shop.example/",
        "https://user:pw@shop.example/",
        "https://@shop.example/",
        "https://shop.example\\@evil.example/",
        "https://shop.example/\r\nX: y",
        "https://shop.example/\t",
        " https://shop.example/",
        "https://shop example/",
        "https://shop.example:99999/",
    ] {
        assert_eq!(parse_landing_url(bad).map(|_| ()), Err(RouteError::Url), "{bad}");
    }
    for bad in [
        "https://{sub1}.example/",
        "https://shop.example:{sub1}/",
        "{sub1}://shop.example/",
        "https://shop.example/{clickid}",
        "https://shop.example/{",
        "https://shop.example/{sub6}",
        "https://shop.example/{sub1{sub1}}",
        &format!("https://shop.example/{}", "{sub1}".repeat(17)),
    ] {
        assert!(parse_landing_url(bad).is_err(), "{bad}");
    }
    assert_eq!(parse_landing_url(&format!("https://shop.example/{}", "x".repeat(URL_CHARS_MAX))).map(|_| ()), Err(RouteError::Url));
}

#[test]
fn deep_links_lead_to_listed_hosts() {
    let landing = "https://landing.example/home";
    for (url, wanted) in [
        ("https://shop.example/p/1", "https://shop.example/p/1?rclid=AbC-_1"),
        ("HTTPS://SHOP.example:443/p?x=1&y#f", "https://shop.example/p?x=1&y&rclid=AbC-_1#f"),
        ("https://www.shop.example", "https://www.shop.example/?rclid=AbC-_1"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC?rclid=AbC-_1"),
        ("https://de.XN--BCHER-KVA.example/", "https://de.xn--bcher-kva.example/?rclid=AbC-_1"),
        ("https://127.0.0.1/x", "https://127.0.0.1/x?rclid=AbC-_1"),
        ("https://shop.example/{click_id}?s={sub1}", "https://shop.example/%7Bclick_id%7D?s={sub1}&rclid=AbC-_1"),
        ("https://shop.example/?rclid=OLD&x=1#f", "https://shop.example/?x=1&rclid=AbC-_1#f"),
        ("https://shop.example/?rclid=OLD", "https://shop.example/?rclid=AbC-_1"),
        ("https://shop.example/?rclidx=1", "https://shop.example/?rclidx=1&rclid=AbC-_1"),
        ("https://shop.example//evil.example/", "https://shop.example//evil.example/?rclid=AbC-_1"),
        ("https://shop.example/a b", "https://shop.example/a%20b?rclid=AbC-_1"),
    ] {
        assert_eq!(location(landing, Some(url), Some(CLICK)), wanted, "{url}");
    }
    assert_eq!(location(landing, Some("https://shop.example/p"), None), "https://shop.example/p");
    assert_eq!(location("http://landing.example/", Some("http://shop.example/"), None), "http://shop.example/");
    assert_eq!(location("http://landing.example/", Some("https://shop.example/"), None), "https://shop.example/");
}

#[test]
fn every_other_deep_link_leads_to_the_landing_url() {
    let landing = "https://landing.example/home";
    for url in [
        "",
        "/p/1",
        "p",
        "//shop.example/",
        "//evil.example/",
        "https://evil.example/",
        "https://landing.example/other",
        "https://evilshop.example/",
        "https://shop.example.evil.example/",
        "https://.shop.example/",
        "https://shop.example./",
        "https://shop.example:8443/",
        "https://shop.example:80/",
        "http://shop.example/",
        "ftp://shop.example/",
        "javascript:alert(1)",
        "javascript://shop.example/%0aalert(1)",
        "data:text/html,x",
        "https:shop.example/",
        "https:/shop.example/",
        "https:///shop.example/",
        "https://evil.example\\.shop.example/",
        "https://evil.example\\@shop.example/",
        "https:\\\\shop.example\\",
        "https://user@shop.example/",
        "https://user:pw@shop.example/",
        "https://@shop.example/",
        "https://shop.example@evil.example/",
        "https://evil.example#@shop.example/",
        "https://evil.example?.shop.example/",
        "https://evil.example%2f.shop.example/",
        "https://evil.example%00.shop.example/",
        "https://shop.example%2eevil.example/",
        "https://shop\t.example/",
        "https://shop.example/\r\nLocation: https://evil.example/",
        "https://shop.example/\0",
        " https://shop.example/",
        "https://shop.example/ ",
        "https://xn--shop-example.evil/",
        "https://shоp.example/",
        "https://xn--.shop.example/",
        "https://1.127.0.0.1/",
        "https://2130706434/",
        "https://[::1]/",
    ] {
        let found = location(landing, Some(url), Some(CLICK));
        assert_eq!(found, "https://landing.example/home?rclid=AbC-_1", "{url}");
    }
    let long = format!("https://shop.example/{}", "x".repeat(URL_CHARS_MAX));
    assert_eq!(location(landing, Some(&long), None), landing);
}

#[test]
fn a_link_may_have_a_url_of_its_own() {
    let program = program("https://landing.example/");
    let link = LinkRoute { url: program.deep_link("https://shop.example/p#f").ok(), ..link() };
    let subs = Default::default();
    let go = |url| route(&program, &link, &Passage { click_id: Some(CLICK), subs: &subs, url });
    assert_eq!(go(None), Destination { location: "https://shop.example/p?rclid=AbC-_1#f".to_owned(), deep_link: None });
    let other = go(Some("https://shop.example/q#g"));
    assert_eq!(other.location, "https://shop.example/q?rclid=AbC-_1#g");
    assert_eq!(other.deep_link.as_deref(), Some("https://shop.example/q#g"));
    assert_eq!(go(Some("https://evil.example/")).location, "https://landing.example/?rclid=AbC-_1");
}

#[test]
fn every_location_is_visible_ascii() {
    let strings: Vec<String> = ["\u{202e}", "é\u{0}", "\u{7f}", "😀", "%0d%0a", "\"'<>`", "a\nb", "{{}}"].map(str::to_owned).into();
    for text in &strings {
        for landing in ["https://shop.example/{sub1}?{sub1}#{sub1}", "https://shop.example/😀?`\"<>#\"'"] {
            let subs = [Some(text.clone()), None, None, None, None];
            let deep = format!("https://shop.example/{text}?{text}#{text}");
            for url in [None, Some(deep.as_str()), Some(text)] {
                let found = route(&program(landing), &link(), &Passage { click_id: Some(text), subs: &subs, url }).location;
                assert!(found.bytes().all(|b| b.is_ascii_graphic()), "{found}");
            }
        }
    }
}

#[test]
fn domains_slugs_and_parameters() {
    for (text, wanted) in [
        ("shop.example", "shop.example"),
        ("SHOP.Example", "shop.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
    ] {
        assert_eq!(parse_domain(text).as_deref(), Ok(wanted));
    }
    for bad in [
        "",
        "com",
        ".shop.example",
        "shop.example.",
        "*.shop.example",
        "https://shop.example",
        "shop.example/",
        "shop.example:80",
        "a@shop.example",
        "shop%2eexample",
        "shop example",
        "shop.example\n",
        "xn--a.example\u{0}",
    ] {
        assert_eq!(parse_domain(bad), Err(RouteError::Domain), "{bad}");
    }
    for good in ["a", "Summer-Sale_24", &"x".repeat(64)] {
        assert_eq!(parse_slug(good).as_deref(), Ok(good));
    }
    for bad in ["", ".", "a/b", "a b", "é", "a%20", &"x".repeat(65)] {
        assert_eq!(parse_slug(bad), Err(RouteError::Slug), "{bad}");
    }
    for (text, good) in [("rclid", true), ("click.id", true), ("", false), ("a=b", false), ("a&b", false), ("a#", false), ("é", false)] {
        assert_eq!(parse_click_param(text).is_ok(), good, "{text}");
    }
}
