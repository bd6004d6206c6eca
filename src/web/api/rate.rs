//! Exchange rates: units per euro, as the ECB publishes them, by day.

use super::{Api, Body, Caller, Field, Input, Kind, Query, Routes, op, refusal, whole};
use crate::{
    domain::{
        command::{Act, Outcome},
        rate::Rate,
    },
    kernel::{
        currency::Currency,
        fields::FieldErrors,
        object::{self, Object},
        time::{DAY, Day, Time},
    },
    store,
    web::{idempotency::Reply, problem::Problem},
};
use axum::{extract::State, response::Response};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

const DATE: Field = Field::optional("date", Kind::Date, "The day; today if left out.");

const NEW: Body = Body::new(
    "NewRates",
    &[
        Field::required("date", Kind::Date, "The day that they are of."),
        Field::required("rates", Kind::ByCurrency { each: &Kind::Rate, count_min: 1 }, "Units per euro."),
    ],
)
.example(r#"{"date": "2026-11-20", "rates": {"USD": "1.0876", "JPY": "164.52"}}"#);

pub fn routes() -> Routes {
    let create_them = op("create_rates", "Stores the rates of a day that are not known yet").body(NEW);
    let create_them = create_them.created::<Stored>().ok::<Stored>();
    Routes::new("rates")
        .get("/rates", list, op("list_rates", "The rates of a day").query(&[DATE]).whole::<View>().codes(&[(422, "date_in_future")]))
        .post("/rates", create, create_them.codes(&[(409, "rate_conflict"), (422, "date_in_future")]))
}

/// The rates of a day as they were sent.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredRates)]
struct Stored {
    date: Day,
    /// Units per euro.
    #[schema(value_type = BTreeMap<String, String>)]
    rates: BTreeMap<Currency, String>,
    /// How many of them were not known before.
    new: usize,
}

/// Stores what is not known yet, and records the sales that waited for it. The first rate of a day stays; another is a conflict.
async fn create(State(api): State<Api>, caller: Caller, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let (day, rates) = input.read(|object, errors| {
        let day = date(&object.required("date", errors), now, errors);
        let rates = object.required("rates", errors).object(errors).map(|rates| read(&rates, errors));
        Some((day?, rates?))
    })?;
    let answer: BTreeMap<Currency, String> = rates.iter().map(|(currency, rate)| (*currency, rate.text())).collect();
    let stored = move |new| Stored { date: day, rates: answer.clone(), new };
    let render = move |outcome: &Outcome| match outcome {
        Outcome::RatesStored { new: 0 } => Reply::ok(&stored(0)),
        Outcome::RatesStored { new } => Reply::created(&stored(*new)),
        outcome => Err(refusal(outcome)),
    };
    api.submit(caller.about(None)?, &input, Act::Rates { day, rates }, render).await
}

/// A day that has come, somewhere on earth. What is stored stays, so a slip into the future would stand in the way of the real rate.
fn date(field: &object::Field<'_, '_>, now: Time, errors: &mut FieldErrors) -> Option<Day> {
    let text = field.text(10, errors)?;
    let Some(day) = Day::parse(&text) else {
        errors.push(field.path(), "invalid_date", "a date such as 2026-11-22 is wanted");
        return None;
    };
    if day.start_utc() > now.plus(DAY) {
        errors.push(field.path(), "date_in_future", "the rates of that day cannot be known yet");
        return None;
    }
    Some(day)
}

fn read(rates: &Object<'_>, errors: &mut FieldErrors) -> Vec<(Currency, Rate)> {
    let mut read = Vec::new();
    for name in rates.names() {
        let field = rates.optional(name);
        let currency = match name.parse::<Currency>() {
            Ok(Currency::EUR) => {
                errors.push(field.path(), "invalid_rate", "rates are units per euro: the euro itself has none");
                continue;
            }
            Ok(currency) => currency,
            Err(error) => {
                errors.push(field.path(), "unknown_currency", error.to_string());
                continue;
            }
        };
        let Some(digits) = field.digits(errors) else {
            if !field.is_present() {
                errors.push(field.path(), "missing_field", "a rate is wanted");
            }
            continue;
        };
        let Some(rate) = Rate::parse(&digits) else {
            errors.push(field.path(), "invalid_rate", "a number above zero is wanted, with up to 8 digits before and behind the dot");
            continue;
        };
        read.push((currency, rate));
    }
    if rates.names().next().is_none() {
        errors.push("rates", "missing_field", "at least one currency is wanted");
    }
    read
}

/// A currency's rate of a day.
#[derive(Serialize, ToSchema)]
#[schema(as = Rate)]
struct View {
    date: Day,
    currency: Currency,
    /// Units per euro, as decimal text.
    #[schema(examples("1.0876"))]
    rate: String,
}

/// The rates of a day; of today if none is named.
async fn list(State(api): State<Api>, query: Query) -> Result<Response, Problem> {
    let today = api.engine.zone.day(api.now());
    let day = query.read(|query, errors| {
        let field = query.optional("date");
        if field.is_present() { date(&field, api.now(), errors) } else { Some(today) }
    })?;
    let mut tx = api.db().read().await?;
    let rates = store::rate::of_day(&mut tx, day).await?;
    tx.commit().await?;
    Ok(whole(rates.into_iter().map(|(currency, rate)| View { date: day, currency, rate: rate.text() }).collect()))
}
