//! Clicks as a table: our own export, and what people bring from elsewhere.
mod alike;

use super::{Columns, Fields, Refused, TableError, moment, write_line};
use crate::domain::{
    click::{self, Click, Quality},
    facts::LinkFacts,
};
use crate::kernel::{
    country::Country,
    id::{ClickId, LinkId, lowest_at, time_of},
    text,
    time::Time,
};
use alike::{Alike, Sequence};

/// The columns, in the sequence of the export.
pub const COLUMNS: [&str; 17] = [
    "id", "at", "link", "slug", "quality", "consent", "buyer", "address", "country", "agent", "referrer", "sub1", "sub2", "sub3", "sub4",
    "sub5", "url",
];
// Their places.
const ID: usize = 0;
const AT: usize = 1;
const LINK: usize = 2;
const SLUG: usize = 3;
const QUALITY: usize = 4;
const CONSENT: usize = 5;
const BUYER: usize = 6;
const ADDRESS: usize = 7;
const COUNTRY: usize = 8;
const AGENT: usize = 9;
const REFERRER: usize = 10;
const SUB1: usize = 11;
const URL: usize = 16;

/// The code of a click that no id is left for.
pub const NO_ID_LEFT: &str = "no_id_left";

/// Finds a link, by its id or its slug.
pub trait Links {
    fn by_id(&self, id: LinkId) -> Option<LinkFacts>;
    fn by_slug(&self, slug: &str) -> Option<(LinkId, LinkFacts)>;
}

/// Reads lines of clicks.
#[derive(Debug)]
pub struct Reader {
    columns: Columns,
    alike: Alike,
}

/// The click of a line, and where else it may stand if its id was made here and another click has it.
#[derive(Debug)]
pub struct Imported {
    pub click: Click,
    pub sequence: Option<Sequence>,
}

impl Reader {
    pub fn new(header: &[String]) -> Result<Self, TableError> {
        let columns = Columns::of(header, &COLUMNS)?;
        if !columns.has(ID) && !columns.has(AT) {
            return Err(TableError::Missing("at, or id".to_owned()));
        }
        if !columns.has(LINK) && !columns.has(SLUG) {
            return Err(TableError::Missing("link, or slug".to_owned()));
        }
        Ok(Self { columns, alike: Alike::default() })
    }

    /// The click of a line. `now` bounds its time: ids of the future are yet to be made.
    pub fn read(&mut self, fields: &Fields<'_>, links: &impl Links, now: Time) -> Result<Imported, Refused> {
        self.columns.check(fields)?;
        let (link, facts) = self.link(fields, links)?;
        let (id, at) = self.id_and_time(fields, now)?;
        let agent = self.kept(fields, AGENT, click::AGENT_BYTES_MAX + 1);
        let quality = match self.get(fields, QUALITY) {
            "" if agent.as_deref().is_some_and(click::is_robot) => Quality::Bot,
            "" => Quality::Ok,
            word => Quality::from_code(word)
                .ok_or_else(|| Refused::new("unknown_word", "quality: ok, duplicate, prefetch, suspect, bot or embedded"))?,
        };
        let consent = match self.get(fields, CONSENT) {
            "" | "1" | "true" => true,
            "0" | "false" => false,
            _ => return Err(Refused::new("invalid_type", "consent: 1 or 0 is wanted")),
        };
        let buyer = match self.get(fields, BUYER) {
            "" => None,
            id => Some(id.parse().map_err(|error| Refused::new("invalid_id", format!("buyer: {error}")))?),
        };
        let country = match self.get(fields, COUNTRY) {
            "" => None,
            code => {
                Some(Country::parse(code).ok_or_else(|| Refused::new("invalid_country", "country: two upper-case letters are wanted"))?)
            }
        };
        let mut subs = [const { None }; 5];
        for (n, sub) in subs.iter_mut().enumerate() {
            let text = self.columns.get_verbatim(fields, SUB1 + n);
            text::check(text, click::SUB_CHARS_MAX).map_err(|error| Refused::new(error.code(), format!("sub{}: {error}", n + 1)))?;
            *sub = (!text.is_empty()).then(|| text.to_owned());
        }
        let mut click = Click {
            id: id.unwrap_or(ClickId::from_raw(0)),
            link,
            publisher: facts.publisher,
            program: facts.program,
            at,
            quality,
            consent,
            buyer,
            address: self.address(fields)?,
            country,
            agent,
            referrer: self.kept(fields, REFERRER, click::REFERRER_CHARS_MAX),
            subs,
            url: self.kept(fields, URL, URL_CHARS_MAX),
        };
        let sequence = if id.is_none() { Some(self.alike.place(&click)?) } else { None };
        if let Some(sequence) = &sequence {
            sequence.put(&mut click, 0);
        }
        Ok(Imported { click, sequence })
    }

    /// What the line gives: an id, which has a time, or a time.
    fn id_and_time(&self, fields: &Fields<'_>, now: Time) -> Result<(Option<ClickId>, Time), Refused> {
        let id = self.get(fields, ID);
        if !id.is_empty() {
            let id: ClickId = id.parse().map_err(|error| Refused::new("invalid_id", format!("id: {error}")))?;
            let at = time_of(id.raw());
            return if at > now { Err(in_future(at)) } else { Ok((Some(id), at)) };
        }
        let at = moment(self.get(fields, AT))
            .ok_or_else(|| Refused::new("invalid_time", "at: RFC 3339 is wanted, such as 2026-11-22T09:00:00Z"))?;
        if Sequence::last_of(at) > now {
            return Err(in_future(at));
        }
        if lowest_at(at) == 0 {
            return Err(Refused::new("too_old", "at: ids of clicks begin with the year 2024"));
        }
        Ok((None, at))
    }

    fn get<'a>(&self, fields: &Fields<'a>, n: usize) -> &'a str {
        self.columns.get(fields, n)
    }

    fn kept(&self, fields: &Fields<'_>, n: usize, chars_max: usize) -> Option<String> {
        let text = click::shortened(self.columns.get_verbatim(fields, n), chars_max);
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn link(&self, fields: &Fields<'_>, links: &impl Links) -> Result<(LinkId, LinkFacts), Refused> {
        let unknown = |name: &str| Refused::new("unknown_link", format!("there is no link {name}"));
        let (id, slug) = (self.get(fields, LINK), self.get(fields, SLUG));
        if id.is_empty() {
            return links.by_slug(slug).ok_or_else(|| unknown(&format!("with the slug {slug:?}")));
        }
        let link: LinkId = id.parse().map_err(|error| Refused::new("invalid_id", format!("link: {error}")))?;
        Ok((link, links.by_id(link).ok_or_else(|| unknown(id))?))
    }

    fn address(&self, fields: &Fields<'_>) -> Result<Option<String>, Refused> {
        let text = self.get(fields, ADDRESS);
        if text.is_empty() {
            return Ok(None);
        }
        let is_address = text.parse::<std::net::IpAddr>().is_ok();
        is_address.then(|| Some(text.to_owned())).ok_or_else(|| Refused::new("invalid_address", "address: an IP address is wanted"))
    }
}

fn in_future(at: Time) -> Refused {
    Refused::new("in_future", format!("{at} has not come yet"))
}

/// As long as a redirect would take.
const URL_CHARS_MAX: usize = 8192;

/// Appends a click as a line of the export.
pub fn write(out: &mut Vec<u8>, click: &Exported<'_>) {
    let texts = [click.id.to_string(), time_of(click.id.raw()).to_string(), click.link.to_string()];
    let buyer = click.buyer.map(|buyer| buyer.to_string()).unwrap_or_default();
    let consent = if click.consent { "1" } else { "0" };
    let country = click.country.as_ref().map_or("", Country::code);
    let address = click.address.unwrap_or_default();
    let head = [&texts[0], &texts[1], &texts[2], "", click.quality.code(), consent, &buyer, address, country];
    let tail = [click.agent, click.referrer].into_iter().chain(click.subs).chain([click.url]);
    write_line(out, head.into_iter().chain(tail.map(Option::unwrap_or_default)).map(str::as_bytes));
}

/// A click as it is exported.
#[derive(Debug)]
pub struct Exported<'a> {
    pub id: ClickId,
    pub link: LinkId,
    pub quality: Quality,
    pub consent: bool,
    pub buyer: Option<crate::kernel::id::BuyerId>,
    pub address: Option<&'a str>,
    pub country: Option<Country>,
    pub agent: Option<&'a str>,
    pub referrer: Option<&'a str>,
    pub subs: [Option<&'a str>; 5],
    pub url: Option<&'a str>,
}
