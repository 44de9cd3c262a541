//! [`Connection`]: the connection to the current server.

use crate::incoming::Deferred;
use crate::link::{LinkError, LinkId, LinkInput};
use crate::state::{CauseKind, DisconnectCause, KeyExchangeFailure, Server};
use alloc::boxed::Box;
use core::time::Duration;
use photon_proto::peer::{End, Peer, Phase, Wire};
use photon_proto::{Text, Timestamp, udp};

/// A peer, which knows bytes and time, and what the client knows about it: which server it is, and
/// over which link.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) server: Server,
    pub(super) link: LinkId,
    pub(super) peer: Peer,
    /// What is left of the last message.
    pub(super) deferred: Option<Box<Deferred>>,
    /// Why the link ended, if it failed. The peer learns only that it is gone.
    link_error: Option<Box<LinkError>>,
}

impl Connection {
    pub(super) const fn new(server: Server, link: LinkId, peer: Peer) -> Self {
        Self {
            server,
            link,
            peer,
            deferred: None,
            link_error: None,
        }
    }

    /// Handles what happened to the link.
    pub(super) fn handle_link(&mut self, now: Timestamp, input: LinkInput<'_>) {
        match input {
            LinkInput::Opened { ipv6 } => self.peer.link_opened(now, ipv6),
            LinkInput::Received(bytes) => self.peer.handle_bytes(now, bytes),
            LinkInput::Closed => self.peer.link_closed(),
            LinkInput::Failed(error) => {
                self.link_error.get_or_insert_with(|| Box::new(error));
                self.peer.link_closed();
            }
        }
    }

    /// Whether something is to be processed: input, or the rest of a message.
    pub(super) fn has_input(&self) -> bool {
        self.deferred.is_some() || self.peer.has_input()
    }

    /// Whether the link was opened.
    pub(super) fn is_opened(&self) -> bool {
        self.peer.phase() != Phase::Opening
    }

    /// Whether anything of the server has arrived.
    pub(super) fn is_answered(&self) -> bool {
        let awaits_first = matches!(self.peer.phase(), Phase::Opening | Phase::AwaitInit);
        // Over UDP, the server may have acknowledged the connect command alone.
        !awaits_first || self.peer.round_trip().is_some()
    }

    /// Whether the link opens without the server: a datagram socket exchanges nothing. A server
    /// that does not answer then counts as silent, even before the driver has reported the link as
    /// opened. Spec: chat.md 1.11.
    pub(super) fn is_connectionless(&self) -> bool {
        self.peer.wire() == Wire::Datagram
    }

    /// The cause of a disconnect that follows from this end. `slept` is the length of the latest
    /// sleep. See "Which end gives which code" in
    /// the crate docs.
    pub(super) fn cause_of(&mut self, end: End, slept: Duration) -> DisconnectCause {
        let cause = |kind| DisconnectCause::new(self.server, kind);
        match end {
            End::LinkClosed => match self.link_error.take() {
                Some(error) => {
                    cause(CauseKind::Link(error.kind)).with_text(Text::for_error(&error.text))
                }
                None => cause(CauseKind::Closed),
            },
            End::Overrun => cause(CauseKind::InputOverrun),
            End::BadStream(error) => cause(CauseKind::BadStream(error)),
            End::Udp(udp::Cause::Slept) => cause(CauseKind::Slept { elapsed: slept }),
            End::Udp(udp) => cause(CauseKind::of_udp(udp)),
            End::KeyExchange {
                failure,
                return_code,
                text,
            } => {
                let cause = cause(CauseKind::KeyExchange(failure)).with_text(text);
                if failure == KeyExchangeFailure::Refused {
                    cause.with_code(return_code)
                } else {
                    cause
                }
            }
            // Ends of servers.
            other => {
                debug_assert!(false, "{other:?} ends a client");
                cause(CauseKind::Closed)
            }
        }
    }
}
