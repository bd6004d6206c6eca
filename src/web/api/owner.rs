//! Whose accounts a request is about.

use super::{Field, Kind};
use crate::{
    domain::{access::Scope, account::Owner},
    kernel::{
        fields::FieldErrors,
        id::{BuyerId, MerchantId, PublisherId},
        object::Object,
    },
    store::{self, StoreError, Tx},
    web::problem::Problem,
};

pub const OWNER: Field = Field::optional("owner", Kind::Owner, "Whose accounts: an operator must say; all others see their own.");

/// An id of a merchant, publisher or buyer, or `platform`. An operator must name one; for all others it is their own.
pub fn owner_of(query: &Object<'_>, scope: Scope, errors: &mut FieldErrors) -> Option<Owner> {
    let own = scope.owner().filter(|_| !query.optional("owner").is_present());
    if own.is_some() {
        return own;
    }
    let field = query.required("owner", errors);
    let text = field.text(32, errors)?;
    let parsed = match text.split_once('_').map_or(text.as_str(), |(prefix, _)| prefix) {
        "platform" if text == "platform" => Some(Owner::Platform),
        MerchantId::PREFIX => text.parse().ok().map(Owner::Merchant),
        PublisherId::PREFIX => text.parse().ok().map(Owner::Publisher),
        BuyerId::PREFIX => text.parse().ok().map(Owner::Buyer),
        _ => None,
    };
    if parsed.is_none() {
        errors.push(field.path(), "invalid_id", "mer_…, pub_…, buy_… or platform is wanted");
    }
    parsed
}

/// 404 for an owner that does not exist, or not for them.
pub async fn check_owner(tx: &mut Tx, scope: Scope, owner: Owner) -> Result<(), Problem> {
    let foreign = scope.owner().is_some_and(|own| own != owner);
    if !foreign && owner_exists(tx, owner).await? { Ok(()) } else { Err(Problem::not_found()) }
}

pub async fn owner_exists(tx: &mut Tx, owner: Owner) -> Result<bool, StoreError> {
    Ok(match owner {
        Owner::Merchant(id) => store::merchant::by_id(tx, id).await?.is_some(),
        Owner::Publisher(id) => store::publisher::by_id(tx, id).await?.is_some(),
        Owner::Buyer(id) => store::buyer::by_id(tx, id).await?.is_some(),
        Owner::Platform => true,
    })
}
