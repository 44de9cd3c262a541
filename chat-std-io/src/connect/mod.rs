//! Connecting: everything that may block, on threads of its own.
//!
//! A link takes one thread of the process-wide [pool](self::pool) until its socket is connected.
//! The session never waits for a thread: a cancelled link drops its [`CancelGuard`], and a socket
//! that its thread connects later is dropped.

pub(crate) mod addresses;
mod pool;
mod resolve;

#[cfg(feature = "websocket")]
use crate::transport::websocket;
use crate::transport::{Setup, Socket, tcp, udp};
use crate::waker::WakerSlot;
use chat_core::{LinkError, LinkErrorKind, LinkId, Target, Wire};
use pool::POOL;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Starts connects for one session, and receives their results.
pub(crate) struct Connector {
    sender: Sender<Connected>,
    receiver: Receiver<Connected>,
    waker: WakerSlot,
}

/// The result of one connect.
pub(crate) struct Connected {
    pub(crate) link: LinkId,
    pub(crate) result: Result<(Socket, SocketAddr), LinkError>,
}

/// Cancels a connect when it is dropped.
pub(crate) struct CancelGuard {
    _alive: Arc<()>,
}

impl Connector {
    pub(crate) fn new(waker: WakerSlot) -> Self {
        let (sender, receiver) = channel();
        Self {
            sender,
            receiver,
            waker,
        }
    }

    /// Starts a connect on a thread. [`Connector::finished`] returns its result.
    pub(crate) fn start(
        &self,
        link: LinkId,
        target: Target,
        wire: Wire,
        setup: Setup,
    ) -> CancelGuard {
        let guard = Arc::new(());
        let alive = Arc::downgrade(&guard);
        let sender = self.sender.clone();
        let work = {
            let (alive, sender, waker) = (alive.clone(), sender.clone(), self.waker.clone());
            move || {
                let result = connect(&target, wire, &setup, || alive.strong_count() > 0);
                // Fails once the session is gone, which drops the socket.
                let _ = sender.send(Connected { link, result });
                waker.wake();
            }
        };
        if let Err(error) = POOL.run(alive, Box::new(work)) {
            let text = format!("the system started no thread to connect on: {error}");
            let error = LinkError::new(LinkErrorKind::Io, text);
            let _ = sender.send(Connected {
                link,
                result: Err(error),
            });
        }
        CancelGuard { _alive: guard }
    }

    /// The next finished connect. Never blocks.
    pub(crate) fn finished(&mut self) -> Option<Connected> {
        self.receiver.try_recv().ok()
    }
}

/// Whether [`connect`] does not block.
pub(crate) fn connects_at_once(target: &Target, wire: Wire) -> bool {
    match wire {
        Wire::Stream => false,
        Wire::Datagram => resolve::is_literal(target),
        other => unsupported(other).is_some(),
    }
}

/// Resolves a target and connects a socket to it. May stop early once `wanted` is false.
#[cfg_attr(not(feature = "websocket"), expect(unused_variables))]
pub(crate) fn connect(
    target: &Target,
    wire: Wire,
    setup: &Setup,
    wanted: impl Fn() -> bool,
) -> Result<(Socket, SocketAddr), LinkError> {
    if let Some(error) = unsupported(wire) {
        return Err(error);
    }
    match wire {
        Wire::Datagram => {
            let (socket, address) = addresses::udp(&resolve::addresses(target)?)?;
            Ok((Socket::Datagrams(udp::Datagrams::new(socket)), address))
        }
        #[cfg(feature = "websocket")]
        Wire::WebSocket { secure, protocol } => {
            let kind = websocket::Kind {
                secure,
                text: protocol.is_text(),
                subprotocol: protocol.name(),
            };
            // Made before connecting: a target that fits no request needs no connection.
            let client = websocket::Handshaking::new(target, kind, setup)?;
            let (stream, address) = addresses::tcp(&resolve::addresses(target)?, wanted)?;
            let socket = client.over(tcp::Stream::new(stream), address.is_ipv6());
            Ok((Socket::Messages(Box::new(socket)), address))
        }
        // `unsupported` returned the others.
        _ => {
            let (stream, address) = addresses::tcp(&resolve::addresses(target)?, wanted)?;
            Ok((Socket::Stream(tcp::Stream::new(stream)), address))
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
mod tests {
    use super::*;
    use chat_core::SubProtocol;

    #[test]
    fn a_missing_transport_names_the_feature_to_enable() {
        let target = Target {
            host: "localhost".into(),
            port: 9093,
            path: "".into(),
        };
        for (secure, built_in, feature) in [
            (true, cfg!(feature = "tls"), "`tls`"),
            (false, cfg!(feature = "websocket"), "`websocket`"),
        ] {
            let wire = Wire::WebSocket {
                secure,
                protocol: SubProtocol::GpBinaryV18,
            };
            assert_eq!(connects_at_once(&target, wire), !built_in);
            if !built_in {
                let Err(error) = connect(&target, wire, &Setup::for_test(), || true) else {
                    panic!("the transport is built in")
                };
                assert_eq!(error.kind, LinkErrorKind::Unsupported);
                assert!(error.text.contains(feature), "{}", error.text);
            }
        }
        assert!(!connects_at_once(&target, Wire::Stream));
        assert!(!connects_at_once(&target, Wire::Datagram));
    }
}
