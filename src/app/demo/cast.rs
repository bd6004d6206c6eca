//! Who plays in the demo, signed up over the API like everybody else: merchants and programs, publishers and links, buyers.

use crate::{
    app::{
        demo::{
            script::{BLOGS, COUPONS, SHOPS, Script, Sends, TWO_HATS, mailbox},
            wire::{Wire, text},
        },
        failure::Failure,
    },
    kernel::{
        id::BuyerId,
        signature::WebhookSecret,
        time::{DAY, Time},
    },
};
use serde_json::{Value, json};

pub const BUYERS: usize = 200;

/// A program with what its shop knows.
#[derive(Debug)]
pub struct Shop {
    pub script: &'static Script,
    pub merchant: String,
    pub program: String,
    pub secret: WebhookSecret,
}

#[derive(Debug)]
pub struct Link {
    pub slug: String,
    pub blog: usize,
    pub shop: usize,
    /// Members come by it with their ref.
    pub portal: bool,
}

#[derive(Debug)]
pub struct Buyer {
    pub id: BuyerId,
    pub reference: String,
}

/// Everybody, with the ids that they were given.
#[derive(Debug)]
pub struct Cast {
    pub shops: Vec<Shop>,
    /// In the order of [`BLOGS`].
    pub blogs: Vec<String>,
    pub links: Vec<Link>,
    pub buyers: Vec<Buyer>,
}

impl Cast {
    /// How many merchants there are; some have several programs.
    pub fn merchants(&self) -> usize {
        let mut ids: Vec<&str> = self.shops.iter().map(|shop| shop.merchant.as_str()).collect();
        ids.dedup();
        ids.len()
    }
}

/// Signs everybody up.
pub async fn sign_up(wire: &Wire, start: Time) -> Result<Cast, Failure> {
    let mut blogs = Vec::new();
    for (n, blog) in BLOGS.iter().enumerate() {
        let other_hat = TWO_HATS.iter().find(|(publisher, _)| *publisher == n);
        let email = other_hat.map_or_else(|| format!("{}@blogs.example", blog.slug), |(_, buyer)| mailbox(*buyer).to_uppercase());
        let body = json!({"name": blog.name, "email": email, "kind": blog.kind, "portal": blog.is_portal(), "generosity": blog.generosity});
        blogs.push(text(&wire.post("/publishers", &body).await?["id"]));
    }
    let mut shops: Vec<Shop> = Vec::new();
    for script in &SHOPS {
        let (merchant, secret) = match shops.last().filter(|other| other.script.merchant == script.merchant) {
            Some(other) => (other.merchant.clone(), other.secret.reveal()),
            None => merchant(wire, script).await?,
        };
        let body = json!({"merchant": merchant, "name": script.program, "currency": script.currency,
            "landing_url": format!("https://{}/?utm_source=ristourne&utm_content={{sub1}}", script.host), "domains": [script.host],
            "pixel": script.sends == Sends::Pixel, "terms": (script.terms[0].1)(&blogs)});
        let program = text(&wire.post("/programs", &body).await?["id"]);
        shops.push(Shop { script, merchant, program, secret: WebhookSecret::parse(&secret)? });
    }
    let links = links(wire, &shops, &blogs).await?;
    for (shop, code, blog, ends) in COUPONS {
        let mut body = json!({"program": shops[shop].program, "code": code, "publisher": blogs[blog]});
        if let Some(day) = ends {
            body["until"] = json!(start.plus(day * DAY));
        }
        wire.post("/coupons", &body).await?;
    }
    let mut buyers: Vec<Buyer> = Vec::new();
    for n in 0..BUYERS {
        let mut body = json!({"email": mailbox(n), "external_id": format!("member-{}", n + 1)});
        // Some came because a friend told them.
        if n % 7 == 6 {
            body["referred_by"] = json!(buyers[n / 2].id);
        }
        let buyer = wire.post("/buyers", &body).await?;
        let id = text(&buyer["id"]).parse().map_err(|_| Failure::Refused(format!("not a buyer: {buyer}")))?;
        buyers.push(Buyer { id, reference: text(&buyer["ref"]) });
    }
    Ok(Cast { shops, blogs, links, buyers })
}

/// A merchant's id and the text of its secret.
async fn merchant(wire: &Wire, script: &Script) -> Result<(String, String), Failure> {
    let merchant = wire.post("/merchants", &json!({"name": script.merchant, "email": format!("partners@{}", script.host)})).await?;
    let merchant = text(&merchant["id"]);
    let secret = wire.post(&format!("/merchants/{merchant}/secrets"), &json!({})).await?;
    Ok((merchant, text(&secret["secret"])))
}

/// Every link that a publisher places; the second one of a content publisher leads deep into the shop.
async fn links(wire: &Wire, shops: &[Shop], blogs: &[String]) -> Result<Vec<Link>, Failure> {
    let mut links = Vec::new();
    for (blog, script) in BLOGS.iter().enumerate() {
        for (n, &shop) in script.shops.iter().enumerate() {
            let slug = format!("{}-{}", script.slug, shops[shop].script.orders.to_lowercase());
            let mut body = json!({"program": shops[shop].program, "publisher": blogs[blog], "slug": slug});
            if n == 1 && script.kind == "content" {
                body["url"] = json!(format!("https://{}/selection/{}", shops[shop].script.host, script.slug));
            }
            wire.post("/links", &body).await?;
            links.push(Link { slug, blog, shop, portal: script.is_portal() });
        }
    }
    Ok(links)
}

/// The versions of a program's terms after the first, with the day of the play on which they are written.
pub fn later_terms<'a>(shop: &'a Shop, blogs: &'a [String]) -> impl Iterator<Item = (i64, Value)> + 'a {
    shop.script.terms.iter().skip(1).map(|(day, write)| {
        let mut terms = write(blogs);
        // A tier that names no program means the shop's own.
        for boost in terms["boosts"].as_array_mut().into_iter().flatten().filter(|boost| boost["kind"] == "tier") {
            boost["programs"] = json!([shop.program]);
        }
        (*day, terms)
    })
}
