//! A self-billed statement as a page to print: the publisher's invoice to the platform, in English or French.

use crate::{
    domain::statement::{Draft, Statement},
    kernel::{code::Language, money::Money, text::Html, time::Zone},
    store::{
        self, StoreError, Tx,
        statement::{Line, Part},
    },
    web::{
        document::{self as page, LINES_MAX, push},
        paper::{self, date, figures, lines, say},
    },
};
use axum::response::Response;

/// What of a statement stands elsewhere.
#[derive(Debug)]
pub struct Page {
    parts: Vec<Part>,
    lines: Vec<Line>,
}

pub async fn load_statement_page(tx: &mut Tx, statement: &Statement) -> Result<Page, StoreError> {
    let parts = store::statement::summary(tx, statement.id).await?;
    let printed = statement.draft.total.lines <= LINES_MAX;
    let lines = if printed { store::statement::lines(tx, statement.id, None, LINES_MAX).await? } else { Vec::new() };
    Ok(Page { parts, lines })
}

impl Page {
    pub fn render(&self, statement: &Statement, zone: &Zone, language: Language) -> Response {
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
            self.table(draft, language),
            page::totals(draft.net(), draft.vat_rate, draft.vat(), (total, draft.gross()), language),
            mentions(statement, zone, language),
            self.annex(draft, zone, language),
        ];
        paper::answer(language, &format!("{title} · {}", draft.seller.name), &body.concat())
    }

    fn table(&self, draft: &Draft, language: Language) -> String {
        let mut rows = String::new();
        for part in &self.parts {
            let amount = figures(Money::new(part.amount, draft.currency), language);
            let what = match &part.name {
                Some(name) => format!("{} {name}", say(language, "Commissions, program", "Commissions, programme")),
                None => say(language, "Given up or written off", "Abandons et passages en perte").to_owned(),
            };
            let what = Html(&what);
            push(&mut rows, format_args!("<tr><td>{what}</td><td class=\"n\">{}</td><td class=\"n\">{amount}</td></tr>\n", part.lines));
        }
        let columns =
            [say(language, "Description", "Désignation"), say(language, "#Lines", "#Lignes"), say(language, "#Net amount", "#Montant HT")];
        page::table(&columns, &rows)
    }

    fn annex(&self, draft: &Draft, zone: &Zone, language: Language) -> String {
        if self.lines.is_empty() {
            return page::no_annex(language);
        }
        let mut rows = String::new();
        for line in &self.lines {
            let (day, amount) = (date(zone.day(line.at), language), figures(Money::new(line.amount, draft.currency), language));
            let (event, order) =
                (page::event(line.kind, language), Html(line.order_id.as_deref().or(line.reason.as_deref()).unwrap_or_default()));
            push(&mut rows, format_args!("<tr><td>{day}</td><td>{event}</td><td>{order}</td><td class=\"n\">{amount}</td></tr>\n"));
        }
        let columns = [
            say(language, "Date", "Date"),
            say(language, "Event", "Événement"),
            say(language, "Order, or reason", "Commande, ou motif"),
            say(language, "#Net amount", "#Montant HT"),
        ];
        let title = say(language, "Annex: the lines", "Annexe : le détail des lignes");
        format!("<h2 class=\"annex\">{title}</h2>\n{}", page::table(&columns, &rows))
    }
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
