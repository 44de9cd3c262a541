//! TLS: whom to trust.

mod connection;
mod words;

pub(crate) use connection::Secure;

use chat_core::{LinkError, LinkErrorKind};
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Servers whose sessions are remembered, so that the next connection to them takes less. A client has two.
const RESUMED_SERVERS: usize = 8;

/// Whom `wss://` trusts.
///
/// A server must have a certificate for the host name of its address, valid now, and signed by someone who is trusted.
/// That is always checked, before anything but the handshake is sent, with TLS 1.2 or 1.3; without it there is no
/// connection, and never an insecure one instead.
///
/// The default trusts the roots that Mozilla trusts, as of the version of the package `webpki-roots`: the same on every
/// system, also where there are no files with certificates, without further packages. The price is that roots only change
/// with an update of the program, and that those which the owner of a machine has added do not count. For the system's
/// own decision pass a configuration with the verifier of `rustls-platform-verifier`:
///
/// ```ignore
/// use rustls_platform_verifier::ConfigVerifierExt;
///
/// let tls = Tls::config(std::sync::Arc::new(rustls::ClientConfig::with_platform_verifier()?));
/// let session = Session::with_options(config, SessionOptions::new().tls(tls))?;
/// ```
///
/// Clones share what they are made of, so that many sessions with clones of one take less memory.
#[derive(Clone)]
pub struct Tls(Trust);

#[derive(Clone)]
enum Trust {
    Roots(Arc<Roots>),
    Config(Arc<ClientConfig>),
}

#[derive(Default)]
struct Roots {
    added: Vec<CertificateDer<'static>>,
    config: OnceLock<Arc<ClientConfig>>,
}

/// Why a root was not added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// There is no certificate in it.
    #[error("there is no certificate in it: give one as DER, or any number as PEM")]
    NoCertificate,
    /// What should be a certificate is none, or none that can sign others.
    #[error("not a root certificate: {0}")]
    Certificate(String),
}

impl Default for Tls {
    fn default() -> Self {
        Self(Trust::Roots(Arc::default()))
    }
}

impl Tls {
    /// Trusts a root of your own too: one certificate as DER, or any number as PEM.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if that is not what it is.
    pub fn with_root(certificates: &[u8]) -> Result<Self, TlsError> {
        // A certificate is a sequence, and so long that its DER begins with octets that no text begins with.
        let added = if matches!(certificates, [0x30, 0x80..=0xFF, ..]) {
            vec![CertificateDer::from(certificates.to_vec())]
        } else {
            let each = CertificateDer::pem_slice_iter(certificates);
            each.collect::<Result<_, _>>()
                .map_err(|error| TlsError::Certificate(error.to_string()))?
        };
        if added.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let mut store = RootCertStore::empty();
        for certificate in &added {
            store
                .add(certificate.clone())
                .map_err(|error| TlsError::Certificate(error.to_string()))?;
        }
        Ok(Self(Trust::Roots(Arc::new(Roots {
            added,
            config: OnceLock::new(),
        }))))
    }

    /// Trusts as this configuration says; the crate is re-exported as `rustls`. What it says about certificates,
    /// versions and resumption is then yours.
    #[must_use]
    pub fn config(config: Arc<ClientConfig>) -> Self {
        Self(Trust::Config(config))
    }

    /// The configuration, built when it is first needed.
    pub(crate) fn client_config(&self) -> Result<Arc<ClientConfig>, LinkError> {
        let roots = match &self.0 {
            Trust::Config(config) => return Ok(Arc::clone(config)),
            Trust::Roots(roots) => roots,
        };
        if let Some(config) = roots.config.get() {
            return Ok(Arc::clone(config));
        }
        let built = roots
            .build()
            .map_err(|error| LinkError::new(LinkErrorKind::Tls, error.to_string()))?;
        Ok(Arc::clone(roots.config.get_or_init(|| Arc::new(built))))
    }
}

impl Roots {
    fn build(&self) -> Result<ClientConfig, rustls::Error> {
        let mut store = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for certificate in &self.added {
            store.add(certificate.clone())?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store)
            .with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(RESUMED_SERVERS);
        Ok(config)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Trust::Roots(roots) => {
                write!(out, "Tls(Mozilla's roots and {} more)", roots.added.len())
            }
            Trust::Config(_) => out.write_str("Tls(a configuration of your own)"),
        }
    }
}
