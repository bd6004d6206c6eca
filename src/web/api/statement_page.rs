//! A self-billed statement as a page to print: the publisher's invoice to the platform, in English or French.

use crate::{
    domain::statement::Statement,
    kernel::{code::Language, text::Html, time::Zone},
    store::{StoreError, Tx, document_line::Listing},
    web::{
        document::{self as page, Listed, push},
        paper::{self, date, lines, say},
    },
};
use axum::response::Response;

pub async fn print_statement(tx: &mut Tx, statement: &Statement, zone: &Zone, language: Language) -> Result<Response, StoreError> {
    let listed = Listed::load(tx, Listing::Statement(statement.id), statement.draft.total.lines).await?;
    let draft = &statement.draft;
    let name = if draft.total.net < 0 {
        say(language, "Self-billed credit note", "Avoir en autofacturation")
    } else {
        say(language, "Self-billed invoice", "Autofacture")
    };
    let title = format!("{name} {}{}", say(language, "no. ", "n° "), statement.number);
    let terms = [
        (say(language, "Issued on", "Date d’émission"), date(draft.issued_on, language)),
        (say(language, "Payment", "Versement"), draft.payment.to_string()),
        (say(language, "Document", "Document"), statement.id.to_string()),
    ];
    let total = if draft.total.net < 0 {
        say(language, "Total taken back", "Total TTC repris")
    } else {
        say(language, "Total paid to the seller", "Total TTC versé au vendeur")
    };
    let body = [
        page::head(&title, &terms),
        page::parties(&draft.seller, &draft.buyer, language),
        listed.table(draft.currency, language),
        page::totals(draft.net(), draft.vat_rate, draft.vat(), (total, draft.gross()), language),
        mentions(statement, zone, language),
        listed.annex(draft.currency, zone, language),
    ];
    Ok(paper::answer(language, &format!("{title} · {}", draft.seller.name), &body.concat()))
}

/// That the customer wrote it, by which mandate; then about VAT, and what proves the document.
fn mentions(statement: &Statement, zone: &Zone, language: Language) -> String {
    let draft = &statement.draft;
    let since = date(zone.day(draft.mandate_at), language);
    let (seller, buyer) = (Html(&draft.seller.name), Html(&draft.buyer.name));
    let mut text = String::from("<div class=\"mentions\">");
    match language {
        Language::En => push(
            &mut text,
            format_args!(
                "<p>Self-billing: issued by {buyer} in the name and on behalf of {seller}, by the mandate accepted on {since}.</p>"
            ),
        ),
        Language::Fr => push(
            &mut text,
            format_args!(
                "<p>Autofacturation : facture établie par {buyer} au nom et pour le compte de {seller}, selon le mandat accepté le {since}.</p>"
            ),
        ),
    }
    if let Some(mention) = page::vat_mention(draft.vat_mention.as_deref(), draft.vat_rate, &draft.seller) {
        push(&mut text, format_args!("<p>{}</p>", lines(mention)));
    }
    text.push_str(&page::heads(&statement.heads, language));
    text.push_str("</div>\n");
    text
}
