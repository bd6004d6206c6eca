//! An invoice or credit note as a page to print: A4, in English or French, with what the law wants on it.
//!
//! The first sheet sums up by program. Short documents have their lines as an annex; of longer ones they are read as CSV.

use crate::{
    domain::{
        invoice::{Draft, Invoice},
        series::Series,
    },
    kernel::{code::Language, text::Html, time::Zone},
    store::{StoreError, Tx, document_line::Listing},
    web::{
        document::{self as page, Listed, push},
        paper::{self, date, lines, say},
    },
};
use axum::response::Response;

pub async fn print_invoice(tx: &mut Tx, invoice: &Invoice, zone: &Zone, language: Language) -> Result<Response, StoreError> {
    let listed = Listed::load(tx, Listing::Invoice(invoice.id), invoice.draft.lines).await?;
    let is_credit = invoice.number.series == Series::CreditNote;
    let name = if is_credit { say(language, "Credit note", "Avoir") } else { say(language, "Invoice", "Facture") };
    let title = format!("{name} {}{}", say(language, "no. ", "n° "), invoice.number);
    let draft = &invoice.draft;
    let body = [
        head(invoice, &title, language),
        page::parties(&draft.seller, &draft.buyer, language),
        listed.table(draft.currency, language),
        totals(draft, language),
        mentions(invoice, language),
        listed.annex(draft.currency, zone, language),
    ];
    Ok(paper::answer(language, &format!("{title} · {}", draft.seller.name), &body.concat()))
}

fn head(invoice: &Invoice, title: &str, language: Language) -> String {
    let draft = &invoice.draft;
    let mut terms = vec![(say(language, "Issued on", "Date d’émission"), date(draft.issued_on, language))];
    if invoice.number.series == Series::Invoice {
        terms.push((say(language, "Due on", "Échéance"), date(draft.due_on, language)));
    }
    terms.push((say(language, "Document", "Document"), invoice.id.to_string()));
    page::head(title, &terms)
}

fn totals(draft: &Draft, language: Language) -> String {
    let name = match draft.series {
        Series::CreditNote => say(language, "Total credited", "Total TTC à votre crédit"),
        _ => say(language, "Total to pay", "Total TTC à payer"),
    };
    page::totals(draft.net(), draft.vat_rate, draft.vat(), (name, draft.gross()), language)
}

/// About VAT, payment and what comes of paying late; then what proves the document.
fn mentions(invoice: &Invoice, language: Language) -> String {
    let draft = &invoice.draft;
    let mut text = String::from("<div class=\"mentions\">");
    if let Some(mention) = page::vat_mention(draft.vat_mention.as_deref(), draft.vat_rate, &draft.seller) {
        push(&mut text, format_args!("<p>{}</p>", lines(mention)));
    }
    if invoice.number.series == Series::Invoice {
        if let Some(iban) = &draft.seller.iban {
            let (pay, quote) =
                (say(language, "Please pay to IBAN", "À régler par virement sur l’IBAN"), say(language, "quoting", "en rappelant"));
            push(&mut text, format_args!("<p>{pay} {} {quote} {}.</p>", Html(iban), invoice.number));
        }
        let late = say(
            language,
            "No discount for early payment. Late payment bears interest at three times the French legal rate, and a lump sum of 40 € for \
             recovery costs (articles L. 441-10 and D. 441-5 of the French commercial code).",
            "Pas d’escompte pour paiement anticipé. Tout retard de paiement entraîne des pénalités au taux de trois fois l’intérêt légal et \
             une indemnité forfaitaire de 40 € pour frais de recouvrement (articles L. 441-10 et D. 441-5 du code de commerce).",
        );
        push(&mut text, format_args!("<p class=\"small\">{late}</p>"));
    }
    if let Some(note) = &draft.seller.note {
        push(&mut text, format_args!("<p class=\"small\">{}</p>", lines(note)));
    }
    text.push_str(&page::heads(&invoice.heads, language));
    text.push_str("</div>\n");
    text
}
