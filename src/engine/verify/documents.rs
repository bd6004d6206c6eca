//! What stands beside orders: each must hold what the journal has posted about it, and list what it says.

use super::{PAGE, Report, Totals, journal_differs};
use crate::domain::{
    audit::{self, Breach},
    document::Document,
    entry::Subject,
};
use crate::kernel::id::{InvoiceId, MovementId, PaymentId, StatementId};
use crate::store::{StoreError, Tx, audit as rows, entry as journal_rows, invoice, movement, payment, statement};
use std::collections::HashMap;

pub(super) async fn check(tx: &mut Tx, report: &mut Report, totals: &mut Totals) -> Result<(), StoreError> {
    let mut after = MovementId::from_raw(0);
    loop {
        let page = movement::page(tx, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        check_page(tx, page.into_iter().map(Document::Movement).collect(), report, totals).await?;
    }
    let mut after = PaymentId::from_raw(0);
    loop {
        let page = payment::page(tx, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        check_page(tx, page.into_iter().map(Document::Payment).collect(), report, totals).await?;
    }
    invoices(tx, report, totals).await?;
    statements(tx, report, totals).await?;
    for (series, detail) in rows::series_gaps(tx).await? {
        report.breaches.push(Breach::new("series_gap", series, detail));
    }
    Ok(())
}

async fn invoices(tx: &mut Tx, report: &mut Report, totals: &mut Totals) -> Result<(), StoreError> {
    let mut after = InvoiceId::from_raw(0);
    loop {
        let page = invoice::page(tx, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        let sums = rows::invoice_sums(tx, &page.iter().map(|invoice| invoice.id.raw()).collect::<Vec<_>>()).await?;
        for invoice in &page {
            let (net, lines) = sums.get(&invoice.id.raw()).copied().unwrap_or_default();
            report.breaches.extend(audit::invoice(invoice, net, lines));
        }
        check_page(tx, page.into_iter().map(|invoice| Document::Invoice(Box::new(invoice))).collect(), report, totals).await?;
    }
}

async fn statements(tx: &mut Tx, report: &mut Report, totals: &mut Totals) -> Result<(), StoreError> {
    let mut after = StatementId::from_raw(0);
    loop {
        let page = statement::page(tx, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        let sums = rows::statement_sums(tx, &page.iter().map(|statement| statement.id.raw()).collect::<Vec<_>>()).await?;
        for statement in &page {
            let (net, lines) = sums.get(&statement.id.raw()).copied().unwrap_or_default();
            report.breaches.extend(audit::statement(statement, net, lines));
        }
        check_page(tx, page.into_iter().map(|statement| Document::Statement(Box::new(statement))).collect(), report, totals).await?;
    }
}

async fn check_page(tx: &mut Tx, page: Vec<Document>, report: &mut Report, totals: &mut Totals) -> Result<(), StoreError> {
    let mut posted: HashMap<Subject, Vec<journal_rows::Stored>> = HashMap::new();
    for chained in journal_rows::of_subjects(tx, page.iter().map(Document::subject)).await? {
        posted.entry(chained.entry.subject).or_default().push(chained);
    }
    for document in page {
        report.documents += 1;
        let (subject, row) = (document.subject(), document.row());
        totals.held.add(&row, document.currency());
        let entries = posted.remove(&subject).unwrap_or_default();
        report.breaches.extend(journal_differs(subject, &entries, &row, document.currency()));
    }
    Ok(())
}
