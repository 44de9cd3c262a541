//! TLS: [`Tls`], the decision which servers to trust, and the connection itself.

mod connection;
mod error;
mod records;

pub(crate) use connection::{Metered, TlsConnection};

use chat_core::{LinkError, LinkErrorKind};
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Servers whose TLS sessions are kept for a shorter next handshake. A client uses two: a name
/// server and a front end.
const MAX_RESUMED_SERVERS: usize = 8;

/// The servers that `wss://` trusts.
///
/// A server must have a certificate for the host name of its address, valid now, and signed by a
/// trusted root. The client checks this with TLS 1.2 or 1.3 before it sends anything but the
/// handshake. If the check fails, there is no connection, and never an insecure one instead.
///
/// The default trusts the roots that Mozilla trusts, as of the version of the package
/// `webpki-roots`. It is the same on every system, needs no certificate files, and brings no
/// further packages. In return, roots change only with an update of the program, and roots that the
/// owner of a machine has added do not count. To use the decision of the operating system, pass a
/// configuration with the verifier of `rustls-platform-verifier`:
///
/// ```ignore
/// use rustls_platform_verifier::ConfigVerifierExt;
///
/// let tls = Tls::config(std::sync::Arc::new(rustls::ClientConfig::with_platform_verifier()?));
/// let session = Session::with_options(config, SessionOptions::new().tls(tls))?;
/// ```
///
/// Clones share the roots and the configuration, so many sessions with clones of one `Tls` take
/// less memory. The type is opaque and may grow.
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
    /// Built when it is first needed: a program that never uses `wss://` never pays for it.
    config: OnceLock<Arc<ClientConfig>>,
}

/// Why [`Tls::with_root`] failed. More causes may be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The input contains no certificate.
    #[error("the input contains no certificate: pass one as DER, or any number as PEM")]
    NoCertificate,
    /// The input contains something that is no root certificate. The text is from the decoder.
    #[error("the input is not a root certificate ({0}): pass the one that signed the server's")]
    Certificate(String),
}

impl Default for Tls {
    fn default() -> Self {
        Self(Trust::Roots(Arc::default()))
    }
}

impl Tls {
    /// Trusts your own root in addition to Mozilla's: one certificate as DER, or any number as PEM.
    ///
    /// For a test server, the root may be the server's own certificate, if it is self-signed, names
    /// the host in its `subjectAltName`, and is not that of a certificate authority. `openssl req`
    /// makes one of an authority unless told otherwise, and the connection then fails. This makes
    /// one that works:
    ///
    /// ```text
    /// openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 300 \
    ///     -subj /CN=localhost -addext basicConstraints=critical,CA:FALSE \
    ///     -addext subjectAltName=DNS:localhost,IP:127.0.0.1
    /// ```
    ///
    /// With a root of its own, which can sign the certificates of several servers:
    ///
    /// ```text
    /// openssl req -x509 -newkey rsa:2048 -nodes -keyout root-key.pem -out root.pem -days 300 \
    ///     -subj "/CN=my test root"
    /// openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 300 \
    ///     -subj /CN=localhost -CA root.pem -CAkey root-key.pem \
    ///     -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost
    /// ```
    ///
    /// # Errors
    ///
    /// [`TlsError`] if the input is neither.
    ///
    /// ```
    /// use chat_std_io::{Tls, TlsError};
    ///
    /// assert_eq!(Tls::with_root(b"no certificate").unwrap_err(), TlsError::NoCertificate);
    /// ```
    pub fn with_root(certificates: &[u8]) -> Result<Self, TlsError> {
        let invalid = |error: &dyn fmt::Display| TlsError::Certificate(error.to_string());
        // DER of a certificate is a sequence (0x30) with a length of two or more bytes (0x80 set).
        // No text begins with these bytes.
        let added = if matches!(certificates, [0x30, 0x80..=0xFF, ..]) {
            vec![CertificateDer::from(certificates.to_vec())]
        } else {
            CertificateDer::pem_slice_iter(certificates)
                .collect::<Result<_, _>>()
                .map_err(|error| invalid(&error))?
        };
        if added.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        // Added to a store only to check them now, where the caller can handle the error.
        let mut store = RootCertStore::empty();
        for certificate in &added {
            store
                .add(certificate.clone())
                .map_err(|error| invalid(&error))?;
        }
        Ok(Self(Trust::Roots(Arc::new(Roots {
            added,
            config: OnceLock::new(),
        }))))
    }

    /// Trusts according to your own configuration; this crate re-exports `rustls`. Its settings for
    /// certificates, versions and resumption replace this crate's.
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
        let built = roots.build().map_err(|error| {
            let text = format!("the TLS configuration cannot be built ({error}): check the roots");
            LinkError::new(LinkErrorKind::Tls, text)
        })?;
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
        config.resumption = Resumption::in_memory_sessions(MAX_RESUMED_SERVERS);
        Ok(config)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Trust::Roots(roots) => {
                write!(out, "Tls(Mozilla's roots and {} more)", roots.added.len())
            }
            Trust::Config(_) => out.write_str("Tls(own configuration)"),
        }
    }
}
