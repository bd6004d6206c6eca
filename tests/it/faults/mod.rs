//! What must survive: the server's sudden death, and a database that is away. Run by `./test faults`.
//!
//! `RISTOURNE_TEST_FAULT_ROUNDS=500 ./test faults` is the long form: so many deaths on each database instead of the few that fit into every
//! run.
mod away;
mod killed;
mod paid;

use crate::support::letter::Letter;
use crate::support::load::until;
use crate::support::server::{Merchant, Operator, Server, client, ristourne_ok};
use crate::support::sql::Sql;
use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A shop with one program and a link.
#[derive(Clone)]
pub struct Shop {
    operator: Operator,
    pub merchant: Merchant,
    pub program: String,
    pub slug: String,
    http: Client,
}

impl Shop {
    pub async fn open(server: &Server) -> Self {
        let operator = server.operator();
        let merchant = operator.merchant("Shop").await;
        let terms = json!({"commission": [{"pay": {"percent": "5"}}], "split": {"publisher": "60", "buyer": "30", "platform": "10"}});
        let program = operator.program(&merchant, "EUR", terms).await;
        let slug = operator.link(&program, &operator.publisher("Blog").await).await;
        Self { operator, merchant, program, slug, http: client() }
    }

    pub fn at(&self, server: &Server) -> Self {
        Self { operator: self.operator.at(server), merchant: self.merchant.at(server), ..self.clone() }
    }

    /// A visit that bears this mark; whether it was redirected.
    pub async fn visit(&self, mark: &str) -> bool {
        let agent = format!("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0 {mark}");
        let url = format!("{}/c/{}?sub1={mark}", self.merchant.base, self.slug);
        match self.http.get(url).header(header::USER_AGENT, agent).send().await {
            Ok(answer) if answer.status() == StatusCode::FOUND => true,
            Ok(answer) => panic!("{mark}: {answer:?}"),
            Err(_) => false,
        }
    }

    pub fn sale(&self, order: &str) -> Value {
        json!({"program": self.program, "order_id": order, "amount": "120.00", "currency": "EUR"})
    }

    /// A postback; the status of its answer, if there was one.
    pub async fn post(&self, body: &Value) -> Option<u16> {
        let answer = Letter::json(&self.merchant, body).try_send(&self.merchant).await;
        answer.map_or(None, |answer| Some(answer.status.as_u16()))
    }
}

/// Every mark that was acknowledged is in the clicks, and none is there twice.
pub async fn clicks_are_there(database: &str, acknowledged: &BTreeSet<String>) {
    let marks = async || {
        let mut sql = Sql::open(database).await;
        let marks = sql.texts("SELECT sub1 FROM click WHERE sub1 IS NOT NULL").await;
        sql.close().await;
        marks
    };
    let there = async || {
        let marks: BTreeSet<String> = marks().await.into_iter().collect();
        acknowledged.is_subset(&marks)
    };
    until("every acknowledged click is there", there).await;
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for mark in marks().await {
        *times.entry(mark).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "clicks stored more than once: {twice:?}");
}

/// Every click that is stored is in the report, at once: nothing waits for a fold, or is folded twice.
async fn reports_are_whole(shop: &Shop, database: &str) {
    let report = shop.operator.get("/reports/clicks?by=program").await;
    let mut sql = Sql::open(database).await;
    let stored = sql.number("SELECT COUNT(*) FROM click").await;
    sql.close().await;
    assert_eq!(report["data"][0]["raw"], stored);
}

/// The conversions of acknowledged orders are there; none is there twice by the table's own key.
pub async fn orders_are_there(database: &str, acknowledged: &BTreeSet<String>) {
    let mut sql = Sql::open(database).await;
    let stored: BTreeSet<String> = sql.texts("SELECT order_id FROM conversion").await.into_iter().collect();
    sql.close().await;
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

pub fn verify(database: &str) {
    let report = ristourne_ok(database, &["verify"]);
    assert!(report.contains("everything holds"), "{report}");
}
