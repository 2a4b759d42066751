//! `[supplied]`: where keys made elsewhere are, for `externally_supplied` in fcu.yml.

use std::path::PathBuf;

use super::files::warn_if_open_to_others;
use super::section::Section;

/// `[supplied]`: a folder a unit below one root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Supplied {
    /// The root; none where no keys come from elsewhere.
    pub folder: Option<PathBuf>,
    /// Whether a unit's folder is wiped once the unit has confirmed.
    pub wipe: bool,
}

impl Supplied {
    /// Reads `[supplied]`. `is_wanted`: fcu.yml says that keys come from there.
    pub fn read(mut section: Section<'_>, is_wanted: bool) -> Self {
        let folder = section.file("folder");
        let wipe = section.flag("wipe").unwrap_or(false);
        match &folder {
            Some(folder) if is_wanted => {
                if folder.is_dir() {
                    warn_if_open_to_others(folder, section.findings());
                } else {
                    let problem = format!("names {}, which is not a folder", folder.display());
                    section.fault("folder", problem, "give the folder that holds one a unit");
                }
            }
            None if is_wanted => section.fault(
                "folder",
                "is missing, and fcu.yml says `device-key-generation-mode: externally_supplied`",
                "give the folder that holds one a unit, named by its serial number",
            ),
            Some(_) => section.warn(
                "folder",
                "is not looked at: fcu.yml does not say \
                 `device-key-generation-mode: externally_supplied`",
            ),
            None => {}
        }
        section.finish();
        Self { folder, wipe }
    }
}
