//! What invoices and statements have in common as pages to print.

use crate::{
    domain::{
        entry::{Kind, Link},
        identity::Identity,
        movement,
    },
    kernel::{code::Language, currency::Currency, money::Money, percent::Percent, text::Html, time::Zone},
    store::{
        StoreError, Tx,
        document_line::{self, Line, Listing, Part},
    },
    web::paper::{date, figures, lines, say},
};
use std::fmt::Write as _;

/// Lines that are printed: some ten sheets. More are nobody's to read on paper.
const LINES_MAX: i64 = 500;

/// Writing to a text does not fail.
pub fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("writing to a String never fails");
}

/// The title, and beside it what the document is known by.
pub fn head(title: &str, terms: &[(&str, String)]) -> String {
    let mut list = String::new();
    for (name, value) in terms {
        push(&mut list, format_args!("<dt>{name}</dt><dd>{value}</dd>"));
    }
    format!("<header><h1>{}</h1><dl>{list}</dl></header>\n", Html(title))
}

pub fn parties(seller: &Identity, buyer: &Identity, language: Language) -> String {
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
    let roles = (say(language, "Seller", "Vendeur"), say(language, "Customer", "Client"));
    format!("<div class=\"parties\">{}{}</div>\n", party(roles.0, seller), party(roles.1, buyer))
}

/// The postings of a document: by program, and one by one if they are few.
#[derive(Debug)]
pub struct Listed {
    parts: Vec<Part>,
    lines: Vec<Line>,
}

impl Listed {
    pub async fn load(tx: &mut Tx, of: Listing, count: i64) -> Result<Self, StoreError> {
        let parts = document_line::parts(tx, of).await?;
        let lines = if count <= LINES_MAX { document_line::list(tx, of, None, LINES_MAX).await? } else { Vec::new() };
        Ok(Self { parts, lines })
    }

    /// The sums by program, and of what is no order.
    pub fn table(&self, currency: Currency, language: Language) -> String {
        let mut rows = String::new();
        for part in &self.parts {
            let amount = figures(Money::new(part.amount, currency), language);
            let what = if let Some(kind) = part.moved {
                moved(kind, language).to_owned()
            } else {
                let name = part.name.as_deref().unwrap_or_default();
                format!("{} {name}", say(language, "Commissions, program", "Commissions, programme"))
            };
            let what = Html(&what);
            push(&mut rows, format_args!("<tr><td>{what}</td><td class=\"n\">{}</td><td class=\"n\">{amount}</td></tr>\n", part.lines));
        }
        let columns =
            [say(language, "Description", "Désignation"), say(language, "#Lines", "#Lignes"), say(language, "#Net amount", "#Montant HT")];
        table(&columns, &rows)
    }

    /// The lines, or where to read them.
    pub fn annex(&self, currency: Currency, zone: &Zone, language: Language) -> String {
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
            let (day, amount) = (date(zone.day(line.at), language), figures(Money::new(line.amount, currency), language));
            let (event, what) = (event(line.kind, language), Html(line.order_id.as_deref().or(line.reason.as_deref()).unwrap_or_default()));
            push(&mut rows, format_args!("<tr><td>{day}</td><td>{event}</td><td>{what}</td><td class=\"n\">{amount}</td></tr>\n"));
        }
        let columns = [
            say(language, "Date", "Date"),
            say(language, "Event", "Événement"),
            say(language, "Order, or reason", "Commande, ou motif"),
            say(language, "#Net amount", "#Montant HT"),
        ];
        let title = say(language, "Annex: the lines", "Annexe : le détail des lignes");
        format!("<h2 class=\"annex\">{title}</h2>\n{}", table(&columns, &rows))
    }
}

/// A table whose last column is amounts, and so are those whose name is marked.
fn table(columns: &[&str], rows: &str) -> String {
    let mut head = String::new();
    for column in columns {
        match column.strip_prefix('#') {
            Some(number) => push(&mut head, format_args!("<th class=\"n\">{number}</th>")),
            None => push(&mut head, format_args!("<th>{column}</th>")),
        }
    }
    format!("<table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table>\n")
}

const fn moved(kind: movement::Kind, language: Language) -> &'static str {
    match kind {
        movement::Kind::Fee => say(language, "Fees", "Frais"),
        movement::Kind::Bonus => say(language, "Bonuses for buyers", "Primes aux acheteurs"),
        movement::Kind::Waived => say(language, "Given up", "Abandons"),
        movement::Kind::WrittenOff => say(language, "Written off", "Passages en perte"),
        movement::Kind::Received | movement::Kind::PaidBack | movement::Kind::BankCharge => say(language, "Payments", "Règlements"),
    }
}

/// Of a line: what the order, fee or bonus went through.
const fn event(kind: Kind, language: Language) -> &'static str {
    match kind {
        Kind::Fee => say(language, "Fee", "Frais"),
        Kind::Bonus | Kind::BonusEarned => say(language, "Bonus", "Prime"),
        Kind::Refunded => say(language, "Refund", "Remboursement"),
        Kind::Rejected => say(language, "Rejected", "Refus"),
        Kind::Adjusted => say(language, "Adjusted", "Ajustement"),
        Kind::Waived => say(language, "Given up", "Abandon"),
        Kind::WrittenOff => say(language, "Written off", "Passage en perte"),
        Kind::Reversed => say(language, "Reversed", "Annulation"),
        _ => say(language, "Commission", "Commission"),
    }
}

/// Net, VAT, and what they come to under its name.
pub fn totals(net: Money, rate: Percent, vat: Money, (name, gross): (&str, Money), language: Language) -> String {
    let row = |name: &str, money: Money| format!("<tr><th>{name}</th><td class=\"n\">{}</td></tr>\n", figures(money, language));
    let rate = format!("{} {}\u{a0}%", say(language, "VAT", "TVA"), rate.to_string().replace('.', say(language, ".", ",")));
    let rows = [row(say(language, "Total net", "Total HT"), net), row(&rate, vat), row(name, gross)];
    format!("<table class=\"totals\"><tbody>{}</tbody></table>\n", rows.concat())
}

/// What stands on the document about VAT: what its party said, or why a seller without number charges none.
pub fn vat_mention<'a>(said: Option<&'a str>, rate: Percent, seller: &Identity) -> Option<&'a str> {
    let exempt = rate.parts() == 0 && seller.vat_number.is_none();
    said.or_else(|| exempt.then_some("TVA non applicable, art. 293 B du CGI"))
}

/// The ends of the journal's chains: kept on paper, they show a tail that was cut off.
pub fn heads(heads: &[Link], language: Language) -> String {
    if heads.is_empty() {
        return String::new();
    }
    let heads: Vec<String> = heads.iter().map(|link| format!("{}/{} {}", link.node, link.seq, link.hash_text())).collect();
    format!("<p class=\"small\">{} {}</p>", say(language, "Journal at issue:", "Journal à l’émission :"), heads.join(", "))
}
