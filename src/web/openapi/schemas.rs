//! The document's named schemas and refusals: collected while operations are written, then tidied.

use crate::web::api::Shape;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use utoipa::{PartialSchema, ToSchema};

const PLACE: &str = "#/components/schemas/";

/// Schemas and refusals by name.
#[derive(Debug, Default)]
pub struct Schemas {
    schemas: Map<String, Value>,
    refusals: Map<String, Value>,
}

impl Schemas {
    /// A type of ours with all that it refers to; gives the reference.
    pub fn add<T: ToSchema + PartialSchema>(&mut self) -> Value {
        self.shape(Shape::of::<T>())
    }

    pub fn shape(&mut self, shape: Shape) -> Value {
        let mut parts = Vec::new();
        (shape.parts)(&mut parts);
        for (name, schema) in parts {
            self.put(&name, serde_json::to_value(schema).expect("schemas are JSON"));
        }
        self.put(&(shape.name)(), serde_json::to_value((shape.schema)()).expect("schemas are JSON"))
    }

    /// A schema under this name; gives the reference. Two that differ may not have one name.
    pub fn put(&mut self, name: &str, schema: Value) -> Value {
        if let Some(known) = self.schemas.get(name) {
            assert!(*known == schema, "two schemas are called {name}");
        } else {
            self.schemas.insert(name.to_owned(), schema);
        }
        json!({"$ref": format!("{PLACE}{name}")})
    }

    /// A refusal under its title; gives the reference, or the refusal itself where another has that title already.
    pub fn refusal(&mut self, title: &str, refusal: Value) -> Value {
        let known = self.refusals.entry(title).or_insert_with(|| refusal.clone());
        if *known == refusal { json!({"$ref": format!("#/components/responses/{title}")}) } else { refusal }
    }

    /// What the HTTP layer says by itself, to whomever.
    pub fn too_large_headers(&mut self) -> Value {
        self.refusal("RequestHeaderFieldsTooLarge", json!({"description": "The request's headers are too large. Without a body."}))
    }

    pub fn refusals(&self) -> Value {
        Value::Object(self.refusals.clone())
    }

    /// All that `paths` refer to, directly or not, with objects that are put together from others written out.
    pub fn finish(self, paths: &Value) -> Map<String, Value> {
        let all = self.schemas;
        let mut named: Map<String, Value> = all.iter().map(|(name, schema)| (name.clone(), written_out(schema, &all))).collect();
        let mut wanted = BTreeSet::new();
        let mut next = BTreeSet::new();
        references(paths, &mut next);
        self.refusals.values().for_each(|refusal| references(refusal, &mut next));
        while let Some(name) = next.pop_first() {
            if wanted.insert(name.clone()) {
                references(&named[&name], &mut next);
            }
        }
        named.retain(|name, _| wanted.contains(name));
        named
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            if let Some(name) = object.get("$ref").and_then(Value::as_str).and_then(|place| place.strip_prefix(PLACE)) {
                found.insert(name.to_owned());
            }
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// What a derive writes for flattened fields, `allOf`, as the object it is; of alternatives inside, one object each.
fn written_out(schema: &Value, all: &Map<String, Value>) -> Value {
    match schema {
        Value::Object(object) => {
            let mut object: Map<String, Value> = object.iter().map(|(name, value)| (name.clone(), written_out(value, all))).collect();
            let Some(Value::Array(parts)) = object.remove("allOf") else { return Value::Object(object) };
            let mut alternatives = vec![json!({"type": "object"})];
            for part in parts {
                let choices = choices(&part, all);
                alternatives = alternatives.iter().flat_map(|one| choices.iter().map(|choice| merged(one, choice))).collect();
            }
            if let [_] = alternatives.as_slice() {
                let whole = alternatives.remove(0);
                return merged(&whole, &Value::Object(object));
            }
            object.insert("anyOf".to_owned(), Value::Array(alternatives));
            Value::Object(object)
        }
        Value::Array(list) => list.iter().map(|value| written_out(value, all)).collect(),
        other => other.clone(),
    }
}

/// The objects that a part of an `allOf` may be.
fn choices(part: &Value, all: &Map<String, Value>) -> Vec<Value> {
    let part = match part["$ref"].as_str().and_then(|place| place.strip_prefix(PLACE)) {
        Some(name) => written_out(&all[name], all),
        None => part.clone(),
    };
    match part.get("oneOf").or_else(|| part.get("anyOf")) {
        Some(Value::Array(several)) => several.iter().flat_map(|one| choices(one, all)).collect(),
        _ => vec![part],
    }
}

/// Both objects' fields. The second one's description counts.
fn merged(a: &Value, b: &Value) -> Value {
    let mut whole = a.clone();
    for (name, value) in b.as_object().into_iter().flatten() {
        match (whole.get_mut(name), value) {
            (Some(Value::Object(known)), Value::Object(more)) => known.extend(more.clone()),
            (Some(Value::Array(known)), Value::Array(more)) => known.extend(more.iter().cloned()),
            _ => whole[name] = value.clone(),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flattened_objects_are_written_out_and_their_parts_go() {
        let mut schemas = Schemas::default();
        let core = schemas.put("Core", json!({"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}));
        let either = json!({"oneOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}, "required": ["b"]}]});
        let own = json!({"type": "object", "required": ["n"], "properties": {"n": {}}});
        schemas.put("Whole", json!({"allOf": [core, own.clone()], "description": "All."}));
        schemas.put("Either", json!({"allOf": [either, own]}));
        let named = schemas.finish(&json!([{"$ref": "#/components/schemas/Whole"}, {"$ref": "#/components/schemas/Either"}]));
        assert_eq!(named.keys().collect::<Vec<_>>(), ["Either", "Whole"]);
        assert_eq!(named["Whole"]["required"], json!(["id", "n"]));
        assert_eq!(named["Whole"]["description"], "All.");
        assert_eq!(named["Either"]["anyOf"][1]["required"], json!(["b", "n"]));
    }
}
