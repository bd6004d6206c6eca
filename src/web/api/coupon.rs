//! Publishers' own coupon codes: sales that use one are credited to its publisher.

use super::{Api, Body, Caller, Field, Input, Kind, Query, Routes, op};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR, PUBLISHER, Whose},
        facts::Coupon,
    },
    kernel::{
        fields::FieldErrors,
        id::{CouponId, ProgramId, PublisherId},
    },
    store::{self, coupon::Wanted},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use http::StatusCode;

/// As many characters as a sale's `coupon` may have.
const CODE_CHARS_MAX: usize = 64;

const PROGRAM: Field = Field::optional("program", Kind::Id(ProgramId::PREFIX), "Only coupons of this program.");

const NEW: Body = Body::new(
    "NewCoupon",
    &[
        Field::required("program", Kind::Id(ProgramId::PREFIX), "Where it counts."),
        Field::required("code", Kind::Text { chars_max: CODE_CHARS_MAX }, "What buyers type; compared without case."),
        Field::required("publisher", Kind::Id(PublisherId::PREFIX), "Who is credited."),
        Field::optional("from", Kind::Time, "Since when it counts; always if left out."),
        Field::optional("until", Kind::Time, "Until when, this moment not included; for ever if left out."),
    ],
)
.example(r#"{"program": "prg_09dkq3fzg0g00", "code": "LIRE10", "publisher": "pub_09dkq3fzg0g00", "from": "2026-01-01T00:00:00Z"}"#);

const CODES: &[(u16, &str)] = &[(409, "code_taken"), (422, "unknown_program"), (422, "unknown_publisher"), (422, "out_of_range")];

pub fn routes() -> Routes {
    let create_it = op("create_coupon", "A new coupon").roles(OPERATOR | MERCHANT).body(NEW).created::<Coupon>().codes(CODES);
    Routes::new("coupons")
        .get(
            "/coupons",
            list,
            op("list_coupons", "Coupons, newest first").roles(OPERATOR | MERCHANT | PUBLISHER).query(&[PROGRAM]).page::<Coupon>(),
        )
        .post("/coupons", create, create_it)
}

async fn create(State(api): State<Api>, caller: Caller, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let coupon = input.read(|object, errors| {
        let program = object.required("program", errors).id(errors);
        let code = object.required("code", errors).full_text(CODE_CHARS_MAX, errors);
        let publisher = object.required("publisher", errors).id(errors);
        let from = object.optional("from").time(errors);
        let until = object.optional("until").time(errors);
        if from.zip(until).is_some_and(|(from, until)| until <= from) {
            errors.push("until", "out_of_range", "later than `from` is wanted");
        }
        Some(Coupon { id: CouponId::from_raw(api.mint(now)), program: program?, code: code?, publisher: publisher?, from, until })
    })?;
    let mut tx = api.db().begin().await?;
    if let Some(answer) = api.first_answer(&input, &mut tx).await? {
        return Ok(answer);
    }
    let mut errors = FieldErrors::default();
    if caller.find_own_program(&mut tx, coupon.program).await?.is_none() {
        errors.push("program", "unknown_program", "there is no such program");
    }
    if store::publisher::by_id(&mut tx, coupon.publisher).await?.is_none() {
        errors.push("publisher", "unknown_publisher", "there is no such publisher");
    }
    if let Err(errors) = errors.finish(Some(())) {
        return Err(api.refused(&input, tx, Problem::fields(&errors)).await);
    }
    if !store::coupon::insert(&mut tx, &coupon, now).await? {
        let taken = "The program has this code already; codes are compared without case.";
        return Err(api.refused(&input, tx, Problem::new(StatusCode::CONFLICT, "code_taken", taken)).await);
    }
    api.created(&input, tx, &coupon).await
}

async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let (program, page) = query.read_page(|query, errors| Some(query.optional("program").id(errors)))?;
    let Some(whose) = caller.scope.narrow(Whose::default()) else { return Ok(page.empty()) };
    let mut tx = api.db().read().await?;
    let coupons = store::coupon::list(&mut tx, Wanted { whose, program }, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(coupons, |coupon| coupon.id.to_string(), |coupon| coupon))
}
