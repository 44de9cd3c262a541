//! The links of a session: those that the client uses, and those that are being closed.

use crate::connect::{Attempt, Connected};
use crate::link_handle::ClientLink;
use crate::poller::Poller;
use crate::stats::IoStats;
use crate::transport::{CloseProgress, LinkEnd, ReadOutcome, Setup, Socket, Visit, with_chunk};
use crate::waker::{Waker, WakerSlot};
use chat_core::{ChatClient, LinkCommand, LinkId, LinkInput, Target, Timestamp, Wire};
use std::io::{self, ErrorKind};
use std::time::Duration;
use std::{mem, thread};

/// How long a closed connection is kept for the server's end. As long as the client's default flush
/// timeout (item 10 of the client's contract): a server that has not closed by then has a problem.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Closed connections that are kept at one time; the oldest is dropped first. A client leaves one
/// per server change, so only a client that reconnects in a loop reaches this.
const MAX_CLOSING: usize = 16;
/// Longest sleep while nothing can end it: the result of a thread has no socket, and a system
/// without a free descriptor has no poller. Shorter than a frame of a game, and long enough to cost
/// no measurable CPU time.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Longest single sleep: systems disagree about very long timeouts.
const MAX_SLEEP: Duration = Duration::from_secs(3_600);

pub(crate) struct Links {
    /// Links that the client has opened and not closed, oldest first.
    live: Vec<Link>,
    /// Connections after the client's close or end.
    ///
    /// A socket that is closed at once answers whatever is still on its way to it with a reset, and
    /// on some systems a reset discards what the server has not read yet: our last messages. So the
    /// end is announced, and input discarded, until the server ends its side (RFC 9112, 9.6). Over
    /// WebSocket this also completes the closing handshake.
    closing: Vec<Closing>,
    setup: Setup,
    waker: WakerSlot,
    /// Made by the first sleep: a game that never sleeps here needs none.
    poller: Option<Box<Poller>>,
    /// The poller was made since the last sleep.
    poller_is_new: bool,
    pub(crate) summary: CloseSummary,
    newest: Newest,
    pub(crate) stats: IoStats,
}

struct Link {
    id: LinkId,
    state: LinkState,
}

enum LinkState {
    Connecting(Box<Attempt>),
    Connected(Socket),
    /// A placeholder until the caller removes the link.
    Gone,
}

struct Closing {
    socket: Socket,
    until: Timestamp,
}

/// The link that was opened last.
#[derive(Default)]
struct Newest {
    id: Option<LinkId>,
    /// Whether it was ever connected.
    connected: bool,
    /// How it ended, if the server ended it.
    end: CloseSummary,
}

/// How the links that are gone have ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CloseSummary {
    /// A link ended before all accepted output was sent.
    pub(crate) unsent: bool,
    /// A link ended without the server's end in answer to ours.
    pub(crate) unconfirmed: bool,
}

impl Links {
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            live: Vec::new(),
            closing: Vec::new(),
            setup,
            waker: WakerSlot::default(),
            poller: None,
            poller_is_new: false,
            summary: CloseSummary::default(),
            newest: Newest::default(),
            stats: IoStats::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.closing.is_empty()
    }

    /// Number of links that the client has opened and not closed.
    pub(crate) fn live(&self) -> usize {
        self.live.len()
    }

    /// Whether a pass has input to process that no poller would notice.
    pub(crate) fn is_ready(&self, chat: &ChatClient) -> bool {
        let live = self.live.iter().any(|link| match &link.state {
            LinkState::Connecting(_) | LinkState::Gone => false,
            LinkState::Connected(socket) => socket.is_ready() && wants_input(chat, link.id, socket),
        });
        live || self.closing.iter().any(|closing| closing.socket.is_ready())
    }

    /// Whether a thread works for a link. Only the session's own poller notices its result.
    pub(crate) fn is_resolving(&self) -> bool {
        self.live.iter().any(|link| match &link.state {
            LinkState::Connecting(attempt) => attempt.is_resolving(),
            LinkState::Connected(_) | LinkState::Gone => false,
        })
    }

    /// When a pass has work to do even without input. The client's deadlines come beside it.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let live = self.live.iter().filter_map(|link| match &link.state {
            LinkState::Connecting(attempt) => attempt.deadline(),
            LinkState::Connected(socket) => socket.deadline(),
            LinkState::Gone => None,
        });
        let closing = self.closing.iter().map(|closing| closing.until);
        live.chain(closing).min()
    }

    /// Whether a closed link has output left.
    pub(crate) fn closing_unsent(&self) -> bool {
        self.closing.iter().any(|closing| closing.socket.unsent())
    }

    /// Begins the summary of a session's close. Of the links that ended before, only the newest
    /// counts: the application has used no other since. `failed`: whether the client reported the
    /// end of its connection as an error, by a disconnect message for example.
    pub(crate) fn begin_summary(&mut self, failed: bool) {
        self.summary = self.newest.end;
        self.summary.unconfirmed |= failed && self.newest.connected;
    }

    /// Continues connects, and passes readable input to the client, as far as it wants input.
    pub(crate) fn receive(&mut self, chat: &mut ChatClient, now: Timestamp) -> ReadOutcome {
        let mut total = ReadOutcome {
            any: self.advance_connects(chat, now),
            more: false,
        };
        if !self.is_empty() {
            with_chunk(|buffer| self.read(chat, now, buffer, &mut total));
        }
        total
    }

    fn read(
        &mut self,
        chat: &mut ChatClient,
        now: Timestamp,
        buffer: &mut [u8],
        total: &mut ReadOutcome,
    ) {
        let Self {
            live,
            closing,
            summary,
            newest,
            stats,
            ..
        } = self;
        // Every link in turn, each within the limits of a pass: none can hold up another.
        live.retain_mut(|link| {
            let LinkState::Connected(socket) = &mut link.state else {
                return true;
            };
            let mut client = ClientLink {
                chat: &mut *chat,
                now,
                id: link.id,
            };
            let end = match socket.receive(&mut client, buffer, stats) {
                Ok(outcome) => {
                    total.any |= outcome.any;
                    total.more |= outcome.more;
                    return true;
                }
                Err(end) => end,
            };
            total.any = true;
            // Only the kind: the text may contain a user id.
            let kind = match &end {
                LinkEnd::Closed => None,
                LinkEnd::Failed(error) => Some(error.kind),
            };
            log::debug!(target: "photon_chat::net", "{}: ended by the server ({kind:?})", link.id);
            // Asked before the client is given the end, which drops its output.
            let unsent = socket.unsent() || chat.transmit(now, link.id).is_some();
            summary.add_end_of_server(unsent);
            newest.note_end_of_server(link.id, unsent);
            chat.handle_link(now, link.id, end.into());
            if socket.must_answer_end() {
                // `retain_mut` removes the link below.
                let state = mem::replace(&mut link.state, LinkState::Gone);
                if let LinkState::Connected(socket) = state {
                    keep_closing(closing, socket, now, summary);
                }
            }
            false
        });
        closing.retain_mut(|closing| {
            let progress = closing.socket.continue_close(buffer, stats);
            if progress == CloseProgress::Pending && closing.until > now {
                return true;
            }
            summary.add(&closing.socket, progress);
            false
        });
    }

    /// Continues the connects under way. Returns whether one has a result.
    fn advance_connects(&mut self, chat: &mut ChatClient, now: Timestamp) -> bool {
        let mut any = false;
        self.live.retain_mut(|link| {
            let LinkState::Connecting(attempt) = &mut link.state else {
                return true;
            };
            let Some(connected) = attempt.advance(now) else {
                return true;
            };
            any = true;
            match on_connected(chat, now, link.id, connected) {
                Some(socket) => {
                    self.newest.connected |= self.newest.id == Some(link.id);
                    link.state = LinkState::Connected(socket);
                    true
                }
                None => false,
            }
        });
        any
    }

    /// Sends output, then opens and closes the links that the client asks for. Never blocks.
    pub(crate) fn flush(&mut self, chat: &mut ChatClient, now: Timestamp) {
        self.send(chat, now);
        // A link that opened at once already has output.
        if self.apply_commands(chat, now) {
            self.send(chat, now);
        }
    }

    /// Sends the output that the system takes. Never blocks.
    pub(crate) fn send(&mut self, chat: &mut ChatClient, now: Timestamp) {
        for link in &mut self.live {
            if let LinkState::Connected(socket) = &mut link.state {
                let mut client = ClientLink {
                    chat: &mut *chat,
                    now,
                    id: link.id,
                };
                socket.send(&mut client, &mut self.stats);
            }
        }
    }

    /// Opens and closes the links that the client asks for. Returns whether one opened or failed at
    /// once.
    fn apply_commands(&mut self, chat: &mut ChatClient, now: Timestamp) -> bool {
        let mut at_once = false;
        while let Some(command) = chat.poll_command() {
            match command {
                LinkCommand::Open { link, target, wire } => {
                    at_once |= self.open(chat, now, link, target, wire);
                }
                LinkCommand::Close { link } => self.close(link, now),
            }
        }
        at_once
    }

    fn open(
        &mut self,
        chat: &mut ChatClient,
        now: Timestamp,
        id: LinkId,
        target: Target,
        wire: Wire,
    ) -> bool {
        debug_assert!(
            self.live.iter().all(|link| link.id != id),
            "link ids are never reused"
        );
        log::debug!(target: "photon_chat::net", "{id}: connecting to {target}");
        self.newest = Newest {
            id: Some(id),
            ..Newest::default()
        };
        match Attempt::start(&target, wire, &self.setup, now, &self.waker) {
            Ok(attempt) => {
                let state = LinkState::Connecting(Box::new(attempt));
                self.live.push(Link { id, state });
                // A datagram socket to an IP address opens now.
                self.advance_connects(chat, now)
            }
            Err(error) => {
                chat.handle_link(now, id, LinkInput::Failed(error));
                true
            }
        }
    }

    fn close(&mut self, id: LinkId, now: Timestamp) {
        // There is none if it failed while the command was queued.
        let Some(index) = self.live.iter().position(|link| link.id == id) else {
            return;
        };
        log::debug!(target: "photon_chat::net", "{id}: closing");
        // A connect is cancelled by dropping it.
        let LinkState::Connected(mut socket) = self.live.remove(index).state else {
            return;
        };
        // An end of the server that lies unread in the socket is no answer to ours. One behind more
        // input than two passes read is not noticed: to read on would hold up the caller.
        if socket.discard_input(now, &mut self.stats).is_err() {
            self.summary.add_end_of_server(socket.unsent());
            self.newest.note_end_of_server(id, socket.unsent());
            if socket.must_answer_end() {
                keep_closing(&mut self.closing, socket, now, &mut self.summary);
            }
            return;
        }
        match socket.close(&mut self.stats) {
            CloseProgress::Pending => {
                keep_closing(&mut self.closing, socket, now, &mut self.summary);
            }
            progress => self.summary.add(&socket, progress),
        }
    }

    /// Ends every open link as if the network had failed; the next receive reports it.
    pub(crate) fn simulate_connection_loss(&mut self) {
        for link in &mut self.live {
            if let LinkState::Connected(socket) = &mut link.state {
                log::debug!(target: "photon_chat::net", "{}: simulated connection loss", link.id);
                socket.simulate_connection_loss();
            }
        }
    }

    /// Makes the poller if there is none. Returns whether the caller must look for results of
    /// threads before it sleeps: those that finished before there was a poller woke nothing.
    pub(crate) fn prepare_poller(&mut self) -> bool {
        if let Err(error) = self.make_poller() {
            // `sleep` then does without, and the next call tries again.
            log::warn!(target: "photon_chat::net", "the system provides no poller: {error}");
        }
        mem::take(&mut self.poller_is_new)
    }

    fn make_poller(&mut self) -> io::Result<()> {
        if self.poller.is_none() {
            self.poller = Some(Box::new(Poller::new(&self.waker)?));
            self.poller_is_new = true;
        }
        Ok(())
    }

    /// A waker for other threads.
    pub(crate) fn waker(&mut self) -> io::Result<Waker> {
        self.make_poller()?;
        Ok(self.waker.waker())
    }

    /// Sleeps in the kernel until a socket is ready or a waker wakes, for at most `longest`.
    pub(crate) fn sleep(&mut self, chat: &ChatClient, longest: Duration) {
        self.stats.wakeups += 1;
        let longest = longest.min(MAX_SLEEP);
        let mut poller = self.poller.take();
        let result = match &mut poller {
            Some(poller) => poller.sleep(longest, |visit| self.visit_sources(chat, visit)),
            None => Err(ErrorKind::Unsupported.into()),
        };
        self.poller = poller;
        if let Err(error) = result {
            log::debug!(target: "photon_chat::net", "sleeping without a poller: {error}");
            thread::sleep(longest.min(POLL_INTERVAL));
        }
    }

    /// Visits every open socket with the interest of this moment.
    pub(crate) fn visit_sources<'a>(&'a self, chat: &ChatClient, visit: Visit<'_, 'a>) {
        for link in &self.live {
            match &link.state {
                LinkState::Connecting(attempt) => attempt.visit_sources(visit),
                LinkState::Connected(socket) => {
                    socket.visit_sources(wants_input(chat, link.id, socket), visit);
                }
                LinkState::Gone => {}
            }
        }
        for closing in &self.closing {
            closing.socket.visit_sources(true, visit);
        }
    }
}

/// Reports the result of a connect to the client. Returns the socket, if there is one.
fn on_connected(
    chat: &mut ChatClient,
    now: Timestamp,
    id: LinkId,
    connected: Connected,
) -> Option<Socket> {
    match connected {
        Ok((socket, address)) => {
            log::debug!(target: "photon_chat::net", "{id}: connected to {address}");
            // With handshakes to come, the transport reports the link as opened after them.
            if !socket.is_opening() {
                let ipv6 = address.is_ipv6();
                chat.handle_link(now, id, LinkInput::Opened { ipv6 });
            }
            Some(socket)
        }
        Err(error) => {
            chat.handle_link(now, id, LinkInput::Failed(error));
            None
        }
    }
}

/// Whether to read a live link.
fn wants_input(chat: &ChatClient, id: LinkId, socket: &Socket) -> bool {
    socket.is_always_read() || chat.wants_input(id)
}

impl Newest {
    /// Notes that the server ended a link before the client did.
    fn note_end_of_server(&mut self, id: LinkId, unsent: bool) {
        if self.id == Some(id) {
            self.end.add_end_of_server(unsent);
        }
    }
}

impl CloseSummary {
    /// Adds a connection that the server ended before the client did.
    fn add_end_of_server(&mut self, unsent: bool) {
        self.unsent |= unsent;
        self.unconfirmed = true;
    }

    /// Adds a connection that is about to be dropped.
    fn add(&mut self, socket: &Socket, progress: CloseProgress) {
        self.unsent |= socket.unsent();
        self.unconfirmed |= progress != CloseProgress::Confirmed;
    }
}

/// Keeps a connection until the server ends its side, or [`CLOSE_TIMEOUT`] has passed.
fn keep_closing(
    closing: &mut Vec<Closing>,
    socket: Socket,
    now: Timestamp,
    summary: &mut CloseSummary,
) {
    // The oldest, which has had the most time.
    if closing.len() >= MAX_CLOSING {
        let oldest = closing.remove(0);
        summary.add(&oldest.socket, CloseProgress::Broken);
    }
    let until = now.plus(CLOSE_TIMEOUT);
    closing.push(Closing { socket, until });
    debug_assert!(
        closing.len() <= MAX_CLOSING,
        "the oldest connection made space"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_core::{ChatConfig, ConnectOptions, State};
    use std::io::Read;
    use std::net::{Ipv4Addr, TcpListener};
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(30);
    const NOW: Timestamp = Timestamp::ZERO;

    /// A client that connects to this listener.
    fn connecting(listener: &TcpListener) -> (ChatClient, Links) {
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let mut chat = ChatClient::new(ChatConfig::new(address, "app", "1.0"), [0; 32]);
        chat.connect_to_name_server(ConnectOptions::new()).unwrap();
        let mut links = Links::new(Setup::for_test());
        assert!(links.prepare_poller());
        links.apply_commands(&mut chat, NOW);
        (chat, links)
    }

    /// Sleeps until something happens.
    fn sleep(links: &mut Links, chat: &ChatClient) {
        let began = Instant::now();
        links.sleep(chat, LONG);
        assert!(began.elapsed() < LONG, "nothing happened");
    }

    #[test]
    fn a_connect_that_finishes_after_its_cancellation_is_dropped() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (mut chat, mut links) = connecting(&listener);
        sleep(&mut links, &chat);

        chat.disconnect();
        links.apply_commands(&mut chat, NOW);
        assert!(links.is_empty());
        assert!(!links.receive(&mut chat, NOW).any);
        assert_eq!(chat.state(), State::Disconnected);
        assert_eq!(
            listener.accept().unwrap().0.read(&mut [0]).unwrap(),
            0,
            "the stream was dropped"
        );
    }

    #[test]
    fn a_closed_stream_waits_for_the_servers_end_for_a_limited_time() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (mut chat, mut links) = connecting(&listener);
        sleep(&mut links, &chat);
        links.receive(&mut chat, NOW);
        links.send(&mut chat, NOW);
        let (server, _) = listener.accept().unwrap();
        chat.disconnect();
        links.apply_commands(&mut chat, NOW);
        assert_eq!((links.live(), links.closing.len()), (0, 1));

        let just_before = NOW.plus(CLOSE_TIMEOUT - Duration::from_micros(1));
        links.receive(&mut chat, just_before);
        assert!(!links.is_empty());
        assert!(!links.summary.unconfirmed);
        links.receive(&mut chat, NOW.plus(CLOSE_TIMEOUT));
        assert!(links.is_empty());
        assert!(links.summary.unconfirmed);
        drop(server);
    }

    #[test]
    fn the_number_of_closed_streams_is_limited() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (mut chat, mut links) = connecting(&listener);
        let mut servers = Vec::new();
        for _ in 0..MAX_CLOSING + 3 {
            sleep(&mut links, &chat);
            links.receive(&mut chat, NOW);
            links.send(&mut chat, NOW);
            servers.push(listener.accept().unwrap());
            chat.disconnect();
            chat.connect_to_name_server(ConnectOptions::new()).unwrap();
            links.apply_commands(&mut chat, NOW);
            assert!(links.closing.len() <= MAX_CLOSING);
        }
        assert_eq!(links.closing.len(), MAX_CLOSING);
    }

    #[test]
    fn without_a_poller_a_sleep_is_short() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (chat, mut links) = connecting(&listener);
        // As on a system that has no descriptor left.
        links.poller = None;
        let began = Instant::now();
        links.sleep(&chat, LONG);
        assert!(began.elapsed() >= POLL_INTERVAL);
        assert!(began.elapsed() < LONG / 2);
    }
}
