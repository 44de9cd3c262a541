//! WebSocket: whole messages over a [`Line`]. Spec: wire.md 7.1, RFC 6455.
//!
//! ```text
//! Handshake --answer checked--> Active --our close--> Closing --their close--> (gone)
//!     |                            |
//!     |                            +--their close, or a broken rule--> Leaving --their end--> (gone)
//!     +--anything wrong--> (gone)
//! ```
//!
//! Everything happens in [`WebSocket::receive`] and [`WebSocket::send`], once in a pass, and blocks nowhere.

mod handshake;
#[cfg(test)]
mod tests;
mod words;

use crate::client::ClientSide;
use crate::line::{Line, Turn};
use crate::session::IoStats;
use crate::socket::{Parting, Pass, Setup};
use crate::tcp::{self, Stream};
use chat_core::{LinkError, LinkErrorKind, LinkInput, Target};
use handshake::Handshake;
use std::io::ErrorKind;
use std::net::SocketAddr;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Bytes, Error, Message, Utf8Bytes};

/// What is read at one time, and kept for it. The default of tungstenite is 128 KiB for each connection.
const READ_BYTES: usize = 4 * 1024;
/// Short messages are collected up to this before the system is asked to take them.
const WRITE_BYTES: usize = 4 * 1024;
/// Beside a message there is room for its header, and for an answer to a ping or a close.
const CONTROL_BYTES: usize = 256;
/// How many messages and control frames one pass reads at most: the next goes on. Pings have their answers written.
const MAX_FRAMES: usize = 1_024;
/// What clients say at the end. Spec: wire.md 7.1.
const FAREWELL: &str = "ws close";

/// What kind of WebSocket is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) secure: bool,
    pub(crate) text: bool,
    pub(crate) subprotocol: &'static str,
}

pub(crate) struct WebSocket {
    line: Line,
    state: State,
    /// Whether messages are text.
    text: bool,
    ipv6: bool,
    max_message_bytes: usize,
    /// The last pass took everything that had arrived: nothing waits in a buffer above the system's.
    drained: bool,
    /// Whether the last attempt left something that the system did not take.
    pub(crate) unsent: bool,
}

enum State {
    Handshake(Box<Handshake>),
    Open(Box<WebSocketContext>, Stage),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Active,
    /// We have closed; the other side's close is awaited.
    Closing,
    /// Whatever comes means nothing any more; what is left to say is a close frame, if it is not said yet.
    Leaving {
        said: bool,
    },
    /// There is nobody to talk to.
    Gone,
}

/// Connects to a target, which blocks. The handshakes are left to the passes.
pub(crate) fn connect(
    target: &Target,
    kind: Kind,
    setup: &Setup,
    wanted: impl Fn() -> bool,
) -> Result<(WebSocket, SocketAddr), LinkError> {
    let handshake = Handshake::new(target, kind.secure, kind.subprotocol)?;
    #[cfg(feature = "tls")]
    let secure = match kind.secure {
        true => Some(crate::tls::Secure::new(setup.tls.client_config()?, target)?),
        false => None,
    };
    let (stream, address) = tcp::connect(target, wanted)?;
    let stream = Stream::new(stream);
    #[cfg(feature = "tls")]
    let line = match secure {
        Some(secure) => Line::secured(stream, secure),
        None => Line::new(stream),
    };
    #[cfg(not(feature = "tls"))]
    let line = match kind.secure {
        true => {
            return Err(LinkError::new(
                LinkErrorKind::Unsupported,
                "wss:// needs the feature tls",
            ));
        }
        false => Line::new(stream),
    };
    let websocket = WebSocket {
        line,
        state: State::Handshake(Box::new(handshake)),
        text: kind.text,
        ipv6: address.is_ipv6(),
        max_message_bytes: setup.max_message_bytes,
        drained: false,
        unsent: false,
    };
    Ok((websocket, address))
}

impl WebSocket {
    /// Whether the handshakes are under way, so that core does not know it as open.
    pub(crate) fn is_opening(&self) -> bool {
        matches!(self.state, State::Handshake(_))
    }

    /// Whether it broke, which is told once everything that arrived is read.
    pub(crate) fn is_broken(&self) -> bool {
        self.line.stream.is_broken()
    }

    /// Whether receiving brings something that is not to be slept on: buffers above the system's hold it.
    pub(crate) fn is_ready(&self) -> bool {
        !self.drained || self.is_broken()
    }

    pub(crate) fn stream(&mut self) -> &mut Stream {
        &mut self.line.stream
    }

    /// Goes on with the handshakes, then hands over the messages that can be read, as far as core wants them.
    pub(crate) fn receive(&mut self, core: &mut impl ClientSide, stats: &mut IoStats) -> Pass {
        let mut turn = Turn::new();
        let mut pass = Pass::default();
        if let State::Handshake(handshake) = &mut self.state {
            match handshake.step(&mut self.line.io(&mut turn, stats)) {
                Ok(None) => {
                    self.unsent = turn.blocked;
                    self.drained = turn.dry || turn.blocked;
                    pass.more = !self.drained;
                    return pass;
                }
                Ok(Some(tail)) => {
                    self.open(tail);
                    core.handle(LinkInput::Opened { ipv6: self.ipv6 });
                }
                Err(error) => {
                    return Pass {
                        any: true,
                        more: false,
                        end: Some(LinkInput::Failed(error)),
                    };
                }
            }
            pass.any = true;
        }
        if core.wants_input() {
            self.drained = false;
            self.read(core, &mut turn, stats, &mut pass);
            pass.any |= pass.end.is_some();
            pass.more = !self.drained && pass.end.is_none() && core.wants_input();
        }
        pass
    }

    fn open(&mut self, tail: Vec<u8>) {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(WRITE_BYTES)
            .max_write_buffer_size(WRITE_BYTES + CONTROL_BYTES)
            .max_message_size(Some(self.max_message_bytes))
            .max_frame_size(Some(self.max_message_bytes));
        let context = WebSocketContext::from_partially_read(tail, Role::Client, Some(config));
        self.state = State::Open(Box::new(context), Stage::Active);
        self.unsent = false;
    }

    fn read(
        &mut self,
        core: &mut impl ClientSide,
        turn: &mut Turn,
        stats: &mut IoStats,
        pass: &mut Pass,
    ) {
        let State::Open(context, Stage::Active) = &mut self.state else {
            return;
        };
        let mut frames = 0;
        let (reason, end) = loop {
            if frames == MAX_FRAMES || !core.wants_input() {
                return;
            }
            frames += 1;
            let message = match context.read(&mut self.line.io(turn, stats)) {
                Ok(message) => message,
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    self.drained = turn.dry;
                    return;
                }
                Err(error) => break words::ended(&error, turn),
            };
            match message {
                Message::Binary(bytes) if !self.text => core.handle(LinkInput::Received(&bytes)),
                Message::Text(text) if self.text => {
                    core.handle(LinkInput::Received(text.as_bytes()))
                }
                Message::Binary(_) | Message::Text(_) => break words::other_kind(self.text),
                Message::Close(frame) => break words::closed(frame.as_ref()),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            }
            pass.any = true;
        };
        pass.end = Some(end);
        self.leave(reason, turn, stats);
    }

    /// The other side has ended it, or broke the rules, for which there is a close frame.
    fn leave(&mut self, reason: Option<words::Leave>, turn: &mut Turn, stats: &mut IoStats) {
        let State::Open(context, stage) = &mut self.state else {
            return;
        };
        let Some(reason) = reason else {
            *stage = Stage::Gone;
            return;
        };
        *stage = Stage::Leaving { said: false };
        if let words::Leave::Accusing(code, reason) = reason {
            self.unsent |= close(context, &mut self.line, turn, stats, code, reason);
        }
        self.say(turn, stats);
    }

    /// Writes what is queued before the end; then the line is finished on our side.
    fn say(&mut self, turn: &mut Turn, stats: &mut IoStats) {
        let State::Open(context, stage @ Stage::Leaving { said: false }) = &mut self.state else {
            return;
        };
        let mut io = self.line.io(turn, stats);
        match context.flush(&mut io) {
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => self.unsent = true,
            // An error says that it is over already.
            _ => {
                self.unsent = false;
                *stage = if io.finish() {
                    Stage::Leaving { said: true }
                } else {
                    Stage::Gone
                };
            }
        }
    }

    /// Hands what core has to say to the system, and keeps the rest of at most one message, or a few short ones.
    pub(crate) fn send(&mut self, core: &mut impl ClientSide, stats: &mut IoStats) {
        let State::Open(context, Stage::Active) = &mut self.state else {
            return;
        };
        if self.line.stream.is_broken() {
            self.unsent |= core.transmit().is_some();
            return;
        }
        let mut turn = Turn::new();
        let mut io = self.line.io(&mut turn, stats);
        let mut result = context.flush(&mut io);
        while result.is_ok() {
            let Some(bytes) = core.transmit() else {
                result = context.flush(&mut io);
                break;
            };
            let (length, bytes) = (bytes.len(), Bytes::copy_from_slice(bytes));
            let message = match self.text {
                false => Message::Binary(bytes),
                true => match Utf8Bytes::try_from(bytes) {
                    Ok(text) => Message::Text(text),
                    Err(error) => {
                        let text = format!("a message that was to be sent is not text: {error}");
                        io.raw.fail(LinkError::new(LinkErrorKind::Io, text));
                        return;
                    }
                },
            };
            context.set_config(|config| {
                config.max_write_buffer_size = WRITE_BYTES + length + CONTROL_BYTES
            });
            // If the system does not take it, it is kept.
            result = context.write(&mut io, message);
            core.transmitted(length);
        }
        match result {
            Ok(()) => self.unsent = false,
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => self.unsent = true,
            Err(error) => {
                self.unsent = true;
                let text = format!("sending failed: {error}");
                io.raw.fail(LinkError::new(LinkErrorKind::Io, text));
            }
        }
    }

    /// Closes it, as far as it is open; whether there is an answer to wait for.
    pub(crate) fn finish(&mut self, stats: &mut IoStats) -> Parting {
        let State::Open(context, stage) = &mut self.state else {
            // Nothing was said that anybody could miss.
            self.unsent = false;
            return Parting::Confirmed;
        };
        if *stage == Stage::Active && !self.line.stream.is_broken() {
            *stage = Stage::Closing;
            self.unsent |= close(
                context,
                &mut self.line,
                &mut Turn::new(),
                stats,
                CloseCode::Normal,
                FAREWELL,
            );
        }
        match *stage {
            Stage::Closing | Stage::Leaving { .. } => Parting::Waits,
            Stage::Active | Stage::Gone => Parting::Broken,
        }
    }

    /// Whether it has something to say, or to wait for, after core was told of the other side's end.
    pub(crate) fn outlives_end(&self) -> bool {
        matches!(self.state, State::Open(_, Stage::Leaving { .. }))
    }

    /// Writes what is left, and throws away what comes, up to the other side's close or end.
    pub(crate) fn drain(&mut self, buffer: &mut [u8], stats: &mut IoStats) -> Parting {
        let mut turn = Turn::new();
        self.say(&mut turn, stats);
        let State::Open(context, stage) = &mut self.state else {
            return Parting::Broken;
        };
        match stage {
            Stage::Leaving { .. } => return self.line.stream.drain(buffer, stats),
            Stage::Closing => {}
            Stage::Active | Stage::Gone => return Parting::Broken,
        }
        let mut io = self.line.io(&mut turn, stats);
        match context.flush(&mut io) {
            Ok(()) => self.unsent = false,
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return Parting::Broken,
        }
        for _ in 0..MAX_FRAMES {
            match context.read(&mut io) {
                Ok(Message::Close(_)) => {
                    io.finish();
                    return Parting::Confirmed;
                }
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Parting::Broken,
            }
        }
        Parting::Waits
    }
}

/// Queues a close frame, and writes what the system takes; whether something is left.
fn close(
    context: &mut WebSocketContext,
    line: &mut Line,
    turn: &mut Turn,
    stats: &mut IoStats,
    code: CloseCode,
    reason: &'static str,
) -> bool {
    // There is always room for it.
    context.set_config(|config| config.max_write_buffer_size = usize::MAX);
    let frame = CloseFrame {
        code,
        reason: Utf8Bytes::from_static(reason),
    };
    context
        .close(&mut line.io(turn, stats), Some(frame))
        .is_err()
}
