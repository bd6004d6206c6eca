//! Programs: a merchant's offer, with its currency, landing page and terms.

use crate::kernel::{
    currency::Currency,
    id::{MerchantId, ProgramId},
    time::Time,
};

/// A merchant's offer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ProgramCore)]
pub struct Program {
    pub id: ProgramId,
    pub merchant: MerchantId,
    /// 1 to 256 characters.
    pub name: String,
    /// Fixed for ever: commissions, shares and balances are in it.
    pub currency: Currency,
    /// Where links lead, with its macros.
    pub landing_url: String,
    /// Hosts that deep links may lead to, in ASCII form.
    pub domains: Vec<String>,
    /// The query parameter that carries the click id; `rclid` by default.
    pub click_param: String,
    /// Whether unsigned pixel sales are taken.
    pub pixel: bool,
    /// A network pays us: rules may pay a percentage of what it reports.
    pub upstream: bool,
    /// Links answer 410 from then on; sales of earlier clicks still count.
    #[schema(required)]
    pub ended_at: Option<Time>,
}
