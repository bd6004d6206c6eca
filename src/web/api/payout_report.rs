//! What each payee was paid in a year, for their tax return and the operator's.

use super::{Accept, Api, Chunk, CsvLine, Field, Format, Kind, Page, Query, Record, Routes, op, stream_list, whole};
use crate::{
    domain::payee::Payee,
    kernel::{currency::Currency, money::Money, time::Day},
    store::{self, payout::Total},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

const YEARS: std::ops::RangeInclusive<i64> = 2000..=2999;
const YEAR: &[Field] =
    &[Field::required("year", Kind::Integer { min: 2000, max: 2999 }, "The calendar year in which payments were settled.")];

pub fn routes() -> Routes {
    let totals = op("report_payouts", "What each publisher and buyer was paid in a year")
        .about("Payments that were settled in it and did not come back.")
        .query(YEAR);
    Routes::new("reports").get("/reports/payouts", report, totals.whole::<View>().streamed())
}

/// What a payee was paid in one currency.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayoutTotal)]
struct View {
    #[schema(value_type = String)]
    payee: Payee,
    /// `publisher` or `buyer`.
    kind: &'static str,
    /// The account holder's name.
    name: String,
    currency: Currency,
    paid: Money,
    /// What was kept beside it.
    fees: Money,
    /// Payments.
    count: i64,
}

impl From<Total> for View {
    fn from(total: Total) -> Self {
        let Total { payee, holder, paid, fees, payments } = total;
        let currency = paid.currency;
        Self { payee, kind: payee.owner().kind(), name: holder, currency, paid, fees: Money::new(fees, currency), count: payments }
    }
}

impl Record for View {
    const FILE: &'static str = "payouts.csv";
    const COLUMNS: &'static [&'static str] = &["payee", "kind", "name", "currency", "paid", "fees", "count"];

    fn lines(&self) -> Vec<CsvLine> {
        let line = CsvLine::default().plain(self.payee).plain(self.kind).text(Some(&self.name)).plain(self.currency);
        vec![line.amount(self.paid).amount(self.fees).plain(self.count)]
    }
}

async fn report(State(api): State<Api>, accept: Accept, query: Query) -> Result<Response, Problem> {
    let (year, format) = query.read(|query, errors| {
        let format = Format::read(query, accept, errors);
        Some((query.required("year", errors).integer(YEARS, errors)?, format))
    })?;
    let start = |year: i64| Day::parse(&format!("{year}-01-01")).map(|day| api.zone().start(day)).ok_or_else(Problem::internal);
    let (since, until) = (start(year)?, start(year + 1)?);
    let mut tx = api.db().read().await?;
    let totals: Vec<View> = store::payout::totals(&mut tx, since, until).await?.into_iter().map(View::from).collect();
    tx.commit().await?;
    if format == Format::Json {
        return Ok(whole(totals));
    }
    let mut rows = Some(totals);
    let all = Page { limit: i64::MAX, after: None::<()> };
    stream_list(format, all, move |_, _| std::future::ready(Ok(Chunk { rows: rows.take().unwrap_or_default(), next: None }))).await
}
