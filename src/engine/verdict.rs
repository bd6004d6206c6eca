//! Verdicts given many at a time: finds what they are about, as far as their sender may say something of it.

use crate::domain::{access::Scope, command::Act, program::Program, sale::OrderKey};
use crate::formats::verdict::{Asked, Of};
use crate::kernel::{
    fields::FieldErrors,
    id::{ConversionId, ProgramId},
};
use crate::store::{self, Db, StoreError, verdict::Named};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Why a verdict does not become an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// There is no such conversion or program, or it is another merchant's.
    NotFound,
    Fields(FieldErrors),
}

/// An act on an order of this program.
pub type Found = Result<(Arc<Program>, Act), Wrong>;

/// What each verdict comes to, in their order.
pub async fn find(db: &Db, scope: Scope, asked: Vec<Result<Asked, FieldErrors>>) -> Result<Vec<Found>, StoreError> {
    let known = Known::load(db, scope, asked.iter().flatten()).await?;
    let find = |asked: Result<Asked, FieldErrors>| known.act(asked.map_err(Wrong::Fields)?);
    Ok(asked.into_iter().map(find).collect())
}

struct Known {
    by_id: HashMap<ConversionId, Named>,
    by_key: HashMap<OrderKey, ConversionId>,
    /// Those of which the sender may say something.
    programs: HashMap<ProgramId, Arc<Program>>,
}

impl Known {
    async fn load(db: &Db, scope: Scope, asked: impl Iterator<Item = &Asked>) -> Result<Self, StoreError> {
        let (mut ids, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for asked in asked {
            match &asked.of {
                Of::Conversion(id) => drop(ids.insert(*id)),
                Of::Order(key) => drop(keys.insert(key.clone())),
            }
        }
        let mut tx = db.read().await?;
        let ids: Vec<ConversionId> = ids.into_iter().collect();
        let named = store::verdict::named(&mut tx, &ids, &keys).await?;
        let programs: BTreeSet<ProgramId> = named.iter().map(|named| named.key.program).chain(keys.iter().map(|key| key.program)).collect();
        let programs: Vec<ProgramId> = programs.into_iter().collect();
        let programs = store::program::by_ids(&mut tx, &programs).await?;
        tx.commit().await?;
        let own = programs.into_iter().filter(|program| scope.is_merchant(program.merchant));
        Ok(Self {
            by_key: named.iter().map(|named| (named.key.clone(), named.id)).collect(),
            by_id: named.into_iter().map(|named| (named.id, named)).collect(),
            programs: own.map(|program| (program.id, Arc::new(program))).collect(),
        })
    }

    fn act(&self, asked: Asked) -> Found {
        let found = match &asked.of {
            // What is parked has no conversion yet.
            Of::Conversion(id) => self.by_id.get(id).filter(|named| named.sold_in.is_some()),
            Of::Order(key) => self.by_key.get(key).and_then(|id| self.by_id.get(id)),
        };
        let key = match (&asked.of, found) {
            (_, Some(named)) => named.key.clone(),
            // It is parked until its sale comes.
            (Of::Order(key), None) => key.clone(),
            (Of::Conversion(_), None) => return Err(Wrong::NotFound),
        };
        let program = self.programs.get(&key.program).ok_or(Wrong::NotFound)?;
        let sold_in = found.and_then(|named| named.sold_in).unwrap_or(program.currency);
        let act = asked.into_act(key, sold_in).map_err(Wrong::Fields)?;
        Ok((Arc::clone(program), act))
    }
}
