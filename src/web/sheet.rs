//! The sheet of vouchers: a page for the printer, A4, three by eight, without script. Each voucher says what it is worth, its code, until
//! when, and has a QR code to scan.

use crate::{
    domain::{
        program::Program,
        voucher::{Batch, Code},
        worth,
    },
    kernel::{code::Language, money::Money, text::Html, time::Zone},
    web::paper::{self, date, figures, say},
};
use axum::response::Response;
use fast_qr::{ECL, QRBuilder};
use std::fmt::{self, Write as _};

/// Of stickers, not of a letter: no margins, nothing but the grid.
const STYLE: &str = include_str!("sheet.css");

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
    let mut body = String::new();
    // Writing to a String never fails.
    let _ok = write(&mut body, sheet, zone, language);
    paper::styled(STYLE, language, &format!("{} · {}", say(language, "Vouchers", "Bons"), sheet.program.name), &body)
}

fn write(out: &mut String, sheet: &Sheet<'_>, zone: &Zone, language: Language) -> fmt::Result {
    let Sheet { program, batch, codes, target } = sheet;
    let written = |minor, language| figures(Money::new(minor, program.currency), language);
    let text = worth::rewarded(batch.reward, written, "on your order", "sur votre commande");
    let worth = match language {
        Language::En => text.en,
        Language::Fr => text.fr,
    };
    let (until, used) = (say(language, "valid before", "valable avant le"), say(language, "used", "utilisé"));
    let name = Html(&program.name);
    let valid = batch.until.map(|at| format!("<p class=\"small\">{until} {}</p>", date(zone.day(at), language))).unwrap_or_default();
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
    Ok(())
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
