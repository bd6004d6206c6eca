//! How the demo's people reach the server: the same functions that answer real requests, at a time of the demo's choosing.

use crate::{
    app::{
        demo::{
            cast::{Cast, Shop},
            plot::{How, Visit},
        },
        failure::Failure,
        key,
    },
    domain::key::Role,
    engine::engine::Engine,
    kernel::{
        address::Address,
        signature::{self, WebhookSecret},
        time::Time,
    },
    web::{
        intake, redirect,
        router::{self, Router},
    },
};
use bytes::Bytes;
use http::{Request, StatusCode, header, request::Parts};
use http_body_util::BodyExt as _;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::Value;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tower::ServiceExt as _;

/// A way into a running engine, without a network.
#[derive(Debug)]
pub struct Wire {
    pub engine: Arc<Engine>,
    router: Router,
    /// An operator's.
    key: String,
    messages: AtomicU64,
}

impl Wire {
    pub async fn connect(engine: &Arc<Engine>, metrics: PrometheusHandle) -> Result<Self, Failure> {
        let created = key::create(&engine.db, Role::Operator, None, Some("demo".to_owned())).await?;
        let key = created.ok_or_else(|| Failure::Refused("no operator's key could be made".to_owned()))?.text;
        let (_, router) = router::build(engine, metrics);
        Ok(Self { engine: Arc::clone(engine), router, key, messages: AtomicU64::new(0) })
    }

    /// A POST to the REST API that must succeed.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = Request::post(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string())?;
        let answer = match self.router.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let status = answer.status();
        let bytes = answer.into_body().collect().await.map_err(|error| Failure::Refused(format!("POST {path}: {error}")))?.to_bytes();
        if !status.is_success() {
            return Err(Failure::Refused(format!("POST {path}: {status} {}", String::from_utf8_lossy(&bytes))));
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Follows a link; gives the click id that the shop receives, if one is passed on.
    pub async fn follow(&self, cast: &Cast, at: Time, visit: &Visit) -> Result<Option<String>, Failure> {
        let mut uri = format!("{}{}?sub1={}", redirect::PREFIX, cast.links[visit.link].slug, visit.sub1);
        if let Some(buyer) = visit.buyer {
            uri.push_str("&buyer=");
            uri.push_str(&cast.buyers[buyer].reference);
        }
        if visit.without_consent {
            uri.push_str("&cons=0");
        }
        let mut request = Request::get(uri).header(header::USER_AGENT, visit.agent).header("sec-fetch-dest", "document");
        if visit.prefetch {
            request = request.header("sec-purpose", "prefetch");
        }
        let answer = redirect::answer(&self.engine, &parts(request)?, Address::new(visit.address.into()), at).await;
        let location = answer.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
        let url = location.and_then(|location| url::Url::parse(location).ok());
        let url = url.ok_or_else(|| Failure::Refused(format!("a link answered {} without a location", answer.status())))?;
        Ok(url.query_pairs().find(|(name, _)| name == "rclid").map(|(_, id)| id.into_owned()))
    }

    /// Sends a shop's message; gives the status of the answer.
    pub async fn send(&self, shop: &Shop, at: Time, body: &Value, how: How) -> Result<StatusCode, Failure> {
        let body = Bytes::from(body.to_string());
        let id = format!("msg_{}", self.messages.fetch_add(1, Ordering::Relaxed));
        let signature = match how {
            How::Signed => signature::sign(&shop.secret, &id, at.seconds(), &body),
            How::Forged => signature::sign(&WebhookSecret::generate([1; 32]), &id, at.seconds(), &body),
        };
        let request = Request::post(intake::POSTBACK)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at.seconds())
            .header("webhook-signature", signature);
        let answer = intake::answer(&self.engine, &parts(request)?, async { Ok(body) }, at).await;
        Ok(answer.status())
    }
}

fn parts(request: http::request::Builder) -> Result<Parts, http::Error> {
    Ok(request.body(())?.into_parts().0)
}

/// A JSON string's text; empty for anything else.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
