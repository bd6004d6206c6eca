//! Whose accounts a request is about.

use super::{Field, Kind};
use crate::{
    domain::account::Owner,
    kernel::{
        fields::FieldErrors,
        id::{BuyerId, MerchantId, PublisherId},
        object::Object,
    },
    store::{self, StoreError, Tx},
    web::problem::Problem,
};

pub const OWNER: Field = Field::required("owner", Kind::Owner, "Whose accounts.");

/// An id of a merchant, publisher or buyer, or `platform`. An operator must name one.
pub fn owner_of(query: &Object<'_>, errors: &mut FieldErrors) -> Option<Owner> {
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

/// 404 for an owner that does not exist.
pub async fn check_owner(tx: &mut Tx, owner: Owner) -> Result<(), Problem> {
    if owner_exists(tx, owner).await? { Ok(()) } else { Err(Problem::not_found()) }
}

async fn owner_exists(tx: &mut Tx, owner: Owner) -> Result<bool, StoreError> {
    Ok(match owner {
        Owner::Merchant(id) => store::merchant::by_id(tx, id).await?.is_some(),
        Owner::Publisher(id) => store::publisher::by_id(tx, id).await?.is_some(),
        Owner::Buyer(id) => store::buyer::by_id(tx, id).await?.is_some(),
        Owner::Platform => true,
    })
}
