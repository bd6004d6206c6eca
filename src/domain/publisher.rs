//! Publishers: those who place links.

use crate::domain::word::words;
use crate::kernel::{
    id::{BuyerId, PublisherId},
    percent::Percent,
};

words! {
    /// What a publisher does; stand-down and portals look at it.
    pub enum Kind {
        Content = "content",
        Cashback = "cashback",
        Coupon = "coupon",
        Tool = "tool",
    }
}

/// Somebody who places links.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Publisher {
    pub id: PublisherId,
    /// 1 to 256 characters.
    pub name: String,
    #[schema(required)]
    pub email: Option<String>,
    pub kind: Kind,
    /// Sends its own members: `buyer=<ref>` on its links is honoured.
    pub portal: bool,
    /// Percent of its own share that it gives to the buyer.
    pub generosity: Percent,
    /// The same person's account as a buyer: what they buy by their own links is self-referral.
    #[schema(required)]
    pub buyer: Option<BuyerId>,
}
