//! `ristourne key create`: an API key, printed once as one JSON line. Works beside a running server, which reads unknown keys from the database.

use crate::{
    app::{config::DatabaseArgs, failure::Failure, key_list, key_ring},
    domain::key::{self, Key, Role},
    engine::clock::Clock,
    kernel::{
        id::{BuyerId, Generator, KeyId, MerchantId, NODES, PublisherId},
        text,
    },
    store::{self, Db, StoreError},
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

/// Longest name of a key, in characters.
const NAME_CHARS_MAX: usize = 200;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key and print it as one JSON line; it is shown once
    Create(CreateArgs),
    /// Show the keys that are live
    List(key_list::ListArgs),
    /// Refuse a key from now on
    Revoke(key_list::RevokeArgs),
    /// Add a key that seals click ids and refs, from a minute on; those sealed before go on opening
    Rotate(key_ring::RotateArgs),
    /// Seal all that is stored sealed under a new master key, while no server runs
    Reseal(key_ring::ResealArgs),
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Whose rows it sees
    #[arg(long, env = "RISTOURNE_ROLE")]
    role: RoleArg,
    /// The merchant, publisher or buyer it belongs to; all but an operator need one
    #[arg(long, env = "RISTOURNE_OWNER", value_name = "ID")]
    owner: Option<String>,
    /// A name to know it by
    #[arg(long, env = "RISTOURNE_NAME")]
    name: Option<String>,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArg {
    Operator,
    Merchant,
    Publisher,
    Buyer,
}

/// A new key: what is shown once, and what is kept.
#[derive(Debug)]
pub struct Created {
    pub id: KeyId,
    pub text: String,
}

pub async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List(args) => key_list::list(args).await,
        Command::Revoke(args) => key_list::revoke(args).await,
        Command::Create(args) => create_and_print(args).await,
        Command::Rotate(args) => key_ring::rotate(args).await,
        Command::Reseal(args) => key_ring::reseal(args).await,
    }
}

async fn create_and_print(args: CreateArgs) -> Result<(), Failure> {
    let (role, owner) = holder(args.role, args.owner.as_deref())?;
    if args.name.as_deref().is_some_and(|name| text::check(name, NAME_CHARS_MAX).is_err()) {
        return Err(Failure::Usage(format!("--name: at most {NAME_CHARS_MAX} characters without U+0000")));
    }
    let db = args.database.open().await?;
    let created = create(&db, role, owner, args.name).await;
    db.close().await;
    let created = created?.ok_or_else(|| Failure::Refused(format!("there is no {} {}", role.word(), args.owner.unwrap_or_default())))?;
    println!("{}", json!({"id": created.id, "key": created.text}));
    Ok(())
}

/// Stores a new key; none if its owner does not exist.
pub async fn create(db: &Db, role: Role, owner: Option<i64>, name: Option<String>) -> Result<Option<Created>, Failure> {
    let now = Clock::System.now();
    let mut random = [0; 34];
    getrandom::fill(&mut random)?;
    let [node_high, node_low, secret @ ..] = random;
    // Not a leased node: nothing but this table holds such ids, and its primary key refuses the one in a million that is there already.
    let ids = Generator::new(u16::from_be_bytes([node_high, node_low]) % NODES, 0);
    let key = Key { id: KeyId::from_raw(ids.next(now)), role, owner, name };
    let text = key::text(secret);
    let mut tx = db.begin().await?;
    if !exists(&mut tx, role, owner).await? {
        return Ok(None);
    }
    store::key::insert(&mut tx, &key, &key::hash(&text), now).await?;
    tx.commit().await?;
    Ok(Some(Created { id: key.id, text }))
}

async fn exists(tx: &mut store::Tx, role: Role, owner: Option<i64>) -> Result<bool, StoreError> {
    Ok(match (role, owner) {
        (Role::Operator, _) => true,
        (Role::Merchant, Some(id)) => store::merchant::by_id(tx, MerchantId::from_raw(id)).await?.is_some(),
        (Role::Publisher, Some(id)) => store::publisher::by_id(tx, PublisherId::from_raw(id)).await?.is_some(),
        (Role::Buyer, Some(id)) => store::buyer::by_id(tx, BuyerId::from_raw(id)).await?.is_some(),
        (_, None) => false,
    })
}

/// The role, and the number of the owner that its id names.
fn holder(role: RoleArg, owner: Option<&str>) -> Result<(Role, Option<i64>), Failure> {
    let wrong = |wanted: &str| Failure::Usage(format!("--owner: a key of this role belongs to a {wanted}_…"));
    Ok(match (role, owner) {
        (RoleArg::Operator, None) => (Role::Operator, None),
        (RoleArg::Operator, Some(_)) => return Err(Failure::Usage("--owner: an operator's key belongs to nobody".to_owned())),
        (RoleArg::Merchant, owner) => {
            let id: Option<MerchantId> = owner.and_then(|text| text.parse().ok());
            (Role::Merchant, Some(id.ok_or_else(|| wrong(MerchantId::PREFIX))?.raw()))
        }
        (RoleArg::Publisher, owner) => {
            let id: Option<PublisherId> = owner.and_then(|text| text.parse().ok());
            (Role::Publisher, Some(id.ok_or_else(|| wrong(PublisherId::PREFIX))?.raw()))
        }
        (RoleArg::Buyer, owner) => {
            let id: Option<BuyerId> = owner.and_then(|text| text.parse().ok());
            (Role::Buyer, Some(id.ok_or_else(|| wrong(BuyerId::PREFIX))?.raw()))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_fits_its_role() {
        let merchant = MerchantId::from_raw(7).to_string();
        assert!(matches!(holder(RoleArg::Merchant, Some(&merchant)), Ok((Role::Merchant, Some(7)))));
        assert!(matches!(holder(RoleArg::Operator, None), Ok((Role::Operator, None))));
        for (role, owner) in [
            (RoleArg::Operator, Some(merchant.as_str())),
            (RoleArg::Merchant, None),
            (RoleArg::Publisher, Some(merchant.as_str())),
            (RoleArg::Buyer, Some("buy_")),
        ] {
            assert!(matches!(holder(role, owner), Err(Failure::Usage(_))), "{role:?} {owner:?}");
        }
    }

    #[test]
    fn a_key_has_its_text_once_and_its_hash_for_good() {
        let text = key::text([7; 32]);
        assert!(text.starts_with("rst_") && text.len() == 47);
        assert_ne!(key::hash(&text), key::hash("rst_"));
    }
}
