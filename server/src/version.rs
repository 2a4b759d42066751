//! Which pep-server this is.

use std::sync::LazyLock;

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit, where whoever built it said so: `make dist` and the container do.
pub const COMMIT: Option<&str> = match option_env!("PEP_COMMIT") {
    Some(commit) if !commit.is_empty() => Some(commit),
    _ => None,
};

/// Both, as `--version` prints them.
pub fn in_full() -> &'static str {
    static FULL: LazyLock<String> = LazyLock::new(|| match COMMIT {
        Some(commit) => format!("{VERSION} ({commit})"),
        None => VERSION.to_owned(),
    });
    &FULL
}
