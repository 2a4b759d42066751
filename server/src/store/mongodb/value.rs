//! JSON values as BSON and back.
//!
//! What the station writes comes back exactly as it was. What an older system wrote comes back as
//! JSON where JSON has a word for it, and as text where it has none.

use mongodb::bson::{Bson, Decimal128, Document};
use serde_json::{Map, Number, Value};

/// Beyond it a double no longer tells whole numbers apart.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A JSON value as BSON.
pub(super) fn to_bson(value: Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(flag) => Bson::Boolean(flag),
        Value::Number(number) => number_to_bson(&number),
        Value::String(text) => Bson::String(text),
        Value::Array(values) => Bson::Array(values.into_iter().map(to_bson).collect()),
        Value::Object(entries) => Bson::Document(
            entries.into_iter().map(|(name, value)| (name, to_bson(value))).collect(),
        ),
    }
}

fn number_to_bson(number: &Number) -> Bson {
    if let Some(whole) = number.as_i64() {
        return i32::try_from(whole).map_or(Bson::Int64(whole), Bson::Int32);
    }
    // BSON has no unsigned integers; a device may answer with any number of 64 bits.
    let large = number.as_u64().and_then(|large| large.to_string().parse::<Decimal128>().ok());
    large.map_or_else(|| Bson::Double(number.as_f64().unwrap_or(f64::NAN)), Bson::Decimal128)
}

/// A BSON value as JSON.
pub(super) fn to_json(value: &Bson) -> Value {
    match value {
        Bson::Null | Bson::Undefined => Value::Null,
        Bson::Boolean(flag) => Value::Bool(*flag),
        Bson::Int32(number) => Value::from(*number),
        Bson::Int64(number) => Value::from(*number),
        Bson::Double(number) => match whole(*number) {
            Some(whole) => Value::from(whole),
            None => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        },
        Bson::Decimal128(number) => {
            let text = number.to_string();
            text.parse::<u64>().map_or(Value::String(text), Value::from)
        }
        Bson::String(text) | Bson::Symbol(text) => Value::String(text.clone()),
        Bson::ObjectId(id) => Value::String(id.to_hex()),
        Bson::DateTime(at) => {
            let at = jiff::Timestamp::from_millisecond(at.timestamp_millis());
            at.map_or(Value::Null, |at| Value::String(at.to_string()))
        }
        Bson::Array(values) => Value::Array(values.iter().map(to_json).collect()),
        Bson::Document(document) => Value::Object(object(document)),
        other => Value::String(other.to_string()),
    }
}

fn object(document: &Document) -> Map<String, Value> {
    document.iter().map(|(name, value)| (name.clone(), to_json(value))).collect()
}

/// A number of any type that is whole, or cut to be: `createdAt` came as any of them.
pub(super) fn integer(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(number) => Some((*number).into()),
        Bson::Int64(number) => Some(*number),
        Bson::Double(number) => whole(number.trunc()),
        _ => None,
    }
}

/// The old server wrote numbers as JavaScript has them: a whole one may be a double.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{DateTime, bson, oid::ObjectId};
    use serde_json::json;

    #[test]
    fn what_the_station_writes_comes_back() {
        for value in [
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(2_147_483_648_u64),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(0.5),
            json!("d'\"\\\u{1f600}"),
            json!([1, [2, {"a.b": "$c"}], []]),
            json!({"a": {"b": null}}),
        ] {
            assert_eq!(to_json(&to_bson(value.clone())), value);
        }
    }

    #[test]
    fn what_others_wrote_is_read_as_well_as_it_can_be() {
        let id = ObjectId::parse_str("65a1b2c3d4e5f60718293a4b").unwrap();
        for (value, read) in [
            (bson!([0.0, 17.0, 255.0]), json!([0, 17, 255])),
            (bson!(1.5), json!(1.5)),
            (bson!(1e300), json!(1e300)),
            (bson!(f64::NAN), json!(null)),
            (Bson::ObjectId(id), json!("65a1b2c3d4e5f60718293a4b")),
            (Bson::DateTime(DateTime::from_millis(0)), json!("1970-01-01T00:00:00Z")),
            (Bson::MaxKey, json!("MaxKey")),
        ] {
            assert_eq!(to_json(&value), read);
        }
    }

    #[test]
    fn whole_numbers_of_every_type_are_read() {
        for value in [bson!(17), bson!(17_i64), bson!(17.0), bson!(17.9)] {
            assert_eq!(integer(&value), Some(17));
        }
        for value in [bson!("17"), bson!(null), bson!(f64::NAN), bson!(1e300)] {
            assert_eq!(integer(&value), None);
        }
    }
}
