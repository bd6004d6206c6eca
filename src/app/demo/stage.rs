//! Before and after the play: an empty database to play on, and what the audience is told.

use crate::{
    app::{config::DatabaseArgs, demo::cast::Cast, failure::Failure},
    engine::spool::SpoolDir,
    store::{self, Db, StoreError},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What marks a database as a demo's, which may be thrown away.
const MARK: &str = "demo";

/// Makes an empty database that is marked as a demo's. An earlier demo's SQLite file is removed; anything else is refused.
pub async fn clear(database: &DatabaseArgs, spool: &Path) -> Result<(), Failure> {
    if let Some(file) = database.database.sqlite_file().filter(|file| fs::metadata(file).is_ok_and(|found| found.len() > 0)) {
        let db = Db::open(database.database.as_str(), &database.pool.options()).await?;
        let ours = is_demo(&db).await;
        db.close().await;
        if !ours {
            return Err(Failure::Refused(format!("{} is not a demo's, and stays as it is: name another with --database", file.display())));
        }
        if in_use(spool)? {
            return Err(Failure::Refused(format!("a server runs on {}: stop it first", file.display())));
        }
        remove(&file, spool)?;
    }
    let db = database.open().await?;
    let marked = mark(&db).await;
    db.close().await;
    if marked? {
        Ok(())
    } else {
        Err(Failure::Refused(format!("{} is not empty, and stays as it is: name another with --database", database.database)))
    }
}

/// Marks an empty database; false, and nothing changes, if somebody uses it.
async fn mark(db: &Db) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    if !store::merchant::list(&mut tx, None, 1).await?.is_empty() || store::setting::get(&mut tx, MARK).await?.is_some() {
        return Ok(false);
    }
    store::setting::put(&mut tx, MARK, "1").await?;
    tx.commit().await?;
    Ok(true)
}

/// Whether the mark is there. A database that is not ours at all has no such table, which says the same.
async fn is_demo(db: &Db) -> bool {
    let mark = async { store::setting::get(&mut db.read().await?, MARK).await };
    match mark.await {
        Ok(mark) => mark.is_some(),
        Err(error) => {
            tracing::debug!(%error, "no demo's database");
            false
        }
    }
}

/// Whether a live process holds one of the spool's directories.
fn in_use(spool: &Path) -> io::Result<bool> {
    for node in SpoolDir::nodes(spool)? {
        if SpoolDir::open(spool, node)?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn remove(file: &Path, spool: &Path) -> io::Result<()> {
    for ending in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        absent(fs::remove_file(PathBuf::from(name)))?;
    }
    absent(fs::remove_dir_all(spool))
}

/// What is not there need not be removed.
fn absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The address, the keys, and lines for a shell that show a click, a sale, its receipt and the balances.
pub fn programme(cast: &Cast, base: &str, operator: &str) -> String {
    let (shop, link) = (&cast.shops[0], &cast.links[0]);
    let blog = &cast.blogs[link.blog];
    let shops = cast.shops.iter().map(|shop| format!("  {:<22} {}  {}\n", shop.name, shop.merchant, shop.program));
    let shops = shops.collect::<Vec<_>>().concat();
    let blogs = cast.blogs.iter().map(|(id, name)| format!("  {name:<22} {id}\n")).collect::<Vec<_>>().concat();
    format!(
        r#"
listening on {base}

shops
{shops}blogs
{blogs}
Try it: paste these lines into another shell.

BASE={base}
KEY={operator}
SECRET={secret}
PROGRAM={program}

# A visitor follows a link of {blog_name} to {shop_name}; the shop receives the click id as rclid.
CLICK=$(curl -s -o /dev/null -w '%{{redirect_url}}' -A 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' "$BASE/c/{slug}" | sed 's/.*rclid=//')
echo "$CLICK"

# The shop posts the sale, signed as Standard Webhooks says.
ID="msg_$(date +%s)_$$"; TS=$(date +%s)
BODY='{{"program":"'$PROGRAM'","type":"sale","order_id":"'$ID'","amount":"119.99","currency":"{currency}","click_id":"'$CLICK'"}}'
HEX=$(printf %s "${{SECRET#whsec_}}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
SIG=$(printf %s "$ID.$TS.$BODY" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$HEX" -binary | openssl base64 -A)
SALE=$(curl -s "$BASE/postback" -H 'content-type: application/json' -H "webhook-id: $ID" -H "webhook-timestamp: $TS" -H "webhook-signature: v1,$SIG" -d "$BODY")
echo "$SALE"

# Why these amounts: the receipt; and what the blog has by now.
CONVERSION=$(echo "$SALE" | grep -o 'cnv_[0-9a-z]*' | head -n 1)
curl -s -H "Authorization: Bearer $KEY" "$BASE/api/v1/conversions/$CONVERSION/receipt"; echo
curl -s -H "Authorization: Bearer $KEY" "$BASE/api/v1/balances?owner={blog_id}"; echo
"#,
        secret = shop.secret.reveal(),
        program = shop.program,
        shop_name = shop.name,
        blog_name = blog.1,
        blog_id = blog.0,
        slug = link.slug,
        currency = shop.currency,
    )
}
