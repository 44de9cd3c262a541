//! Connecting: name resolution on threads, and the race between the addresses of a name.
//!
//! ```text
//! name ──> Resolving ──addresses──> Resolved ──TCP, ws, wss──> Racing ──first to connect──> Socket
//!                                    ▲  │ └─────UDP────> Socket, which races by itself
//! IP address ────────────────────────┤  └─no route to an IPv4 address──> Mapping (NAT64)
//!                                    └──────────other addresses─────────────┘
//! ```
//!
//! Only lookups block, so only they have [threads](self::pool). Everything else advances with the
//! passes of the session.

mod nat64;
pub(crate) mod pool;
pub(crate) mod race;
pub(crate) mod resolver;
mod tcp;

#[cfg(feature = "websocket")]
use crate::transport::websocket::{self, Handshaking};
use crate::transport::{Setup, Socket, Visit, tcp::Stream, udp::Datagrams};
use crate::waker::WakerSlot;
use chat_core::{LinkError, LinkErrorKind, Target, Timestamp, Wire};
use pool::Lookup;
use resolver::{Query, QueryKind};
use std::mem;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use tcp::TcpRace;

/// How long the search for a NAT64 gateway may delay the error of an address without a route.
const MAPPING_LIMIT_MS: u64 = 2_000;

/// The connect of one link. Dropping it cancels it.
pub(crate) struct Attempt {
    query: Query,
    session: pool::SessionKey,
    waker: WakerSlot,
    plan: Plan,
    stage: Stage,
    /// An IPv4 address as text that was not mapped yet.
    unmapped: Option<Ipv4Addr>,
    began: Timestamp,
    /// When the attempt fails by itself. Before the client's deadline, whose error could not list
    /// what was tried.
    limit: Timestamp,
}

/// The kind of transport that the connection becomes.
enum Plan {
    Stream,
    Datagrams,
    #[cfg(feature = "websocket")]
    WebSocket(Box<Handshaking>),
}

enum Stage {
    Resolving(Lookup),
    Resolved(Vec<SocketAddr>),
    /// The lookup of other addresses for one that failed with this error.
    Mapping(Lookup, LinkError),
    Racing(Box<TcpRace>),
    /// The result was returned.
    Over,
}

/// The result of an [`Attempt`].
pub(crate) type Connected = Result<(Socket, SocketAddr), LinkError>;

impl Attempt {
    /// Starts to connect. [`Attempt::advance`] continues.
    ///
    /// Fails if this build lacks the transport, or if the target fits no request.
    pub(crate) fn start(
        target: &Target,
        wire: Wire,
        setup: &Setup,
        now: Timestamp,
        waker: &WakerSlot,
    ) -> Result<Self, LinkError> {
        if let Some(error) = unsupported(wire) {
            return Err(error);
        }
        let plan = match wire {
            Wire::Datagram => Plan::Datagrams,
            #[cfg(feature = "websocket")]
            Wire::WebSocket { secure, protocol } => {
                let kind = websocket::Kind {
                    secure,
                    text: protocol.is_text(),
                    subprotocol: protocol.name(),
                };
                // Made before connecting: a target that fits no request needs no connection.
                Plan::WebSocket(Box::new(Handshaking::new(target, kind, setup)?))
            }
            // `unsupported` returned the others.
            _ => Plan::Stream,
        };
        let query = Query {
            resolver: setup.resolver.clone(),
            host: (*target.host).into(),
            port: target.port,
            kind: QueryKind::Name,
        };
        let literal = target.host.parse::<IpAddr>().ok();
        let stage = match literal {
            Some(ip) => Stage::Resolved(vec![SocketAddr::new(ip, target.port)]),
            None => Stage::Resolving(Lookup::start(query.clone(), setup.session, waker.clone())),
        };
        let unmapped = match literal {
            Some(IpAddr::V4(ip)) => Some(ip),
            _ => None,
        };
        let timeout = setup.connect_timeout;
        Ok(Self {
            query,
            session: setup.session,
            waker: waker.clone(),
            plan,
            stage,
            unmapped,
            began: now,
            // A tenth is left for the session's passes, which may be far apart.
            limit: now.plus(timeout - timeout / 10),
        })
    }

    /// Continues. Returns the result once, after which the attempt is dropped. Never blocks.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Option<Connected> {
        loop {
            let result = match mem::replace(&mut self.stage, Stage::Over) {
                Stage::Resolving(lookup) => match lookup.poll() {
                    Some(Ok(addresses)) => {
                        self.stage = Stage::Resolved(addresses);
                        continue;
                    }
                    Some(Err(error)) => Err(error),
                    None if now >= self.limit => Err(self.unresolved(now)),
                    None => {
                        self.stage = Stage::Resolving(lookup);
                        return None;
                    }
                },
                Stage::Mapping(lookup, error) => match lookup.poll() {
                    Some(Ok(addresses)) => {
                        log::debug!(
                            target: "photon_chat::net",
                            "no route to {}: trying {addresses:?}", self.query.host
                        );
                        self.stage = Stage::Resolved(addresses);
                        continue;
                    }
                    Some(Err(_)) => Err(error),
                    None if now >= self.limit => Err(error),
                    None => {
                        self.stage = Stage::Mapping(lookup, error);
                        return None;
                    }
                },
                Stage::Resolved(addresses) => match self.plan {
                    Plan::Datagrams => Datagrams::open(&addresses, now)
                        .map(|(socket, address)| (Socket::Datagrams(socket), address)),
                    _ => {
                        let race = TcpRace::new(&addresses, now, self.limit);
                        self.stage = Stage::Racing(Box::new(race));
                        continue;
                    }
                },
                Stage::Racing(mut race) => match race.advance(now) {
                    Some(Ok((stream, address))) => Ok(self.socket(stream, address)),
                    Some(Err(error)) => Err(error),
                    None => {
                        self.stage = Stage::Racing(race);
                        return None;
                    }
                },
                Stage::Over => {
                    debug_assert!(false, "an attempt that is over is dropped");
                    return None;
                }
            };
            match result {
                Err(error) if self.can_map(&error) => self.start_mapping(error, now),
                result => return Some(result),
            }
        }
    }

    /// The socket of the link over a connected stream.
    fn socket(&mut self, stream: TcpStream, address: SocketAddr) -> (Socket, SocketAddr) {
        let stream = Stream::new(stream);
        let socket = match mem::replace(&mut self.plan, Plan::Stream) {
            Plan::Stream => Socket::Stream(stream),
            Plan::Datagrams => {
                debug_assert!(false, "datagrams race by themselves");
                Socket::Stream(stream)
            }
            #[cfg(feature = "websocket")]
            Plan::WebSocket(handshaking) => {
                Socket::Messages(Box::new(handshaking.over(stream, address.is_ipv6())))
            }
        };
        (socket, address)
    }

    /// Whether the target is an IPv4 address without a route, on a network that may have a gateway
    /// to it. Without the check, a machine without any network would first have to wait for its
    /// resolver to find that out.
    fn can_map(&self, error: &LinkError) -> bool {
        self.unmapped.is_some()
            && error.kind == LinkErrorKind::Local
            && (!self.query.resolver.is_system() || nat64::has_ipv6_route())
    }

    fn start_mapping(&mut self, error: LinkError, now: Timestamp) {
        let Some(ip) = self.unmapped.take() else {
            debug_assert!(false, "an address is mapped once");
            return;
        };
        let query = Query {
            kind: QueryKind::Mapping(ip),
            ..self.query.clone()
        };
        self.limit = self.limit.min(now.plus_millis(MAPPING_LIMIT_MS));
        let lookup = Lookup::start(query, self.session, self.waker.clone());
        self.stage = Stage::Mapping(lookup, error);
    }

    fn unresolved(&self, now: Timestamp) -> LinkError {
        let text = format!(
            "{}: the resolver did not answer within {} ms: check the network",
            self.query.host,
            now.millis_since(self.began)
        );
        LinkError::new(LinkErrorKind::Resolve, text)
    }

    /// Whether it waits for a resolver, whose thread wakes the session's poller.
    pub(crate) fn is_resolving(&self) -> bool {
        matches!(self.stage, Stage::Resolving(_) | Stage::Mapping(..))
    }

    /// When [`Attempt::advance`] has work to do although nothing arrives.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Resolving(_) | Stage::Mapping(..) => Some(self.limit),
            Stage::Resolved(_) => Some(self.began),
            Stage::Racing(race) => race.deadline(),
            Stage::Over => None,
        }
    }

    /// Visits the sockets whose changes advance the attempt.
    pub(crate) fn visit_sources<'a>(&'a self, visit: Visit<'_, 'a>) {
        if let Stage::Racing(race) = &self.stage {
            race.visit_sources(visit);
        }
    }
}

/// Why this crate, as it was built, lacks the transport.
fn unsupported(wire: Wire) -> Option<LinkError> {
    let text = match wire {
        Wire::Stream | Wire::Datagram => return None,
        Wire::WebSocket { secure: true, .. } if cfg!(feature = "tls") => return None,
        Wire::WebSocket { secure: true, .. } => {
            "this program was built without wss://: enable the feature `tls` of photon-chat-std-io"
        }
        Wire::WebSocket { .. } if cfg!(feature = "websocket") => return None,
        Wire::WebSocket { .. } => {
            "this program was built without ws://: enable the feature `websocket` of \
             photon-chat-std-io"
        }
        _ => {
            "this driver lacks the transport: use an address that begins with udp://, tcp://, \
             wss:// or ws://"
        }
    };
    Some(LinkError::new(LinkErrorKind::Unsupported, text))
}

#[cfg(test)]
mod tests;
