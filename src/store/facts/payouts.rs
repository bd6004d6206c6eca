//! What commands about payouts need to know.
use super::listed;
use crate::domain::{
    document::Document,
    facts::Facts,
    payee::Payee,
    payout::Step,
    sale::OrderKey,
    statement::SelfBilling,
    wallet::{Profile, Wallet},
};
use crate::kernel::{
    currency::Currency,
    id::{BatchId, ConversionId, PaymentId, PublisherId},
};
use crate::store::{StoreError, Tx, balance, billing, chain, payment, payout, wallet};
use std::collections::{BTreeSet, HashMap};

/// What such commands name.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    prepared: BTreeSet<Currency>,
    batches: BTreeSet<BatchId>,
    payments: BTreeSet<PaymentId>,
    /// Orders that look at what settled payments hold of them.
    counted: BTreeSet<OrderKey>,
}

impl Wanted {
    pub fn add(&mut self, step: &Step) {
        if let Step::Prepare { currency, .. } = step {
            self.prepared.insert(*currency);
        }
        self.batches.extend(step.batch());
        self.payments.extend(step.payment());
    }

    pub fn count(&mut self, key: &OrderKey) {
        self.counted.insert(key.clone());
    }

    /// After the orders.
    pub async fn load(&self, tx: &mut Tx, facts: &mut Facts) -> Result<(), StoreError> {
        for currency in &self.prepared {
            load_wallets(tx, *currency, facts).await?;
        }
        if !self.prepared.is_empty() {
            facts.heads = chain::heads(tx).await?;
        }
        let named = payment::by_ids(tx, &listed(&self.payments)).await?;
        let mut batches = self.batches.clone();
        let mut payments = payment::of_batches(tx, &listed(&batches)).await?;
        batches.extend(named.iter().map(|payment| payment.batch));
        payments.extend(named);
        facts.batches = payout::by_ids(tx, &listed(&batches)).await?.into_iter().map(|batch| (batch.id, batch)).collect();
        facts.documents.extend(payments.into_iter().map(Document::Payment).map(|document| (document.subject(), document)));
        let counted: Vec<ConversionId> = self.counted.iter().filter_map(|key| Some(facts.orders.get(key)?.id)).collect();
        facts.covered = payment::covered(tx, &counted).await?;
        Ok(())
    }
}

async fn load_wallets(tx: &mut Tx, currency: Currency, facts: &mut Facts) -> Result<(), StoreError> {
    let payees = wallet::payees(tx, currency).await?;
    let mut profiles: HashMap<Payee, Profile> =
        wallet::profiles(tx, &payees).await?.into_iter().map(|profile| (profile.payee, profile)).collect();
    let indebted = match facts.debt_limit {
        Some(limit) => balance::beyond(tx, limit).await?,
        None => BTreeSet::new(),
    };
    let publishers: Vec<PublisherId> = payees.iter().filter_map(|payee| payee.publisher()).collect();
    let billings = billing::of_publishers(tx, &publishers).await?;
    let mut billings: HashMap<Payee, SelfBilling> =
        billings.into_iter().filter_map(|billing| Some((Payee::Publisher(billing.publisher), billing.by(facts.seller.clone())?))).collect();
    for (payee, lines) in wallet::free_lines(tx, &payees, currency).await? {
        let profile = profiles.remove(&payee).unwrap_or_else(|| Profile::empty(payee));
        let (in_debt, self_billing) = (indebted.contains(&payee), billings.remove(&payee));
        facts.wallets.insert((currency, payee), Wallet { profile, lines, in_debt, self_billing });
    }
    Ok(())
}
