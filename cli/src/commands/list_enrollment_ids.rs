//! `pep list-enrollment-ids`: a page of the provisioned units, or all of them, as files.
//!
//! The files and columns are those of the old command line. With `--all` one page after the other goes
//! straight to the files, so that a million units need no more memory than one page.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::pages::{Page, Pages};
use super::{Bench, Done};
use crate::columns::{self, Formulas};
use crate::failure::Failure;
use crate::whole_file::{Complete, Readers, WholeFile};

/// Rows a page when `--all` reads everything and nothing else is asked: some hundred kilobytes.
const ROWS_A_PAGE: u32 = 500;
/// Rows of the one page that the old command line asked for.
const USUAL_ROWS: u32 = 50;

/// The order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    Desc,
}

impl Order {
    fn word(self) -> &'static str {
        match self {
            Self::Asc => "ASC",
            Self::Desc => "DESC",
        }
    }
}

/// Formats beside JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Beside {
    /// Comma-separated values.
    Csv,
}

/// The options of `list-enrollment-ids`.
#[derive(Args)]
#[command(
    long_about = "Write a page of the provisioned units to FILE.json, as the station answers it, and \
        with `-e csv` to FILE.csv too.\n\n\
        FILE.csv has the columns enrollmentID, serialNumber, gatewayServicesAddress, apiAddress, \
        hardwareVersion, radioConfig, ledConfig, category, deployed, createdAt; every text is quoted. \
        A text that a spreadsheet would run as a formula (it begins with = + - @, a tab or a carriage \
        return) gets an apostrophe before it, unless --keep-formulas is given.\n\n\
        With --all every page is read and FILE.json is one document of the same form, `total_count` \
        being the rows in it. Files are written whole or not at all.",
    after_long_help = "\
Examples:
  pep list-enrollment-ids
  pep list-enrollment-ids -l 1000 -o ASC -e csv -f units
  pep list-enrollment-ids -l 1000 -o ASC -t 0123456789abcdef01234567
  pep list-enrollment-ids --all -e csv -f everything"
)]
pub struct Options {
    /// Units a page, at most 1000 [default: 50; with --all 500]
    #[arg(short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,

    /// Newest first (DESC) or oldest first (ASC)
    #[arg(short, long, value_enum, ignore_case = true, default_value = "DESC")]
    pub order: Order,

    /// Go on after this row: its `_id`, the last one of the page before
    #[arg(short = 't', long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub last: Option<String>,

    /// Write this format beside the JSON
    #[arg(short, long, value_enum, value_name = "FORMAT", ignore_case = true)]
    pub export: Option<Beside>,

    /// Output files, without extension
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "enrollment_ids_list",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub file: String,

    /// Read all pages
    #[arg(long)]
    pub all: bool,

    /// Leave texts as they are that a spreadsheet would run as formulas
    #[arg(long)]
    pub keep_formulas: bool,
}

/// What was written.
struct Written {
    rows: u64,
    provisioned: Option<u64>,
    last: Option<String>,
}

/// Read the page or the pages and write the files.
pub async fn run(options: &Options, bench: &Bench) -> Result<Done, Failure> {
    let begin = |extension: &str| {
        let path = PathBuf::from(format!("{}.{extension}", options.file));
        WholeFile::begin(&path, Readers::Everybody)
    };
    let mut json = begin("json")?;
    let mut csv = match options.export {
        Some(Beside::Csv) => Some(begin("csv")?),
        None => None,
    };
    if let Some(csv) = &mut csv {
        csv.append(columns::header().as_bytes())?;
    }
    let usual = if options.all { ROWS_A_PAGE } else { USUAL_ROWS };
    let mut pages = Pages::from(
        &bench.client,
        "enrollment-ids",
        options.limit.unwrap_or(usual),
        options.order.word(),
        options.last.clone(),
    );
    let written = if options.all {
        write_all(&mut pages, options, &mut json, csv.as_mut()).await?
    } else {
        write_page(&mut pages, options, &mut json, csv.as_mut()).await?
    };

    // All of them are on the disk before the first one gets its name.
    let complete: Vec<Complete> =
        std::iter::once(json).chain(csv).map(WholeFile::complete).collect::<Result<_, _>>()?;
    for file in complete {
        file.publish()?;
    }
    Ok(Done::printed(told(options, &written, bench.json)))
}

async fn write_page(
    pages: &mut Pages<'_>,
    options: &Options,
    json: &mut WholeFile,
    csv: Option<&mut WholeFile>,
) -> Result<Written, Failure> {
    let page = pages.next().await?;
    json.append(page.text.trim().as_bytes())?;
    json.append(b"\n")?;
    write_rows(&page, options, csv)?;
    Ok(Written {
        rows: page.rows.len() as u64,
        provisioned: page.provisioned_count,
        last: page.last,
    })
}

/// One document out of all pages. The counts come after the rows, because only then are they known.
async fn write_all(
    pages: &mut Pages<'_>,
    options: &Options,
    json: &mut WholeFile,
    mut csv: Option<&mut WholeFile>,
) -> Result<Written, Failure> {
    let mut written = Written { rows: 0, provisioned: None, last: None };
    let mut limit = Value::Null;
    loop {
        let page = pages.next().await?;
        if written.rows == 0 {
            let links = json!({ "self": page.own_link });
            json.append(format!("{{\"_links\":{links},\"results\":[").as_bytes())?;
            limit = page.limit.clone();
        }
        written.provisioned = page.provisioned_count.or(written.provisioned);
        if page.rows.is_empty() {
            break;
        }
        for row in &page.rows {
            let separator = if written.rows == 0 { "\n" } else { ",\n" };
            json.append(separator.as_bytes())?;
            json.append(Value::Object(row.clone()).to_string().as_bytes())?;
            written.rows += 1;
        }
        write_rows(&page, options, csv.as_deref_mut())?;
        written.last = page.last;
    }
    let mut end = format!(
        "\n],\"total_count\":{},\"limit\":{limit},\"order\":\"{}\"",
        written.rows,
        options.order.word()
    );
    if let Some(count) = written.provisioned {
        end.push_str(&format!(",\"provisioned_count\":{count}"));
    }
    end.push_str("}\n");
    json.append(end.as_bytes())?;
    Ok(written)
}

fn write_rows(page: &Page, options: &Options, csv: Option<&mut WholeFile>) -> Result<(), Failure> {
    let formulas = if options.keep_formulas { Formulas::Keep } else { Formulas::Defuse };
    if let Some(csv) = csv {
        for row in &page.rows {
            csv.append(columns::row(row, formulas).as_bytes())?;
        }
    }
    Ok(())
}

/// Where what was written.
fn told(options: &Options, written: &Written, as_json: bool) -> String {
    let mut files = vec![format!("{}.json", options.file)];
    if options.export.is_some() {
        files.push(format!("{}.csv", options.file));
    }
    if as_json {
        let report = json!({
            "files": files,
            "rows": written.rows,
            "provisioned_count": written.provisioned,
            "last": written.last,
        });
        return format!("{report}\n");
    }
    let units = super::export::units(written.rows);
    let of = written
        .provisioned
        .filter(|count| *count != written.rows)
        .map(|count| format!(" of {count} provisioned"))
        .unwrap_or_default();
    files.iter().map(|file| format!("{file}: {units}{of}\n")).collect()
}

#[cfg(test)]
mod tests;
