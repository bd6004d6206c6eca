//! Facets of a click: the words by which reports tell clicks and conversions apart.

use crate::domain::{agent, click::Click};
use crate::kernel::country::Country;
use std::{borrow::Cow, collections::HashMap};

/// The version of all these words. What was folded with other words is folded anew at start: raise it whenever a text would get another
/// word than before, also by a new list of robots.
pub const WORDS: i64 = 2;

/// Where no database of addresses is configured, none knew the address, or none was kept; and of a conversion whose click is not stored.
pub const UNKNOWN_COUNTRY: &str = "unknown";
/// The click had none.
pub const NONE: &str = "(none)";
/// What came after a day's first [`VALUES_MAX`](crate::domain::report::VALUES_MAX) values, and referrers that name no host.
pub const OTHER: &str = "(other)";
/// Of a conversion without a click, as a coupon's, or whose click is not stored.
pub const UNKNOWN: &str = "(unknown)";

/// A value that somebody chose, as reports show it: one that is one of these marks, or such a one behind backslashes, gets a backslash
/// before it, so that no value counts as a mark nor as another value.
fn chosen(value: Cow<'_, str>) -> Cow<'_, str> {
    let is_mark = [NONE, OTHER, UNKNOWN].contains(&value.trim_start_matches('\\'));
    if is_mark { Cow::Owned(format!("\\{value}")) } else { value }
}

/// What reports tell clicks apart by, beside day, link, publisher and program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facet {
    Country,
    Referrer,
    Agent,
    Sub1,
}

impl Facet {
    pub const ALL: [Self; 4] = [Self::Country, Self::Referrer, Self::Agent, Self::Sub1];

    /// Its name in queries, answers and tables.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Referrer => "referrer",
            Self::Agent => "agent",
            Self::Sub1 => "sub1",
        }
    }

    /// Its place in [`Values`].
    pub const fn place(self) -> usize {
        self as usize
    }
}

/// One word for each facet, in their order.
pub type Values<T> = [T; 4];

/// What is kept of a click, as far as words need it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traits<'a> {
    pub country: Option<&'a str>,
    pub referrer: Option<&'a str>,
    pub agent: Option<&'a str>,
    pub sub1: Option<&'a str>,
}

impl<'a> Traits<'a> {
    pub fn of(click: &'a Click) -> Self {
        Self {
            country: click.country.as_ref().map(Country::code),
            referrer: click.referrer.as_deref(),
            agent: click.agent.as_deref(),
            sub1: click.subs[0].as_deref(),
        }
    }
}

/// The words of a conversion without a click, or whose click is not stored.
pub const NO_CLICK: Values<&str> = [UNKNOWN_COUNTRY, UNKNOWN, UNKNOWN, UNKNOWN];

/// Agents and referrers whose words are remembered, of each so many: some 1 MB. Beyond it all are forgotten, which only costs time.
const REMEMBERED_MAX: usize = 4_096;

/// Tells words, and remembers those of agents and referrers: parsing takes a microsecond, and they come again and again. Worth keeping
/// from one transaction to the next.
#[derive(Debug, Default)]
pub struct Teller {
    hosts: Remembered,
    families: Remembered,
}

impl Teller {
    pub fn words<'a>(&mut self, traits: &Traits<'a>) -> Values<Cow<'a, str>> {
        let referrer = match traits.referrer {
            None => Cow::Borrowed(NONE),
            Some(referrer) => self.hosts.word(referrer, host),
        };
        let agent = match traits.agent {
            None => agent::family(None),
            Some(agent) => self.families.word(agent, |agent| agent::family(Some(agent))),
        };
        let country = Cow::Borrowed(traits.country.unwrap_or(UNKNOWN_COUNTRY));
        let sub1 = traits.sub1.map_or(Cow::Borrowed(NONE), |sub1| chosen(Cow::Borrowed(sub1)));
        [country, referrer, agent, sub1]
    }
}

/// Words by the texts that they were told from.
#[derive(Debug, Default)]
struct Remembered(HashMap<Box<str>, Cow<'static, str>>);

impl Remembered {
    fn word(&mut self, text: &str, tell: impl FnOnce(&str) -> Cow<'static, str>) -> Cow<'static, str> {
        if let Some(word) = self.0.get(text) {
            return word.clone();
        }
        if self.0.len() == REMEMBERED_MAX {
            self.0.clear();
        }
        let word = tell(text);
        self.0.insert(text.into(), word.clone());
        word
    }
}

/// The host of a referrer in lower case, without `www.`.
fn host(referrer: &str) -> Cow<'static, str> {
    let parsed = url::Url::parse(referrer).ok();
    let host = parsed.as_ref().and_then(|url| url.host_str()).filter(|host| !host.is_empty());
    host.map_or(Cow::Borrowed(OTHER), |host| {
        let host = host.to_ascii_lowercase();
        chosen(Cow::Owned(host.strip_prefix("www.").filter(|rest| rest.contains('.')).unwrap_or(&host).to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn referrers_become_hosts() {
        for (referrer, wanted) in [
            ("https://www.Blog.example/post?x=1", "blog.example"),
            ("http://blog.example:8080/", "blog.example"),
            ("https://user:secret@blog.example/", "blog.example"),
            ("https://bücher.example/", "xn--bcher-kva.example"),
            ("https://www.example/", "www.example"),
            ("https://192.0.2.7/", "192.0.2.7"),
            ("android-app://com.google.android.gm/", "com.google.android.gm"),
            ("http://(other)/", "\\(other)"),
            ("about:blank", OTHER),
            ("blog.example", OTHER),
            ("\u{fffd}", OTHER),
        ] {
            assert_eq!(host(referrer), wanted, "{referrer}");
        }
    }

    #[test]
    fn words_of_what_is_there_and_of_what_is_not() {
        let mut teller = Teller::default();
        assert_eq!(teller.words(&Traits::default()), ["unknown", "(none)", "none", "(none)"]);
        let known = Traits { country: Some("FR"), referrer: Some("https://a.example/"), agent: Some("curl/8"), sub1: Some("top") };
        for _ in 0..2 {
            assert_eq!(teller.words(&known), ["FR", "a.example", "curl", "top"]);
        }
        for (sub1, wanted) in [
            ("(none)", "\\(none)"),
            ("(unknown)", "\\(unknown)"),
            ("\\(other)", "\\\\(other)"),
            ("(None)", "(None)"),
            ("\\", "\\"),
            ("(none) ", "(none) "),
        ] {
            let word = teller.words(&Traits { sub1: Some(sub1), ..Traits::default() })[3].clone();
            assert_eq!(word, wanted, "what a publisher chose is never counted as a mark");
        }
        // What is remembered is forgotten in time, and told again.
        for n in 0..REMEMBERED_MAX {
            let referrer = format!("https://n{n}.example/");
            assert_eq!(teller.words(&Traits { referrer: Some(&referrer), ..known })[1], format!("n{n}.example"));
            assert!(teller.hosts.0.len() <= REMEMBERED_MAX);
        }
        assert_eq!(teller.hosts.0.len(), 1);
        assert_eq!(teller.words(&known), ["FR", "a.example", "curl", "top"]);
    }
}
