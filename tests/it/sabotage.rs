//! Sabotage: whoever changes a stored number past the program is found. Each alteration by SQL, on a copy of a filled database of its own,
//! must be found and named by `verify`.
use crate::support::letter::with;
use crate::support::server::{Operator, Server, click, client, ristourne, ristourne_ok, text};
use crate::support::sql::Sql;
use crate::support::{Fresh, TempDir};
use reqwest::header;
use serde_json::{Value, json};

/// A database in which something of every kind has happened.
async fn fill(server: &Server) {
    let operator = server.operator();
    let merchant = operator.merchant("Shop").await;
    let terms = json!({
        "commission": [
            {"when": {"type": "lead"}, "pay": {"flat": "1.50"}},
            {"pay": {"tiers": [{"from": "0", "percent": "5"}, {"from": "100", "percent": "6.5"}]}}],
        "split": {"publisher": "60", "buyer": "30", "platform": "10"}, "attribution": {"model": "linear"},
        "boosts": [{"kind": "code", "code": "MERCI", "flat": "1.00"}]});
    let program = operator.program(&merchant, "EUR", terms).await;
    let owed = json!({"commission": [{"pay": {"percent": "4"}}], "split": {"publisher": "50", "buyer": "40", "platform": "10"},
        "payable_on": "merchant_payment"});
    let on_payment = operator.program(&merchant, "EUR", owed).await;
    let (mut clicks, http) = (Vec::new(), client());
    for (n, program) in [&program, &program, &on_payment].into_iter().enumerate() {
        let publisher = operator.publisher(&format!("Blog {n}")).await;
        clicks.push(click(&http, &server.base, &operator.link(program, &publisher).await).await);
    }
    let today = Value::String(ristourne::engine::clock::Clock::System.now().to_string().chars().take(10).collect());
    operator.create("/rates", json!({"date": today, "rates": {"USD": "1.0876"}})).await;

    let sale = |order: &str| json!({"program": program, "order_id": order, "amount": "120.00", "currency": "EUR", "click_id": clicks[0]});
    let of = |order: &str, kind: &str| json!({"program": program, "order_id": order, "type": kind, "reason": "as agreed"});
    let refund = |order: &str, amount: &str| with(&of(order, "refund"), &json!({"refund_id": "r", "amount": amount}));
    let both = json!({"click_ids": [clicks[1]], "customer": {"ref": "c-1"}, "coupon": "merci"});
    let messages = [
        sale("PENDING"),
        with(&sale("LINEAR"), &both),
        with(&sale("DOLLARS"), &json!({"currency": "USD"})),
        with(&sale("YEN"), &json!({"currency": "JPY", "amount": "12000"})),
        with(&sale("LEAD"), &json!({"type": "lead", "amount": null})),
        with(&sale("UNKNOWN"), &json!({"click_id": "lost"})),
        sale("APPROVED"),
        of("APPROVED", "approve"),
        sale("TIERED"),
        sale("REJECTED"),
        of("REJECTED", "reject"),
        refund("REFUNDED", "20.00"),
        sale("REFUNDED"),
        of("ORPHAN", "cancel"),
        with(&sale("OWED"), &json!({"program": on_payment, "click_id": clicks[2]})),
        with(&of("OWED", "approve"), &json!({"program": on_payment})),
        with(&sale("SAME"), &json!({"order_id": "PENDING"})),
        with(&sale("PENDING"), &json!({"amount": "1.00"})),
    ];
    for message in messages {
        let answer = merchant.postback(&message).await;
        assert!(answer.status.is_success() || answer.status == 409, "{message}\n{answer:?}");
    }
    // A robot's click: held until the operator approves it. And a buyer who signs in.
    let slug = operator.link(&program, &operator.publisher("Robots").await).await;
    let robot = http.get(server.url(&format!("/c/{slug}"))).header(header::USER_AGENT, "Googlebot/2.1 (+http://www.google.com/bot.html)");
    let robot = robot.send().await.expect("an answer").headers()[header::LOCATION].to_str().expect("visible ASCII").to_owned();
    merchant.postback(&with(&sale("HELD"), &json!({"click_id": crate::support::server::click_id(&robot)}))).await.expect(201);
    let adjusted = merchant.postback(&sale("ADJUSTED")).await.expect(201);
    let adjusted = text(&adjusted["conversion"]["id"]);
    operator.post(&format!("/conversions/{adjusted}/adjust"), json!({"amount": "99.00", "reason": "a typing error"})).await;
    tie(&operator, &clicks[1]).await;
    let visit = click(&http, &server.base, &operator.link(&program, &operator.publisher("Portal").await).await).await;
    claims(&operator, &program, &visit).await;
    assert!(operator.get("/conversions").await["data"].as_array().is_some_and(|rows| rows.len() > 10));
}

/// A claim that is found, one that waits, one that is refused, and one that was paid goodwill.
async fn claims(operator: &Operator, program: &str, click: &str) {
    let (buyer, _) = operator.buyer().await;
    operator.post(&format!("/buyers/{buyer}/clicks"), json!({"click_ids": [click]})).await;
    let mut made = Vec::new();
    for order in ["UNKNOWN", "AWAITED", "DENIED", "GOODWILL"] {
        made.push(text(&operator.create("/claims", json!({"buyer": buyer, "program": program, "order_id": order})).await["id"]));
    }
    operator.post(&format!("/claims/{}/refuse", made[2]), json!({"reason": "too_late"})).await;
    operator.post(&format!("/claims/{}/goodwill", made[3]), json!({"amount": "2.00", "funded_by": "platform"})).await;
}

async fn tie(operator: &Operator, click: &str) {
    let (buyer, _) = operator.buyer().await;
    let tied = operator.post(&format!("/buyers/{buyer}/clicks"), json!({"click_ids": [click]})).await;
    assert_eq!(tied["tied"].as_array().map(Vec::len), Some(1), "{tied}");
}

/// `order` as a subquery: the number of its conversion.
fn id(order: &str) -> String {
    format!("(SELECT id FROM orders WHERE order_id = '{order}')")
}

/// What is altered, and a code that must be named.
fn alterations() -> Vec<(String, &'static str)> {
    let pending = id("PENDING");
    let conversion = |change: &str| (format!("UPDATE conversion SET {change} WHERE id = {pending}"), "decision_differs");
    let fact = |kind: &str, change: &str| format!("UPDATE order_fact SET body = {change} WHERE conversion = {pending} AND kind = '{kind}'");
    let entry = format!("(SELECT MIN(id) FROM journal_entry WHERE subject = {pending})");
    let middle = "(SELECT seq FROM journal_entry WHERE seq > 2 ORDER BY seq LIMIT 1)";
    let last = "(SELECT MAX(seq) FROM journal_entry)";
    let insert_entry = format!(
        "INSERT INTO journal_entry (id, node, seq, at, kind, subject_kind, subject, program, currency, previous, hash) \
         SELECT id + 1, node, seq + 1, at, kind, subject_kind, subject, program, currency, hash, hash FROM journal_entry WHERE seq = {last}"
    );
    let extra_balance = "INSERT INTO balance (account, currency, owner_kind, owner, amount, as_of) \
         SELECT account, 'CHF', owner_kind, owner, 100, as_of FROM balance LIMIT 1";
    let own = |text: &str, code: &'static str| (text.to_owned(), code);
    vec![
        // The conversion.
        conversion("amount = amount + 1"),
        conversion("refunded = 1"),
        conversion("commission = commission + 1, share_platform = share_platform + 1"),
        conversion("share_publisher = share_publisher - 1, share_buyer = share_buyer + 1"),
        conversion("status = 'payable'"),
        conversion("flags = 'held'"),
        conversion("reason = 'no_click'"),
        conversion("net = net - 1"),
        (format!("UPDATE conversion SET publisher = publisher + 1 WHERE id = {pending}"), "conversion_copies_differ"),
        (format!("UPDATE conversion SET day = day + 1 WHERE id = {pending}"), "report_day_differs"),
        conversion("terms_version = 2"),
        conversion("approved_at = recorded_at"),
        conversion("payable_at = payable_at - 1"),
        conversion("claim_until = claim_until + 1"),
        conversion("occurred_at = occurred_at - 1"),
        conversion("order_id = 'OTHER'"),
        conversion("sale_currency = 'USD'"),
        (format!("UPDATE conversion SET approve_at = approve_at + 86400000000 WHERE id = {pending}"), "appointment_differs"),
        (format!("UPDATE conversion SET expire_at = NULL WHERE id = {pending}"), "appointment_differs"),
        (format!("DELETE FROM conversion WHERE id = {pending}"), "conversion_missing"),
        (format!("UPDATE conversion SET id = id + 1 WHERE id = {pending}"), "conversion_without_order"),
        // Its credits and touches.
        (format!("UPDATE credit SET amount = amount + 1 WHERE conversion = {}", id("LINEAR")), "decision_differs"),
        (format!("DELETE FROM credit WHERE conversion = {} AND position = 1", id("LINEAR")), "decision_differs"),
        (format!("UPDATE credit SET publisher = publisher + 1 WHERE conversion = {pending}"), "decision_differs"),
        own("INSERT INTO credit (conversion, position, publisher, weight, amount) VALUES (1, 0, 1, 1, 5)", "credit_without_conversion"),
        (format!("DELETE FROM touch WHERE conversion = {pending}"), "touch_missing"),
        // Claims of missing cashback.
        own("UPDATE claim_step SET conversion = conversion + 1 WHERE state = 'matched'", "claim_not_credited"),
        own("UPDATE claim SET buyer = buyer + 1 WHERE state = 'waiting'", "claim_without_order"),
        own("UPDATE claim_step SET movement = movement + 1 WHERE state = 'goodwill'", "goodwill_differs"),
        own("UPDATE claim_step SET reason = 'order_not_found' WHERE state = 'refused'", "claim_differs"),
        (format!("DELETE FROM order_fact WHERE kind = 'claim' AND conversion = {}", id("UNKNOWN")), "decision_differs"),
        (format!("DELETE FROM order_fact WHERE kind = 'claim' AND conversion = {}", id("GOODWILL")), "claim_without_order"),
        // What it was decided from.
        (fact("sale", "REPLACE(body, '12000', '99900')"), "decision_differs"),
        (format!("DELETE FROM order_fact WHERE conversion = {} AND kind = 'refund'", id("REFUNDED")), "decision_differs"),
        (format!("DELETE FROM order_fact WHERE conversion = {} AND kind = 'approve'", id("APPROVED")), "decision_differs"),
        (format!("DELETE FROM order_fact WHERE conversion = {} AND kind = 'reject'", id("REJECTED")), "decision_differs"),
        (format!("DELETE FROM order_fact WHERE conversion = {pending}"), "state_differs"),
        (format!("DELETE FROM order_context WHERE conversion = {pending}"), "conversion_extra"),
        (format!("UPDATE orders SET state = 'parked' WHERE id = {pending}"), "state_differs"),
        (format!("UPDATE orders SET goal = 'lead' WHERE id = {pending}"), "decision_differs"),
        (format!("DELETE FROM orders WHERE id = {pending}"), "conversion_without_order"),
        own("UPDATE terms SET body = REPLACE(body, '6.5', '7.5')", "decision_differs"),
        own(
            "UPDATE terms SET body = REPLACE(REPLACE(body, '\"60\"', '\"59\"'), '\"10\"', '\"11\"') WHERE body LIKE '%\"60\"%'",
            "decision_differs",
        ),
        own("DELETE FROM terms", "terms_missing"),
        own("DELETE FROM click_tie", "tie_differs"),
        own("UPDATE click_tie SET buyer = buyer + 1", "tie_differs"),
        // The journal.
        (format!("UPDATE posting SET amount = amount + 1 WHERE entry = {entry} AND line = 1"), "entry_altered"),
        (format!("UPDATE posting SET amount = amount * 2 WHERE entry = {entry}"), "entry_altered"),
        (
            format!(
                "UPDATE posting SET account = REPLACE(account, ':pending', ':payable') WHERE entry = {entry} AND owner_kind = 'publisher'"
            ),
            "entry_altered",
        ),
        (format!("DELETE FROM posting WHERE entry = {entry} AND line = 1"), "entry_unbalanced"),
        (format!("DELETE FROM posting WHERE entry = {entry}"), "journal_differs"),
        own(
            "INSERT INTO posting (entry, line, account, owner_kind, owner, amount, currency) VALUES (1, 0, 'cash', 'platform', 0, 5, 'EUR')",
            "posting_without_entry",
        ),
        (format!("UPDATE journal_entry SET at = at + 1 WHERE id = {entry}"), "entry_altered"),
        (format!("UPDATE journal_entry SET kind = 'approved' WHERE id = {entry}"), "entry_altered"),
        (format!("UPDATE journal_entry SET subject = {} WHERE id = {entry}", id("LINEAR")), "entry_altered"),
        (format!("UPDATE journal_entry SET hash = previous WHERE id = {entry}"), "entry_altered"),
        (format!("UPDATE journal_entry SET previous = hash WHERE seq = {middle}"), "chain_broken"),
        (format!("DELETE FROM journal_entry WHERE seq = {middle}"), "chain_hole"),
        (format!("UPDATE journal_entry SET seq = seq + 1000 WHERE seq = {last}"), "chain_hole"),
        (format!("DELETE FROM journal_entry WHERE seq = {last}"), "journal_differs"),
        (insert_entry, "entry_altered"),
        // Balances, tiers, statistics, the inbox.
        own("UPDATE balance SET amount = amount + 1 WHERE owner_kind = 'merchant'", "balance_differs"),
        own("UPDATE balance SET owner = owner + 1 WHERE owner_kind = 'publisher'", "balance_owner_differs"),
        own("DELETE FROM balance WHERE owner_kind = 'publisher'", "balance_differs"),
        own(extra_balance, "balance_differs"),
        own("UPDATE tier_base SET amount = amount + 1", "tier_base_differs"),
        own("DELETE FROM tier_base", "tier_base_differs"),
        // What boosts take.
        own("UPDATE boost_pot SET amount = amount + 1", "boost_pot_differs"),
        own("UPDATE boost_pot SET uses = 0", "boost_pot_differs"),
        own("DELETE FROM boost_pot", "boost_pot_differs"),
        own("UPDATE conversion SET bonuses = NULL WHERE bonuses IS NOT NULL", "decision_differs"),
        own("UPDATE conversion SET bonuses = REPLACE(bonuses, '100', '200') WHERE bonuses IS NOT NULL", "decision_differs"),
        own("DELETE FROM order_fact WHERE kind = 'loyalty'", "decision_differs"),
        own("UPDATE order_fact SET body = REPLACE(body, '}', ',\"caps\":{\"code:merci\":99}}') WHERE kind = 'loyalty'", "decision_differs"),
        own("UPDATE click_stat SET raw = raw + 1", "statistics_differ"),
        own("UPDATE click_stat SET counted = 0", "statistics_differ"),
        own("DELETE FROM click_stat", "statistics_differ"),
        own("UPDATE sale_stat SET conversions = conversions + 1", "sale_statistics_differ"),
        own("UPDATE sale_stat SET commission = commission - 1", "sale_statistics_differ"),
        own("DELETE FROM sale_stat WHERE link <> 0", "sale_statistics_differ"),
        own("UPDATE report_part SET country = REPLACE(country, 'unknown', 'FR')", "report_parts_differ"),
        own("UPDATE report_part SET referrer = REPLACE(referrer, '(none)', '(other)')", "report_parts_differ"),
        own("UPDATE report_part SET agent = REPLACE(agent, '[1,1', '[2,1')", "report_parts_differ"),
        own("UPDATE report_part SET sub1 = '{}'", "report_parts_differ"),
        own("DELETE FROM report_part WHERE link = 0 AND publisher = 0 AND program = 0", "report_parts_differ"),
        own("UPDATE report_sale SET commission = commission + 1 WHERE conversions = 1", "report_sale_differs"),
        own("UPDATE report_sale SET agent = 'Netscape'", "report_sale_differs"),
        own("UPDATE report_sale SET day = day - 1", "report_sale_differs"),
        own("DELETE FROM report_sale WHERE conversions = 1", "report_sale_differs"),
        own(
            "INSERT INTO click_fold (id, body) SELECT 1, '{\"texts\":[\"x\"],\"links\":[[1,2,3]],\"rows\":[[20000,0,[0,0,0,0],1,1]]}'",
            "statistics_differ",
        ),
        own("UPDATE report_state SET words = words + 1", "reports_outdated"),
        own("DELETE FROM click WHERE quality = 4", "statistics_differ"),
        own("UPDATE click SET sub1 = 'x'", "report_parts_differ"),
        own("UPDATE click SET quality = 0 WHERE quality = 4", "statistics_differ"),
        (format!("DELETE FROM inbox WHERE conversion = {pending}"), "fact_without_message"),
        own("DELETE FROM webhook_seen", "webhook_id_not_used_up"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_finds_and_names_every_alteration() {
    let database = Fresh::sqlite_empty();
    let server = Server::start(&database.url);
    fill(&server).await;
    server.stop();
    let report = ristourne_ok(&database.url, &["verify"]);
    assert!(report.contains("everything holds"), "{report}");

    // The copy is whole: the server has stopped, so that nothing is left in the write-ahead log.
    let mut sql = Sql::open(&database.url).await;
    sql.numbers("PRAGMA wal_checkpoint(TRUNCATE)").await;
    sql.close().await;
    let file = database.url.strip_prefix("sqlite://").expect("a file");
    let dir = TempDir::new("sabotage");
    let copy = dir.path().join("copy.db");
    let url = format!("sqlite://{}", copy.display());
    let mut missed = Vec::new();
    for (alteration, code) in alterations() {
        std::fs::copy(file, &copy).expect("the file is copied");
        let mut sql = Sql::open(&url).await;
        sql.run("PRAGMA foreign_keys = OFF").await;
        let changed = sql.run(&alteration).await;
        sql.close().await;
        let output = ristourne(&url, &["verify"]);
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        let named = report.lines().any(|line| line.split(' ').next() == Some(code));
        if changed == 0 || output.status.code() != Some(1) || !named {
            let error = String::from_utf8_lossy(&output.stderr);
            missed.push(format!("{alteration}\n  {changed} rows, {code} wanted, {}:\n{report}{error}", output.status));
        }
        for left in ["copy.db", "copy.db-wal", "copy.db-shm"] {
            let left = dir.path().join(left);
            if left.exists() {
                std::fs::remove_file(left).expect("the copy goes");
            }
        }
    }
    assert!(missed.is_empty(), "{} alterations were not found and named:\n{}", missed.len(), missed.join("\n"));
}
