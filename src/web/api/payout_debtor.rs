//! Whose account payouts are debited from.

use super::{Api, BIC, Body, Field, IBAN, Input, Kind, Routes, bic, iban, name, ok, op};
use crate::{
    engine::payout_file::{self, Debtor},
    web::problem::Problem,
};
use axum::{extract::State, response::Response};

const DEBTOR: Body = Body::new(
    "NewPayoutDebtor",
    &[Field::required("name", Kind::Name, "The account holder's name."), Field::required("iban", IBAN, "The account."), BIC],
)
.example(r#"{"name": "Ristourne SAS", "iban": "FR76 3000 6000 0112 3456 7890 189", "bic": "AGRIFRPP"}"#);

pub fn routes() -> Routes {
    Routes::new("payouts")
        .get(
            "/payout-debtor",
            debtor,
            op("get_payout_debtor", "Whose account payouts are debited from").ok::<Debtor>().codes(&[(404, "not_found")]),
        )
        .put(
            "/payout-debtor",
            put_debtor,
            op("set_payout_debtor", "Says whose account payouts are debited from")
                .body(DEBTOR)
                .ok::<Debtor>()
                .codes(&[(422, "invalid_iban"), (422, "invalid_bic")]),
        )
}

async fn debtor(State(api): State<Api>) -> Result<Response, Problem> {
    let mut tx = api.db().read().await?;
    let debtor = payout_file::debtor(&mut tx).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(ok(&debtor))
}

async fn put_debtor(State(api): State<Api>, input: Input) -> Result<Response, Problem> {
    let debtor = input.read(|object, errors| {
        let name = name(&object.required("name", errors), errors);
        let iban = iban(object, true, errors);
        let bic = bic(object, errors);
        Some(Debtor { name: name?, iban: iban?, bic })
    })?;
    let mut tx = api.db().begin().await?;
    payout_file::set_debtor(&mut tx, &debtor).await?;
    tx.commit().await?;
    Ok(ok(&debtor))
}
