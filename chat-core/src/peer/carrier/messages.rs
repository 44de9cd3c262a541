//! Whole WebSocket messages: one Photon message in each, or frames of JSON. Spec: wire.md 7.

use super::Carried;
#[cfg(feature = "json")]
use super::json::{self, Item};
use crate::config::ChatConfig;
use crate::error::RequestError;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Range;
use photon_proto::message::{self, Message, MessageKind};
use photon_proto::{Limits, Protocol, internal};

/// A bare ping answer, as the reader of official clients understands it too.
const BARE_PING: u8 = 0xF0;

#[derive(Debug)]
pub(super) struct Messages {
    json: bool,
    protocol: Protocol,
    limits: Limits,
    incoming: VecDeque<Vec<u8>>,
    incoming_bytes: usize,
    incoming_cap: usize,
    /// What is left of the text message that was taken last.
    #[cfg(feature = "json")]
    frames: json::Frames,
    /// The message that is being looked at.
    message: Vec<u8>,
    outgoing: VecDeque<Vec<u8>>,
    outgoing_bytes: usize,
    /// Buffers to be used again.
    spare: Vec<Vec<u8>>,
}

/// How many buffers are kept, and how large they may be.
const MOST_SPARE: usize = 8;
const MOST_SPARE_BYTES: usize = 16 * 1024;

impl Messages {
    pub(super) fn new(config: &ChatConfig) -> Self {
        Self {
            json: config.json,
            protocol: config.protocol,
            limits: config.limits.clone(),
            incoming: VecDeque::new(),
            incoming_bytes: 0,
            incoming_cap: config.incoming_cap(),
            #[cfg(feature = "json")]
            frames: json::Frames::default(),
            message: Vec::new(),
            outgoing: VecDeque::new(),
            outgoing_bytes: 0,
            spare: Vec::new(),
        }
    }

    fn give_back(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < MOST_SPARE && buffer.capacity() <= MOST_SPARE_BYTES {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// False if there is far too much of it.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> bool {
        let most = self
            .incoming_cap
            .saturating_add(self.limits.max_received_bytes);
        let fits = self.held_bytes().saturating_add(bytes.len()) <= most;
        if fits {
            self.incoming_bytes += bytes.len();
            let mut message = self.spare.pop().unwrap_or_default();
            message.extend_from_slice(bytes);
            self.incoming.push_back(message);
        }
        fits
    }

    /// Bytes that were received and not taken.
    const fn held_bytes(&self) -> usize {
        #[cfg(feature = "json")]
        return self.incoming_bytes.saturating_add(self.frames.bytes());
        #[cfg(not(feature = "json"))]
        self.incoming_bytes
    }

    pub(super) const fn has_room(&self) -> bool {
        self.held_bytes() < self.incoming_cap
    }

    pub(super) fn has_next(&self) -> bool {
        #[cfg(feature = "json")]
        if !self.frames.is_empty() {
            return true;
        }
        !self.incoming.is_empty()
    }

    pub(super) fn next(&mut self) -> Carried {
        #[cfg(feature = "json")]
        if self.json {
            return self.next_frame();
        }
        let Some(message) = self.next_message() else {
            return Carried::Nothing;
        };
        if let Some(ping) = self.ping_answer(&message) {
            self.give_back(message);
            return ping;
        }
        let before = core::mem::replace(&mut self.message, message);
        self.give_back(before);
        Carried::Message(0..self.message.len())
    }

    fn next_message(&mut self) -> Option<Vec<u8>> {
        let message = self.incoming.pop_front()?;
        self.incoming_bytes -= message.len();
        Some(message)
    }

    /// One at a time: a text message may hold very many, and each is charged to a call of its own.
    #[cfg(feature = "json")]
    fn next_frame(&mut self) -> Carried {
        loop {
            if let Some(item) = self.frames.next(&mut self.message) {
                return match item {
                    Item::Session => Carried::Greeting,
                    Item::Ping {
                        server_time,
                        client_time,
                    } => Carried::Ping {
                        server_time,
                        client_time,
                    },
                    Item::Message => Carried::Message(0..self.message.len()),
                    Item::Bad(error) => Carried::Bad(error, 0..self.message.len()),
                };
            }
            // One without frames is nothing.
            let Some(text) = self.next_message() else {
                return Carried::Nothing;
            };
            if let Err((error, text)) = self.frames.begin(&self.limits, text) {
                self.message = text;
                return Carried::Bad(error, 0..self.message.len());
            }
        }
    }

    /// Spec: wire.md 7.1, 8.4.
    fn ping_answer(&self, message: &[u8]) -> Option<Carried> {
        if let [BARE_PING, s0, s1, s2, s3, c0, c1, c2, c3] = *message {
            let server_time = i32::from_be_bytes([s0, s1, s2, s3]);
            return Some(Carried::Ping {
                server_time,
                client_time: i32::from_be_bytes([c0, c1, c2, c3]),
            });
        }
        let header = message::Header::decode(message).ok()?;
        if header.kind != MessageKind::InternalResponse || header.encrypted {
            return None;
        }
        let body = message.get(message::Header::LENGTH..)?;
        match Message::decode(header.kind, self.protocol, &self.limits, body).ok()? {
            Message::Response {
                code: internal::PING,
                mut params,
                ..
            } => match internal::ping_times(&mut params).ok()? {
                (Some(client_time), Some(server_time)) => Some(Carried::Ping {
                    server_time,
                    client_time,
                }),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn message_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.message.get_mut(range).unwrap_or_default()
    }

    /// `admit` is told how long the message is as it goes out.
    pub(super) fn write(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), RequestError>,
        admit: impl FnOnce(usize) -> Result<(), RequestError>,
    ) -> Result<(), RequestError> {
        let mut message = self.spare.pop().unwrap_or_default();
        let written = write(&mut message, 0);
        #[cfg(feature = "json")]
        let written = if self.json {
            written.and_then(|()| self.transcode(&mut message))
        } else {
            written
        };
        let written = written.and_then(|()| admit(message.len()));
        match written {
            Ok(()) => self.queue(message),
            Err(_) => self.give_back(message),
        }
        written
    }

    #[cfg(feature = "json")]
    fn transcode(&mut self, message: &mut Vec<u8>) -> Result<(), RequestError> {
        let mut text = self.spare.pop().unwrap_or_default();
        let written = json::write(message, &self.limits, &mut text);
        self.give_back(core::mem::replace(message, text));
        written
    }

    fn queue(&mut self, message: Vec<u8>) {
        if !message.is_empty() {
            self.outgoing_bytes += message.len();
            self.outgoing.push_back(message);
        }
    }

    pub(super) fn write_ping(&mut self, client_time: i32) {
        let mut message = Vec::new();
        #[cfg(feature = "json")]
        if self.json {
            json::write_ping(&self.limits, client_time, &mut message);
            return self.queue(message);
        }
        if internal::encode_ping_request(&mut message, self.protocol, &self.limits, client_time)
            .is_ok()
        {
            self.queue(message);
        }
    }

    /// The message that goes out next; empty if there is none.
    pub(super) fn unsent(&self) -> &[u8] {
        self.outgoing.front().map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) const fn unsent_bytes(&self) -> usize {
        self.outgoing_bytes
    }

    /// The message that was next went out, whole.
    pub(super) fn sent(&mut self) {
        if let Some(message) = self.outgoing.pop_front() {
            self.outgoing_bytes -= message.len();
            self.give_back(message);
        }
    }

    pub(super) fn discard(&mut self) {
        self.outgoing = VecDeque::new();
        self.outgoing_bytes = 0;
    }

    pub(super) fn discard_input(&mut self) {
        self.incoming = VecDeque::new();
        self.incoming_bytes = 0;
        #[cfg(feature = "json")]
        {
            self.frames = json::Frames::default();
        }
    }

    pub(super) const fn buffered_bytes(&self) -> usize {
        self.held_bytes().saturating_add(self.outgoing_bytes)
    }
}
