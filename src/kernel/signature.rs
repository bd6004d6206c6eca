//! Signatures of messages: Standard Webhooks 1.0.0 and the signed URL, verified and made. Tags are compared in constant time.

use crate::{codes, kernel::time::Time};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;

/// How far a message's timestamp may lie from our clock, either way, in seconds. From Standard Webhooks.
pub const TOLERANCE_SECONDS: i64 = 300;
/// How many signatures of one message are looked at: senders rotate between two secrets, so this is ample, and it bounds the work.
const SIGNATURES_MAX: usize = 16;
const TAG: usize = 32;
const PREFIX: &str = "whsec_";
/// `-9223372036854775808` is longer than any timestamp that will ever be in range.
const TIMESTAMP_DIGITS_MAX: usize = 15;

codes! {
    /// Why a message is not believed; each is a 401.
    pub enum SignatureError {
        Missing = "signature_missing", "The signature or one of its parts is missing.", "La signature ou l’une de ses parties manque.";
        Timestamp = "timestamp_out_of_range", "The timestamp is not within five minutes of our clock.", "L’horodatage s’écarte de plus de cinq minutes de notre horloge.";
        Invalid = "signature_invalid", "The signature does not fit.", "La signature n’est pas valable.";
    }
}
impl std::error::Error for SignatureError {}

/// A merchant's or endpoint's signing secret: 24 to 64 random bytes, written `whsec_` and standard padded base64.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

/// Not a signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a signing secret: `whsec_` and the padded base64 of 24 to 64 bytes")]
pub struct SecretError;

impl WebhookSecret {
    /// A new secret from 32 random bytes.
    pub fn generate(random: [u8; 32]) -> Self {
        Self(random.to_vec())
    }
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let bytes = text.strip_prefix(PREFIX).and_then(|rest| STANDARD.decode(rest).ok()).ok_or(SecretError)?;
        if (24..=64).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(SecretError) }
    }
    /// The text that the merchant is shown once.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }
}
impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(hidden)")
    }
}

/// The three headers of Standard Webhooks, as received.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'a> {
    /// `webhook-id`
    pub id: Option<&'a str>,
    /// `webhook-timestamp`, seconds since 1970
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`: `v1,<base64>`, several separated by spaces
    pub signature: Option<&'a str>,
}

/// Checks a message. One signature that fits one of `secrets` is enough; versions other than `v1` are skipped. Without any secret the answer
/// is that of a wrong signature.
pub fn verify<'s>(
    secrets: impl IntoIterator<Item = &'s WebhookSecret>,
    headers: Headers<'_>,
    body: &[u8],
    now: Time,
) -> Result<(), SignatureError> {
    let present = |value: Option<&'_ str>| value.is_some_and(|text| !text.is_empty());
    if !present(headers.id) || !present(headers.timestamp) || !present(headers.signature) {
        return Err(SignatureError::Missing);
    }
    let (id, timestamp, signature) =
        (headers.id.unwrap_or_default(), headers.timestamp.unwrap_or_default(), headers.signature.unwrap_or_default());
    check_timestamp(timestamp, now)?;
    let tags: Vec<[u8; TAG]> = signature.split(' ').take(SIGNATURES_MAX).filter_map(v1_tag).collect();
    for secret in secrets {
        let mac = message_mac(secret, id, timestamp, body);
        if tags.iter().any(|tag| mac.clone().verify_slice(tag).is_ok()) {
            return Ok(());
        }
    }
    Err(SignatureError::Invalid)
}

/// The `webhook-signature` of a message sent at `timestamp`, seconds since 1970.
pub fn sign(secret: &WebhookSecret, id: &str, timestamp: i64, body: &[u8]) -> String {
    let tag = message_mac(secret, id, &timestamp.to_string(), body).finalize().into_bytes();
    format!("v1,{}", STANDARD.encode(tag))
}

/// Checks a signed URL's raw query string: `sig` comes last, the hexadecimal HMAC-SHA256 of everything before `&sig=`, keyed with the whole
/// text of the secret; `ts` is checked like `webhook-timestamp` and stands once.
pub fn verify_query<'s>(secrets: impl IntoIterator<Item = &'s WebhookSecret>, query: &str, now: Time) -> Result<(), SignatureError> {
    let (signed, sig) = query.rsplit_once("&sig=").ok_or(SignatureError::Missing)?;
    let mut stamps = signed.split('&').filter_map(|pair| pair.strip_prefix("ts="));
    match (stamps.next(), stamps.next()) {
        (Some(only), None) => check_timestamp(only, now)?,
        (None, _) => return Err(SignatureError::Missing),
        (Some(_), Some(_)) => return Err(SignatureError::Timestamp),
    }
    let tag = hex_tag(sig).ok_or(SignatureError::Invalid)?;
    let fits = |secret: &WebhookSecret| keyed(secret.reveal().as_bytes()).chain_update(signed).verify_slice(&tag).is_ok();
    if secrets.into_iter().any(fits) { Ok(()) } else { Err(SignatureError::Invalid) }
}

/// The `sig` of a query string (everything before `&sig=`).
pub fn sign_query(secret: &WebhookSecret, query: &str) -> String {
    use fmt::Write as _;
    let tag = keyed(secret.reveal().as_bytes()).chain_update(query).finalize().into_bytes();
    tag.iter().fold(String::with_capacity(2 * TAG), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String never fails");
        hex
    })
}

fn check_timestamp(text: &str, now: Time) -> Result<(), SignatureError> {
    let digits = text.len() <= TIMESTAMP_DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 = digits.then(|| text.parse().ok()).flatten().ok_or(SignatureError::Timestamp)?;
    let off = now.seconds().abs_diff(seconds);
    if off <= TOLERANCE_SECONDS.unsigned_abs() { Ok(()) } else { Err(SignatureError::Timestamp) }
}

fn message_mac(secret: &WebhookSecret, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    keyed(&secret.0).chain_update(id).chain_update(".").chain_update(timestamp).chain_update(".").chain_update(body)
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// The whole tag of a `v1` signature; `None` for other versions and for shortened tags.
fn v1_tag(signature: &str) -> Option<[u8; TAG]> {
    STANDARD.decode(signature.strip_prefix("v1,")?).ok()?.try_into().ok()
}

fn hex_tag(text: &str) -> Option<[u8; TAG]> {
    let digits = text.as_bytes();
    let mut tag = [0; TAG];
    if digits.len() != 2 * TAG {
        return None;
    }
    for (byte, pair) in tag.iter_mut().zip(digits.chunks_exact(2)) {
        let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the Standard Webhooks specification and its libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const STAMP: &str = "1614265330";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000)
    }
    fn check(signature: &str, stamp: &str, body: &[u8], now: i64) -> Result<(), SignatureError> {
        let secrets = [WebhookSecret::generate([1; 32]), WebhookSecret::parse(SECRET).expect("a secret")];
        let headers = Headers { id: Some(ID), timestamp: Some(stamp), signature: Some(signature) };
        verify(&secrets, headers, body, at(now))
    }

    #[test]
    fn the_standards_own_example_is_accepted_and_made() {
        let secret = WebhookSecret::parse(SECRET).expect("a secret");
        assert_eq!(sign(&secret, ID, 1_614_265_330, BODY), SIGNATURE);
        assert_eq!(check(SIGNATURE, STAMP, BODY, 1_614_265_330), Ok(()));
        let several = format!("v1a,AAAA v2,{} v1,!!! {SIGNATURE}", &SIGNATURE[3..]);
        assert_eq!(check(&several, STAMP, BODY, 1_614_265_330), Ok(()));
    }

    #[test]
    fn refusals() {
        let now = 1_614_265_330;
        let versions_only = SIGNATURE.replace("v1", "v2");
        for (signature, stamp, body, clock, wanted) in [
            (SIGNATURE, STAMP, b"{}".as_slice(), now, SignatureError::Invalid),
            (&versions_only, STAMP, BODY, now, SignatureError::Invalid),
            (&SIGNATURE[..40], STAMP, BODY, now, SignatureError::Invalid),
            ("v1,g0hM9SsE+OTPJTGt/tmIKg==", STAMP, BODY, now, SignatureError::Invalid),
            (SIGNATURE, STAMP, BODY, now + 301, SignatureError::Timestamp),
            (SIGNATURE, STAMP, BODY, now - 301, SignatureError::Timestamp),
            (SIGNATURE, "+1614265330", BODY, now, SignatureError::Timestamp),
            (SIGNATURE, " 1614265330", BODY, now, SignatureError::Timestamp),
            (SIGNATURE, "1614265330.0", BODY, now, SignatureError::Timestamp),
            (SIGNATURE, "١٦١٤٢٦٥٣٣٠", BODY, now, SignatureError::Timestamp),
            (SIGNATURE, "99999999999999999999", BODY, now, SignatureError::Timestamp),
            (SIGNATURE, "", BODY, now, SignatureError::Missing),
            ("", STAMP, BODY, now, SignatureError::Missing),
        ] {
            assert_eq!(check(signature, stamp, body, clock), Err(wanted), "{signature} {stamp} {clock}");
        }
        assert_eq!(check(SIGNATURE, STAMP, BODY, now + 300), Ok(()));
        let nobody: [WebhookSecret; 0] = [];
        let headers = Headers { id: Some(ID), timestamp: Some(STAMP), signature: Some(SIGNATURE) };
        assert_eq!(verify(&nobody, headers, BODY, at(now)), Err(SignatureError::Invalid));
        assert_eq!(verify(&nobody, Headers { id: None, ..headers }, BODY, at(now)), Err(SignatureError::Missing));
    }

    #[test]
    fn secrets_are_strict_and_hidden() {
        let secret = WebhookSecret::generate([7; 32]);
        assert_eq!(WebhookSecret::parse(&secret.reveal()), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "WebhookSecret(hidden)");
        let short = format!("whsec_{}", STANDARD.encode([0; 23]));
        let long = format!("whsec_{}", STANDARD.encode([0; 65]));
        let urlsafe = SECRET.replace("whsec_M", "whsec_-");
        for bad in ["", "whsec_", &SECRET[6..], &short, &long, &urlsafe, &format!("{SECRET}=")] {
            assert_eq!(WebhookSecret::parse(bad), Err(SecretError), "{bad}");
        }
    }

    #[test]
    fn signed_urls() {
        let secret = WebhookSecret::parse(SECRET).expect("a secret");
        let query = "program=prg_1&order_id=A%261&amount=1.00&ts=1614265330";
        let (sig, now) = (sign_query(&secret, query), at(1_614_265_330));
        let check = |text: &str, now: Time| verify_query([&secret], text, now);
        assert_eq!(check(&format!("{query}&sig={sig}"), now), Ok(()));
        assert_eq!(check(&format!("{query}&sig={}", sig.to_uppercase()), now), Ok(()));
        for (text, wanted) in [
            (query.to_owned(), SignatureError::Missing),
            (format!("sig={sig}&{query}"), SignatureError::Missing),
            (format!("{query}&sig={sig}&amount=9"), SignatureError::Invalid),
            (format!("{query}&amount=9&sig={sig}"), SignatureError::Invalid),
            (format!("{query}&sig={}", &sig[..32]), SignatureError::Invalid),
            (format!("{query}&sig="), SignatureError::Invalid),
            (format!("{query}&sig={}", "é".repeat(32)), SignatureError::Invalid),
            (format!("{query}&ts=1614265330&sig={sig}"), SignatureError::Timestamp),
            (format!("amount=1&sig={sig}"), SignatureError::Missing),
        ] {
            assert_eq!(check(&text, now), Err(wanted), "{text}");
        }
        assert_eq!(check(&format!("{query}&sig={sig}"), at(1_614_265_631)), Err(SignatureError::Timestamp));
    }

    /// Google's Wycheproof vectors (C2SP/wycheproof, Apache-2.0): whole tags that fit are accepted, everything else is refused.
    #[test]
    fn wycheproof() {
        let file: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/webhooks/wycheproof_hmac_sha256_test.json")).expect("JSON");
        let bytes = |value: &serde_json::Value| -> Vec<u8> {
            let hex = value.as_str().expect("a string");
            (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hexadecimal")).collect()
        };
        let (mut accepted, mut refused) = (0, 0);
        for group in file["testGroups"].as_array().expect("groups") {
            for test in group["tests"].as_array().expect("tests") {
                let tag = bytes(&test["tag"]);
                let fits = keyed(&bytes(&test["key"])).chain_update(bytes(&test["msg"])).verify_slice(&tag).is_ok();
                let whole = tag.len() == TAG;
                assert_eq!(fits, whole && test["result"] == "valid", "test {}", test["tcId"]);
                // The text forms refuse what is not a whole tag before anything is compared.
                assert_eq!(v1_tag(&format!("v1,{}", STANDARD.encode(&tag))).is_some(), whole);
                if fits { accepted += 1 } else { refused += 1 }
            }
        }
        assert_eq!(accepted + refused, 174);
        assert!(accepted > 30 && refused > 100, "{accepted} accepted");
    }
}
