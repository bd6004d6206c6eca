//! The OpenAPI document: whole, true to what is served, and its examples are taken by a fresh server. `RISTOURNE_WRITE=1` writes what
//! is made from it: the examples of answers, and the table of docs/API.md.
mod between;

use crate::support::{
    Fresh,
    document::{DOCUMENT, Operation, operations, resolved, violations},
    server::{Answer, Merchant, Operator, Server, click, text},
};
use regex::Regex;
use reqwest::{Method, header};
use ristourne::engine::clock::Clock;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const EXAMPLES: &str = "src/web/openapi/examples.json";
const API_MD: &str = "docs/API.md";

fn write_it() -> bool {
    std::env::var_os("RISTOURNE_WRITE").is_some()
}

/// A file of the project; written where that is asked for, else it must hold this already.
fn hold(file: &str, wanted: &str) {
    let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    if write_it() {
        std::fs::write(&path, wanted).expect("the file can be written");
    }
    let held = std::fs::read_to_string(&path).expect("the file is there");
    assert!(held == wanted, "{file} is not what the document says: run the tests `openapi` with RISTOURNE_WRITE=1");
}

fn id(operation: &Operation) -> &'static str {
    operation.spec["operationId"].as_str().expect("an operationId")
}

fn is_api(operation: &Operation) -> bool {
    operation.path.starts_with("/api/v1/")
}

/// One value of JSON; `application/x-ndjson` is lines of them.
fn is_json(media: &str) -> bool {
    media == "application/json" || media.ends_with("+json")
}

#[test]
fn every_operation_is_described_whole() {
    let mut ids = BTreeSet::new();
    for operation in operations() {
        let (id, spec) = (id(&operation), operation.spec);
        assert!(ids.insert(id), "two operations are called {id}");
        assert!(spec["summary"].as_str().is_some_and(|text| !text.is_empty()), "{id} has no summary");
        assert!(spec["tags"][0].is_string() && spec["security"].is_array(), "{id} has no tag or security");
        assert!(!is_api(&operation) || spec["x-roles"].as_array().is_some_and(|roles| !roles.is_empty()), "{id} has no roles");
        for parameter in spec["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].as_str().is_some_and(|text| !text.is_empty()), "{id}: {}", parameter["name"]);
            assert!(parameter["schema"].is_object(), "{id}: {}", parameter["name"]);
        }
        for (media, content) in spec["requestBody"]["content"].as_object().into_iter().flatten() {
            assert!(!content["example"].is_null(), "{id} has no example of a body of {media}");
        }
        for (status, answer) in spec["responses"].as_object().expect("responses") {
            let answer = resolved(answer);
            assert!(answer["description"].is_string(), "{id}: {status}");
            for (media, content) in answer["content"].as_object().into_iter().flatten() {
                assert!(content["schema"].as_object().is_some_and(|schema| !schema.is_empty()), "{id}: {status} {media} is not described");
            }
        }
    }
}

#[test]
fn examples_are_what_their_schemas_say() {
    let mut bad = Vec::new();
    for operation in operations() {
        let id = id(&operation);
        for content in operation.spec["requestBody"]["content"].as_object().into_iter().flatten().filter(|(media, _)| is_json(media)) {
            bad.extend(
                violations(&content.1["schema"], &content.1["example"]).into_iter().map(|wrong| format!("the body of {id}: {wrong}")),
            );
        }
        for (status, answer) in operation.spec["responses"].as_object().expect("responses") {
            let answer = resolved(answer);
            for (media, content) in answer["content"].as_object().into_iter().flatten() {
                match content.get("example") {
                    Some(example) if is_json(media) => {
                        bad.extend(violations(&content["schema"], example).into_iter().map(|wrong| format!("{id}: {status}: {wrong}")));
                    }
                    None if is_json(media) && id != "openapi" && !write_it() => bad.push(format!("{id}: {status} has no example")),
                    _ => {}
                }
            }
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn every_code_says_what_it_means_in_both_languages() {
    for (code, texts) in DOCUMENT["x-codes"].as_object().expect("codes") {
        assert!(texts["en"].is_string() && texts["fr"].is_string(), "the code {code} has no texts in web/openapi/code.rs");
    }
}

/// What explains the sources to those who read them means nothing in the document.
#[test]
fn no_description_names_what_only_the_sources_have() {
    let text = DOCUMENT.to_string();
    for leak in ["[`", "crate::", "Self::"] {
        assert!(!text.contains(leak), "{leak}: {}", &text[text.find(leak).unwrap_or(0)..].chars().take(80).collect::<String>());
    }
    let limit = DOCUMENT["paths"]["/api/v1/reports/clicks"]["get"]["parameters"].as_array().expect("a list");
    let limit = limit.iter().find(|parameter| parameter["name"] == "limit").expect("a limit");
    assert!(!limit["description"].as_str().expect("a text").contains("50"), "a report has no default: {limit}");
}

/// The routes outside the API stand in the sources; those of the API are made from what the document is made from.
#[test]
fn every_other_route_is_declared() {
    let route = Regex::new(r#"\.route\(\s*"([^"]+)""#).expect("a regex");
    let web = format!("{}/src/web", env!("CARGO_MANIFEST_DIR"));
    let mut served: BTreeSet<String> = ["/c/{slug}", "/postback", "/pixel.gif", "/openapi.json"].map(str::to_owned).into();
    for entry in std::fs::read_dir(web).expect("src/web") {
        let path = entry.expect("an entry").path();
        if path.is_file() && !path.to_string_lossy().ends_with("_tests.rs") {
            let source = std::fs::read_to_string(path).expect("a source");
            served.extend(route.captures_iter(&source).map(|found| found[1].to_owned()));
        }
    }
    let declared: BTreeSet<String> =
        operations().filter(|operation| !is_api(operation)).map(|operation| operation.path.to_owned()).collect();
    assert_eq!(served, declared);
}

/// docs/API.md lists exactly the operations.
#[test]
fn the_table_of_the_docs_is_the_documents() {
    let mut lines = vec!["| route | for | what |".to_owned(), "|---|---|---|".to_owned()];
    let tags = DOCUMENT["tags"].as_array().expect("tags");
    for tag in tags.iter().map(|tag| &tag["name"]) {
        for operation in operations().filter(|operation| is_api(operation) && operation.spec["tags"][0] == *tag) {
            let parameters = operation.spec["parameters"].as_array().into_iter().flatten();
            let query =
                parameters.filter(|parameter| parameter["in"] == "query" && parameter["name"] != "limit" && parameter["name"] != "after");
            let query: Vec<String> = query.map(|parameter| format!("{}=", parameter["name"].as_str().expect("a name"))).collect();
            let roles: Vec<&str> = operation.spec["x-roles"].as_array().expect("roles").iter().filter_map(Value::as_str).collect();
            let roles = if roles.len() == 4 { "any".to_owned() } else { roles.join(", ") };
            let (method, path) = (operation.method.to_ascii_uppercase(), operation.path.trim_start_matches("/api/v1"));
            let query = if query.is_empty() { String::new() } else { format!(" (`{}`)", query.join(" ")) };
            lines.push(format!("| `{method} {path}`{query} | {roles} | {} |", operation.spec["summary"].as_str().expect("a summary")));
        }
    }
    let path = format!("{}/{API_MD}", env!("CARGO_MANIFEST_DIR"));
    let held = std::fs::read_to_string(path).expect("docs/API.md");
    let (begin, end) = ("<!-- made from the OpenAPI document: -->\n", "\n<!-- as far as here -->");
    let (head, rest) = held.split_once(begin).expect("the table's beginning");
    let (_, tail) = rest.split_once(end).expect("the table's end");
    hold(API_MD, &format!("{head}{begin}{}{end}{tail}", lines.join("\n")));
}

/// Everything that the document lets one do, done once on a fresh server, with the document's own examples.
struct Story {
    operator: Operator,
    /// What exists, by the prefix of its id.
    ids: BTreeMap<String, String>,
    /// A click's sealed id, as the shop receives it.
    click: String,
    merchant: Option<Merchant>,
    done: BTreeSet<&'static str>,
    examples: Map<String, Value>,
}

impl Story {
    fn new(server: &Server) -> Self {
        let operator = server.operator();
        Self { operator, ids: BTreeMap::new(), click: String::new(), merchant: None, done: BTreeSet::new(), examples: Map::new() }
    }

    /// The text with ids that exist.
    fn real(&self, text: &str) -> String {
        let id = Regex::new("([a-z]{3})_[0-7][0-9a-z]{12}").expect("a regex");
        let real = |found: &regex::Captures<'_>| self.ids.get(&found[1]).cloned().unwrap_or_else(|| found[0].to_owned());
        id.replace_all(text, real).into_owned()
    }

    /// The example with ids that exist.
    fn filled(&self, example: &Value) -> Value {
        let text = self.real(&example.to_string());
        let mut body: Value = serde_json::from_str(&text).expect("JSON");
        if let Some(clicks) = body.get_mut("click_ids") {
            *clicks = json!([self.click]);
        }
        // Nothing is owed since before today.
        if let Some(until) = body.get_mut("until").filter(|_| example.get("merchant").is_some()) {
            *until = json!(ristourne::engine::clock::Clock::System.now().to_string()[..10]);
        }
        body
    }

    fn keep(&mut self, id: &'static str, answer: &Answer) {
        self.done.insert(id);
        let examples = self.examples.entry(id).or_insert_with(|| json!({}));
        let status = answer.status.as_str();
        if examples.get(status).is_none() && !answer.body.is_null() {
            examples[status] = answer.body.clone();
        }
    }

    async fn call(&mut self, operation: Operation) {
        let id = id(&operation);
        let mut path = operation.path.trim_start_matches("/api/v1").to_owned();
        let mut query = Vec::new();
        for parameter in operation.spec["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a name");
            let of = parameter["schema"]["$ref"].as_str().and_then(|place| DOCUMENT.pointer(place.trim_start_matches('#')));
            let prefix = of.and_then(|schema| schema["pattern"].as_str()).map(|pattern| pattern[1..4].to_owned());
            if parameter["in"] == "path" {
                let prefix = prefix.unwrap_or_else(|| panic!("{id}: what is {name}?"));
                let known = self.ids.get(&prefix).unwrap_or_else(|| panic!("{id} comes before there is a {prefix}_…"));
                path = path.replace(&format!("{{{name}}}"), known);
            } else if parameter["in"] == "query" && (parameter["required"] == true || name == "owner") {
                let value = match name {
                    "owner" => self.ids["pub"].clone(),
                    "year" => Clock::System.now().to_string()[..4].to_owned(),
                    "days" => "0".to_owned(),
                    _ => prefix.and_then(|kind| self.ids.get(&kind).cloned()).unwrap_or_else(|| text(&parameter["schema"]["enum"][0])),
                };
                query.push(format!("{name}={value}"));
            }
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let method: Method = operation.method.to_ascii_uppercase().parse().expect("a method");
        let example = &operation.spec["requestBody"]["content"]["application/json"]["example"];
        let body = (!example.is_null()).then(|| self.filled(example));
        let answer = match operation.spec["requestBody"]["content"]["text/csv"]["example"].as_str() {
            Some(table) => self.operator.upload(&path, self.real(table)).await,
            None => self.operator.call(method, &path, body.as_ref()).await,
        };
        assert!(answer.status.is_success(), "{id}: {path} {body:?}: {} {}", answer.status, answer.body);
        self.keep(id, &answer);
        if let Some(made) = answer.body["id"].as_str().filter(|_| answer.status == 201) {
            self.ids.insert(made[..3].to_owned(), made.to_owned());
        }
        self.after(id, &answer.body).await;
    }

    /// Sales as a shop sends them: recorded, again, and one without a click.
    async fn sell(&mut self) {
        let merchant = self.merchant.clone().expect("a merchant");
        let example = DOCUMENT.pointer("/paths/~1postback/post/requestBody/content/application~1json/example").expect("an example");
        let mut body = self.filled(example);
        body["click_id"] = self.click.clone().into();
        for _ in 0..2 {
            let answer = merchant.postback(&body).await;
            assert!(answer.status.is_success(), "{}", answer.body);
            self.ids.insert("cnv".to_owned(), text(&answer.body["conversion"]["id"]));
            self.keep("postback", &answer);
        }
        body["order_id"] = "A-1000".into();
        body.as_object_mut().expect("an object").remove("click_id");
        let answer = merchant.postback(&body).await.expect(202);
        assert_eq!(answer["code"], "no_click");
        self.keep("postback", &Answer { status: reqwest::StatusCode::ACCEPTED, body: answer });
    }

    /// A page of the inbox names a message.
    async fn look(&mut self) {
        let message = &self.operator.get("/inbox?limit=1").await["data"][0]["id"];
        self.ids.insert("inb".to_owned(), text(message));
    }
}

#[tokio::test]
async fn every_example_is_accepted_in_its_turn() {
    let fresh = Fresh::sqlite().await;
    let server = Server::start(&fresh.url);
    let mut story = Story::new(&server);
    let api = |method: &'static str| operations().filter(move |operation| is_api(operation) && operation.method == method);
    // In the order of the nouns: what is made first is what the next names.
    let order: Vec<String> = DOCUMENT["tags"].as_array().expect("tags").iter().map(|tag| text(&tag["name"])).collect();
    let place = |operation: &Operation| order.iter().position(|tag| operation.spec["tags"][0] == **tag);
    for method in ["post", "put", "patch", "get", "delete"] {
        let mut turn: Vec<Operation> = api(method).collect();
        turn.sort_by_key(|operation| (place(operation), operation.path.matches('{').count()));
        if method == "delete" {
            // Before what they need is gone.
            open_ones(&mut story).await;
            turn.reverse();
        }
        if method == "get" {
            story.look().await;
            story.bill().await;
        }
        for operation in turn {
            story.call(operation).await;
            // Rates that are known already are another answer.
            if id(&operation) == "create_rates" {
                story.call(operation).await;
            }
        }
    }
    let all: BTreeSet<&str> = operations().map(|operation| id(&operation)).collect();
    assert_eq!(story.done, all, "every operation has its turn");
    let mut statuses = Vec::new();
    for operation in operations() {
        let declared = operation.spec["responses"].as_object().expect("responses");
        for (status, answer) in declared.iter().filter(|(status, _)| status.starts_with('2')) {
            let json = answer["content"].get("application/json").is_some();
            if json && id(&operation) != "openapi" && story.examples.get(id(&operation)).is_none_or(|found| found.get(status).is_none()) {
                statuses.push(format!("{} {status}", id(&operation)));
            }
        }
    }
    assert!(statuses.is_empty(), "never answered: {statuses:?}");
    if write_it() {
        let text = serde_json::to_string_pretty(&story.examples).expect("JSON");
        hold(EXAMPLES, &format!("{text}\n"));
    }
    fresh.remove().await;
}

/// What needs no key, beside links and postbacks.
async fn open_ones(story: &mut Story) {
    let Operator { base, http, .. } = story.operator.clone();
    let signed = {
        let merchant = story.merchant.clone().expect("a merchant");
        let now = crate::support::server::unix_now();
        let query = format!("program={}&order_id=URL-1&amount=20.00&currency=EUR&click_id={}&ts={now}", story.ids["prg"], story.click);
        let signature = ristourne::kernel::signature::sign_query(&merchant.secret, &query);
        format!("/postback?{query}&sig={signature}")
    };
    for status in ["201", "200"] {
        let answer = Answer::read(Method::GET, http.get(format!("{base}{signed}")).send().await.expect("an answer")).await;
        assert_eq!(answer.status.as_str(), status, "{}", answer.body);
        story.keep("signed_url", &answer);
    }
    let unattributed = signed_without_click(story);
    let answer = Answer::read(Method::GET, http.get(format!("{base}{unattributed}")).send().await.expect("an answer")).await;
    story.keep("signed_url", &answer);
    for operation in operations().filter(|operation| operation.spec["tags"][0] == "server") {
        let answer = http.get(format!("{base}{}", operation.path)).send().await.expect("an answer");
        let media = answer.headers()[header::CONTENT_TYPE].to_str().expect("ASCII").to_owned();
        let declared = operation.spec["responses"]["200"]["content"].as_object().expect("content");
        assert_eq!(
            (answer.status().as_u16(), declared.keys().next().map(String::as_str)),
            (200, media.split(';').next()),
            "{}",
            operation.path
        );
        story.done.insert(id(&operation));
    }
    let pixel = format!("{base}/pixel.gif?program={}&order_id=PIX-1&amount=9.00&currency=EUR", story.ids["prg"]);
    let answer = http.get(pixel).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), &answer.headers()[header::CONTENT_TYPE]), (200, &header::HeaderValue::from_static("image/gif")));
    story.done.insert("pixel");
}

fn signed_without_click(story: &Story) -> String {
    let merchant = story.merchant.as_ref().expect("a merchant");
    let query = format!("program={}&order_id=URL-2&amount=20.00&currency=EUR&ts={}", story.ids["prg"], crate::support::server::unix_now());
    format!("/postback?{query}&sig={}", ristourne::kernel::signature::sign_query(&merchant.secret, &query))
}
