//! Everything that the edge does not answer itself: the API, the health routes, and one log line a request.

use crate::{
    engine::engine::Engine,
    kernel::id,
    web::{
        actor::Keys,
        api, health,
        problem::{self, Problem},
    },
};
use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    middleware::{self, Next},
    response::Response,
};
use http::{HeaderName, HeaderValue, StatusCode};
use metrics_exporter_prometheus::PrometheusHandle;
use std::{sync::Arc, time::Instant};

/// Names a request in the log and in its answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The router of a running engine; `metrics` renders what `/metrics` says.
pub fn router(engine: Arc<Engine>, metrics: PrometheusHandle) -> Router {
    let keys = Arc::new(Keys::new(engine.db.clone(), engine.clock.clone()));
    Router::new()
        .merge(health::routes(engine.db.clone(), metrics))
        .nest("/api/v1", api::routes(Arc::clone(&engine), keys))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || {
            // The header `Allow` is axum's to add: it knows the path's methods.
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not take that method.")
        })
        .layer(middleware::from_fn(problem::for_browsers))
        .layer(middleware::from_fn_with_state(engine, note))
}

/// Counts a request, logs it in one line and gives it an id. The query is left out: it may hold a signature or an address.
async fn note(State(engine): State<Arc<Engine>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let mut request_id = "req_".to_owned();
    id::encode(engine.ids.next(engine.clock.now()), &mut request_id).expect("writing to a String never fails");
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    let mut answer = next.run(request).await;
    let (status, took) = (answer.status(), started.elapsed());
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }
    metrics::counter!("http_requests_total", "route" => route.clone(), "status" => status.as_str().to_owned()).increment(1);
    metrics::histogram!("http_request_seconds", "route" => route).record(took);
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(%method, %path, status = status.as_u16(), took_ms, %request_id, "request");
    answer
}
