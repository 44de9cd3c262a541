//! The certificate of wss: made for this run, or the user's own.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::options::Certificate;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Some clients refuse certificates with a longer validity.
const VALID_DAYS: u32 = 365;

/// The TLS identity of a secure listener.
pub(super) struct Identity {
    pub(super) config: Arc<ServerConfig>,
    /// The certificate that clients must trust.
    pub(super) pem: String,
}

impl Identity {
    /// Creates or loads the certificate. `names` are the hosts of a self-made one.
    pub(super) fn new(certificate: &Certificate, names: Vec<String>) -> io::Result<Self> {
        let (chain, key, pem) = match certificate {
            Certificate::SelfMade => {
                self_made(names).map_err(|error| invalid("cannot make a certificate", &error))?
            }
            Certificate::Pem { chain, key } => own(chain, key)?,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| invalid("the certificate and its key cannot be used", &error))?;
        Ok(Self {
            config: Arc::new(config),
            pem,
        })
    }
}

type Parts = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, String);

/// Creates a certificate for these names and an authority that signs it. The authority's key is
/// dropped on return, so it cannot sign anything else.
fn self_made(names: Vec<String>) -> Result<Parts, rcgen::Error> {
    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    // The client's clock may be behind.
    let not_before = date_time_ymd(1970, 1, 1) + since_1970.saturating_sub(DAY);
    let not_after = not_before + DAY * VALID_DAYS;

    let mut authority = CertificateParams::new(Vec::new())?;
    authority
        .distinguished_name
        .push(DnType::CommonName, "photon-dev-server, made for one run");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (authority.not_before, authority.not_after) = (not_before, not_after);
    let authority_key = KeyPair::generate()?;
    let root = authority.self_signed(&authority_key)?;

    let mut server = CertificateParams::new(names)?;
    server
        .distinguished_name
        .push(DnType::CommonName, "photon-dev-server");
    server.use_authority_key_identifier_extension = true;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    (server.not_before, server.not_after) = (not_before, not_after);
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?;
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
    Ok((vec![certificate.der().clone()], key, root.pem()))
}

fn own(chain: &str, key: &str) -> io::Result<Parts> {
    let certificates = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| invalid("the certificate is not PEM", &error))?;
    if certificates.is_empty() {
        return Err(invalid(
            "the certificate is not PEM",
            &"it contains no CERTIFICATE section",
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|error| invalid("the certificate's private key is not PEM", &error))?;
    Ok((certificates, key, chain.to_owned()))
}

fn invalid(what: &str, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, format!("{what}: {error}"))
}
