//! `GET|HEAD /c/{slug}`: catalogue → cookies → quality → route → seal → click writer → 302. The redirect waits for no lookup of a known slug,
//! and fails for nothing: the sealed click id is enough to attribute a sale.

use crate::{
    domain::{
        click::{self, AGENT_BYTES_MAX, Click, Quality, REFERRER_CHARS_MAX, REPEAT_SECONDS, SUB_CHARS_MAX, Visit},
        link::{self, LinkRoute, Passage, ProgramRoute},
    },
    engine::{engine::Engine, recent::Recent, snapshot::Ended},
    kernel::{
        address::Address,
        id::{ClickId, Generator},
        seal::{ClickToken, KeyRing},
        text,
        time::{SECOND, Time},
    },
    web::{cookie, headers, problem::Problem},
};
use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use metrics::Counter;
use std::{borrow::Cow, sync::LazyLock};

/// Where links live.
pub const PREFIX: &str = "/c/";
/// Headers of a redirect: room for all of them at once.
const HEADERS: usize = 4;
const REPEAT: i64 = REPEAT_SECONDS * SECOND;

/// What the query of a link may say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    url: Option<String>,
    /// What is too long or cannot be stored is dropped, never the redirect.
    subs: [Option<String>; 5],
    buyer: Option<String>,
    without_consent: bool,
}

impl Query {
    /// Of a name that stands twice the first counts; an empty value is none.
    fn parse(raw: &str) -> Self {
        let mut query = Self::default();
        for (name, value) in url::form_urlencoded::parse(raw.as_bytes()) {
            let place = match &*name {
                "url" => &mut query.url,
                "buyer" => &mut query.buyer,
                "cons" => {
                    query.without_consent |= value == "0";
                    continue;
                }
                "sub1" => &mut query.subs[0],
                "sub2" => &mut query.subs[1],
                "sub3" => &mut query.subs[2],
                "sub4" => &mut query.subs[3],
                "sub5" => &mut query.subs[4],
                _ => continue,
            };
            if place.is_none() && !value.is_empty() {
                *place = Some(value.into_owned());
            }
        }
        for sub in &mut query.subs {
            sub.take_if(|sub| text::check(sub, SUB_CHARS_MAX).is_err());
        }
        query
    }
}

/// A request for a link.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The raw query string.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub client: Address,
    /// HEAD is answered like GET, and leaves no trace.
    pub head: bool,
    pub now: Time,
}

/// What becomes of it.
#[derive(Debug)]
pub struct Departure {
    /// To be written before the answer leaves, unless it was a HEAD.
    pub click: Click,
    pub location: String,
    /// `Set-Cookie`
    pub cookie: Option<HeaderValue>,
}

impl Departure {
    /// The click to be written, and the answer that leaves after it.
    pub fn into_parts(self) -> (Click, Response) {
        let Self { click, location, cookie } = self;
        (click, go(location, cookie))
    }
}

/// What every redirect needs besides the link.
#[derive(Debug, Clone, Copy)]
pub struct Tools<'a> {
    pub ids: &'a Generator,
    pub ring: &'a KeyRing,
    pub recent: &'a Recent,
}

/// Judges a click on a live link, and routes it. Reads nothing but its parameters and this node's memory of repeats.
pub fn depart(program: &ProgramRoute, link: &LinkRoute, arrival: &Arrival<'_>, tools: &Tools<'_>) -> Departure {
    let Arrival { headers, client, head, now, .. } = *arrival;
    let query = Query::parse(arrival.query);
    let consent = !query.without_consent;
    let member = query.buyer.as_deref().filter(|_| link.portal).and_then(|member| tools.ring.open_ref(member));
    let buyer = member.or_else(|| cookie::buyer(headers, tools.ring, now));
    let clicks = if consent { cookie::Clicks::read(headers, tools.ring) } else { cookie::Clicks::default() };

    let agent = headers::bytes(headers, &header::USER_AGENT);
    let visit = Visit {
        agent,
        fetch_dest: headers::bytes(headers, &headers::FETCH_DEST),
        purposes: headers::PURPOSES.each_ref().map(|name| headers::bytes(headers, name)),
    };
    let agent = agent.map_or(Cow::Borrowed(""), click::header_text);
    let robot = click::is_robot(&agent);
    let repeated = || {
        // What a browser loaded ahead or inside a page, and what robots did, is no visit that this one could repeat.
        let visited = |quality| matches!(Quality::from_number(quality), Some(Quality::Ok | Quality::Duplicate));
        match (clicks.is_empty(), head) {
            (false, _) => clicks.followed(link.link, now, REPEAT, visited),
            (true, true) => false,
            (true, false) => tools.recent.seen(client, agent.as_bytes(), link.link, now),
        }
    };
    let quality = match click::classify(&visit, robot, false) {
        Quality::Ok => click::classify(&visit, robot, repeated()),
        other => other,
    };

    let id = ClickId::from_raw(tools.ids.next(now));
    let sealed = (consent || buyer.is_some())
        .then(|| tools.ring.seal_click(&ClickToken { click: id, link: link.link, buyer, consent, quality: quality.number() }));
    let passage = Passage { click_id: sealed.as_deref(), subs: &query.subs, url: query.url.as_deref() };
    let link::Destination { location, deep_link } = link::route(program, link, &passage);
    // What a page loads by itself must not push the clicks out that somebody made.
    let keeps = consent && !head && quality != Quality::Embedded;
    let cookie = sealed.as_deref().filter(|_| keeps).map(|sealed| clicks.set_with(sealed));
    let referrer = headers::bytes(headers, &header::REFERER).map(click::header_text);
    let kept = |text: &str, chars_max: usize| (!text.is_empty()).then(|| click::shortened(text, chars_max).to_owned());
    let click = Click {
        id,
        link: link.link,
        publisher: link.publisher,
        program: program.program,
        at: now,
        quality,
        consent,
        buyer,
        address: consent.then(|| client.text()),
        country: None,
        agent: consent.then(|| kept(&agent, AGENT_BYTES_MAX)).flatten(),
        referrer: referrer.and_then(|referrer| kept(&referrer, REFERRER_CHARS_MAX)),
        subs: query.subs,
        url: deep_link,
    };
    Departure { click, location, cookie }
}

/// Answers a request below [`PREFIX`]. `now` is the moment of the click: the demo replays the past by this function.
pub async fn answer(engine: &Engine, request: &Parts, client: Address, now: Time) -> Response {
    let head = match request.method {
        Method::GET => false,
        Method::HEAD => true,
        _ => return refuse(Problem::method("GET, HEAD"), request, "method_not_allowed"),
    };
    let slug = request.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let found = match engine.catalogue.find(slug).await {
        Ok(Some(found)) => match found.ended() {
            Some(what) => return refuse(ended(what), request, "ended"),
            None => found,
        },
        Ok(None) => return refuse(unknown(), request, "unknown"),
        Err(error) => {
            tracing::warn!(%error, "link not found in time");
            return refuse(Problem::unavailable(), request, "unavailable");
        }
    };
    let query = request.uri.query().unwrap_or_default();
    let arrival = Arrival { query, headers: &request.headers, client, head, now };
    let tools = Tools { ids: &engine.ids, ring: &engine.ring, recent: &engine.recent };
    let (mut click, answer) = depart(&found.program.route, &found.link.route, &arrival, &tools).into_parts();
    if !head {
        // All that is kept of where somebody is, and only of who consents.
        click.country = click.consent.then(|| engine.geo.country(client)).flatten();
        REDIRECTED[usize::from(click.quality.number())].increment(1);
        // The writer has counted it and told the log why. The sealed click id carries the sale without the row.
        if let Err(error) = engine.clicks.record(click).await {
            tracing::debug!(%error, "click not kept");
        }
    }
    answer
}

/// Does now what would make the first visitor wait: reads the list of robots.
pub fn prepare() {
    click::is_robot("");
    LazyLock::force(&REDIRECTED);
}

fn go(location: String, cookie: Option<HeaderValue>) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::FOUND;
    let headers = answer.headers_mut();
    headers.reserve(HEADERS);
    headers.insert(header::LOCATION, HeaderValue::try_from(location).expect("`domain::link` writes visible ASCII only"));
    if let Some(cookie) = cookie {
        headers.insert(header::SET_COOKIE, cookie);
    }
    seal(headers);
    answer
}

/// Redirects by the number of the click's quality, looked up once: that takes as long as to seal a click.
static REDIRECTED: LazyLock<[Counter; Quality::ALL.len()]> = LazyLock::new(|| {
    std::array::from_fn(|number| {
        let quality = u8::try_from(number).ok().and_then(Quality::from_number);
        answered("redirected", quality.map_or("none", Quality::code))
    })
});

/// Requests that were answered; HEAD leaves no trace here either.
fn answered(outcome: &'static str, quality: &'static str) -> Counter {
    metrics::counter!("ristourne_redirects_total", "outcome" => outcome, "quality" => quality)
}

fn refuse(problem: Problem, request: &Parts, outcome: &'static str) -> Response {
    if request.method != Method::HEAD {
        answered(outcome, "none").increment(1);
    }
    let mut answer = problem.answer(&request.headers);
    seal(answer.headers_mut());
    answer
}

fn seal(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, headers::NO_STORE);
    headers.insert(headers::ROBOTS_TAG, headers::NOINDEX);
}

fn unknown() -> Problem {
    Problem::bilingual(StatusCode::NOT_FOUND, "unknown_link", "This link does not exist.", "Ce lien n’existe pas.")
}

fn ended(what: Ended) -> Problem {
    let (code, english, french) = match what {
        Ended::Program => ("program_ended", "This offer has ended.", "Cette offre est terminée."),
        Ended::Link => ("link_ended", "This link is no longer in use.", "Ce lien n’est plus utilisé."),
    };
    Problem::bilingual(StatusCode::GONE, code, english, french)
}

#[cfg(test)]
#[path = "redirect_tests.rs"]
mod tests;
