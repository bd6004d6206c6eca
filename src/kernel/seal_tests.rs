//! Tokens, rings and the vault: what opens, and what stays shut.
use super::*;

fn ring(numbers: &[u8]) -> KeyRing {
    let keys: Vec<_> = numbers.iter().map(|&number| SealKey { number, secret: [number; 32] }).collect();
    KeyRing::new(&keys).expect("a ring")
}

fn token() -> ClickToken {
    ClickToken {
        click: ClickId::from_raw(0x0102_0304_0506_0708),
        link: LinkId::from_raw(42),
        buyer: Some(BuyerId::from_raw(7)),
        consent: true,
        quality: 4,
    }
}

#[test]
fn every_kind_round_trips_and_opens_as_no_other() {
    let ring = ring(&[1]);
    let (click, cookie, reference) = (
        ring.seal_click(&token()),
        ring.seal_cookie(BuyerCookie { buyer: BuyerId::from_raw(7), set_on: Day::from_number(20_000) }),
        ring.seal_ref(BuyerId::from_raw(7)),
    );
    assert_eq!(click.len(), CLICK_CHARS);
    assert_eq!(ring.open_click(&click), Some(token()));
    let anonymous = ClickToken { buyer: None, consent: false, quality: 0, ..token() };
    assert_eq!(ring.open_click(&ring.seal_click(&anonymous)), Some(anonymous));
    assert_eq!(ring.open_cookie(&cookie).map(|c| (c.buyer.raw(), c.set_on.number())), Some((7, 20_000)));
    assert_eq!(ring.open_ref(&reference), Some(BuyerId::from_raw(7)));
    assert_eq!(reference, ring.seal_ref(BuyerId::from_raw(7)), "a ref is the same each time");
    assert_eq!(ring.open_ref(&cookie), None);
    assert_eq!(ring.open_cookie(&reference), None);
    assert_eq!(ring.open_click(&reference), None);
    // Same length, same key: only the kind keeps them apart.
    let forged: String = ring.seal(CLICK_KIND, &7_i64.to_be_bytes());
    assert_eq!(ring.open_ref(&forged), None);
}

#[test]
fn the_newest_key_seals_and_all_open() {
    let (old, both, new) = (ring(&[1]), ring(&[1, 2]), ring(&[2]));
    let token = token();
    assert_eq!(both.open_click(&old.seal_click(&token)), Some(token));
    assert_eq!(both.seal_click(&token), new.seal_click(&token));
    assert_eq!(new.open_click(&old.seal_click(&token)), None);
    let key = |number| SealKey { number, secret: [0; 32] };
    assert_eq!(KeyRing::new(&[]).map(|_| ()), Err(RingError::Empty));
    assert_eq!(KeyRing::new(&[key(64)]).map(|_| ()), Err(RingError::Number(64)));
    assert_eq!(KeyRing::new(&[key(3), key(3)]).map(|_| ()), Err(RingError::Twice(3)));
}

#[test]
fn whatever_is_altered_stays_shut() {
    let ring = ring(&[1]);
    let click = ring.seal_click(&token());
    for at in 0..click.len() {
        for other in ["A", "_", "x", "=", "+", "é"] {
            if &click[at..=at] != other {
                let altered = format!("{}{other}{}", &click[..at], &click[at + 1..]);
                assert_eq!(ring.open_click(&altered), None, "{altered}");
            }
        }
    }
    for odd in [String::new(), click[..55].to_owned(), format!("{click}A"), format!("{click}="), "A".repeat(64), "A".repeat(100_000)] {
        assert_eq!(ring.open_click(&odd), None);
    }
    // A ref has 25 bytes, 34 characters: the last carries four bits that must be zero.
    let reference = ring.seal_ref(BuyerId::from_raw(1));
    let texts = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        .iter()
        .filter(|&&last| ring.open_ref(&format!("{}{}", &reference[..33], char::from(last))).is_some());
    assert_eq!(texts.count(), 1, "one text for one token");
}

#[test]
fn secrets_are_stored_under_the_master_key_if_there_is_one() {
    let master = MasterKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").expect("32 bytes");
    let (open, locked) = (Vault::new(Some(&master)), Vault::new(None));
    let stored = open.seal_secret(b"whsec", [9; 12]);
    assert_eq!(open.open_secret(&stored).as_deref(), Ok(b"whsec".as_slice()));
    assert_eq!(locked.open_secret(&stored), Err(VaultError::Locked));
    assert_ne!(stored, open.seal_secret(b"whsec", [8; 12]));
    let plain = locked.seal_secret(b"whsec", [9; 12]);
    assert_eq!(open.open_secret(&plain).as_deref(), Ok(b"whsec".as_slice()));
    let mut altered = stored.clone();
    altered[20] ^= 1;
    for bad in [altered, stored[..10].to_vec(), vec![], vec![7, 7]] {
        assert_eq!(open.open_secret(&bad), Err(VaultError::Wrong));
    }
    assert!(MasterKey::parse("short").is_none());
    assert!(!format!("{master:?}{open:?}{:?}", SealKey { number: 1, secret: [77; 32] }).contains("77"));
}

#[test]
fn a_derived_key_opens_for_the_same_secret_only() {
    let vault = |secret: &[u8]| Vault::new(Some(&MasterKey::derived(secret)));
    let sealed = vault(b"rk_one").seal_secret(b"whsec", [3; 12]);
    assert_eq!(vault(b"rk_one").open_secret(&sealed).as_deref(), Ok(b"whsec".as_slice()));
    assert_eq!(vault(b"rk_two").open_secret(&sealed), Err(VaultError::Wrong));
}
