//! The station's TLS identity: read, checked, and exchanged while the station serves.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::ssl::{
    AlpnError, SniError, SslAcceptor, SslAcceptorBuilder, SslContext, SslMethod, select_next_proto,
};
use openssl::x509::X509;

use crate::ca::end_of_validity;
use crate::pem::{self, PemError};

/// What is spoken over TLS, in the form of RFC 7301.
const PROTOCOLS: &[u8] = b"\x02h2\x08http/1.1";

/// A certificate with its chain and key, fit to serve.
pub struct TlsContext {
    context: SslContext,
}

impl TlsContext {
    /// Reads certificate chain and key, PEM.
    ///
    /// # Errors
    /// Why they cannot be used, as a sentence.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, String> {
        let mut acceptor = read(certificate, key)?;
        // A connection that is moved to this context takes its protocol from it.
        acceptor.set_alpn_select_callback(|_, offered| {
            select_next_proto(PROTOCOLS, offered).ok_or(AlpnError::NOACK)
        });
        Ok(Self { context: acceptor.build().into_context() })
    }

    fn der(&self) -> Option<Vec<u8>> {
        self.context.certificate()?.to_der().ok()
    }
}

/// The TLS identity in use. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct TlsSwap(Arc<RwLock<TlsContext>>);

impl From<TlsContext> for TlsSwap {
    fn from(context: TlsContext) -> Self {
        Self(Arc::new(RwLock::new(context)))
    }
}

impl TlsSwap {
    /// Serves new connections with this one from now on; those that stand keep theirs. Says
    /// whether it is another certificate.
    pub fn replace(&self, context: TlsContext) -> bool {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let is_other = current.der() != context.der();
        *current = context;
        is_other
    }

    /// When the certificate ends.
    pub fn not_after(&self) -> Option<Timestamp> {
        end_of_validity(&self.with(TlsContext::der)?)
    }

    /// An acceptor that asks for the identity in use at every connection.
    pub(super) fn acceptor(&self) -> Result<SslAcceptorBuilder, String> {
        let unfit = |stack: ErrorStack| stack.to_string();
        let mut acceptor =
            SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).map_err(unfit)?;
        let swap = self.clone();
        // It is called for every handshake, with or without a name in it.
        acceptor.set_servername_callback(move |ssl, _| {
            swap.with(|current| ssl.set_ssl_context(&current.context))
                .map_err(|_| SniError::ALERT_FATAL)
        });
        // Until then OpenSSL wants to see one.
        self.with(|current| {
            let certificate = current.context.certificate();
            certificate.map_or(Ok(()), |it| acceptor.set_certificate(it))?;
            current.context.private_key().map_or(Ok(()), |it| acceptor.set_private_key(it))
        })
        .map_err(unfit)?;
        Ok(acceptor)
    }

    fn with<T>(&self, what: impl FnOnce(&TlsContext) -> T) -> T {
        what(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// TLS as Mozilla's intermediate recommendation has it. A key with a password is refused: OpenSSL
/// would ask a terminal for it.
fn read(certificate: &Path, key: &Path) -> Result<SslAcceptorBuilder, String> {
    let unfit = |stack: ErrorStack| {
        let reasons: Vec<_> = stack.errors().iter().filter_map(|error| error.reason()).collect();
        reasons.join(", ")
    };
    let about = |path: &Path, error: PemError| format!("{} {error}", path.display());
    let chain = pem::read_certificates(certificate).map_err(|error| about(certificate, error))?;
    let private = pem::read(key).and_then(|text| pem::key(&text));
    let private = private.map_err(|error| about(key, error))?;
    let mut acceptor =
        SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).map_err(unfit)?;
    let mut chain = chain.iter().map(|der| X509::from_der(der));
    let own = chain.next().ok_or("holds no certificate")?.map_err(unfit)?;
    acceptor.set_certificate(&own).map_err(unfit)?;
    for above in chain {
        acceptor.add_extra_chain_cert(above.map_err(unfit)?).map_err(unfit)?;
    }
    acceptor
        .set_private_key(&private)
        .and_then(|()| acceptor.check_private_key())
        .map_err(|_| "the key is not the certificate's".to_owned())?;
    Ok(acceptor)
}
