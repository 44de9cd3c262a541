//! One client's WebSocket.
//!
//! ```text
//! Opening --agreed--> Open --closed by either side--> Ending --answered, or time is up--> (gone)
//!    |                                                  ^
//!    +--refused-----------------------------------------+
//! ```

use std::io::{self, ErrorKind, Read};

use photon_proto::Timestamp;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role as End, WebSocketConfig, WebSocketContext};
use tungstenite::{Bytes, Error, Message, Utf8Bytes};

use super::handshake::{Agreed, Handshake, Outcome};
use super::maybe_tls::MaybeTlsStream;
use crate::core::ServerCore;
use crate::ids::{ConnectionId, ServerKind};
use crate::web_sockets::MessageLink;

/// The size of the read buffer. The default of tungstenite is 128 KiB for each client.
const READ_BYTES: usize = 4 * 1024;
/// Short messages are collected up to this size before they are written to the socket.
const WRITE_BYTES: usize = 4 * 1024;
/// Space beside a message for its header, and for a pong or a close frame.
const CONTROL_BYTES: usize = 256;
/// The messages taken from one client per turn, so that one client cannot delay the others.
const PER_TURN: usize = 64;
/// The bytes of messages taken from one client per turn.
const BYTES_PER_TURN: usize = 64 * 1024;

pub(super) struct WebClient {
    stream: MaybeTlsStream,
    stage: Stage,
    origin: Origin,
    /// Whether the socket took only a part; the poll reports when it takes more.
    pub(super) blocked: bool,
    /// Whether the client is queued for its turn.
    pub(super) queued: bool,
}

/// The listener and address of a client.
pub(super) struct Origin {
    pub(super) server_kind: ServerKind,
    pub(super) secure: bool,
    pub(super) local_host: String,
}

enum Stage {
    Opening(Handshake),
    Open(Box<WebSocketContext>, ConnectionId, bool),
    /// Input is discarded. `None` if the handshake failed.
    Ending(Option<Box<WebSocketContext>>),
}

/// The result of a client's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// There may be more input.
    Again,
    /// The socket blocks.
    Waits,
    /// The connection has just begun to close.
    Ends,
    /// The socket is closed.
    Gone,
}

impl WebClient {
    pub(super) fn new(stream: MaybeTlsStream, origin: Origin) -> Self {
        Self {
            stream,
            stage: Stage::Opening(Handshake::default()),
            origin,
            blocked: false,
            queued: false,
        }
    }

    pub(super) const fn is_opening(&self) -> bool {
        matches!(self.stage, Stage::Opening(_))
    }

    /// The id of the core's connection, while it is open.
    pub(super) const fn id(&self) -> Option<ConnectionId> {
        if let Stage::Open(_, id, _) = &self.stage {
            Some(*id)
        } else {
            None
        }
    }

    /// Reads input, up to a limit, and writes output as far as the socket takes it.
    pub(super) fn turn(&mut self, core: &mut ServerCore, now: Timestamp, limit: usize) -> Turn {
        match &mut self.stage {
            Stage::Opening(handshake) => match handshake.step(&mut self.stream) {
                Ok(None) => Turn::Waits,
                Ok(Some(Outcome::Open(agreed))) => {
                    self.open(core, now, limit, agreed);
                    Turn::Again
                }
                Ok(Some(Outcome::Refused)) => {
                    self.stream.finish();
                    self.stage = Stage::Ending(None);
                    Turn::Ends
                }
                Err(error) => {
                    log::debug!("a WebSocket handshake failed: {error}");
                    Turn::Gone
                }
            },
            Stage::Open(..) => self.talk(core, now),
            Stage::Ending(Some(context)) => drain(context, &mut self.stream),
            Stage::Ending(None) => match self.stream.read(&mut [0; READ_BYTES]) {
                Ok(0) => Turn::Gone,
                Ok(_) => Turn::Again,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Turn::Waits,
                Err(_) => Turn::Gone,
            },
        }
    }

    fn open(&mut self, core: &mut ServerCore, now: Timestamp, limit: usize, agreed: Agreed) {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(WRITE_BYTES)
            .max_write_buffer_size(WRITE_BYTES + CONTROL_BYTES)
            // Replaced at every turn: before the login the limit is lower.
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        self.stream.received_bytes = agreed.tail.len();
        let context = WebSocketContext::from_partially_read(agreed.tail, End::Server, Some(config));
        let link = MessageLink {
            subprotocol: agreed.subprotocol,
            path: &agreed.path,
            local_host: agreed.host.as_deref().unwrap_or(&self.origin.local_host),
            secure: self.origin.secure,
        };
        let id = core.accept_messages(now, self.origin.server_kind, &link);
        self.stage = Stage::Open(Box::new(context), id, agreed.subprotocol.is_text());
    }

    fn talk(&mut self, core: &mut ServerCore, now: Timestamp) -> Turn {
        let Stage::Open(context, id, text) = &mut self.stage else {
            return Turn::Gone;
        };
        let most = core.max_received_bytes(*id);
        context.set_config(|config| {
            config.max_message_size = Some(most);
            config.max_frame_size = Some(most);
        });
        let mut turn = Turn::Again;
        let mut taken = 0_usize;
        for _ in 0..PER_TURN {
            if taken >= BYTES_PER_TURN {
                break;
            }
            let reason = match context.read(&mut self.stream) {
                Ok(Message::Binary(bytes)) if !*text => {
                    taken = taken.saturating_add(bytes.len());
                    self.stream.received_bytes = 0;
                    core.received(now, *id, &bytes);
                    continue;
                }
                Ok(Message::Text(bytes)) if *text => {
                    taken = taken.saturating_add(bytes.len());
                    self.stream.received_bytes = 0;
                    core.received(now, *id, bytes.as_bytes());
                    continue;
                }
                Ok(Message::Binary(_) | Message::Text(_)) => {
                    log::info!(
                        "{id}: its messages have the wrong type (text or binary) for its sub-protocol"
                    );
                    Some(CloseCode::Unsupported)
                }
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
                // The flush below sends the close frame in response.
                Ok(Message::Close(frame)) => {
                    // RFC 6455, 7.1.5: a close frame without a code counts as 1005.
                    let code = frame.map_or(CloseCode::Status, |frame| frame.code);
                    core.received_close(*id, code.into());
                    None
                }
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    turn = Turn::Waits;
                    break;
                }
                Err(Error::Capacity(error)) => {
                    log::info!("{id}: {error}");
                    Some(CloseCode::Size)
                }
                Err(Error::Utf8(_)) => Some(CloseCode::Invalid),
                Err(Error::Protocol(error)) => {
                    log::info!("{id}: {error}");
                    Some(CloseCode::Protocol)
                }
                Err(error) => {
                    log::debug!("{id}: {error}");
                    return Turn::Gone;
                }
            };
            match reason {
                Some(code) => self.accuse(code),
                None => self.close(None),
            }
            return Turn::Ends;
        }
        // What was read since the last message belongs to one that is not complete.
        core.unfinished(now, *id, self.stream.received_bytes);
        match self.flush(core) {
            Ok(()) => turn,
            Err(_) => Turn::Gone,
        }
    }

    /// Writes output as far as the socket takes it. An error means that the connection is lost.
    pub(super) fn flush(&mut self, core: &mut ServerCore) -> io::Result<()> {
        let Stage::Open(context, id, text) = &mut self.stage else {
            return Ok(());
        };
        let mut result = Ok(());
        while !self.blocked
            && result.is_ok()
            && let Some(bytes) = core.transmit(*id)
        {
            let (length, bytes) = (bytes.len(), Bytes::copy_from_slice(bytes));
            let message = match text {
                false => Message::Binary(bytes),
                true => Message::Text(Utf8Bytes::try_from(bytes).map_err(io::Error::other)?),
            };
            context.set_config(|config| {
                config.max_write_buffer_size = WRITE_BYTES + length + CONTROL_BYTES
            });
            // tungstenite keeps what the socket does not take.
            result = context.write(&mut self.stream, message);
            core.transmitted(*id, length);
        }
        match result.and_then(|()| context.flush(&mut self.stream)) {
            Ok(()) => Ok(()),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                self.blocked = true;
                Ok(())
            }
            // The response to the client's close frame is sent: the next turn reads the end.
            Err(Error::ConnectionClosed) => Ok(()),
            Err(error) => {
                log::debug!("{id}: {error}");
                Err(ErrorKind::ConnectionAborted.into())
            }
        }
    }

    /// Closes the connection after the core has ended it.
    pub(super) fn end(&mut self) {
        self.close(Some(CloseCode::Normal));
    }

    /// Closes the connection because the client violated the protocol, and discards further input.
    fn accuse(&mut self, code: CloseCode) {
        self.close(Some(code));
        self.stream.finish();
        self.stage = Stage::Ending(None);
    }

    /// Sends a close frame, or the response to the client's.
    fn close(&mut self, reason: Option<CloseCode>) {
        let Stage::Open(mut context, ..) = std::mem::replace(&mut self.stage, Stage::Ending(None))
        else {
            return;
        };
        // A close frame is never refused for lack of space.
        context.set_config(|config| config.max_write_buffer_size = usize::MAX);
        let frame = reason.map(|code| CloseFrame {
            code,
            reason: Utf8Bytes::from_static(""),
        });
        // The socket takes the rest later; an error appears when the response is read.
        let _ = match frame {
            Some(frame) => context.close(&mut self.stream, Some(frame)),
            None => context.flush(&mut self.stream),
        };
        self.stage = Stage::Ending(Some(context));
    }
}

/// Writes the rest of the output, and discards input up to the client's close frame or end.
fn drain(context: &mut WebSocketContext, stream: &mut MaybeTlsStream) -> Turn {
    if over(context.flush(stream)) {
        stream.finish();
        return Turn::Gone;
    }
    for _ in 0..PER_TURN {
        match context.read(stream) {
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return Turn::Waits,
            Err(_) => {
                stream.finish();
                return Turn::Gone;
            }
        }
    }
    Turn::Again
}

fn over(result: Result<(), Error>) -> bool {
    !matches!(&result, Ok(()))
        && !matches!(&result, Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock)
}
