//! Merchants: those who sell, and owe the commission.

use crate::kernel::id::MerchantId;

/// Somebody who sells, and owes the commission.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Merchant {
    pub id: MerchantId,
    /// 1 to 256 characters.
    pub name: String,
    #[schema(required)]
    pub email: Option<String>,
}
