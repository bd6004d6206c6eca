//! Who plays in the demo: shops with their terms and goods, blogs, and buyers. Made over the API, like everything else.

use crate::{
    app::{
        demo::wire::{Wire, text},
        failure::Failure,
    },
    kernel::signature::WebhookSecret,
};
use serde_json::{Value, json};

/// A shop as it is written down here.
struct Script {
    name: &'static str,
    program: &'static str,
    currency: &'static str,
    host: &'static str,
    /// How its order numbers begin.
    orders: &'static str,
    goods: &'static [Good],
    terms: fn() -> Value,
}

/// Something that a shop sells: sku, category, price in minor units of the shop's currency.
#[derive(Debug, Clone, Copy)]
pub struct Good {
    pub sku: &'static str,
    pub category: &'static str,
    pub price: i64,
}

const fn good(sku: &'static str, category: &'static str, price: i64) -> Good {
    Good { sku, category, price }
}

const SHOPS: [Script; 3] = [
    Script {
        name: "Librairie des Halles",
        program: "Livres et papeterie",
        currency: "EUR",
        host: "librairie.example",
        orders: "LH",
        goods: &[
            good("roman-poche", "books", 890),
            good("beau-livre", "books", 4990),
            good("bd-integrale", "books", 2950),
            good("carnet-a5", "stationery", 1290),
            good("stylo-plume", "stationery", 3800),
            good("carte-cadeau-50", "gift_cards", 5000),
        ],
        terms: || {
            json!({"commission": [
                {"when": {"category": ["gift_cards"]}, "pay": {"percent": "0"}, "reason": "excluded_category"},
                {"when": {"category": ["books"], "customer": "new"}, "pay": {"percent": "8"}},
                {"pay": {"percent": "5"}}],
                "split": {"publisher": "60", "buyer": "30", "platform": "10"}, "hold_days": 14, "claim_days": 10})
        },
    },
    Script {
        name: "Nordlicht Outdoor",
        program: "Draußen",
        currency: "EUR",
        host: "nordlicht.example",
        orders: "NL",
        goods: &[
            good("regenjacke", "clothing", 15995),
            good("wanderschuh", "shoes", 13950),
            good("zelt-2p", "tents", 32900),
            good("kocher", "gear", 5490),
            good("socken", "clothing", 1699),
        ],
        terms: || {
            json!({"commission": [
                {"pay": {"tiers": [{"from": "0", "percent": "5"}, {"from": "1500", "percent": "6.5"}]}, "cap": {"per_order": "30.00"}}],
                "split": {"publisher": "70", "buyer": "20", "platform": "10"}, "attribution": {"model": "linear", "window_days": 30},
                "hold_days": 21, "claim_days": 30, "unclaimed_to": "platform"})
        },
    },
    Script {
        name: "Harbour Coffee",
        program: "Beans by post",
        currency: "GBP",
        host: "harbour.example",
        orders: "HC",
        goods: &[
            good("espresso-1kg", "beans", 2400),
            good("filter-250g", "beans", 850),
            good("grinder", "gear", 8900),
            good("cup", "gear", 1150),
        ],
        terms: || {
            json!({"commission": [{"pay": {"flat": "1.00"}}, {"when": {"type": "signup"}, "pay": {"flat": "0.50"}}],
                "split": {"publisher": "50", "buyer": "50", "platform": "0"}, "hold_days": 14, "claim_days": 14, "unclaimed_to": "merchant"})
        },
    },
];

/// Name, kind, whether it is a cashback site that sends its own members, and percent of its share that it gives to them.
const BLOGS: [(&str, &str, bool, &str); 5] = [
    ("Le Carnet de Lecture", "content", false, "0"),
    ("Rucksack und Regen", "content", false, "0"),
    ("Morning Grounds", "content", false, "10"),
    ("Bons Plans Paris", "coupon", false, "0"),
    ("Club Ristourne", "cashback", true, "20"),
];
/// Which blog links to which shop, and the slug.
const LINKS: [(usize, usize, &str); 10] = [
    (0, 0, "lecture-halles"),
    (0, 2, "lecture-cafe"),
    (1, 1, "rucksack-nordlicht"),
    (1, 0, "rucksack-cartes"),
    (2, 2, "grounds-beans"),
    (3, 0, "bonsplans-livres"),
    (3, 1, "bonsplans-rando"),
    (4, 0, "club-halles"),
    (4, 1, "club-nordlicht"),
    (4, 2, "club-harbour"),
];
/// The blog whose own code is known at the first shop.
const COUPON: (usize, &str) = (3, "BONSPLANS");
const BUYERS: usize = 16;

#[derive(Debug)]
pub struct Shop {
    pub name: &'static str,
    pub merchant: String,
    pub program: String,
    pub secret: WebhookSecret,
    pub currency: &'static str,
    pub orders: &'static str,
    pub goods: &'static [Good],
}

#[derive(Debug)]
pub struct Link {
    pub slug: &'static str,
    pub blog: usize,
    pub shop: usize,
    /// Members come by it with their ref.
    pub portal: bool,
}

#[derive(Debug)]
pub struct Buyer {
    pub id: String,
    pub reference: String,
}

/// Everybody, with the ids that they were given.
#[derive(Debug)]
pub struct Cast {
    pub shops: Vec<Shop>,
    /// Id and name.
    pub blogs: Vec<(String, &'static str)>,
    pub links: Vec<Link>,
    pub buyers: Vec<Buyer>,
    /// A publisher's own code at the first shop.
    pub coupon: &'static str,
}

/// Signs everybody up.
pub async fn sign_up(wire: &Wire) -> Result<Cast, Failure> {
    let mut shops = Vec::new();
    for script in &SHOPS {
        let merchant = text(&wire.post("/merchants", &json!({"name": script.name, "email": format!("ads@{}", script.host)})).await?["id"]);
        let secret = text(&wire.post(&format!("/merchants/{merchant}/secrets"), &json!({})).await?["secret"]);
        let program = wire
            .post(
                "/programs",
                &json!({"merchant": merchant, "name": script.program, "currency": script.currency,
            "landing_url": format!("https://{}/", script.host), "domains": [script.host], "terms": (script.terms)()}),
            )
            .await?;
        shops.push(Shop {
            name: script.name,
            merchant,
            program: text(&program["id"]),
            secret: WebhookSecret::parse(&secret)?,
            currency: script.currency,
            orders: script.orders,
            goods: script.goods,
        });
    }
    let mut blogs = Vec::new();
    for (name, kind, portal, generosity) in BLOGS {
        let blog = wire.post("/publishers", &json!({"name": name, "kind": kind, "portal": portal, "generosity": generosity})).await?;
        blogs.push((text(&blog["id"]), name));
    }
    let mut links = Vec::new();
    for (blog, shop, slug) in LINKS {
        wire.post("/links", &json!({"program": shops[shop].program, "publisher": blogs[blog].0, "slug": slug})).await?;
        links.push(Link { slug, blog, shop, portal: BLOGS[blog].2 });
    }
    let (blog, coupon) = COUPON;
    wire.post("/coupons", &json!({"program": shops[0].program, "code": coupon, "publisher": blogs[blog].0})).await?;
    let mut buyers = Vec::new();
    for n in 1..=BUYERS {
        let buyer =
            wire.post("/buyers", &json!({"email": format!("reader{n}@mail.example"), "external_id": format!("member-{n}")})).await?;
        buyers.push(Buyer { id: text(&buyer["id"]), reference: text(&buyer["ref"]) });
    }
    Ok(Cast { shops, blogs, links, buyers, coupon })
}
