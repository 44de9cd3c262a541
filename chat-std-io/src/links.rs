//! The links that are open, or being opened or closed, and everything that the pump does with them.

use crate::client::LinkOf;
use crate::clock::Time;
use crate::resolve::{Opened, Opener, Ticket};
use crate::session::IoStats;
use crate::sleep::TURN;
use crate::socket::{CHUNK_BYTES, Parting, Setup, Socket};
use chat_core::{ChatClient, LinkCommand, LinkId, LinkInput, Target, Timestamp, Wire};
use std::mem;
use std::time::Duration;

/// How long a closed connection is kept for the other side's end.
const LINGER: Duration = Duration::from_secs(1);
/// How many closed connections are kept; the oldest go first.
const MAX_CLOSING: usize = 16;
/// Nothing sleeps longer at a time: systems disagree about very long timeouts.
const MAX_SLEEP: Duration = Duration::from_secs(3_600);

pub(crate) struct Links {
    /// What core knows of, oldest first.
    live: Vec<Link>,
    /// What core has closed, or knows as ended. Bytes are on their way to the other side: if the socket were gone before they are there,
    /// whatever the other side still sends would be answered with a reset, and on some systems a reset throws away what
    /// the other side has not read yet. So the end is announced, and what comes is thrown away until the other side ends
    /// too. Over WebSocket that goes for the close frames, too.
    closing: Vec<Closing>,
    opener: Opener,
    setup: Setup,
    buffer: Box<[u8]>,
    /// What became of the bytes of links that are gone.
    pub(crate) endings: Endings,
    pub(crate) stats: IoStats,
}

struct Link {
    id: LinkId,
    transport: Transport,
}

enum Transport {
    /// The ticket is for the thread, if it takes one.
    Opening {
        _ticket: Option<Ticket>,
    },
    Open(Socket),
}

struct Closing {
    socket: Socket,
    until: Timestamp,
}

/// What a pass over the input brought.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Input {
    /// Anything at all.
    pub(crate) any: bool,
    /// There is more, and it is wanted.
    pub(crate) more: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Endings {
    /// A link ended with bytes that were not sent.
    pub(crate) unsent: bool,
    /// A link ended without the other side's end in answer to ours.
    pub(crate) unconfirmed: bool,
}

impl Links {
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            live: Vec::new(),
            closing: Vec::new(),
            opener: Opener::new(),
            setup,
            buffer: vec![0; CHUNK_BYTES].into_boxed_slice(),
            endings: Endings::default(),
            stats: IoStats::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.closing.is_empty()
    }

    /// Whether something is under way that nobody tells about by time: a link being opened, bytes that the system does
    /// not take, a socket that waits for the other side's end.
    pub(crate) fn needs_turns(&self) -> bool {
        !self.closing.is_empty()
            || self.live.iter().any(|link| match &link.transport {
                Transport::Opening { .. } => true,
                Transport::Open(socket) => socket.unsent() || socket.is_opening(),
            })
    }

    /// Whether a link that was closed has bytes that were not sent yet.
    pub(crate) fn closing_unsent(&self) -> bool {
        self.closing.iter().any(|closing| closing.socket.unsent())
    }

    /// How many links core has asked for and not closed.
    pub(crate) fn live(&self) -> usize {
        self.live.len()
    }

    /// Hands over what the threads have opened and what can be read, as far as core wants it. Never blocks.
    pub(crate) fn receive(&mut self, chat: &mut ChatClient, now: Timestamp) -> Input {
        let mut input = Input::default();
        while let Some(opened) = self.opener.finished() {
            input.any = true;
            self.opened(chat, now, opened);
        }
        let Self {
            live,
            closing,
            buffer,
            endings,
            stats,
            ..
        } = self;
        live.retain_mut(|link| {
            let Transport::Open(socket) = &mut link.transport else { return true };
            let mut core = LinkOf { chat: &mut *chat, now, id: link.id };
            let pass = socket.receive(&mut core, buffer, stats);
            input.any |= pass.any;
            input.more |= pass.more;
            let Some(end) = pass.end else { return true };
            // A server's words may name a user.
            let kind = if let LinkInput::Failed(error) = &end { Some(error.kind) } else { None };
            log::debug!(target: "photon_chat::net", "{}: ended by the other side ({kind:?})", link.id);
            endings.unsent |= socket.unsent() || chat.transmit(now, link.id).is_some();
            endings.unconfirmed = true;
            chat.handle_link(now, link.id, end);
            if socket.outlives_end() {
                let gone = Transport::Opening { _ticket: None };
                if let Transport::Open(socket) = mem::replace(&mut link.transport, gone) {
                    linger(closing, socket, now, endings);
                }
            }
            false
        });
        closing.retain_mut(|closing| {
            let parting = closing.socket.drain(buffer, stats);
            if parting == Parting::Waits && closing.until > now {
                return true;
            }
            endings.part(&closing.socket, parting);
            false
        });
        input
    }

    fn opened(&mut self, chat: &mut ChatClient, now: Timestamp, opened: Opened) {
        // Without a link it was given up: the socket is dropped.
        let Some(link) = self.live.iter_mut().find(|link| link.id == opened.link) else {
            return;
        };
        match opened.result {
            Ok((socket, address)) => {
                log::debug!(target: "photon_chat::net", "{}: connected to {address}", opened.link);
                if !socket.is_opening() {
                    chat.handle_link(
                        now,
                        opened.link,
                        LinkInput::Opened {
                            ipv6: address.is_ipv6(),
                        },
                    );
                }
                link.transport = Transport::Open(socket);
            }
            Err(error) => {
                self.live.retain(|link| link.id != opened.link);
                chat.handle_link(now, opened.link, LinkInput::Failed(error));
            }
        }
    }

    /// Writes what the system takes, then opens and closes what core asks for. Never blocks.
    pub(crate) fn flush(&mut self, chat: &mut ChatClient, now: Timestamp) {
        self.send(chat, now);
        // What was opened just now has something to say already.
        if self.apply(chat, now) {
            self.send(chat, now);
        }
    }

    /// Writes what the system takes. Never blocks.
    pub(crate) fn send(&mut self, chat: &mut ChatClient, now: Timestamp) {
        for link in &mut self.live {
            if let Transport::Open(socket) = &mut link.transport {
                socket.send(
                    &mut LinkOf {
                        chat: &mut *chat,
                        now,
                        id: link.id,
                    },
                    &mut self.stats,
                );
            }
        }
    }

    /// Opens and closes what core asks for; whether core was told of one that is open, or not to be opened, already.
    fn apply(&mut self, chat: &mut ChatClient, now: Timestamp) -> bool {
        let mut told = false;
        while let Some(command) = chat.poll_command() {
            match command {
                LinkCommand::Open { link, target, wire } => {
                    told |= self.open(chat, now, link, target, wire)
                }
                LinkCommand::Close { link } => self.close(link, now),
            }
        }
        told
    }

    fn open(
        &mut self,
        chat: &mut ChatClient,
        now: Timestamp,
        id: LinkId,
        target: Target,
        wire: Wire,
    ) -> bool {
        log::debug!(target: "photon_chat::net", "{id}: connecting to {target}");
        if Socket::opens_at_once(&target, wire) {
            self.live.push(Link {
                id,
                transport: Transport::Opening { _ticket: None },
            });
            let result = Socket::open(&target, wire, &self.setup, || true);
            self.opened(chat, now, Opened { link: id, result });
            return true;
        }
        let ticket = Some(self.opener.open(id, target, wire, self.setup.clone()));
        self.live.push(Link {
            id,
            transport: Transport::Opening { _ticket: ticket },
        });
        false
    }

    fn close(&mut self, id: LinkId, now: Timestamp) {
        let Some(at) = self.live.iter().position(|link| link.id == id) else {
            return;
        };
        log::debug!(target: "photon_chat::net", "{id}: closing");
        // A link that is being opened is given up by dropping its ticket.
        let Transport::Open(mut socket) = self.live.remove(at).transport else {
            return;
        };
        match socket.finish(&mut self.stats) {
            Parting::Waits => linger(&mut self.closing, socket, now, &mut self.endings),
            parting => self.endings.part(&socket, parting),
        }
    }

    /// Cuts every open connection; the next pass over the input tells core.
    pub(crate) fn sever(&mut self) {
        for link in &mut self.live {
            if let Transport::Open(socket) = &mut link.transport {
                log::debug!(target: "photon_chat::net", "{}: severed", link.id);
                socket.sever();
            }
        }
    }

    /// Sleeps in the kernel until there is input, at most this long; whether there is. While it could miss something it
    /// sleeps no longer than a turn, and the caller looks what came.
    pub(crate) fn sleep(&mut self, chat: &ChatClient, longest: Duration) -> bool {
        // Of links that are closed, too.
        let mut unsent = self.closing_unsent();
        let Self {
            live,
            opener,
            stats,
            ..
        } = self;
        let (mut opening, mut readers, mut reader) = (false, 0, None);
        for link in live {
            match &mut link.transport {
                Transport::Opening { .. } => opening = true,
                Transport::Open(socket) => {
                    unsent |= socket.unsent();
                    if !socket.is_always_read() && !chat.wants_input(link.id) {
                        continue;
                    }
                    if socket.is_ready() {
                        return true;
                    }
                    readers += 1;
                    reader = Some(socket);
                }
            }
        }
        let blind = unsent || readers > 1 || (opening && readers > 0);
        let longest = longest.min(if blind { TURN } else { MAX_SLEEP });
        stats.wakeups += 1;
        match reader {
            Some(socket) if !opening => socket.sleep(longest, stats),
            // While nothing is being opened either, this is a plain sleep.
            _ => opener.sleep(longest),
        }
    }

    /// The same once only closed connections are left.
    pub(crate) fn sleep_closing(&mut self, chat: &ChatClient, longest: Duration) {
        if !self.live.is_empty() {
            self.sleep(chat, longest.min(TURN));
        } else if let Some(closing) = self.closing.last_mut() {
            self.stats.wakeups += 1;
            closing.socket.sleep(longest.min(TURN), &mut self.stats);
        }
    }
}

impl Endings {
    /// Counts a connection that is dropped now.
    fn part(&mut self, socket: &Socket, parting: Parting) {
        self.unsent |= socket.unsent();
        self.unconfirmed |= parting != Parting::Confirmed;
    }
}

/// Keeps a connection for the other side's end.
fn linger(closing: &mut Vec<Closing>, socket: Socket, now: Timestamp, endings: &mut Endings) {
    if closing.len() >= MAX_CLOSING {
        let oldest = closing.remove(0);
        endings.part(&oldest.socket, Parting::Broken);
    }
    closing.push(Closing {
        socket,
        until: now.plus_duration(LINGER),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_core::{ChatConfig, ConnectOptions, State};
    use std::io::Read;
    use std::net::{Ipv4Addr, TcpListener};

    const LONG: Duration = Duration::from_secs(30);
    const NOW: Timestamp = Timestamp::ZERO;

    /// A client whose link is being opened to this listener.
    fn opening(listener: &TcpListener) -> (ChatClient, Links) {
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let mut chat = ChatClient::new(ChatConfig::new(address, "app", "1.0"), [0; 32]);
        chat.connect_to_name_server(ConnectOptions::new()).unwrap();
        let mut links = Links::new(Setup::for_test());
        links.apply(&mut chat, NOW);
        (chat, links)
    }

    #[test]
    fn what_was_opened_too_late_is_dropped() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (mut chat, mut links) = opening(&listener);
        assert!(links.opener.sleep(LONG), "the thread is done");

        chat.disconnect();
        links.apply(&mut chat, NOW);
        assert!(links.is_empty());
        assert!(links.receive(&mut chat, NOW).any);
        assert!(links.is_empty());
        assert_eq!(chat.state(), State::Disconnected);
        assert_eq!(
            listener.accept().unwrap().0.read(&mut [0]).unwrap(),
            0,
            "the stream is gone"
        );
    }

    #[test]
    fn a_closed_stream_is_kept_for_the_other_end_but_not_for_long() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (mut chat, mut links) = opening(&listener);
        assert!(links.sleep(&chat, LONG));
        links.receive(&mut chat, NOW);
        links.send(&mut chat, NOW);
        let (server, _) = listener.accept().unwrap();
        chat.disconnect();
        links.apply(&mut chat, NOW);
        assert_eq!((links.live(), links.closing.len()), (0, 1));

        let nearly = NOW.plus_duration(LINGER - Duration::from_micros(1));
        links.receive(&mut chat, nearly);
        assert!(!links.is_empty());
        assert!(!links.endings.unconfirmed);
        links.receive(&mut chat, NOW.plus_duration(LINGER));
        assert!(links.is_empty());
        assert!(links.endings.unconfirmed);
        drop(server);
    }

    #[test]
    fn closed_streams_do_not_pile_up() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (mut chat, mut links) = opening(&listener);
        let mut servers = Vec::new();
        for _ in 0..MAX_CLOSING + 3 {
            assert!(links.sleep(&chat, LONG));
            links.receive(&mut chat, NOW);
            links.send(&mut chat, NOW);
            servers.push(listener.accept().unwrap());
            chat.disconnect();
            chat.connect_to_name_server(ConnectOptions::new()).unwrap();
            links.apply(&mut chat, NOW);
            assert!(links.closing.len() <= MAX_CLOSING);
        }
        assert_eq!(links.closing.len(), MAX_CLOSING);
    }
}
