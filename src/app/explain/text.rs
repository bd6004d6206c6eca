//! A receipt as text.

use super::commission;
use crate::domain::receipt::{BonusLine, EntryLines, PaymentLine, ReasonText, Receipt, SplitLines};
use std::fmt::{self, Write as _};

/// For people who read it in a terminal.
pub fn text(receipt: &Receipt) -> String {
    let mut out = String::new();
    write(&mut out, receipt).expect("a string takes everything");
    out
}

fn write(out: &mut String, receipt: &Receipt) -> fmt::Result {
    writeln!(out, "{}: {} {} of {}, {}", receipt.conversion, receipt.goal, receipt.order_id, receipt.program, receipt.status)?;
    if !receipt.flags.is_empty() {
        writeln!(out, "flags      {}", receipt.flags.join(", "))?;
    }
    if let Some(reason) = &receipt.reason {
        writeln!(out, "because    {}", words(reason))?;
    }
    writeln!(out, "placed     {}", receipt.occurred_at)?;
    writeln!(out, "recorded   {}", receipt.recorded_at)?;
    let terms = &receipt.terms;
    writeln!(
        out,
        "terms      version {} since {}: {} within {} days, {} days to object, payable on {}",
        terms.version, terms.effective_at, terms.model, terms.window_days, terms.hold_days, terms.payable_on
    )?;
    let sale = &receipt.sale;
    match (&sale.coupon, &sale.coupon_publisher) {
        (Some(code), Some(publisher)) => writeln!(out, "coupon     {code}, the own one of {publisher}: it decides, whatever was clicked")?,
        (Some(code), None) => writeln!(out, "coupon     {code}")?,
        (None, _) => {}
    }
    if let Some(customer) = sale.customer {
        writeln!(out, "customer   {customer}")?;
    }
    if let Some(buyer) = &receipt.buyer {
        writeln!(out, "buyer      {buyer}")?;
    } else if let Some(until) = &receipt.claim_until {
        writeln!(out, "buyer      not known; the share may be claimed until {until}")?;
    }
    self::sale(out, receipt)?;
    if let Some(rate) = &receipt.rate {
        writeln!(
            out,
            "\nRate of {} ({}): × {} {} ÷ {} {}",
            rate.day, rate.source, rate.to, rate.to_currency, rate.from, rate.from_currency
        )?;
    }
    touches(out, receipt)?;
    if let Some(commission) = &receipt.commission {
        commission::write(out, commission, receipt)?;
    }
    if let Some(split) = &receipt.split {
        self::split(out, split)?;
    }
    bonuses(out, &receipt.bonuses)?;
    writeln!(out, "\nWhat happened")?;
    for step in &receipt.steps {
        write!(out, "  {}  {}", step.at, step.event.word())?;
        write!(out, "{}", step.by.map(|by| format!(" by {by}")).unwrap_or_default())?;
        writeln!(out, "{}", step.reason.as_ref().map(|reason| format!(": {}", words(reason))).unwrap_or_default())?;
    }
    for line in &receipt.payments {
        let PaymentLine { payment, payee, amount, status, settled_at, returned_at } = line;
        let at = returned_at.or(*settled_at).map(|at| format!(" {at}")).unwrap_or_default();
        writeln!(out, "  {amount} to {payee} by {payment}, {}{at}", status.word())?;
    }
    entries(out, &receipt.entries)
}

fn words(reason: &ReasonText) -> String {
    format!("{} ({})", reason.en, reason.code)
}

fn sale(out: &mut String, receipt: &Receipt) -> fmt::Result {
    let sale = &receipt.sale;
    write!(out, "\nSold {}, given back {}, left {}", sale.amount, sale.refunded, sale.left)?;
    writeln!(out, "{}", if sale.signed { "" } else { " (unsigned)" })?;
    if let Some(sent) = &sale.adjusted_from {
        writeln!(out, "  adjusted; {sent} was sent")?;
    }
    for (n, line) in sale.lines.iter().enumerate() {
        let name: Vec<&str> = [&line.sku, &line.category].into_iter().flatten().map(String::as_str).collect();
        writeln!(
            out,
            "  line {}  {} × {}  {}  left {} × {}  {}",
            n + 1,
            line.quantity,
            if name.is_empty() { "whole order".to_owned() } else { name.join(", ") },
            line.amount,
            line.quantity_left,
            line.amount_left,
            commission::of_line(receipt, n)
        )?;
    }
    for refund in &sale.refunds {
        let refused = refund.refused.as_ref().map(|reason| format!(", not counted: {}", words(reason))).unwrap_or_default();
        writeln!(out, "  refund {}  {}  {}{refused}", refund.refund_id, refund.amount, refund.at)?;
    }
    Ok(())
}

fn touches(out: &mut String, receipt: &Receipt) -> fmt::Result {
    writeln!(out, "\nClicks")?;
    if receipt.touches.is_empty() {
        writeln!(out, "  none")?;
    }
    for touch in &receipt.touches {
        match (&touch.click, &touch.publisher, &touch.at) {
            (Some(click), Some(publisher), Some(at)) => write!(out, "  {click}  {at}  {publisher}")?,
            (Some(click), ..) => write!(out, "  {click}")?,
            (None, ..) => write!(out, "  not a click of ours")?,
        }
        if let Some(weight) = touch.weight {
            write!(out, "  credited, weight {weight}")?;
        } else if touch.refused.is_none() && receipt.sale.coupon_publisher.is_some() {
            write!(out, "  gave way to the coupon")?;
        }
        writeln!(out, "{}", touch.refused.as_ref().map(|reason| format!("  not counted: {}", words(reason))).unwrap_or_default())?;
    }
    Ok(())
}

fn bonuses(out: &mut String, bonuses: &[BonusLine]) -> fmt::Result {
    if !bonuses.is_empty() {
        writeln!(out, "\nBonuses")?;
    }
    for bonus in bonuses {
        write!(out, "  {}: {} funded by the {}", bonus.boost, bonus.amount, bonus.funded_by)?;
        if let (Some(percent), Some(share)) = (bonus.percent, bonus.share) {
            write!(out, ", {percent} % of {share}")?;
        }
        if let Some(days) = bonus.days {
            write!(out, ", {days} days after the last order")?;
        }
        if let Some(base) = bonus.base {
            write!(out, ", {base} approved before")?;
        }
        write!(out, ", exactly {} rounds to {}", bonus.exact, bonus.wanted)?;
        writeln!(out, "{}", bonus.cap.map(|cap| format!(", of which {cap} was left")).unwrap_or_default())?;
        if let Some(reason) = &bonus.reason {
            writeln!(out, "    {}", reason.en)?;
        }
    }
    Ok(())
}

fn split(out: &mut String, split: &SplitLines) -> fmt::Result {
    writeln!(out, "\nShares")?;
    for (name, share) in [("publisher", &split.publisher), ("buyer", &split.buyer), ("platform", &split.platform)] {
        writeln!(out, "  {name:<9}  {} %  {}  due {}", share.percent, share.by_terms, share.due)?;
    }
    for credit in &split.credits {
        let publisher = credit.publisher.map_or_else(|| "another publisher".to_owned(), |id| id.to_string());
        writeln!(out, "  {}  {} (weight {}, gift to the buyer {})", publisher, credit.amount, credit.weight, credit.gift)?;
    }
    if let Some(expired) = &split.expired {
        writeln!(out, "  nobody claimed {}: it went to the {}", expired.amount, expired.to)?;
    }
    Ok(())
}

fn entries(out: &mut String, entries: &[EntryLines]) -> fmt::Result {
    writeln!(out, "\nEntries in the journal")?;
    for entry in entries {
        writeln!(out, "  {}  {}  {}", entry.id, entry.at, entry.kind)?;
        for posting in &entry.postings {
            writeln!(out, "    {:<44} {:>16}", posting.account, posting.amount.to_string())?;
        }
    }
    Ok(())
}
