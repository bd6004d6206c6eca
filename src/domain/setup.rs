//! What clicks and sales refer to, as an installation exports it: one line a thing, ids kept. Read again, every line is either new, known
//! or a contradiction.

use crate::domain::{key::Role, merchant::Billing, publisher::Kind, voucher::Batch};
use crate::kernel::{
    currency::Currency,
    id::{BuyerId, CouponId, KeyId, LinkId, MerchantId, ProgramId, PublisherId, SecretId},
    percent::Percent,
    time::Time,
};

/// One thing. Texts are as they were taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    Merchant {
        id: MerchantId,
        name: String,
        email: Option<String>,
        billing: Box<Billing>,
        created_at: Time,
    },
    /// `secret` is sealed where it is stored, and plain in an export.
    Secret {
        id: SecretId,
        merchant: MerchantId,
        secret: Vec<u8>,
        created_at: Time,
        revoked_at: Option<Time>,
    },
    Program(Box<ProgramLine>),
    /// `body` is the JSON as people see it.
    Terms {
        program: ProgramId,
        version: u32,
        effective_at: Time,
        created_at: Time,
        body: String,
    },
    Publisher {
        id: PublisherId,
        name: String,
        email: Option<String>,
        kind: Kind,
        portal: bool,
        generosity: Percent,
        buyer: Option<BuyerId>,
        created_at: Time,
    },
    Buyer {
        id: BuyerId,
        email: Option<String>,
        external_id: Option<String>,
        referred_by: Option<BuyerId>,
        created_at: Time,
    },
    Link(Box<LinkLine>),
    Coupon {
        id: CouponId,
        program: ProgramId,
        publisher: PublisherId,
        code: String,
        from: Option<Time>,
        until: Option<Time>,
        created_at: Time,
    },
    /// With all its codes, in their sequence.
    Vouchers {
        batch: Box<Batch>,
        codes: Vec<String>,
    },
    /// The key itself is not known; its hash opens the same doors.
    ApiKey {
        id: KeyId,
        hash: Vec<u8>,
        role: Role,
        owner: Option<i64>,
        name: Option<String>,
        created_at: Time,
        revoked_at: Option<Time>,
    },
    /// What seals click ids. As a secret's.
    SealKey {
        number: u8,
        key: Vec<u8>,
        created_at: Time,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramLine {
    pub id: ProgramId,
    pub merchant: MerchantId,
    pub name: String,
    pub currency: Currency,
    pub landing_url: String,
    pub domains: Vec<String>,
    pub click_param: String,
    pub pixel: bool,
    pub upstream: bool,
    pub created_at: Time,
    pub ended_at: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkLine {
    pub id: LinkId,
    pub slug: String,
    pub program: ProgramId,
    pub publisher: PublisherId,
    pub url: Option<String>,
    pub created_at: Time,
    pub ended_at: Option<Time>,
}

/// The kinds of things, in the sequence in which they can be taken in: what is named comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    Merchants,
    Programs,
    Terms,
    Publishers,
    Buyers,
    Links,
    Coupons,
    Vouchers,
    Secrets,
    ApiKeys,
    SealKeys,
}

impl Kinds {
    pub const PLAIN: [Self; 8] =
        [Self::Merchants, Self::Programs, Self::Terms, Self::Publishers, Self::Buyers, Self::Links, Self::Coupons, Self::Vouchers];
    pub const SECRET: [Self; 3] = [Self::Secrets, Self::ApiKeys, Self::SealKeys];
}

impl Thing {
    /// A name for people: its id.
    pub fn name(&self) -> String {
        match self {
            Self::Merchant { id, .. } => id.to_string(),
            Self::Secret { id, .. } => id.to_string(),
            Self::Program(program) => program.id.to_string(),
            Self::Terms { program, version, .. } => format!("version {version} of {program}"),
            Self::Publisher { id, .. } => id.to_string(),
            Self::Buyer { id, .. } => id.to_string(),
            Self::Link(link) => link.id.to_string(),
            Self::Coupon { id, .. } => id.to_string(),
            Self::Vouchers { batch, .. } => batch.id.to_string(),
            Self::ApiKey { id, .. } => id.to_string(),
            Self::SealKey { number, .. } => format!("seal key {number}"),
        }
    }

    /// Where it is kept: its kind and number. Of terms, the program's.
    pub fn place(&self) -> (Kinds, i64) {
        match self {
            Self::Merchant { id, .. } => (Kinds::Merchants, id.raw()),
            Self::Secret { id, .. } => (Kinds::Secrets, id.raw()),
            Self::Program(program) => (Kinds::Programs, program.id.raw()),
            Self::Terms { program, .. } => (Kinds::Terms, program.raw()),
            Self::Publisher { id, .. } => (Kinds::Publishers, id.raw()),
            Self::Buyer { id, .. } => (Kinds::Buyers, id.raw()),
            Self::Link(link) => (Kinds::Links, link.id.raw()),
            Self::Coupon { id, .. } => (Kinds::Coupons, id.raw()),
            Self::Vouchers { batch, .. } => (Kinds::Vouchers, batch.id.raw()),
            Self::ApiKey { id, .. } => (Kinds::ApiKeys, id.raw()),
            Self::SealKey { number, .. } => (Kinds::SealKeys, i64::from(*number)),
        }
    }

    /// Its own id as a number, if that carries a time.
    pub fn number(&self) -> Option<i64> {
        match self.place() {
            (Kinds::Terms | Kinds::SealKeys, _) => None,
            (_, number) => Some(number),
        }
    }

    /// Which of several in one place: the version of terms.
    pub fn version(&self) -> Option<u32> {
        match self {
            Self::Terms { version, .. } => Some(*version),
            _ => None,
        }
    }

    /// When it was made.
    pub fn created_at(&self) -> Time {
        match self {
            Self::Merchant { created_at, .. }
            | Self::Secret { created_at, .. }
            | Self::Terms { created_at, .. }
            | Self::Publisher { created_at, .. }
            | Self::Buyer { created_at, .. }
            | Self::Coupon { created_at, .. }
            | Self::ApiKey { created_at, .. }
            | Self::SealKey { created_at, .. } => *created_at,
            Self::Program(program) => program.created_at,
            Self::Vouchers { batch, .. } => batch.created_at,
            Self::Link(link) => link.created_at,
        }
    }
}
