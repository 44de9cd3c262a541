//! WebSocket: whole messages over a [`MaybeTlsStream`]. Spec: wire.md 7.1, RFC 6455.
//!
//! ```text
//! Handshake ──response checked──> Active ──our close──> Closing ──their close──> (gone)
//!     │                             │
//!     │                             └──their close, or a broken rule──> Answering ──> (gone)
//!     └──any error──> (gone)
//! ```
//!
//! Each pass calls [`WebSocket::receive`] and [`WebSocket::send`] once; neither blocks.

mod close;
mod frame;
mod handshake;
mod outbox;
#[cfg(test)]
mod tests;

use super::maybe_tls::{MaybeTlsIo, MaybeTlsStream, ReadBudget};
use super::{CloseProgress, Interest, LinkEnd, ReadOutcome, Setup, Visit, tcp::Stream};
use crate::link_handle::LinkHandle;
use crate::stats::IoStats;
use chat_core::{LinkError, LinkErrorKind, LinkInput, Target};
use close::Violation;
use frame::{Frame, FrameReader, opcode};
use handshake::Handshake;
use outbox::Outbox;
use std::io::{self, ErrorKind, Read};

/// Short messages are collected up to this size before one write to the system.
const WRITE_BYTES: usize = 4 * 1024;
/// Frames that one pass takes at most; the next pass continues. Fragments and control frames count,
/// because an empty one costs about as much as a message.
const MAX_FRAMES: usize = 1_024;
/// Bytes that one pass of a close reads at most. All of their frames are taken, because nobody asks
/// a closed link for the rest, and so there are fewer than in a pass of an open link.
const MAX_CLOSING_BYTES: usize = 32 * 1024;
/// Close reason of clients. Spec: wire.md 7.1.
const CLOSE_REASON: &str = "ws close";

/// The kind of WebSocket to open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) secure: bool,
    pub(crate) text: bool,
    pub(crate) subprotocol: &'static str,
}

/// The handshakes of a WebSocket, ready before its connection exists: they check the target.
pub(crate) struct Handshaking {
    handshake: Handshake,
    #[cfg(feature = "tls")]
    tls: Option<super::tls::TlsConnection>,
    text: bool,
    max_message_bytes: usize,
}

/// One WebSocket.
pub(crate) struct WebSocket {
    stream: MaybeTlsStream,
    state: State,
    /// Messages are text.
    text: bool,
    ipv6: bool,
    max_message_bytes: usize,
    /// The last pass took everything that had arrived, so no buffer of this process holds input.
    drained: bool,
    /// The last attempt left output that the system did not take.
    pub(crate) unsent: bool,
    /// Frames that were taken, for tests of the limit.
    #[cfg(test)]
    frames: u64,
}

enum State {
    Handshake(Box<Handshake>),
    Open(Box<Open>),
}

struct Open {
    stage: Stage,
    reader: FrameReader,
    /// Input that was read and not taken yet.
    unread: Vec<u8>,
    outbox: Outbox,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Active,
    /// We closed; the server's close has not arrived.
    Closing,
    /// The server ended it, and input no longer matters. We owe it a close frame unless `sent`.
    Answering {
        sent: bool,
    },
    /// The connection is gone.
    Gone,
}

impl Handshaking {
    /// Checks the target and prepares the handshakes. Fails if the target fits no request or no
    /// certificate: its parts may come from a server.
    pub(crate) fn new(target: &Target, kind: Kind, setup: &Setup) -> Result<Self, LinkError> {
        let handshake = Handshake::new(target, kind.secure, kind.subprotocol)?;
        #[cfg(feature = "tls")]
        let tls = match kind.secure {
            true => Some(super::tls::TlsConnection::new(
                setup.tls.client_config()?,
                target,
            )?),
            false => None,
        };
        // Checked here too, although the caller does: a secure link must never be opened in clear.
        #[cfg(not(feature = "tls"))]
        if kind.secure {
            let text = "wss:// needs the feature `tls` of photon-chat-std-io: enable it";
            return Err(LinkError::new(LinkErrorKind::Unsupported, text));
        }
        Ok(Self {
            handshake,
            #[cfg(feature = "tls")]
            tls,
            text: kind.text,
            max_message_bytes: setup.max_message_bytes,
        })
    }

    /// Starts over a connected stream. The handshakes continue in [`WebSocket::receive`].
    pub(crate) fn over(self, tcp: Stream, ipv6: bool) -> WebSocket {
        #[cfg(feature = "tls")]
        let stream = match self.tls {
            Some(tls) => MaybeTlsStream::tls(tcp, tls),
            None => MaybeTlsStream::plain(tcp),
        };
        #[cfg(not(feature = "tls"))]
        let stream = MaybeTlsStream::plain(tcp);
        WebSocket {
            stream,
            state: State::Handshake(Box::new(self.handshake)),
            text: self.text,
            ipv6,
            max_message_bytes: self.max_message_bytes,
            drained: false,
            unsent: false,
            #[cfg(test)]
            frames: 0,
        }
    }
}

impl WebSocket {
    /// Whether the handshakes are incomplete, so that the client does not know the link as open.
    pub(crate) fn is_opening(&self) -> bool {
        matches!(self.state, State::Handshake(_))
    }

    /// Whether the stream broke, which receiving reports once everything that arrived is read.
    fn is_broken(&self) -> bool {
        self.stream.tcp.is_broken()
    }

    /// Whether receiving has a result that a poller would not notice: buffers of this process hold
    /// input.
    pub(crate) fn is_ready(&self) -> bool {
        // After an end only the system's buffer counts: its contents are discarded.
        let decodes = match &self.state {
            State::Handshake(_) => true,
            State::Open(open) => matches!(open.stage, Stage::Active | Stage::Closing),
        };
        (decodes && !self.drained) || self.is_broken()
    }

    /// Visits the socket.
    pub(crate) fn visit_sources<'a>(&'a self, wants_input: bool, visit: Visit<'_, 'a>) {
        let writes = match &self.state {
            State::Handshake(_) => true,
            State::Open(open) => match open.stage {
                Stage::Active | Stage::Closing => true,
                Stage::Answering { sent } => !sent,
                Stage::Gone => false,
            },
        };
        let interest = Interest {
            readable: wants_input,
            writable: writes && self.unsent && !self.is_broken(),
        };
        visit(self.stream.tcp.source(), interest);
    }

    /// Bytes of buffers that are kept.
    #[cfg(test)]
    fn kept_bytes(&self) -> usize {
        match &self.state {
            State::Handshake(_) => 0,
            State::Open(open) => {
                open.unread.capacity() + open.reader.kept_bytes() + open.outbox.kept_bytes()
            }
        }
    }

    pub(crate) fn stream(&mut self) -> &mut Stream {
        &mut self.stream.tcp
    }

    /// Continues the handshakes, then passes on the messages that can be read, as far as the client
    /// wants them. `buffer` holds one read.
    pub(crate) fn receive(
        &mut self,
        client: &mut impl LinkHandle,
        buffer: &mut [u8],
        stats: &mut IoStats,
    ) -> Result<ReadOutcome, LinkEnd> {
        let mut budget = ReadBudget::new();
        let mut outcome = ReadOutcome::default();
        if let State::Handshake(handshake) = &mut self.state {
            let io = &mut self.stream.io(&mut budget, stats);
            let Some(rest) = handshake.step(io).map_err(LinkEnd::Failed)? else {
                self.unsent = budget.blocked;
                self.drained = budget.drained || budget.blocked;
                outcome.more = !self.drained;
                return Ok(outcome);
            };
            self.open(rest);
            client.handle(LinkInput::Opened { ipv6: self.ipv6 });
            outcome.any = true;
        }
        if client.wants_input() {
            // False until this pass finds nothing more: a frame may lie in `unread` or in the
            // buffer of TLS, where a poller would not notice it.
            self.drained = false;
            outcome.any |= self.read(client, buffer, &mut budget, stats)?;
            outcome.more = !self.drained && client.wants_input();
        }
        Ok(outcome)
    }

    /// Begins the message phase. `rest` is what followed the server's response in the same read.
    fn open(&mut self, rest: Vec<u8>) {
        debug_assert!(self.is_opening(), "a WebSocket opens once");
        self.state = State::Open(Box::new(Open {
            stage: Stage::Active,
            reader: FrameReader::new(self.max_message_bytes),
            unread: rest,
            outbox: Outbox::new(),
        }));
        self.unsent = false;
    }

    /// Passes on messages until the budget, the input or the client's space is used up. Returns
    /// whether there was one.
    fn read(
        &mut self,
        client: &mut impl LinkHandle,
        buffer: &mut [u8],
        budget: &mut ReadBudget,
        stats: &mut IoStats,
    ) -> Result<bool, LinkEnd> {
        let State::Open(open) = &mut self.state else {
            return Ok(false);
        };
        if open.stage != Stage::Active {
            return Ok(false);
        }
        let mut pass = Pass {
            text: self.text,
            frames: 0,
            any: false,
        };
        let (answer, end) = loop {
            let unread = std::mem::take(&mut open.unread);
            let input = match unread.is_empty() {
                false => &*unread,
                true => match self.stream.io(budget, stats).read(buffer) {
                    Ok(0) => break close::ended_without_close(),
                    Ok(bytes) => buffer.get(..bytes).unwrap_or_default(),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        self.drained = budget.drained;
                        return Ok(pass.any);
                    }
                    Err(error) => break close::on_read_error(error),
                },
            };
            #[cfg(test)]
            let before = pass.frames;
            let taken = pass.take_frames(open, client, input);
            #[cfg(test)]
            {
                self.frames += (pass.frames - before) as u64;
            }
            match taken {
                Ok([]) => {}
                Ok(rest) => {
                    open.unread = rest.to_vec();
                    return Ok(pass.any);
                }
                Err(ending) => break ending,
            }
        };
        self.answer_end(answer, budget, stats);
        Err(end)
    }

    /// The server ended the WebSocket or broke a rule: sends the close frame that it is owed.
    fn answer_end(
        &mut self,
        answer: Option<Vec<u8>>,
        budget: &mut ReadBudget,
        stats: &mut IoStats,
    ) {
        let State::Open(open) = &mut self.state else {
            debug_assert!(false, "only an open WebSocket is read");
            return;
        };
        debug_assert_eq!(open.stage, Stage::Active, "a WebSocket ends once");
        match answer.map(|payload| open.outbox.push(opcode::CLOSE, &payload)) {
            Some(Ok(())) => {
                open.stage = Stage::Answering { sent: false };
                self.flush_answer(budget, stats);
            }
            Some(Err(_)) | None => open.stage = Stage::Gone,
        }
    }

    /// Writes what is queued before the end, and then announces that nothing follows.
    fn flush_answer(&mut self, budget: &mut ReadBudget, stats: &mut IoStats) {
        let State::Open(open) = &mut self.state else {
            return;
        };
        if open.stage != (Stage::Answering { sent: false }) {
            return;
        }
        let mut io = self.stream.io(budget, stats);
        self.unsent = false;
        open.stage = match open.outbox.flush(&mut io) {
            Ok(()) if io.shutdown_write() => Stage::Answering { sent: true },
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.unsent = true;
                Stage::Answering { sent: false }
            }
            Ok(()) | Err(_) => Stage::Gone,
        };
    }

    /// Writes the client's messages until the system takes no more. The rest of one message, or of
    /// a few short ones, stays here: the header of a frame that was begun announces all of it.
    pub(crate) fn send(&mut self, client: &mut impl LinkHandle, stats: &mut IoStats) {
        let State::Open(open) = &mut self.state else {
            return;
        };
        if open.stage != Stage::Active {
            return;
        }
        if self.stream.tcp.is_broken() {
            self.unsent |= client.transmit().is_some();
            return;
        }
        let opcode = match self.text {
            true => opcode::TEXT,
            false => opcode::BINARY,
        };
        let mut budget = ReadBudget::new();
        let mut io = self.stream.io(&mut budget, stats);
        match open.send(client, opcode, &mut io) {
            Ok(()) => self.unsent = false,
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.unsent = true,
            Err(error) => {
                self.unsent = true;
                let text = format!("sending over the WebSocket failed: {error}");
                io.fail(LinkError::new(LinkErrorKind::Io, text));
            }
        }
    }

    /// Begins to close a link that the client has closed. Returns whether the server's close has to
    /// be awaited.
    pub(crate) fn close(&mut self, stats: &mut IoStats) -> CloseProgress {
        let State::Open(open) = &mut self.state else {
            // The client has sent nothing yet that could be lost.
            self.unsent = false;
            return CloseProgress::Confirmed;
        };
        debug_assert_ne!(open.stage, Stage::Closing, "the client closes a link once");
        if open.stage == Stage::Active && !self.stream.tcp.is_broken() {
            let payload = close::payload(close::code::NORMAL, CLOSE_REASON);
            open.stage = match open.outbox.push(opcode::CLOSE, &payload) {
                Ok(()) => Stage::Closing,
                Err(_) => Stage::Gone,
            };
            let mut budget = ReadBudget::new();
            let mut io = self.stream.io(&mut budget, stats);
            self.unsent = open.outbox.flush(&mut io).is_err();
        }
        match open.stage {
            Stage::Closing | Stage::Answering { .. } => CloseProgress::Pending,
            Stage::Active | Stage::Gone => CloseProgress::Broken,
        }
    }

    /// Whether the server has ended the link, but is still owed a close frame or a clean end.
    pub(crate) fn must_answer_end(&self) -> bool {
        matches!(&self.state, State::Open(open) if matches!(open.stage, Stage::Answering { .. }))
    }

    /// Continues a close: writes the rest of it, and discards input until the server's close or
    /// end.
    pub(crate) fn continue_close(
        &mut self,
        buffer: &mut [u8],
        stats: &mut IoStats,
    ) -> CloseProgress {
        let mut budget = ReadBudget::new();
        self.flush_answer(&mut budget, stats);
        let State::Open(open) = &mut self.state else {
            debug_assert!(false, "a WebSocket in its handshake is dropped, not closed");
            return CloseProgress::Broken;
        };
        match open.stage {
            Stage::Answering { .. } => return self.stream.tcp.continue_close(buffer, stats),
            Stage::Closing => {}
            Stage::Active | Stage::Gone => return CloseProgress::Broken,
        }
        let mut io = self.stream.io(&mut budget, stats);
        match open.outbox.flush(&mut io) {
            Ok(()) => self.unsent = false,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return CloseProgress::Broken,
        }
        match open.discard_until_close(buffer, &mut io) {
            Ok(true) => {
                io.shutdown_write();
                CloseProgress::Confirmed
            }
            Ok(false) => {
                self.drained = budget.drained;
                CloseProgress::Pending
            }
            Err(()) => CloseProgress::Broken,
        }
    }
}

impl Open {
    /// Writes messages until the client has no more, or the system takes no more.
    fn send(
        &mut self,
        client: &mut impl LinkHandle,
        opcode: u8,
        io: &mut MaybeTlsIo<'_>,
    ) -> io::Result<()> {
        loop {
            self.outbox.flush(io)?;
            while self.outbox.len() < WRITE_BYTES
                && let Some(bytes) = client.transmit()
            {
                let length = bytes.len();
                // A message that is framed is sent or lost with the link, so it counts as sent.
                self.outbox.push(opcode, bytes)?;
                client.transmitted(length);
            }
            if !self.outbox.has_output() {
                return Ok(());
            }
        }
    }

    /// Reads and discards frames. Returns whether the server's close was one of them; `Err` if the
    /// connection ended without it.
    fn discard_until_close(
        &mut self,
        buffer: &mut [u8],
        io: &mut MaybeTlsIo<'_>,
    ) -> Result<bool, ()> {
        let mut total = 0;
        let mut unread = std::mem::take(&mut self.unread);
        loop {
            let mut rest = &*unread;
            while !rest.is_empty() {
                match self.reader.next(rest) {
                    Ok((_, Some(Frame::Close(_)))) => return Ok(true),
                    Ok((used, _)) => rest = rest.get(used..).unwrap_or_default(),
                    Err(_) => return Err(()),
                }
            }
            if total >= MAX_CLOSING_BYTES {
                return Ok(false);
            }
            let piece = buffer.len().min(MAX_CLOSING_BYTES);
            match io.read(buffer.get_mut(..piece).unwrap_or_default()) {
                Ok(0) => return Err(()),
                Ok(bytes) => {
                    total += bytes;
                    unread.clear();
                    unread.extend_from_slice(buffer.get(..bytes).unwrap_or_default());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(_) => return Err(()),
            }
        }
    }
}

/// The frames of one pass.
struct Pass {
    text: bool,
    frames: usize,
    any: bool,
}

impl Pass {
    /// Takes frames, and passes messages on, until the budget or the client's space is used up.
    /// Returns the rest of the input.
    fn take_frames<'a>(
        &mut self,
        open: &mut Open,
        client: &mut impl LinkHandle,
        mut input: &'a [u8],
    ) -> Result<&'a [u8], close::Ending> {
        let before = open.reader.partial_bytes();
        let mut any = false;
        while !input.is_empty() && self.frames < MAX_FRAMES && client.wants_input() {
            let (used, frame) = open.reader.next(input)?;
            input = input.get(used..).unwrap_or_default();
            self.frames += usize::from(frame.is_some());
            match frame {
                Some(Frame::Message { text, .. }) if text != self.text => {
                    return Err(Violation::wrong_kind(self.text).into());
                }
                Some(Frame::Message { bytes, .. }) => {
                    if self.text && std::str::from_utf8(bytes).is_err() {
                        let cause = "the server sent a text message that is not UTF-8";
                        return Err(Violation::invalid_text(cause).into());
                    }
                    client.handle(LinkInput::Received(bytes));
                    any = true;
                }
                Some(Frame::Ping(payload)) => open.outbox.answer_ping(payload),
                Some(Frame::Close(payload)) => return Err(close::on_close_frame(payload)),
                Some(Frame::Fragment | Frame::Pong) | None => {}
            }
        }
        self.any |= any;
        // What follows a message was none of the message before.
        let partial = open.reader.partial_bytes();
        let arrived = if any { partial } else { partial - before };
        if arrived > 0 {
            client.note_partial_message(arrived);
        }
        Ok(input)
    }
}
