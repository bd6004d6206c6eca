//! Publishers' own coupon codes: sales that use one are credited to its publisher.

use super::{Api, Body, Caller, Field, Ids, Input, Kind, Query, Routes, empty, ok, op, refuse_ended, set_or_clear};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR, PUBLISHER, Whose},
        facts::Coupon,
    },
    kernel::{
        fields::FieldErrors,
        id::{CouponId, ProgramId, PublisherId},
        time::Time,
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

const CHANGES: Body = Body::new(
    "CouponChanges",
    &[
        Field::clearable("from", Kind::Time, "Since when it counts; always if cleared."),
        Field::clearable("until", Kind::Time, "Until when, this moment not included; for ever if cleared."),
    ],
)
.fixed(&[
    ("id", "An id names the same thing for ever."),
    ("program", "Sales in this program used it: make another coupon."),
    ("code", "It is handed out already: make another coupon."),
    ("publisher", "Sales that used it are this publisher's: make another coupon."),
])
.example(r#"{"until": "2027-01-01T00:00:00Z"}"#);

const ID: &[Field] = &[Field::required("id", Kind::Id(CouponId::PREFIX), "The coupon.")];
const PUBLISHER_OF: Field = Field::optional("publisher", Kind::Id(PublisherId::PREFIX), "Only coupons of this publisher.");
const CODE: Field =
    Field::optional("code", Kind::Text { chars_max: CODE_CHARS_MAX }, "Only coupons with this code, compared without case.");

const CODES: &[(u16, &str)] =
    &[(409, "code_taken"), (409, "program_ended"), (422, "unknown_program"), (422, "unknown_publisher"), (422, "out_of_range")];

pub fn routes() -> Routes {
    let create_it = op("create_coupon", "A new coupon").roles(OPERATOR | MERCHANT).body(NEW).created::<Coupon>().codes(CODES);
    Routes::new("coupons")
        .get(
            "/coupons",
            list,
            op("list_coupons", "Coupons, newest first")
                .roles(OPERATOR | MERCHANT | PUBLISHER)
                .query(&[PROGRAM, PUBLISHER_OF, CODE])
                .page::<Coupon>(),
        )
        .post("/coupons", create, create_it)
        .get("/coupons/{id}", one, op("get_coupon", "One coupon").roles(OPERATOR | MERCHANT | PUBLISHER).ids(ID).ok::<Coupon>())
        .patch(
            "/coupons/{id}",
            change,
            op("change_coupon", "Changes when a coupon counts")
                .roles(OPERATOR | MERCHANT)
                .ids(ID)
                .body(CHANGES)
                .ok::<Coupon>()
                .codes(&[(422, "out_of_range")]),
        )
        .delete(
            "/coupons/{id}",
            end,
            op("end_coupon", "Ends a coupon: sales from now on do not count it").roles(OPERATOR | MERCHANT).ids(ID).ok::<Coupon>(),
        )
}

async fn create(State(api): State<Api>, caller: Caller, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let coupon = input.read(|object, errors| {
        let program = object.required("program", errors).id(errors);
        let code = object.required("code", errors).full_text(CODE_CHARS_MAX, errors);
        let publisher = object.required("publisher", errors).id(errors);
        let from = object.optional("from").time(errors);
        let until = object.optional("until").time(errors);
        check_span(from, until, errors);
        Some(Coupon { id: CouponId::from_raw(api.mint(now)), program: program?, code: code?, publisher: publisher?, from, until })
    })?;
    let mut tx = api.db().begin().await?;
    if let Some(answer) = api.first_answer(&input, &mut tx).await? {
        return Ok(answer);
    }
    let mut errors = FieldErrors::default();
    let program = caller.find_own_program(&mut tx, coupon.program).await?;
    if program.is_none() {
        errors.push("program", "unknown_program", "there is no such program");
    }
    if store::publisher::by_id(&mut tx, coupon.publisher).await?.is_none() {
        errors.push("publisher", "unknown_publisher", "there is no such publisher");
    }
    let refused = errors.finish(program).map_err(|errors| Problem::fields(&errors)).and_then(|program| refuse_ended(&program));
    if let Err(problem) = refused {
        return Err(api.refused(&input, tx, problem).await);
    }
    if !store::coupon::insert(&mut tx, &coupon, now).await? {
        let taken = "The program has this code already; codes are compared without case.";
        return Err(api.refused(&input, tx, Problem::new(StatusCode::CONFLICT, "code_taken", taken)).await);
    }
    api.created(&input, tx, &coupon).await
}

fn check_span(from: Option<Time>, until: Option<Time>, errors: &mut FieldErrors) {
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        errors.push("until", "out_of_range", "later than `from` is wanted");
    }
}

async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let ((program, publisher, code), page) = query.read_page(|query, errors| {
        let code = query.optional("code").full_text(CODE_CHARS_MAX, errors);
        Some((query.optional("program").id(errors), query.optional("publisher").id(errors), code))
    })?;
    let asked = Whose { publisher, ..Whose::default() };
    let Some(whose) = caller.scope.narrow(asked) else { return Ok(empty()) };
    let mut tx = api.db().read().await?;
    let coupons = store::coupon::list(&mut tx, Wanted { whose, program, code: code.as_deref() }, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(coupons, |coupon| coupon.id.to_string(), |coupon| coupon))
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<CouponId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let coupon = caller.find_coupon(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(ok(&coupon))
}

/// Sales that are recorded already keep what they were decided with.
#[expect(clippy::redundant_closure_for_method_calls, reason = "the method's path is bound to one lifetime; the closure takes any")]
async fn change(State(api): State<Api>, caller: Caller, Ids(id): Ids<CouponId>, input: Input) -> Result<Response, Problem> {
    let mut tx = api.db().begin().await?;
    let mut coupon = caller.change_coupon(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    input.read(|object, errors| {
        set_or_clear(object, "from", &mut coupon.from, errors, |field, errors| field.time(errors));
        set_or_clear(object, "until", &mut coupon.until, errors, |field, errors| field.time(errors));
        check_span(coupon.from, coupon.until, errors);
        Some(())
    })?;
    store::coupon::update(&mut tx, &coupon).await?;
    tx.commit().await?;
    Ok(ok(&coupon))
}

/// Ends it now. Ending it again changes nothing.
async fn end(State(api): State<Api>, caller: Caller, Ids(id): Ids<CouponId>) -> Result<Response, Problem> {
    let now = api.now();
    let mut tx = api.db().begin().await?;
    let mut coupon = caller.change_coupon(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    if coupon.until.is_none_or(|until| until > now) {
        coupon.until = Some(now);
        store::coupon::update(&mut tx, &coupon).await?;
    }
    tx.commit().await?;
    Ok(ok(&coupon))
}
