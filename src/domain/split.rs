//! Splitting a commission: three shares, the parts of several publishers, their gifts, and what becomes of an expired share.

use crate::domain::{
    attribution::Credited,
    conversion::{Credit, Shares},
    terms::{Split, UnclaimedTo},
};
use crate::kernel::share::largest_remainder;

/// A commission as shared, minor units of the program's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// What is left of the commission: less than it only when an expired share went back to the merchant.
    pub commission: i64,
    pub shares: Shares,
    pub credits: Vec<Credit>,
    /// Before gifts and expiry, for the receipt.
    pub by_terms: Shares,
    /// What each credited publisher gave to the buyer.
    pub gifts: Vec<i64>,
    /// The buyer's share that expired, and went where the terms say.
    pub expired: i64,
}

pub fn split(split: &Split, commission: i64, credited: &[Credited], expired_to: Option<UnclaimedTo>) -> Shared {
    let parts = largest_remainder(commission, &[split.publisher.parts(), split.buyer.parts(), split.platform.parts()]);
    let by_terms = Shares { publisher: parts[0], buyer: parts[1], platform: parts[2] };
    let weights: Vec<i64> = credited.iter().map(|c| c.weight).collect();
    let mut amounts = largest_remainder(by_terms.publisher, &weights);
    let gifts: Vec<i64> = credited.iter().zip(&amounts).map(|(c, &part)| c.generosity.floor_of(part)).collect();
    for (amount, gift) in amounts.iter_mut().zip(&gifts) {
        *amount -= gift;
    }
    let mut shares = by_terms;
    let given: i64 = gifts.iter().sum();
    shares.publisher -= given;
    shares.buyer += given;
    let (mut commission, mut expired) = (commission, 0);
    if let Some(to) = expired_to {
        expired = std::mem::take(&mut shares.buyer);
        match to {
            UnclaimedTo::Merchant => commission -= expired,
            UnclaimedTo::Platform => shares.platform += expired,
            UnclaimedTo::Publisher => {
                shares.publisher += expired;
                for (amount, part) in amounts.iter_mut().zip(largest_remainder(expired, &weights)) {
                    *amount += part;
                }
            }
        }
    }
    let credit =
        |(c, &amount): (&Credited, &i64)| Credit { publisher: c.publisher, link: c.link, click: c.click, weight: c.weight, amount };
    let credits = credited.iter().zip(&amounts).map(credit).collect();
    Shared { commission, shares, credits, by_terms, gifts, expired }
}
