//! Claims of missing cashback with their steps, and the visits that prove them.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    claim::{Claim, ClaimReason, ClaimStatus, Proof, State, Step},
    click::Quality,
    order::Actor,
    sale::{OpenedClick, OrderKey, SALE},
    touch::Visit,
};
use crate::kernel::{
    id::{BuyerId, ClaimId, ClickId, ConversionId, LinkId, MerchantId, MovementId, ProgramId, PublisherId},
    money::Money,
    time::Time,
};
use crate::{args, statements};
use std::collections::HashMap;

statements! {
    LIST = "SELECT id, buyer, merchant, program, order_id, amount, currency, ordered_at, note, made_at, visit_click, visit_link, visit_publisher
        FROM claim";
    STEPS = "SELECT claim, at, actor, state, answer_by, conversion, movement, reason, text FROM claim_step
        WHERE claim IN (SELECT value FROM json_each($1)) ORDER BY claim, position",
        postgres "SELECT claim, at, actor, state, answer_by, conversion, movement, reason, text FROM claim_step
        WHERE claim = ANY($1) ORDER BY claim, position";
    OPEN = "SELECT buyer, COUNT(*) AS n FROM claim WHERE state IN ('waiting', 'escalated') AND buyer IN (SELECT value FROM json_each($1)) GROUP BY buyer",
        postgres "SELECT buyer, COUNT(*) AS n FROM claim WHERE state IN ('waiting', 'escalated') AND buyer = ANY($1) GROUP BY buyer";
    ORDERS = "SELECT DISTINCT f.conversion AS n FROM claim c JOIN orders o ON o.program = c.program AND o.order_id = c.order_id AND o.goal = 'sale'
        JOIN order_fact f ON f.conversion = o.id AND f.kind = 'claim'
        WHERE c.buyer IN (SELECT value FROM json_each($1)) AND c.program IN (SELECT value FROM json_each($2))",
        postgres "SELECT DISTINCT f.conversion AS n FROM claim c JOIN orders o ON o.program = c.program AND o.order_id = c.order_id AND o.goal = 'sale'
        JOIN order_fact f ON f.conversion = o.id AND f.kind = 'claim'
        WHERE c.buyer = ANY($1) AND c.program = ANY($2)";
    VISITS = "SELECT v.buyer, v.id, v.link, v.quality, v.tied_at FROM (SELECT c.buyer AS buyer, c.id AS id, c.link AS link, c.quality AS quality,
        CAST(NULL AS BIGINT) AS tied_at, ROW_NUMBER() OVER (PARTITION BY c.buyer, l.program ORDER BY c.id DESC) AS place
        FROM click c JOIN link l ON l.id = c.link WHERE c.buyer IN (SELECT value FROM json_each($1)) AND l.program IN (SELECT value FROM json_each($2))) AS v
        WHERE v.place <= $3 ORDER BY v.id DESC",
        postgres "SELECT v.buyer, v.id, v.link, v.quality, v.tied_at FROM (SELECT c.buyer AS buyer, c.id AS id, c.link AS link, c.quality AS quality,
        CAST(NULL AS BIGINT) AS tied_at, ROW_NUMBER() OVER (PARTITION BY c.buyer, l.program ORDER BY c.id DESC) AS place
        FROM click c JOIN link l ON l.id = c.link WHERE c.buyer = ANY($1) AND l.program = ANY($2)) AS v
        WHERE v.place <= $3 ORDER BY v.id DESC";
    TIED = "SELECT v.buyer, v.id, v.link, v.quality, v.tied_at FROM (SELECT t.buyer AS buyer, c.id AS id, c.link AS link, c.quality AS quality,
        t.tied_at AS tied_at, ROW_NUMBER() OVER (PARTITION BY t.buyer, l.program ORDER BY c.id DESC) AS place
        FROM click_tie t JOIN click c ON c.id = t.click JOIN link l ON l.id = c.link WHERE t.buyer IN (SELECT value FROM json_each($1)) AND l.program IN (SELECT value FROM json_each($2))) AS v
        WHERE v.place <= $3 ORDER BY v.id DESC",
        postgres "SELECT v.buyer, v.id, v.link, v.quality, v.tied_at FROM (SELECT t.buyer AS buyer, c.id AS id, c.link AS link, c.quality AS quality,
        t.tied_at AS tied_at, ROW_NUMBER() OVER (PARTITION BY t.buyer, l.program ORDER BY c.id DESC) AS place
        FROM click_tie t JOIN click c ON c.id = t.click JOIN link l ON l.id = c.link WHERE t.buyer = ANY($1) AND l.program = ANY($2)) AS v
        WHERE v.place <= $3 ORDER BY v.id DESC";
    DUE = "SELECT id, program, order_id FROM claim WHERE answer_by <= $1 ORDER BY answer_by LIMIT $2";
}

/// The newest clicks of a claiming buyer in a program that are looked through, of each kind: some may not earn.
const VISITS_MAX: i64 = 200;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    buyer: i64,
    merchant: i64,
    program: i64,
    order_id: String,
    amount: Option<i64>,
    currency: Option<String>,
    ordered_at: Option<i64>,
    note: Option<String>,
    made_at: i64,
    visit_click: Option<i64>,
    visit_link: Option<i64>,
    visit_publisher: Option<i64>,
}

impl Row {
    fn with(self, steps: Vec<Step>) -> Result<Claim, StoreError> {
        let id = ClaimId::from_raw(self.id);
        let corrupt = |column| StoreError::corrupt("claim", column, id);
        if steps.is_empty() {
            return Err(corrupt("state"));
        }
        let amount = match (self.amount, self.currency) {
            (Some(minor), Some(currency)) => Some(Money::new(minor, currency.parse().map_err(|_| corrupt("currency"))?)),
            _ => None,
        };
        let proof = |((click, link), publisher)| Proof {
            click: ClickId::from_raw(click),
            link: LinkId::from_raw(link),
            publisher: PublisherId::from_raw(publisher),
        };
        Ok(Claim {
            id,
            buyer: BuyerId::from_raw(self.buyer),
            key: OrderKey { program: ProgramId::from_raw(self.program), goal: SALE.to_owned(), order_id: self.order_id },
            merchant: MerchantId::from_raw(self.merchant),
            amount,
            ordered_at: self.ordered_at.map(Time::from_micros),
            note: self.note,
            made_at: Time::from_micros(self.made_at),
            visit: self.visit_click.zip(self.visit_link).zip(self.visit_publisher).map(proof),
            steps,
        })
    }
}

#[derive(sqlx::FromRow)]
struct StepRow {
    claim: i64,
    at: i64,
    actor: String,
    state: String,
    answer_by: Option<i64>,
    conversion: Option<i64>,
    movement: Option<i64>,
    reason: Option<String>,
    text: Option<String>,
}

impl StepRow {
    fn state(&self) -> Option<State> {
        let conversion = self.conversion.map(ConversionId::from_raw);
        Some(match ClaimStatus::from_word(&self.state)? {
            ClaimStatus::Waiting => State::Waiting { answer_by: Time::from_micros(self.answer_by?) },
            ClaimStatus::Escalated => State::Escalated,
            ClaimStatus::Matched => State::Matched { conversion: conversion? },
            ClaimStatus::Accepted => State::Accepted { conversion: conversion? },
            ClaimStatus::Refused => State::Refused { reason: ClaimReason::from_code(self.reason.as_deref()?)?, text: self.text.clone() },
            ClaimStatus::Goodwill => State::Goodwill { movement: MovementId::from_raw(self.movement?) },
        })
    }

    fn read(self) -> Result<(i64, Step), StoreError> {
        let corrupt = |column| StoreError::corrupt("claim_step", column, ClaimId::from_raw(self.claim));
        let state = self.state().ok_or_else(|| corrupt("state"))?;
        let by = Actor::from_word(&self.actor).ok_or_else(|| corrupt("actor"))?;
        Ok((self.claim, Step { at: Time::from_micros(self.at), by, state }))
    }
}

async fn with_steps(tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<Claim>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut steps: HashMap<i64, Vec<Step>> = HashMap::new();
    for row in tx.all::<StepRow>(STEPS, args![rows.iter().map(|row| row.id).collect::<Vec<_>>()]).await? {
        let (claim, step) = row.read()?;
        steps.entry(claim).or_default().push(step);
    }
    rows.into_iter()
        .map(|row| {
            let steps = steps.remove(&row.id).unwrap_or_default();
            row.with(steps)
        })
        .collect()
}

const fn answer_by(state: &State) -> Option<i64> {
    match state {
        State::Waiting { answer_by } => Some(answer_by.micros()),
        _ => None,
    }
}

/// Stores claims as they now are: what was said stays, and steps are only added.
pub async fn save(tx: &mut Tx, claims: &[&Claim]) -> Result<(), StoreError> {
    let columns = [
        ("id", Column::int(claims, |c| c.id.raw())),
        ("buyer", Column::int(claims, |c| c.buyer.raw())),
        ("merchant", Column::int(claims, |c| c.merchant.raw())),
        ("program", Column::int(claims, |c| c.key.program.raw())),
        ("order_id", Column::text(claims, |c| &c.key.order_id)),
        ("amount", Column::int_or_null(claims, |c| c.amount.map(|amount| amount.minor))),
        ("currency", Column::text_or_null(claims, |c| c.amount.as_ref().map(|amount| amount.currency.code()))),
        ("ordered_at", Column::int_or_null(claims, |c| c.ordered_at.map(Time::micros))),
        ("note", Column::text_or_null(claims, |c| c.note.as_deref())),
        ("made_at", Column::int(claims, |c| c.made_at.micros())),
        ("visit_click", Column::int_or_null(claims, |c| c.visit.map(|visit| visit.click.raw()))),
        ("visit_link", Column::int_or_null(claims, |c| c.visit.map(|visit| visit.link.raw()))),
        ("visit_publisher", Column::int_or_null(claims, |c| c.visit.map(|visit| visit.publisher.raw()))),
        ("state", Column::text(claims, |c| c.state().status().word())),
        ("answer_by", Column::int_or_null(claims, |c| answer_by(c.state()))),
    ];
    let tail = "ON CONFLICT (id) DO UPDATE SET state = excluded.state, answer_by = excluded.answer_by, visit_click = excluded.visit_click,
        visit_link = excluded.visit_link, visit_publisher = excluded.visit_publisher";
    bulk::insert(tx, "claim", &columns, tail).await?;
    let steps: Vec<(ClaimId, i64, &Step)> =
        claims.iter().flat_map(|claim| (1..).zip(&claim.steps).map(|(position, step)| (claim.id, position, step))).collect();
    let reason = |state: &State| match state {
        State::Refused { reason, .. } => Some(reason.code()),
        _ => None,
    };
    let movement = |state: &State| match state {
        State::Goodwill { movement } => Some(movement.raw()),
        _ => None,
    };
    let columns = [
        ("claim", Column::int(&steps, |(claim, ..)| claim.raw())),
        ("position", Column::int(&steps, |(_, position, _)| *position)),
        ("at", Column::int(&steps, |(.., step)| step.at.micros())),
        ("actor", Column::text(&steps, |(.., step)| step.by.word())),
        ("state", Column::text(&steps, |(.., step)| step.state.status().word())),
        ("answer_by", Column::int_or_null(&steps, |(.., step)| answer_by(&step.state))),
        ("conversion", Column::int_or_null(&steps, |(.., step)| step.state.conversion().map(ConversionId::raw))),
        ("movement", Column::int_or_null(&steps, |(.., step)| movement(&step.state))),
        ("reason", Column::text_or_null(&steps, |(.., step)| reason(&step.state))),
        (
            "text",
            Column::text_or_null(&steps, |(.., step)| match &step.state {
                State::Refused { text, .. } => text.as_deref(),
                _ => None,
            }),
        ),
    ];
    bulk::insert(tx, "claim_step", &columns, "ON CONFLICT (claim, position) DO NOTHING").await?;
    Ok(())
}

pub async fn by_id(tx: &mut Tx, id: ClaimId) -> Result<Option<Claim>, StoreError> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

pub async fn by_ids(tx: &mut Tx, ids: &[ClaimId]) -> Result<Vec<Claim>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    let rows = Filter::new(LIST).any_of("id", Some(ids)).all(tx).await?;
    with_steps(tx, rows).await
}

/// What a list is narrowed to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    pub buyer: Option<BuyerId>,
    pub merchant: Option<MerchantId>,
    pub program: Option<ProgramId>,
    pub state: Option<ClaimStatus>,
}

/// Newest first, older than `after`.
pub async fn list(tx: &mut Tx, wanted: Wanted, after: Option<ClaimId>, limit: i64) -> Result<Vec<Claim>, StoreError> {
    let filter = Filter::new(LIST)
        .and("buyer =", wanted.buyer.map(BuyerId::raw))
        .and("merchant =", wanted.merchant.map(MerchantId::raw))
        .and("program =", wanted.program.map(ProgramId::raw))
        .and("state =", wanted.state.map(ClaimStatus::word))
        .and("id <", after.map(ClaimId::raw));
    let rows = filter.order("ORDER BY id DESC", limit).all(tx).await?;
    with_steps(tx, rows).await
}

/// Every claim behind an id, for audits.
pub async fn page(tx: &mut Tx, after: ClaimId, limit: i64) -> Result<Vec<Claim>, StoreError> {
    let rows = Filter::new(LIST).and("id >", Some(after.raw())).order("ORDER BY id", limit).all(tx).await?;
    with_steps(tx, rows).await
}

fn numbers(buyers: &[BuyerId]) -> Vec<i64> {
    buyers.iter().map(|id| id.raw()).collect()
}

/// How many claims of these buyers nobody has answered yet.
pub async fn open_of(tx: &mut Tx, buyers: &[BuyerId]) -> Result<Vec<(BuyerId, u32)>, StoreError> {
    if buyers.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64, i64)> = tx.all(OPEN, args![numbers(buyers)]).await?;
    Ok(rows.into_iter().map(|(buyer, n)| (BuyerId::from_raw(buyer), u32::try_from(n).unwrap_or(u32::MAX))).collect())
}

/// The orders that these buyers claim in these programs.
pub async fn orders_of(tx: &mut Tx, buyers: &[BuyerId], programs: &[ProgramId]) -> Result<Vec<ConversionId>, StoreError> {
    if buyers.is_empty() || programs.is_empty() {
        return Ok(Vec::new());
    }
    let programs: Vec<i64> = programs.iter().map(|id| id.raw()).collect();
    let rows: Vec<(i64,)> = tx.all(ORDERS, args![numbers(buyers), programs]).await?;
    Ok(rows.into_iter().map(|(id,)| ConversionId::from_raw(id)).collect())
}

#[derive(sqlx::FromRow)]
struct VisitRow {
    buyer: i64,
    id: i64,
    link: i64,
    quality: i64,
    tied_at: Option<i64>,
}

/// These buyers' own clicks in these programs, known at the click or by a sign-in.
pub async fn visits(tx: &mut Tx, buyers: &[BuyerId], programs: &[ProgramId]) -> Result<Vec<(BuyerId, Visit)>, StoreError> {
    if buyers.is_empty() || programs.is_empty() {
        return Ok(Vec::new());
    }
    let programs: Vec<i64> = programs.iter().map(|id| id.raw()).collect();
    let mut rows: Vec<VisitRow> = tx.all(VISITS, args![numbers(buyers), &programs, VISITS_MAX]).await?;
    rows.extend(tx.all::<VisitRow>(TIED, args![numbers(buyers), &programs, VISITS_MAX]).await?);
    let read = |row: VisitRow| {
        let (buyer, click) = (BuyerId::from_raw(row.buyer), ClickId::from_raw(row.id));
        let quality = u8::try_from(row.quality).ok().and_then(Quality::from_number);
        let quality = quality.ok_or_else(|| StoreError::corrupt("click", "quality", click))?;
        let tied_at = row.tied_at.map(Time::from_micros);
        let sealed = if tied_at.is_none() { Some(buyer) } else { None };
        Ok((buyer, Visit { click: OpenedClick { click, link: LinkId::from_raw(row.link), buyer: sealed, quality }, tied_at }))
    };
    rows.into_iter().map(read).collect()
}

/// Claims that nobody answered in time, longest due first.
pub async fn due(tx: &mut Tx, now: Time, limit: i64) -> Result<Vec<(ClaimId, OrderKey)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Due {
        id: i64,
        program: i64,
        order_id: String,
    }
    let rows: Vec<Due> = tx.all(DUE, args![now.micros(), limit]).await?;
    let key = |row: Due| {
        let key = OrderKey { program: ProgramId::from_raw(row.program), goal: SALE.to_owned(), order_id: row.order_id };
        (ClaimId::from_raw(row.id), key)
    };
    Ok(rows.into_iter().map(key).collect())
}
