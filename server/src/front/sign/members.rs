//! The members of a request (sign 3): steps 2 to 6 of its validation order, and the shapes of all
//! that is used later, so that nothing can fail after a certificate exists.

use serde_json::{Map, Value};

use crate::station::Error;

/// Where the real client keeps its files unless told otherwise.
const DEFAULT_FOLDER: &str = "/var/sota";
/// Longest hardware id and name, in bytes.
const LONGEST_NAME: usize = 128;
/// Longest path, in bytes.
const LONGEST_PATH: usize = 255;

/// The keys of one section with their values; `None` unsets a key.
pub(super) type Keys = Vec<(String, Option<String>)>;
/// Sections by name, in the request's order.
pub(super) type Overrides = Vec<(String, Keys)>;

/// What a request said, checked for form.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) csr: String,
    pub(super) hardware_id: String,
    pub(super) folder: String,
    pub(super) name: Option<String>,
    /// By section, then by key, in the request's order.
    pub(super) overrides: Overrides,
}

impl Members {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Error::BadRequest`], the first rule broken in the reference's order and in its words
    /// where it has some.
    pub(super) fn read(body: &[u8]) -> Result<Self, Error> {
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            bad(format!("the body is not JSON: {error}"), "send one JSON object in UTF-8")
        })?;
        if is_falsy(&value) {
            return Err(bad("Missing request body", "send a JSON object with `csr`"));
        }
        let Value::Object(members) = value else {
            return Err(bad("the body is not a JSON object", "send a JSON object with `csr`"));
        };
        let csr = match given(&members, "csr") {
            None => return Err(missing("csr")),
            Some(Value::String(csr)) => csr.clone(),
            Some(_) => {
                return Err(bad("Invalid data type for 'csr'", "send the CSR as PEM in a string"));
            }
        };
        let hardware_id = given(&members, "hardware-id").ok_or_else(|| missing("hardware-id"))?;
        let hardware_id = text("hardware-id", hardware_id, LONGEST_NAME)?;
        if given(&members, "group").is_some() {
            return Err(bad(
                "Registration-reference does not support 'group' field",
                "leave `group` (-g) out: the station's settings say which group a device is in",
            ));
        }
        let folder = match given(&members, "sota-config-dir") {
            None => DEFAULT_FOLDER.to_owned(),
            Some(folder) => text("sota-config-dir", folder, LONGEST_PATH)?,
        };
        let name = given(&members, "name").map(|name| text("name", name, LONGEST_NAME));
        let overrides = overrides(members.get("overrides"))?;
        Ok(Self { csr, hardware_id, folder, name: name.transpose()?, overrides })
    }
}

/// A member that is there and is not falsy.
fn given<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| !is_falsy(value))
}

/// What the reference's language takes for nothing.
fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

fn text(name: &str, value: &Value, longest: usize) -> Result<String, Error> {
    let Value::String(text) = value else {
        return Err(bad(format!("Invalid data type for '{name}'"), "send it as a string"));
    };
    if text.len() > longest {
        let problem = format!("`{name}` has {} bytes, at most {longest} are taken", text.len());
        return Err(bad(problem, "send a shorter one"));
    }
    if text.chars().any(char::is_control) {
        let problem = format!("`{name}` holds a control character");
        return Err(bad(problem, "send it as one line of text"));
    }
    Ok(text.clone())
}

fn overrides(value: Option<&Value>) -> Result<Overrides, Error> {
    let shape = || {
        bad(
            "`overrides` is not an object of objects of strings",
            "send {\"section\": {\"key\": \"value\"}}, null or \"\" to unset a key",
        )
    };
    let sections = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(sections)) => sections,
        Some(_) => return Err(shape()),
    };
    let read = |(section, keys): (&String, &Value)| {
        let Value::Object(keys) = keys else { return Err(shape()) };
        let keys = keys.iter().map(|(key, value)| match value {
            Value::Null => Ok((key.clone(), None)),
            Value::String(text) if text.is_empty() => Ok((key.clone(), None)),
            Value::String(text) => Ok((key.clone(), Some(text.clone()))),
            _ => Err(shape()),
        });
        Ok((section.clone(), keys.collect::<Result<_, _>>()?))
    };
    sections.iter().map(read).collect()
}

fn missing(name: &str) -> Error {
    bad(format!("Missing required field '{name}'"), "the client of LmP sends it by itself")
}

pub(super) fn bad(problem: impl Into<String>, hint: &str) -> Error {
    Error::BadRequest { problem: problem.into(), hint: hint.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> String {
        match Members::read(body.as_bytes()) {
            Ok(members) => format!("{members:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn refuses_in_the_references_order_and_words() {
        for (body, words) in [
            ("", "the body is not JSON"),
            ("{", "the body is not JSON"),
            ("\u{feff}{\"csr\": 1}", "the body is not JSON"),
            ("{\"csr\": NaN}", "the body is not JSON"),
            (&"[".repeat(100_000), "the body is not JSON"),
            ("{}", "Missing request body"),
            ("[]", "Missing request body"),
            ("null", "Missing request body"),
            ("0", "Missing request body"),
            ("\"\"", "Missing request body"),
            ("false", "Missing request body"),
            ("[1]", "is not a JSON object"),
            ("\"str\"", "is not a JSON object"),
            ("12", "is not a JSON object"),
            ("{\"a\": 1}", "Missing required field 'csr'"),
            ("{\"csr\": \"\"}", "Missing required field 'csr'"),
            ("{\"csr\": 1, \"hardware-id\": \"\"}", "Invalid data type for 'csr'"),
            ("{\"csr\": \"x\"}", "Missing required field 'hardware-id'"),
            ("{\"csr\": \"x\", \"hardware-id\": []}", "Missing required field 'hardware-id'"),
            ("{\"csr\": \"x\", \"hardware-id\": [1]}", "Invalid data type for 'hardware-id'"),
            ("{\"csr\": \"x\", \"hardware-id\": \"a\\nb\"}", "control character"),
            (
                "{\"csr\": \"x\", \"hardware-id\": \"h\", \"group\": \"g\"}",
                "Registration-reference does not support 'group' field",
            ),
            ("{\"csr\": \"x\", \"hardware-id\": \"h\", \"name\": {\"a\": 1}}", "'name'"),
            ("{\"csr\": \"x\", \"hardware-id\": \"h\", \"sota-config-dir\": 7}", "'sota-config-"),
        ] {
            assert!(said(body).contains(words), "{body:.60}: {}", said(body));
        }
        for overrides in [
            "\"x\"",
            "1",
            "[1]",
            "{\"a\": null}",
            "{\"a\": \"x\"}",
            "{\"a\": [1]}",
            "{\"a\": {\"b\": 1}}",
            "{\"a\": {\"b\": true}}",
            "{\"a\": {\"b\": [1]}}",
        ] {
            let body = format!(r#"{{"csr": "x", "hardware-id": "h", "overrides": {overrides}}}"#);
            assert!(said(&body).contains("object of objects"), "{overrides}: {}", said(&body));
        }
    }

    #[test]
    fn takes_what_the_client_sends_and_the_last_of_two() {
        let body = r#"{"use-ostree-server": "true", "csr": "a", "csr": "b", "group": "", "name": "",
            "sota-config-dir": "\/var\/sota", "hardware-id": "imx8mm", "uuid": "x",
            "overrides": {"pacman": {"tags": "\"main\"", "x": null, "y": ""}}}"#;
        let members = Members::read(body.as_bytes()).unwrap();
        assert_eq!(members.csr, "b");
        assert_eq!(members.folder, "/var/sota");
        assert_eq!(members.name, None);
        let keys = [("tags", Some("\"main\"")), ("x", None), ("y", None)];
        let keys = keys.map(|(key, value)| (key.to_owned(), value.map(str::to_owned)));
        assert_eq!(members.overrides, [("pacman".to_owned(), keys.to_vec())]);
    }
}
