//! A postback of which every part can be wrong.
use super::server::{Answer, Merchant, unix_now};
use reqwest::{Method, RequestBuilder, header};
use ristourne::kernel::signature;
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};

/// What goes over the wire. Made correct; then changed.
#[derive(Debug, Clone)]
pub struct Letter {
    pub id: Option<String>,
    pub timestamp: Option<String>,
    pub signature: Option<String>,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

impl Letter {
    /// Signed by the merchant, now, under a `webhook-id` of its own.
    pub fn new(merchant: &Merchant, body: impl Into<Vec<u8>>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self::signed(merchant, &format!("letter_{}", NEXT.fetch_add(1, Ordering::Relaxed)), unix_now(), body)
    }

    pub fn json(merchant: &Merchant, body: &Value) -> Self {
        Self::new(merchant, body.to_string())
    }

    pub fn signed(merchant: &Merchant, id: &str, timestamp: i64, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let signature = signature::sign(&merchant.secret, id, timestamp, &body);
        let timestamp = Some(timestamp.to_string());
        Self { id: Some(id.to_owned()), timestamp, signature: Some(signature), content_type: "application/json", body }
    }

    pub async fn send(&self, merchant: &Merchant) -> Answer {
        Answer::read(Method::POST, self.request(merchant).send().await.expect("the server answers")).await
    }

    /// The same, where the server may die at any moment.
    pub async fn try_send(&self, merchant: &Merchant) -> Result<Answer, reqwest::Error> {
        let response = self.request(merchant).send().await?;
        let status = response.status();
        let body = response.bytes().await?;
        Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
    }

    pub fn request(&self, merchant: &Merchant) -> RequestBuilder {
        let mut request = merchant.http.post(format!("{}/postback", merchant.base)).header(header::CONTENT_TYPE, self.content_type);
        let headers = [("webhook-id", &self.id), ("webhook-timestamp", &self.timestamp), ("webhook-signature", &self.signature)];
        for (name, value) in headers {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request.body(self.body.clone())
    }
}

/// The fields of `base` with those of `changes` instead; null takes a field away.
pub fn with(base: &Value, changes: &Value) -> Value {
    let mut object = base.as_object().expect("an object").clone();
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
    Value::Object(object)
}
