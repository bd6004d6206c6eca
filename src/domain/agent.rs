//! Agent families: what reports call the program behind a `User-Agent`. A table, read from the top; the first that fits.

use std::borrow::Cow;

/// No `User-Agent`, or none kept: without consent it is not.
pub const NONE: &str = "none";
/// A program that is not in the table.
pub const OTHER: &str = "other";
/// A robot whose name cannot be told from the list of robots.
pub const ROBOT: &str = "robot";

/// What an agent's text holds, and the family that this makes it. Browsers carry the names of those they descend from, so that the later
/// ones come first: everything but Firefox calls itself Safari too, and most call themselves Chrome.
const FAMILIES: [(&[&str], &str); 25] = [
    (&["FBAN/", "FBAV/", "FB_IAB/"], "Facebook"),
    (&["Instagram "], "Instagram"),
    (&["musical_ly", "BytedanceWebview", "TikTok"], "TikTok"),
    (&["[Pinterest/", "Pinterest for"], "Pinterest"),
    (&["Snapchat/"], "Snapchat"),
    (&["LinkedInApp"], "LinkedIn"),
    (&["Line/"], "LINE"),
    (&["Edg/", "EdgA/", "EdgiOS/", "Edge/"], "Edge"),
    (&["OPR/", "OPT/", "OPX/", "Opera"], "Opera"),
    (&["SamsungBrowser/"], "Samsung Internet"),
    (&["Vivaldi/"], "Vivaldi"),
    (&["YaBrowser/"], "Yandex Browser"),
    (&["UCBrowser/"], "UC Browser"),
    (&["DuckDuckGo/", "Ddg/"], "DuckDuckGo"),
    (&["Brave/"], "Brave"),
    (&["Whale/"], "Whale"),
    (&["MiuiBrowser/"], "Mi Browser"),
    (&["HuaweiBrowser/"], "Huawei Browser"),
    (&["GSA/"], "Google app"),
    (&["Firefox/", "FxiOS/"], "Firefox"),
    (&["; wv)"], "Android WebView"),
    (&["Chrome/", "CriOS/", "Chromium/"], "Chrome"),
    (&["Safari/"], "Safari"),
    (&["MSIE ", "Trident/"], "Internet Explorer"),
    (&["(iPhone;", "(iPad;"], "iOS WebView"),
];

/// The family of an agent; robots by their own names. About 1 µs.
pub fn family(agent: Option<&str>) -> Cow<'static, str> {
    let Some(agent) = agent.filter(|agent| !agent.is_empty()) else { return Cow::Borrowed(NONE) };
    if let Some(robot) = iscrawl::crawler_info(agent) {
        return robot_name(&robot.pattern);
    }
    let named = FAMILIES.iter().find(|(tokens, _)| tokens.iter().any(|token| agent.contains(token)));
    Cow::Borrowed(named.map_or(OTHER, |(_, family)| family))
}

/// The list has a pattern for each robot, no name. Nearly all of them are the name itself; of the others the beginning is, up to where
/// the pattern becomes one.
fn robot_name(pattern: &str) -> Cow<'static, str> {
    let mut name = String::new();
    let mut chars = pattern.trim_start_matches('^').chars();
    while let Some(c) = chars.next() {
        match c {
            // `\/` is the character; `\d` is a class.
            '\\' => match chars.next() {
                Some(escaped) if !escaped.is_alphanumeric() => name.push(escaped),
                _ => break,
            },
            // `[bB]` is a letter in either case; any other class ends the name.
            '[' => {
                let class: String = chars.by_ref().take_while(|c| *c != ']').collect();
                let mut letters = class.chars();
                match (letters.next(), letters.next(), letters.next()) {
                    (Some(first), Some(second), None) if first.eq_ignore_ascii_case(&second) => name.push(first),
                    _ => break,
                }
            }
            '(' | '|' | '.' | '$' => break,
            // What stands before it may be absent.
            '*' | '?' => {
                name.pop();
                break;
            }
            c => name.push(c),
        }
    }
    let name = name.trim_matches(|c: char| !c.is_alphanumeric());
    if name.is_empty() { Cow::Borrowed(ROBOT) } else { Cow::Owned(name.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_by_example() {
        for (agent, wanted) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox"),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36", "Chrome"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
                "Edge",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36 OPR/111.0.0.0",
                "Opera",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
                "Samsung Internet",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
                "Safari",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.0.0 Mobile/15E148 Safari/604.1",
                "Chrome",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/127.0 Mobile/15E148 Safari/605.1.15",
                "Firefox",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
                "iOS WebView",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UD1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36",
                "Android WebView",
            ),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"),
            ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bingbot"),
            ("curl/8.5.0", "curl"),
            ("Wget/1.21", "wget"),
            ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "Ahrefs"),
            ("something of one's own", OTHER),
        ] {
            assert_eq!(family(Some(agent)), wanted, "{agent}");
        }
        assert_eq!((family(None).as_ref(), family(Some("")).as_ref()), (NONE, NONE));
    }

    #[test]
    fn robots_are_called_by_the_letters_of_their_patterns() {
        for (pattern, wanted) in [
            (r"Googlebot\/", "Googlebot"),
            ("[wW]get", "wget"),
            ("S[eE][mM]rushBot", "SemrushBot"),
            ("AdsBot-Google([^-]|$)", "AdsBot-Google"),
            (r"Siteimprove\.com|SiteCheck-sitecrawl", "Siteimprove.com"),
            (r"BlogTraffic\/\d\.\d+ Feed-Fetcher", "BlogTraffic"),
            (r"(^| )sentry\/", ROBOT),
            ("Spider[\\s\\S]*spider", "Spider"),
            ("^LCC ", "LCC"),
        ] {
            assert_eq!(robot_name(pattern), wanted, "{pattern}");
        }
    }
}
