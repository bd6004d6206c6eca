//! The commission in a receipt: what each rule pays, the sum, and what the order as sold limits it to.

use super::customer;
use crate::domain::terms::pay::Pay;
use crate::kernel::{money::Money, percent::Percent, schema};
use serde::Serialize;
use utoipa::ToSchema;

/// What the merchant pays: by rule, then rounded once.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptCommission)]
pub struct CommissionLines {
    pub rules: Vec<RuleLine>,
    /// The sum before rounding, minor units of the program's currency, as a fraction.
    pub exact: String,
    /// Rounded half up, once; never above the commission of the order as sold.
    pub amount: Money,
    /// The commission of the order as sold, where something was given back.
    #[schema(required)]
    pub as_sold: Option<AsSoldLines>,
}

/// What the merchant would pay if nothing had been given back: the most that it pays.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptCommissionAsSold)]
pub struct AsSoldLines {
    pub rules: Vec<RuleLine>,
    /// The sum before rounding, minor units of the program's currency, as a fraction.
    pub exact: String,
    pub amount: Money,
    /// What is left would earn more by itself, so that this is the commission.
    pub limits: bool,
}

/// What one rule pays for the lines that took it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptRule)]
pub struct RuleLine {
    pub rule: usize,
    /// The positions of the lines that took it.
    pub lines: Vec<usize>,
    /// The customers that it is for; none if it is for all.
    #[schema(required, schema_with = customer)]
    pub customer: Option<&'static str>,
    #[schema(schema_with = pays)]
    pub pays: &'static str,
    #[schema(required)]
    pub percent: Option<Percent>,
    /// What it pays once an order, or for each unit.
    #[schema(required)]
    pub each: Option<Money>,
    /// The tiers of which the percent is one, ascending.
    #[schema(required)]
    pub tiers: Option<Vec<TierLine>>,
    /// The commission that an upstream network reported for the whole order.
    #[schema(required)]
    pub reported: Option<Money>,
    /// What its lines hold, in the sale's currency.
    pub amount: Money,
    pub quantity: i64,
    /// For tiers: the publisher's approved net amount of the month.
    #[schema(required)]
    pub tier_base: Option<Money>,
    #[schema(required)]
    pub cap_per_order: Option<Money>,
    pub capped: bool,
    /// Minor units of the program's currency, as a fraction, before a cap.
    pub exact: String,
}

/// The percent from a base on.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptTier)]
pub struct TierLine {
    pub from: Money,
    pub percent: Percent,
}

fn pays() -> schema::Shape {
    schema::words("How the rule pays.", &Pay::KINDS)
}
