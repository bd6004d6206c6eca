//! What whoever sales may credit owes, in the programs' currencies.
use super::Wanted;
use crate::domain::{account::Owner, facts::Facts, movement::Payee};
use crate::kernel::currency::Currency;
use crate::store::{balance, db::Tx, error::StoreError};
use std::collections::BTreeSet;

/// It is looked at without their locks: no debt is so exact.
pub(super) async fn load(tx: &mut Tx, wanted: &Wanted, facts: &mut Facts) -> Result<(), StoreError> {
    facts.debt_limit = wanted.debt_limit;
    if wanted.debt_limit.is_none() || wanted.conversions.is_empty() {
        return Ok(());
    }
    let publishers = facts.publishers.keys().copied().map(Payee::Publisher);
    let payees: Vec<Payee> = publishers.chain(facts.buyers.keys().copied().map(Payee::Buyer)).collect();
    let owners: Vec<Owner> = payees.iter().map(|payee| payee.payable().owner()).collect();
    for balance in balance::of_owners(tx, &owners).await? {
        facts.balances.insert((balance.account, balance.amount.currency), balance.amount.minor);
    }
    // An account that holds nothing yet counts what the batch adds to it, too.
    let currencies: BTreeSet<Currency> = facts.programs.values().map(|facts| facts.program.currency).collect();
    for (payee, currency) in payees.iter().flat_map(|payee| currencies.iter().map(move |currency| (payee, currency))) {
        facts.balances.entry((payee.payable(), *currency)).or_insert(0);
    }
    Ok(())
}
