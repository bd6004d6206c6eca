//! Vouchers: random codes made together for a program, each good for one order, and the sheet to print them from.

use super::{Api, Body, Caller, Field, Ids, Input, Kind, Query, Routes, ok, op, refuse_ended, wrong_field};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR},
        loyalty,
        program::Program,
        terms::{
            self,
            boost::{self, Funder, PLACE_CHARS_MAX, Reward},
        },
        voucher::{self, Batch, Code, VOUCHERS_MAX},
    },
    engine::keys,
    kernel::{
        currency::Currency,
        fields::FieldErrors,
        id::{LinkId, ProgramId, VoucherBatchId},
        money::Money,
        object::Object,
        percent::Percent,
        time::Time,
    },
    store::{self, StoreError, Tx},
    web::{
        problem::{self, Problem},
        sheet,
    },
};
use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Codes on one sheet, if nothing is said …
const SHEET_CODES: i64 = 240;
/// … and at most: each is a drawing of some kilobytes.
const SHEET_CODES_MAX: i64 = 1000;
/// A boost's name: its kind, and a code.
const NAME_CHARS_MAX: usize = boost::CODE_CHARS_MAX + 16;

const OF: Field = Field::required("id", Kind::Id(ProgramId::PREFIX), "The program.");
const BATCH: Field = Field::required("batch", Kind::Id(VoucherBatchId::PREFIX), "The vouchers.");

const NEW: Body = Body::new(
    "NewVouchers",
    &[
        Field::required("count", Kind::Integer { min: 1, max: VOUCHERS_MAX }, "How many codes."),
        Field::optional(
            "boost",
            Kind::Text { chars_max: NAME_CHARS_MAX },
            "The name of a voucher boost of the terms in effect: its reward, funder, dates and place, and its budget. Instead of the following.",
        ),
        Field::optional("flat", Kind::Amount, "What each is worth, in the program's currency."),
        Field::optional("percent_of_buyer_share", Kind::Percent, "Or so much of the buyer's share."),
        Field::optional("funded_by", Kind::Word(Funder::WORDS), "Who pays: `merchant` if a merchant leaves it out, else `platform`."),
        Field::optional("from", Kind::Time, "Since when they count; always if left out."),
        Field::optional("until", Kind::Time, "Until when, this moment not included; for ever if left out."),
        Field::optional("place", Kind::Text { chars_max: PLACE_CHARS_MAX }, "Where they are handed out, for people."),
        Field::optional("link", Kind::Id(LinkId::PREFIX), "The program's link that the sheet's QR codes lead to; this installation if left out."),
    ],
)
.example(r#"{"count": 3, "flat": "2.00", "funded_by": "merchant", "place": "in the parcel"}"#);

const SHEET: &[Field] = &[
    Field::optional("from", Kind::Integer { min: 1, max: VOUCHERS_MAX }, "The first code's number; 1 if left out."),
    Field::optional("count", Kind::Integer { min: 1, max: SHEET_CODES_MAX }, "How many codes; 240, which is ten pages, if left out."),
];

pub fn routes() -> Routes {
    let roles = OPERATOR | MERCHANT;
    let codes: &[(u16, &str)] = &[
        (409, "program_ended"),
        (422, "exactly_one_reward"),
        (422, "out_of_range"),
        (422, "platform_funds"),
        (422, "unknown_boost"),
        (422, "unknown_link"),
    ];
    let sheet_it = op("get_voucher_sheet", "A page to print vouchers from")
        .about("A4, in English or French by `Accept-Language`, with a QR code of each.")
        .roles(roles)
        .ids(&[OF, BATCH])
        .query(SHEET);
    Routes::new("vouchers")
        .get(
            "/programs/{id}/vouchers",
            list,
            op("list_vouchers", "A program's vouchers, newest first").roles(roles).ids(&[OF]).page::<View>(),
        )
        .post(
            "/programs/{id}/vouchers",
            create,
            op("create_vouchers", "New vouchers: random codes, each good for one order")
                .roles(roles)
                .ids(&[OF])
                .body(NEW)
                .created::<View>()
                .codes(codes),
        )
        .get(
            "/programs/{id}/vouchers/{batch}",
            one,
            op("get_vouchers", "Vouchers made together").roles(roles).ids(&[OF, BATCH]).ok::<View>(),
        )
        .get(
            "/programs/{id}/vouchers/{batch}/codes",
            codes_of,
            op("list_voucher_codes", "The codes, as on the sheet, and which are used").roles(roles).ids(&[OF, BATCH]).page::<Code>(),
        )
        .get("/programs/{id}/vouchers/{batch}/sheet", print, sheet_it.answer(200, super::Content::Raw("text/html")))
}

/// Vouchers made together.
#[derive(Serialize, ToSchema)]
#[schema(as = Vouchers)]
struct View {
    id: VoucherBatchId,
    program: ProgramId,
    count: i64,
    /// The boost under whose budget they are; null for none.
    #[schema(required)]
    boost: Option<String>,
    /// What each is worth; null for a percentage.
    #[schema(required)]
    flat: Option<Money>,
    #[schema(required)]
    percent_of_buyer_share: Option<Percent>,
    funded_by: Funder,
    #[schema(required)]
    from: Option<Time>,
    #[schema(required)]
    until: Option<Time>,
    #[schema(required)]
    place: Option<String>,
    #[schema(required)]
    link: Option<LinkId>,
    created_at: Time,
}

impl View {
    fn new(batch: Batch, currency: Currency) -> Self {
        let (flat, percent_of_buyer_share) = match batch.reward {
            Reward::Flat(flat) => (Some(Money::new(flat, currency)), None),
            Reward::PercentOfBuyerShare(percent) => (None, Some(percent)),
        };
        let Batch { id, program, boost, funded_by, from, until, place, link, count, created_at, .. } = batch;
        Self { id, program, count, boost, flat, percent_of_buyer_share, funded_by, from, until, place, link, created_at }
    }
}

async fn create(State(api): State<Api>, caller: Caller, Ids(id): Ids<ProgramId>, input: Input) -> Result<Response, Problem> {
    let now = api.now();
    let mut tx = api.db().begin().await?;
    if let Some(answer) = api.first_answer(&input, &mut tx).await? {
        return Ok(answer);
    }
    let program = caller.find_own_program(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let versions = store::terms::versions(&mut tx, &api.engine.terms, std::slice::from_ref(&program)).await?;
    let in_effect = versions.get(&program.id).and_then(|versions| terms::in_effect(versions, now)).map(|version| version.terms.clone());
    let boosts = in_effect.as_ref().map_or(&[][..], |terms| &terms.boosts);
    let by_merchant = caller.scope.merchant().is_some();
    let id = VoucherBatchId::from_raw(api.mint(now));
    let batch = input.read(|object, errors| read(object, &program, boosts, by_merchant, (id, now), errors))?;
    if let Err(ended) = refuse_ended(&program) {
        return Err(api.refused(&input, tx, ended).await);
    }
    if let Some(link) = batch.link
        && store::link::by_id(&mut tx, link).await?.is_none_or(|link| link.program != program.id)
    {
        let problem = wrong_field("link", "unknown_link", "the program has no such link");
        return Err(api.refused(&input, tx, problem).await);
    }
    let codes = random_codes(batch.count)?;
    store::setup::add::insert_vouchers(&mut tx, &batch, &codes).await?;
    api.created(&input, tx, &View::new(batch, program.currency)).await
}

fn read(
    object: &Object<'_>,
    program: &Program,
    boosts: &[boost::Boost],
    by_merchant: bool,
    (id, now): (VoucherBatchId, Time),
    errors: &mut FieldErrors,
) -> Option<Batch> {
    let count = object.required("count", errors).integer(1..=VOUCHERS_MAX, errors);
    let link = object.optional("link").id(errors);
    let name = object.optional("boost").full_text(NAME_CHARS_MAX, errors);
    let (flat, percent) = (object.optional("flat"), object.optional("percent_of_buyer_share"));
    let (from, until) = (object.optional("from").time(errors), object.optional("until").time(errors));
    let place = object.optional("place").text(PLACE_CHARS_MAX, errors);
    let by_default = if by_merchant { Funder::Merchant } else { Funder::Platform };
    let funded_by = object.optional("funded_by").word(Funder::WORDS, Funder::from_word, errors);
    if let Some(name) = name {
        let own = loyalty::names(boosts).into_iter().zip(boosts).find(|(known, _)| *known == name);
        let Some((boost::Kind::Voucher(code), boost)) = own.map(|(_, boost)| (&boost.kind, boost)) else {
            errors.push("boost", "unknown_boost", "the terms in effect have no voucher boost of this name");
            return None;
        };
        if flat.is_present() || percent.is_present() {
            errors.push("flat", "exactly_one_reward", "the boost has its reward already");
            return None;
        }
        return Some(Batch {
            id,
            program: program.id,
            boost: Some(name),
            funded_by: boost.funded_by,
            reward: code.reward,
            from: from.or(code.from),
            until: until.or(code.until),
            place: place.or_else(|| code.place.clone()),
            link,
            count: count?,
            created_at: now,
        });
    }
    let reward = match (flat.is_present(), percent.is_present()) {
        (true, false) => flat.minor_from_zero(program.currency, errors).map(Reward::Flat),
        (false, true) => percent.percent(errors).map(Reward::PercentOfBuyerShare),
        _ => {
            errors.push("flat", "exactly_one_reward", "either flat or percent_of_buyer_share");
            None
        }
    };
    if by_merchant && funded_by == Some(Funder::Platform) {
        errors.push("funded_by", "platform_funds", "only the operator lets the platform pay");
    }
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        errors.push("until", "out_of_range", "later than `from` is wanted");
    }
    let funded_by = funded_by.unwrap_or(by_default);
    Some(Batch {
        id,
        program: program.id,
        boost: None,
        funded_by,
        reward: reward?,
        from,
        until,
        place,
        link,
        count: count?,
        created_at: now,
    })
}

/// 60 random bits each, so that a second of the same is a matter of never.
fn random_codes(count: i64) -> Result<Vec<String>, Problem> {
    let mut codes = BTreeSet::new();
    while i64::try_from(codes.len()).is_ok_and(|made| made < count) {
        let random = keys::random().map_err(|error| {
            tracing::error!(%error, "no voucher can be made");
            Problem::internal()
        })?;
        codes.insert(voucher::code(random));
    }
    Ok(codes.into_iter().collect())
}

async fn list(State(api): State<Api>, caller: Caller, Ids(id): Ids<ProgramId>, query: Query) -> Result<Response, Problem> {
    let ((), page) = query.read_page(|_, _| Some(()))?;
    let mut tx = api.db().read().await?;
    let program = caller.find_own_program(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let batches = store::voucher::list(&mut tx, id, page.after, page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(batches, |batch| batch.id.to_string(), |batch| View::new(batch, program.currency)))
}

/// With its program.
async fn find(caller: &Caller, tx: &mut Tx, program: ProgramId, id: VoucherBatchId) -> Result<Option<(Program, Batch)>, StoreError> {
    let Some(program) = caller.find_own_program(tx, program).await? else { return Ok(None) };
    let batch = store::voucher::by_id(tx, program.id, id).await?;
    Ok(batch.map(|batch| (program, batch)))
}

type Of = Ids<(ProgramId, VoucherBatchId)>;

async fn one(State(api): State<Api>, caller: Caller, Ids((program, id)): Of) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let (program, batch) = find(&caller, &mut tx, program, id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(ok(&View::new(batch, program.currency)))
}

async fn codes_of(State(api): State<Api>, caller: Caller, Ids((program, id)): Of, query: Query) -> Result<Response, Problem> {
    let ((), page) = query.read_page(|_, _| Some(()))?;
    let mut tx = api.db().read().await?;
    find(&caller, &mut tx, program, id).await?.ok_or_else(Problem::not_found)?;
    let codes = store::voucher::codes(&mut tx, id, page.after.unwrap_or(0), page.rows()).await?;
    tx.commit().await?;
    Ok(page.answer(codes, |code| code.number.to_string(), |code| code))
}

async fn print(
    State(api): State<Api>,
    caller: Caller,
    Ids((program, id)): Of,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (from, count) = query.read(|query, errors| {
        let from = query.optional("from").integer(1..=VOUCHERS_MAX, errors);
        Some((from.unwrap_or(1), query.optional("count").integer(1..=SHEET_CODES_MAX, errors).unwrap_or(SHEET_CODES)))
    })?;
    let mut tx = api.db().read().await?;
    let (program, batch) = find(&caller, &mut tx, program, id).await?.ok_or_else(Problem::not_found)?;
    let codes = store::voucher::codes(&mut tx, id, from - 1, count).await?;
    let link = match batch.link {
        Some(link) => store::link::by_id(&mut tx, link).await?,
        None => None,
    };
    tx.commit().await?;
    let target = match link {
        Some(link) => format!("{}/c/{}?sub1=", api.engine.base_url(), link.slug),
        None => format!("{}/?voucher=", api.engine.base_url()),
    };
    Ok(sheet::render(
        &sheet::Sheet { program: &program, batch: &batch, codes: &codes, target: &target },
        api.zone(),
        problem::language(&headers),
    ))
}
