//! Which unit an operator's request is about: `serialNumber`, and `space` where it is not a
//! gateway.

use super::query::Query;
use crate::ra::{SerialNumber, Space, UnitId};
use crate::station::Error;

/// Takes a unit's name out of a query.
///
/// # Errors
/// [`Error::BadRequest`].
pub(super) fn take(query: &mut Query) -> Result<UnitId, Error> {
    let space = space(query)?;
    let serial =
        query.take("serialNumber").ok_or_else(|| bad("the serial number is missing".to_owned()))?;
    // The UUID of a device that registers itself is the unit's name in lower case.
    let serial = match space {
        Space::Sign => serial.to_ascii_lowercase(),
        Space::Pep => serial,
    };
    let serial_number = SerialNumber::parse(serial).map_err(|error| bad(error.to_string()))?;
    Ok(UnitId { space, serial_number })
}

/// Takes the space out of a query: by default the gateways'.
///
/// # Errors
/// [`Error::BadRequest`].
pub(super) fn space(query: &mut Query) -> Result<Space, Error> {
    let Some(word) = query.take("space") else { return Ok(Space::default()) };
    Space::parse(&word).ok_or_else(|| Error::BadRequest {
        problem: format!("there is no space `{}`", word.chars().take(40).collect::<String>()),
        hint: "send `pep` (the default) or `sign`".to_owned(),
    })
}

fn bad(problem: String) -> Error {
    let hint = "send the unit's serial number as `serialNumber`, once".to_owned();
    Error::BadRequest { problem, hint }
}
