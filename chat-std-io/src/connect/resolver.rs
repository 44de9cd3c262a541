//! Name resolution: the system's resolver, or one of the application.

use super::nat64;
use chat_core::{LinkError, LinkErrorKind};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

type Function = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// A resolver: the system's by default.
#[derive(Clone, Default)]
pub(crate) struct Resolver(Option<Arc<Function>>);

impl Resolver {
    pub(crate) fn new(
        function: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(function)))
    }

    /// Whether it is the system's.
    pub(crate) const fn is_system(&self) -> bool {
        self.0.is_none()
    }

    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match &self.0 {
            Some(function) => function(host, port),
            None => Ok((host, port).to_socket_addrs()?.collect()),
        }
    }
}

/// The same resolver, not one that happens to return the same.
impl PartialEq for Resolver {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_system() { "system" } else { "custom" };
        write!(out, "Resolver({kind})")
    }
}

/// A question to a resolver. Equal questions have the same answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    pub(super) resolver: Resolver,
    pub(super) host: Arc<str>,
    pub(super) port: u16,
    pub(super) kind: QueryKind,
}

/// The subject of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueryKind {
    /// The addresses of a name.
    Name,
    /// The addresses that reach an IPv4 address over NAT64.
    Mapping(Ipv4Addr),
}

impl Query {
    /// Asks the resolver. Blocks. The answer has at least one address.
    pub(super) fn run(&self) -> Result<Vec<SocketAddr>, LinkError> {
        let answer = match self.kind {
            QueryKind::Name => self.resolver.resolve(&self.host, self.port),
            QueryKind::Mapping(literal) => {
                let resolve = |host: &str| self.resolver.resolve(host, self.port);
                Ok(nat64::map(literal, self.port, resolve))
            }
        };
        let error = |cause: &dyn fmt::Display| {
            let host = &self.host;
            let text = format!("{host}: {cause}: check the server address and the network");
            LinkError::new(LinkErrorKind::Resolve, text)
        };
        match answer {
            Ok(addresses) if addresses.is_empty() => Err(error(&"the name has no addresses")),
            Ok(addresses) => Ok(addresses),
            Err(cause) => Err(error(&cause)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(host: &str) -> Query {
        Query {
            resolver: Resolver::default(),
            host: host.into(),
            port: 5058,
            kind: QueryKind::Name,
        }
    }

    #[test]
    fn an_impossible_name_does_not_resolve() {
        // A label has at most 63 characters (RFC 1035), so the resolver asks no server.
        let error = query(&"x".repeat(64)).run().unwrap_err();
        assert_eq!(error.kind, LinkErrorKind::Resolve);
        assert!(error.text.contains("xxx"), "{}", error.text);
    }

    #[test]
    fn a_resolver_without_an_answer_is_an_error_that_names_the_host() {
        let with = |function: fn(&str, u16) -> io::Result<Vec<SocketAddr>>| Query {
            resolver: Resolver::new(function),
            ..query("game.test")
        };
        for resolver in [
            with(|_, _| Ok(Vec::new())),
            with(|_, _| Err(io::Error::other("no such zone"))),
        ] {
            let error = resolver.run().unwrap_err();
            assert_eq!(error.kind, LinkErrorKind::Resolve);
            assert!(error.text.starts_with("game.test: "), "{}", error.text);
        }
        let answer = with(|host, port| {
            assert_eq!(host, "game.test");
            Ok(vec![([127, 0, 0, 1], port).into()])
        });
        assert_eq!(answer.run(), Ok(vec![([127, 0, 0, 1], 5058).into()]));
    }
}
