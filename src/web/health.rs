//! What watches the server: whether it serves, whether it is ready, its counters; and what it tells robots and passers-by.

use crate::{
    engine::{engine::Engine, gauges, process},
    store::{self, Db, StoreError},
    web::{headers, problem::Problem},
};
use axum::{
    Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// A database that takes longer for one small read is not ready. Below the usual 3 s of a load balancer's check.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
const METRICS_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// Robots that follow links would be recorded as clicks.
const ROBOTS: &str = "User-agent: *\nDisallow: /c/\nDisallow: /postback\nDisallow: /pixel.gif\n";
const ROOT: &str = "Ristourne: a self-hosted affiliate and cashback tracking platform.\n\n\
    /docs     the REST API, to read and try\n\
    /api/v1   the same for programs (Authorization: Bearer <key>), described by /openapi.json\n\
    /healthz  whether it serves\n\
    /readyz   whether its database answers too\n";

#[derive(Clone)]
struct Health {
    engine: Arc<Engine>,
    metrics: PrometheusHandle,
}

pub fn routes(engine: Arc<Engine>, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/", get(async || text(headers::TEXT, ROOT.to_owned())))
        .route("/robots.txt", get(async || text(headers::TEXT, ROBOTS.to_owned())))
        .route("/healthz", get(async || text(headers::TEXT, "ok\n".to_owned())))
        .route("/readyz", get(ready))
        .route("/metrics", get(counters))
        .with_state(Health { engine, metrics })
}

async fn counters(State(health): State<Health>) -> Response {
    gauges::observe(&health.engine);
    let mut rendered = health.metrics.render();
    process::render(&mut rendered);
    text(METRICS_TYPE, rendered)
}

async fn ready(State(health): State<Health>) -> Result<Response, Problem> {
    match timeout(ANSWER_TIME_MAX, read(&health.engine.db)).await {
        Ok(Ok(())) => Ok(text(headers::TEXT, "ready\n".to_owned())),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            Err(not_ready())
        }
        Err(_) => {
            tracing::warn!("not ready: the database is slow to answer");
            Err(not_ready())
        }
    }
}

/// A read of a table of ours, through the pool that requests use.
async fn read(db: &Db) -> Result<(), StoreError> {
    let mut tx = db.read().await?;
    store::merchant::list(&mut tx, store::merchant::Wanted::default(), None, 1).await?;
    tx.commit().await
}

fn not_ready() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "The database does not answer.").retry_after(1)
}

fn text(kind: HeaderValue, text: String) -> Response {
    let mut answer = text.into_response();
    headers::seal_answer(answer.headers_mut());
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}
