//! The access matrix: every declared operation, asked by every role and by nobody, about own, foreign and unknown rows.
//!
//! A foreign row answers as one that does not exist, to the byte; what is not a role's is forbidden before anything is looked at; and no
//! answer holds an id that its reader may not know. The cases come from the declarations, so that a new operation without a place in
//! `place.rs` fails here.
mod place;
mod world;

use crate::support::{for_each_database, server::Server};
use place::{Call, place};
use reqwest::{Method, header};
use ristourne::{
    domain::{access::ANY, key::Role},
    web::api::{Content, Field, Kind, Operation, operations},
};
use serde_json::{Value, json};
use world::World;

/// An answer, as far as it must not tell a foreign row from an unknown one.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Said {
    /// With the id that was asked for replaced, since an answer may repeat it.
    fn without(mut self, id: &str) -> Self {
        self.body = self.body.replace(id, "ID");
        self
    }

    fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

async fn ask(world: &World, key: Option<&str>, operation: &Operation, call: &Call) -> Said {
    let mut path = operation.path.to_owned();
    for (field, id) in operation.ids.iter().zip(&call.ids) {
        path = path.replace(&format!("{{{}}}", field.name), id);
    }
    let query: Vec<String> = call.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let url = format!("{}/api/v1{path}?{}", world.operator.base, query.join("&"));
    let method = Method::from_bytes(operation.method.as_str().as_bytes()).expect("a method");
    let mut request = world.operator.http.request(method, url);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    if let Some(accept) = call.accept {
        request = request.header(header::ACCEPT, accept);
    }
    if let Some(body) = &call.body {
        request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
    }
    if let Some(csv) = &call.csv {
        request = request.header(header::CONTENT_TYPE, "text/csv").body(csv.clone());
    }
    let answer = request.send().await.expect("the server answers");
    let status = answer.status().as_u16();
    let told = |name: &header::HeaderName| !["x-request-id", "date"].contains(&name.as_str());
    let headers = answer.headers().iter().filter(|(name, _)| told(name));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().expect("visible ASCII").to_owned())).collect();
    Said { status, headers, body: answer.text().await.expect("the body comes") }
}

/// The places of a call that hold an id: it can be put there, and the field says of which kind it must be.
enum Slot {
    Path(usize),
    Query(&'static str),
    Body(&'static str),
}

impl Slot {
    fn put(&self, call: &Call, id: &str) -> Call {
        let mut call = call.clone();
        match self {
            Self::Path(n) => id.clone_into(&mut call.ids[*n]),
            Self::Query(name) => {
                call.query.retain(|(other, _)| other != name);
                call.query.push((*name, id.to_owned()));
            }
            Self::Body(name) => match call.body.as_mut().expect("a body with fields") {
                Value::Array(items) => items[0][*name] = json!(id),
                object => object[*name] = json!(id),
            },
        }
        call
    }
}

/// The prefixes of ids that a field may hold.
fn prefixes(kind: Kind) -> Vec<&'static str> {
    match kind {
        Kind::Id(prefix) => vec![prefix],
        Kind::Owner => vec!["mer", "pub", "buy"],
        _ => Vec::new(),
    }
}

fn slots(operation: &Operation) -> Vec<(Slot, &'static str)> {
    let all = |field: &Field, slot: &dyn Fn() -> Slot| prefixes(field.kind).into_iter().map(|prefix| (slot(), prefix)).collect::<Vec<_>>();
    let path = operation.ids.iter().enumerate().flat_map(|(n, field)| all(field, &|| Slot::Path(n)));
    let query = operation.parameters().flat_map(|field| all(field, &|| Slot::Query(field.name)));
    let body = operation.fields().iter().flat_map(|field| all(field, &|| Slot::Body(field.name)));
    path.chain(query).chain(body).collect()
}

/// Of the kind, well-formed, and nobody's.
fn unknown(prefix: &str) -> String {
    format!("{prefix}_7zzzzzzzzzzzz")
}

/// What is not this role's, and what nobody may do without a key.
async fn refused(world: &World, operation: &Operation, call: &Call) {
    let id = operation.id;
    let others = slots(operation).into_iter().flat_map(|(slot, prefix)| {
        let ids = ANY.iter().filter_map(|role| world.foreign(role, prefix)).chain([unknown(prefix)]);
        ids.map(|id| slot.put(call, &id)).collect::<Vec<_>>()
    });
    let mut calls: Vec<Call> = others.collect();
    calls.push(call.clone());
    if call.body.is_some() {
        calls.push(Call { body: Some(json!({"no_such_field": true})), ..call.clone() });
    }
    for call in &calls {
        for role in ANY.iter().filter(|role| !operation.roles.contains(*role)) {
            let said = ask(world, Some(world.key(role)), operation, call).await;
            assert_eq!((said.status, said.code().as_str()), (403, "forbidden"), "{id} by a {}: {call:?} {said:?}", role.word());
        }
        let said = ask(world, None, operation, call).await;
        assert_eq!((said.status, said.code().as_str()), (401, "key_missing"), "{id} without a key");
        let said = ask(world, Some(&world.revoked), operation, call).await;
        assert_eq!((said.status, said.code().as_str()), (401, "key_invalid"), "{id} with a revoked key");
    }
}

/// A foreign row in each place of the call where one may stand.
async fn foreign(world: &World, operation: &Operation, role: Role, call: &Call) -> usize {
    let mut checked = 0;
    for (slot, prefix) in slots(operation) {
        let Some(foreign) = world.foreign(role, prefix) else { continue };
        let unknown = unknown(prefix);
        let key = world.key(role);
        let theirs = ask(world, Some(key), operation, &slot.put(call, &foreign)).await.without(&foreign);
        let nobodys = ask(world, Some(key), operation, &slot.put(call, &unknown)).await.without(&unknown);
        let about = format!("{} by a {} with {foreign}", operation.id, role.word());
        assert_eq!(theirs, nobodys, "{about} is not answered as for an id that does not exist");
        match slot {
            Slot::Path(_) => assert_eq!((theirs.status, theirs.code().as_str()), (404, "not_found"), "{about}"),
            Slot::Body(_) if operation.body.is_some_and(|body| body.items_max.is_some()) => {
                let wanted = if operation.id == "create_verdicts" { r#""code":"not_found""# } else { r#""code":"unknown_"# };
                assert!(theirs.body.contains(wanted), "{about}: {theirs:?}");
            }
            Slot::Body(_) => assert!(theirs.status == 422 && theirs.code().starts_with("unknown_"), "{about}: {theirs:?}"),
            Slot::Query(_) => assert!([200, 404].contains(&theirs.status), "{about}: {theirs:?}"),
        }
        checked += 1;
    }
    checked
}

/// The call, and the same in every form that its answer may take: each word of what must be chosen, each media type.
fn forms(operation: &Operation, call: &Call) -> Vec<Call> {
    let mut forms = vec![call.clone()];
    for field in operation.parameters().filter(|field| field.required) {
        let Kind::Word(words) = field.kind else { continue };
        forms.extend(words.iter().map(|word| Slot::Query(field.name).put(call, word)));
    }
    for answer in &operation.answers {
        let Content::Raw(accept) = answer.content else { continue };
        forms.push(Call { accept: Some(accept), ..call.clone() });
    }
    forms
}

/// What is its own, where it works, shows something, and shows nothing of others.
async fn own(world: &World, operation: &Operation, role: Role, call: &Call) {
    for (n, call) in forms(operation, call).iter().enumerate() {
        let said = ask(world, Some(world.key(role)), operation, call).await;
        let about = format!("{} by a {}, {call:?}", operation.id, role.word());
        assert!((200..300).contains(&said.status), "{about}: {said:?}");
        for secret in world.secret_to(role) {
            assert!(!said.body.contains(&secret), "{about} shows {secret}: {}", said.body);
        }
        let body: Value = serde_json::from_str(&said.body).unwrap_or_default();
        match body["data"].as_array() {
            Some(data) if n == 0 => assert!(!data.is_empty(), "{about} shows nothing"),
            _ => assert!(!said.body.is_empty(), "{about} says nothing"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_and_every_operation() {
    for_each_database(async |database| {
        let server = Server::start(database);
        let world = World::new(&server).await;
        let before = world.theirs().await;
        let mut checked = 0;
        for operation in operations() {
            for role in ANY.iter().filter(|role| operation.roles.contains(*role)) {
                let call = place(&world, &operation, role).await;
                checked += foreign(&world, &operation, role, &call).await;
                refused(&world, &operation, &call).await;
                own(&world, &operation, role, &call).await;
            }
        }
        assert!(checked > 40, "only {checked} foreign ids were tried");
        assert_eq!(world.theirs().await, before, "somebody changed what is not theirs");
        server.stop();
    })
    .await;
}
