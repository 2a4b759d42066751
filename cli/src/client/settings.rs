//! How a station is reached: its address, whom to trust, whose token, how long to wait.
//!
//! Reads and checks what the command line and the environment gave; sends nothing.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Certificate, Url};

use crate::failure::{Failure, Kind};

/// The address where nothing else is said: pep-v3 section 3.
pub const USUAL_SERVER: &str = "http://localhost:5151";

/// The largest token or certificate file, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;

/// What the options and variables gave.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `--server` or `PEP_SERVER_URL`; empty means [`USUAL_SERVER`], as in the old command line.
    pub server: String,
    /// `--timeout`, in seconds.
    pub timeout: u64,
    /// `--cacert`: a PEM file.
    pub cacert: Option<PathBuf>,
    /// `--token-file` or `PEP_OPERATOR_TOKEN_FILE`.
    pub token_file: Option<PathBuf>,
}

impl Settings {
    /// How long to wait.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// The station's address; a path in it is kept as a prefix of every route.
    pub fn base(&self) -> Result<Url, Failure> {
        let text = match self.server.trim() {
            "" => USUAL_SERVER.to_owned(),
            // curl, under the old command line, took an address without a scheme.
            text if !text.contains("://") => format!("http://{text}"),
            text => text.to_owned(),
        };
        let refuse = |why: &str| {
            // A password can stand before an `@`.
            let text = text.rsplit_once('@').map_or(text.as_str(), |(_, host)| host);
            Failure::new(
                Kind::Usage,
                format!(
                    "PEP_SERVER_URL or --server is not the address of a station: {text:?}: {why}"
                ),
            )
            .with_hint(format!("it looks like {USUAL_SERVER}"))
        };
        let url = Url::parse(&text).map_err(|error| refuse(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("not http or https"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it may not have a ? or a #"));
        }
        Ok(url)
    }

    /// The certificates of `--cacert`.
    pub fn certificates(&self) -> Result<Option<Vec<Certificate>>, Failure> {
        let Some(path) = &self.cacert else {
            return Ok(None);
        };
        let unusable = |why: &str| {
            Failure::new(Kind::Usage, format!("cannot use --cacert {}: {why}", path.display()))
                .with_hint("it is the PEM file of the CA that issued the station's certificate")
        };
        let pem = read_small(path).map_err(|why| unusable(&why))?;
        let certificates = Certificate::from_pem_bundle(&pem)
            .map_err(|_| unusable("it is not a PEM certificate"))?;
        if certificates.is_empty() {
            return Err(unusable("it holds no certificate"));
        }
        Ok(Some(certificates))
    }

    /// The value of the field `Authorization`: marked as sensitive, so that no trace can hold it.
    pub fn token(&self) -> Result<Option<HeaderValue>, Failure> {
        let Some(path) = &self.token_file else {
            return Ok(None);
        };
        let unusable = |why: &str| {
            Failure::new(
                Kind::Usage,
                format!("cannot use the token file {}: {why}", path.display()),
            )
            .with_hint("its first line, comments aside, is NAME:TOKEN or the token alone")
        };
        let bytes = read_small(path).map_err(|why| unusable(&why))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| unusable("it is not UTF-8"))?;
        let token = first_token(text).ok_or_else(|| unusable("it holds no token"))?;
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unusable("the token holds a character that no token has"));
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| unusable("the token holds a character that no token has"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// The token in a file of lines `name:token` or `token`, empty lines and `#` comments between them.
fn first_token(text: &str) -> Option<&str> {
    let line =
        text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let token = line.split_once(':').map_or(line, |(_, token)| token).trim();
    (!token.is_empty()).then_some(token)
}

fn read_small(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err("it is larger than a mebibyte".to_owned());
    }
    Ok(bytes)
}

/// Whether this address is this machine itself, where no proxy belongs in between.
pub fn is_this_machine(base: &Url) -> bool {
    let host = base.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An address for people: without name and password, and without a slash that nobody wrote.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for addresses that cannot hold them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let text = url.to_string();
    match text.strip_suffix('/') {
        Some(shorter) if url.query().is_none() => shorter.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn settings(server: &str) -> Settings {
        Settings { server: server.to_owned(), timeout: 120, cacert: None, token_file: None }
    }

    fn file(text: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        file
    }

    #[test]
    fn addresses_as_people_write_them() {
        for (written, read) in [
            ("", "http://localhost:5151"),
            ("http://localhost:5151", "http://localhost:5151"),
            ("localhost:5151", "http://localhost:5151"),
            ("10.0.0.2:5151", "http://10.0.0.2:5151"),
            (" https://line.example/pep/ ", "https://line.example/pep"),
            ("http://[::1]:5151", "http://[::1]:5151"),
            ("http://anna:secret@h:1", "http://h:1"),
        ] {
            assert_eq!(shown(&settings(written).base().unwrap()), read);
        }
    }

    #[test]
    fn addresses_that_are_none() {
        for written in [
            "ftp://host",
            "http://",
            "http://host:99999",
            "http://host/?a=b",
            "http://host/#x",
            "file:///etc",
        ] {
            let failure = settings(written).base().unwrap_err();
            assert_eq!(failure.kind(), Kind::Usage, "{written}");
        }
        let failure = settings("http://anna:secret@host:99999").base().unwrap_err();
        assert!(!failure.to_string().contains("secret"), "{failure}");
    }

    #[test]
    fn this_machine_is_known() {
        for (server, is_here) in [
            ("http://localhost:1", true),
            ("http://127.0.0.2", true),
            ("http://[::1]", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
        ] {
            let base = settings(server).base().unwrap();
            assert_eq!(is_this_machine(&base), is_here, "{server}");
        }
    }

    #[test]
    fn the_token_is_the_first_line_that_is_no_comment() {
        for (text, token) in [
            ("abc\n", Some("abc")),
            ("# the line's\n\n  anna:abc=  \nbob:def\n", Some("abc=")),
            ("anna:\n", None),
            ("# nothing\n", None),
            ("", None),
        ] {
            assert_eq!(first_token(text), token, "{text:?}");
        }
    }

    #[test]
    fn a_token_is_never_repeated() {
        let mut settings = settings("");
        for text in ["anna:top secret", "anna:täken", "anna:tok\u{1}en"] {
            let file = file(text.as_bytes());
            settings.token_file = Some(file.path().to_owned());
            let failure = settings.token().unwrap_err();
            assert_eq!(failure.kind(), Kind::Usage);
            let shown = failure.to_string();
            assert!(!shown.contains("secret") && !shown.contains("en)"), "{shown}");
        }
        let good = file(b"anna:tok-en.1\n");
        settings.token_file = Some(good.path().to_owned());
        let value = settings.token().unwrap().unwrap();
        assert_eq!(value.to_str().unwrap(), "Bearer tok-en.1");
        assert_eq!(format!("{value:?}"), "Sensitive");
    }

    #[test]
    fn files_of_no_use_are_named() {
        let mut settings = settings("");
        let text = file(b"no certificate");
        settings.cacert = Some(text.path().to_owned());
        assert_eq!(settings.certificates().unwrap_err().kind(), Kind::Usage);
        settings.cacert = Some("does/not/exist.pem".into());
        let failure = settings.certificates().unwrap_err();
        assert!(failure.message().contains("does/not/exist.pem"));
        settings.token_file = Some("does/not/exist".into());
        assert!(settings.token().unwrap_err().message().contains("does/not"));
    }
}
