//! How the station is, for whoever asks: what is in the way of an identity, what it keeps, what
//! ends when.

use jiff::Timestamp;

use super::{Error, Station};

/// A certificate the station depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateEnd {
    /// What it is for: `CA`, or the factory's name behind `CA of`.
    pub of: String,
    /// Its subject, in words.
    pub subject: String,
    /// When it ends.
    pub not_after: Timestamp,
}

/// Room on the fullest of the file systems that must not fill up, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What is left.
    pub free: u64,
    /// What shall stay free.
    pub min_free: u64,
}

impl Station {
    /// Everything that keeps the station from providing an identity now, not the first thing only;
    /// nothing where it is ready.
    pub async fn obstacles(&self) -> Vec<Error> {
        let mut found: Vec<Error> = self.halts().into_iter().map(Error::Stopped).collect();
        found.extend(self.parts.store.probe().await.err().map(Error::from));
        let own = self.parts.authority.signer().sign(b"ready?");
        found.extend(own.err().map(Error::from));
        for factory in self.parts.factories.values() {
            found.extend(factory.authority.signer().sign(b"ready?").err().map(Error::from));
        }
        found
    }

    /// The CAs in use.
    pub fn authorities(&self) -> Vec<CertificateEnd> {
        let end = |of: String, authority: &crate::ca::Authority| CertificateEnd {
            of,
            subject: authority.subject_words().to_owned(),
            not_after: authority.not_after(),
        };
        let own = end("CA".to_owned(), &self.parts.authority);
        let factories = self.parts.factories.iter();
        let factories = factories.map(|(name, it)| end(format!("CA of {name}"), &it.authority));
        std::iter::once(own).chain(factories).collect()
    }

    /// Room on the disk, where the system says it.
    pub fn room(&self) -> Option<Room> {
        let disk = self.parts.disk.as_ref()?;
        Some(Room { free: disk.free()?, min_free: disk.min_free() })
    }
}
