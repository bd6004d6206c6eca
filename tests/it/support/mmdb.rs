//! Writes a database of addresses in the MMDB format, version 2.0 (<https://maxmind.github.io/MaxMind-DB/>): networks of IPv4, and the
//! country of each.
use std::net::Ipv4Addr;

/// Where a bit of an address leads.
#[derive(Clone, Copy)]
enum Next {
    Nowhere,
    Node(usize),
    /// A place in the data.
    Data(usize),
}

/// The bytes of a database: network, prefix length, ISO code. Networks do not overlap.
pub fn countries(networks: &[(Ipv4Addr, u32, &str)]) -> Vec<u8> {
    let (mut nodes, mut data) = (vec![[Next::Nowhere; 2]], Vec::new());
    for (network, length, code) in networks {
        let place = data.len();
        data.extend(map(1));
        data.extend(text("country"));
        data.extend(map(1));
        data.extend(text("iso_code"));
        data.extend(text(code));
        let mut node = 0;
        for bit in (32 - length..32).rev() {
            let side = usize::from(network.to_bits() >> bit & 1 == 1);
            if bit == 32 - length {
                nodes[node][side] = Next::Data(place);
            } else if let Next::Node(next) = nodes[node][side] {
                node = next;
            } else {
                nodes.push([Next::Nowhere; 2]);
                nodes[node][side] = Next::Node(nodes.len() - 1);
                node = nodes.len() - 1;
            }
        }
    }
    let mut out = Vec::new();
    for next in nodes.iter().flatten() {
        let record = match next {
            Next::Nowhere => nodes.len(),
            Next::Node(node) => *node,
            Next::Data(place) => nodes.len() + 16 + place,
        };
        out.extend(&u32::try_from(record).expect("small").to_be_bytes()[1..]);
    }
    out.extend([0; 16]);
    out.extend(data);
    out.extend(b"\xab\xcd\xefMaxMind.com");
    out.extend(map(9));
    for (key, value) in [
        ("binary_format_major_version", vec![0xa1, 2]),
        ("binary_format_minor_version", vec![0xa0]),
        ("build_epoch", vec![0x01, 0x02, 1]),
        ("database_type", text("Test-Country")),
        ("description", map(0)),
        ("ip_version", vec![0xa1, 4]),
        ("languages", vec![0x00, 0x04]),
        ("node_count", [vec![0xc4], u32::try_from(nodes.len()).expect("small").to_be_bytes().to_vec()].concat()),
        ("record_size", vec![0xa1, 24]),
    ] {
        out.extend(text(key));
        out.extend(value);
    }
    out
}

fn map(entries: u8) -> Vec<u8> {
    vec![0xe0 | entries]
}

fn text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("short");
    assert!(length < 29, "longer ones are written differently");
    [&[0x40 | length], text.as_bytes()].concat()
}
