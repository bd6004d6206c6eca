//! What merchants have paid is passed on to their conversions: what a crash left over, and what credit came to cover.

use crate::{
    engine::{engine::Engine, passing_on},
    kernel::time::Time,
    store::{self, StoreError},
};
use std::collections::BTreeSet;

/// Passes on all that is paid at `now`; gives how many conversions became payable.
pub async fn run(engine: &Engine, now: Time) -> Result<usize, StoreError> {
    let mut tx = engine.db.read().await?;
    let mut merchants: BTreeSet<_> = store::awaiting::merchants(&mut tx).await?.into_iter().collect();
    merchants.extend(store::invoice::merchants_to_pass_on(&mut tx).await?);
    tx.commit().await?;
    let mut passed = 0;
    for merchant in merchants {
        passed += passing_on::of_merchant(engine, merchant, now).await?;
    }
    Ok(passed)
}
