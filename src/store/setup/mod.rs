//! Everything that clicks and sales refer to, as exports read it and imports store it: with its number and the time it was made.
pub mod add;

use super::db::Tx;
use super::error::StoreError;
use crate::domain::{
    key::Role,
    merchant::Billing,
    publisher::Kind,
    setup::{Kinds, LinkLine, ProgramLine, Thing},
    terms::boost::{Funder, Reward},
    voucher::Batch,
};
use crate::kernel::{
    country::Country,
    id::{BuyerId, CouponId, KeyId, LinkId, MerchantId, ProgramId, PublisherId, SecretId, VoucherBatchId},
    time::Time,
};
use crate::{args, statements};

statements! {
    MERCHANTS = "SELECT id, name, email, legal_name, address, country, vat_number, vat_rate, vat_mention, payment_days, prepaid, created_at
        FROM merchant WHERE id > $1 ORDER BY id LIMIT $2";
    SECRETS = "SELECT id, merchant, sealed, created_at, revoked_at FROM secret WHERE id > $1 ORDER BY id LIMIT $2";
    PROGRAMS = "SELECT id, merchant, name, currency, landing_url, domains, click_param, pixel, upstream, created_at, ended_at
        FROM program WHERE id > $1 ORDER BY id LIMIT $2";
    /// The limit counts programs: the versions of one come together.
    TERMS = "SELECT t.program, t.version, t.effective_at, t.created_at, t.body FROM terms t
        JOIN (SELECT id FROM program WHERE id > $1 ORDER BY id LIMIT $2) AS p ON p.id = t.program ORDER BY t.program, t.version";
    PUBLISHERS = "SELECT id, name, email, kind, portal, generosity, buyer, created_at FROM publisher WHERE id > $1 ORDER BY id LIMIT $2";
    BUYERS = "SELECT id, email, external_id, referred_by, created_at FROM buyer WHERE id > $1 ORDER BY id LIMIT $2";
    LINKS = "SELECT id, slug, program, publisher, url, created_at, ended_at FROM link WHERE id > $1 ORDER BY id LIMIT $2";
    COUPONS = "SELECT id, program, publisher, code, valid_from, valid_until, created_at FROM coupon WHERE id > $1 ORDER BY id LIMIT $2";
    VOUCHER_BATCHES = "SELECT id, program, boost, funded_by, flat, percent, valid_from, valid_until, place, link, count, created_at
        FROM voucher_batch WHERE id > $1 ORDER BY id LIMIT $2";
    VOUCHER_CODES = "SELECT code FROM voucher WHERE batch = $1 ORDER BY position";
    API_KEYS = "SELECT id, hash, role, owner, name, created_at, revoked_at FROM api_key WHERE id > $1 ORDER BY id LIMIT $2";
    SEAL_KEYS = "SELECT number, sealed, created_at FROM seal_key WHERE number > $1 ORDER BY number LIMIT $2";
}

/// The next things of a kind by number, behind `after` (−1 for the first). Secrets come as they are stored, sealed.
pub async fn page(tx: &mut Tx, kinds: Kinds, after: i64, limit: i64) -> Result<Vec<Thing>, StoreError> {
    let asked = args![after, limit];
    match kinds {
        Kinds::Merchants => tx.all(MERCHANTS, asked).await?.into_iter().map(merchant).collect(),
        Kinds::Programs => tx.all(PROGRAMS, asked).await?.into_iter().map(program).collect(),
        Kinds::Terms => tx.all(TERMS, asked).await?.into_iter().map(terms).collect(),
        Kinds::Publishers => tx.all(PUBLISHERS, asked).await?.into_iter().map(publisher).collect(),
        Kinds::Buyers => Ok(tx.all(BUYERS, asked).await?.into_iter().map(buyer).collect()),
        Kinds::Links => Ok(tx.all(LINKS, asked).await?.into_iter().map(link).collect()),
        Kinds::Coupons => Ok(tx.all(COUPONS, asked).await?.into_iter().map(coupon).collect()),
        Kinds::Vouchers => vouchers(tx, after, limit).await,
        Kinds::Secrets => Ok(tx.all(SECRETS, asked).await?.into_iter().map(secret).collect()),
        Kinds::ApiKeys => tx.all(API_KEYS, asked).await?.into_iter().map(api_key).collect(),
        Kinds::SealKeys => tx.all(SEAL_KEYS, asked).await?.into_iter().map(seal_key).collect(),
    }
}

/// The thing that is stored under the number of another.
pub async fn stored(tx: &mut Tx, thing: &Thing) -> Result<Option<Thing>, StoreError> {
    let (kinds, number) = thing.place();
    let near = page(tx, kinds, number - 1, 1).await?;
    Ok(near.into_iter().find(|near| near.place() == (kinds, number) && near.version() == thing.version()))
}

/// A few batches at a time: each comes with its codes.
async fn vouchers(tx: &mut Tx, after: i64, limit: i64) -> Result<Vec<Thing>, StoreError> {
    let mut things = Vec::new();
    for row in tx.all::<Batches>(VOUCHER_BATCHES, args![after, limit.min(BATCHES_MAX)]).await? {
        let (id, program, boost, funded_by, flat, percent, from, until, place, link, count, created_at) = row;
        let id = VoucherBatchId::from_raw(id);
        let corrupt = |column| StoreError::corrupt("voucher_batch", column, id);
        let reward = match (flat, percent) {
            (Some(flat), None) => Reward::Flat(flat),
            (None, Some(percent)) => Reward::PercentOfBuyerShare(percent.parse().map_err(|_| corrupt("percent"))?),
            _ => return Err(corrupt("flat")),
        };
        let batch = Batch {
            id,
            program: ProgramId::from_raw(program),
            boost,
            funded_by: Funder::from_word(&funded_by).ok_or_else(|| corrupt("funded_by"))?,
            reward,
            from: from.map(time),
            until: until.map(time),
            place,
            link: link.map(LinkId::from_raw),
            count,
            created_at: time(created_at),
        };
        let codes: Vec<(String,)> = tx.all(VOUCHER_CODES, args![id.raw()]).await?;
        things.push(Thing::Vouchers { batch: Box::new(batch), codes: codes.into_iter().map(|(code,)| code).collect() });
    }
    Ok(things)
}

/// Batches of one read, of 10,000 codes each.
const BATCHES_MAX: i64 = 10;

type Text = Option<String>;
type Batches = (i64, i64, Text, String, Option<i64>, Text, Option<i64>, Option<i64>, Text, Option<i64>, i64, i64);
type Merchant = (i64, String, Text, Text, Text, Text, Text, String, Text, i64, bool, i64);
type Program = (i64, i64, String, String, String, String, String, bool, bool, i64, Option<i64>);
type Publisher = (i64, String, Option<String>, String, bool, String, Option<i64>, i64);
type Buyer = (i64, Option<String>, Option<String>, Option<i64>, i64);
type Link = (i64, String, i64, i64, Option<String>, i64, Option<i64>);
type Coupon = (i64, i64, i64, String, Option<i64>, Option<i64>, i64);
type Secret = (i64, i64, Vec<u8>, i64, Option<i64>);
type ApiKey = (i64, Vec<u8>, String, Option<i64>, Option<String>, i64, Option<i64>);

fn time(micros: i64) -> Time {
    Time::from_micros(micros)
}

fn merchant(row: Merchant) -> Result<Thing, StoreError> {
    let (id, name, email, legal_name, address, country, vat_number, vat_rate, vat_mention, payment_days, prepaid, created_at) = row;
    let id = MerchantId::from_raw(id);
    let corrupt = |column| StoreError::corrupt("merchant", column, id);
    let billing = Billing {
        legal_name,
        address,
        country: country.and_then(|code| Country::parse(&code)),
        vat_number,
        vat_rate: vat_rate.parse().map_err(|_| corrupt("vat_rate"))?,
        vat_mention,
        payment_days: u32::try_from(payment_days).map_err(|_| corrupt("payment_days"))?,
        prepaid,
    };
    Ok(Thing::Merchant { id, name, email, billing: Box::new(billing), created_at: time(created_at) })
}

fn program(row: Program) -> Result<Thing, StoreError> {
    let (id, merchant, name, currency, landing_url, domains, click_param, pixel, upstream, created_at, ended_at) = row;
    let id = ProgramId::from_raw(id);
    Ok(Thing::Program(Box::new(ProgramLine {
        id,
        merchant: MerchantId::from_raw(merchant),
        name,
        currency: currency.parse().map_err(|_| StoreError::corrupt("program", "currency", id))?,
        landing_url,
        domains: serde_json::from_str(&domains).map_err(|_| StoreError::corrupt("program", "domains", id))?,
        click_param,
        pixel,
        upstream,
        created_at: time(created_at),
        ended_at: ended_at.map(time),
    })))
}

fn terms((program, version, effective_at, created_at, body): (i64, i64, i64, i64, String)) -> Result<Thing, StoreError> {
    let program = ProgramId::from_raw(program);
    let version = u32::try_from(version).map_err(|_| StoreError::corrupt("terms", "version", program))?;
    Ok(Thing::Terms { program, version, effective_at: time(effective_at), created_at: time(created_at), body })
}

fn publisher((id, name, email, kind, portal, generosity, buyer, created_at): Publisher) -> Result<Thing, StoreError> {
    let id = PublisherId::from_raw(id);
    let kind = Kind::from_word(&kind).ok_or_else(|| StoreError::corrupt("publisher", "kind", id))?;
    let generosity = generosity.parse().map_err(|_| StoreError::corrupt("publisher", "generosity", id))?;
    Ok(Thing::Publisher { id, name, email, kind, portal, generosity, buyer: buyer.map(BuyerId::from_raw), created_at: time(created_at) })
}

fn buyer((id, email, external_id, referred_by, created_at): Buyer) -> Thing {
    let referred_by = referred_by.map(BuyerId::from_raw);
    Thing::Buyer { id: BuyerId::from_raw(id), email, external_id, referred_by, created_at: time(created_at) }
}

fn link((id, slug, program, publisher, url, created_at, ended_at): Link) -> Thing {
    Thing::Link(Box::new(LinkLine {
        id: LinkId::from_raw(id),
        slug,
        program: ProgramId::from_raw(program),
        publisher: PublisherId::from_raw(publisher),
        url,
        created_at: time(created_at),
        ended_at: ended_at.map(time),
    }))
}

fn coupon((id, program, publisher, code, from, until, created_at): Coupon) -> Thing {
    let (program, publisher) = (ProgramId::from_raw(program), PublisherId::from_raw(publisher));
    let (from, until) = (from.map(time), until.map(time));
    Thing::Coupon { id: CouponId::from_raw(id), program, publisher, code, from, until, created_at: time(created_at) }
}

fn secret((id, merchant, secret, created_at, revoked_at): Secret) -> Thing {
    let (id, merchant) = (SecretId::from_raw(id), MerchantId::from_raw(merchant));
    Thing::Secret { id, merchant, secret, created_at: time(created_at), revoked_at: revoked_at.map(time) }
}

fn api_key((id, hash, role, owner, name, created_at, revoked_at): ApiKey) -> Result<Thing, StoreError> {
    let id = KeyId::from_raw(id);
    let role = Role::from_word(&role).ok_or_else(|| StoreError::corrupt("api_key", "role", id))?;
    Ok(Thing::ApiKey { id, hash, role, owner, name, created_at: time(created_at), revoked_at: revoked_at.map(time) })
}

fn seal_key((number, key, created_at): (i64, Vec<u8>, i64)) -> Result<Thing, StoreError> {
    let number = u8::try_from(number).map_err(|_| StoreError::corrupt("seal_key", "number", number))?;
    Ok(Thing::SealKey { number, key, created_at: time(created_at) })
}
