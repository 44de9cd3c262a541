//! Errors of TLS and WebSocket in the terms of the client, and the default settings of TLS.

use chat_core::{LinkError, LinkErrorKind};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use std::error::Error as _;
use std::io::ErrorKind;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::Error;

/// The error of a WebSocket: of the system, of TLS, of the handshake, or of the protocol.
pub(crate) fn link_error(error: Error) -> LinkError {
    let kind = match &error {
        Error::Io(error) => {
            // rustls wraps its errors.
            if error
                .get_ref()
                .is_some_and(|inner| inner.is::<rustls::Error>())
            {
                LinkErrorKind::Tls
            } else {
                return LinkError::from(error);
            }
        }
        Error::Tls(_) => LinkErrorKind::Tls,
        Error::Http(_) | Error::HttpFormat(_) | Error::Url(_) => LinkErrorKind::Handshake,
        Error::ConnectionClosed | Error::AlreadyClosed => LinkErrorKind::Reset,
        _ => LinkErrorKind::Protocol,
    };
    let text = match error.source() {
        Some(source) if !error.to_string().contains(&source.to_string()) => {
            format!("{error}: {source}")
        }
        _ => error.to_string(),
    };
    LinkError::new(kind, text.as_str())
}

/// The same before the connection is open: what breaks the protocol then is no WebSocket server.
pub(crate) fn opening_error(error: Error) -> LinkError {
    // Without TLS an early end is a `Protocol` error.
    let is_tls = matches!(&error, Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof);
    let error = link_error(error);
    match error.kind {
        _ if is_tls => LinkError {
            kind: LinkErrorKind::Tls,
            ..error
        },
        LinkErrorKind::Protocol => LinkError {
            kind: LinkErrorKind::Handshake,
            ..error
        },
        _ => error,
    }
}

/// Trusts the roots of Mozilla's list.
///
/// # Errors
/// rustls does not accept its own versions of TLS.
pub(crate) fn tls_config() -> Result<Arc<ClientConfig>, LinkError> {
    // Named, because the default of the process is ambiguous if other packages use another one.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| LinkError::new(LinkErrorKind::Tls, error.to_string().as_str()))?;
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    Ok(Arc::new(
        builder.with_root_certificates(roots).with_no_client_auth(),
    ))
}
