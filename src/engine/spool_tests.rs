//! Tests of the spool's files: what a killed process, a damaged disk and a second process leave or find.

use super::*;

fn sample(n: i64) -> Click {
    Click {
        id: ClickId::from_raw(n),
        link: LinkId::from_raw(2),
        publisher: PublisherId::from_raw(3),
        program: ProgramId::from_raw(4),
        at: Time::from_micros(5),
        quality: Quality::Duplicate,
        consent: true,
        buyer: (n % 2 == 0).then(|| BuyerId::from_raw(6)),
        address: Some("203.0.113.7".to_owned()),
        country: (n % 3 == 0).then(|| Country::parse("FR")).flatten(),
        agent: Some("RSK1 \u{1} \"é\u{1f600}\" RSK1".to_owned()),
        referrer: None,
        subs: [Some("a".to_owned()), None, Some(String::new()), None, None],
        url: Some("https://shop.example/a?b".to_owned()),
    }
}

fn records(clicks: &[Click]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for click in clicks {
        encode(click, &mut bytes);
    }
    bytes
}

/// A directory of its own under the system's, removed at the end.
struct Root(PathBuf);
impl Root {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("ristourne-spool-{name}-{}", std::process::id())))
    }
}
impl Drop for Root {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the test made it");
    }
}

#[test]
fn clicks_round_trip_and_any_torn_tail_costs_only_itself() {
    let clicks: Vec<_> = (1..4).map(sample).collect();
    let (bytes, two) = (records(&clicks), records(&clicks[..2]).len());
    assert_eq!(scan(&bytes), Scan { clicks: clicks.clone(), torn_bytes: 0, damaged_bytes: 0 });
    for end in two..bytes.len() {
        assert_eq!(scan(&bytes[..end]), Scan { clicks: clicks[..2].to_vec(), torn_bytes: end - two, damaged_bytes: 0 }, "cut at {end}");
    }
    assert_eq!(scan(&[]), Scan::default());
}

#[test]
fn a_damaged_record_is_skipped_wherever_a_byte_is_wrong() {
    let clicks: Vec<_> = (1..4).map(sample).collect();
    let (one, two) = (records(&clicks[..1]).len(), records(&clicks[..2]).len());
    for at in one..two {
        let mut bytes = records(&clicks);
        bytes[at] ^= 0x55;
        let found = scan(&bytes);
        assert_eq!(found.clicks, [clicks[0].clone(), clicks[2].clone()], "damaged at {at}");
        assert_eq!((found.torn_bytes, found.damaged_bytes), (0, two - one));
    }
}

#[test]
fn a_directory_has_one_holder_and_segments_in_order() {
    let root = Root::new("dir");
    assert!(SpoolDir::nodes(&root.0).expect("read").is_empty());
    let dir = SpoolDir::open(&root.0, 7).expect("opens").expect("free");
    assert!(SpoolDir::open(&root.0, 7).expect("opens").is_none(), "held");
    assert_eq!(dir.holder().expect("read"), None);
    dir.set_holder("abc").expect("written");
    let mut first = dir.new_segment().expect("made");
    first.append(&records(&[sample(9), sample(3)])).expect("written");
    let mut second = dir.new_segment().expect("made");
    second.append(&records(&[sample(4)])).expect("written");
    assert_eq!(dir.segments().expect("read"), [first.path().to_owned(), second.path().to_owned()]);
    assert_eq!(dir.highest_id().expect("read"), Some(9));
    second.clear().expect("emptied");
    assert!(scan(&fs::read(second.path()).expect("read")).clicks.is_empty());
    second.append(&records(&[sample(5)])).expect("written");
    assert_eq!(scan(&fs::read(second.path()).expect("read")).clicks, [sample(5)], "appends go on at the start");
    second.clear().expect("emptied");
    second.close().expect("closed");
    let path = first.path().to_owned();
    first.close().expect("closed");
    assert_eq!(dir.segments().expect("read"), std::slice::from_ref(&path), "an empty segment leaves nothing");
    finish(&path, true).expect("set aside");
    assert_eq!(dir.segments().expect("read"), Vec::<PathBuf>::new());
    assert_eq!(dir.new_segment().expect("made").number(), 2, "numbers do not meet those set aside");
    drop(dir);
    let dir = SpoolDir::open(&root.0, 7).expect("opens").expect("free again");
    assert_eq!(dir.holder().expect("read").as_deref(), Some("abc"));
    assert_eq!(SpoolDir::nodes(&root.0).expect("read"), [7]);
}
