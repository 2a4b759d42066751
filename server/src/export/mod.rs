//! Handing records to others: one file a format. Pure: a record in, bytes out.

mod cell;
mod columns;
mod credentials;
mod csv;
mod document;
mod enrollment;
mod json_lines;
mod near;
mod registrations;
mod superseded;
mod tally;
mod unit;

pub use self::credentials::Credentials;
pub use self::csv::{ColumnRows, CsvRows};
pub use cell::{Cells, Moments};
pub use columns::{ColumnDescription, ColumnError, Columns, own_fields};
pub use document::{IdentityDocument, ListedDocument};
pub use enrollment::EnrollmentRows;
pub use json_lines::JsonLines;
pub use near::nearest;
pub use registrations::RegistrationRows;
pub use superseded::{SupersededLines, SupersededRows, Within};
pub use tally::{By, Counts, Tally, TallyRow};
pub use unit::{UnitDocument, UnitRow};

use crate::ra::Record;

/// A format of records, one row each.
pub trait Rows: Send {
    /// What comes before the first row; empty where there is no header.
    fn header(&self) -> Vec<u8>;

    /// One record as one row, its line end included.
    fn row(&self, record: &Record) -> Vec<u8>;

    /// The media type.
    fn content_type(&self) -> &'static str;
}

/// One line of CSV (RFC 4180 2, but for the line end, which is LF as the old tool's).
fn csv_line<'a>(cells: impl IntoIterator<Item = &'a str>, quote: ::csv::QuoteStyle) -> Vec<u8> {
    let mut writer = ::csv::WriterBuilder::new().quote_style(quote).from_writer(Vec::new());
    // Writing into memory does not fail.
    drop(writer.write_record(cells));
    writer.into_inner().unwrap_or_default()
}
