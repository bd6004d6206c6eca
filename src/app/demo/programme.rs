//! What the audience is told: how much was made, the address, who can look at what with which key, and lines to paste into a shell.

use crate::{
    app::{
        demo::{cast::Cast, play::Tally, script::BLOGS},
        failure::Failure,
        key,
    },
    domain::key::Role,
    kernel::id::{MerchantId, PublisherId},
    store::Db,
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The buyer whose key is printed: a member, who comes by portals and signed in.
const BUYER: usize = 5;

/// What there is to tell.
#[derive(Debug)]
pub struct Programme<'a> {
    pub cast: &'a Cast,
    pub tally: &'a Tally,
    /// Without its password.
    pub database: String,
}

/// A key of each role. The merchant is the first shop's, the publisher the first blog.
#[derive(Debug)]
pub struct Keys {
    operator: String,
    merchant: String,
    publisher: String,
    buyer: String,
}

impl Keys {
    pub async fn make(db: &Db, cast: &Cast) -> Result<Self, Failure> {
        let merchant = cast.shops[0].merchant.parse::<MerchantId>().ok().map(MerchantId::raw);
        let publisher = cast.blogs[0].parse::<PublisherId>().ok().map(PublisherId::raw);
        let make = async |role: Role, owner| {
            let created = key::create(db, role, owner, Some(format!("demo {}", role.word()))).await?;
            created.map(|created| created.text).ok_or_else(|| Failure::Refused(format!("no key of a {} could be made", role.word())))
        };
        Ok(Self {
            operator: make(Role::Operator, None).await?,
            merchant: make(Role::Merchant, merchant).await?,
            publisher: make(Role::Publisher, publisher).await?,
            buyer: make(Role::Buyer, Some(cast.buyers[BUYER].id.raw())).await?,
        })
    }
}

impl Programme<'_> {
    /// How many there are of what, in one line.
    pub fn made(&self) -> String {
        let Tally { merchants, programs, publishers, buyers, days, clicks, answers, orders, due } = self.tally;
        let answers = answers.iter().map(|(status, count)| format!("{count} × {status}")).collect::<Vec<_>>().join(", ");
        format!(
            "{merchants} merchants, {programs} programs, {publishers} publishers, {buyers} buyers; in {days} days {clicks} clicks, {orders} orders, \
            {} postbacks ({answers}), {due} orders approved or expired by the clock, in {}\n",
            self.tally.messages(),
            self.database
        )
    }

    pub fn made_as_json(&self) -> String {
        format!("{}\n", json!({"made": self.tally, "database": self.database}))
    }

    pub fn as_json(&self, base: &str, keys: &Keys) -> String {
        let cast = self.cast;
        let shops = cast.shops.iter().map(|shop| {
            json!({"merchant": shop.merchant, "name": shop.script.merchant, "program": shop.program, "program_name": shop.script.program,
                "currency": shop.script.currency, "secret": shop.secret.reveal()})
        });
        let publishers = cast.blogs.iter().zip(&BLOGS).map(|(id, blog)| json!({"id": id, "name": blog.name, "kind": blog.kind}));
        let links = cast
            .links
            .iter()
            .map(|link| json!({"slug": link.slug, "publisher": cast.blogs[link.blog], "program": cast.shops[link.shop].program}));
        let key = |role: Role, owner: Option<&dyn std::fmt::Display>, key: &str| json!({"role": role.word(), "owner": owner.map(ToString::to_string), "key": key});
        let keys = [
            key(Role::Operator, None, &keys.operator),
            key(Role::Merchant, Some(&cast.shops[0].merchant), &keys.merchant),
            key(Role::Publisher, Some(&cast.blogs[0]), &keys.publisher),
            key(Role::Buyer, Some(&cast.buyers[BUYER].id), &keys.buyer),
        ];
        let told = json!({"address": base, "made": self.tally, "database": self.database, "keys": keys, "shops": shops.collect::<Value>(),
            "publishers": publishers.collect::<Value>(), "links": links.collect::<Value>(),
            "buyers": cast.buyers.iter().map(|buyer| buyer.id.to_string()).collect::<Vec<_>>()});
        format!("{told}\n")
    }

    /// The address, who can look at what, and lines for a shell that show a click, a sale, its receipt and the balances.
    pub fn in_words(&self, base: &str, keys: &Keys) -> String {
        let cast = self.cast;
        let (shop, link, blog) = (&cast.shops[0], &cast.links[0], &BLOGS[0]);
        let mut out = format!("\nlistening on {base}; the API to read and try: {base}/docs\n\nshops\n");
        for shop in &cast.shops {
            let script = shop.script;
            writeln!(out, "  {:<22} {:<20} {}  {}  {}", script.merchant, script.program, script.currency, shop.merchant, shop.program)
                .expect("writing to a String never fails");
        }
        out.push_str("publishers\n");
        for (id, blog) in cast.blogs.iter().zip(&BLOGS) {
            writeln!(out, "  {:<22} {:<20} {id}", blog.name, blog.kind).expect("writing to a String never fails");
        }
        let merchant = shop.script.merchant;
        out + &format!(
            r#"who can look at what
  operator   everything
  merchant   {merchant}: its programs, sales with their verdicts, what it owes
  publisher  {blog_name}: its links, its sales with receipts, what it has earned
  buyer      {buyer}: its sales with receipts, its cashback

Try it: paste these lines into another shell.

BASE={base}
OPERATOR={operator}
MERCHANT={merchant_key}
PUBLISHER={publisher_key}
BUYER={buyer_key}
SECRET={secret}
PROGRAM={program}

# What each of them sees: the latest sale.
for KEY in $OPERATOR $MERCHANT $PUBLISHER $BUYER; do
  curl -s -H "Authorization: Bearer $KEY" "$BASE/api/v1/conversions?limit=1"; echo
done
# What the merchant owes, what the publisher has earned, and the buyer's cashback.
for KEY in $MERCHANT $PUBLISHER $BUYER; do
  curl -s -H "Authorization: Bearer $KEY" "$BASE/api/v1/balances"; echo
done

# A visitor follows a link of {blog_name} to {merchant}; the shop receives the click id as rclid.
CLICK=$(curl -s -o /dev/null -w '%{{redirect_url}}' -A 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' "$BASE/c/{slug}" | sed 's/.*rclid=//')
echo "$CLICK"

# The shop posts the sale, signed as Standard Webhooks says.
ID="msg_$(date +%s)_$$"; TS=$(date +%s)
BODY='{{"program":"'$PROGRAM'","type":"sale","order_id":"'$ID'","amount":"119.99","currency":"{currency}","click_id":"'$CLICK'"}}'
HEX=$(printf %s "${{SECRET#whsec_}}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
SIG=$(printf %s "$ID.$TS.$BODY" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$HEX" -binary | openssl base64 -A)
SALE=$(curl -s "$BASE/postback" -H 'content-type: application/json' -H "webhook-id: $ID" -H "webhook-timestamp: $TS" -H "webhook-signature: v1,$SIG" -d "$BODY")
echo "$SALE"

# Why these amounts: the receipt; and what the publisher has by now.
CONVERSION=$(echo "$SALE" | grep -o 'cnv_[0-9a-z]*' | head -n 1)
curl -s -H "Authorization: Bearer $PUBLISHER" "$BASE/api/v1/conversions/$CONVERSION/receipt"; echo
curl -s -H "Authorization: Bearer $OPERATOR" "$BASE/api/v1/balances?owner={blog_id}"; echo
"#,
            blog_name = blog.name,
            buyer = cast.buyers[BUYER].id,
            operator = keys.operator,
            merchant_key = keys.merchant,
            publisher_key = keys.publisher,
            buyer_key = keys.buyer,
            secret = shop.secret.reveal(),
            program = shop.program,
            blog_id = cast.blogs[link.blog],
            slug = link.slug,
            currency = shop.script.currency,
        )
    }
}
