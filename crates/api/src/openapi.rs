//! The contract as OpenAPI 3.1, made from [`crate::ROUTES`] and [`crate::contract`].

use crate::contract::{Body, SchemaOf, Shape, shape};
use crate::{Problem, ROUTES, Route};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

/// Where the schemas of types stand in the document.
const SCHEMAS: &str = "/components/schemas";

/// The document, for this version of the program.
pub fn document(version: &str) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = SCHEMAS.into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let Some(shape) = shape(route.name) else { continue };
        let operation = operation(route, &shape, &mut generator, problem.as_value());
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.to_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sequestra",
            "version": version,
            "description": "The contract of a site's process, over HTTPS and over the socket in the site.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"session": []}],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {"session": {
                "type": "http", "scheme": "bearer",
                "description": "The session's token, as `session create` gives it.",
            }},
        },
    })
}

fn operation(route: &Route, shape: &Shape, generator: &mut SchemaGenerator, problem: &Value) -> Value {
    let mut parameters = in_path(route.path);
    parameters.extend(shape.query.iter().flat_map(|query| in_query(*query, generator)));
    let mut operation = json!({
        "operationId": route.name.replace(' ', "-"),
        "tags": [route.name.split(' ').next()],
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done.", "content": content(shape.gives, generator)},
            "default": {
                "description": "A problem.",
                "content": {"application/json": {"schema": problem}},
            },
        },
    });
    let Some(fields) = operation.as_object_mut() else { return operation };
    if !matches!(shape.takes, Body::Nothing) {
        let body = json!({"required": true, "content": content(shape.takes, generator)});
        fields.insert("requestBody".to_owned(), body);
    }
    match route.action {
        Some(action) => drop(fields.insert("x-action".to_owned(), action.into())),
        None if crate::route::OPEN.contains(&route.name) => {
            drop(fields.insert("security".to_owned(), json!([])))
        }
        None => {}
    }
    operation
}

fn content(body: Body, generator: &mut SchemaGenerator) -> Value {
    match body {
        Body::Nothing => json!({}),
        Body::Json(schema) => json!({"application/json": {"schema": schema(generator)}}),
        Body::Bytes(media_type) => json!({media_type: {}}),
        Body::Lines => json!({"application/x-ndjson": {}}),
    }
}

fn in_path(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect()
}

/// One parameter for each field of the query's type.
fn in_query(query: SchemaOf, generator: &mut SchemaGenerator) -> Vec<Value> {
    let named = query(generator);
    let place = named.as_value().get("$ref").and_then(Value::as_str).map(str::to_owned);
    let name = place.as_deref().and_then(|place| place.rsplit('/').next());
    let schema = name.and_then(|name| generator.definitions().get(name)).cloned();
    let fields = schema.as_ref().and_then(|schema| schema.get("properties")?.as_object());
    let parameter = |(name, schema): (&String, &Value)| json!({"name": name, "in": "query", "required": false, "schema": schema});
    fields.into_iter().flatten().map(parameter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_route_says_what_it_takes_and_gives() {
        let missing: Vec<&str> =
            ROUTES.iter().map(|route| route.name).filter(|name| shape(name).is_none()).collect();
        assert!(missing.is_empty(), "routes without their types in `contract.rs`: {missing:?}");
        assert!(shape("a route that is not there").is_none());
        let document = document("0");
        let told: usize =
            document["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
        assert_eq!(told, ROUTES.len());
    }

    /// Every `$ref` in it.
    fn refs(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| refs(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| refs(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_no_type_has_two_names() {
        let document = document("0");
        let mut found = BTreeSet::new();
        refs(&document, &mut found);
        assert!(found.len() > 40, "{}", found.len());
        for place in found {
            let pointer = place.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{place}");
        }
        // A second type of the same name gets a number: name it apart with `#[schemars(rename = …)]`.
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let numbered: Vec<&String> =
            schemas.keys().filter(|name| name.ends_with(|c: char| c.is_ascii_digit())).collect();
        assert!(numbered.is_empty(), "{numbered:?}");
    }

    #[test]
    fn the_contract_is_as_reviewed() {
        insta::assert_json_snapshot!("openapi", document("0"));
    }
}
