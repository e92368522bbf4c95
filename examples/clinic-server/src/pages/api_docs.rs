//! The API's description as a page: rendered here from the document itself, so that nothing is loaded from anywhere.

use super::{
    rendered,
    session::Visitor,
    view::{ApiDocsPage, ApiOperation, ApiPart, Section},
};
use crate::{App, api::document, http::Problem};
use axum::{extract::State, response::Response};
use healthcare_core::ErrorCode;
use serde_json::Value;
use std::sync::Arc;

/// The page, for whoever may read the document.
pub(super) async fn page(State(app): State<Arc<App>>, visitor: Visitor) -> Result<Response, Problem> {
    let document: Value = serde_json::from_str(document()).map_err(|_| Problem::of(ErrorCode::Internal))?;
    let frame = visitor.frame(&app, Section::Other).await;
    let page = ApiDocsPage {
        frame,
        about: text(at(&document, "/info/description")),
        operations: operations(&document),
        schemas: schemas(&document),
    };
    Ok(visitor.answer(rendered(&page)))
}

/// What stands there, or null.
fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    value.pointer(path).unwrap_or(&Value::Null)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn operations(document: &Value) -> Vec<ApiOperation> {
    let mut found = Vec::new();
    for (path, methods) in entries(at(document, "/paths")) {
        for (method, operation) in entries(methods).filter(|(_, operation)| operation.is_object()) {
            let parameters = items(at(operation, "/parameters")).map(parameter).collect();
            let body = at(operation, "/requestBody/content");
            let answers = entries(at(operation, "/responses")).map(|(status, answer)| ApiPart {
                name: status.clone(),
                kind: content(at(answer, "/content")),
                about: text(at(answer, "/description")),
            });
            found.push(ApiOperation {
                method: method.to_ascii_uppercase(),
                path: path.clone(),
                summary: text(at(operation, "/summary")),
                about: text(at(operation, "/description")),
                parameters,
                body: content(body),
                answers: answers.collect(),
            });
        }
    }
    found
}

fn parameter(parameter: &Value) -> ApiPart {
    let required = if at(parameter, "/required") == &Value::Bool(true) { ", required" } else { "" };
    ApiPart {
        name: text(at(parameter, "/name")),
        kind: format!("{} in {}{required}", kind(at(parameter, "/schema")), text(at(parameter, "/in"))),
        about: text(at(parameter, "/description")),
    }
}

fn content(content: &Value) -> String {
    entries(content).map(|(_, media)| kind(at(media, "/schema"))).next().unwrap_or_default()
}

/// A schema in a word or two.
fn kind(schema: &Value) -> String {
    if let Some(reference) = at(schema, "/$ref").as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(one) = schema.get(several) {
            return items(one).map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    match at(schema, "/type") {
        Value::String(name) if name == "array" => format!("list of {}", kind(at(schema, "/items"))),
        Value::String(name) => name.clone(),
        Value::Array(names) => names.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ => String::new(),
    }
}

fn schemas(document: &Value) -> Vec<(String, Vec<ApiPart>)> {
    let fields = |schema: &Value| {
        let field = |(name, field): (&String, &Value)| ApiPart {
            name: name.clone(),
            kind: kind(field),
            about: text(at(field, "/description")),
        };
        entries(at(schema, "/properties")).map(field).collect()
    };
    entries(at(document, "/components/schemas"))
        .map(|(name, schema)| (name.clone(), fields(schema)))
        .collect()
}
