//! Time: microseconds since 1970 in UTC, days and months of a zone, RFC 3339 text.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::fmt;

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

/// One second in microseconds.
pub const SECOND: i64 = 1_000_000;
/// 24 hours in microseconds. Durations are multiples of it and know no zone.
pub const DAY: i64 = 86_400 * SECOND;

impl Time {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1000)
    }
    pub const fn micros(self) -> i64 {
        self.0
    }
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }
    /// Whole seconds since 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }
    /// Later by so many microseconds; stops at the end of time instead of wrapping.
    #[must_use]
    pub const fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
    /// Later by so many times 24 hours.
    #[must_use]
    pub const fn plus_days(self, days: u32) -> Self {
        self.plus(days as i64 * DAY)
    }
    /// Microseconds from `earlier` to this; negative if `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads RFC 3339 with any offset; digits past the microsecond are cut off. Years 1970 to 9998.
    pub fn parse(text: &str) -> Option<Self> {
        let shaped =
            text.len() >= 20 && text.as_bytes()[4] == b'-' && matches!(text.as_bytes()[10], b'T' | b't' | b' ') && !text.contains('[');
        let timestamp: Timestamp = shaped.then(|| text.parse().ok())??;
        let time = Self(timestamp.as_microsecond());
        time.is_plain().then_some(time)
    }

    /// Whether it lies in the years 1970 to 9998, as every time does that is read from text.
    pub fn is_plain(self) -> bool {
        (0..253_370_764_800 * SECOND).contains(&self.0)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}
impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

crate::schema!(Time, "Time", crate::kernel::schema::time());

/// A calendar day: days since 1970-01-01, as stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    pub const fn from_number(days: i32) -> Self {
        Self(days)
    }
    /// Days since 1970-01-01.
    pub const fn number(self) -> i64 {
        self.0 as i64
    }
    #[must_use]
    pub const fn minus(self, days: i32) -> Self {
        Self(self.0 - days)
    }
    /// Reads `2026-11-22`, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let shaped =
            text.len() == 10 && text.bytes().enumerate().all(|(n, b)| if n == 4 || n == 7 { b == b'-' } else { b.is_ascii_digit() });
        let date: Date = shaped.then(|| text.parse().ok())??;
        Some(Self::from_date(date))
    }
    fn from_date(date: Date) -> Self {
        let days = date.since(EPOCH).map_or(0, |span| span.get_days());
        Self(days)
    }
    fn date(self) -> Date {
        EPOCH.saturating_add(jiff::Span::new().days(self.0))
    }
    /// Midnight of this day in UTC.
    pub const fn start_utc(self) -> Time {
        Time(self.0 as i64 * DAY)
    }
}

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date())
    }
}
impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl serde::Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

crate::schema!(Day, "Day", crate::kernel::schema::day());

/// A calendar month, as stored: `year * 12 + month - 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i32);

impl Month {
    pub const fn from_number(number: i32) -> Self {
        Self(number)
    }
    pub const fn number(self) -> i64 {
        self.0 as i64
    }
}

/// The installation's time zone: what day or month a moment belongs to.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    pub const UTC: Self = Self(TimeZone::UTC);

    /// An IANA name such as `Europe/Paris`.
    pub fn named(name: &str) -> Option<Self> {
        if name == "UTC" { Some(Self::UTC) } else { TimeZone::get(name).ok().map(Self) }
    }
    /// Its IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }
    pub fn day(&self, time: Time) -> Day {
        Day::from_date(self.civil(time))
    }
    pub fn month(&self, time: Time) -> Month {
        let date = self.civil(time);
        Month(i32::from(date.year()) * 12 + i32::from(date.month()) - 1)
    }
    /// The first moment of a day: midnight, or where a clock change skips it, the moment after.
    pub fn start(&self, day: Day) -> Time {
        day.date().to_zoned(self.0.clone()).map_or_else(|_| day.start_utc(), |start| Time(start.timestamp().as_microsecond()))
    }
    /// The first moment of the month that a moment belongs to.
    pub fn start_of_month(&self, time: Time) -> Time {
        self.start(Day::from_date(self.civil(time).first_of_month()))
    }
    fn civil(&self, time: Time) -> Date {
        Timestamp::from_microsecond(time.0).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(self.0.clone()).date()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_in_and_out() {
        let time = Time::parse("2026-11-22T09:00:00Z").expect("valid");
        assert_eq!(time.to_string(), "2026-11-22T09:00:00Z");
        assert_eq!(Time::parse("2026-11-22T10:00:00.5+01:00"), Some(time.plus(500_000)));
        for bad in [
            "",
            "2026-11-22",
            "2026-11-22T09:00:00",
            "yesterday",
            "1760000000",
            "2026-11-22T09:00:00Z[UTC]",
            "2026-13-22T09:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(Time::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_and_months_follow_the_zone() {
        let time = Time::parse("2026-10-31T23:30:00Z").expect("valid");
        let paris = Zone::named("Europe/Paris").expect("known zone");
        assert_eq!(Zone::UTC.day(time).to_string(), "2026-10-31");
        assert_eq!(paris.day(time).to_string(), "2026-11-01");
        assert_eq!(paris.month(time).number(), Zone::UTC.month(time).number() + 1);
        assert_eq!(paris.start_of_month(time), Time::parse("2026-10-31T23:00:00Z").expect("valid"));
        assert_eq!(Day::parse("2026-10-31").map(Day::start_utc), Time::parse("2026-10-31T00:00:00Z"));
        assert_eq!(Day::parse("1999-01-04").map(|d| d.to_string()).as_deref(), Some("1999-01-04"));
    }
}
