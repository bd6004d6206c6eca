//! How a merchant's account stands: what it owes, what it has promised, its credit, its open invoices.

use super::{Api, Caller, Field, Ids, Kind, Routes, accounts, ok, op};
use crate::{
    domain::{
        access::{MERCHANT, OPERATOR},
        account::{Account, Owner},
        standing::{self, InvoiceStatus},
    },
    kernel::{
        currency::Currency,
        id::{InvoiceId, MerchantId},
        money::Money,
        time::{Day, Time},
    },
    store,
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

const ID: &[Field] = &[Field::required("id", Kind::Id(MerchantId::PREFIX), "The merchant.")];

pub fn routes() -> Routes {
    let get_it = op("get_account", "How a merchant's account stands").roles(OPERATOR | MERCHANT).ids(ID).ok::<View>();
    Routes::new("invoices").get("/merchants/{id}/account", one, get_it)
}

/// How a merchant's account stands.
#[derive(Serialize, ToSchema)]
#[schema(as = MerchantAccount)]
struct View {
    merchant: MerchantId,
    prepaid: bool,
    /// One for each currency.
    accounts: Vec<InCurrency>,
}

/// The account in one currency.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountInCurrency)]
struct InCurrency {
    currency: Currency,
    /// What is owed now, invoiced or not, VAT of invoices included; below zero it is credit.
    owed: Money,
    /// What is promised on orders that are not approved yet.
    pending: Money,
    /// What was paid ahead or overpaid, or was credited, and is not used up.
    credit: Money,
    /// What is owed and on no document yet, without VAT.
    not_invoiced: Money,
    /// What is open on invoices …
    open: Money,
    /// … and of that what is past its date.
    overdue: Money,
    /// Invoices that are not paid in full, the oldest first.
    open_invoices: Vec<OpenInvoice>,
    /// Sales that are held because the credit did not cover them; null if there is none.
    #[schema(required)]
    budget_used_up: Option<UsedUp>,
}

/// An invoice that is not paid in full.
#[derive(Serialize, ToSchema)]
struct OpenInvoice {
    id: InvoiceId,
    number: String,
    status: InvoiceStatus,
    gross: Money,
    open: Money,
    due_on: Day,
}

/// Sales that a prepaid merchant's credit did not cover.
#[derive(Serialize, ToSchema)]
#[schema(as = BudgetUsedUp)]
struct UsedUp {
    /// When the first of them was recorded.
    since: Time,
    /// How many are held.
    conversions: i64,
}

async fn one(State(api): State<Api>, caller: Caller, Ids(id): Ids<MerchantId>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let merchant = caller.find_merchant(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let balances = store::balance::of_owner(&mut tx, Owner::Merchant(id)).await?;
    let standing = accounts(&mut tx, id).await?;
    let held = store::awaiting::held(&mut tx, id).await?;
    tx.commit().await?;
    let (mut owed, mut pending) = (BTreeMap::new(), BTreeMap::new());
    for balance in balances {
        let kind = if balance.account == Account::MerchantOwed(id) { &mut owed } else { &mut pending };
        kind.insert(balance.amount.currency, balance.amount.minor);
    }
    let currencies: BTreeSet<Currency> =
        owed.keys().chain(pending.keys()).copied().chain(standing.iter().map(|account| account.credit.currency)).collect();
    let today = api.zone().day(api.now());
    let in_currency = |currency: Currency| {
        let of = |sums: &BTreeMap<Currency, i64>| sums.get(&currency).copied().unwrap_or(0);
        let account = standing.iter().find(|account| account.credit.currency == currency);
        let used_up = held.iter().find(|held| held.currency == currency);
        let used_up = used_up.map(|held| UsedUp { since: held.since, conversions: held.conversions });
        in_currency(currency, (of(&owed), of(&pending)), account, used_up, today)
    };
    Ok(ok(&View { merchant: id, prepaid: merchant.billing.prepaid, accounts: currencies.into_iter().map(in_currency).collect() }))
}

fn in_currency(
    currency: Currency,
    (owed, pending): (i64, i64),
    account: Option<&standing::Account>,
    budget_used_up: Option<UsedUp>,
    today: Day,
) -> InCurrency {
    let money = |minor| Money::new(minor, currency);
    let standings = account.map_or(&[][..], |account| &account.standings);
    let open_ones = || standings.iter().filter(|standing| standing.open.minor > 0);
    let open: i64 = open_ones().map(|standing| standing.open.minor).sum();
    let late = open_ones().filter(|standing| standing.status(today) == InvoiceStatus::Overdue);
    let overdue = late.map(|standing| standing.open.minor).sum();
    let pool = account.map_or(0, |account| account.credit.minor);
    let shown = |standing: &standing::Standing| OpenInvoice {
        id: standing.billed.id,
        number: standing.billed.number.to_string(),
        status: standing.status(today),
        gross: standing.billed.gross,
        open: standing.open,
        due_on: standing.billed.due_on,
    };
    InCurrency {
        currency,
        owed: money(owed),
        pending: money(pending),
        credit: money((-owed).max(0)),
        not_invoiced: money(owed - open + pool),
        open: money(open),
        overdue: money(overdue),
        open_invoices: open_ones().map(shown).collect(),
        budget_used_up,
    }
}
