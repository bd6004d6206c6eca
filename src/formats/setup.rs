//! A set-up as JSON lines, one thing each, told apart by `kind`.
use crate::domain::{
    key::Role,
    merchant::Billing,
    publisher::Kind,
    setup::{LinkLine, ProgramLine, Thing},
    terms::boost::{CODE_CHARS_MAX, Funder, Reward},
    voucher::Batch,
};
use crate::kernel::{
    country::Country,
    fields::FieldErrors,
    id::{BuyerId, MerchantId, PublisherId},
    money::MINOR_MAX,
    object::{Field, Object},
    time::Time,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

const NAME_CHARS_MAX: usize = 200;
/// Of what stands on documents.
const BLOCK_CHARS_MAX: usize = 1000;
const EMAIL_CHARS_MAX: usize = 254;
const URL_CHARS_MAX: usize = 8192;
const SLUG_CHARS_MAX: usize = 64;
const DOMAINS_MAX: usize = 1000;
/// Of one batch of vouchers.
const CODES_MAX: usize = 10_000;

/// Appends a thing as a line. A secret's bytes are the secret itself.
pub fn write(out: &mut Vec<u8>, thing: &Thing) {
    let value = match thing {
        Thing::Merchant { id, name, email, billing, created_at } => {
            let mut line = json!({"kind": "merchant", "id": id, "name": name, "email": email, "created_at": created_at});
            if let (Some(line), Ok(serde_json::Value::Object(billing))) = (line.as_object_mut(), serde_json::to_value(billing)) {
                line.extend(billing);
            }
            line
        }
        Thing::Secret { id, merchant, secret, created_at, revoked_at } => {
            json!({"kind": "secret", "id": id, "merchant": merchant, "secret": String::from_utf8_lossy(secret), "created_at": created_at,
                "revoked_at": revoked_at})
        }
        Thing::Program(program) => program_value(program),
        Thing::Terms { program, version, effective_at, created_at, body } => {
            // Digit for digit as they were written: a number that went through a float would be other terms.
            let head =
                json!({"kind": "terms", "program": program, "version": version, "effective_at": effective_at, "created_at": created_at});
            let head = head.to_string();
            out.extend_from_slice(head.trim_end_matches('}').as_bytes());
            out.extend_from_slice(format!(",\"terms\":{}}}\n", one_line(body)).as_bytes());
            return;
        }
        Thing::Publisher { id, name, email, kind, portal, generosity, buyer, created_at } => {
            json!({"kind": "publisher", "id": id, "name": name, "email": email, "publisher_kind": kind.word(), "portal": portal,
                "generosity": generosity, "buyer": buyer, "created_at": created_at})
        }
        Thing::Buyer { id, email, external_id, referred_by, created_at } => {
            json!({"kind": "buyer", "id": id, "email": email, "external_id": external_id, "referred_by": referred_by,
                "created_at": created_at})
        }
        Thing::Link(link) => {
            let LinkLine { id, slug, program, publisher, url, created_at, ended_at } = &**link;
            json!({"kind": "link", "id": id, "slug": slug, "program": program, "publisher": publisher, "url": url,
                "created_at": created_at, "ended_at": ended_at})
        }
        Thing::Coupon { id, program, publisher, code, from, until, created_at } => {
            json!({"kind": "coupon", "id": id, "program": program, "publisher": publisher, "code": code, "from": from, "until": until,
                "created_at": created_at})
        }
        Thing::Vouchers { batch, codes } => {
            let Batch { id, program, boost, funded_by, reward, from, until, place, link, created_at, .. } = &**batch;
            let (flat, percent) = match reward {
                Reward::Flat(flat) => (Some(*flat), None),
                Reward::PercentOfBuyerShare(percent) => (None, Some(*percent)),
            };
            json!({"kind": "vouchers", "id": id, "program": program, "boost": boost, "funded_by": funded_by, "flat_minor": flat,
                "percent_of_buyer_share": percent, "from": from, "until": until, "place": place, "link": link, "codes": codes,
                "created_at": created_at})
        }
        Thing::ApiKey { id, hash, role, owner, name, created_at, revoked_at } => {
            json!({"kind": "api_key", "id": id, "hash": STANDARD.encode(hash), "role": role.word(), "owner": owner_text(*role, *owner),
                "name": name, "created_at": created_at, "revoked_at": revoked_at})
        }
        Thing::SealKey { number, key, created_at } => {
            json!({"kind": "seal_key", "number": number, "key": STANDARD.encode(key), "created_at": created_at})
        }
    };
    out.extend_from_slice(value.to_string().as_bytes());
    out.push(b'\n');
}

/// JSON on one line: its strings hold no line breaks.
fn one_line(json: &str) -> String {
    json.replace(['\n', '\r'], " ")
}

/// Whether two things say the same; terms whatever their line breaks.
pub fn is_same(a: &Thing, b: &Thing) -> bool {
    match (a, b) {
        (
            Thing::Terms { program, version, effective_at, created_at, body },
            Thing::Terms { program: program_b, version: version_b, effective_at: effective_b, created_at: created_b, body: body_b },
        ) => {
            (program, version, effective_at, created_at) == (program_b, version_b, effective_b, created_b)
                && one_line(body) == one_line(body_b)
        }
        _ => a == b,
    }
}

fn program_value(program: &ProgramLine) -> Value {
    let ProgramLine { id, merchant, name, currency, landing_url, domains, click_param, pixel, upstream, created_at, ended_at } = program;
    json!({"kind": "program", "id": id, "merchant": merchant, "name": name, "currency": currency, "landing_url": landing_url,
        "domains": domains, "click_param": click_param, "pixel": pixel, "upstream": upstream, "created_at": created_at,
        "ended_at": ended_at})
}

fn owner_text(role: Role, owner: Option<i64>) -> Option<String> {
    let owner = owner?;
    match role {
        Role::Operator => None,
        Role::Merchant => Some(MerchantId::from_raw(owner).to_string()),
        Role::Publisher => Some(PublisherId::from_raw(owner).to_string()),
        Role::Buyer => Some(BuyerId::from_raw(owner).to_string()),
    }
}

/// Reads a line, or names every wrong field of it.
pub fn read(line: &[u8]) -> Result<Thing, FieldErrors> {
    let mut errors = FieldErrors::default();
    let thing = Object::parse(line, &mut errors).and_then(|object| Line { object: &object, errors: &mut errors }.thing());
    errors.finish(thing)
}

struct Line<'l, 'a> {
    object: &'l Object<'a>,
    errors: &'l mut FieldErrors,
}

impl<'l, 'a> Line<'l, 'a> {
    fn thing(&mut self) -> Option<Thing> {
        let kind = self.object.required("kind", self.errors).text(NAME_CHARS_MAX, self.errors)?;
        match kind.as_str() {
            "merchant" => self.merchant(),
            "secret" => self.secret(),
            "program" => self.program(),
            "terms" => self.terms(),
            "publisher" => self.publisher(),
            "buyer" => self.buyer(),
            "link" => self.link(),
            "coupon" => self.coupon(),
            "vouchers" => self.vouchers(),
            "api_key" => self.api_key(),
            "seal_key" => self.seal_key(),
            _ => {
                self.errors.push("kind", "unknown_word", "no kind of thing that is known here");
                None
            }
        }
    }

    fn only(&mut self, names: &[&str]) {
        let known: Vec<&str> = ["kind", "created_at"].iter().chain(names).copied().collect();
        self.object.only(&known, self.errors);
    }

    fn field(&mut self, name: &'l str) -> Field<'l, 'a> {
        self.object.required(name, self.errors)
    }

    fn id<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, name: &'l str) -> Option<T> {
        self.field(name).id(self.errors)
    }

    fn text(&mut self, name: &'l str, chars_max: usize) -> Option<String> {
        self.field(name).text(chars_max, self.errors)
    }

    fn optional(&mut self, name: &'l str, chars_max: usize) -> Option<String> {
        self.object.optional(name).text(chars_max, self.errors)
    }

    fn time(&mut self, name: &'l str) -> Option<Time> {
        self.field(name).time(self.errors)
    }

    fn time_or_none(&mut self, name: &'l str) -> Option<Time> {
        self.object.optional(name).time(self.errors)
    }

    fn flag(&mut self, name: &'l str) -> Option<bool> {
        self.field(name).boolean(self.errors)
    }

    fn bytes(&mut self, name: &'l str) -> Option<Vec<u8>> {
        let bytes = STANDARD.decode(self.text(name, NAME_CHARS_MAX)?).ok().filter(|bytes| bytes.len() == 32);
        if bytes.is_none() {
            self.errors.push(name, "invalid_type", "32 bytes in base64 are wanted");
        }
        bytes
    }

    /// What an export from before there were invoices leaves out is as it is for a new merchant.
    fn billing(&mut self) -> Billing {
        let usual = Billing::default();
        let country = self.optional("country", 2);
        let days = self.object.optional("payment_days").integer(0..=i64::from(u32::MAX), self.errors);
        Billing {
            legal_name: self.optional("legal_name", BLOCK_CHARS_MAX),
            address: self.optional("address", BLOCK_CHARS_MAX),
            country: country.and_then(|code| Country::parse(&code)),
            vat_number: self.optional("vat_number", BLOCK_CHARS_MAX),
            vat_rate: self.object.optional("vat_rate").percent(self.errors).unwrap_or(usual.vat_rate),
            vat_mention: self.optional("vat_mention", BLOCK_CHARS_MAX),
            payment_days: days.and_then(|days| u32::try_from(days).ok()).unwrap_or(usual.payment_days),
            prepaid: self.object.optional("prepaid").boolean(self.errors).unwrap_or(usual.prepaid),
        }
    }

    fn merchant(&mut self) -> Option<Thing> {
        self.only(&[
            "id",
            "name",
            "email",
            "legal_name",
            "address",
            "country",
            "vat_number",
            "vat_rate",
            "vat_mention",
            "payment_days",
            "prepaid",
        ]);
        let billing = Box::new(self.billing());
        let (id, name, email) = (self.id("id"), self.text("name", NAME_CHARS_MAX), self.optional("email", EMAIL_CHARS_MAX));
        Some(Thing::Merchant { created_at: self.time("created_at")?, id: id?, name: name?, email, billing })
    }

    fn secret(&mut self) -> Option<Thing> {
        self.only(&["id", "merchant", "secret", "revoked_at"]);
        let (id, merchant, secret) = (self.id("id"), self.id("merchant"), self.text("secret", NAME_CHARS_MAX));
        let revoked_at = self.time_or_none("revoked_at");
        Some(Thing::Secret { created_at: self.time("created_at")?, id: id?, merchant: merchant?, secret: secret?.into_bytes(), revoked_at })
    }

    fn program(&mut self) -> Option<Thing> {
        self.only(&["id", "merchant", "name", "currency", "landing_url", "domains", "click_param", "pixel", "upstream", "ended_at"]);
        let (id, merchant, name) = (self.id("id"), self.id("merchant"), self.text("name", NAME_CHARS_MAX));
        let currency = self.field("currency").currency(self.errors);
        let landing_url = self.text("landing_url", URL_CHARS_MAX);
        let domains = self.field("domains").list(DOMAINS_MAX, self.errors);
        let domains: Vec<String> =
            domains.unwrap_or_default().iter().filter_map(|domain| domain.full_text(NAME_CHARS_MAX, self.errors)).collect();
        let click_param = self.text("click_param", NAME_CHARS_MAX);
        let (pixel, upstream) = (self.flag("pixel"), self.flag("upstream"));
        let (ended_at, created_at) = (self.time_or_none("ended_at"), self.time("created_at"));
        Some(Thing::Program(Box::new(ProgramLine {
            id: id?,
            merchant: merchant?,
            name: name?,
            currency: currency?,
            landing_url: landing_url?,
            domains,
            click_param: click_param?,
            pixel: pixel?,
            upstream: upstream?,
            created_at: created_at?,
            ended_at,
        })))
    }

    fn terms(&mut self) -> Option<Thing> {
        self.only(&["program", "version", "effective_at", "terms"]);
        let program = self.id("program");
        let version = self.field("version").integer(1..=i64::from(u32::MAX), self.errors);
        let (effective_at, created_at) = (self.time("effective_at"), self.time("created_at"));
        let body = self.field("terms").json().map(str::to_owned);
        let version = u32::try_from(version?).ok();
        Some(Thing::Terms { program: program?, version: version?, effective_at: effective_at?, created_at: created_at?, body: body? })
    }

    fn publisher(&mut self) -> Option<Thing> {
        self.only(&["id", "name", "email", "publisher_kind", "portal", "generosity", "buyer"]);
        let (id, name, email) = (self.id("id"), self.text("name", NAME_CHARS_MAX), self.optional("email", EMAIL_CHARS_MAX));
        let kind = self.field("publisher_kind").word(&["content", "cashback", "coupon", "tool"], Kind::from_word, self.errors);
        let (portal, generosity) = (self.flag("portal"), self.field("generosity").percent(self.errors));
        let buyer = self.object.optional("buyer").id(self.errors);
        let created_at = self.time("created_at");
        Some(Thing::Publisher {
            id: id?,
            name: name?,
            email,
            kind: kind?,
            portal: portal?,
            generosity: generosity?,
            buyer,
            created_at: created_at?,
        })
    }

    fn buyer(&mut self) -> Option<Thing> {
        self.only(&["id", "email", "external_id", "referred_by"]);
        let (id, email) = (self.id("id"), self.optional("email", EMAIL_CHARS_MAX));
        let external_id = self.optional("external_id", NAME_CHARS_MAX);
        let referred_by = self.object.optional("referred_by").id(self.errors);
        Some(Thing::Buyer { created_at: self.time("created_at")?, id: id?, email, external_id, referred_by })
    }

    fn link(&mut self) -> Option<Thing> {
        self.only(&["id", "slug", "program", "publisher", "url", "ended_at"]);
        let (id, slug) = (self.id("id"), self.text("slug", SLUG_CHARS_MAX));
        let (program, publisher) = (self.id("program"), self.id("publisher"));
        let (url, ended_at, created_at) = (self.optional("url", URL_CHARS_MAX), self.time_or_none("ended_at"), self.time("created_at"));
        Some(Thing::Link(Box::new(LinkLine {
            id: id?,
            slug: slug?,
            program: program?,
            publisher: publisher?,
            url,
            created_at: created_at?,
            ended_at,
        })))
    }

    fn coupon(&mut self) -> Option<Thing> {
        self.only(&["id", "program", "publisher", "code", "from", "until"]);
        let (id, program, publisher) = (self.id("id"), self.id("program"), self.id("publisher"));
        let code = self.text("code", NAME_CHARS_MAX);
        let (from, until, created_at) = (self.time_or_none("from"), self.time_or_none("until"), self.time("created_at"));
        Some(Thing::Coupon { id: id?, program: program?, publisher: publisher?, code: code?, from, until, created_at: created_at? })
    }

    fn vouchers(&mut self) -> Option<Thing> {
        self.only(&[
            "id",
            "program",
            "boost",
            "funded_by",
            "flat_minor",
            "percent_of_buyer_share",
            "from",
            "until",
            "place",
            "link",
            "codes",
        ]);
        let (id, program, boost) = (self.id("id"), self.id("program"), self.optional("boost", NAME_CHARS_MAX));
        let funded_by = self.field("funded_by").word(Funder::WORDS, Funder::from_word, self.errors);
        let flat = self.object.optional("flat_minor").integer(0..=MINOR_MAX, self.errors);
        let percent = self.object.optional("percent_of_buyer_share").percent(self.errors);
        let (from, until) = (self.time_or_none("from"), self.time_or_none("until"));
        let (place, link) = (self.optional("place", NAME_CHARS_MAX), self.object.optional("link").id(self.errors));
        let codes = self.field("codes").list(CODES_MAX, self.errors)?;
        let codes: Vec<String> = codes.iter().filter_map(|code| code.full_text(CODE_CHARS_MAX, self.errors)).collect();
        let reward = match (flat, percent) {
            (Some(flat), None) => Reward::Flat(flat),
            (None, Some(percent)) => Reward::PercentOfBuyerShare(percent),
            _ => {
                self.errors.push("flat_minor", "exactly_one_reward", "either flat_minor or percent_of_buyer_share");
                return None;
            }
        };
        let (count, created_at) = (i64::try_from(codes.len()).ok()?, self.time("created_at")?);
        let batch = Batch { id: id?, program: program?, boost, funded_by: funded_by?, reward, from, until, place, link, count, created_at };
        Some(Thing::Vouchers { batch: Box::new(batch), codes })
    }

    fn api_key(&mut self) -> Option<Thing> {
        self.only(&["id", "hash", "role", "owner", "name", "revoked_at"]);
        let (id, hash, name) = (self.id("id"), self.bytes("hash"), self.optional("name", NAME_CHARS_MAX));
        let role = self.field("role").word(&["operator", "merchant", "publisher", "buyer"], Role::from_word, self.errors)?;
        let owner = match role {
            Role::Operator => None,
            Role::Merchant => Some(self.id::<MerchantId>("owner")?.raw()),
            Role::Publisher => Some(self.id::<PublisherId>("owner")?.raw()),
            Role::Buyer => Some(self.id::<BuyerId>("owner")?.raw()),
        };
        let revoked_at = self.time_or_none("revoked_at");
        Some(Thing::ApiKey { created_at: self.time("created_at")?, id: id?, hash: hash?, role, owner, name, revoked_at })
    }

    fn seal_key(&mut self) -> Option<Thing> {
        self.only(&["number", "key"]);
        let number = self.field("number").integer(0..=255, self.errors).and_then(|number| u8::try_from(number).ok());
        let (key, created_at) = (self.bytes("key"), self.time("created_at"));
        Some(Thing::SealKey { number: number?, key: key?, created_at: created_at? })
    }
}
