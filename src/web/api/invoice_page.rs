//! An invoice or credit note as a page to print: A4, in English or French, with what the law wants on it.
//!
//! The first sheet sums up by program. Short documents have their lines as an annex; of longer ones they are read as CSV.

use crate::{
    domain::{
        identity::Identity,
        invoice::{Draft, Invoice},
        movement,
        series::Series,
    },
    kernel::{code::Language, money::Money, text::Html, time::Zone},
    store::{
        self, StoreError, Tx,
        invoice::{Line, Part},
    },
    web::paper::{self, date, figures, lines, say},
};
use axum::response::Response;
use std::fmt::Write as _;

/// Lines that are printed: some ten sheets. More are nobody's to read on paper.
const LINES_MAX: i64 = 500;

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
        let body = [
            head(invoice, &title, language),
            parties(&invoice.draft, language),
            self.table(&invoice.draft, language),
            totals(&invoice.draft, language),
            mentions(invoice, language),
            self.annex(&invoice.draft, zone, language),
        ];
        paper::answer(language, &format!("{title} · {}", invoice.draft.seller.name), &body.concat())
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
        format!(
            "<table><thead><tr><th>{}</th><th class=\"n\">{}</th><th class=\"n\">{}</th></tr></thead>\n<tbody>{rows}</tbody></table>\n",
            say(language, "Description", "Désignation"),
            say(language, "Lines", "Lignes"),
            say(language, "Net amount", "Montant HT"),
        )
    }

    fn annex(&self, draft: &Draft, zone: &Zone, language: Language) -> String {
        if self.lines.is_empty() {
            let text = say(
                language,
                "The lines of this document are available as CSV.",
                "Le détail des lignes de ce document est disponible en CSV.",
            );
            return format!("<p class=\"small\">{text}</p>\n");
        }
        let mut rows = String::new();
        for line in &self.lines {
            let what = line.order_id.as_deref().or(line.reason.as_deref()).unwrap_or_default();
            let (day, amount) = (date(zone.day(line.at), language), figures(Money::new(line.amount, draft.currency), language));
            let (event, what) = (event(line, language), Html(what));
            push(&mut rows, format_args!("<tr><td>{day}</td><td>{event}</td><td>{what}</td><td class=\"n\">{amount}</td></tr>\n"));
        }
        format!(
            "<h2 class=\"annex\">{}</h2>\n<table><thead><tr><th>{}</th><th>{}</th><th>{}</th><th class=\"n\">{}</th></tr></thead>\n\
             <tbody>{rows}</tbody></table>\n",
            say(language, "Annex: the lines", "Annexe : le détail des lignes"),
            say(language, "Date", "Date"),
            say(language, "Event", "Événement"),
            say(language, "Order, or reason", "Commande, ou motif"),
            say(language, "Net amount", "Montant HT"),
        )
    }
}

/// Writing to a text does not fail.
fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("writing to a String never fails");
}

fn head(invoice: &Invoice, title: &str, language: Language) -> String {
    let draft = &invoice.draft;
    let mut terms = vec![(say(language, "Issued on", "Date d’émission"), date(draft.issued_on, language))];
    if invoice.number.series == Series::Invoice {
        terms.push((say(language, "Due on", "Échéance"), date(draft.due_on, language)));
    }
    terms.push((say(language, "Document", "Document"), invoice.id.to_string()));
    let mut list = String::new();
    for (name, value) in terms {
        push(&mut list, format_args!("<dt>{name}</dt><dd>{value}</dd>"));
    }
    format!("<header><h1>{}</h1><dl>{list}</dl></header>\n", Html(title))
}

fn parties(draft: &Draft, language: Language) -> String {
    let party = |role: &str, identity: &Identity| {
        let mut text = format!("<section><h2>{role}</h2><strong>{}</strong>", Html(&identity.name));
        if let Some(address) = &identity.address {
            push(&mut text, format_args!("<br>{}", lines(address)));
        }
        if let Some(country) = identity.country {
            push(&mut text, format_args!("<br>{country}"));
        }
        if let Some(number) = &identity.registration {
            push(&mut text, format_args!("<br>{}", Html(number)));
        }
        if let Some(number) = &identity.vat_number {
            push(&mut text, format_args!("<br>{} {}", say(language, "VAT number", "N° TVA"), Html(number)));
        }
        text.push_str("</section>");
        text
    };
    let (seller, buyer) = (say(language, "Seller", "Vendeur"), say(language, "Customer", "Client"));
    format!("<div class=\"parties\">{}{}</div>\n", party(seller, &draft.seller), party(buyer, &draft.buyer))
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

fn event(line: &Line, language: Language) -> &'static str {
    use crate::domain::entry::Kind;
    match line.kind {
        Kind::Fee => say(language, "Fee", "Frais"),
        Kind::Bonus | Kind::BonusEarned => say(language, "Bonus", "Prime"),
        Kind::Refunded => say(language, "Refund", "Remboursement"),
        Kind::Rejected => say(language, "Rejected", "Refus"),
        Kind::Adjusted => say(language, "Adjusted", "Ajustement"),
        Kind::Reversed => say(language, "Reversed", "Annulation"),
        _ => say(language, "Commission", "Commission"),
    }
}

fn totals(draft: &Draft, language: Language) -> String {
    let row = |name: &str, money: Money| format!("<tr><th>{name}</th><td class=\"n\">{}</td></tr>\n", figures(money, language));
    let vat = format!("{} {}\u{a0}%", say(language, "VAT", "TVA"), draft.vat_rate.to_string().replace('.', say(language, ".", ",")));
    let gross = match (draft.series, language) {
        (Series::CreditNote, _) => say(language, "Total credited", "Total TTC à votre crédit"),
        _ => say(language, "Total to pay", "Total TTC à payer"),
    };
    format!(
        "<table class=\"totals\"><tbody>{}{}{}</tbody></table>\n",
        row(say(language, "Total net", "Total HT"), draft.net()),
        row(&vat, draft.vat()),
        row(gross, draft.gross())
    )
}

/// About VAT, payment and what comes of paying late; then what proves the document.
fn mentions(invoice: &Invoice, language: Language) -> String {
    let draft = &invoice.draft;
    let mut text = String::from("<div class=\"mentions\">");
    let exempt = draft.vat_rate.parts() == 0 && draft.seller.vat_number.is_none();
    let vat = draft.vat_mention.as_deref().or_else(|| exempt.then_some("TVA non applicable, art. 293 B du CGI"));
    if let Some(mention) = vat {
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
    let heads: Vec<String> = invoice.heads.iter().map(|link| format!("{}/{} {}", link.node, link.seq, link.hash_text())).collect();
    if !heads.is_empty() {
        let name = say(language, "Journal at issue", "Journal à l’émission");
        push(&mut text, format_args!("<p class=\"small\">{name}: {}</p>", heads.join(", ")));
    }
    text.push_str("</div>\n");
    text
}
