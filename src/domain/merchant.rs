//! Merchants: those who sell, and owe the commission.

use crate::kernel::id::MerchantId;

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Merchant {
    pub id: MerchantId,
    pub name: String,
    pub email: Option<String>,
}
