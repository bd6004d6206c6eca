//! Buyers: those whose purchases earn cashback.

use crate::kernel::id::BuyerId;

/// Somebody whose purchases earn cashback.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = BuyerCore)]
pub struct Buyer {
    pub id: BuyerId,
    #[schema(required)]
    pub email: Option<String>,
    /// The operator's own number for this person.
    #[schema(required)]
    pub external_id: Option<String>,
    /// The buyer who brought this one.
    #[schema(required)]
    pub referred_by: Option<BuyerId>,
}

/// Whether two e-mail addresses are one person's: compared without case. Absent ones are nobody's.
pub fn same_email(a: Option<&str>, b: Option<&str>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a.to_lowercase() == b.to_lowercase())
}
