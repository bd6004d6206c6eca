//! Sealed tokens: what the outside carries for us and can neither read, forge nor change. The key ring and the vault for stored secrets.
//!
//! A token is a header byte (format in the top 2 bits, key number in the low 6), the ciphertext and a 16-byte tag, as base64url without
//! padding. The kind of token and the header are authenticated with it, so that a buyer's cookie never opens as a click.
//!
//! The nonce is zero. AES-GCM-SIV derives its real initialisation vector from key, associated data and plaintext, so a repeated nonce shows
//! only that two *equal* plaintexts are equal. Click ids are unique, so their tokens never repeat; a buyer's ref is meant to be the same each
//! time; a cookie that repeats within a day tells nobody anything.

use crate::kernel::{
    id::{BuyerId, ClickId, LinkId},
    time::Day,
};
use aes_gcm_siv::{
    Aes256GcmSiv, Nonce,
    aead::{Aead as _, AeadInOut as _, KeyInit as _, Payload},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

const FORMAT: u8 = 0;
/// The highest number of a key.
pub const KEY_NUMBER_MAX: u8 = 63;
const HEADER: usize = 1;
const TAG: usize = 16;
/// Longer text is no token and is refused before it is decoded.
pub const TOKEN_CHARS_MAX: usize = 64;
/// Characters of a sealed click id.
pub const CLICK_CHARS: usize = 56;

const CLICK_PLAIN: usize = 25;
const COOKIE_PLAIN: usize = 12;
const REF_PLAIN: usize = 8;
const CLICK_KIND: &[u8] = b"ristourne click";
const COOKIE_KIND: &[u8] = b"ristourne buyer cookie";
const REF_KIND: &[u8] = b"ristourne buyer ref";
const SECRET_KIND: &[u8] = b"ristourne secret";
const DERIVED_KIND: &[u8] = b"ristourne key of a secret's holder";
/// The low 3 bits of a click's last byte are its quality, the next its consent; the rest is zero.
const QUALITY_BITS: u8 = 0b0111;
const CONSENT_BIT: u8 = 0b1000;

/// One key of the ring.
#[derive(Clone)]
pub struct SealKey {
    /// 0 to 63, written into every token it seals.
    pub number: u8,
    pub secret: [u8; 32],
}
impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealKey").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Keys that do not make a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    #[error("a key ring needs at least one key")]
    Empty,
    #[error("key number {0} is above 63")]
    Number(u8),
    #[error("key number {0} stands twice")]
    Twice(u8),
    #[error("key number {0} is not there")]
    Missing(u8),
}

/// What a sealed click id says: enough to attribute a sale without the click's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClickToken {
    /// Carries the click's time.
    pub click: ClickId,
    pub link: LinkId,
    pub buyer: Option<BuyerId>,
    pub consent: bool,
    /// The stored number of `domain::click::Quality`, at most 7.
    pub quality: u8,
}

/// What the portal's cookie says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuyerCookie {
    pub buyer: BuyerId,
    /// The day it was set; how long it holds is the reader's to decide.
    pub set_on: Day,
}

/// The keys that seal: one seals, all open. It may be renewed while others use it.
pub struct KeyRing(RwLock<Arc<Keys>>);

struct Keys {
    all: Vec<(u8, Aes256GcmSiv)>,
    /// The place of the one that seals.
    seals: usize,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys().all.iter().map(|(number, _)| number)).finish()
    }
}

impl Keys {
    fn new(keys: &[SealKey], seals: u8) -> Result<Self, RingError> {
        if keys.is_empty() {
            return Err(RingError::Empty);
        }
        for (at, key) in keys.iter().enumerate() {
            if key.number > KEY_NUMBER_MAX {
                return Err(RingError::Number(key.number));
            }
            if keys[..at].iter().any(|other| other.number == key.number) {
                return Err(RingError::Twice(key.number));
            }
        }
        let seals = keys.iter().position(|key| key.number == seals).ok_or(RingError::Missing(seals))?;
        Ok(Self { all: keys.iter().map(|key| (key.number, Aes256GcmSiv::new(&key.secret.into()))).collect(), seals })
    }
}

impl KeyRing {
    /// The last of `keys` seals.
    pub fn new(keys: &[SealKey]) -> Result<Self, RingError> {
        Ok(Self(RwLock::new(Arc::new(Keys::new(keys, keys.last().map_or(0, |key| key.number))?))))
    }

    /// From now on these keys open, and the one of this number seals. What is wrong with them leaves the ring as it is.
    pub fn renew(&self, keys: &[SealKey], seals: u8) -> Result<(), RingError> {
        let keys = Arc::new(Keys::new(keys, seals)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Whether these numbers are its keys, and this one seals.
    pub fn is(&self, numbers: impl Iterator<Item = u8>, seals: u8) -> bool {
        let keys = self.keys();
        keys.all[keys.seals].0 == seals && keys.all.iter().map(|(number, _)| *number).eq(numbers)
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The click id that travels as `rclid`: [`CLICK_CHARS`] characters.
    pub fn seal_click(&self, token: &ClickToken) -> String {
        let mut plain = [0; CLICK_PLAIN];
        plain[..8].copy_from_slice(&token.click.raw().to_be_bytes());
        plain[8..16].copy_from_slice(&token.link.raw().to_be_bytes());
        plain[16..24].copy_from_slice(&token.buyer.map_or(0, BuyerId::raw).to_be_bytes());
        plain[24] = token.quality & QUALITY_BITS | if token.consent { CONSENT_BIT } else { 0 };
        self.seal(CLICK_KIND, &plain)
    }

    /// Opens an `rclid`; `None` for whatever we did not seal.
    pub fn open_click(&self, text: &str) -> Option<ClickToken> {
        let plain: [u8; CLICK_PLAIN] = self.open(CLICK_KIND, text)?;
        let (buyer, flags) = (int64(&plain[16..24]), plain[24]);
        (flags & !(QUALITY_BITS | CONSENT_BIT) == 0).then(|| ClickToken {
            click: ClickId::from_raw(int64(&plain[..8])),
            link: LinkId::from_raw(int64(&plain[8..16])),
            buyer: (buyer != 0).then(|| BuyerId::from_raw(buyer)),
            consent: flags & CONSENT_BIT != 0,
            quality: flags & QUALITY_BITS,
        })
    }

    /// The value of the portal's `rst_buyer` cookie.
    pub fn seal_cookie(&self, cookie: BuyerCookie) -> String {
        let mut plain = [0; COOKIE_PLAIN];
        plain[..8].copy_from_slice(&cookie.buyer.raw().to_be_bytes());
        plain[8..].copy_from_slice(&i32::try_from(cookie.set_on.number()).unwrap_or(i32::MAX).to_be_bytes());
        self.seal(COOKIE_KIND, &plain)
    }

    pub fn open_cookie(&self, text: &str) -> Option<BuyerCookie> {
        let plain: [u8; COOKIE_PLAIN] = self.open(COOKIE_KIND, text)?;
        let day = i32::from_be_bytes(plain[8..].try_into().expect("four bytes of twelve"));
        Some(BuyerCookie { buyer: BuyerId::from_raw(int64(&plain[..8])), set_on: Day::from_number(day) })
    }

    /// A buyer's `ref`: the same text each time while the newest key stays.
    pub fn seal_ref(&self, buyer: BuyerId) -> String {
        self.seal(REF_KIND, &buyer.raw().to_be_bytes())
    }

    pub fn open_ref(&self, text: &str) -> Option<BuyerId> {
        let plain: [u8; REF_PLAIN] = self.open(REF_KIND, text)?;
        Some(BuyerId::from_raw(int64(&plain)))
    }

    fn seal(&self, kind: &[u8], plain: &[u8]) -> String {
        let keys = self.keys();
        let (number, key) = &keys.all[keys.seals];
        let mut token = [0; TOKEN_CHARS_MAX];
        let length = HEADER + plain.len() + TAG;
        token[0] = FORMAT << 6 | number;
        let (header, rest) = token.split_at_mut(HEADER);
        let (body, tag_room) = rest.split_at_mut(plain.len());
        body.copy_from_slice(plain);
        let tag = key
            .encrypt_inout_detached(&Nonce::default(), &Bound::new(kind, header[0]), body.into())
            .expect("AES-GCM-SIV seals anything below 64 GiB");
        tag_room[..TAG].copy_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(&token[..length])
    }

    fn open<const PLAIN: usize>(&self, kind: &[u8], text: &str) -> Option<[u8; PLAIN]> {
        if text.len() > TOKEN_CHARS_MAX {
            return None;
        }
        // The engine refuses padding and stray trailing bits, so that a token has exactly one text.
        let mut token = [0; TOKEN_CHARS_MAX];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut token).ok()?;
        if length != HEADER + PLAIN + TAG || token[0] >> 6 != FORMAT {
            return None;
        }
        let header = token[0];
        let keys = self.keys();
        let key = keys.all.iter().find_map(|(number, key)| (*number == header & KEY_NUMBER_MAX).then_some(key))?;
        let mut plain = [0; PLAIN];
        let (body, tag) = token[HEADER..length].split_at(PLAIN);
        plain.copy_from_slice(body);
        let tag: [u8; TAG] = tag.try_into().ok()?;
        key.decrypt_inout_detached(&Nonce::default(), &Bound::new(kind, header), plain.as_mut_slice().into(), &tag.into()).ok()?;
        Some(plain)
    }
}

/// A token's associated data: its kind, then its header byte.
struct Bound {
    bytes: [u8; 32],
    length: usize,
}
impl Bound {
    fn new(kind: &[u8], header: u8) -> Self {
        let mut bytes = [0; 32];
        bytes[..kind.len()].copy_from_slice(kind);
        bytes[kind.len()] = header;
        Self { bytes, length: kind.len() + 1 }
    }
}
impl std::ops::Deref for Bound {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn int64(bytes: &[u8]) -> i64 {
    i64::from_be_bytes(bytes.try_into().expect("callers cut eight bytes"))
}

/// The operator's master key, under which secrets are stored.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// Reads 32 bytes of standard padded base64, as `openssl rand -base64 32` prints them.
    pub fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// The key that whoever holds `secret` can make again, and nobody else. The secret must be one that cannot be guessed.
    pub fn derived(secret: &[u8]) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
        mac.update(DERIVED_KIND);
        Self(mac.finalize().into_bytes().into())
    }
}
impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(hidden)")
    }
}

/// How secrets stand in the database: sealed under the master key if there is one, else as they are.
pub struct Vault(Option<Aes256GcmSiv>);

/// A stored secret that does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("the secret was stored under a master key, and none is set (RISTOURNE_MASTER_KEY)")]
    Locked,
    #[error("the secret does not open: another master key sealed it, or it was altered")]
    Wrong,
}

const PLAIN: u8 = 0;
const SEALED: u8 = 1;
const NONCE: usize = 12;

impl Vault {
    pub fn new(master: Option<&MasterKey>) -> Self {
        Self(master.map(|key| Aes256GcmSiv::new(&key.0.into())))
    }

    /// What to store for `secret`. `nonce` is random: equal secrets then look different.
    pub fn seal_secret(&self, secret: &[u8], nonce: [u8; NONCE]) -> Vec<u8> {
        let Some(key) = &self.0 else { return [&[PLAIN], secret].concat() };
        let sealed =
            key.encrypt(&nonce.into(), Payload { msg: secret, aad: SECRET_KIND }).expect("AES-GCM-SIV seals anything below 64 GiB");
        [&[SEALED], nonce.as_slice(), &sealed].concat()
    }

    /// Whether a master key sealed what is stored.
    pub fn is_sealed(stored: &[u8]) -> bool {
        stored.first() != Some(&PLAIN)
    }

    /// The secret behind what [`Vault::seal_secret`] made. Secrets stored before there was a master key open as well.
    pub fn open_secret(&self, stored: &[u8]) -> Result<Vec<u8>, VaultError> {
        match stored.split_first() {
            Some((&PLAIN, secret)) => Ok(secret.to_vec()),
            Some((&SEALED, rest)) => {
                let key = self.0.as_ref().ok_or(VaultError::Locked)?;
                let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(VaultError::Wrong)?;
                key.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: SECRET_KIND }).map_err(|_| VaultError::Wrong)
            }
            _ => Err(VaultError::Wrong),
        }
    }
}
impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Vault(sealed)" } else { "Vault(plain)" })
    }
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
