//! A link's route: where a click goes. Landing URLs with macros, deep links to listed hosts only, the click id in the query.
//!
//! Every `Location` starts from a URL that was parsed and written anew by the WHATWG rules (so it is ASCII without control characters) and
//! gets percent-encoded values only: a header can neither be split nor led elsewhere.

use crate::kernel::id::{LinkId, ProgramId, PublisherId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::{self, Write as _};
use url::{Host, Url};

/// Longest URL of a program, a link or a deep link, in characters: what every browser and proxy passes on.
pub const URL_CHARS_MAX: usize = 2048;
/// A landing URL names at most so many macros, which bounds the length of a `Location`.
const MACROS_MAX: usize = 16;
pub const SLUG_CHARS_MAX: usize = 64;
const PARAM_CHARS_MAX: usize = 64;
const DOMAIN_CHARS_MAX: usize = 253;
/// All but RFC 3986's unreserved characters are percent-encoded.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the query of a click id is called unless the program says otherwise.
pub const CLICK_PARAM_DEFAULT: &str = "rclid";

/// Why a part of a program or link is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    #[error("an absolute http or https URL with a host and without user info is wanted, of at most {URL_CHARS_MAX} characters")]
    Url,
    #[error(
        "macros stand behind the host: {{click_id}} {{publisher_id}} {{link_id}} {{program_id}} {{sub1}} to {{sub5}}, at most {MACROS_MAX}"
    )]
    Macro,
    #[error("a host name such as shop.example is wanted, without scheme, port, path or wildcard; its subdomains are included")]
    Domain,
    #[error("1 to {PARAM_CHARS_MAX} ASCII letters, digits, `.`, `_` or `-` are wanted")]
    ClickParam,
    #[error("1 to {SLUG_CHARS_MAX} ASCII letters, digits, `_` or `-` are wanted")]
    Slug,
    #[error("not on a domain of the program, or not https with the default port")]
    DeepLink,
}

impl RouteError {
    /// The stable code of the wrong field.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Url => "invalid_url",
            Self::Macro => "unknown_macro",
            Self::Domain => "invalid_domain",
            Self::ClickParam => "invalid_click_param",
            Self::Slug => "invalid_slug",
            Self::DeepLink => "url_not_allowed",
        }
    }
}

/// Checks a link's slug.
pub fn parse_slug(text: &str) -> Result<String, RouteError> {
    let fits = (1..=SLUG_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fits { Ok(text.to_owned()) } else { Err(RouteError::Slug) }
}

/// Checks the name under which a shop receives the click id.
pub fn parse_click_param(text: &str) -> Result<String, RouteError> {
    let fits =
        (1..=PARAM_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if fits { Ok(text.to_owned()) } else { Err(RouteError::ClickParam) }
}

/// A domain in its ASCII form: `Bücher.example` is `xn--bcher-kva.example`. A name of one label is refused, since `com` would allow every
/// `.com` host; `localhost` and addresses are for trying things out.
pub fn parse_domain(text: &str) -> Result<String, RouteError> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '%' | '*');
    if text.len() > DOMAIN_CHARS_MAX || text.contains(odd) || text.starts_with('.') || text.ends_with('.') {
        return Err(RouteError::Domain);
    }
    match Host::parse(text).map_err(|_| RouteError::Domain)? {
        Host::Domain(name) if name.len() > DOMAIN_CHARS_MAX || !(name.contains('.') || name == "localhost") => Err(RouteError::Domain),
        host => Ok(host.to_string()),
    }
}

/// Something that is filled in at each click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Macro {
    ClickId,
    PublisherId,
    LinkId,
    ProgramId,
    Sub(usize),
}
const MACROS: [(&str, Macro); 9] = [
    ("{click_id}", Macro::ClickId),
    ("{publisher_id}", Macro::PublisherId),
    ("{link_id}", Macro::LinkId),
    ("{program_id}", Macro::ProgramId),
    ("{sub1}", Macro::Sub(0)),
    ("{sub2}", Macro::Sub(1)),
    ("{sub3}", Macro::Sub(2)),
    ("{sub4}", Macro::Sub(3)),
    ("{sub5}", Macro::Sub(4)),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Macro(Macro),
}

/// A landing URL, cut up so that a click only puts it together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandingUrl {
    https: bool,
    names_click: bool,
    ahead_of_fragment: Vec<Piece>,
    fragment: Vec<Piece>,
    joint: &'static str,
}

/// Reads a program's landing URL: http or https, macros behind the host only.
pub fn parse_landing_url(text: &str) -> Result<LandingUrl, RouteError> {
    // `url` would percent-encode the braces, so the macros go in as plain letters that the text does not hold, and come out as pieces.
    let mark =
        (0..=text.len()).map(|n| format!("rst{n}x")).find(|mark| !text.contains(mark)).expect("a text cannot hold more marks than bytes");
    let mut marked = String::with_capacity(text.len());
    let (mut rest, mut count) = (text, 0);
    while let Some(at) = rest.find('{') {
        let (known, _) = MACROS.iter().enumerate().find(|(_, (name, _))| rest[at..].starts_with(name)).ok_or(RouteError::Macro)?;
        write!(marked, "{}{mark}{known}", &rest[..at]).expect("writing to a String never fails");
        rest = &rest[at + MACROS[known].0.len()..];
        count += 1;
    }
    if count > MACROS_MAX {
        return Err(RouteError::Macro);
    }
    marked.push_str(rest);
    let url = parse_web_url(text, &marked)?;
    if url[..url::Position::BeforePath].contains(&mark) {
        return Err(RouteError::Macro);
    }
    let (ahead, fragment) = cut_fragment(url.as_str());
    let (ahead_of_fragment, fragment) = (pieces(ahead, &mark), pieces(fragment, &mark));
    Ok(LandingUrl {
        https: url.scheme() == "https",
        names_click: ahead_of_fragment.iter().chain(&fragment).any(|piece| *piece == Piece::Macro(Macro::ClickId)),
        joint: joint(ahead),
        ahead_of_fragment,
        fragment,
    })
}

/// `text` is what was given, for the checks that `url` would forgive; `marked` is what is parsed.
fn parse_web_url(text: &str, marked: &str) -> Result<Url, RouteError> {
    // `url` drops tabs and newlines, trims, reads `\` as `/` and `https:host` as `https://host`. Nobody means that.
    let odd = |c: char| c.is_control() || c == '\\';
    let rest = text.split_once("://").map(|(_, rest)| rest).ok_or(RouteError::Url)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if text.chars().nth(URL_CHARS_MAX).is_some()
        || text.contains(odd)
        || text.trim() != text
        || authority.is_empty()
        || authority.contains('@')
    {
        return Err(RouteError::Url);
    }
    let url = Url::parse(marked).map_err(|_| RouteError::Url)?;
    let named = url.username().is_empty() && url.password().is_none() && url.host_str().is_some_and(|host| !host.is_empty());
    if named && matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(RouteError::Url) }
}

/// Everything ahead of the fragment, and the fragment with its `#`.
fn cut_fragment(url: &str) -> (&str, &str) {
    url.split_at(url.find('#').unwrap_or(url.len()))
}

/// What stands between a URL without fragment and one more parameter.
fn joint(ahead: &str) -> &'static str {
    match (ahead.contains('?'), ahead.ends_with(['?', '&'])) {
        (false, _) => "?",
        (true, true) => "",
        (true, false) => "&",
    }
}

fn pieces(marked: &str, mark: &str) -> Vec<Piece> {
    let mut parts = marked.split(mark);
    let mut pieces = vec![Piece::Text(parts.next().unwrap_or_default().to_owned())];
    for part in parts {
        let (digit, text) = part.split_at(1);
        let at: usize = digit.parse().expect("a mark is followed by the digit that was written behind it");
        pieces.extend([Piece::Macro(MACROS[at].1), Piece::Text(text.to_owned())]);
    }
    pieces.retain(|piece| *piece != Piece::Text(String::new()));
    pieces
}

/// A URL on one of the program's domains, without a click id of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeepLink {
    ahead_of_fragment: String,
    fragment: String,
    joint: &'static str,
}

impl fmt::Display for DeepLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.ahead_of_fragment, self.fragment)
    }
}

/// What all links of a program share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramRoute {
    pub program: ProgramId,
    landing: LandingUrl,
    domains: Vec<String>,
    click_param: String,
}

impl ProgramRoute {
    /// From the stored texts, which the same functions checked when the program was made.
    pub fn parse<D: AsRef<str>>(program: ProgramId, landing_url: &str, domains: &[D], click_param: &str) -> Result<Self, RouteError> {
        Ok(Self {
            program,
            landing: parse_landing_url(landing_url)?,
            domains: domains.iter().map(|domain| parse_domain(domain.as_ref())).collect::<Result<_, _>>()?,
            click_param: parse_click_param(click_param)?,
        })
    }

    /// Reads a deep link: on a listed domain or below it, https (or the landing URL's scheme), default port, no user info. A click id that
    /// was copied along from an address bar is taken off, or the shop would credit the older click.
    pub fn deep_link(&self, text: &str) -> Result<DeepLink, RouteError> {
        let mut url = parse_web_url(text, text).map_err(|_| RouteError::DeepLink)?;
        let scheme_fits = url.scheme() == "https" || !self.landing.https;
        let host = url.host_str().unwrap_or_default();
        let listed = |domain: &String| {
            let below = || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1);
            host == domain || (matches!(url.host(), Some(Host::Domain(_))) && below())
        };
        if !scheme_fits || url.port().is_some() || !self.domains.iter().any(listed) {
            return Err(RouteError::DeepLink);
        }
        let own = |pair: &&str| pair.split('=').next() != Some(self.click_param.as_str());
        if let Some(query) = url.query()
            && !query.split('&').all(|pair| own(&pair))
        {
            let kept = query.split('&').filter(own).collect::<Vec<_>>().join("&");
            url.set_query((!kept.is_empty()).then_some(&kept));
        }
        let (ahead, fragment) = cut_fragment(url.as_str());
        Ok(DeepLink { ahead_of_fragment: ahead.to_owned(), fragment: fragment.to_owned(), joint: joint(ahead) })
    }
}

/// One link, cut up so that a click only puts it together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRoute {
    pub link: LinkId,
    pub publisher: PublisherId,
    /// The publisher sends its own members: a `buyer` in the query is honoured.
    pub portal: bool,
    /// Where the link goes instead of the landing URL, if it was made with a URL.
    pub url: Option<DeepLink>,
}

/// What one click brings along.
#[derive(Debug, Clone, Copy)]
pub struct Passage<'a> {
    /// The sealed click id; `None` if none may be passed on (no consent and no known buyer).
    pub click_id: Option<&'a str>,
    pub subs: &'a [Option<String>; 5],
    /// The deep link asked for in `url=`. One that is not allowed leads to the landing URL.
    pub url: Option<&'a str>,
}

/// Where a click goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Visible ASCII.
    pub location: String,
    /// The deep link that was asked for and followed, without the click id.
    pub deep_link: Option<String>,
}

/// Puts the destination of one click together.
pub fn route(program: &ProgramRoute, link: &LinkRoute, passage: &Passage<'_>) -> Destination {
    match passage.url.map(|url| program.deep_link(url)) {
        Some(Ok(deep)) => Destination { location: program.deep_location(&deep, passage), deep_link: Some(deep.to_string()) },
        Some(Err(_)) => Destination { location: program.landing_location(link, passage), deep_link: None },
        None => {
            let location = match &link.url {
                Some(deep) => program.deep_location(deep, passage),
                None => program.landing_location(link, passage),
            };
            Destination { location, deep_link: None }
        }
    }
}

impl ProgramRoute {
    fn deep_location(&self, deep: &DeepLink, passage: &Passage<'_>) -> String {
        let mut location = deep.ahead_of_fragment.clone();
        self.append_click(&mut location, deep.joint, passage);
        location.push_str(&deep.fragment);
        location
    }

    fn landing_location(&self, link: &LinkRoute, passage: &Passage<'_>) -> String {
        let mut location = String::with_capacity(256);
        self.fill(&mut location, &self.landing.ahead_of_fragment, link, passage);
        if !self.landing.names_click {
            self.append_click(&mut location, self.landing.joint, passage);
        }
        self.fill(&mut location, &self.landing.fragment, link, passage);
        location
    }

    fn append_click(&self, location: &mut String, joint: &str, passage: &Passage<'_>) {
        if let Some(click_id) = passage.click_id {
            for part in [joint, &self.click_param, "="] {
                location.push_str(part);
            }
            location.extend(utf8_percent_encode(click_id, VALUE));
        }
    }

    fn fill(&self, location: &mut String, pieces: &[Piece], link: &LinkRoute, passage: &Passage<'_>) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => location.push_str(text),
                Piece::Macro(Macro::ClickId) => location.extend(utf8_percent_encode(passage.click_id.unwrap_or_default(), VALUE)),
                Piece::Macro(Macro::Sub(at)) => {
                    location.extend(utf8_percent_encode(passage.subs[*at].as_deref().unwrap_or_default(), VALUE));
                }
                Piece::Macro(Macro::PublisherId) => push_id(location, link.publisher),
                Piece::Macro(Macro::LinkId) => push_id(location, link.link),
                Piece::Macro(Macro::ProgramId) => push_id(location, self.program),
            }
        }
    }
}

fn push_id(location: &mut String, id: impl fmt::Display) {
    write!(location, "{id}").expect("writing to a String never fails");
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
