//! Publishers' own coupon codes: sales that use one are credited to its publisher.

use super::{Api, Input, Query, created};
use crate::{
    domain::facts::Coupon,
    kernel::{fields::FieldErrors, id::CouponId},
    store,
    web::problem::Problem,
};
use axum::{Router, extract::State, response::Response, routing::get};
use http::StatusCode;

/// As many characters as a sale's `coupon` may have.
const CODE_CHARS_MAX: usize = 64;

pub fn routes() -> Router<Api> {
    Router::new().route("/coupons", get(list).post(create))
}

async fn create(State(api): State<Api>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let coupon = input.read(&["program", "code", "publisher", "from", "until"], |object, errors| {
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
    let mut errors = FieldErrors::default();
    if store::program::by_id(&mut tx, coupon.program).await?.is_none() {
        errors.push("program", "unknown_program", "there is no such program");
    }
    if store::publisher::by_id(&mut tx, coupon.publisher).await?.is_none() {
        errors.push("publisher", "unknown_publisher", "there is no such publisher");
    }
    errors.finish(Some(())).map_err(|errors| Problem::fields(&errors))?;
    if !store::coupon::insert(&mut tx, &coupon, now).await? {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "code_taken",
            "The program has this code already; codes are compared without case.",
        ));
    }
    tx.commit().await?;
    Ok(created(&coupon))
}

async fn list(State(api): State<Api>, query: Query) -> Result<Response, Problem> {
    let (program, page) = query.read_page(&["program"], |query, errors| Some(query.optional("program").id(errors)))?;
    let mut tx = api.db().read().await?;
    let coupons = store::coupon::list(&mut tx, program, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(coupons, |coupon| coupon.id.to_string(), |coupon| coupon))
}
