//! Each operation's place in the access matrix: a call that succeeds, about the caller's own rows.
use super::world::World;
use ristourne::{
    domain::key::Role,
    web::api::{Kind, Operation},
};
use serde_json::{Value, json};

/// What is put into an operation.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// Of the path, in its order.
    pub ids: Vec<String>,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    /// A table, in the place of JSON.
    pub csv: Option<String>,
    /// A media type other than JSON.
    pub accept: Option<&'static str>,
}

/// A call of the operation that this role may make. What it would use up is made for it.
pub async fn place(world: &World, operation: &Operation, role: Role) -> Call {
    let mut call = Call { ids: operation.ids.iter().map(|field| own(world, field.kind)).collect(), ..Call::default() };
    let operator = role == Role::Operator;
    match operation.id {
        "list_merchants"
        | "get_merchant"
        | "list_secrets"
        | "list_programs"
        | "get_program"
        | "list_terms"
        | "list_publishers"
        | "get_publisher"
        | "list_links"
        | "get_link"
        | "list_coupons"
        | "get_coupon"
        | "list_clicks"
        | "get_click"
        | "list_keys"
        | "list_buyers"
        | "get_buyer"
        | "list_conversions"
        | "get_conversion"
        | "get_receipt"
        | "list_claims"
        | "get_claim"
        | "list_inbox"
        | "get_inbox"
        | "list_imports"
        | "get_import"
        | "list_rejected_lines"
        | "list_movements"
        | "get_seller"
        | "list_invoices"
        | "get_invoice"
        | "list_invoice_lines"
        | "get_account"
        | "get_publisher_payout_method"
        | "get_buyer_payout_method"
        | "get_payout_debtor"
        | "list_payouts"
        | "get_payout"
        | "list_payments"
        | "get_publisher_billing"
        | "list_statements"
        | "get_statement"
        | "list_statement_lines" => {}
        "get_draft_invoice" => {
            world.fresh_movement().await;
            call.query = vec![("until", World::today())];
        }
        "create_invoice" => {
            world.fresh_movement().await;
            call.body = Some(json!({"merchant": world.merchant.id, "until": World::today()}));
        }
        "create_invoice_payment" => call.body = Some(json!({"amount": "1.00"})),
        "create_bonus" => {
            call.body = Some(json!({"buyer": world.buyer, "amount": World::euros("1.00"), "funded_by": "platform", "reason": "late"}));
        }
        "create_fee" => call.body = Some(json!({"amount": World::euros("1.00"), "reason": "November"})),
        "create_payment" | "create_bank_charge" => call.body = Some(json!({"amount": World::euros("1.00")})),
        "create_repayment" => {
            world.prepay().await;
            call.body = Some(json!({"amount": World::euros("1.00")}));
        }
        "create_write_off" => {
            call.body = Some(json!({"owner": world.debtor().await, "amount": World::euros("1.00"), "reason": "insolvent"}));
        }
        "create_waiver" => call.body = Some(json!({"owner": world.buyer, "amount": World::euros("1.00"), "reason": "waived"})),
        "reverse_movement" => (call.ids, call.body) = (vec![world.fresh_movement().await], Some(json!({"reason": "a mistake"}))),
        "set_publisher_payout_method" | "set_buyer_payout_method" => {
            call.body = Some(json!({"method": "manual", "holder": "Ada Byron", "minimums": {"EUR": "0.01"}}));
        }
        "set_publisher_billing" => call.body = Some(json!({"legal_name": "Blog", "mandate": true})),
        "hold_publisher_payouts" | "hold_buyer_payouts" => call.body = Some(json!({"held": false})),
        "set_payout_debtor" => call.body = Some(json!({"name": "Ristourne SAS", "iban": "FR7630006000011234567890189"})),
        "get_movement" => call.ids = vec![world.movement(role)],
        "get_payment" | "list_payment_lines" => call.ids = vec![world.payment(role)],
        "create_payout" => call.body = Some(json!({"currency": "EUR"})),
        "export_payout" => (call.ids, call.query) = (vec![world.fresh_payout_of_both_forms().await], vec![("format", "csv".to_owned())]),
        "cancel_payout" => call.ids = vec![world.fresh_payout().await.1],
        "settle_payout" => call.ids = vec![world.fresh_exported().await],
        "return_payment" => (call.ids, call.body) = (vec![world.fresh_exported().await], Some(json!({"reason": "refused"}))),
        "report_payouts" => call.query = vec![("year", "2026".to_owned())],
        "create_merchant" | "create_publisher" => call.body = Some(json!({"name": "New"})),
        "create_buyer" | "create_secret" => call.body = Some(json!({})),
        "revoke_secret" => call.ids[1] = world.fresh_secret().await,
        "create_program" => {
            let mut body = World::new_program();
            if operator {
                body["merchant"] = json!(world.merchant.id);
            }
            call.body = Some(body);
        }
        "end_program" => call.ids = vec![world.fresh_program().await],
        "create_terms" | "simulate_terms" => call.body = Some(json!({"terms": World::new_program()["terms"]})),
        "create_link" => {
            let publisher = operator.then_some(&world.publisher);
            call.body = Some(json!({"program": world.program, "publisher": publisher}));
        }
        "create_coupon" => call.body = Some(json!({"program": world.program, "code": world.number(), "publisher": world.publisher})),
        "change_merchant" | "change_publisher" | "change_program" => call.body = Some(json!({"name": "Renamed"})),
        "change_seller" => call.body = Some(json!({"name": "Ristourne SAS"})),
        "change_buyer" => call.body = Some(json!({"external_id": world.number()})),
        "change_link" => call.body = Some(json!({"url": "https://shop.example/novels"})),
        "end_link" => call.ids = vec![world.fresh_link().await],
        "change_coupon" => call.body = Some(json!({"until": "2099-01-01T00:00:00Z"})),
        "end_coupon" => call.ids = vec![world.fresh_coupon().await],
        "create_key" => call.body = Some(json!({"role": "buyer", "owner": world.buyer})),
        "get_key" | "revoke_key" => call.ids = vec![world.fresh_key().await],
        "list_boosts" => call.query = vec![("program", world.program.clone())],
        "list_vouchers" => drop(world.fresh_vouchers().await),
        "create_vouchers" => call.body = Some(json!({"count": 1, "percent_of_buyer_share": "50"})),
        "get_vouchers" | "list_voucher_codes" | "get_voucher_sheet" => call.ids[1] = world.fresh_vouchers().await,
        "list_dormant_buyers" => call.query = vec![("days", "0".to_owned())],
        "tie_clicks" => call.body = Some(json!({"click_ids": []})),
        "create_conversions" => call.body = Some(json!([world.new_sale(None)])),
        "approve_conversion" => call.ids = vec![world.fresh_conversion().await],
        "reject_conversion" => (call.ids, call.body) = (vec![world.fresh_conversion().await], Some(json!({"reason": "returned"}))),
        "adjust_conversion" => {
            (call.ids, call.body) = (vec![world.fresh_conversion().await], Some(json!({"amount": "5.00", "reason": "a mistake"})));
        }
        "list_orphans" => call.query = vec![("older_than_days", "0".to_owned())],
        "reopen_conversion" => (call.ids, call.body) = (vec![world.fresh_conversion().await], Some(json!({"reason": "other"}))),
        "create_verdicts" => call.body = Some(json!([{"program": world.program, "order_id": world.number(), "verdict": "approve"}])),
        "import_verdicts" => call.csv = Some(format!("program,order_id,verdict\n{},{},approve\n", world.program, world.number())),
        "list_balances" | "list_entries" => {
            if operator {
                call.query = vec![("owner", world.merchant.id.clone())];
            }
        }
        "report_clicks" => call.query = vec![("by", "link".to_owned())],
        "list_rates" => call.query = vec![("date", "2025-01-02".to_owned())],
        "create_claim" => {
            let buyer = operator.then_some(&world.buyer);
            call.body = Some(json!({"buyer": buyer, "program": world.program, "order_id": world.number()}));
        }
        "accept_claim" => (call.ids, call.body) = (vec![world.fresh_claim().await], Some(json!({"amount": "20.00"}))),
        "refuse_claim" => (call.ids, call.body) = (vec![world.fresh_claim().await], Some(json!({"reason": "no_visit"}))),
        "pay_goodwill" => {
            (call.ids, call.body) = (vec![world.fresh_claim().await], Some(json!({"amount": "1.00", "funded_by": "merchant"})));
        }
        "create_rates" => call.body = Some(json!({"date": "2025-01-03", "rates": {"USD": "1.0321"}})),
        "import_clicks" => call.csv = Some(format!("link,at\n{},2025-01-02\n", world.link)),
        "import_sales" => {
            call.csv = Some(format!("program,order_id,amount,currency\n{},{},10.00,EUR\n", world.program, world.number()));
        }
        "import_rates" => call.csv = Some("Date,JPY\n2025-01-02,162.40\n".to_owned()),
        new => panic!("{new} has no place in the access matrix: say here what a call of it by its roles looks like"),
    }
    call
}

/// The id of a row of the first merchant, publisher and buyer.
fn own(world: &World, kind: Kind) -> String {
    let Kind::Id(prefix) = kind else { panic!("a path holds ids") };
    match prefix {
        "mer" => world.merchant.id.clone(),
        "prg" => world.program.clone(),
        "pub" => world.publisher.clone(),
        "lnk" => world.link.clone(),
        "buy" => world.buyer.clone(),
        "clm" => world.claim.clone(),
        "cnv" => world.conversion.clone(),
        "clk" => world.click.clone(),
        "cpn" => world.coupon.clone(),
        "inb" => world.message.clone(),
        "mov" => world.movement.clone(),
        "inv" => world.invoice.clone(),
        "bat" => world.batch.clone(),
        "pay" => world.payment(Role::Operator),
        "stm" => world.statement.clone(),
        "imp" => world.import.clone(),
        // Its operations say themselves which one.
        "sec" | "key" | "vch" => String::new(),
        other => panic!("the access matrix has no row with an id of {other}_"),
    }
}
