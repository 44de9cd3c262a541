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

/// How to make a certificate for a test server. "basicConstraints" is the name of openssl's
/// option, which the user has to pass or to change.
macro_rules! own_certificate {
    () => {
        "make a certificate with basicConstraints=CA:FALSE and the host in subjectAltName, or a \
         root of your own that signs one, and pass that root to Tls::with_root"
    };
}

fn certificate(error: &CertificateError) -> &'static str {
    use CertificateError as E;
    match error {
        // Names of the Common Name alone do not count (RFC 9525, 2).
        E::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            concat!(
                "the server's certificate names no host in its subjectAltName, and a Common Name \
                 does not count: ",
                own_certificate!()
            )
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            "the server's certificate is for another host: use the name that it is for, or log in \
             on the login page of the network if that has one"
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
             its root, or the certificate itself if it is self-signed, with Tls::with_root; if \
             not, the network may have a login page, or something reads the connection"
        }
        E::BadSignature => {
            "the server's certificate was not signed by the issuer that it names: do not trust it"
        }
        E::Revoked => "the server's certificate has been revoked: do not trust it",
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            "the server's certificate is not for servers: make one with \
             extendedKeyUsage=serverAuth, or without that extension"
        }
        // webpki's errors without a counterpart in rustls. Matched by name: a dependency on webpki
        // only for its type would have to follow the version that rustls uses.
        E::Other(other) => match other.to_string().as_str() {
            "CaUsedAsEndEntity" => {
                // The default of `openssl req -x509`.
                concat!(
                    "the server's certificate is that of a certificate authority (CA:TRUE), which \
                     a server cannot use: ",
                    own_certificate!()
                )
            }
            "EndEntityUsedAsCa" => {
                "the server's certificate was signed with one that is no authority: sign it with a \
                 root that has basicConstraints=CA:TRUE"
            }
            "UnsupportedCertVersion" => {
                concat!(
                    "the server's certificate is of an old version without extensions: ",
                    own_certificate!()
                )
            }
            _ => "the server's certificate is not acceptable",
        },
        E::BadEncoding => "the server's certificate is damaged: install it again",
        _ => "the server's certificate is not acceptable",
    }
}
