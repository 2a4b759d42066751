//! What a parameter or a member of this name looks like, said once for every route that has it.

use serde_json::json;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{Object, SchemaType, Type};
use utoipa::openapi::{OpenApi, RefOr, Schema};

use super::operations;

/// Longest value of a parameter that has no other bound, in bytes.
const LONGEST: usize = 1024;

/// The bounds of a text: shortest, longest, pattern.
struct Text(usize, usize, &'static str);

/// Any printable text.
const PRINTABLE: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";
/// A moment, or a date.
const MOMENT: &str = r"^[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))?$";

/// The texts among the parameters, by name.
fn parameter(name: &str) -> Option<Text> {
    Some(match name {
        "serialNumber" => Text(1, 255, PRINTABLE),
        "space" => Text(3, 4, "^(pep|sign)$"),
        "state" => Text(4, 9, "^(reserved|issued|sent|confirmed|failed|released|denied|open)$"),
        "order" => Text(3, 4, "^([Aa][Ss][Cc]|[Dd][Ee][Ss][Cc])$"),
        "last" => Text(0, 24, "^([0-9a-fA-F]{24})?$"),
        "since" | "until" => Text(10, 35, MOMENT),
        "reason" => Text(1, 500, PRINTABLE),
        "category" => Text(1, 64, PRINTABLE),
        "hardwareVersion" => Text(0, LONGEST, ""),
        "prefix" | "station" => Text(0, 255, ""),
        _ => return None,
    })
}

/// The texts among the members of documents, by name.
fn member(name: &str) -> Option<Text> {
    Some(match name {
        "_id" => Text(24, 24, "^[0-9a-f]{24}$"),
        "enrollmentID" => Text(97, 97, "^A-([0-9A-F]{2}:){31}[0-9A-F]{2}$"),
        "requestId" => Text(32, 32, "^[0-9a-f]{32}$"),
        "code" => Text(4, 32, "^[a-z]+(-[a-z]+)*$"),
        "order" => Text(3, 4, "^(ASC|DESC)$"),
        "space" => Text(3, 4, "^(pep|sign)$"),
        _ => return None,
    })
}

/// Bounds every text parameter, and the members whose form is fixed.
pub(super) fn bound(openapi: &mut OpenApi) {
    for (_, _, operation) in operations(openapi) {
        for parameter in operation.parameters.iter_mut().flatten() {
            if let RefOr::T(parameter) = parameter {
                bound_parameter(parameter);
            }
        }
    }
    let Some(components) = &mut openapi.components else { return };
    for schema in components.schemas.values_mut() {
        bound_members(schema);
    }
}

fn bound_parameter(one: &mut Parameter) {
    let Some(RefOr::T(Schema::Object(schema))) = &mut one.schema else { return };
    if one.name == "limit" {
        // Read leniently, as the old server did; this is what is meant.
        schema.schema_type = SchemaType::Type(Type::Integer);
        schema.default = Some(json!(50));
        schema.minimum = Some(1.into());
        schema.maximum = Some(1000.into());
        return;
    }
    if !is_text(schema) {
        return;
    }
    let bounds = parameter(&one.name).unwrap_or(Text(0, LONGEST, ""));
    apply(schema, &bounds);
    if one.name == "serialNumber" {
        schema.examples = vec![json!("GW-0001")];
    }
}

fn bound_members(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            for (name, property) in &mut object.properties {
                if let RefOr::T(Schema::Object(property)) = property
                    && is_text(property)
                    && let Some(bounds) = member(name)
                {
                    apply(property, &bounds);
                }
            }
        }
        RefOr::T(Schema::AllOf(all)) => all.items.iter_mut().for_each(bound_members),
        _ => {}
    }
}

fn is_text(schema: &Object) -> bool {
    match &schema.schema_type {
        SchemaType::Type(only) => *only == Type::String,
        SchemaType::Array(any) => any.contains(&Type::String),
        SchemaType::AnyValue => false,
    }
}

/// What is said beside the parameter itself stays.
fn apply(schema: &mut Object, Text(shortest, longest, pattern): &Text) {
    if *shortest > 0 {
        schema.min_length.get_or_insert(*shortest);
    }
    schema.max_length.get_or_insert(*longest);
    if !pattern.is_empty() {
        schema.pattern.get_or_insert_with(|| (*pattern).to_owned());
    }
}
