//! `ristourne simulate`: what other terms would have paid on the sales that are stored.

use crate::{
    app::{
        config::{DatabaseArgs, zone},
        failure::Failure,
    },
    domain::{
        program::Program,
        simulate::{Amounts, Bonuses, Part},
        terms,
    },
    engine::simulate::{self, Changed, SimulateError, Totals},
    kernel::{
        currency::Currency,
        fields::FieldErrors,
        id::ProgramId,
        money::Money,
        time::{Day, Time, Zone},
    },
};
use serde_json::{Value, json};
use std::{
    io::{self, BufWriter, ErrorKind, Read as _, Write, stdout},
    path::{Path, PathBuf},
};

const HELP: &str = "\
The file holds terms as POST /programs/{id}/terms takes them, for example:
  {\"commission\": [{\"pay\": {\"percent\": \"6\"}}], \"split\": {\"publisher\": \"60\", \"buyer\": \"30\", \"platform\": \"10\"}}

Decided again: the rules, the split, the attribution, the boosts. As it was when a sale was recorded: the exchange rate, whether the customer
was new, each publisher's gift to the buyer, and the month's approved sum that tiers look at. Refunds, verdicts and adjustments count as they
are now. Nothing is written.

Boosts are asked in order of time, as if these terms had been in effect: a budget or quota begins with what orders before --since took of the
boost of that name, and a first order that was rewarded by another program or outside of the span stays rewarded. What the terms of then did not
ask of a buyer's history is read from the stored orders as they are now. A code that was never handed out is used by nobody.

Examples:
  ristourne simulate --program prg_09dkq3fzg0g00 --terms higher.json
  ristourne simulate --program prg_09dkq3fzg0g00 --terms - --since 2026-10-01 --json < higher.json";

const BY_PLATFORM: &str = "bonuses, of the platform";
const BY_MERCHANT: &str = "bonuses, of the merchant";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The program whose sales are decided again
    #[arg(long, env = "RISTOURNE_PROGRAM", value_name = "prg_…")]
    program: ProgramId,
    /// The terms, a JSON file; - reads standard input
    #[arg(long, env = "RISTOURNE_TERMS", value_name = "FILE")]
    terms: PathBuf,
    /// Only orders placed since this day (UTC) or time
    #[arg(long, env = "RISTOURNE_SINCE", value_name = "DATE", value_parser = since)]
    since: Option<Time>,
    /// Only orders placed before this day (UTC) or time
    #[arg(long, env = "RISTOURNE_UNTIL", value_name = "DATE", value_parser = since)]
    until: Option<Time>,
    /// Print one JSON object
    #[arg(long, env = "RISTOURNE_JSON")]
    json: bool,
    /// The time zone of the installation: tiers of boosts look at rates of its days
    #[arg(long, env = "RISTOURNE_TIMEZONE", default_value = "UTC", value_name = "ZONE", value_parser = zone)]
    timezone: Zone,
    #[command(flatten)]
    database: DatabaseArgs,
}

fn since(text: &str) -> Result<Time, String> {
    let day = Day::parse(text).map(Day::start_utc);
    day.or_else(|| Time::parse(text))
        .ok_or_else(|| "a day such as 2026-11-22, or a time such as 2026-11-22T09:00:00Z, is wanted".to_owned())
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let text = read(&args.terms)?;
    let db = args.database.open_existing_in(&args.timezone).await?;
    let done = async {
        let missing = || Failure::Refused(format!("there is no program {}", args.program));
        let program = simulate::program(&db, args.program).await?.ok_or_else(missing)?;
        let other = terms::parse::parse(&text, program.currency, program.upstream).map_err(|errors| wrong(&args.terms, &errors))?;
        let mut out = BufWriter::new(stdout());
        let mut page = Page { json: args.json, currency: program.currency, first: true };
        page.head(&mut out, &program, args.since)?;
        let totals = {
            let mut changed = |changed: &Changed| page.changed(&mut out, changed);
            simulate::simulate(&db, &args.timezone, program.id, &other, (args.since, args.until), &mut changed).await
        };
        match totals.and_then(|totals| Ok(page.totals(&mut out, &totals)?)) {
            // Whoever read has seen enough.
            Err(SimulateError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {
                drop(out.into_parts());
                Ok(())
            }
            done => Ok(done?),
        }
    }
    .await;
    db.close().await;
    done
}

fn read(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" { io::stdin().read_to_string(&mut text).map(drop) } else { read_file(file, &mut text) };
    read.map_err(|error| Failure::Refused(format!("{}: {error}", file.display())))?;
    Ok(text)
}

fn read_file(file: &Path, text: &mut String) -> io::Result<()> {
    *text = std::fs::read_to_string(file)?;
    Ok(())
}

/// Every wrong field, as the API names them.
fn wrong(file: &Path, errors: &FieldErrors) -> Failure {
    let each = errors.as_slice().iter().map(|error| {
        let field = if error.field.is_empty() { String::new() } else { format!("{}: ", error.field) };
        format!("\n  {field}{} ({})", error.detail, error.code)
    });
    Failure::Refused(format!("{}: these are no terms{}", file.display(), each.collect::<String>()))
}

/// What is printed as the orders go by.
struct Page {
    json: bool,
    currency: Currency,
    first: bool,
}

impl Page {
    fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }

    fn head(&self, out: &mut impl Write, program: &Program, since: Option<Time>) -> io::Result<()> {
        if self.json {
            let since = since.map_or(Value::Null, |since| json!(since));
            return write!(out, "{{\"program\":\"{}\",\"since\":{since},\"changed\":[", program.id);
        }
        let since = since.map(|since| format!(", placed since {since}")).unwrap_or_default();
        writeln!(out, "Sales of {} ({}){since}", program.name, program.id)
    }

    fn changed(&mut self, out: &mut impl Write, changed: &Changed) -> io::Result<()> {
        let Changed { conversion, order_id, goal, before, after } = changed;
        let first = std::mem::replace(&mut self.first, false);
        if self.json {
            let line = json!({"conversion": conversion, "order_id": order_id, "type": goal, "before": self.amounts(*before),
                "after": self.amounts(*after)});
            return write!(out, "{}\n{line}", if first { "" } else { "," });
        }
        if first {
            writeln!(out, "\nOrders that change{:>28} {:>15} {:>15}", "before", "after", "difference")?;
        }
        let name = format!("{conversion} {goal} {order_id}");
        self.row(out, &name, before.commission, after.commission)?;
        for (name, before, after) in [
            ("publishers", before.publisher, after.publisher),
            ("buyer", before.buyer, after.buyer),
            ("platform", before.platform, after.platform),
            (BY_PLATFORM, before.bonuses.platform, after.bonuses.platform),
            (BY_MERCHANT, before.bonuses.merchant, after.bonuses.merchant),
        ] {
            if before != after {
                self.row(out, &format!("  {name}"), before, after)?;
            }
        }
        Ok(())
    }

    fn row(&self, out: &mut impl Write, name: &str, before: i64, after: i64) -> io::Result<()> {
        let [before, after, by] = [before, after, after - before].map(|minor| self.money(minor).amount().to_string());
        writeln!(out, "{name:<30} {before:>15} {after:>15} {by:>15}")
    }

    fn amounts(&self, amounts: Amounts) -> Value {
        let Amounts { commission, publisher, buyer, platform, bonuses } = amounts;
        json!({"commission": self.money(commission), "shares": {"publisher": self.money(publisher), "buyer": self.money(buyer),
            "platform": self.money(platform)}, "bonuses": {"platform": self.money(bonuses.platform), "merchant": self.money(bonuses.merchant)}})
    }

    fn totals(&self, out: &mut impl Write, totals: &Totals) -> io::Result<()> {
        if self.json {
            self.totals_json(out, totals)?;
        } else {
            self.totals_text(out, totals)?;
        }
        out.flush()
    }

    fn totals_json(&self, out: &mut impl Write, totals: &Totals) -> io::Result<()> {
        let by = |before: i64, after: i64| json!({"before": self.money(before), "after": self.money(after), "difference": self.money(after - before)});
        let funded = |before: Bonuses, after: Bonuses| json!({"platform": by(before.platform, after.platform), "merchant": by(before.merchant, after.merchant)});
        let Totals { before, after, .. } = totals;
        let sums = json!({"commission": by(before.commission, after.commission), "publisher": by(before.publisher, after.publisher),
            "buyer": by(before.buyer, after.buyer), "platform": by(before.platform, after.platform),
            "bonuses": funded(before.bonuses, after.bonuses)});
        let row = |who: &str, id: Value, (before, after): &(Part, Part)| {
            let mut row = by(before.share, after.share);
            row["bonuses"] = funded(before.bonuses, after.bonuses);
            row[who] = id;
            row
        };
        let publishers: Vec<Value> = totals.publishers.iter().map(|(id, parts)| row("publisher", json!(id), parts)).collect();
        let buyers: Vec<Value> = totals.buyers.iter().map(|(id, parts)| row("buyer", json!(id), parts)).collect();
        writeln!(
            out,
            "],\"orders\":{},\"changed_orders\":{},\"without_tier_base\":{},\"history_asked_anew\":{},\"boost_tiers_without_rate\":{},\
             \"totals\":{sums},\"publishers\":{},\"buyers\":{}}}",
            totals.orders,
            totals.changed,
            totals.without_tier_base,
            totals.asked_anew,
            totals.without_rate,
            Value::Array(publishers),
            Value::Array(buyers)
        )
    }

    fn totals_text(&self, out: &mut impl Write, totals: &Totals) -> io::Result<()> {
        let Totals { before, after, .. } = totals;
        let head =
            |title: &str| format!("\n{:<30} {:>15} {:>15} {:>15}", format!("{title}, {}", self.currency), "before", "after", "difference");
        writeln!(out, "{}", head("By publisher"))?;
        for (publisher, (before, after)) in &totals.publishers {
            self.row(out, &publisher.to_string(), before.share, after.share)?;
        }
        let changing: Vec<_> = totals.buyers.iter().filter(|(_, (before, after))| before != after).collect();
        if !changing.is_empty() {
            writeln!(out, "{}", head("By buyer that changes"))?;
        }
        for (buyer, (before, after)) in changing {
            self.row(out, &buyer.to_string(), before.share, after.share)?;
            self.bonuses(out, "  ", before.bonuses, after.bonuses)?;
        }
        writeln!(out, "{}", head("Together"))?;
        self.row(out, "commission", before.commission, after.commission)?;
        self.row(out, "publishers", before.publisher, after.publisher)?;
        self.row(out, "buyers", before.buyer, after.buyer)?;
        self.row(out, "platform", before.platform, after.platform)?;
        if (before.bonuses, after.bonuses) != <(Bonuses, Bonuses)>::default() {
            writeln!(out, "{}", head("Beside the commission"))?;
            self.bonuses(out, "", before.bonuses, after.bonuses)?;
        }
        writeln!(out, "\n{} orders, {} of them change", totals.orders, totals.changed)?;
        for (count, what) in [
            (totals.without_tier_base, "were recorded under terms without tiers: under these they count from a base of 0"),
            (totals.asked_anew, "had no history of their buyer looked up for these boosts: it is read from what is stored now"),
            (totals.without_rate, "have a tier of a boost that leaves out what there is no rate for"),
        ] {
            if count > 0 {
                writeln!(out, "{count} of them {what}")?;
            }
        }
        Ok(())
    }

    fn bonuses(&self, out: &mut impl Write, indent: &str, before: Bonuses, after: Bonuses) -> io::Result<()> {
        for (name, before, after) in [(BY_PLATFORM, before.platform, after.platform), (BY_MERCHANT, before.merchant, after.merchant)] {
            if (before, after) != (0, 0) {
                self.row(out, &format!("{indent}{name}"), before, after)?;
            }
        }
        Ok(())
    }
}
