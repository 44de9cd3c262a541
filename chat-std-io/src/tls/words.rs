//! What went wrong with TLS, in words for those who have to do something about it.

use chat_core::{LinkError, LinkErrorKind};
use rustls::{AlertDescription, CertificateError, Error};

/// An error of a connection whose handshake was, or was not, still under way.
pub(super) fn link_error(error: &Error, handshaking: bool) -> LinkError {
    if !handshaking {
        return LinkError::new(LinkErrorKind::Protocol, format!("TLS: {error}"));
    }
    LinkError::new(LinkErrorKind::Tls, format!("{}: {error}", hint(error)))
}

fn hint(error: &Error) -> &'static str {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::NoCertificatesPresented => "the server has no certificate",
        Error::InvalidMessage(_) => {
            "the server does not speak TLS on this port: is it the port for ws://?"
        }
        Error::PeerIncompatible(_)
        | Error::AlertReceived(
            AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity,
        ) => "the server speaks only TLS older or weaker than what is safe (1.2 and 1.3 are)",
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "the server does not know this host name"
        }
        Error::AlertReceived(_) => "the server refused",
        Error::FailedToGetCurrentTime => "the time of this machine is not known",
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
            "the server's certificate has expired, or the clock of this machine is wrong"
        }
        E::NotValidYet | E::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet, or the clock of this machine is wrong"
        }
        E::UnknownIssuer => {
            "nobody who is trusted has signed the server's certificate: if the server is your own, add its root with \
             Tls::with_root"
        }
        E::BadSignature => "the server's certificate is not signed by whom it names",
        E::Revoked => "the server's certificate has been revoked",
        _ => "the server's certificate is not acceptable",
    }
}
