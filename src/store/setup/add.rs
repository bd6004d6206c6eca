//! Things of a set-up that are new here.
use crate::domain::{
    key::Role,
    merchant::Billing,
    setup::{LinkLine, ProgramLine, Thing},
    terms::{boost::Reward, when::fold_code},
    voucher::Batch,
};
use crate::kernel::{
    id::{BuyerId, LinkId},
    time::Time,
};
use crate::store::{
    bulk::{self, Column},
    db::Tx,
    error::StoreError,
    filter::Filter,
    sql::Sql,
};
use crate::{args, statements};

statements! {
    IS_MERCHANT = "SELECT id FROM merchant WHERE id = $1";
    IS_PROGRAM = "SELECT id FROM program WHERE id = $1";
    IS_PUBLISHER = "SELECT id FROM publisher WHERE id = $1";
    IS_BUYER = "SELECT id FROM buyer WHERE id = $1";
    ADD_MERCHANT = "INSERT INTO merchant (id, name, email, created_at, legal_name, address, country, vat_number, vat_rate, vat_mention,
        payment_days, prepaid) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING";
    ADD_SECRET = "INSERT INTO secret (id, merchant, sealed, created_at, revoked_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING";
    ADD_PROGRAM = "INSERT INTO program (id, merchant, name, currency, landing_url, domains, click_param, pixel, upstream, created_at,
        ended_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING";
    ADD_TERMS = "INSERT INTO terms (program, version, effective_at, created_at, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    ADD_PUBLISHER = "INSERT INTO publisher (id, name, email, kind, portal, generosity, buyer, created_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
    ADD_BUYER = "INSERT INTO buyer (id, email, external_id, referred_by, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    ADD_LINK = "INSERT INTO link (id, slug, program, publisher, url, created_at, ended_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    ADD_COUPON = "INSERT INTO coupon (id, program, publisher, code, folded, valid_from, valid_until, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    TAKEN_CODES = "SELECT folded FROM voucher";
    ADD_VOUCHERS = "INSERT INTO voucher_batch (id, program, boost, funded_by, flat, percent, valid_from, valid_until, place, link, count, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    ADD_API_KEY = "INSERT INTO api_key (id, hash, role, owner, name, created_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT DO NOTHING";
    ADD_SEAL_KEY = "INSERT INTO seal_key (number, sealed, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
}

/// The first thing that a new one names and that is not stored, as a word; none if all of it is.
pub async fn missing(tx: &mut Tx, thing: &Thing) -> Result<Option<&'static str>, StoreError> {
    for (word, sql, id) in named(thing) {
        if tx.one::<(i64,)>(sql, args![id]).await?.is_none() {
            return Ok(Some(word));
        }
    }
    Ok(None)
}

fn named(thing: &Thing) -> Vec<(&'static str, Sql, i64)> {
    match thing {
        Thing::Merchant { .. } | Thing::Publisher { .. } | Thing::SealKey { .. } => Vec::new(),
        Thing::Secret { merchant, .. } => vec![("merchant", IS_MERCHANT, merchant.raw())],
        Thing::Program(program) => vec![("merchant", IS_MERCHANT, program.merchant.raw())],
        Thing::Terms { program, .. } => vec![("program", IS_PROGRAM, program.raw())],
        Thing::Buyer { referred_by, .. } => referred_by.iter().map(|id| ("buyer", IS_BUYER, id.raw())).collect(),
        Thing::Link(link) => {
            vec![("program", IS_PROGRAM, link.program.raw()), ("publisher", IS_PUBLISHER, link.publisher.raw())]
        }
        Thing::Coupon { program, publisher, .. } => {
            vec![("program", IS_PROGRAM, program.raw()), ("publisher", IS_PUBLISHER, publisher.raw())]
        }
        Thing::Vouchers { batch, .. } => vec![("program", IS_PROGRAM, batch.program.raw())],
        Thing::ApiKey { role, owner, .. } => match (role, owner) {
            (Role::Merchant, Some(id)) => vec![("merchant", IS_MERCHANT, *id)],
            (Role::Publisher, Some(id)) => vec![("publisher", IS_PUBLISHER, *id)],
            (Role::Buyer, Some(id)) => vec![("buyer", IS_BUYER, *id)],
            _ => Vec::new(),
        },
    }
}

/// Stores a thing whose number is free and whose names are stored; secrets sealed. False if something of it that must be one's own is
/// taken: a slug, an e-mail address, a code.
///
/// `now` is when other nodes are to find it in their feed.
pub async fn insert(tx: &mut Tx, thing: &Thing, now: Time) -> Result<bool, StoreError> {
    let (now, made) = (now.micros(), thing.created_at().micros());
    let micros = |time: &Option<Time>| time.map(Time::micros);
    let changed = match thing {
        Thing::Merchant { id, name, email, billing, .. } => {
            let Billing { legal_name, address, country, vat_number, vat_rate, vat_mention, payment_days, prepaid } = &**billing;
            let (country, vat_rate, days) = (country.map(|country| country.to_string()), vat_rate.to_string(), i64::from(*payment_days));
            let args =
                args![id.raw(), name, email, made, legal_name, address, &country, vat_number, &vat_rate, vat_mention, days, *prepaid];
            tx.run(ADD_MERCHANT, args).await?
        }
        Thing::Secret { id, merchant, secret, revoked_at, .. } => {
            tx.run(ADD_SECRET, args![id.raw(), merchant.raw(), secret, made, micros(revoked_at), now]).await?
        }
        Thing::Program(program) => add_program(tx, program, now).await?,
        Thing::Terms { program, version, effective_at, body, .. } => {
            tx.run(ADD_TERMS, args![program.raw(), i64::from(*version), effective_at.micros(), made, body]).await?
        }
        Thing::Publisher { id, name, email, kind, portal, generosity, buyer, .. } => {
            let generosity = generosity.to_string();
            let buyer = buyer.map(BuyerId::raw);
            tx.run(ADD_PUBLISHER, args![id.raw(), name, email, kind.word(), *portal, &generosity, buyer, made, now]).await?
        }
        Thing::Buyer { id, email, external_id, referred_by, .. } => {
            let referred_by = referred_by.map(BuyerId::raw);
            tx.run(ADD_BUYER, args![id.raw(), email, external_id, referred_by, made]).await?
        }
        Thing::Link(link) => {
            let LinkLine { id, slug, program, publisher, url, ended_at, .. } = &**link;
            let args = args![id.raw(), slug, program.raw(), publisher.raw(), url, made, micros(ended_at), now];
            tx.run(ADD_LINK, args).await?
        }
        Thing::Coupon { id, program, publisher, code, from, until, .. } => {
            let folded = fold_code(code);
            let args = args![id.raw(), program.raw(), publisher.raw(), code, &folded, micros(from), micros(until), made];
            tx.run(ADD_COUPON, args).await?
        }
        Thing::Vouchers { batch, codes } => add_vouchers(tx, batch, codes).await?,
        Thing::ApiKey { id, hash, role, owner, name, revoked_at, .. } => {
            tx.run(ADD_API_KEY, args![id.raw(), hash, role.word(), *owner, name, made, micros(revoked_at)]).await?
        }
        Thing::SealKey { number, key, .. } => tx.run(ADD_SEAL_KEY, args![i64::from(*number), key, made]).await?,
    };
    Ok(changed == 1)
}

/// 0 if one of the codes is taken; nothing is stored then.
async fn add_vouchers(tx: &mut Tx, batch: &Batch, codes: &[String]) -> Result<u64, StoreError> {
    let keys = codes.iter().map(|code| fold_code(code)).collect::<std::collections::BTreeSet<_>>();
    let taken = Filter::new(TAKEN_CODES).keyed("program", "folded", keys.iter().map(|code| (batch.program.raw(), code.as_str())));
    if keys.len() != codes.len() || !taken.all::<(String,)>(tx).await?.is_empty() {
        return Ok(0);
    }
    insert_vouchers(tx, batch, codes).await?;
    Ok(1)
}

/// Stores a batch with its codes; they differ, also without case.
pub async fn insert_vouchers(tx: &mut Tx, batch: &Batch, codes: &[String]) -> Result<(), StoreError> {
    let (flat, percent) = match batch.reward {
        Reward::Flat(flat) => (Some(flat), None),
        Reward::PercentOfBuyerShare(percent) => (None, Some(percent.to_string())),
    };
    let args = args![
        batch.id.raw(),
        batch.program.raw(),
        &batch.boost,
        batch.funded_by.word(),
        flat,
        &percent,
        batch.from.map(Time::micros),
        batch.until.map(Time::micros),
        &batch.place,
        batch.link.map(LinkId::raw),
        batch.count,
        batch.created_at.micros(),
    ];
    tx.run(ADD_VOUCHERS, args).await?;
    let rows: Vec<(i64, &String)> = (1..).zip(codes).collect();
    let columns = [
        ("program", Column::int(&rows, |_| batch.program.raw())),
        ("folded", Column::string(&rows, |(_, code)| fold_code(code))),
        ("code", Column::text(&rows, |(_, code)| code)),
        ("batch", Column::int(&rows, |_| batch.id.raw())),
        ("position", Column::int(&rows, |(position, _)| *position)),
    ];
    bulk::insert(tx, "voucher", &columns, "").await?;
    Ok(())
}

async fn add_program(tx: &mut Tx, program: &ProgramLine, now: i64) -> Result<u64, StoreError> {
    let ProgramLine { id, merchant, name, currency, landing_url, domains, click_param, pixel, upstream, created_at, ended_at } = program;
    let domains = serde_json::json!(domains).to_string();
    let args = args![
        id.raw(),
        merchant.raw(),
        name,
        currency.code(),
        landing_url,
        &domains,
        click_param,
        *pixel,
        *upstream,
        created_at.micros(),
        ended_at.map(Time::micros),
        now,
    ];
    tx.run(ADD_PROGRAM, args).await
}
