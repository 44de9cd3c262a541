//! The driver: links, time, and the four parts of a drain.

use super::{Harness, MAX_LINKS, OVERRUN};
use crate::chat_script::inbound::Inbound;
use crate::chat_script::script::{Drive, Fault, OldLinkEvent, Pass};
use crate::chat_script::server::ServerLink;
use chat_core::{
    LinkCommand, LinkError, LinkErrorKind, LinkId, LinkInput, SubProtocol, Timestamp, Wire,
};
use dev_server::Transport;
use std::hash::Hash;

/// Front ends have this port or a higher one.
const FRONT_END_PORT: u16 = 5;
/// More calls of `service` than the input that a client keeps has messages.
const MAX_SERVICES: usize = 1_000_000;
/// Calls of `service` at the end of time.
const MAX_SERVICES_AT_THE_END: usize = 100;
/// More than the datagrams or WebSocket messages that wait to be sent.
const MAX_UNITS: usize = 100_000;

impl Harness {
    pub(super) fn drive(&mut self, drive: &Drive) {
        match drive {
            Drive::Turn { root } => {
                self.now = self.now.plus_millis(u64::from(*root).pow(2) / 4);
                self.turn();
            }
            // The flag changes with the time: a link may open again over another family.
            Drive::Opened => {
                let ipv6 = self.now.as_millis() % 2 == 1;
                self.input_of_newest(LinkInput::Opened { ipv6 });
            }
            Drive::LogIn { links } => {
                for _ in 0..links.get() {
                    for step in self.setup.login_steps() {
                        self.step(&step);
                    }
                }
            }
            Drive::Service { ms } => {
                self.now = self.now.plus_millis(u64::from(*ms));
                self.chat.service(self.now);
            }
            Drive::Pass(pass) => self.pass(pass),
            Drive::Fault(fault) => self.fault(fault),
        }
    }

    fn pass(&mut self, pass: &Pass) {
        match pass {
            Pass::Commands => self.take_commands(),
            Pass::Transmit { max_bytes } => self.transmit(usize::from(*max_bytes)),
            Pass::Events { max } => self.take_events(max.get().into()),
            Pass::Sleep { turns } => {
                for _ in 0..turns.get() {
                    let Some(deadline) = self.chat.poll_timeout() else {
                        break;
                    };
                    self.now = self.now.max(deadline);
                    self.turn();
                }
            }
        }
    }

    fn fault(&mut self, fault: &Fault) {
        match fault {
            Fault::Closed => self.input_of_newest(LinkInput::Closed),
            Fault::Failed { reset } => {
                let kind = if *reset {
                    LinkErrorKind::Reset
                } else {
                    LinkErrorKind::Io
                };
                self.input_of_newest(LinkInput::Failed(LinkError::new(kind, "broken")));
            }
            Fault::OldLink { which, event } => self.input_of_old_link(*which, *event),
            Fault::LateInput { which } => self.late_input(*which),
            Fault::TransmittedTooMuch => self.transmitted_too_much(),
            Fault::Jump(to) => {
                let to = Timestamp::from_millis(to.get());
                self.chat.service(to);
                self.now = self.now.max(to);
            }
        }
    }

    // Input of links.

    fn input(&mut self, link: LinkId, input: LinkInput<'_>) {
        if matches!(input, LinkInput::Closed | LinkInput::Failed(_)) {
            self.links.remove(&link);
        }
        self.chat.handle_link(self.now, link, input);
        assert!(
            self.links.contains_key(&link) || !self.chat.wants_input(link),
            "wants input of a closed link"
        );
    }

    fn input_of_newest(&mut self, input: LinkInput<'_>) {
        if let Some(link) = self.newest.filter(|link| self.links.contains_key(link)) {
            self.input(link, input);
        }
    }

    fn input_of_old_link(&mut self, which: u8, event: OldLinkEvent) {
        let old: Vec<LinkId> = self
            .links
            .keys()
            .copied()
            .filter(|link| Some(*link) != self.newest)
            .collect();
        let Some(link) = pick(&old, which) else {
            return;
        };
        let many = vec![0; self.max_chunk_bytes()];
        let input = match event {
            OldLinkEvent::Closed => LinkInput::Closed,
            OldLinkEvent::FewBytes => LinkInput::Received(b"\xF0 old"),
            OldLinkEvent::ManyBytes => LinkInput::Received(&many),
        };
        self.input(link, input);
    }

    /// Input of a link that is closed changes nothing.
    fn late_input(&mut self, which: u8) {
        let closed: Vec<LinkId> = self
            .opened_ever
            .iter()
            .copied()
            .filter(|link| !self.links.contains_key(link))
            .collect();
        let Some(link) = pick(&closed, which) else {
            return;
        };
        // Any call advances the client's clock and starts timers. That may change the snapshot, so
        // it happens before.
        let _ = self.chat.transmit(self.now, link);
        let before = self.snapshot();
        let (chat, now) = (&mut self.chat, self.now);
        chat.handle_link(now, link, LinkInput::Received(&[0; 9]));
        if Some(link) != self.newest {
            chat.handle_link(now, link, LinkInput::Opened { ipv6: true });
        }
        chat.handle_link(now, link, LinkInput::Closed);
        assert!(!chat.wants_input(link));
        assert_eq!(before, self.snapshot());
    }

    /// The maximum of bytes in a chunk that a client has to accept.
    pub(super) fn max_chunk_bytes(&self) -> usize {
        if self.setup.transport() == Transport::Tcp {
            OVERRUN
        } else {
            self.setup.limits().max_received_bytes
        }
    }

    pub(super) fn receive(&mut self, inbound: &Inbound) {
        let Some(link) = self.newest else { return };
        let Some(server) = self.links.get_mut(&link) else {
            return;
        };
        let datagrams = server.carrier().is_datagrams();
        for chunk in inbound.chunks(server, &self.setup, self.now) {
            let too_much = !self.chat.wants_input(link) || chunk.len() > self.max_chunk_bytes();
            self.expectations.overran |= too_much && !datagrams;
            self.input_of_newest(LinkInput::Received(&chunk));
        }
    }

    /// Delivers all datagrams that the servers have to send. False if there were none.
    fn deliver_datagrams(&mut self) -> bool {
        let mut any = false;
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            let datagrams = self
                .links
                .get_mut(&link)
                .map(|server| server.send_datagrams(&[], self.now));
            for datagram in datagrams.unwrap_or_default() {
                any = true;
                self.input(link, LinkInput::Received(&datagram));
            }
        }
        any
    }

    // Output of the client.

    fn take_commands(&mut self) {
        while let Some(command) = self.chat.poll_command() {
            match command {
                LinkCommand::Open { link, target, wire } => {
                    assert!(self.opened_ever.insert(link), "a link id was reused");
                    assert!(target.port > 0 && !target.host.is_empty());
                    self.check_wire(wire);
                    let is_front_end = target.port >= FRONT_END_PORT;
                    let questions = self.chat.stats().questions;
                    let server = ServerLink::new(&self.setup, wire, is_front_end, questions);
                    self.links.insert(link, server);
                    (self.newest, self.closed_newest) = (Some(link), None);
                }
                LinkCommand::Close { link } => {
                    let server = self.links.remove(&link).expect("a close of an open link");
                    assert!(
                        !self.chat.wants_input(link),
                        "wants input of a link that it closes"
                    );
                    if Some(link) == self.newest {
                        self.closed_newest = Some(server);
                    }
                }
            }
        }
        assert!(self.links.len() <= MAX_LINKS, "{} links", self.links.len());
    }

    /// Links have the transport of the configuration, or a more secure one.
    fn check_wire(&self, wire: Wire) {
        let transport = self.setup.transport();
        match wire {
            Wire::Stream => assert_eq!(transport, Transport::Tcp),
            Wire::Datagram => assert_eq!(transport, Transport::Udp),
            Wire::WebSocket { secure, protocol } => {
                assert!(transport.is_websocket(), "{wire:?} for {transport}");
                let binary = self.setup.protocol().into();
                let expected = if self.setup.is_json() {
                    SubProtocol::Json
                } else {
                    binary
                };
                assert_eq!(protocol, expected);
                assert!(secure || !transport.is_secure(), "from secure to insecure");
            }
            other => panic!("{other:?} for {transport}"),
        }
    }

    /// Each link takes up to so many bytes, or one datagram or WebSocket message; with the maximum
    /// all that there is.
    fn transmit(&mut self, max: usize) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            let mut units = 0;
            while self.transmit_on(link, max) && max == usize::MAX {
                units += 1;
                assert!(units < MAX_UNITS, "there is always more to send");
            }
        }
    }

    fn transmit_on(&mut self, link: LinkId, max: usize) -> bool {
        let Some(server) = self.links.get_mut(&link) else {
            return false;
        };
        let Some(bytes) = self.chat.transmit(self.now, link) else {
            return false;
        };
        assert!(!bytes.is_empty());
        let first = bytes.to_vec();
        assert_eq!(
            self.chat.transmit(self.now, link),
            Some(&first[..]),
            "different bytes before `transmitted`"
        );
        let count = first.len().min(max);
        self.chat.transmitted(link, count);
        let (sent, copies) = if server.carrier().is_stream() {
            (&first[..count], 1)
        } else if count == 0 {
            (&[][..], 0)
        } else if server.carrier().is_datagrams() && max != usize::MAX {
            let copies = match max % 4 {
                3 => 0,
                2 => 2,
                _ => 1,
            };
            (&first[..], copies)
        } else {
            (&first[..], 1)
        };
        server.impaired |= copies == 0 && count > 0;
        for _ in 0..copies {
            server.receive(sent, self.now);
        }
        if let Some(transcript) = &mut self.transcript {
            (link, sent).hash(transcript);
        }
        true
    }

    fn transmitted_too_much(&mut self) {
        let Some(link) = self.newest else { return };
        let Some(server) = self.links.get_mut(&link) else {
            return;
        };
        let is_stream = server.carrier().is_stream();
        if let Some(bytes) = self.chat.transmit(self.now, link) {
            server.receive(bytes, self.now);
        }
        self.chat.transmitted(link, usize::MAX);
        assert!(!is_stream || self.chat.transmit(self.now, link).is_none());
    }

    // Both.

    /// `service` until nothing is left to do, each time with a full drain.
    pub(super) fn turn(&mut self) {
        // At the end of time everything is due at once, each attempt of a client that comes back too.
        let never_rests = self.now == Timestamp::MAX && self.setup.restore.is_some();
        for services in 0..MAX_SERVICES {
            if never_rests && services >= MAX_SERVICES_AT_THE_END {
                return;
            }
            let serviced = self.chat.service(self.now);
            // Input has to wait while there are too many events. That happens with the usual caps too:
            // an element of two bytes (a number of a JSON array, a name that is empty because a
            // bit was changed) becomes a larger value.
            let may_wait = self.chat.queued_events() > 0;
            self.take_events(usize::MAX);
            self.transmit(usize::MAX);
            self.take_commands();
            if self.deliver_datagrams() || serviced.more {
                continue;
            }
            let deadline = self.chat.poll_timeout();
            let due = deadline.is_some_and(|at| at <= self.now) && self.now != Timestamp::MAX;
            assert!(
                !due || may_wait,
                "a busy deadline: {deadline:?} at {:?}",
                self.now
            );
            if !due {
                return self.check_at_rest();
            }
        }
        panic!("`service` always has more to do");
    }
}

fn pick(links: &[LinkId], which: u8) -> Option<LinkId> {
    let index = usize::from(which).checked_rem(links.len())?;
    links.get(index).copied()
}
