//! `ristourne explain cnv_…`: the receipt of a conversion, as text or as JSON. The decision is made again from what is stored.

use crate::{
    app::{config::DatabaseArgs, failure::Failure, serve::say},
    domain::{
        due::due,
        receipt::{BonusLine, CommissionLines, EntryLines, PaymentLine, ReasonText, Receipt, SaleLines, SplitLines, TouchLine, receipt},
    },
    kernel::id::ConversionId,
    store::{
        Db,
        facts::{self, TermsCache},
    },
};
use std::fmt::{self, Write as _};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The conversion
    #[arg(value_name = "cnv_…")]
    conversion: ConversionId,
    /// Print it as one JSON object, as the API does
    #[arg(long, env = "RISTOURNE_JSON")]
    json: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let db = args.database.open_existing().await?;
    let found = find(&db, args.conversion).await;
    db.close().await;
    let receipt = found?.ok_or_else(|| Failure::Refused(format!("there is no conversion {}", args.conversion)))?;
    if args.json {
        say(&format!("{}\n", serde_json::to_string_pretty(&receipt)?))?;
    } else {
        let mut text = String::new();
        write(&mut text, &receipt)?;
        say(&text)?;
    }
    Ok(())
}

/// None if there is no such conversion, or its sale is still awaited.
async fn find(db: &Db, id: ConversionId) -> Result<Option<Receipt>, Failure> {
    let Some(facts) = facts::receipt(&mut db.read().await?, &TermsCache::default(), id).await? else { return Ok(None) };
    let Some(due) = due(&facts.order, &facts.version.terms)? else { return Ok(None) };
    let receipt = receipt(&facts.order, &due, &facts.program, &facts.version, &facts.entries);
    Ok(receipt.map(|receipt| receipt.paid_by(&facts.payments)))
}

/// For people who read it in a terminal.
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
    if let Some(buyer) = &receipt.buyer {
        writeln!(out, "buyer      {buyer}")?;
    } else if let Some(until) = &receipt.claim_until {
        writeln!(out, "buyer      not known; the share may be claimed until {until}")?;
    }
    sale(out, &receipt.sale)?;
    if let Some(rate) = &receipt.rate {
        writeln!(
            out,
            "\nRate of {} ({}): × {} {} ÷ {} {}",
            rate.day, rate.source, rate.to, rate.to_currency, rate.from, rate.from_currency
        )?;
    }
    touches(out, &receipt.touches)?;
    if let Some(commission) = &receipt.commission {
        self::commission(out, commission)?;
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

fn sale(out: &mut String, sale: &SaleLines) -> fmt::Result {
    write!(out, "\nSold {}, given back {}, left {}", sale.amount, sale.refunded, sale.left)?;
    writeln!(out, "{}", if sale.signed { "" } else { " (unsigned)" })?;
    if let Some(sent) = &sale.adjusted_from {
        writeln!(out, "  adjusted; {sent} was sent")?;
    }
    for (n, line) in sale.lines.iter().enumerate() {
        let name: Vec<&str> = [&line.sku, &line.category].into_iter().flatten().map(String::as_str).collect();
        let rule = line.rule.map_or_else(|| "no rule".to_owned(), |rule| format!("rule {rule}"));
        writeln!(
            out,
            "  line {}  {} × {}  {}  left {} × {}  {rule}",
            n + 1,
            line.quantity,
            if name.is_empty() { "whole order".to_owned() } else { name.join(", ") },
            line.amount,
            line.quantity_left,
            line.amount_left
        )?;
    }
    for refund in &sale.refunds {
        let refused = refund.refused.as_ref().map(|reason| format!(", not counted: {}", words(reason))).unwrap_or_default();
        writeln!(out, "  refund {}  {}  {}{refused}", refund.refund_id, refund.amount, refund.at)?;
    }
    Ok(())
}

fn touches(out: &mut String, touches: &[TouchLine]) -> fmt::Result {
    writeln!(out, "\nClicks")?;
    if touches.is_empty() {
        writeln!(out, "  none")?;
    }
    for touch in touches {
        match (&touch.click, &touch.publisher, &touch.at) {
            (Some(click), Some(publisher), Some(at)) => write!(out, "  {click}  {at}  {publisher}")?,
            (Some(click), ..) => write!(out, "  {click}")?,
            (None, ..) => write!(out, "  not a click of ours")?,
        }
        if let Some(weight) = touch.weight {
            write!(out, "  credited, weight {weight}")?;
        }
        writeln!(out, "{}", touch.refused.as_ref().map(|reason| format!("  not counted: {}", words(reason))).unwrap_or_default())?;
    }
    Ok(())
}

fn commission(out: &mut String, commission: &CommissionLines) -> fmt::Result {
    writeln!(out, "\nCommission {}", commission.amount)?;
    for rule in &commission.rules {
        let percent = rule.percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
        write!(
            out,
            "  rule {}  {}{percent} of {} ({} pieces) = {} minor units",
            rule.rule, rule.pays, rule.amount, rule.quantity, rule.exact
        )?;
        if let Some(base) = &rule.tier_base {
            write!(out, ", approved this month: {base}")?;
        }
        match &rule.cap_per_order {
            Some(cap) if rule.capped => writeln!(out, ", cut to {cap}")?,
            _ => writeln!(out)?,
        }
    }
    writeln!(out, "  together {} minor units, rounded half up once", commission.exact)
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
