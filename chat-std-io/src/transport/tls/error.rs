//! Texts for TLS errors: the cause, and what to do about it.

use chat_core::{LinkError, LinkErrorKind};
use rustls::{AlertDescription, CertificateError, Error};

/// The error of a connection, during or after its handshake.
pub(super) fn link_error(error: &Error, handshaking: bool) -> LinkError {
    if !handshaking {
        let text = format!("the server broke the TLS protocol: {error}");
        return LinkError::new(LinkErrorKind::Protocol, text);
    }
    LinkError::new(LinkErrorKind::Tls, format!("{}: {error}", hint(error)))
}

fn hint(error: &Error) -> &'static str {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::NoCertificatesPresented => "the server has no certificate: install one on it",
        Error::InvalidMessage(_) => {
            "the server does not speak TLS on this port: check that it is one for wss://, or use \
             ws:// if it is not"
        }
        Error::PeerIncompatible(_)
        | Error::AlertReceived(
            AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity,
        ) => {
            "the server supports only TLS that is older or weaker than this client accepts: enable \
             TLS 1.2 or 1.3 on it"
        }
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "the server does not know this host name: check the server address"
        }
        Error::AlertReceived(_) => "the server refused the TLS handshake: see its log",
        Error::FailedToGetCurrentTime => {
            "this machine does not know the time, which checking a certificate needs: set its clock"
        }
        _ => "the TLS handshake failed",
    }
}

fn certificate(error: &CertificateError) -> &'static str {
    use CertificateError as E;
    match error {
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            "the server's certificate is for another host: use the name that it is for"
        }
        E::Expired | E::ExpiredContext { .. } => {
            "the server's certificate has expired: renew it, or correct the clock of this machine"
        }
        E::NotValidYet | E::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet: correct the clock of this machine, or of \
             the one that signed it"
        }
        E::UnknownIssuer => {
            "no trusted root has signed the server's certificate: if the server is your own, add \
             its root with Tls::with_root"
        }
        E::BadSignature => {
            "the server's certificate was not signed by the issuer that it names: do not trust it"
        }
        E::Revoked => "the server's certificate has been revoked: do not trust it",
        _ => "the server's certificate is not acceptable",
    }
}
