//! A batch as a file for the bank: the same bytes each time, made of what is stored.

use crate::{
    domain::{
        payment::Payment,
        payout::{Batch, Form, fits},
    },
    formats::{pain001, transfers},
    kernel::{
        bank::BankAccount,
        id::{BatchId, PaymentId},
        seal::{Vault, VaultError},
        time::Zone,
    },
    store::{self, Db, StoreError},
};
use serde::{Deserialize, Serialize};
use std::io;
use utoipa::ToSchema;

/// Where the debtor stands among the settings.
const DEBTOR: &str = "payout_debtor";

/// Whose account payouts are debited from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PayoutDebtor)]
pub struct Debtor {
    pub name: String,
    /// In the electronic form.
    pub iban: String,
    #[schema(required)]
    pub bic: Option<String>,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("there is no such batch")]
    NoBatch,
    #[error("nobody said whose account is debited")]
    NoDebtor,
    #[error("{0}")]
    Vault(#[from] VaultError),
    #[error("the account of {0} cannot be read")]
    Unreadable(PaymentId),
    #[error("the database: {0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Write(#[from] io::Error),
}

/// None until somebody has said it.
pub async fn debtor(tx: &mut store::Tx) -> Result<Option<Debtor>, StoreError> {
    let Some(text) = store::setting::get(tx, DEBTOR).await? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|_| StoreError::corrupt("setting", "value", DEBTOR))
}

pub async fn set_debtor(tx: &mut store::Tx, debtor: &Debtor) -> Result<(), StoreError> {
    let text = serde_json::to_string(debtor).map_err(|_| StoreError::corrupt("setting", "value", DEBTOR))?;
    store::setting::put(tx, DEBTOR, &text).await
}

/// The payments of a form that were not taken out. Before the batch is exported it is a draft: its date is that of the preparation.
pub async fn write(db: &Db, vault: &Vault, zone: &Zone, id: BatchId, form: Form) -> Result<Vec<u8>, FileError> {
    let mut tx = db.read().await?;
    let batch = store::payout::by_id(&mut tx, id).await?.ok_or(FileError::NoBatch)?;
    let payments = store::payment::of_batches(&mut tx, &[id]).await?;
    let debtor = debtor(&mut tx).await?;
    tx.commit().await?;
    let wanted = |payment: &&Payment| payment.cancelled_at().is_none() && fits(form, payment.details.method, payment.amount.currency);
    let open = |payment: &Payment| {
        let opened = vault.open_secret(&payment.details.sealed)?;
        let account = BankAccount::from_bytes(&opened).ok_or(FileError::Unreadable(payment.id))?;
        Ok((payment.clone(), account))
    };
    let payments: Vec<(Payment, BankAccount)> = payments.iter().filter(wanted).map(open).collect::<Result<_, FileError>>()?;
    match form {
        Form::Pain001 => pain001(&batch, &payments, &debtor.ok_or(FileError::NoDebtor)?, zone),
        Form::Csv | Form::CsvAll => {
            let lines: Vec<_> = payments.iter().map(|(payment, account)| table_line(payment, account)).collect();
            Ok(transfers::write(&lines)?)
        }
    }
}

fn table_line<'a>(payment: &'a Payment, account: &'a BankAccount) -> transfers::Transfer<'a> {
    transfers::Transfer {
        id: payment.id.to_string(),
        payee: payment.payee.to_string(),
        name: &payment.details.holder,
        account,
        amount: payment.net(),
    }
}

fn pain001(batch: &Batch, payments: &[(Payment, BankAccount)], debtor: &Debtor, zone: &Zone) -> Result<Vec<u8>, FileError> {
    // Of the payments themselves: those by SEPA may be exported later than others of the batch.
    let exported_at = payments.iter().filter_map(|(payment, _)| payment.exported_at()).min();
    let created_at = exported_at.unwrap_or(batch.prepared_at);
    let ids: Vec<(String, String)> =
        payments.iter().map(|(payment, _)| (payment.id.to_string(), format!("{} {}", debtor.name, payment.id))).collect();
    let zipped = payments.iter().zip(&ids);
    let transfers: Vec<pain001::Transfer<'_>> =
        zipped.map(|((payment, account), (id, text))| transfer(payment, account, id, text)).collect::<Result<_, _>>()?;
    let head = pain001::Head {
        id: &batch.id.to_string(),
        created_at,
        execute_on: zone.day(created_at),
        debtor: pain001::Debtor { name: &debtor.name, iban: &debtor.iban, bic: debtor.bic.as_deref() },
    };
    Ok(pain001::write(&head, &transfers)?)
}

fn transfer<'a>(payment: &'a Payment, account: &'a BankAccount, id: &'a str, text: &'a str) -> Result<pain001::Transfer<'a>, FileError> {
    match account {
        BankAccount::Sepa { iban, bic } => {
            let (name, bic) = (payment.details.holder.as_str(), bic.as_deref());
            Ok(pain001::Transfer { id, amount: payment.net(), name, iban, bic, text })
        }
        BankAccount::Manual { .. } => Err(FileError::Unreadable(payment.id)),
    }
}

/// A hash for people.
pub fn hex(hash: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes whatever is written");
        text
    })
}
