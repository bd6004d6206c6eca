//! Balances of an owner's accounts.

use super::{Api, Caller, OWNER, Query, Routes, check_owner, op, owner_of, whole};
use crate::{
    domain::{access::ANY, account::Account},
    kernel::{money::Money, time::Time},
    store,
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

pub fn routes() -> Routes {
    let list_them = op("list_balances", "An owner's balances: one row per account and currency")
        .roles(ANY)
        .query(&[OWNER])
        .codes(&[(404, "not_found"), (422, "missing_field")]);
    Routes::new("balances").get("/balances", list, list_them.whole::<View>())
}

/// What an account holds in one currency.
#[derive(Serialize, ToSchema)]
#[schema(as = Balance)]
struct View {
    /// `publisher:pub_…:pending` and the like.
    #[serde(serialize_with = "name")]
    #[schema(value_type = String, examples("publisher:pub_09dkq3fzg0g00:pending"))]
    account: Account,
    /// Positive is the account's usual side.
    amount: Money,
    /// When it last changed.
    as_of: Time,
}

fn name<S: Serializer>(account: &Account, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(account)
}

/// One row per account and currency.
async fn list(State(api): State<Api>, caller: Caller, query: Query) -> Result<Response, Problem> {
    let owner = query.read(|query, errors| owner_of(query, caller.scope, errors))?;
    let mut tx = api.db().read().await?;
    check_owner(&mut tx, caller.scope, owner).await?;
    let balances = store::balance::of_owner(&mut tx, owner).await?;
    tx.commit().await?;
    let view = |balance: store::balance::Balance| View {
        account: balance.account,
        amount: Money::new(balance.account.usual(balance.amount.minor), balance.amount.currency),
        as_of: balance.as_of,
    };
    Ok(whole(balances.into_iter().map(view).collect()))
}
