//! Looks up what a request names, as far as its sender sees it: what they do not see is not found.

use super::Caller;
use crate::{
    domain::{
        buyer::Buyer, claim::Claim, conversion::Conversion, facts::Coupon, invoice::Invoice, merchant::Merchant, program::Program,
        publisher::Publisher, statement::Statement,
    },
    kernel::id::{BuyerId, ClaimId, ConversionId, CouponId, ImportId, InvoiceId, LinkId, MerchantId, ProgramId, PublisherId, StatementId},
    store::{self, StoreError, Tx, import::Import, link::Link},
};

/// What is looked up; none if it does not exist, or not for them.
type Found<T> = Result<Option<T>, StoreError>;

impl Caller {
    pub async fn find_merchant(&self, tx: &mut Tx, id: MerchantId) -> Found<Merchant> {
        if self.scope.is_merchant(id) { store::merchant::by_id(tx, id).await } else { Ok(None) }
    }

    pub async fn find_invoice(&self, tx: &mut Tx, id: InvoiceId) -> Found<Invoice> {
        Ok(store::invoice::by_id(tx, id).await?.filter(|invoice| self.scope.is_merchant(invoice.draft.merchant)))
    }

    pub async fn find_statement(&self, tx: &mut Tx, id: StatementId) -> Found<Statement> {
        Ok(store::statement::by_id(tx, id).await?.filter(|statement| self.scope.is_publisher(statement.draft.publisher)))
    }

    pub async fn find_publisher(&self, tx: &mut Tx, id: PublisherId) -> Found<Publisher> {
        if self.scope.is_publisher(id) { store::publisher::by_id(tx, id).await } else { Ok(None) }
    }

    pub async fn find_buyer(&self, tx: &mut Tx, id: BuyerId) -> Found<Buyer> {
        if self.scope.is_buyer(id) { store::buyer::by_id(tx, id).await } else { Ok(None) }
    }

    /// To read it, or to place a link to it.
    pub async fn find_program(&self, tx: &mut Tx, id: ProgramId) -> Found<Program> {
        Ok(store::program::by_id(tx, id).await?.filter(|program| self.scope.sees_program(program.merchant)))
    }

    /// To change it, or what belongs to it.
    pub async fn find_own_program(&self, tx: &mut Tx, id: ProgramId) -> Found<Program> {
        Ok(store::program::by_id(tx, id).await?.filter(|program| self.scope.is_merchant(program.merchant)))
    }

    pub async fn find_link(&self, tx: &mut Tx, id: LinkId) -> Found<Link> {
        Ok(store::link::by_id(tx, id).await?.filter(|link| self.scope.is_publisher(link.publisher)))
    }

    /// To change it: nobody else does until the transaction ends.
    pub async fn change_program(&self, tx: &mut Tx, id: ProgramId) -> Found<Program> {
        Ok(store::program::for_update(tx, id).await?.filter(|program| self.scope.is_merchant(program.merchant)))
    }

    /// The same.
    pub async fn change_link(&self, tx: &mut Tx, id: LinkId) -> Found<Link> {
        Ok(store::link::for_update(tx, id).await?.filter(|link| self.scope.is_publisher(link.publisher)))
    }

    pub async fn find_coupon(&self, tx: &mut Tx, id: CouponId) -> Found<Coupon> {
        let Some(coupon) = store::coupon::by_id(tx, id).await? else { return Ok(None) };
        let program = store::program::by_id(tx, coupon.program).await?;
        let seen = program.is_some_and(|program| self.scope.sees_coupon(coupon.publisher, program.merchant));
        Ok(seen.then_some(coupon))
    }

    /// To change it: nobody else does until the transaction ends.
    pub async fn change_coupon(&self, tx: &mut Tx, id: CouponId) -> Found<Coupon> {
        let Some(coupon) = store::coupon::for_update(tx, id).await? else { return Ok(None) };
        let own = self.find_own_program(tx, coupon.program).await?.is_some();
        Ok(own.then_some(coupon))
    }

    /// One that it sent itself.
    pub async fn find_import(&self, tx: &mut Tx, id: ImportId) -> Found<Import> {
        let found = store::import::by_id(tx, id).await?;
        Ok(found.filter(|import| self.scope.merchant().is_none_or(|own| import.merchant == Some(own))))
    }

    pub async fn find_claim(&self, tx: &mut Tx, id: ClaimId) -> Found<Claim> {
        Ok(store::claim::by_id(tx, id).await?.filter(|claim| self.scope.sees_claim(claim.buyer, claim.merchant)))
    }

    /// With its program; show of it what the scope sees.
    pub async fn find_conversion(&self, tx: &mut Tx, id: ConversionId) -> Found<(Conversion, Program)> {
        let Some(conversion) = store::conversion::by_id(tx, id).await? else { return Ok(None) };
        let Some(program) = store::program::by_id(tx, conversion.program).await? else {
            return Err(StoreError::corrupt("conversion", "program", id));
        };
        let seen = self.scope.sees_conversion(&conversion, program.merchant);
        Ok(seen.then_some((conversion, program)))
    }
}
