//! Which path is whose: what the edge answers on its own thread, and the routes of everything else with one log line a request.

use crate::{
    domain::claim,
    engine::engine::Engine,
    kernel::address::Address,
    web::{
        actor::{Client, Keys},
        api, docs,
        edge::{EdgeBody, Fast},
        headers::{self, REQUEST_ID},
        health, intake,
        limits::{self, Limits},
        openapi,
        problem::{self, Problem},
        redirect,
    },
};
pub use axum::Router;
use axum::{
    extract::{MatchedPath, Request, State},
    middleware::{self, Next},
    response::Response,
};
use http::{HeaderValue, StatusCode};
use metrics::{Counter, Histogram, SharedString};
use metrics_exporter_prometheus::PrometheusHandle;
use std::{sync::Arc, time::Instant};

/// What a running engine shows to the outside, within these limits; `metrics` renders what `/metrics` says.
pub fn build(engine: &Arc<Engine>, limits: limits::Options, metrics: PrometheusHandle) -> (Front, Router) {
    let (import_bytes_max, claims) = (limits.import_bytes_max, limits.claims);
    let limits = Arc::new(Limits::new(limits));
    let front = Front {
        engine: Arc::clone(engine),
        limits: Arc::clone(&limits),
        redirects: Tally::new("/c/{slug}", StatusCode::FOUND),
        postbacks: Tally::new(intake::POSTBACK, StatusCode::CREATED),
        pixels: Tally::new(intake::PIXEL, StatusCode::OK),
    };
    (front, router(Arc::clone(engine), limits, import_bytes_max, claims, metrics))
}

/// Redirects and postbacks.
#[derive(Debug)]
pub struct Front {
    engine: Arc<Engine>,
    limits: Arc<Limits>,
    redirects: Tally,
    postbacks: Tally,
    pixels: Tally,
}

impl Fast for Front {
    fn owns(&self, path: &str) -> bool {
        path.starts_with(redirect::PREFIX) || intake::owns(path)
    }

    fn prepare(&self) {
        redirect::prepare();
        // Those who wait for a commit wait here.
        tokio::spawn(self.engine.clicks.attend());
        tokio::spawn(self.engine.ledger.attend());
    }

    async fn answer(&self, request: http::Request<EdgeBody>, client: Address) -> Response {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let now = self.engine.clock.now();
        let (tally, mut answer) = if parts.uri.path().starts_with(redirect::PREFIX) {
            (&self.redirects, redirect::answer(&self.engine, &parts, client, now).await)
        } else {
            let body = body.whole(intake::BODY_BYTES_MAX);
            let tally = if parts.uri.path() == intake::PIXEL { &self.pixels } else { &self.postbacks };
            (tally, intake::answer(&self.engine, &self.limits, &parts, body, now).await)
        };
        tally.count(answer.status(), started);
        // These are most of all requests: their lines, and the ids of those that have no other, are made when somebody reads them.
        if tracing::enabled!(tracing::Level::DEBUG) {
            let request_id = match answer.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()) {
                Some(id) => id.to_owned(),
                None => name(&self.engine, &mut answer),
            };
            let (method, path, client) = (&parts.method, parts.uri.path(), client.anonymised());
            let took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::debug!(%method, path, %client, status = answer.status().as_u16(), took_us, request_id, "request");
        }
        answer
    }
}

/// Gives an answer an id.
fn name(engine: &Engine, answer: &mut Response) -> String {
    let request_id = headers::request_id(engine.ids.next(engine.clock.now()));
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }
    request_id
}

fn router(engine: Arc<Engine>, limits: Arc<Limits>, import_bytes_max: u64, claims: claim::Settings, metrics: PrometheusHandle) -> Router {
    let keys = Arc::new(Keys::new(engine.db.clone(), engine.clock.clone(), limits));
    Router::new()
        .merge(health::routes(Arc::clone(&engine), metrics))
        .merge(docs::routes())
        .merge(openapi::routes())
        .nest(api::PREFIX, api::router(Arc::clone(&engine), keys, import_bytes_max, claims))
        .fallback(async || Problem::not_found())
        // The header `Allow` is axum's to add: it knows the path's methods.
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .layer(middleware::from_fn(problem::for_browsers))
        .layer(middleware::from_fn_with_state(engine, note))
}

/// Counts a request, logs it in one line and gives it an id. The query is left out, and so is a path that is none of ours: they may hold
/// what is nobody's business.
async fn note(State(engine): State<Arc<Engine>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let client = request.extensions().get::<Client>().map(|client| client.0.anonymised().to_string());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let path = route.as_ref().map(|_| request.uri().path().to_owned());
    let mut answer = next.run(request).await;
    let request_id = name(&engine, &mut answer);
    count(route.map_or("unknown".into(), SharedString::from), answer.status(), started);
    let took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    tracing::info!(%method, path, client, status = answer.status().as_u16(), took_us, request_id, "request");
    answer
}

/// Counts the answers of one route. The usual status is looked up once: to find a metric by its labels takes as long as to seal a click.
#[derive(Debug)]
struct Tally {
    route: &'static str,
    usual: StatusCode,
    answered: Counter,
    took: Histogram,
}

impl Tally {
    fn new(route: &'static str, usual: StatusCode) -> Self {
        Self { route, usual, answered: answered(route.into(), usual), took: took(route.into()) }
    }

    fn count(&self, status: StatusCode, started: Instant) {
        if status == self.usual {
            self.answered.increment(1);
        } else {
            answered(self.route.into(), status).increment(1);
        }
        self.took.record(started.elapsed());
    }
}

fn answered(route: SharedString, status: StatusCode) -> Counter {
    metrics::counter!("ristourne_http_requests_total", "route" => route, "status" => status.as_str().to_owned())
}

fn took(route: SharedString) -> Histogram {
    metrics::histogram!("ristourne_http_request_duration_seconds", "route" => route)
}

fn count(route: SharedString, status: StatusCode, started: Instant) {
    answered(route.clone(), status).increment(1);
    took(route).record(started.elapsed());
}
