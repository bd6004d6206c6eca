//! The demo's script: shops with their programs, terms and goods, publishers and their links, and how busy each month is.

use super::accounts::CLUB_CODE;
use serde_json::{Value, json};

/// Terms, given the publishers' ids.
pub type WriteTerms = fn(&[String]) -> Value;

/// A program as it is written down here.
#[derive(Debug)]
pub struct Script {
    /// Programs of one merchant stand one after the other.
    pub merchant: &'static str,
    pub program: &'static str,
    pub currency: &'static str,
    pub host: &'static str,
    /// How its order numbers begin.
    pub orders: &'static str,
    pub sends: Sends,
    pub goods: &'static [Good],
    /// Other currencies it sells in, with how many of their minor units a thousand of its own are.
    pub abroad: &'static [(&'static str, i64)],
    /// How busy each month is, January first; 100 is usual.
    pub months: [i64; 12],
    /// Each version of the terms with the day of the play from which it is in effect.
    pub terms: &'static [(i64, WriteTerms)],
    /// A goal beside sales, and how many of a thousand orders bring one.
    pub goal: Option<(&'static str, i64)>,
}

/// How a shop's system sends its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sends {
    /// Signed postbacks.
    Posts,
    /// Signed URLs: its system can only call one.
    Urls,
    /// Some sales by the pixel on its page, confirmed by a signed postback at night.
    Pixel,
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

const BOOKS: [i64; 12] = [80, 80, 85, 90, 95, 105, 110, 105, 125, 95, 110, 190];
const OUTDOORS: [i64; 12] = [70, 75, 100, 115, 135, 140, 130, 115, 100, 80, 80, 90];
const COFFEE: [i64; 12] = [115, 105, 100, 95, 90, 80, 75, 80, 100, 110, 125, 150];
const HOMES: [i64; 12] = [125, 90, 100, 105, 95, 95, 80, 75, 110, 115, 130, 120];
const PAPER: [i64; 12] = [100, 80, 90, 95, 85, 85, 90, 140, 150, 95, 105, 130];

pub const SHOPS: [Script; 6] = [
    Script {
        merchant: "Librairie des Halles",
        program: "Livres et papeterie",
        currency: "EUR",
        host: "librairie.example",
        orders: "LH",
        sends: Sends::Posts,
        goods: &[
            good("roman-poche", "books", 890),
            good("prix-goncourt", "books", 2290),
            good("beau-livre-jardins", "books", 4990),
            good("bd-integrale", "books", 2950),
            good("album-jeunesse", "books", 1350),
            good("guide-voyage", "books", 1690),
            good("carnet-a5", "stationery", 1290),
            good("stylo-plume", "stationery", 3800),
            good("agenda", "stationery", 1990),
            good("carte-cadeau-50", "gift_cards", 5000),
        ],
        abroad: &[("CHF", 960)],
        months: BOOKS,
        terms: &[
            (0, |_| {
                json!({"commission": [
                    {"when": {"category": ["gift_cards"]}, "pay": {"percent": "0"}, "reason": "excluded_category"},
                    {"when": {"category": ["books"], "customer": "new"}, "pay": {"percent": "8"}},
                    {"pay": {"percent": "5"}}],
                    "split": {"publisher": "60", "buyer": "30", "platform": "10"}, "hold_days": 14, "claim_days": 10,
                    "boosts": [{"kind": "welcome", "flat": "3.00", "min_amount": "25.00", "funded_by": "merchant", "budget": "45.00"}]})
            }),
            (40, |_| {
                json!({"commission": [
                    {"when": {"category": ["gift_cards"]}, "pay": {"percent": "0"}, "reason": "excluded_category"},
                    {"when": {"category": ["books"], "customer": "new"}, "pay": {"percent": "9.5"}},
                    {"when": {"category": ["stationery"], "min_amount": "60.00"}, "pay": {"percent": "6.25"}},
                    {"pay": {"percent": "5"}}],
                    "split": {"publisher": "60", "buyer": "30", "platform": "10"}, "hold_days": 14, "claim_days": 20, "boosts": [
                        {"kind": "welcome", "flat": "3.00", "min_amount": "25.00", "funded_by": "merchant", "budget": "45.00"},
                        {"kind": "return", "percent_of_buyer_share": "50", "within_days": 7, "fades_to_zero_at_days": 30}]})
            }),
        ],
        goal: None,
    },
    Script {
        merchant: "Librairie des Halles",
        program: "Club de lecture",
        currency: "EUR",
        host: "club-lecture.example",
        orders: "CL",
        sends: Sends::Posts,
        goods: &[
            good("abonnement-3-mois", "subscription", 4470),
            good("abonnement-12-mois", "subscription", 15900),
            good("coffret-decouverte", "box", 1990),
        ],
        abroad: &[],
        months: BOOKS,
        terms: &[(0, |blogs| {
            json!({"commission": [
                {"when": {"publisher": [blogs[0], blogs[3]], "category": ["subscription"]}, "pay": {"percent": "14"}, "cap": {"per_order": "18.00"}},
                {"when": {"category": ["subscription"]}, "pay": {"percent": "10"}, "cap": {"per_order": "12.00"}},
                {"pay": {"flat": "1.50"}},
                {"when": {"type": "lead"}, "pay": {"flat": "0.75"}}],
                "split": {"publisher": "65", "buyer": "25", "platform": "10"}, "attribution": {"model": "first_click", "window_days": 45},
                "hold_days": 21, "claim_days": 30, "unclaimed_to": "platform",
                "boosts": [{"kind": "code", "code": CLUB_CODE.1, "flat": "1.50", "quota": 12, "place": "Club de lecture de Nantes"},
                    {"kind": "return", "percent_of_buyer_share": "25", "within_days": 14, "fades_to_zero_at_days": 60, "funded_by": "merchant"}]})
        })],
        goal: Some(("lead", 350)),
    },
    Script {
        merchant: "Nordlicht Outdoor",
        program: "Draußen",
        currency: "EUR",
        host: "nordlicht.example",
        orders: "NL",
        sends: Sends::Posts,
        goods: &[
            good("regenjacke", "clothing", 15995),
            good("fleece", "clothing", 7990),
            good("wanderschuh", "shoes", 13950),
            good("zelt-2p", "tents", 32900),
            good("isomatte", "gear", 8995),
            good("kocher", "gear", 5490),
            good("stirnlampe", "gear", 3499),
            good("socken", "clothing", 1699),
        ],
        abroad: &[("CHF", 950), ("NOK", 11_600)],
        months: OUTDOORS,
        terms: &[
            (0, |_| {
                json!({"commission": [
                    {"pay": {"tiers": [{"from": "0", "percent": "5"}, {"from": "1500", "percent": "6.5"}, {"from": "6000", "percent": "7.25"}]},
                        "cap": {"per_order": "30.00"}}],
                    "split": {"publisher": "70", "buyer": "20", "platform": "10"}, "attribution": {"model": "linear", "window_days": 30},
                    "hold_days": 21, "claim_days": 30, "unclaimed_to": "platform"})
            }),
            (55, |_| {
                json!({"commission": [
                    {"when": {"category": ["tents"]}, "pay": {"percent": "4"}, "cap": {"per_order": "12.50"}},
                    {"pay": {"tiers": [{"from": "0", "percent": "5"}, {"from": "1500", "percent": "6.5"}, {"from": "6000", "percent": "8"}]},
                        "cap": {"per_order": "35.00"}}],
                    "split": {"publisher": "70", "buyer": "20", "platform": "10"}, "attribution": {"model": "linear", "window_days": 30},
                    "hold_days": 21, "claim_days": 30, "unclaimed_to": "platform", "boosts": [
                        {"kind": "referral", "referrer": "5.00", "friend": "5.00", "min_amount": "40.00"},
                        {"kind": "tier", "programs": [], "funded_by": "merchant", "tiers": [
                            {"from": "0", "percent_of_buyer_share": "0"}, {"from": "150", "percent_of_buyer_share": "20"}]}]})
            }),
        ],
        goal: None,
    },
    Script {
        merchant: "Harbour Coffee",
        program: "Beans by post",
        currency: "GBP",
        host: "harbour.example",
        orders: "HC",
        sends: Sends::Posts,
        goods: &[
            good("espresso-1kg", "beans", 2400),
            good("filter-250g", "beans", 850),
            good("decaf-500g", "beans", 1350),
            good("grinder", "gear", 8900),
            good("moka-pot", "gear", 3450),
            good("cup", "gear", 1150),
        ],
        abroad: &[("EUR", 1160), ("USD", 1260)],
        months: COFFEE,
        terms: &[(0, |_| {
            json!({"commission": [
                {"when": {"category": ["gear"]}, "pay": {"per_item": "0.85"}},
                {"pay": {"flat": "1.00"}}, {"when": {"type": "signup"}, "pay": {"flat": "0.50"}}],
                "split": {"publisher": "50", "buyer": "50", "platform": "0"}, "hold_days": 14, "claim_days": 14, "unclaimed_to": "merchant"})
        })],
        goal: Some(("signup", 300)),
    },
    Script {
        merchant: "Maison Lumière",
        program: "Décoration",
        currency: "EUR",
        host: "maison-lumiere.example",
        orders: "ML",
        sends: Sends::Pixel,
        goods: &[
            good("lampe-opaline", "lighting", 12900),
            good("bougie-figuier", "candles", 2650),
            good("plaid-laine", "textiles", 8900),
            good("coussin-lin", "textiles", 3490),
            good("miroir-rotin", "decor", 7450),
            good("vase-gres", "decor", 4200),
        ],
        abroad: &[],
        months: HOMES,
        terms: &[(0, |_| {
            json!({"commission": [
                {"when": {"coupon": ["BIENVENUE"]}, "pay": {"percent": "0"}, "reason": "excluded_coupon"},
                {"when": {"category": ["candles"]}, "pay": {"percent": "12.5"}},
                {"when": {"min_amount": "20.00"}, "pay": {"percent": "7"}, "cap": {"per_order": "25.00"}}],
                "split": {"publisher": "55.5", "buyer": "33.3", "platform": "11.2"},
                "attribution": {"model": "time_decay", "window_days": 30, "self_referral": "refuse"},
                "hold_days": 30, "payable_on": "merchant_payment", "claim_days": 30})
        })],
        goal: None,
    },
    Script {
        merchant: "Tsubame Stationery",
        program: "Ink and paper",
        currency: "JPY",
        host: "tsubame.example",
        orders: "TS",
        sends: Sends::Urls,
        goods: &[
            good("fountain-pen", "pens", 14300),
            good("ink-bottle", "ink", 1650),
            good("washi-set", "paper", 2200),
            good("notebook-b6", "paper", 1320),
            good("brush-pen", "pens", 880),
        ],
        abroad: &[("EUR", 620), ("USD", 680), ("ISK", 900)],
        months: PAPER,
        terms: &[(0, |_| {
            json!({"commission": [{"pay": {"percent": "6.4"}}],
                "split": {"publisher": "42.86", "buyer": "42.86", "platform": "14.28"},
                "attribution": {"model": "position", "window_days": 14, "stand_down_minutes": 240, "self_referral": "allow"},
                "hold_days": 20, "claim_days": 21})
        })],
        goal: None,
    },
];

/// A publisher as written down here.
#[derive(Debug)]
pub struct Blog {
    pub name: &'static str,
    /// How its slugs begin.
    pub slug: &'static str,
    pub kind: &'static str,
    /// Percent of its share that it gives to the buyer.
    pub generosity: &'static str,
    /// How many readers follow its links; 10 is a small blog.
    pub reach: i64,
    /// The programs it links to, by number.
    pub shops: &'static [usize],
}

impl Blog {
    /// A cashback site that sends its own members.
    pub fn is_portal(&self) -> bool {
        self.kind == "cashback"
    }
}

const fn blog(
    name: &'static str,
    slug: &'static str,
    kind: &'static str,
    generosity: &'static str,
    reach: i64,
    shops: &'static [usize],
) -> Blog {
    Blog { name, slug, kind, generosity, reach, shops }
}

pub const BLOGS: [Blog; 20] = [
    blog("Le Carnet de Lecture", "lecture", "content", "0", 60, &[0, 1, 5]),
    blog("Rucksack und Regen", "rucksack", "content", "0", 55, &[2]),
    blog("Morning Grounds", "grounds", "content", "10", 40, &[3, 5]),
    blog("La Page Cornée", "page-cornee", "content", "0", 35, &[0, 1]),
    blog("Intérieurs Doux", "interieurs", "content", "0", 45, &[4]),
    blog("Chainline Diaries", "chainline", "content", "0", 25, &[2, 3]),
    blog("Ink & Paper Notes", "inknotes", "content", "5", 30, &[5, 0]),
    blog("Bergluft", "bergluft", "content", "0", 20, &[2]),
    blog("Le Bureau d’Élise", "elise", "content", "0", 22, &[5, 4]),
    blog("The Slow Cup", "slowcup", "content", "0", 18, &[3]),
    blog("Vélo du Dimanche", "velo", "content", "0", 12, &[2]),
    blog("Papa lit le soir", "papa-lit", "content", "0", 16, &[0, 1]),
    blog("Fernweh mit Kindern", "fernweh", "content", "0", 14, &[2, 3]),
    blog("Club Ristourne", "club", "cashback", "20", 30, &[0, 1, 2, 3, 4, 5]),
    blog("Penny Back", "penny", "cashback", "0", 32, &[3, 5]),
    blog("Geld zurück!", "geld", "cashback", "10", 30, &[2, 4]),
    blog("Bons Plans Paris", "bonsplans", "coupon", "0", 50, &[0, 2, 4]),
    blog("Code Corner", "codecorner", "coupon", "0", 25, &[3, 5]),
    blog("PrixMalin", "prixmalin", "tool", "0", 16, &[0, 2, 4, 5]),
    blog("Basket Helper", "basket", "tool", "0", 20, &[3, 5]),
];

/// Publishers' own codes: program, code, publisher, and the day of the play on which it ends, if it does.
pub const COUPONS: [(usize, &str, usize, Option<i64>); 4] =
    [(0, "BONSPLANS", 16, None), (3, "CORNER10", 17, None), (5, "PAPERNOTES", 6, None), (2, "RUCKSACK5", 1, Some(45))];
/// A code that everybody may use, with which the shop pays nothing.
pub const OPEN_CODE: (usize, &str) = (4, "BIENVENUE");
/// Bloggers who are buyers too, by the same e-mail address: publisher and buyer.
pub const TWO_HATS: [(usize, usize); 3] = [(0, 30), (4, 31), (6, 32)];

/// A buyer's e-mail address.
pub fn mailbox(buyer: usize) -> String {
    const FIRST: [&str; 20] = [
        "camille", "lukas", "emma", "hugo", "sophie", "jonas", "alice", "noah", "chloe", "felix", "manon", "oscar", "lea", "emil",
        "jeanne", "arthur", "clara", "paul", "ines", "theo",
    ];
    const LAST: [&str; 10] = ["durand", "schmidt", "martin", "walker", "petit", "fischer", "moreau", "hughes", "lambert", "sato"];
    format!("{}.{}@mail.example", FIRST[buyer % FIRST.len()], LAST[buyer / FIRST.len() % LAST.len()])
}
