//! How publishers and buyers are paid, and what stands against it.

use super::{Api, Body, Caller, Field, Ids, Input, Kind, REASON_CHARS_MAX, Routes, Texts, name, ok, op};
use crate::{
    domain::{
        access::{BUYER, OPERATOR, PUBLISHER},
        command::Act,
        payee::Payee,
        payment::{Payment, Status},
        payout::Step,
        wallet::{Assessed, Details, Method, Profile, ReturnReason, Wallet, Why},
    },
    engine::{keys, ledger_batch::clock_command},
    kernel::{
        bank::{self, BankAccount},
        currency::Currency,
        fields::FieldErrors,
        id::{BuyerId, PublisherId},
        money::Money,
        object::Object,
        time::Time,
    },
    store::{self, Tx, payment::Wanted},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// 34 characters at most, and blanks between groups of four.
const IBAN_CHARS_MAX: usize = 42;
/// A few lines of a bank's form.
const DETAILS_CHARS_MAX: usize = 1000;

const PUBLISHER_ID: &[Field] = &[Field::required("id", Kind::Id(PublisherId::PREFIX), "The publisher.")];
const BUYER_ID: &[Field] = &[Field::required("id", Kind::Id(BuyerId::PREFIX), "The buyer.")];
pub const IBAN: Kind = Kind::Text { chars_max: IBAN_CHARS_MAX };
pub const BIC: Field = Field::optional("bic", Kind::Text { chars_max: 11 }, "The bank, if it is known.");

const METHOD: Body = Body::new(
    "NewPayoutMethod",
    &[
        Field::required(
            "method",
            Kind::Word(Method::WORDS),
            "`sepa`: a bank account with an IBAN; `manual`: whatever the operator can do by hand.",
        ),
        Field::required("holder", Kind::Name, "The account holder's name."),
        Field::optional("iban", IBAN, "Of `sepa`; the one that is stored stays if it is left out."),
        BIC,
        Field::optional(
            "details",
            Kind::Text { chars_max: DETAILS_CHARS_MAX },
            "Of `manual`: where to pay to; what is stored stays if it is left out.",
        ),
        Field::optional(
            "minimums",
            Kind::ByCurrency { each: &Kind::Amount, count_min: 0 },
            "Below these a balance stays; 10 units of a currency that is left out.",
        ),
    ],
)
.example(r#"{"method": "sepa", "holder": "Nadia Lefèvre", "iban": "FR76 3000 6000 0112 3456 7890 189", "minimums": {"EUR": "5.00"}}"#);
const HOLD: Body = Body::new(
    "PayoutHold",
    &[
        Field::required("held", Kind::Boolean, "Whether payouts to them wait."),
        Field::optional("reason", Kind::Text { chars_max: REASON_CHARS_MAX }, "Why; the payee reads it."),
    ],
)
.example(r#"{"held": true, "reason": "Please send us your new address."}"#);
const CODES: &[(u16, &str)] = &[(422, "invalid_iban"), (422, "iban_not_sepa"), (422, "invalid_bic"), (422, "missing_field")];

pub fn routes() -> Routes {
    let get = |id| op(id, "How they are paid, and what the next payout would do").ok::<View>();
    let put = |id| {
        op(id, "Says how they are paid")
            .about("Another account than the one stored holds payouts for 72 hours, and takes payments that no bank was told of yet out of their \
                    batches. The account itself is never shown again.")
            .body(METHOD)
            .ok::<View>()
            .codes(CODES)
    };
    let hold = |id| {
        op(id, "Holds payouts to them, or lets them go on")
            .about("A hold takes payments that no bank was told of yet out of their batches.")
            .body(HOLD)
            .ok::<View>()
    };
    Routes::new("payouts")
        .get(
            "/publishers/{id}/payout-method",
            of_publisher,
            get("get_publisher_payout_method").roles(OPERATOR | PUBLISHER).ids(PUBLISHER_ID),
        )
        .put(
            "/publishers/{id}/payout-method",
            put_publisher,
            put("set_publisher_payout_method").roles(OPERATOR | PUBLISHER).ids(PUBLISHER_ID),
        )
        .put("/publishers/{id}/payout-hold", hold_publisher, hold("hold_publisher_payouts").ids(PUBLISHER_ID))
        .get("/buyers/{id}/payout-method", of_buyer, get("get_buyer_payout_method").roles(OPERATOR | BUYER).ids(BUYER_ID))
        .put("/buyers/{id}/payout-method", put_buyer, put("set_buyer_payout_method").roles(OPERATOR | BUYER).ids(BUYER_ID))
        .put("/buyers/{id}/payout-hold", hold_buyer, hold("hold_buyer_payouts").ids(BUYER_ID))
}

/// How somebody is paid.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayoutProfile)]
struct View {
    /// A publisher or a buyer.
    #[schema(value_type = String)]
    payee: Payee,
    /// Null until they have said it.
    #[schema(required)]
    method: Option<Method>,
    #[schema(required)]
    holder: Option<String>,
    /// As much of the account as anybody is shown.
    #[schema(required, examples("FR76…0189"))]
    account: Option<String>,
    #[schema(required)]
    changed_at: Option<Time>,
    /// By currency, where they are not 10 units.
    #[schema(value_type = BTreeMap<String, Money>)]
    minimums: BTreeMap<Currency, Money>,
    /// The operator holds payouts.
    held: bool,
    #[schema(required)]
    held_reason: Option<String>,
    /// The account is new in the place of another: nothing is paid before.
    #[schema(required)]
    paused_until: Option<Time>,
    /// Why the last payment to this account came back: nothing is paid until it is changed.
    #[schema(required)]
    returned: Option<ReturnReason>,
    /// What a payout would do now, by currency.
    next: Vec<Next>,
}

/// What a payout would do now with one balance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NextPayout)]
struct Next {
    /// What is payable; the VAT of a statement is paid on top of it.
    balance: Money,
    minimum: Money,
    /// Why it would not be paid.
    #[schema(required)]
    why: Option<Why>,
    #[schema(required)]
    why_text: Option<Texts>,
    /// Below the minimum.
    #[schema(required)]
    missing: Option<Money>,
}

impl View {
    fn of(profile: &Profile, wallets: Vec<(Currency, Wallet)>, now: Time) -> Self {
        let next = |(currency, wallet): (Currency, Wallet)| {
            let balance = -wallet.lines.iter().map(|line| line.amount).sum::<i64>();
            let against = match wallet.assess(currency, None, 0, now) {
                Assessed::LeaveOut { against, .. } => Some(against),
                Assessed::Nothing | Assessed::Pay { .. } => None,
            };
            Next {
                balance: Money::new(balance, currency),
                minimum: Money::new(profile.minimum(currency), currency),
                why: against.map(|against| against.why),
                why_text: against.map(|against| Texts::of(|language| against.why.text(language))),
                missing: against.and_then(|against| against.missing).map(|missing| Money::new(missing, currency)),
            }
        };
        let details = profile.details.as_ref();
        Self {
            payee: profile.payee,
            method: details.map(|details| details.method),
            holder: details.map(|details| details.holder.clone()),
            account: details.map(|details| details.shown.clone()),
            changed_at: details.map(|details| details.changed_at),
            minimums: profile.minimums.iter().map(|(currency, minor)| (*currency, Money::new(*minor, *currency))).collect(),
            held: profile.held.is_some(),
            held_reason: profile.held.clone().filter(|reason| !reason.is_empty()),
            paused_until: profile.paused_until.filter(|until| *until > now),
            returned: profile.blocked,
            next: wallets.into_iter().map(next).collect(),
        }
    }
}

/// The payee of a path, if it exists and is the caller's to see.
async fn seen(tx: &mut Tx, caller: &Caller, payee: Payee) -> Result<Payee, Problem> {
    let found = match payee {
        Payee::Publisher(id) => caller.find_publisher(tx, id).await?.is_some(),
        Payee::Buyer(id) => caller.find_buyer(tx, id).await?.is_some(),
    };
    if found { Ok(payee) } else { Err(Problem::not_found()) }
}

async fn shown(api: &Api, mut tx: Tx, payee: Payee) -> Result<Response, Problem> {
    let profile = store::wallet::profile(&mut tx, payee).await?;
    let (mut wallets, balances) = (Vec::new(), store::balance::of_owner(&mut tx, payee.owner()).await?);
    let mut payable = balances.iter().filter(|balance| balance.account == payee.payable());
    let in_debt = api.engine.debt_limit.is_some_and(|limit| payable.any(|balance| limit.is_exceeded(balance.amount)));
    let self_billing = match payee.publisher() {
        Some(publisher) => {
            let seller = store::seller::get(&mut tx).await?;
            store::billing::of_publisher(&mut tx, publisher).await?.and_then(|billing| billing.by(seller))
        }
        None => None,
    };
    for balance in &balances {
        let currency = balance.amount.currency;
        if balance.account == payee.payable() && balance.amount.minor != 0 {
            let lines = store::wallet::free_lines(&mut tx, &[payee], currency).await?.remove(&payee).unwrap_or_default();
            wallets.push((currency, Wallet { profile: profile.clone(), lines, in_debt, self_billing: self_billing.clone() }));
        }
    }
    tx.commit().await?;
    Ok(ok(&View::of(&profile, wallets, api.now())))
}

async fn of_publisher(State(api): State<Api>, caller: Caller, Ids(id): Ids<PublisherId>) -> Result<Response, Problem> {
    show(&api, &caller, Payee::Publisher(id)).await
}

async fn of_buyer(State(api): State<Api>, caller: Caller, Ids(id): Ids<BuyerId>) -> Result<Response, Problem> {
    show(&api, &caller, Payee::Buyer(id)).await
}

async fn show(api: &Api, caller: &Caller, payee: Payee) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let payee = seen(&mut tx, caller, payee).await?;
    shown(api, tx, payee).await
}

async fn put_publisher(State(api): State<Api>, caller: Caller, Ids(id): Ids<PublisherId>, input: Input) -> Result<Response, Problem> {
    put(&api, &caller, Payee::Publisher(id), &input).await
}

async fn put_buyer(State(api): State<Api>, caller: Caller, Ids(id): Ids<BuyerId>, input: Input) -> Result<Response, Problem> {
    put(&api, &caller, Payee::Buyer(id), &input).await
}

/// What was sent: the account only if it was.
struct Sent {
    method: Method,
    holder: String,
    account: Option<BankAccount>,
    minimums: BTreeMap<Currency, i64>,
}

fn read(object: &Object<'_>, errors: &mut FieldErrors) -> Option<Sent> {
    let method = object.required("method", errors).word(Method::WORDS, Method::from_word, errors);
    let holder = name(&object.required("holder", errors), errors);
    let iban = iban(object, false, errors);
    let bic = bic(object, errors);
    let details = object.optional("details").full_text(DETAILS_CHARS_MAX, errors);
    if let Some(iban) = iban.as_deref().filter(|iban| method == Some(Method::Sepa) && !bank::is_sepa(iban)) {
        let country = iban.get(..2).unwrap_or_default();
        errors.push(object.path_of("iban"), "iban_not_sepa", format!("{country} takes no SEPA transfers: pay by `manual`, with `details`"));
    }
    let account = match method? {
        Method::Sepa => iban.map(|iban| BankAccount::Sepa { iban, bic }),
        Method::Manual => details.map(|details| BankAccount::Manual { details }),
    };
    let minimums = object.optional("minimums").object(errors).map(|minimums| by_currency(&minimums, errors)).unwrap_or_default();
    Some(Sent { method: method?, holder: holder?, account, minimums })
}

fn by_currency(minimums: &Object<'_>, errors: &mut FieldErrors) -> BTreeMap<Currency, i64> {
    let mut read = BTreeMap::new();
    for name in minimums.names() {
        let field = minimums.required(name, errors);
        match name.parse::<Currency>() {
            Ok(currency) => read.extend(field.minor_from_zero(currency, errors).map(|minor| (currency, minor))),
            Err(error) => errors.push(field.path(), "unknown_currency", error.to_string()),
        }
    }
    read
}

pub fn iban(object: &Object<'_>, required: bool, errors: &mut FieldErrors) -> Option<String> {
    let field = if required { object.required("iban", errors) } else { object.optional("iban") };
    let text = field.text(IBAN_CHARS_MAX, errors)?;
    let iban = bank::iban(&text);
    if iban.is_none() {
        // What was sent is not repeated: it may be somebody's account but for a digit.
        errors.push(field.path(), "invalid_iban", "not an IBAN: length or check digits are wrong");
    }
    iban
}

pub fn bic(object: &Object<'_>, errors: &mut FieldErrors) -> Option<String> {
    let field = object.optional("bic");
    let text = field.text(11, errors)?;
    let bic = bank::bic(&text);
    if bic.is_none() {
        errors.push(field.path(), "invalid_bic", "a BIC of 8 or 11 characters is wanted");
    }
    bic
}

async fn put(api: &Api, caller: &Caller, payee: Payee, input: &Input) -> Result<Response, Problem> {
    let now = api.now();
    let mut tx = api.db().begin().await?;
    let payee = seen(&mut tx, caller, payee).await?;
    let sent = input.read(read)?;
    store::wallet::lock(&mut tx, payee).await?;
    let mut profile = store::wallet::profile(&mut tx, payee).await?;
    let is_other = take(api, &mut profile, sent, now)?;
    store::wallet::save(&mut tx, &profile).await?;
    tx.commit().await?;
    if is_other {
        take_out(api, payee, now).await?;
    }
    shown(api, api.db().read().await?, payee).await
}

/// Payments that are prepared and that no bank was told of go out of their batches: they were to the account of before, or are held now.
async fn take_out(api: &Api, payee: Payee, now: Time) -> Result<(), Problem> {
    let mut tx = api.db().read().await?;
    let wanted = Wanted { payee: Some(payee), status: Some(Status::Prepared), ..Wanted::default() };
    let prepared = store::payment::list(&mut tx, wanted, None, i64::MAX).await?;
    tx.commit().await?;
    let take_out = |payment: Payment| {
        let step = Step::Remove { payment: payment.id };
        clock_command(api.engine.ids.next(now), now, Act::Payout(step))
    };
    // One that was exported meanwhile stays.
    api.engine.ledger.submit_all(prepared.into_iter().map(take_out).collect()).await;
    Ok(())
}

/// Whether it is another account. The same again changes nothing; another name on it, only the name.
fn take(api: &Api, profile: &mut Profile, sent: Sent, now: Time) -> Result<bool, Problem> {
    profile.minimums = sent.minimums;
    let stored = profile.details.as_ref().filter(|details| details.method == sent.method).cloned();
    let known = stored.as_ref().and_then(|details| BankAccount::from_bytes(&api.engine.vault.open_secret(&details.sealed).ok()?));
    let is_same = sent.account.is_none() || sent.account == known;
    match (stored, sent.account) {
        (Some(stored), _) if is_same => {
            let changed_at = if stored.holder == sent.holder { stored.changed_at } else { now };
            profile.details = Some(Details { holder: sent.holder, changed_at, ..stored });
            Ok(false)
        }
        (_, None) => {
            let field = if sent.method == Method::Sepa { "iban" } else { "details" };
            Err(super::wrong_field(field, "missing_field", "this field is required"))
        }
        (_, Some(account)) => {
            let nonce = keys::random().map_err(|error| {
                tracing::error!(%error, "an account cannot be sealed");
                Problem::internal()
            })?;
            let sealed = api.engine.vault.seal_secret(&account.to_bytes(), nonce);
            profile.change(Details { method: sent.method, holder: sent.holder, shown: account.masked(), sealed, changed_at: now });
            Ok(true)
        }
    }
}

async fn hold_publisher(State(api): State<Api>, caller: Caller, Ids(id): Ids<PublisherId>, input: Input) -> Result<Response, Problem> {
    hold(&api, &caller, Payee::Publisher(id), &input).await
}

async fn hold_buyer(State(api): State<Api>, caller: Caller, Ids(id): Ids<BuyerId>, input: Input) -> Result<Response, Problem> {
    hold(&api, &caller, Payee::Buyer(id), &input).await
}

async fn hold(api: &Api, caller: &Caller, payee: Payee, input: &Input) -> Result<Response, Problem> {
    let mut tx = api.db().begin().await?;
    let payee = seen(&mut tx, caller, payee).await?;
    let held = input.read(|object, errors| {
        let held = object.required("held", errors).boolean(errors);
        let reason = object.optional("reason").text(REASON_CHARS_MAX, errors);
        Some(held?.then(|| reason.unwrap_or_default()))
    })?;
    store::wallet::lock(&mut tx, payee).await?;
    let profile = Profile { held, ..store::wallet::profile(&mut tx, payee).await? };
    store::wallet::save(&mut tx, &profile).await?;
    tx.commit().await?;
    if profile.held.is_some() {
        take_out(api, payee, api.now()).await?;
    }
    shown(api, api.db().read().await?, payee).await
}
