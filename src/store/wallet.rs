//! How payees want to be paid, and the lines of their balances that no payment holds.
use super::bulk::{self, Column};
use super::db::Tx;
use super::error::StoreError;
use super::filter::Filter;
use crate::domain::{
    account::Account,
    entry::{Subject, SubjectKind},
    payee::Payee,
    payment::Status,
    wallet::{Details, FreeLine, Method, Profile, ReturnReason},
};
use crate::kernel::{currency::Currency, id::EntryId, time::Time};
use crate::{args, statements};
use std::collections::{BTreeMap, HashMap};

statements! {
    METHODS = "SELECT payee, payee_kind, method, holder, shown, sealed, changed_at, minimums, held, paused_until, notice_due_at
        FROM payout_method";
    BLOCKED = "SELECT p.payee AS payee, p.reason AS reason FROM payment p JOIN payout_method m ON m.payee = p.payee AND m.changed_at = p.details_at";
    FOR_UPDATE = "SELECT payee AS n FROM payout_method WHERE payee = $1",
        postgres "SELECT payee AS n FROM payout_method WHERE payee = $1 FOR UPDATE";
    BALANCES = "SELECT account FROM balance";
    LINES = "SELECT p.account, p.entry, p.line, p.amount, e.at, e.subject_kind, e.subject,
            (s.entry IS NULL AND ((e.subject_kind = 'order' AND NOT EXISTS (SELECT 1 FROM payment_line k
                JOIN posting q ON q.entry = k.entry AND q.line = k.line LEFT JOIN statement_line t ON t.entry = k.entry AND t.line = k.line
                WHERE k.conversion = e.subject AND k.live AND q.account = p.account AND t.entry IS NULL))
                OR COALESCE(m.kind, '') IN ('waived', 'written_off'))) AS unstated
        FROM posting p JOIN journal_entry e ON e.id = p.entry LEFT JOIN statement_line s ON s.entry = p.entry AND s.line = p.line
        LEFT JOIN movement m ON m.id = e.subject AND e.subject_kind = 'movement' WHERE p.account IN (SELECT value FROM json_each($1)) AND p.currency = $2
            AND NOT EXISTS (SELECT 1 FROM payment_line l WHERE l.entry = p.entry AND l.line = p.line AND l.live) ORDER BY p.entry, p.line",
        postgres "SELECT p.account, p.entry, p.line, p.amount, e.at, e.subject_kind, e.subject,
            (s.entry IS NULL AND ((e.subject_kind = 'order' AND NOT EXISTS (SELECT 1 FROM payment_line k
                JOIN posting q ON q.entry = k.entry AND q.line = k.line LEFT JOIN statement_line t ON t.entry = k.entry AND t.line = k.line
                WHERE k.conversion = e.subject AND k.live AND q.account = p.account AND t.entry IS NULL))
                OR COALESCE(m.kind, '') IN ('waived', 'written_off'))) AS unstated
        FROM posting p JOIN journal_entry e ON e.id = p.entry LEFT JOIN statement_line s ON s.entry = p.entry AND s.line = p.line
        LEFT JOIN movement m ON m.id = e.subject AND e.subject_kind = 'movement' WHERE p.account = ANY($1) AND p.currency = $2
            AND NOT EXISTS (SELECT 1 FROM payment_line l WHERE l.entry = p.entry AND l.line = p.line AND l.live) ORDER BY p.entry, p.line";
}

#[derive(sqlx::FromRow)]
struct Row {
    payee: i64,
    payee_kind: String,
    method: Option<String>,
    holder: Option<String>,
    shown: Option<String>,
    sealed: Option<Vec<u8>>,
    changed_at: Option<i64>,
    minimums: String,
    held: Option<String>,
    paused_until: Option<i64>,
    notice_due_at: Option<i64>,
}

impl Row {
    fn details(&mut self) -> Option<Details> {
        Some(Details {
            method: Method::from_word(self.method.as_deref()?)?,
            holder: self.holder.take()?,
            shown: self.shown.take()?,
            sealed: self.sealed.take()?,
            changed_at: Time::from_micros(self.changed_at?),
        })
    }

    fn minimums(&self) -> Option<BTreeMap<Currency, i64>> {
        let read: BTreeMap<String, i64> = serde_json::from_str(&self.minimums).ok()?;
        read.into_iter().map(|(currency, minor)| Some((currency.parse().ok()?, minor))).collect()
    }

    fn read(mut self) -> Result<Profile, StoreError> {
        let corrupt = |row: &Self, column| StoreError::corrupt("payout_method", column, row.payee);
        let payee = Payee::from_stored(&self.payee_kind, self.payee).ok_or_else(|| corrupt(&self, "payee_kind"))?;
        let details = match self.method {
            Some(_) => Some(self.details().ok_or_else(|| corrupt(&self, "method"))?),
            None => None,
        };
        Ok(Profile {
            payee,
            details,
            minimums: self.minimums().ok_or_else(|| corrupt(&self, "minimums"))?,
            held: self.held,
            paused_until: self.paused_until.map(Time::from_micros),
            notice_due_at: self.notice_due_at.map(Time::from_micros),
            blocked: None,
        })
    }
}

/// Takes the row, so that nobody else changes it until the transaction ends. On SQLite the write turn does it.
pub async fn lock(tx: &mut Tx, payee: Payee) -> Result<(), StoreError> {
    #[derive(sqlx::FromRow)]
    struct Number {
        #[expect(dead_code, reason = "the row is wanted, not its content")]
        n: i64,
    }
    tx.one::<Number>(FOR_UPDATE, args![payee.raw()]).await?;
    Ok(())
}

/// What these payees have said; nothing of those who have said nothing.
pub async fn profiles(tx: &mut Tx, payees: &[Payee]) -> Result<Vec<Profile>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Blocked {
        payee: i64,
        reason: String,
    }
    if payees.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<i64> = payees.iter().map(|payee| payee.raw()).collect();
    let rows: Vec<Row> = Filter::new(METHODS).any_of("payee", Some(numbers.clone())).all(tx).await?;
    let reasons: Vec<&str> = ReturnReason::BLOCKING.iter().map(|reason| reason.code()).collect();
    let filter = Filter::new(BLOCKED).any_of("p.payee", Some(numbers)).and("p.status =", Some(Status::Returned.word()));
    let blocked: Vec<Blocked> = filter.any_of("p.reason", Some(reasons)).all(tx).await?;
    let blocked: HashMap<i64, ReturnReason> =
        blocked.iter().filter_map(|row| Some((row.payee, ReturnReason::from_code(&row.reason)?))).collect();
    let read = |row: Row| row.read().map(|profile| Profile { blocked: blocked.get(&profile.payee.raw()).copied(), ..profile });
    rows.into_iter().map(read).collect()
}

/// What the payee has said, or nothing yet.
pub async fn profile(tx: &mut Tx, payee: Payee) -> Result<Profile, StoreError> {
    Ok(profiles(tx, &[payee]).await?.pop().unwrap_or_else(|| Profile::empty(payee)))
}

pub async fn save(tx: &mut Tx, profile: &Profile) -> Result<(), StoreError> {
    let minimums: BTreeMap<&str, i64> = profile.minimums.iter().map(|(currency, minor)| (currency.code(), *minor)).collect();
    let minimums = serde_json::to_string(&minimums).map_err(|_| StoreError::corrupt("payout_method", "minimums", profile.payee))?;
    let rows = [profile];
    let details = |profile: &&Profile| profile.details.clone();
    let sealed: Vec<u8> = details(&profile).map(|details| details.sealed).unwrap_or_default();
    let sealed = profile.details.is_some().then_some(sealed.as_slice());
    let text = |of: fn(&Details) -> &str| profile.details.as_ref().map(of);
    let columns = [
        ("payee", Column::int(&rows, |p| p.payee.raw())),
        ("payee_kind", Column::text(&rows, |p| p.payee.owner().kind())),
        ("method", Column::TextOrNull(vec![text(|d| d.method.word())])),
        ("holder", Column::TextOrNull(vec![text(|d| &d.holder)])),
        ("shown", Column::TextOrNull(vec![text(|d| &d.shown)])),
        ("sealed", Column::BlobOrNull(vec![sealed])),
        ("changed_at", Column::int_or_null(&rows, |p| p.details.as_ref().map(|d| d.changed_at.micros()))),
        ("minimums", Column::String(vec![minimums])),
        ("held", Column::text_or_null(&rows, |p| p.held.as_deref())),
        ("paused_until", Column::int_or_null(&rows, |p| p.paused_until.map(Time::micros))),
        ("notice_due_at", Column::int_or_null(&rows, |p| p.notice_due_at.map(Time::micros))),
    ];
    let tail = "ON CONFLICT (payee) DO UPDATE SET method = excluded.method, holder = excluded.holder, shown = excluded.shown,
        sealed = excluded.sealed, changed_at = excluded.changed_at, minimums = excluded.minimums, held = excluded.held,
        paused_until = excluded.paused_until, notice_due_at = excluded.notice_due_at";
    bulk::insert(tx, "payout_method", &columns, tail).await?;
    Ok(())
}

/// The payees who have a balance in this currency, be it below zero.
pub async fn payees(tx: &mut Tx, currency: Currency) -> Result<Vec<Payee>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Name {
        account: String,
    }
    let filter = Filter::new(BALANCES).and("currency =", Some(currency.code())).only(true, "amount <> 0");
    let rows: Vec<Name> = filter.only(true, "owner_kind IN ('publisher', 'buyer')").tail("ORDER BY account").all(tx).await?;
    let read = |row: &Name| {
        let account: Account = row.account.parse().map_err(|_| StoreError::corrupt("balance", "account", &row.account))?;
        Ok(Payee::of_payable(account))
    };
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// The lines on these payees' `:payable` accounts that no live payment holds. Of an order that was paid without a statement, what comes
/// later goes on none either: its VAT was never paid, so none is taken back.
pub async fn free_lines(tx: &mut Tx, payees: &[Payee], currency: Currency) -> Result<BTreeMap<Payee, Vec<FreeLine>>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Free {
        account: String,
        entry: i64,
        line: i64,
        amount: i64,
        at: i64,
        subject_kind: String,
        subject: i64,
        unstated: bool,
    }
    let accounts: BTreeMap<String, Payee> = payees.iter().map(|payee| (payee.payable().to_string(), *payee)).collect();
    let mut lines: BTreeMap<Payee, Vec<FreeLine>> = BTreeMap::new();
    if accounts.is_empty() {
        return Ok(lines);
    }
    let names: Vec<&str> = accounts.keys().map(String::as_str).collect();
    for row in tx.all::<Free>(LINES, args![names, currency.code()]).await? {
        let entry = EntryId::from_raw(row.entry);
        let payee = accounts.get(&row.account).ok_or_else(|| StoreError::corrupt("posting", "account", entry))?;
        let kind = SubjectKind::from_word(&row.subject_kind).ok_or_else(|| StoreError::corrupt("journal_entry", "subject_kind", entry))?;
        let subject = Subject::from_raw(kind, row.subject);
        let at = Time::from_micros(row.at);
        let line = FreeLine { entry, line: row.line, amount: row.amount, at, subject, unstated: row.unstated };
        lines.entry(*payee).or_default().push(line);
    }
    Ok(lines)
}
