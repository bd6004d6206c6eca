//! Boosts: what the terms in effect promise buyers beside the commission, what it is worth today, and what is left of it.

use super::{Api, Caller, Field, Kind, Query, Routes, op, whole};
use crate::{
    domain::{
        access::{BUYER, MERCHANT, OPERATOR, PUBLISHER},
        loyalty,
        pot::{Held, Limit, Pot},
        program::Program,
        rate::AGE_DAYS_MAX,
        sale::SALE,
        terms::{
            self,
            boost::{Boost, Funder},
        },
        worth::{self, Known, Text, Today},
    },
    kernel::{
        currency::Currency,
        id::{BuyerId, ProgramId},
        money::Money,
        time::{Day, Time},
    },
    store::{self, StoreError, Tx, history},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use utoipa::ToSchema;

const QUERY: &[Field] = &[
    Field::required("program", Kind::Id(ProgramId::PREFIX), "Whose boosts."),
    Field::optional("buyer", Kind::Id(BuyerId::PREFIX), "What they are worth to this buyer today; a buyer's key means its own."),
];

pub fn routes() -> Routes {
    let about = "Those of the terms in effect. A buyer does not see codes, which are handed out, and a publisher nothing of a buyer. Budgets \
                 and quotas are shown to the operator and the program's merchant.";
    let list_it = op("list_boosts", "What a program promises buyers beside the commission").about(about);
    Routes::new("boosts").get(
        "/boosts",
        list,
        list_it.roles(OPERATOR | MERCHANT | PUBLISHER | BUYER).query(QUERY).whole::<View>().codes(&[(404, "not_found")]),
    )
}

/// A promise to buyers beside the commission.
#[derive(Serialize, ToSchema)]
#[schema(as = Boost)]
struct View {
    program: ProgramId,
    /// Tells it from the program's other boosts: its kind, with a code's code behind it. What a boost of this name spent counts on in
    /// later versions of the terms.
    name: String,
    #[schema(value_type = loyalty::BonusKind)]
    kind: &'static str,
    funded_by: Funder,
    text: Text,
    /// Where its codes are handed out.
    #[schema(required)]
    place: Option<String>,
    #[schema(required)]
    from: Option<Time>,
    #[schema(required)]
    until: Option<Time>,
    /// The money that it may spend; null without a budget, and for whom it does not concern.
    #[schema(required)]
    budget: Option<Budget>,
    /// How often its code may be used; null without a quota, and for whom it does not concern.
    #[schema(required)]
    quota: Option<Quota>,
    /// For the buyer; null without one, and where it would pay them nothing now.
    #[schema(required)]
    today: Option<Today>,
}

/// What a boost may spend.
#[derive(Serialize, ToSchema)]
#[schema(as = BoostBudget)]
struct Budget {
    amount: Money,
    spent: Money,
    left: Money,
}

/// How often a code may be used.
#[derive(Serialize, ToSchema)]
#[schema(as = BoostQuota)]
struct Quota {
    orders: i64,
    used: i64,
    left: i64,
}

async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let (program, buyer) = query.read(|query, errors| {
        let buyer = query.optional("buyer").id(errors);
        Some((query.required("program", errors).id(errors)?, buyer))
    })?;
    let buyer: Option<BuyerId> = buyer.or(caller.scope.buyer());
    let mut tx = api.db().read().await?;
    let program = match caller.scope.buyer() {
        Some(_) => store::program::by_id(&mut tx, program).await?,
        None => caller.find_program(&mut tx, program).await?,
    };
    let program = program.ok_or_else(Problem::not_found)?;
    if let Some(buyer) = buyer {
        caller.find_buyer(&mut tx, buyer).await?.ok_or_else(Problem::not_found)?;
    }
    let versions = store::terms::versions(&mut tx, &api.engine.terms, std::slice::from_ref(&program)).await?;
    let now = api.now();
    let in_effect = versions.get(&program.id).and_then(|versions| terms::in_effect(versions, now)).map(|version| version.terms.clone());
    let boosts = in_effect.as_ref().map_or(&[][..], |terms| &terms.boosts);
    let named: Vec<(String, &Boost)> = loyalty::names(boosts).into_iter().zip(boosts).collect();
    let pots = pots(&mut tx, &program, &named, buyer).await?;
    let is_counted = caller.scope.is_merchant(program.merchant);
    let mut views = Vec::new();
    for (name, boost) in named {
        if caller.scope.buyer().is_some() && boost.kind.code().is_some() {
            continue;
        }
        let today = match buyer {
            Some(buyer) => {
                worth::today(boost, &known(&mut tx, (&program, boost), buyer, &pots, api.zone().day(now)).await?, program.currency, now)
            }
            None => None,
        };
        let held = pots.get(&Pot::Boost(program.id, name.clone())).copied().unwrap_or_default();
        views.push(view(&program, name, boost, is_counted.then_some(held), today));
    }
    tx.commit().await?;
    Ok(whole(views))
}

fn view(program: &Program, name: String, boost: &Boost, held: Option<Held>, today: Option<Today>) -> View {
    let Limit { amount, uses } = loyalty::limit(boost);
    let money = |minor| Money::new(minor, program.currency);
    let code = boost.kind.code();
    View {
        program: program.id,
        name,
        kind: boost.kind.word(),
        funded_by: boost.funded_by,
        text: worth::text(boost, program.currency),
        place: code.and_then(|code| code.place.clone()),
        from: code.and_then(|code| code.from),
        until: code.and_then(|code| code.until),
        budget: amount.zip(held).map(|(amount, held)| Budget {
            amount: money(amount),
            spent: money(held.amount),
            left: money((amount - held.amount).max(0)),
        }),
        quota: uses.zip(held).map(|(orders, held)| Quota { orders, used: held.uses, left: (orders - held.uses).max(0) }),
        today,
    }
}

/// What is taken of the boosts, and whether the buyer has had their first orders.
async fn pots(
    tx: &mut Tx,
    program: &Program,
    boosts: &[(String, &Boost)],
    buyer: Option<BuyerId>,
) -> Result<HashMap<Pot, Held>, StoreError> {
    let mut wanted: BTreeSet<Pot> = boosts.iter().map(|(name, _)| Pot::Boost(program.id, name.clone())).collect();
    wanted.extend(buyer.into_iter().flat_map(|buyer| [Pot::Welcome(buyer), Pot::Referral(buyer)]));
    Ok(store::pot::held(tx, &wanted).await?.into_iter().collect())
}

/// What the next order would look up, if it were placed now.
async fn known(
    tx: &mut Tx,
    (program, boost): (&Program, &Boost),
    buyer: BuyerId,
    pots: &HashMap<Pot, Held>,
    today: Day,
) -> Result<Known, StoreError> {
    let is_free = |pot: Pot| pots.get(&pot).is_none_or(|held| held.uses == 0);
    Ok(match &boost.kind {
        terms::boost::Kind::Return { .. } => {
            let placed = history::placed(tx, &[buyer], &[program.id]).await?;
            let last_order = placed.into_iter().filter(|placed| placed.goal == SALE).map(|placed| placed.at).max();
            Known { last_order, ..Known::default() }
        }
        terms::boost::Kind::Tier { programs, .. } => {
            let looked_at = store::program::by_ids(tx, programs).await?;
            let spent: HashMap<ProgramId, i64> =
                history::bases(tx, &[buyer], programs).await?.into_iter().map(|((_, program), base)| (program, base)).collect();
            let spent = looked_at.iter().map(|other| (other.id, other.currency, spent.get(&other.id).copied().unwrap_or(0)));
            let currencies: Vec<Currency> = looked_at.iter().map(|other| other.currency).chain([program.currency]).collect();
            let days: Vec<Day> = (0..=AGE_DAYS_MAX).map(|age| today.minus(age)).collect();
            let rates = store::rate::table(tx, &days, &currencies).await?;
            // As where an order looks it up: one beyond the range of amounts counts as nothing.
            let (base, _) = rates.sum(spent, program.currency, today).unwrap_or_default();
            Known { base, ..Known::default() }
        }
        terms::boost::Kind::Welcome { .. } => Known { is_open: is_free(Pot::Welcome(buyer)), ..Known::default() },
        terms::boost::Kind::Referral { .. } => {
            let brought = store::buyer::by_id(tx, buyer).await?.is_some_and(|buyer| buyer.referred_by.is_some());
            Known { is_open: brought && is_free(Pot::Referral(buyer)), ..Known::default() }
        }
        terms::boost::Kind::Code(_) | terms::boost::Kind::Voucher(_) => Known::default(),
    })
}
