//! What is the second ones', and who must not see it.
use super::{Second, World};
use ristourne::domain::key::Role;
use serde_json::Value;

impl World {
    /// An id of this kind that exists and that the role may not know; none where it may know them all, or nobody asks by one.
    pub fn foreign(&self, role: Role, prefix: &str) -> Option<String> {
        let Second {
            merchant,
            secret,
            program,
            publisher,
            link,
            buyer,
            coupon,
            conversion,
            click,
            message,
            movement,
            import,
            invoice,
            payment,
            rivals_click,
            rivals,
            ..
        } = &self.second;
        let found = match (role, prefix) {
            (Role::Operator, _) => return None,
            (_, "buy") => buyer,
            (Role::Merchant, "mer") => &merchant.id,
            (Role::Merchant, "prg") => program,
            (Role::Merchant, "sec") => secret,
            (Role::Merchant, "inb") => message,
            (Role::Merchant, "imp") => import,
            (Role::Merchant, "cnv") => conversion,
            (Role::Merchant, "clk") => click,
            (_, "mov") => movement,
            (Role::Merchant, "inv") => invoice,
            (Role::Publisher | Role::Buyer, "pay") => payment,
            (Role::Merchant | Role::Publisher, "cpn") => coupon,
            (Role::Publisher, "pub") => publisher,
            (Role::Merchant | Role::Publisher, "lnk") => link,
            (Role::Publisher, "clk") => rivals_click,
            (Role::Publisher | Role::Buyer, "cnv") => rivals,
            _ => return None,
        };
        Some(found.clone())
    }

    /// Texts that stand in no answer to this role.
    pub fn secret_to(&self, role: Role) -> Vec<String> {
        let Second {
            merchant,
            secret,
            program,
            publisher,
            link,
            buyer,
            coupon,
            conversion,
            click,
            message,
            movement,
            invoice,
            payment,
            rivals_click,
            rivals,
            rivals_link,
            import,
        } = &self.second;
        let found: &[&String] = match role {
            Role::Operator => &[],
            Role::Merchant => &[
                &merchant.id,
                secret,
                program,
                link,
                buyer,
                &self.buyer,
                coupon,
                conversion,
                click,
                message,
                movement,
                invoice,
                import,
                payment,
            ],
            Role::Publisher => &[
                secret,
                publisher,
                link,
                rivals_link,
                buyer,
                &self.buyer,
                coupon,
                conversion,
                click,
                message,
                movement,
                payment,
                rivals_click,
                rivals,
            ],
            Role::Buyer => &[secret, link, buyer, coupon, conversion, click, message, movement, invoice, payment, rivals],
        };
        found.iter().map(|text| (*text).clone()).collect()
    }

    /// What is the second ones', as the operator sees it.
    pub async fn theirs(&self) -> Vec<Value> {
        let Second { merchant, program, publisher, link, buyer, conversion, rivals, .. } = &self.second;
        let mut seen = Vec::new();
        for path in [
            format!("/merchants/{}", merchant.id),
            format!("/merchants/{}/secrets", merchant.id),
            format!("/programs?merchant={}", merchant.id),
            format!("/programs/{program}/terms"),
            format!("/publishers/{publisher}"),
            format!("/links?publisher={publisher}"),
            format!("/links/{link}"),
            format!("/coupons?program={program}"),
            format!("/buyers/{buyer}"),
            format!("/conversions/{conversion}"),
            format!("/conversions/{rivals}"),
            format!("/conversions?program={program}"),
            format!("/entries?owner={}", merchant.id),
            format!("/movements?owner={buyer}"),
            format!("/invoices?merchant={}", merchant.id),
        ] {
            seen.push(self.operator.get(&path).await);
        }
        seen
    }
}
