//! One unit's folder, opened step by step from the root: no symbolic link is followed, so nothing
//! outside can be reached, and nothing but a file is read.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open, openat};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::{Contents, Supply, SupplyError};

/// Names of the key, either of them.
pub(super) const KEY: [&str; 2] = ["device-key.pem", "device-key.der"];
/// Names of the certificate, either of them.
pub(super) const CERTIFICATE: [&str; 2] = ["device-certificate.pem", "device-certificate.der"];
/// Name of the entropy.
pub(super) const ENTROPY: &str = "entropy.bin";
/// Most bytes of one file.
const LIMIT: u64 = 64 << 10;

/// A unit's folder, open. What happens to its name meanwhile does not matter.
pub(super) struct Folder {
    pub(super) folder: OwnedFd,
    shown: String,
}

impl Supply {
    /// Reads the folder of the unit `serial`.
    ///
    /// # Errors
    /// [`SupplyError`], the first thing missing or wrong.
    pub fn read(&self, serial: &str) -> Result<Contents, SupplyError> {
        let folder = self.folder(serial)?;
        let entropy = if self.wants_entropy {
            let bytes = folder.file(ENTROPY)?;
            let bytes = bytes.ok_or_else(|| folder.fault(ENTROPY, "is missing"))?;
            let whole: Result<[u8; 48], _> = bytes.as_slice().try_into();
            let problem = format!("has {} bytes; it has to have 48", bytes.len());
            Some(Zeroizing::new(whole.map_err(|_| folder.fault(ENTROPY, &problem))?))
        } else {
            None
        };
        Ok(Contents {
            key: folder.one_of(KEY)?,
            certificates: folder.one_of(CERTIFICATE)?,
            entropy,
        })
    }

    /// Opens the folder of the unit `serial`.
    pub(super) fn folder(&self, serial: &str) -> Result<Folder, SupplyError> {
        if serial.contains(['/', '\0']) || [".", ".."].contains(&serial) {
            return Err(SupplyError::Name { serial: serial.to_owned() });
        }
        let refuse = |folder: &Path, problem: &str| SupplyError::Folder {
            folder: folder.display().to_string(),
            problem: problem.to_owned(),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = open(&self.root, flags, Mode::empty())
            .map_err(|error| refuse(&self.root, &format!("cannot be opened ({error})")))?;
        let path = self.root.join(serial);
        match openat(&root, serial, flags | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(folder) => Ok(Folder { folder, shown: path.display().to_string() }),
            Err(Errno::NOENT) => Err(refuse(&path, "is not there")),
            // O_DIRECTORY answers ENOTDIR for a link, O_NOFOLLOW alone ELOOP (open(2)).
            Err(Errno::NOTDIR | Errno::LOOP) => {
                let link = path.symlink_metadata().is_ok_and(|about| about.is_symlink());
                let problem = if link {
                    "is a symbolic link, and links out of the root are not followed"
                } else {
                    "is not a folder"
                };
                Err(refuse(&path, problem))
            }
            Err(error) => Err(refuse(&path, &format!("cannot be opened ({error})"))),
        }
    }
}

impl Folder {
    fn fault(&self, file: &str, problem: &str) -> SupplyError {
        let (file, problem) = (file.to_owned(), problem.to_owned());
        SupplyError::File { folder: self.shown.clone(), file, problem }
    }

    /// The one file of two names that is there.
    pub(super) fn one_of(&self, names: [&str; 2]) -> Result<Zeroizing<Vec<u8>>, SupplyError> {
        let [pem, der] = names;
        let both = format!("{pem} and {der}");
        match (self.file(pem)?, self.file(der)?) {
            (Some(bytes), None) | (None, Some(bytes)) => Ok(bytes),
            (Some(_), Some(_)) => Err(self.fault(&both, "are both there; keep one of them")),
            (None, None) => Err(self.fault(&format!("{pem} (or .der)"), "is missing")),
        }
    }

    /// A file's bytes; none where there is no such file.
    pub(super) fn file(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SupplyError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.folder, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => {
                let problem = "is a symbolic link, and links out of the root are not followed";
                return Err(self.fault(name, problem));
            }
            Err(error) => return Err(self.fault(name, &format!("cannot be opened ({error})"))),
        };
        let unreadable =
            |error: std::io::Error| self.fault(name, &format!("cannot be read ({error})"));
        let about = file.metadata().map_err(unreadable)?;
        if !about.is_file() {
            return Err(self.fault(name, "is not a file"));
        }
        if about.len() == 0 || about.len() > LIMIT {
            return Err(self.fault(name, &format!("has {} bytes", about.len())));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(LIMIT).unwrap_or(0)));
        file.take(LIMIT).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(Some(bytes))
    }
}
