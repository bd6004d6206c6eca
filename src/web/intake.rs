//! `POST /postback`, `GET /postback` and `GET /pixel.gif`: read → program → signature → act → ledger writer → answer.
//!
//! What is refused goes to the ledger writer as well, so that it stands in the inbox with its verdict before its sender is answered.

use crate::{
    domain::{
        access::Scope,
        command::{Act, Channel, Command, Message, Outcome},
        order::Actor,
        program::Program,
        reason::Refusal,
        sale::OpenedClick,
    },
    engine::{catalogue::Catalogue, engine::Engine},
    formats::postback::{Postback, Received},
    kernel::{
        code::Language,
        fields::FieldErrors,
        id::{InboxId, MerchantId},
        object::NOT_JSON,
        seal::KeyRing,
        signature::{self, SignatureError, WebhookSecret},
        time::Time,
    },
    web::{
        headers::{self, VERDICT, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP},
        json,
        limits::{Limits, Sender},
        problem::Problem,
    },
};
use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use sha2::{Digest as _, Sha256};

pub const POSTBACK: &str = "/postback";
pub const PIXEL: &str = "/pixel.gif";
/// A longer body is answered with 413.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// What is kept of a body that anybody can have sent; its SHA-256 covers the whole.
const ANONYMOUS_BYTES_KEPT: usize = 4 * 1024;
/// As long as an `Idempotency-Key`.
const WEBHOOK_ID_CHARS_MAX: usize = 255;
/// One transparent pixel.
const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// Whether a path is answered here.
pub fn owns(path: &str) -> bool {
    path == POSTBACK || path == PIXEL
}

/// Answers a request for one of the paths. `body` is only read where the method has one.
pub async fn answer(
    engine: &Engine,
    limits: &Limits,
    parts: &Parts,
    body: impl Future<Output = Result<Bytes, Problem>>,
    now: Time,
) -> Response {
    let query = parts.uri.query().unwrap_or_default();
    let arrival = |channel, raw| Arrival { channel, headers: &parts.headers, raw, now };
    match (parts.uri.path(), &parts.method) {
        (PIXEL, &Method::GET) => {
            settle(engine, limits, &arrival(Channel::Pixel, query.as_bytes())).await.answer(|settled| picture(&settled))
        }
        (PIXEL, _) => Problem::method("GET").answer(&parts.headers),
        (_, &Method::GET) => settle(engine, limits, &arrival(Channel::SignedUrl, query.as_bytes())).await.answer(spoken),
        (_, &Method::POST) => match body.await {
            Ok(body) => settle(engine, limits, &arrival(Channel::Postback, &body)).await.answer(spoken),
            Err(problem) => problem.into_response(),
        },
        _ => Problem::method("GET, POST").answer(&parts.headers),
    }
}

/// A message as it came.
#[derive(Debug, Clone, Copy)]
struct Arrival<'a> {
    channel: Channel,
    headers: &'a HeaderMap,
    /// The body, or the raw query string.
    raw: &'a [u8],
    now: Time,
}

/// A message understood: what it asks for, or why it is refused.
#[derive(Debug)]
struct Judged {
    act: Result<Act, Refused>,
    /// Whose message it is, if that is certain enough to file it there.
    merchant: Option<MerchantId>,
    test: bool,
}

/// Why a message never becomes a command of its own.
#[derive(Debug)]
enum Refused {
    /// 415
    Media(FieldErrors),
    /// 401, also for a program that does not exist.
    Signature(SignatureError),
    /// 403: the program takes no unsigned messages, or does not exist.
    NoPixel,
    /// 422
    Fields(FieldErrors),
}

/// What a message came to, after the commit; one beyond the limit, or not known to be stored, is an answer of its own.
type Outcomes = Result<(Outcome, Option<Refused>), Problem>;

/// A message that was dealt with.
struct Settled {
    /// The id of its row in the inbox; one of a request where there is none, or none for certain.
    request_id: String,
    outcome: Outcomes,
}

impl Settled {
    fn answer(self, say: impl FnOnce(Outcomes) -> Response) -> Response {
        let mut answer = say(self.outcome);
        let id = HeaderValue::try_from(self.request_id).expect("ids are visible ASCII");
        answer.headers_mut().insert(headers::REQUEST_ID, id);
        answer
    }
}

async fn settle(engine: &Engine, limits: &Limits, arrival: &Arrival<'_>) -> Settled {
    let id = InboxId::from_raw(engine.ids.next(arrival.now));
    let outcome = judge(engine, limits, arrival, id).await;
    let channel = arrival.channel.word();
    let request_id = if outcome.is_ok() { id.to_string() } else { headers::request_id(id.raw()) };
    match &outcome {
        Ok((outcome, _)) => {
            let verdict = outcome.verdict();
            metrics::counter!("ristourne_postbacks_total", "channel" => channel, "verdict" => verdict).increment(1);
            if outcome.http() >= 400 {
                tracing::info!(channel, verdict, status = outcome.http(), request_id, "message refused");
            }
        }
        // Whoever is limited is told so; a line each would be another flood.
        Err(problem) if problem.status() == StatusCode::TOO_MANY_REQUESTS => {}
        Err(problem) => tracing::warn!(channel, code = problem.code(), request_id, "message not stored"),
    }
    Settled { request_id, outcome }
}

async fn judge(engine: &Engine, limits: &Limits, arrival: &Arrival<'_>, id: InboxId) -> Outcomes {
    let read = arrival.read();
    let named = read.as_ref().ok().and_then(Postback::program);
    let entry = match named {
        Some(id) => engine.catalogue.find_program(id).await.map_err(|_| Problem::unavailable())?,
        None => None,
    };
    let program = entry.as_deref().map(|entry| &entry.program);
    let signature = match program {
        Some(program) => arrival.signature(&engine.catalogue, program.merchant).await?,
        None => arrival.verify(std::iter::empty()),
    };
    limits.postback(match program {
        Some(program) if signature.is_ok() && arrival.channel != Channel::Pixel => Sender::Signed(program.merchant),
        Some(program) => Sender::Unsigned(program.merchant),
        None => Sender::Unknown,
    })?;
    let judged = arrival.judge(read, program, signature, &engine.ring);
    let (command, refused) = arrival.command(judged, program, id);
    let outcome = engine.ledger.submit(command).await.map_err(|_| Problem::unavailable())?;
    let outcome = match program {
        Some(program) => Scope::Merchant(program.merchant).outcome(outcome),
        None => outcome,
    };
    Ok((outcome, refused))
}

impl<'a> Arrival<'a> {
    fn read(&self) -> Result<Postback<'a>, FieldErrors> {
        if self.channel == Channel::Postback {
            if json::is_json(self.headers) { Postback::parse_body(self.raw) } else { Err(not_json()) }
        } else {
            match str::from_utf8(self.raw) {
                Ok(query) => Postback::parse_query(query),
                Err(_) => Err(not_utf8()),
            }
        }
    }

    /// Whether it is believed, and what it asks for. The body's grammar comes first, since the body names the program whose secrets count.
    fn judge(
        &self,
        read: Result<Postback<'a>, FieldErrors>,
        program: Option<&Program>,
        signature: Result<(), SignatureError>,
        ring: &KeyRing,
    ) -> Judged {
        let refuse = |refused| Judged { act: Err(refused), merchant: None, test: false };
        let signed = self.channel != Channel::Pixel;
        let read = match read {
            Err(errors) if errors.code() == NOT_JSON => return refuse(Refused::Media(errors)),
            read => read,
        };
        let postback = match (read, signature) {
            (Err(errors), Ok(()) | Err(SignatureError::Invalid)) => return refuse(Refused::Fields(errors)),
            (_, Err(error)) => return refuse(Refused::Signature(error)),
            (Ok(postback), Ok(())) => postback,
        };
        let Some(program) = program.filter(|program| signed || program.pixel) else { return refuse(Refused::NoPixel) };
        let test = postback.is_test();
        let open = |text: &str| ring.open_click(text).as_ref().and_then(OpenedClick::of);
        let act = match self.webhook_id() {
            Some(id) if id.len() > WEBHOOK_ID_CHARS_MAX => Err(long_webhook_id()),
            _ => postback.into_act(program, Received { at: self.now, signed }, &open),
        };
        Judged { act: act.map_err(Refused::Fields), merchant: Some(program.merchant), test }
    }

    /// Whether one of the merchant's secrets signed it; if none that is known did, those of the database are asked too.
    async fn signature(&self, catalogue: &Catalogue, merchant: MerchantId) -> Result<Result<(), SignatureError>, Problem> {
        let verified = self.verify(catalogue.secrets(merchant).iter());
        if !matches!(verified, Err(SignatureError::Invalid)) {
            return Ok(verified);
        }
        catalogue.read_secrets(merchant).await.map_err(|_| Problem::unavailable())?;
        Ok(self.verify(catalogue.secrets(merchant).iter()))
    }

    /// What needs no signature has a good one.
    fn verify<'s>(&self, secrets: impl Iterator<Item = &'s WebhookSecret>) -> Result<(), SignatureError> {
        if self.channel == Channel::Pixel {
            Ok(())
        } else if self.channel == Channel::Postback {
            let text = |name| headers::text(self.headers, name);
            let signed =
                signature::Headers { id: text(&WEBHOOK_ID), timestamp: text(&WEBHOOK_TIMESTAMP), signature: text(&WEBHOOK_SIGNATURE) };
            signature::verify(secrets, signed, self.raw, self.now)
        } else {
            // A query that is not UTF-8 was signed by nobody.
            signature::verify_query(secrets, str::from_utf8(self.raw).unwrap_or_default(), self.now)
        }
    }

    fn webhook_id(&self) -> Option<&'a str> {
        (self.channel == Channel::Postback).then(|| headers::text(self.headers, &WEBHOOK_ID))?
    }

    /// The command, and what it was refused for if it only notes that.
    fn command(&self, judged: Judged, program: Option<&Program>, id: InboxId) -> (Command, Option<Refused>) {
        let Judged { act, merchant, test } = judged;
        let signed = merchant.is_some() && self.channel != Channel::Pixel;
        let kept = if signed { self.raw } else { &self.raw[..self.raw.len().min(ANONYMOUS_BYTES_KEPT)] };
        let message = Message {
            id,
            received_at: self.now,
            channel: self.channel,
            by: Actor::Merchant,
            merchant,
            program: program.map(|program| program.id),
            webhook_id: self.webhook_id().filter(|id| signed && id.len() <= WEBHOOK_ID_CHARS_MAX).map(str::to_owned),
            body: kept.to_vec(),
            body_hash: Sha256::digest(self.raw).into(),
        };
        match act {
            Ok(act) => (Command { test, ..Command::new(message, act) }, None),
            Err(refused) => (Command { test, ..Command::new(message, refused.act()) }, Some(refused)),
        }
    }
}

impl Refused {
    fn http(&self) -> StatusCode {
        match self {
            Self::Media(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Signature(_) => StatusCode::UNAUTHORIZED,
            Self::NoPixel => StatusCode::FORBIDDEN,
            Self::Fields(_) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Media(errors) | Self::Fields(errors) => errors.code(),
            Self::Signature(error) => error.code(),
            Self::NoPixel => "no_pixel",
        }
    }

    fn act(&self) -> Act {
        let errors = match self {
            Self::Media(errors) | Self::Fields(errors) => errors.clone(),
            Self::Signature(_) | Self::NoPixel => FieldErrors::default(),
        };
        Act::Refused { http: self.http().as_u16(), code: self.code(), errors }
    }

    fn problem(&self) -> Problem {
        match self {
            Self::Media(errors) | Self::Fields(errors) => Problem::fields(errors),
            Self::Signature(error) => Problem::new(self.http(), self.code(), error.text(Language::En)),
            Self::NoPixel => Problem::new(self.http(), self.code(), "This program takes no unsigned messages."),
        }
    }
}

/// The answer in words: JSON, or a problem.
fn spoken(settled: Outcomes) -> Response {
    let (outcome, refused) = match settled {
        Ok(settled) => settled,
        Err(problem) => return problem.into_response(),
    };
    let none = FieldErrors::default();
    match (&outcome, &refused) {
        (Outcome::Refused(refusal), _) => refusal_problem(*refusal, outcome.http()).into_response(),
        (Outcome::Noted { .. }, Some(refused)) => refused.problem().into_response(),
        (_, Some(Refused::Media(errors) | Refused::Fields(errors))) => said(&outcome, errors),
        _ => said(&outcome, &none),
    }
}

fn said(outcome: &Outcome, errors: &FieldErrors) -> Response {
    let status = StatusCode::from_u16(outcome.http()).unwrap_or(StatusCode::OK);
    json::answer(status, &json::verdict(outcome, errors))
}

fn refusal_problem(refusal: Refusal, http: u16) -> Problem {
    let status = StatusCode::from_u16(http).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    Problem::new(status, refusal.code(), refusal.text(Language::En))
}

/// The pixel's answer: always the picture, since a broken one would show on the shop's page; the verdict is a header.
fn picture(settled: &Outcomes) -> Response {
    let verdict = match settled {
        Ok((outcome, _)) => outcome.verdict(),
        Err(problem) => problem.code(),
    };
    let mut answer = Response::new(Body::from(GIF));
    headers::seal_answer(answer.headers_mut());
    answer.headers_mut().insert(header::CONTENT_TYPE, headers::GIF);
    answer.headers_mut().insert(VERDICT, HeaderValue::from_static(verdict));
    answer
}

fn not_json() -> FieldErrors {
    one("", NOT_JSON, "not JSON: `Content-Type: application/json` is wanted")
}

fn not_utf8() -> FieldErrors {
    one("", "invalid_text", "the query is not UTF-8")
}

fn long_webhook_id() -> FieldErrors {
    one("webhook-id", "too_long", "at most 255 characters")
}

fn one(field: &str, code: &'static str, detail: &str) -> FieldErrors {
    let mut errors = FieldErrors::default();
    errors.push(field, code, detail);
    errors
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
