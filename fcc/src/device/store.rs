//! What a device keeps: keys, certificates, parameters, and what is set once (injection 1, 6, 10).
//!
//! In memory, or in a folder that survives restarts. What may be stored is decided elsewhere.

mod folder;

use folder::Folder;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use zeroize::Zeroizing;

/// The name spaces of the store (injection 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shelf {
    /// Private keys.
    PrivateKey,
    /// Public keys.
    PublicKey,
    /// Certificates and chains, which share their names.
    Certificate,
    /// Parameters.
    Param,
    /// What is no item: entropy, root of trust, pinned server CA, disable flag, time floor.
    Once,
}

impl Shelf {
    const ALL: [Self; 5] =
        [Self::PrivateKey, Self::PublicKey, Self::Certificate, Self::Param, Self::Once];

    fn word(self) -> &'static str {
        match self {
            Self::PrivateKey => "private-key",
            Self::PublicKey => "public-key",
            Self::Certificate => "certificate",
            Self::Param => "param",
            Self::Once => "once",
        }
    }
}

/// Entropy, on [`Shelf::Once`].
pub const ENTROPY: &str = "entropy";
/// Root of trust, on [`Shelf::Once`].
pub const ROT: &str = "root-of-trust";
/// Compressed public key of the pinned server CA, on [`Shelf::Once`].
pub const SERVER_CA: &str = "server-ca";
/// The disable flag, on [`Shelf::Once`].
pub const DISABLED: &str = "disabled";
/// The time floor: seconds since 1970, 8 bytes least significant first, on [`Shelf::Once`].
pub const TIME: &str = "time";

type Items = BTreeMap<(Shelf, String), Zeroizing<Vec<u8>>>;

/// A device's store. No `Debug`: it holds private keys.
#[derive(Default)]
pub struct Store {
    items: Items,
    folder: Option<Folder>,
}

impl Store {
    /// An empty store that is forgotten with the value.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// The store in `folder`, made when it is not there.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        let folder = Folder::open(folder)?;
        Ok(Self { items: folder.read()?, folder: Some(folder) })
    }

    /// What is in `folder`, as a store in memory; the folder is left as it is.
    ///
    /// # Errors
    /// When the folder cannot be read or holds no store.
    pub fn look(folder: &Path) -> io::Result<Self> {
        Ok(Self { items: Folder::at(folder).read()?, folder: None })
    }

    /// An independent store in memory with the same content.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { items: self.items.clone(), folder: None }
    }

    /// One item's bytes.
    pub fn get(&self, shelf: Shelf, name: &str) -> Option<&[u8]> {
        self.items.get(&(shelf, name.to_owned())).map(|content| content.as_slice())
    }

    /// Whether there is such an item.
    pub fn holds(&self, shelf: Shelf, name: &str) -> bool {
        self.get(shelf, name).is_some()
    }

    /// Stores one item, in place of an earlier one. Durable when it returns; a device that is
    /// killed meanwhile holds either the old item or the new one.
    ///
    /// # Errors
    /// When the folder cannot be written; nothing has changed then.
    pub fn put(
        &mut self,
        shelf: Shelf,
        name: &str,
        content: impl Into<Zeroizing<Vec<u8>>>,
    ) -> io::Result<()> {
        let content = content.into();
        if let Some(folder) = &self.folder {
            folder.write(shelf, name, &content)?;
        }
        self.items.insert((shelf, name.to_owned()), content);
        Ok(())
    }

    /// Deletes one item, if it is there.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn remove(&mut self, shelf: Shelf, name: &str) -> io::Result<()> {
        if self.items.remove(&(shelf, name.to_owned())).is_some()
            && let Some(folder) = &self.folder
        {
            folder.remove(shelf, name)?;
        }
        Ok(())
    }

    /// Deletes everything, what is set once included (injection 1, erase rule). All or nothing.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn erase(&mut self) -> io::Result<()> {
        if let Some(folder) = &self.folder {
            folder.erase()?;
        }
        self.items.clear();
        Ok(())
    }

    /// A certificate or chain, its own certificate first.
    pub fn certificates(&self, name: &str) -> Option<Vec<&[u8]>> {
        self.get(Shelf::Certificate, name).map(split)
    }

    /// What is stored, as names and contents: items under their plain names, a chain's further
    /// certificates as `name#1`, `name#2`..., a public key beside a private key of the same name
    /// as `name#public`, what is set once as `@name`.
    pub fn listing(&self) -> Vec<(String, Zeroizing<Vec<u8>>)> {
        let mut lines = Vec::new();
        for ((shelf, name), content) in &self.items {
            match shelf {
                Shelf::Certificate => {
                    for (index, der) in split(content).into_iter().enumerate() {
                        let suffix = if index == 0 { String::new() } else { format!("#{index}") };
                        lines.push((format!("{name}{suffix}"), der.to_vec().into()));
                    }
                }
                Shelf::PublicKey if self.holds(Shelf::PrivateKey, name) => {
                    lines.push((format!("{name}#public"), content.clone()));
                }
                Shelf::Once => lines.push((format!("@{name}"), content.clone())),
                _ => lines.push((name.clone(), content.clone())),
            }
        }
        lines
    }
}

/// Certificates as one item: each behind its length as four bytes, least significant first.
pub fn join<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut content = Vec::new();
    for der in certificates {
        content.extend_from_slice(&u32::try_from(der.len()).unwrap_or(u32::MAX).to_le_bytes());
        content.extend_from_slice(der);
    }
    content
}

fn split(content: &[u8]) -> Vec<&[u8]> {
    let mut certificates = Vec::new();
    let mut rest = content;
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((der, behind)) = behind.split_at_checked(length) else {
            break;
        };
        certificates.push(der);
        rest = behind;
    }
    certificates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_survives_and_forgets_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::in_folder(folder.path()).unwrap();
        store.put(Shelf::Param, "..", b"x".to_vec()).unwrap();
        store.put(Shelf::PrivateKey, "a.K", b"key".to_vec()).unwrap();
        store.put(Shelf::Param, "a.K", b"param".to_vec()).unwrap();
        store.put(Shelf::Once, DISABLED, vec![1]).unwrap();
        store.remove(Shelf::Param, "..").unwrap();

        let mut again = Store::in_folder(folder.path()).unwrap();
        assert_eq!(again.items, store.items);
        assert_eq!(again.get(Shelf::PrivateKey, "a.K"), Some(&b"key"[..]));

        again.erase().unwrap();
        assert!(Store::in_folder(folder.path()).unwrap().items.is_empty());
    }

    #[test]
    fn what_a_kill_leaves_behind_is_no_item() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::in_folder(folder.path()).unwrap();
        store.put(Shelf::Param, "a", b"1".to_vec()).unwrap();
        std::fs::write(folder.path().join("items/param.a~"), b"half").unwrap();
        std::fs::create_dir(folder.path().join("erased")).unwrap();
        std::fs::write(folder.path().join("erased/param.b"), b"2").unwrap();

        let again = Store::in_folder(folder.path()).unwrap();
        assert_eq!(again.listing(), [("a".to_owned(), b"1".to_vec().into())]);
        assert!(!folder.path().join("erased").exists());
    }

    #[test]
    fn a_kill_in_the_middle_of_an_erase_leaves_an_empty_store() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::in_folder(folder.path()).unwrap();
        store.put(Shelf::Param, "a", b"1".to_vec()).unwrap();
        std::fs::rename(folder.path().join("items"), folder.path().join("erased")).unwrap();

        assert!(Store::in_folder(folder.path()).unwrap().listing().is_empty());
    }

    #[test]
    fn a_chain_is_listed_with_its_first_certificate_under_the_plain_name() {
        let mut store = Store::in_memory();
        let chain = join([&b"leaf"[..], b"ca"]);
        store.put(Shelf::Certificate, "c", chain).unwrap();

        let lines = store.listing();
        assert_eq!(
            lines,
            [("c".to_owned(), b"leaf".to_vec().into()), ("c#1".to_owned(), b"ca".to_vec().into())]
        );
        assert_eq!(store.certificates("c").unwrap(), [&b"leaf"[..], b"ca"]);
    }
}
