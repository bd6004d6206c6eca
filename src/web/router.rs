//! Which path is whose: what the edge answers on its own thread, and the routes of everything else with one log line a request.

use crate::{
    engine::engine::Engine,
    kernel::{address::Address, id},
    web::{
        actor::{Client, Keys},
        api, docs,
        edge::{EdgeBody, Fast},
        headers::REQUEST_ID,
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
use metrics_exporter_prometheus::PrometheusHandle;
use std::{sync::Arc, time::Instant};

/// What a running engine shows to the outside, within these limits; `metrics` renders what `/metrics` says.
pub fn build(engine: &Arc<Engine>, limits: limits::Options, metrics: PrometheusHandle) -> (Front, Router) {
    let limits = Arc::new(Limits::new(limits));
    (Front { engine: Arc::clone(engine), limits: Arc::clone(&limits) }, router(Arc::clone(engine), limits, metrics))
}

/// Redirects and postbacks.
#[derive(Debug)]
pub struct Front {
    engine: Arc<Engine>,
    limits: Arc<Limits>,
}

impl Fast for Front {
    fn owns(&self, path: &str) -> bool {
        path.starts_with(redirect::PREFIX) || intake::owns(path)
    }

    fn prepare(&self) {
        redirect::prepare();
    }

    async fn answer(&self, request: http::Request<EdgeBody>, client: Address) -> Response {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let now = self.engine.clock.now();
        let (route, mut answer) = if parts.uri.path().starts_with(redirect::PREFIX) {
            ("/c/{slug}", redirect::answer(&self.engine, &parts, client, now).await)
        } else {
            let body = body.whole(intake::BODY_BYTES_MAX);
            (intake::route(parts.uri.path()), intake::answer(&self.engine, &self.limits, &parts, body, now).await)
        };
        count(route, answer.status(), started);
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
    let mut request_id = "req_".to_owned();
    id::encode(engine.ids.next(engine.clock.now()), &mut request_id).expect("writing to a String never fails");
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }
    request_id
}

fn router(engine: Arc<Engine>, limits: Arc<Limits>, metrics: PrometheusHandle) -> Router {
    let keys = Arc::new(Keys::new(engine.db.clone(), engine.clock.clone(), limits));
    Router::new()
        .merge(health::routes(Arc::clone(&engine), metrics))
        .merge(docs::routes())
        .merge(openapi::routes())
        .nest(api::PREFIX, api::router(Arc::clone(&engine), keys))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || {
            // The header `Allow` is axum's to add: it knows the path's methods.
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not take that method.")
        })
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
    count(route.map_or("unknown".into(), metrics::SharedString::from), answer.status(), started);
    let took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    tracing::info!(%method, path, client, status = answer.status().as_u16(), took_us, request_id, "request");
    answer
}

fn count(route: impl Into<metrics::SharedString>, status: StatusCode, started: Instant) {
    let route = route.into();
    metrics::counter!("ristourne_http_requests_total", "route" => route.clone(), "status" => status.as_str().to_owned()).increment(1);
    metrics::histogram!("ristourne_http_request_duration_seconds", "route" => route).record(started.elapsed());
}
