//! Decided orders, byte for byte: what `rules: 1` pays must never change for orders that it has decided.
//!
//! A change that alters a cent here needs a new number of rules that keeps the old arithmetic for old terms. If only the stories
//! themselves changed, write the file anew: `RISTOURNE_GOLDEN=write cargo test --test it domain_golden`, and read the difference.

use crate::support::{
    domain::{World, draw},
    domain_cases::{Dice, Event, ORDER, Story},
};
use ristourne::domain::{
    command::{Act, Outcome},
    sale::Refund,
    terms::RULES,
};
use ristourne::kernel::money::Money;
use std::fmt::Write as _;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden/decisions.txt");

fn told(event: &Event, outcome: &Outcome) -> String {
    let what = match event {
        Event::Rates => "rates".to_owned(),
        Event::Tell(by, act) => match &**act {
            Act::Sale { sale, .. } => {
                let signed = if sale.signed { "sale" } else { "unsigned sale" };
                format!("{signed} of {}, {} lines, {} clicks", sale.content.amount, sale.content.lines.len(), sale.clicks.len())
            }
            Act::Refund { refund, .. } => {
                let of = if matches!(refund, Refund::Amount(_)) { "" } else { " by line" };
                format!("refund{of} of {}", refund.money())
            }
            Act::Cancel { .. } => "cancel".to_owned(),
            Act::Approve { .. } => format!("approve by {}", by.word()),
            Act::Reject { .. } => "reject".to_owned(),
            Act::Tie { .. } => "sign-in".to_owned(),
            Act::MerchantPaid { .. } => "merchant pays".to_owned(),
            Act::Expire { .. } => "expire".to_owned(),
            other => format!("{other:?}"),
        },
    };
    let why = outcome.code().filter(|code| *code != outcome.verdict()).map(|code| format!(" ({code})")).unwrap_or_default();
    format!("{what}: {}{why}", outcome.verdict())
}

fn end(world: &World, out: &mut String) -> std::fmt::Result {
    let recorded = world.facts.orders.get(&world.key(ORDER)).is_some_and(|order| order.context.is_some());
    if !recorded {
        return writeln!(out, "  = parked");
    }
    let conversion = world.conversion(ORDER);
    let parts: Vec<String> = conversion.credits.iter().map(|credit| credit.amount.to_string()).collect();
    writeln!(
        out,
        "  = {} [{}] {}; sold {}, refunded {}; credits {}",
        world.says(ORDER),
        conversion.flags.text(),
        conversion.reason.as_ref().map_or("-", |why| why.words().unwrap_or(why.code())),
        conversion.amount,
        conversion.refunded,
        parts.join(" ")
    )?;
    for entry in world.entries.iter().filter(|entry| entry.subject.order() == Some(conversion.id)) {
        let lines: Vec<String> =
            entry.postings.iter().map(|(account, amount)| format!("{account} {}", Money::new(*amount, entry.currency).amount())).collect();
        writeln!(out, "    {} {}", entry.kind.word(), lines.join(", "))?;
    }
    Ok(())
}

fn decisions() -> Result<String, std::fmt::Error> {
    let mut out = format!("rules {RULES}: orders as decided; amounts in entries are debits, in the program's currency\n");
    let mut state = 20_261_122_u64;
    for n in 1..=300 {
        let choices: Vec<u16> = std::iter::repeat_with(|| draw(&mut state)).take(260).collect();
        let story = Story::roll(&mut Dice::new(&choices));
        let (world, outcomes) = story.run(0..story.events.len());
        writeln!(out, "\n{n}. {}", story.label)?;
        for (event, outcome) in &outcomes {
            writeln!(out, "  {}", told(event, outcome))?;
        }
        end(&world, &mut out)?;
    }
    Ok(out)
}

#[test]
fn decisions_are_those_of_the_golden_file() {
    let decided = decisions().expect("text can be written");
    if std::env::var_os("RISTOURNE_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(FILE, &decided).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(FILE).expect("the golden file is there");
    for (n, (now, then)) in decided.lines().zip(golden.lines()).enumerate() {
        assert_eq!(now, then, "line {} of {FILE}", n + 1);
    }
    assert_eq!(decided.len(), golden.len(), "{FILE} has more or fewer orders");
}
