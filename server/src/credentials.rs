//! `developer-credentials`: the C source file for software that is built with an identity inside.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;
use pep_server::assemble::developer_credentials;
use pep_server::durable;

use super::{read, show};

/// Makes the file for devices of this endpoint name, and prints it or writes it where nothing is
/// yet, for its owner alone.
pub fn write(path: &Path, name: &str, output: Option<&Path>) -> anyhow::Result<()> {
    let (config, warnings) = read(path)?;
    show(&warnings);
    let source = developer_credentials(&config, name, Timestamp::now())?;
    let Some(output) = output else {
        std::io::stdout().write_all(source.as_bytes())?;
        return Ok(());
    };
    let cannot = || format!("cannot write {}", output.display());
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(output).with_context(cannot)?;
    file.write_all(source.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| durable::flush_names(folder_of(output)))
        .with_context(cannot)?;
    println!("wrote {}: it holds a private key, and is for development only", output.display());
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
