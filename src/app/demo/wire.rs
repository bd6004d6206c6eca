//! How the demo's people reach the server: the same functions that answer real requests, at a time of the demo's choosing.

use crate::{
    app::{
        demo::{
            cast::{Cast, Shop},
            plot::{Fetch, How, Visit},
        },
        failure::Failure,
        key,
    },
    domain::key::Role,
    engine::{clock::Clock, engine::Engine},
    kernel::{
        address::Address,
        seal::BuyerCookie,
        signature::{self, WebhookSecret},
        time::{SECOND, Time, Zone},
    },
    store,
    web::{
        cookie, intake,
        limits::{self, Limits},
        redirect,
        router::{self, Router},
    },
};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header, request::Parts};
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
    /// None.
    limits: Limits,
    /// An operator's, which lives as long as the play.
    key: key::Created,
    messages: AtomicU64,
}

impl Wire {
    pub async fn connect(engine: &Arc<Engine>, metrics: PrometheusHandle) -> Result<Self, Failure> {
        let created = key::create(&engine.db, Role::Operator, None, Some("demo".to_owned())).await?;
        let key = created.ok_or_else(|| Failure::Refused("no operator's key could be made".to_owned()))?;
        let (_, router) = router::build(engine, limits::Options::default(), metrics);
        let limits = Limits::new(limits::Options::default());
        Ok(Self { engine: Arc::clone(engine), router, limits, key, messages: AtomicU64::new(0) })
    }

    /// After the play nobody has its key: it goes.
    pub async fn close(self) -> Result<(), Failure> {
        let mut tx = self.engine.db.begin().await?;
        store::key::revoke(&mut tx, self.key.id, Clock::System.now()).await?;
        Ok(tx.commit().await?)
    }

    /// A POST to the REST API that must succeed.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let (status, answer) = self.call(&Method::POST, path, body).await?;
        if !status.is_success() {
            return Err(Failure::Refused(format!("POST {path}: {status} {answer}")));
        }
        Ok(answer)
    }

    /// A request to the REST API, and what came of it; a file for a bank has no JSON.
    pub async fn call(&self, method: &Method, path: &str, body: &Value) -> Result<(StatusCode, Value), Failure> {
        let request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.key.text));
        let request = match method {
            &Method::GET => request.body(String::new())?,
            _ => request.header(header::CONTENT_TYPE, "application/json").body(body.to_string())?,
        };
        let answer = match self.router.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let status = answer.status();
        let bytes = answer.into_body().collect().await.map_err(|error| Failure::Refused(format!("{method} {path}: {error}")))?.to_bytes();
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    /// Follows a link; gives the click id that the shop receives, if one is passed on.
    pub async fn follow(&self, cast: &Cast, at: Time, visit: &Visit) -> Result<Option<String>, Failure> {
        let link = &cast.links[visit.link];
        let mut uri = format!("{}{}?sub1={}", redirect::PREFIX, link.slug, visit.sub1);
        if let Some(member) = visit.member {
            uri.push_str("&buyer=");
            uri.push_str(&cast.buyers[member].reference);
        }
        if visit.without_consent {
            uri.push_str("&cons=0");
        }
        if visit.deep {
            uri.push_str("&url=https%3A%2F%2F");
            uri.push_str(cast.shops[link.shop].script.host);
            uri.push_str("%2Fnouveautes");
        }
        let fetched = if visit.fetch == Fetch::Image { "image" } else { "document" };
        let mut request = Request::get(uri).header("sec-fetch-dest", fetched);
        if let Some(agent) = visit.agent {
            request = request.header(header::USER_AGENT, agent);
        }
        if visit.fetch == Fetch::Prefetch {
            request = request.header("sec-purpose", "prefetch");
        }
        if let Some(referrer) = &visit.referrer {
            request = request.header(header::REFERER, referrer);
        }
        if let Some(member) = visit.signed_in {
            let set = cookie::set_buyer(&self.engine.ring, BuyerCookie { buyer: cast.buyers[member].id, set_on: Zone::UTC.day(at) });
            let pair = set.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            request = request.header(header::COOKIE, pair);
        }
        let answer = redirect::answer(&self.engine, &parts(request)?, Address::new(visit.address.into()), at).await;
        let location = answer.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
        let url = location.and_then(|location| url::Url::parse(location).ok());
        let url = url.ok_or_else(|| Failure::Refused(format!("a link answered {} without a location", answer.status())))?;
        Ok(url.query_pairs().find(|(name, _)| name == "rclid").map(|(_, id)| id.into_owned()))
    }

    /// Sends a shop's message; gives the answer's status and JSON, which a picture has none of.
    pub async fn send(&self, shop: &Shop, at: Time, body: &Value, how: &How) -> Result<(StatusCode, Value), Failure> {
        let request = match how {
            How::Url => {
                let query = format!("{}&ts={}", query(body), at.seconds());
                let signature = signature::sign_query(&shop.secret, &query);
                (Request::get(format!("{}?{query}&sig={signature}", intake::POSTBACK)), Bytes::new())
            }
            How::Pixel => (Request::get(format!("{}?{}", intake::PIXEL, query(body))), Bytes::new()),
            _ => self.signed(shop, at, body, how),
        };
        let (request, body) = (parts(request.0)?, request.1);
        let answer = intake::answer(&self.engine, &self.limits, &request, async { Ok(body) }, at).await;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.map_err(|error| Failure::Refused(error.to_string()))?.to_bytes();
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    /// A POST, signed as Standard Webhooks says, or not quite.
    fn signed(&self, shop: &Shop, at: Time, body: &Value, how: &How) -> (http::request::Builder, Bytes) {
        let body = Bytes::from(body.to_string());
        let id = match how {
            How::Named(name) => name.clone(),
            _ => format!("msg_{}", self.messages.fetch_add(1, Ordering::Relaxed)),
        };
        let at = if *how == How::Stale { at.plus(-3600 * SECOND) } else { at };
        let forger = WebhookSecret::generate([1; 32]);
        let secret = if *how == How::Forged { &forger } else { &shop.secret };
        let signature = signature::sign(secret, &id, at.seconds(), &body);
        let mut request = Request::post(intake::POSTBACK)
            .header(header::CONTENT_TYPE, if *how == How::Text { "text/plain" } else { "application/json" })
            .header("webhook-id", id)
            .header("webhook-timestamp", at.seconds());
        if *how != How::Bare {
            request = request.header("webhook-signature", signature);
        }
        (request, body)
    }
}

/// What a query string can say of a message: its texts.
fn query(body: &Value) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in body.as_object().into_iter().flatten() {
        if let Some(text) = value.as_str() {
            query.append_pair(name, text);
        }
    }
    query.finish()
}

fn parts(request: http::request::Builder) -> Result<Parts, http::Error> {
    Ok(request.body(())?.into_parts().0)
}

/// A JSON string's text; empty for anything else.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
