//! What goes wrong on the way. None of it may change a cent.

use super::{
    DAY, HOUR, How, MINUTE, Plot, SECOND,
    orders::{Sale, without},
};
use crate::kernel::time::Time;
use serde_json::{Value, json};

impl Plot {
    pub(super) fn mishap(&mut self, at: Time, sale: &Sale) {
        let (shop, body) = (sale.shop, &sale.body);
        match self.dice.between(0, 999) {
            // The shop's queue sends it again.
            0..60 => self.send_within(at, (MINUTE, 2 * DAY), shop, body.clone(), sale.how.clone()),
            // Somebody else does, or its clock is wrong, or its program.
            60..70 => self.send(at.plus(2 * SECOND), shop, body.clone(), How::Forged),
            70..76 => self.send(at.plus(2 * SECOND), shop, body.clone(), How::Stale),
            76..80 => self.send(at.plus(2 * SECOND), shop, body.clone(), How::Bare),
            80..84 => self.send(at.plus(2 * SECOND), shop, body.clone(), How::Text),
            // The same number with another amount.
            84..98 => {
                let mut other = body.clone();
                other["amount"] = json!("11");
                without(&mut other, &["items"]);
                self.send(at.plus(HOUR), shop, other, How::Signed);
            }
            98..116 => {
                let wrong = self.wrong(at, body);
                self.send(at.plus(MINUTE), shop, wrong, How::Signed);
            }
            116..120 => {
                let mut lost = body.clone();
                lost["program"] = json!("prg_0000000000001");
                self.send(at.plus(MINUTE), shop, lost, How::Stranger);
            }
            // Its people try something out.
            120..127 => {
                let mut test = body.clone();
                (test["test"], test["order_id"]) = (json!(true), json!(format!("TEST-{}", self.orders)));
                self.send(at.plus(-MINUTE), shop, test, How::Signed);
            }
            // Two messages under one name.
            127..132 => {
                let (name, mut other) = (format!("twice-{}", self.orders), body.clone());
                other["order_id"] = json!(format!("{}-B", body["order_id"].as_str().unwrap_or_default()));
                self.send(at.plus(MINUTE), shop, body.clone(), How::Named(name.clone()));
                self.send(at.plus(2 * MINUTE), shop, other, How::Named(name));
            }
            _ => {}
        }
    }

    /// The sale under another number, with a field that cannot be.
    fn wrong(&mut self, at: Time, body: &Value) -> Value {
        let mut wrong = body.clone();
        wrong["order_id"] = json!(format!("ERR-{}", self.orders));
        without(&mut wrong, &["items"]);
        match self.dice.between(0, 6) {
            0 => wrong["amount"] = json!("0"),
            1 => wrong["amount"] = json!("12.34567"),
            2 => wrong["amount"] = json!("douze euros"),
            3 => wrong["currency"] = json!("EURO"),
            4 => wrong["type"] = json!("subscription"),
            5 => wrong["occurred_at"] = json!(at.plus(3 * DAY)),
            _ => {
                wrong["items"] = json!([{"sku": "A", "amount": "1.00"}, {"sku": "B", "amount": "-1.00"}]);
                without(&mut wrong, &["order_id"]);
            }
        }
        wrong
    }
}
