//! Name resolution.

use chat_core::{LinkError, LinkErrorKind, Target};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// Whether the host is an IP address as text, so that [`addresses`] does not block.
pub(crate) fn is_literal(target: &Target) -> bool {
    target.host.parse::<IpAddr>().is_ok()
}

/// Resolves the host to at least one address, in the resolver's order. Blocks unless the host is a
/// literal.
pub(crate) fn addresses(target: &Target) -> Result<Vec<SocketAddr>, LinkError> {
    let error = |text: &dyn std::fmt::Display| {
        let text = format!(
            "{}: {text}: check the server address and the network",
            target.host
        );
        LinkError::new(LinkErrorKind::Resolve, text)
    };
    let addresses = (&*target.host, target.port)
        .to_socket_addrs()
        .map_err(|cause| error(&cause))?;
    let addresses: Vec<_> = addresses.collect();
    if addresses.is_empty() {
        return Err(error(&"the name has no addresses"));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str) -> Target {
        Target {
            host: host.into(),
            port: 5058,
            path: "".into(),
        }
    }

    #[test]
    fn only_ip_addresses_are_literals() {
        let literals = ["127.0.0.1", "::1", "2001:db8::1"];
        assert!(literals.iter().all(|host| is_literal(&target(host))));
        let names = ["localhost", "fe80::1%lo", "127.1", ""];
        assert!(names.iter().all(|host| !is_literal(&target(host))));
    }

    #[test]
    fn an_impossible_name_does_not_resolve() {
        // A label has at most 63 characters (RFC 1035), so the resolver asks no server.
        let error = addresses(&target(&"x".repeat(64))).unwrap_err();
        assert_eq!(error.kind, LinkErrorKind::Resolve);
        assert!(error.text.contains("xxx"), "{}", error.text);
    }
}
