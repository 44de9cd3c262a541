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
mod handshake;
#[cfg(test)]
mod tests;

use super::maybe_tls::{MaybeTlsStream, ReadBudget};
use super::{CloseProgress, Interest, LinkEnd, ReadOutcome, Setup, Visit, tcp::Stream};
use crate::link_handle::LinkHandle;
use crate::stats::IoStats;
use chat_core::{LinkError, LinkErrorKind, LinkInput, Target};
use handshake::Handshake;
use std::io::ErrorKind;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Bytes, Error, Message, Utf8Bytes};

/// Size of the read buffer that a connection keeps. tungstenite's default is 128 KiB each.
const READ_BYTES: usize = 4 * 1024;
/// Short messages are collected up to this size before one write to the system.
const WRITE_BYTES: usize = 4 * 1024;
/// Space that is kept free for the header of a message and for a pong or a close.
const CONTROL_BYTES: usize = 256;
/// Messages and control frames that one pass reads at most; the next pass continues. Control frames
/// count, because each ping also has its pong written.
const MAX_FRAMES: usize = 1_024;
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
}

enum State {
    Handshake(Box<Handshake>),
    Open(Box<WebSocketContext>, Stage),
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
        let decodes = !matches!(
            self.state,
            State::Open(_, Stage::Answering { .. } | Stage::Gone)
        );
        (decodes && !self.drained) || self.is_broken()
    }

    /// Visits the socket.
    pub(crate) fn visit_sources<'a>(&'a self, wants_input: bool, visit: Visit<'_, 'a>) {
        let writes = match self.state {
            State::Handshake(_) | State::Open(_, Stage::Active | Stage::Closing) => true,
            State::Open(_, Stage::Answering { sent }) => !sent,
            State::Open(_, Stage::Gone) => false,
        };
        let interest = Interest {
            readable: wants_input,
            writable: writes && self.unsent && !self.is_broken(),
        };
        visit(self.stream.tcp.source(), interest);
    }

    pub(crate) fn stream(&mut self) -> &mut Stream {
        &mut self.stream.tcp
    }

    /// Continues the handshakes, then passes on the messages that can be read, as far as the client
    /// wants them.
    pub(crate) fn receive(
        &mut self,
        client: &mut impl LinkHandle,
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
            // False until this pass finds nothing more: a frame may lie in the buffer of
            // tungstenite or of TLS, where a poller would not notice it.
            self.drained = false;
            outcome.any |= self.read(client, &mut budget, stats)?;
            outcome.more = !self.drained && client.wants_input();
        }
        Ok(outcome)
    }

    /// Begins the message phase. `rest` is what followed the server's response in the same read.
    fn open(&mut self, rest: Vec<u8>) {
        debug_assert!(self.is_opening(), "a WebSocket opens once");
        // Both limits: tungstenite checks a frame's length before it keeps the frame, and a
        // message's length as its fragments arrive.
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(WRITE_BYTES)
            .max_write_buffer_size(WRITE_BYTES + CONTROL_BYTES)
            .max_message_size(Some(self.max_message_bytes))
            .max_frame_size(Some(self.max_message_bytes));
        let context = WebSocketContext::from_partially_read(rest, Role::Client, Some(config));
        self.state = State::Open(Box::new(context), Stage::Active);
        self.unsent = false;
    }

    /// Passes on messages until the budget, the input or the client's space is used up. Returns
    /// whether there was one.
    fn read(
        &mut self,
        client: &mut impl LinkHandle,
        budget: &mut ReadBudget,
        stats: &mut IoStats,
    ) -> Result<bool, LinkEnd> {
        let State::Open(context, Stage::Active) = &mut self.state else {
            return Ok(false);
        };
        let mut any = false;
        let mut frames = 0;
        let (answer, end) = loop {
            if frames == MAX_FRAMES || !client.wants_input() {
                return Ok(any);
            }
            frames += 1;
            // This also writes queued pongs, as far as the system takes them.
            let message = match context.read(&mut self.stream.io(budget, stats)) {
                Ok(message) => message,
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    self.drained = budget.drained;
                    return Ok(any);
                }
                Err(error) => break close::on_read_error(error),
            };
            match message {
                Message::Binary(bytes) if !self.text => client.handle(LinkInput::Received(&bytes)),
                Message::Text(text) if self.text => {
                    client.handle(LinkInput::Received(text.as_bytes()));
                }
                Message::Binary(_) | Message::Text(_) => break close::on_wrong_kind(self.text),
                Message::Close(frame) => break close::on_close_frame(frame.as_ref()),
                // tungstenite queues the pong itself.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            }
            any = true;
        };
        self.answer_end(answer, budget, stats);
        Err(end)
    }

    /// The server ended the WebSocket or broke a rule: sends the close frame that it is owed.
    fn answer_end(
        &mut self,
        answer: Option<close::Answer>,
        budget: &mut ReadBudget,
        stats: &mut IoStats,
    ) {
        let State::Open(context, stage) = &mut self.state else {
            debug_assert!(false, "only an open WebSocket is read");
            return;
        };
        debug_assert_eq!(*stage, Stage::Active, "a WebSocket ends once");
        let Some(answer) = answer else {
            *stage = Stage::Gone;
            return;
        };
        *stage = Stage::Answering { sent: false };
        if let close::Answer::Reject(code, reason) = answer {
            let stream = &mut self.stream;
            self.unsent |= queue_close(context, stream, budget, stats, code, reason);
        }
        self.flush_answer(budget, stats);
    }

    /// Writes what is queued before the end, and then announces that nothing follows.
    fn flush_answer(&mut self, budget: &mut ReadBudget, stats: &mut IoStats) {
        let State::Open(context, stage @ Stage::Answering { sent: false }) = &mut self.state else {
            return;
        };
        let mut io = self.stream.io(budget, stats);
        match context.flush(&mut io) {
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => self.unsent = true,
            // tungstenite also reports as an error that both closes are complete.
            _ => {
                self.unsent = false;
                *stage = match io.shutdown_write() {
                    true => Stage::Answering { sent: true },
                    false => Stage::Gone,
                };
            }
        }
    }

    /// Writes the client's messages until the system takes no more. The rest of one message, or of
    /// a few short ones, stays here: tungstenite cannot take back a message that it has framed.
    pub(crate) fn send(&mut self, client: &mut impl LinkHandle, stats: &mut IoStats) {
        let State::Open(context, Stage::Active) = &mut self.state else {
            return;
        };
        if self.stream.tcp.is_broken() {
            self.unsent |= client.transmit().is_some();
            return;
        }
        let mut budget = ReadBudget::new();
        let mut io = self.stream.io(&mut budget, stats);
        let mut result = context.flush(&mut io);
        while result.is_ok() {
            let Some(bytes) = client.transmit() else {
                result = context.flush(&mut io);
                break;
            };
            let (length, bytes) = (bytes.len(), Bytes::copy_from_slice(bytes));
            let message = match self.text {
                false => Message::Binary(bytes),
                true => match Utf8Bytes::try_from(bytes) {
                    Ok(text) => Message::Text(text),
                    Err(error) => {
                        debug_assert!(false, "the client sends text on a text link: {error}");
                        let text = format!("the client sent a message that is not text: {error}");
                        io.fail(LinkError::new(LinkErrorKind::Io, text));
                        return;
                    }
                },
            };
            // The message must fit whatever its length: the client limits it, not this buffer.
            context.set_config(|config| {
                config.max_write_buffer_size = WRITE_BYTES + length + CONTROL_BYTES;
            });
            // tungstenite keeps a message that the system does not take, so it counts as sent even
            // if this blocks.
            result = context.write(&mut io, message);
            client.transmitted(length);
        }
        match result {
            Ok(()) => self.unsent = false,
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => self.unsent = true,
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
        let State::Open(context, stage) = &mut self.state else {
            // The client has sent nothing yet that could be lost.
            self.unsent = false;
            return CloseProgress::Confirmed;
        };
        debug_assert_ne!(*stage, Stage::Closing, "the client closes a link once");
        if *stage == Stage::Active && !self.stream.tcp.is_broken() {
            *stage = Stage::Closing;
            let (stream, budget) = (&mut self.stream, &mut ReadBudget::new());
            let code = CloseCode::Normal;
            self.unsent |= queue_close(context, stream, budget, stats, code, CLOSE_REASON);
        }
        match *stage {
            Stage::Closing | Stage::Answering { .. } => CloseProgress::Pending,
            Stage::Active | Stage::Gone => CloseProgress::Broken,
        }
    }

    /// Whether the server has ended the link, but is still owed a close frame or a clean end.
    pub(crate) fn must_answer_end(&self) -> bool {
        matches!(self.state, State::Open(_, Stage::Answering { .. }))
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
        let State::Open(context, stage) = &mut self.state else {
            debug_assert!(false, "a WebSocket in its handshake is dropped, not closed");
            return CloseProgress::Broken;
        };
        match stage {
            Stage::Answering { .. } => return self.stream.tcp.continue_close(buffer, stats),
            Stage::Closing => {}
            Stage::Active | Stage::Gone => return CloseProgress::Broken,
        }
        let mut io = self.stream.io(&mut budget, stats);
        match context.flush(&mut io) {
            Ok(()) => self.unsent = false,
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return CloseProgress::Broken,
        }
        for _ in 0..MAX_FRAMES {
            match context.read(&mut io) {
                Ok(Message::Close(_)) => {
                    io.shutdown_write();
                    return CloseProgress::Confirmed;
                }
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return CloseProgress::Broken,
            }
        }
        self.drained = budget.drained;
        CloseProgress::Pending
    }
}

/// Queues a close frame, and writes what the system takes. Returns whether some of it remains.
fn queue_close(
    context: &mut WebSocketContext,
    stream: &mut MaybeTlsStream,
    budget: &mut ReadBudget,
    stats: &mut IoStats,
    code: CloseCode,
    reason: &'static str,
) -> bool {
    // A full buffer must not keep the close out.
    context.set_config(|config| config.max_write_buffer_size = usize::MAX);
    let reason = Utf8Bytes::from_static(reason);
    let frame = CloseFrame { code, reason };
    context
        .close(&mut stream.io(budget, stats), Some(frame))
        .is_err()
}
