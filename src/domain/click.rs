//! A click: its quality, by the order of precedence of the contract, and the row that is kept of it.

use crate::{
    codes,
    kernel::{
        country::Country,
        id::{BuyerId, ClickId, LinkId, ProgramId, PublisherId},
        time::Time,
    },
};
use std::borrow::Cow;

/// A longer `User-Agent` makes a click suspect, in bytes.
pub const AGENT_BYTES_MAX: usize = 1024;
/// A referrer is kept up to so many characters: the address bar's own limit in the field.
pub const REFERRER_CHARS_MAX: usize = 2048;
/// A sub-id with more characters is dropped, never the click.
pub const SUB_CHARS_MAX: usize = 128;
/// A click on the same link by the same visitor within so many seconds is a repeat.
pub const REPEAT_SECONDS: i64 = 10;

codes! {
    /// What a click is worth. Only `ok` is counted; all are redirected and recorded.
    pub enum Quality {
        Ok = "ok", "A visitor followed the link.", "Une personne a suivi le lien.";
        Duplicate = "duplicate", "The same visitor followed the same link within ten seconds.", "La même personne a suivi le même lien dans les dix secondes.";
        Prefetch = "prefetch", "The browser fetched the page ahead of a visit.", "Le navigateur a chargé la page avant toute visite.";
        Suspect = "suspect", "The browser did not say what it is.", "Le navigateur ne s’est pas identifié.";
        Bot = "bot", "A robot followed the link.", "Un robot a suivi le lien.";
        Embedded = "embedded", "The link was loaded inside a page, not followed.", "Le lien a été chargé dans une page, sans être suivi.";
    }
}

impl Quality {
    /// The stored and sealed number. Never renumber.
    pub const fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Duplicate => 1,
            Self::Prefetch => 2,
            Self::Suspect => 3,
            Self::Bot => 4,
            Self::Embedded => 5,
        }
    }
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|quality| quality.number() == number)
    }
    /// In the counted clicks of reports.
    pub const fn counts(self) -> bool {
        matches!(self, Self::Ok)
    }
    /// A sale may be attributed to such a click.
    pub const fn may_earn(self) -> bool {
        !matches!(self, Self::Embedded)
    }
    /// A sale attributed to such a click waits for the operator.
    pub const fn holds(self) -> bool {
        matches!(self, Self::Bot | Self::Suspect)
    }
}

/// What a request says about itself; raw header values.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visit<'a> {
    /// `User-Agent`
    pub agent: Option<&'a [u8]>,
    /// `Sec-Fetch-Dest`
    pub fetch_dest: Option<&'a [u8]>,
    /// `Sec-Purpose`, and what browsers sent before it: `Purpose`, `X-Purpose`, `X-Moz`.
    pub purposes: [Option<&'a [u8]>; 4],
}

/// The first that fits. `is_robot` is [`is_robot`] of the agent; `repeated` says that this visitor followed this link within
/// [`REPEAT_SECONDS`].
pub fn classify(visit: &Visit<'_>, is_robot: bool, repeated: bool) -> Quality {
    if visit.fetch_dest.is_some_and(|dest| dest != b"document") {
        Quality::Embedded
    } else if visit.purposes.iter().flatten().any(|purpose| is_ahead(purpose)) {
        Quality::Prefetch
    } else if is_robot {
        Quality::Bot
    } else if visit.agent.is_none_or(|agent| agent.is_empty() || agent.len() > AGENT_BYTES_MAX) {
        Quality::Suspect
    } else if repeated {
        Quality::Duplicate
    } else {
        Quality::Ok
    }
}

/// A purpose of loading before anybody looks: `prefetch`, `prefetch;prerender`, Safari's `preview`.
fn is_ahead(purpose: &[u8]) -> bool {
    let token = purpose.split(|byte| matches!(byte, b';' | b',')).next().unwrap_or_default().trim_ascii();
    [b"prefetch".as_slice(), b"prerender", b"preview"].iter().any(|known| token.eq_ignore_ascii_case(known))
}

/// Whether an agent names itself a robot, by the list of crawlers that `iscrawl` carries. (Its `is_crawler` remembers verdicts by the
/// *address* of the text and mixes agents up; `crawler_info` does not.) Takes 0.5 µs, so nobody needs to remember verdicts; the first call
/// reads the list, 60 ms.
pub fn is_robot(agent: &str) -> bool {
    iscrawl::crawler_info(agent).is_some()
}

/// A header's bytes as text: what is not UTF-8 is replaced, and what PostgreSQL cannot store is left out.
pub fn header_text(bytes: &[u8]) -> Cow<'_, str> {
    // Nearly always UTF-8, and to check that is far cheaper than to look for what to replace.
    let text = str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { text }
}

/// At most so many characters of a text.
pub fn shortened(text: &str, chars_max: usize) -> &str {
    if text.len() <= chars_max {
        return text;
    }
    text.char_indices().nth(chars_max).map_or(text, |(at, _)| &text[..at])
}

/// The row that is kept of a click.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    /// Carries the time and the node.
    pub id: ClickId,
    pub link: LinkId,
    pub publisher: PublisherId,
    pub program: ProgramId,
    pub at: Time,
    pub quality: Quality,
    pub consent: bool,
    pub buyer: Option<BuyerId>,
    /// None without consent.
    pub address: Option<String>,
    /// Where the address was; none without consent, or where it is not known.
    pub country: Option<Country>,
    /// None without consent.
    pub agent: Option<String>,
    pub referrer: Option<String>,
    pub subs: [Option<String>; 5],
    /// The deep link that was followed, if one was asked for and allowed.
    pub url: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIREFOX: &[u8] = b"Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0";

    #[test]
    fn the_first_that_fits() {
        let long = [b'x'; AGENT_BYTES_MAX + 1];
        let visit = Visit { agent: Some(FIREFOX), ..Visit::default() };
        let purpose = |at: usize, value: &'static [u8]| {
            let mut purposes = [None; 4];
            purposes[at] = Some(value);
            Visit { purposes, ..visit }
        };
        let dest = |dest: &'static [u8]| Visit { fetch_dest: Some(dest), ..visit };
        for (name, visit, robot, repeated, wanted) in [
            ("plain", visit, false, false, Quality::Ok),
            ("navigation", dest(b"document"), false, false, Quality::Ok),
            ("image", dest(b"image"), false, false, Quality::Embedded),
            ("frame", dest(b"iframe"), true, true, Quality::Embedded),
            ("empty destination", dest(b"empty"), false, false, Quality::Embedded),
            ("sec-purpose", purpose(0, b"prefetch;prerender"), true, true, Quality::Prefetch),
            ("sec-purpose with a space", purpose(0, b"prefetch; anonymous-client-ip"), false, false, Quality::Prefetch),
            ("purpose", purpose(1, b"Prefetch"), false, false, Quality::Prefetch),
            ("x-purpose", purpose(2, b"preview"), false, false, Quality::Prefetch),
            ("x-moz", purpose(3, b"prefetch"), false, false, Quality::Prefetch),
            ("another purpose", purpose(0, b"prefetching"), false, false, Quality::Ok),
            ("robot", visit, true, true, Quality::Bot),
            ("no agent", Visit::default(), false, true, Quality::Suspect),
            ("empty agent", Visit { agent: Some(b""), ..visit }, false, false, Quality::Suspect),
            ("long agent", Visit { agent: Some(&long), ..visit }, false, false, Quality::Suspect),
            ("longest agent", Visit { agent: Some(&long[1..]), ..visit }, false, false, Quality::Ok),
            ("repeat", visit, false, true, Quality::Duplicate),
        ] {
            assert_eq!(classify(&visit, robot, repeated), wanted, "{name}");
        }
        let image_ahead = Visit { fetch_dest: Some(b"image"), ..purpose(0, b"prefetch") };
        assert_eq!(classify(&image_ahead, true, true), Quality::Embedded);
    }

    #[test]
    fn robots_name_themselves() {
        for robot in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            "curl/8.5.0",
            "facebookexternalhit/1.1",
        ] {
            assert!(is_robot(robot), "{robot}");
        }
        assert!(!is_robot(std::str::from_utf8(FIREFOX).expect("ASCII")));
        assert!(!is_robot(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
        ));
    }

    #[test]
    fn numbers_are_stable_and_say_what_they_earn() {
        let table = [("ok", 0, true, true, false), ("duplicate", 1, false, true, false), ("prefetch", 2, false, true, false)];
        let rest = [("suspect", 3, false, true, true), ("bot", 4, false, true, true), ("embedded", 5, false, false, false)];
        for (code, number, counts, earns, holds) in table.into_iter().chain(rest) {
            let quality = Quality::from_number(number).expect("a quality");
            assert_eq!((quality.code(), quality.counts(), quality.may_earn(), quality.holds()), (code, counts, earns, holds));
        }
        assert_eq!(Quality::from_number(6), None);
    }

    #[test]
    fn header_bytes_become_storable_text() {
        assert_eq!(header_text(b"caf\xe9"), "caf\u{fffd}");
        assert_eq!(shortened("ééé", 2), "éé");
        assert_eq!(shortened("ééé", 3), "ééé");
    }
}
