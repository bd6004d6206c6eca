//! An invoice or credit note as a page to print: A4, in English or French, with what the law wants on it.
//!
//! The first sheet sums up by program. Short documents have their lines as an annex; of longer ones they are read as CSV.

use crate::{
    domain::{
        invoice::{Draft, Invoice},
        movement,
        series::Series,
    },
    kernel::{code::Language, money::Money, text::Html, time::Zone},
    store::{
        self, StoreError, Tx,
        invoice::{Line, Part},
    },
    web::{
        document::{self as page, LINES_MAX, push},
        paper::{self, date, figures, lines, say},
    },
};
use axum::response::Response;

/// What of a document stands elsewhere.
#[derive(Debug)]
pub struct Page {
    parts: Vec<Part>,
    lines: Vec<Line>,
}

pub async fn load_page(tx: &mut Tx, invoice: &Invoice) -> Result<Page, StoreError> {
    let parts = store::invoice::summary(tx, invoice.id).await?;
    let printed = invoice.draft.lines <= LINES_MAX;
    let lines = if printed { store::invoice::lines(tx, invoice.id, None, LINES_MAX).await? } else { Vec::new() };
    Ok(Page { parts, lines })
}

impl Page {
    pub fn render(&self, invoice: &Invoice, zone: &Zone, language: Language) -> Response {
        let is_credit = invoice.number.series == Series::CreditNote;
        let name = if is_credit { say(language, "Credit note", "Avoir") } else { say(language, "Invoice", "Facture") };
        let title = format!("{name} {}{}", say(language, "no. ", "n° "), invoice.number);
        let draft = &invoice.draft;
        let body = [
            head(invoice, &title, language),
            page::parties(&draft.seller, &draft.buyer, language),
            self.table(draft, language),
            totals(draft, language),
            mentions(invoice, language),
            self.annex(draft, zone, language),
        ];
        paper::answer(language, &format!("{title} · {}", draft.seller.name), &body.concat())
    }

    fn table(&self, draft: &Draft, language: Language) -> String {
        let mut rows = String::new();
        for part in &self.parts {
            let what = part_name(part, language);
            let amount = figures(Money::new(part.amount, draft.currency), language);
            push(
                &mut rows,
                format_args!("<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{amount}</td></tr>\n", Html(&what), part.lines),
            );
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
            let what = line.order_id.as_deref().or(line.reason.as_deref()).unwrap_or_default();
            let (day, amount) = (date(zone.day(line.at), language), figures(Money::new(line.amount, draft.currency), language));
            let (event, what) = (page::event(line.kind, language), Html(what));
            push(&mut rows, format_args!("<tr><td>{day}</td><td>{event}</td><td>{what}</td><td class=\"n\">{amount}</td></tr>\n"));
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

fn head(invoice: &Invoice, title: &str, language: Language) -> String {
    let draft = &invoice.draft;
    let mut terms = vec![(say(language, "Issued on", "Date d’émission"), date(draft.issued_on, language))];
    if invoice.number.series == Series::Invoice {
        terms.push((say(language, "Due on", "Échéance"), date(draft.due_on, language)));
    }
    terms.push((say(language, "Document", "Document"), invoice.id.to_string()));
    page::head(title, &terms)
}

fn part_name(part: &Part, language: Language) -> String {
    match (part.moved.as_deref().and_then(movement::Kind::from_word), &part.name) {
        (Some(movement::Kind::Fee), _) => say(language, "Fees", "Frais").to_owned(),
        (Some(_), _) => say(language, "Bonuses for buyers", "Primes aux acheteurs").to_owned(),
        (None, name) => {
            let name = name.as_deref().unwrap_or_default();
            format!("{} {name}", say(language, "Commissions, program", "Commissions, programme"))
        }
    }
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
