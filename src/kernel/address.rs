//! Client addresses: parsing, the form that logs may show, and who is behind a trusted proxy.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// How many hops of `X-Forwarded-For` are looked at: more proxies than anybody has, and it bounds the work.
const HOPS_MAX: usize = 32;

/// A client's address; an IPv4 address in IPv6 clothes is the IPv4 address. `Debug` shows the network only, so that logs hold no full address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(IpAddr);

impl Address {
    pub fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// Reads `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`, and either with a port, as proxies write them.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t']);
        let plain = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let address = plain.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?;
        Some(Self::new(address))
    }

    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// As [`Display`](fmt::Display) writes it, without the formatting machinery: every click has one.
    pub fn text(self) -> String {
        let IpAddr::V4(v4) = self.0 else { return self.to_string() };
        let mut text = String::with_capacity("255.255.255.255".len());
        for (at, octet) in v4.octets().into_iter().enumerate() {
            if at > 0 {
                text.push('.');
            }
            for unit in [100, 10, 1].into_iter().filter(|unit| octet >= *unit || *unit == 1) {
                text.push(char::from(b'0' + octet / unit % 10));
            }
        }
        text
    }

    /// The network: /24 of IPv4, /48 of IPv6. What logs may show.
    #[must_use]
    pub fn anonymised(self) -> Self {
        Self(match self.0 {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Ipv4Addr::new(a, b, c, 0).into()
            }
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
            }
        })
    }
}
/// The full address: for the click's row, not for logs.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.anonymised().0, f)
    }
}

/// An address range such as `10.0.0.0/8`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u32,
}

/// Not an address range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address range such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct NetworkError;

impl FromStr for Network {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let base: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let bits = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().map_err(|_| NetworkError)?,
            Some(_) => return Err(NetworkError),
            None => bits,
        };
        if prefix <= bits { Ok(Self { base, prefix }) } else { Err(NetworkError) }
    }
}

impl Network {
    pub fn contains(self, address: Address) -> bool {
        match (self.base, address.0) {
            (IpAddr::V4(base), IpAddr::V4(other)) => same_prefix(base.to_bits().into(), other.to_bits().into(), 32, self.prefix),
            (IpAddr::V6(base), IpAddr::V6(other)) => same_prefix(base.to_bits(), other.to_bits(), 128, self.prefix),
            _ => false,
        }
    }
}

fn same_prefix(a: u128, b: u128, bits: u32, prefix: u32) -> bool {
    let differing = a ^ b;
    differing.checked_shr(bits - prefix).unwrap_or(0) == 0
}

/// The proxies whose `X-Forwarded-For` is believed; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trusted(Vec<Network>);

impl Trusted {
    /// Reads ranges separated by commas; an empty text trusts nobody.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let ranges = text.split(',').map(str::trim).filter(|range| !range.is_empty());
        ranges.map(str::parse).collect::<Result<_, _>>().map(Self)
    }

    pub fn contains(&self, address: Address) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client behind `peer`. The hops are read from the right, the end that our own proxies wrote: the first address that is not a
    /// trusted proxy is the client, and what stands left of it may be made up. A hop that cannot be read ends the walk at the proxy before it.
    /// `forwarded` yields the values of the header's lines in their order.
    pub fn client<'a>(&self, peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>) -> Address {
        let mut client = Address::new(peer);
        for hop in forwarded.rev().flat_map(|line| line.rsplit(',')).take(HOPS_MAX) {
            if !self.contains(client) {
                break;
            }
            let Some(address) = Address::parse(hop) else { break };
            client = address;
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_canonical_and_hidden_in_logs() {
        for (text, full, hidden) in [
            ("192.0.2.77", "192.0.2.77", "192.0.2.0"),
            (" 192.0.2.77:8080 ", "192.0.2.77", "192.0.2.0"),
            ("0.10.200.255", "0.10.200.255", "0.10.200.0"),
            ("100.101.109.5", "100.101.109.5", "100.101.109.0"),
            ("::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0"),
            ("2001:db8:1:2::3", "2001:db8:1:2::3", "2001:db8:1::"),
            ("[2001:db8:1:2::3]", "2001:db8:1:2::3", "2001:db8:1::"),
            ("[2001:db8:1:2::3]:443", "2001:db8:1:2::3", "2001:db8:1::"),
        ] {
            let address = Address::parse(text).expect("an address");
            assert_eq!((address.to_string(), format!("{address:?}")), (full.to_owned(), hidden.to_owned()));
            assert_eq!(address.text(), full);
        }
        for bad in ["", "unknown", "1.2.3", "1.2.3.4.5", "_hidden", "2001:db8::g", "1.2.3.4; rm"] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn networks() {
        let inside = |network: &str, address: &str| {
            network.parse::<Network>().expect("a range").contains(Address::parse(address).expect("an address"))
        };
        assert!(inside("10.0.0.0/8", "10.255.0.1"));
        assert!(!inside("10.0.0.0/8", "11.0.0.1"));
        assert!(inside("0.0.0.0/0", "203.0.113.9"));
        assert!(inside("::/0", "2001:db8::1"));
        assert!(!inside("::/0", "203.0.113.9"));
        assert!(inside("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(inside("2001:db8::/33", "2001:db8:7fff::1"));
        assert!(!inside("2001:db8::/33", "2001:db8:8000::1"));
        for bad in ["", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/", "::/129", "localhost", "10.0.0.0/8/8"] {
            assert_eq!(bad.parse::<Network>(), Err(NetworkError), "{bad}");
        }
    }

    #[test]
    fn the_client_is_the_first_from_the_right_that_is_no_proxy() {
        let trusted = Trusted::parse("10.0.0.0/8, ::1").expect("ranges");
        for (peer, lines, client) in [
            ("203.0.113.1", vec!["198.51.100.1"], "203.0.113.1"),
            ("10.0.0.1", vec!["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", vec!["6.6.6.6, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", vec!["6.6.6.6", "198.51.100.1,10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", vec!["6.6.6.6, nonsense, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", vec!["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("::1", vec!["2001:db8::9"], "2001:db8::9"),
        ] {
            let found = trusted.client(peer.parse().expect("an address"), lines.iter().copied());
            assert_eq!(found.to_string(), client, "{peer} {lines:?}");
        }
        let nobody = Trusted::parse("").expect("empty");
        assert_eq!(nobody.client(Ipv4Addr::LOCALHOST.into(), ["1.1.1.1"].into_iter()).to_string(), "127.0.0.1");
    }
}
