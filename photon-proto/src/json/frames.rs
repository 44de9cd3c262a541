//! [`Reader`]: the frames of one text message. Spec: wire.md 7.2.

use super::JSON;
use super::object::{Rules, Transcoding};
use super::payload::payload;
use super::repair::Repair;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::Limits;
use crate::role::Role;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// The content of a frame. Non-exhaustive: internal operations may get variants of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame<'a> {
    /// A payload that is not JSON. A server's first one is the session id and means "connected".
    /// Others have no meaning.
    Session(&'a str),
    /// A message, or an internal operation other than the ping: its range in the buffer, in
    /// GpBinary 1.8.
    Message(Range<usize>),
    /// A ping request.
    PingRequest {
        /// The client's time in milliseconds. A number beyond 32 bits becomes the smallest number,
        /// as in real servers.
        client_time: i32,
    },
    /// A ping response.
    PingResponse {
        /// The client's time in milliseconds, as the server decoded it; see [`Frame::PingRequest`].
        client_time: i32,
        /// The server's time in milliseconds.
        server_time: i32,
    },
}

/// The result of [`Reader::next_part`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The last frame was read before.
    End,
    /// A frame.
    Frame(Frame<'a>),
    /// A frame that takes more calls.
    Unfinished,
}

/// Iterates over the frames of one text message.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    role: Role,
    limits: Limits,
    /// See [`Reader::tolerant`].
    tolerant: bool,
    text: Cow<'a, str>,
    /// The start of the last frame.
    start: usize,
    /// The start of the next frame.
    position: usize,
    /// The frame in front of it, if it was read in part.
    unfinished: Option<Box<Transcoding>>,
    /// See [`Reader::parsed_bytes`].
    parsed_bytes: u64,
}

impl<'a> Reader<'a> {
    /// Creates a reader for a text message that this end has received over WebSocket.
    ///
    /// # Errors
    /// [`DecodeError`]: `TooLong` or `NotUtf8`.
    pub fn new(role: Role, limits: &Limits, message: &'a [u8]) -> Result<Self, DecodeError> {
        Self::of_slice(role, limits, message, |_, _| None)
    }

    /// The reader for a text message that a [`Peer`](crate::peer::Peer) has received: for a client
    /// [tolerant](Reader::tolerant), because a server relays what others send. Copies the text only
    /// if it has to be repaired.
    pub(crate) fn received(
        role: Role,
        limits: &Limits,
        message: &'a [u8],
    ) -> Result<Self, DecodeError> {
        let tolerant = role == Role::Client;
        let repair = |message: &[u8], max_bytes| {
            let text = tolerant.then(|| repaired(message, max_bytes));
            text.flatten()
        };
        let reader = Self::of_slice(role, limits, message, repair)?;
        Ok(Self { tolerant, ..reader })
    }

    /// The same reader, which keeps the text.
    pub(crate) fn into_owned(self) -> Reader<'static> {
        Reader {
            text: Cow::Owned(self.text.into_owned()),
            ..self
        }
    }

    /// Creates a reader. `repair` makes text of bytes that are not UTF-8, if it can.
    fn of_slice(
        role: Role,
        limits: &Limits,
        message: &'a [u8],
        repair: impl FnOnce(&[u8], usize) -> Option<String>,
    ) -> Result<Self, DecodeError> {
        check_length(limits, message)?;
        let text = match crate::codec::utf8(message, 0, TEXT) {
            Ok(text) => Cow::Borrowed(text),
            Err(error) => Cow::Owned(repair(message, limits.max_received_bytes).ok_or(error)?),
        };
        let text = without_nuls(&text).map_or(text, Cow::Owned);
        Ok(Self::of(role, limits, text))
    }

    fn of(role: Role, limits: &Limits, text: Cow<'a, str>) -> Self {
        Self {
            role,
            limits: limits.clone(),
            tolerant: false,
            text,
            start: 0,
            position: 0,
            unfinished: None,
            parsed_bytes: 0,
        }
    }

    /// Decodes the next frame; `None` at the end. A message is appended to `out` in GpBinary 1.8.
    /// Nothing else changes `out`.
    ///
    /// # Errors
    /// [`DecodeError`] for a malformed frame, after which the next one can be read. If the framing
    /// itself is malformed (`BadFrame`, `BadLength`, `Truncated` in a field "frame ..."), the next
    /// frame cannot be found, and the next call returns `None`. `Missing` for an object that is not
    /// a message to this end, a code without a value, and a ping without its times.
    #[allow(
        clippy::should_implement_trait,
        reason = "frames are borrowed from the reader"
    )]
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<Frame<'_>>, DecodeError> {
        match self.next_part(usize::MAX, out)? {
            Part::Frame(frame) => Ok(Some(frame)),
            Part::End => Ok(None),
            Part::Unfinished => {
                debug_assert!(false, "all of a frame was asked for");
                Ok(None)
            }
        }
    }

    /// Like [`Reader::next`], but stops inside of a message when `bytes` of it were transcoded in this call,
    /// at the next element of a list or object. At least one element is transcoded. A number that becomes a
    /// double counts two or three times, because it costs as much. Another call with the same
    /// `out` then goes on; with another one, or if `out` has another length, the frame is begun anew.
    ///
    /// A message that is transcoded in parts is the same as one that is transcoded at once, and so is an error.
    ///
    /// ```
    /// use photon_proto::json::{Frame, Part, Reader};
    /// use photon_proto::{Limits, Role};
    ///
    /// let text = "~m~35~m~~j~{\"evt\":9,\"vals\":[1,[1,2,3,4,5]]}";
    /// let mut reader = Reader::new(Role::Client, &Limits::DEFAULT, text.as_bytes())?;
    /// let (mut message, mut calls) = (Vec::new(), 1);
    /// while reader.next_part(10, &mut message)? == Part::Unfinished {
    ///     calls += 1; // The program can do something else in between.
    /// }
    /// assert_eq!((message.len(), calls), (17, 3));
    /// # Ok::<(), photon_proto::DecodeError>(())
    /// ```
    ///
    /// # Errors
    /// The same as [`Reader::next`].
    pub fn next_part(&mut self, bytes: usize, out: &mut Vec<u8>) -> Result<Part<'_>, DecodeError> {
        let rules = Rules {
            role: self.role,
            limits: &self.limits,
            tolerant: self.tolerant,
        };
        if let Some(mut transcoding) = self.unfinished.take() {
            let json = self.text.get(transcoding.base()..self.position);
            let json = json.unwrap_or_default();
            if !transcoding.belongs_to(out) {
                *transcoding = Transcoding::new(rules, transcoding.base(), out);
            }
            let frame = transcoding.go_on(rules, json, bytes, &mut self.parsed_bytes, out)?;
            return Ok(frame.map_or_else(
                || {
                    self.unfinished = Some(transcoding);
                    Part::Unfinished
                },
                Part::Frame,
            ));
        }
        self.start = self.position;
        let rest = self.text.get(self.position..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(Part::End);
        }
        let payload = match payload(rest) {
            Ok(payload) => payload,
            Err(error) => {
                let error = error.shifted(self.position);
                self.parsed_bytes += rest.len() as u64;
                self.position = self.text.len();
                return Err(error);
            }
        };
        let start = self.position + payload.start;
        self.position += payload.end;
        let payload = self.text.get(start..self.position);
        debug_assert!(payload.is_some(), "a payload ends between two characters");
        let payload = payload.unwrap_or_default();
        let Some(json) = payload.strip_prefix(JSON) else {
            self.parsed_bytes += (self.position - self.start) as u64;
            return Ok(Part::Frame(Frame::Session(payload)));
        };
        let base = start + JSON.len();
        self.parsed_bytes += (base - self.start) as u64;
        let mut transcoding = Transcoding::new(rules, base, out);
        let frame = transcoding.go_on(rules, json, bytes, &mut self.parsed_bytes, out)?;
        Ok(match frame {
            Some(frame) => Part::Frame(frame),
            None => {
                self.unfinished = Some(Box::new(transcoding));
                Part::Unfinished
            }
        })
    }

    /// How many bytes were parsed so far, those that cost twice as much counted twice: a measure of the work.
    #[must_use]
    pub const fn parsed_bytes(&self) -> u64 {
        self.parsed_bytes
    }

    /// Whether a frame was read in part.
    pub(crate) const fn is_unfinished(&self) -> bool {
        self.unfinished.is_some()
    }

    /// Whether all frames were read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.position >= self.text.len() && self.unfinished.is_none()
    }

    /// The position and text of the last frame, from its mark on, whether valid or not. If its end
    /// could not be found, the whole rest of the message.
    #[must_use]
    pub fn frame(&self) -> (usize, &str) {
        (
            self.start,
            self.text.get(self.start..self.position).unwrap_or_default(),
        )
    }
}

impl Reader<'static> {
    /// The reader for the text of a message that was not UTF-8.
    pub(crate) fn repaired(role: Role, limits: &Limits, text: String) -> Self {
        let text = without_nuls(&text).unwrap_or(text);
        Self {
            tolerant: true,
            ..Self::of(role, limits, Cow::Owned(text))
        }
    }

    /// Like [`Reader::new`], for a caller that keeps the reader between frames.
    ///
    /// # Errors
    /// The same as [`Reader::new`]; the message is returned with the error.
    pub fn owned(
        role: Role,
        limits: &Limits,
        message: Vec<u8>,
    ) -> Result<Self, (DecodeError, Vec<u8>)> {
        Self::of_vec(role, limits, message, |_, _| None)
    }

    /// Like [`Reader::owned`], for messages that contain what others have sent, so that a bad value
    /// costs only itself:
    ///
    /// * Bytes that are not UTF-8 become U+FFFD, if the frames can be told apart then. Once the text
    ///   would exceed the limit on its length, they become `?`.
    /// * Values, and all memory, are limited only when the message is decoded. A message with
    ///   more than eight times the limit on values, wherever they are, is rejected: finding their ends
    ///   alone would take too long. Values that are nested too deeply do not count: nothing is made of
    ///   them.
    /// * An array or object that is nested too deeply becomes an empty array, which decoding rejects
    ///   at its place.
    /// * A double that would make the message exceed the limit on its length, although its text does
    ///   not, becomes a text that decoding rejects at its place.
    /// * A parameter whose code is no number of 8 bits is skipped.
    /// * A return code that is no number of 16 bits counts as -1, an internal error of the server.
    /// * A debug message that is a number, `true` or `false` becomes text, an array or object counts
    ///   as none.
    ///
    /// # Errors
    /// The same as [`Reader::new`]; the message is returned with the error.
    pub fn tolerant(
        role: Role,
        limits: &Limits,
        message: Vec<u8>,
    ) -> Result<Self, (DecodeError, Vec<u8>)> {
        let reader = Self::of_vec(role, limits, message, repaired)?;
        Ok(Self {
            tolerant: true,
            ..reader
        })
    }

    /// Creates a reader. `repair` makes text of bytes that are not UTF-8, if it can.
    fn of_vec(
        role: Role,
        limits: &Limits,
        message: Vec<u8>,
        repair: impl FnOnce(&[u8], usize) -> Option<String>,
    ) -> Result<Self, (DecodeError, Vec<u8>)> {
        if let Err(error) = check_length(limits, &message) {
            return Err((error, message));
        }
        let text = match String::from_utf8(message) {
            Ok(text) => text,
            Err(error) => match repair(error.as_bytes(), limits.max_received_bytes) {
                Some(text) => text,
                None => {
                    let at = error.utf8_error().valid_up_to();
                    let not_utf8 = DecodeError::new(DecodeErrorKind::NotUtf8, at, TEXT);
                    return Err((not_utf8, error.into_bytes()));
                }
            },
        };
        let text = without_nuls(&text).unwrap_or(text);
        Ok(Self::of(role, limits, Cow::Owned(text)))
    }
}

const TEXT: &str = "text message";

fn check_length(limits: &Limits, message: &[u8]) -> Result<(), DecodeError> {
    let max = limits.max_received_bytes;
    if message.len() > max {
        Err(DecodeError::new(DecodeErrorKind::TooLong, max, TEXT))
    } else {
        Ok(())
    }
}

/// See [`Repair`].
fn repaired(message: &[u8], max_bytes: usize) -> Option<String> {
    let mut repair = Repair::new(message.len(), max_bytes);
    repair.go_on(message, message.len());
    debug_assert!(repair.is_complete(message), "all of it at once");
    repair.finish()
}

/// Copies a text without its NULs, if it has any.
fn without_nuls(text: &str) -> Option<String> {
    if !has_nul(text.as_bytes()) {
        return None;
    }
    // Bytes, because to look for each character costs a multiple: a text can be a megabyte of NULs.
    let mut clean = text.as_bytes().to_vec();
    clean.retain(|byte| *byte != 0);
    let clean = String::from_utf8(clean);
    debug_assert!(clean.is_ok(), "a NUL is no part of another character");
    clean.ok()
}

/// Whether a byte is NUL. Without a branch for each byte the compiler uses vectors, which takes a
/// fifth of what the search of the library takes.
fn has_nul(bytes: &[u8]) -> bool {
    const PART_BYTES: usize = 64;
    let in_part = |part: &[u8]| part.iter().fold(false, |any, byte| any | (*byte == 0));
    bytes.chunks(PART_BYTES).any(in_part)
}
