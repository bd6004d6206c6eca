//! The sheet of vouchers: a page for the printer, A4, three by eight, without script. Each voucher says what it is worth, its code, until
//! when, and has a QR code to scan.

use crate::{
    domain::{
        program::Program,
        voucher::{Batch, Code},
        worth,
    },
    kernel::{code::Language, text::Html, time::Zone},
    web::headers,
};
use axum::{body::Body, response::Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use fast_qr::{ECL, QRBuilder};
use http::{HeaderValue, header};
use sha2::{Digest as _, Sha256};
use std::{
    fmt::{self, Write as _},
    sync::LazyLock,
};

const STYLE: &str = include_str!("sheet.css");

/// It loads nothing and stands in no frame; its one style is known by its hash.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
    HeaderValue::try_from(policy).expect("base64 is visible ASCII")
});

/// What is printed.
#[derive(Debug, Clone, Copy)]
pub struct Sheet<'a> {
    pub program: &'a Program,
    pub batch: &'a Batch,
    pub codes: &'a [Code],
    /// What a QR code holds in front of its voucher's code.
    pub target: &'a str,
}

pub fn render(sheet: &Sheet<'_>, zone: &Zone, language: Language) -> Response {
    let mut page = String::new();
    // Writing to a String never fails.
    let _ok = write(&mut page, sheet, zone, language);
    let mut answer = Response::new(Body::from(page));
    let headers = answer.headers_mut();
    headers::seal_answer(headers);
    headers.insert(header::CONTENT_TYPE, headers::HTML);
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
    headers.insert(headers::ROBOTS_TAG, headers::NOINDEX);
    answer
}

fn write(out: &mut String, sheet: &Sheet<'_>, zone: &Zone, language: Language) -> fmt::Result {
    let Sheet { program, batch, codes, target } = sheet;
    let text = worth::rewarded(batch.reward, program.currency, "on your order", "sur votre commande");
    let (lang, title, worth, until, used) = match language {
        Language::En => ("en", "Vouchers", text.en, "valid before", "used"),
        Language::Fr => ("fr", "Bons", text.fr, "valable avant le", "utilisé"),
    };
    let name = Html(&program.name);
    write!(
        out,
        "<!doctype html>\n<html lang=\"{lang}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} · {name}</title><style>{STYLE}</style></head>\n<body><main>\n"
    )?;
    let valid = batch.until.map(|at| format!("<p class=\"small\">{until} {}</p>", zone.day(at))).unwrap_or_default();
    for code in *codes {
        let (number, shown) = (code.number, Html(&code.code));
        let state = if code.used { format!(" <em>{used}</em>") } else { String::new() };
        write!(out, "<article><figure>")?;
        drawing(out, &format!("{target}{}", code.code))?;
        writeln!(
            out,
            "</figure><div><h2>{name}</h2><p>{}</p><p class=\"code\">{shown}</p>{valid}<p class=\"small\">{} {number}/{}{state}</p></div></article>",
            Html(&worth),
            Html(batch.place.as_deref().unwrap_or_default()),
            batch.count
        )?;
    }
    writeln!(out, "</main></body></html>")
}

/// A QR code as one path of runs, with the quiet zone of four modules. A text that is too long for one has none: its code can be typed.
fn drawing(out: &mut String, text: &str) -> fmt::Result {
    let Ok(qr) = QRBuilder::new(text).ecl(ECL::M).build() else { return Ok(()) };
    let side = qr.size + 8;
    write!(out, "<svg viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"QR\" shape-rendering=\"crispEdges\"><path d=\"")?;
    for y in 0..qr.size {
        let row = &qr[y];
        let mut x = 0;
        while x < qr.size {
            let run = row[x..].iter().take_while(|module| module.value()).count();
            if run > 0 {
                write!(out, "M{} {}h{run}v1h-{run}z", x + 4, y + 4)?;
            }
            x += run.max(1);
        }
    }
    out.write_str("\"/></svg>")
}
