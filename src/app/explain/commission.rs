//! The commission as text: how each rule comes to its amount, and what limits their sum.

use crate::domain::receipt::{CommissionLines, Receipt, RuleLine};
use std::fmt::{self, Write as _};

pub fn write(out: &mut String, commission: &CommissionLines, receipt: &Receipt) -> fmt::Result {
    writeln!(out, "\nCommission {}", commission.amount)?;
    rules(out, "  ", &commission.rules, receipt)?;
    writeln!(out, "  together {} minor units, rounded half up once", commission.exact)?;
    if let Some(as_sold) = commission.as_sold.as_ref().filter(|as_sold| as_sold.limits) {
        writeln!(out, "  but no more than of the order as sold, {}:", as_sold.amount)?;
        rules(out, "    ", &as_sold.rules, receipt)?;
        writeln!(out, "    together {} minor units, rounded half up once", as_sold.exact)?;
    }
    Ok(())
}

fn rules(out: &mut String, indent: &str, rules: &[RuleLine], receipt: &Receipt) -> fmt::Result {
    for rule in rules {
        write!(out, "{indent}rule {}  {} = {} minor units", rule.rule, sum(rule, receipt), rule.exact)?;
        if let Some(base) = &rule.tier_base {
            write!(out, ", approved this month: {base}")?;
        }
        if let Some(customer) = rule.customer {
            write!(out, ", for {customer} customers")?;
        }
        match &rule.cap_per_order {
            Some(cap) if rule.capped => writeln!(out, ", cut to {cap}")?,
            _ => writeln!(out)?,
        }
    }
    Ok(())
}

/// What a rule multiplies. Amounts in the sale's currency are changed at the receipt's rate, if it has one.
fn sum(rule: &RuleLine, receipt: &Receipt) -> String {
    let percent = rule.percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
    let each = rule.each.map(|each| format!(" {each}")).unwrap_or_default();
    let rate = if receipt.rate.is_some() { " at the rate above" } else { "" };
    match (rule.pays, &rule.reported) {
        ("per_item", _) => format!("per_item{each} × {} pieces", rule.quantity),
        ("flat", _) => format!("flat{each} once an order"),
        // Of a goal without an amount the report counts whole.
        (_, Some(reported)) if receipt.sale.amount.minor == 0 => format!("{}{percent} of {reported}{rate}", rule.pays),
        (_, Some(reported)) => format!("{}{percent} of {reported} × {} ÷ {} sold{rate}", rule.pays, rule.amount, receipt.sale.amount),
        (_, None) => format!("{}{percent} of {}{rate}", rule.pays, rule.amount),
    }
}

/// The rule of a line, counted from 0, or why it has none.
pub fn of_line(receipt: &Receipt, line: usize) -> String {
    let Some(commission) = &receipt.commission else { return format!("the order is {}: no rule is asked", receipt.status) };
    let now = &receipt.sale.lines[line];
    if let Some(rule) = now.rule {
        return format!("rule {rule}");
    }
    let of_rule = |rule: &&RuleLine| rule.lines.contains(&(line + 1));
    let as_sold = commission.as_sold.iter().flat_map(|as_sold| &as_sold.rules).find(of_rule);
    match as_sold.map(|rule| rule.rule) {
        Some(rule) if now.amount_left.minor == 0 => format!("rule {rule} as sold, nothing is left"),
        Some(rule) => format!("rule {rule} as sold, none fits what is left"),
        None if receipt.sale.left.minor == 0 && receipt.sale.amount.minor == 0 && now.amount_sent.is_some() => "nothing is left".to_owned(),
        None => "no rule fits".to_owned(),
    }
}
