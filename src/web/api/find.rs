//! Looks up what a request names, as far as its sender sees it: what they do not see is not found.

use crate::{
    domain::{access::Scope, buyer::Buyer, conversion::Conversion, merchant::Merchant, program::Program, publisher::Publisher},
    kernel::id::{BuyerId, ConversionId, LinkId, MerchantId, ProgramId, PublisherId},
    store::{self, StoreError, Tx, link::Link},
};

/// What is looked up; none if it does not exist, or not for them.
type Found<T> = Result<Option<T>, StoreError>;

pub async fn merchant(tx: &mut Tx, scope: Scope, id: MerchantId) -> Found<Merchant> {
    if scope.is_merchant(id) { store::merchant::by_id(tx, id).await } else { Ok(None) }
}

pub async fn publisher(tx: &mut Tx, scope: Scope, id: PublisherId) -> Found<Publisher> {
    if scope.is_publisher(id) { store::publisher::by_id(tx, id).await } else { Ok(None) }
}

pub async fn buyer(tx: &mut Tx, scope: Scope, id: BuyerId) -> Found<Buyer> {
    if scope.is_buyer(id) { store::buyer::by_id(tx, id).await } else { Ok(None) }
}

/// To read it, or to place a link to it.
pub async fn program(tx: &mut Tx, scope: Scope, id: ProgramId) -> Found<Program> {
    Ok(store::program::by_id(tx, id).await?.filter(|program| scope.sees_program(program.merchant)))
}

/// To change it, or what belongs to it.
pub async fn own_program(tx: &mut Tx, scope: Scope, id: ProgramId) -> Found<Program> {
    Ok(store::program::by_id(tx, id).await?.filter(|program| scope.is_merchant(program.merchant)))
}

pub async fn link(tx: &mut Tx, scope: Scope, id: LinkId) -> Found<Link> {
    Ok(store::link::by_id(tx, id).await?.filter(|link| scope.is_publisher(link.publisher)))
}

/// With its program; show of it what the scope sees.
pub async fn conversion(tx: &mut Tx, scope: Scope, id: ConversionId) -> Found<(Conversion, Program)> {
    let Some(conversion) = store::conversion::by_id(tx, id).await? else { return Ok(None) };
    let Some(program) = store::program::by_id(tx, conversion.program).await? else {
        return Err(StoreError::corrupt("conversion", "program", id));
    };
    let seen = scope.sees_conversion(&conversion, program.merchant);
    Ok(seen.then_some((conversion, program)))
}
