//! What invoices and statements have in common as pages to print.

use crate::{
    domain::{
        entry::{Kind, Link},
        identity::Identity,
    },
    kernel::{code::Language, money::Money, percent::Percent, text::Html},
    web::paper::{figures, lines, say},
};
use std::fmt::Write as _;

/// Lines that are printed: some ten sheets. More are nobody's to read on paper.
pub const LINES_MAX: i64 = 500;

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

/// A table whose last column is amounts, and so are those whose name is marked.
pub fn table(columns: &[&str], rows: &str) -> String {
    let mut head = String::new();
    for column in columns {
        match column.strip_prefix('#') {
            Some(number) => push(&mut head, format_args!("<th class=\"n\">{number}</th>")),
            None => push(&mut head, format_args!("<th>{column}</th>")),
        }
    }
    format!("<table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table>\n")
}

/// Of a line: what the order, fee or bonus went through.
pub const fn event(kind: Kind, language: Language) -> &'static str {
    match kind {
        Kind::Fee => say(language, "Fee", "Frais"),
        Kind::Bonus | Kind::BonusEarned => say(language, "Bonus", "Prime"),
        Kind::Refunded => say(language, "Refund", "Remboursement"),
        Kind::Rejected => say(language, "Rejected", "Refus"),
        Kind::Adjusted => say(language, "Adjusted", "Ajustement"),
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

/// In place of the lines of a long document.
pub fn no_annex(language: Language) -> String {
    let text =
        say(language, "The lines of this document are available as CSV.", "Le détail des lignes de ce document est disponible en CSV.");
    format!("<p class=\"small\">{text}</p>\n")
}
