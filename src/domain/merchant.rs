//! Merchants: those who sell, and owe the commission.

use crate::domain::identity::Identity;
use crate::kernel::{country::Country, id::MerchantId, percent::Percent};

/// Somebody who sells, and owes the commission.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Merchant {
    pub id: MerchantId,
    /// 1 to 256 characters.
    pub name: String,
    #[schema(required)]
    pub email: Option<String>,
    #[serde(flatten)]
    pub billing: Billing,
}

/// How a merchant is invoiced.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Billing)]
pub struct Billing {
    /// As it stands on invoices; the shop's name if null.
    #[schema(required)]
    pub legal_name: Option<String>,
    /// Street, code and town, in lines.
    #[schema(required)]
    pub address: Option<String>,
    #[schema(required)]
    pub country: Option<Country>,
    #[schema(required)]
    pub vat_number: Option<String>,
    /// Percent of what is invoiced.
    pub vat_rate: Percent,
    /// What stands on its invoices about VAT: "Autoliquidation" and the like.
    #[schema(required)]
    pub vat_mention: Option<String>,
    /// An invoice is due so many days after it was issued.
    pub payment_days: u32,
    /// It pays ahead: sales that its credit does not cover are held.
    pub prepaid: bool,
}

/// France's normal rate, and the 30 days that its law supposes.
impl Default for Billing {
    fn default() -> Self {
        Self {
            legal_name: None,
            address: None,
            country: None,
            vat_number: None,
            vat_rate: Percent::from_parts(200_000).unwrap_or(Percent::ZERO),
            vat_mention: None,
            payment_days: 30,
            prepaid: false,
        }
    }
}

impl Merchant {
    /// As it stands on documents.
    pub fn identity(&self) -> Identity {
        let Billing { legal_name, address, country, vat_number, .. } = &self.billing;
        Identity {
            name: legal_name.clone().unwrap_or_else(|| self.name.clone()),
            address: address.clone(),
            country: *country,
            vat_number: vat_number.clone(),
            ..Identity::default()
        }
    }
}
