//! Frames of a server, taken from input of any size. Spec: RFC 6455, 5.
//!
//! ```text
//! header ──payload missing──> payload ──complete──> header
//!    └──────payload complete in the same input────────┘
//! ```
//!
//! tungstenite has a reader too, but its `read` continues through any number of fragments and
//! writes one pong per ping, so no caller can bound the work of a call; it keeps its buffers while
//! idle; and it logs payloads at TRACE, which contain credentials.

use super::close::Violation;

/// Longest payload of a control frame. RFC 6455, 5.5.
pub(super) const MAX_CONTROL_BYTES: usize = 125;
/// Longest header of a server, whose frames have no mask.
const MAX_HEADER_BYTES: usize = 10;

/// Opcodes. RFC 6455, 11.8.
pub(super) mod opcode {
    pub(in super::super) const CONTINUATION: u8 = 0;
    pub(in super::super) const TEXT: u8 = 1;
    pub(in super::super) const BINARY: u8 = 2;
    pub(in super::super) const CLOSE: u8 = 8;
    pub(in super::super) const PING: u8 = 9;
    pub(in super::super) const PONG: u8 = 10;
}

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// The last frame of a message, with all of the message.
    Message {
        text: bool,
        bytes: &'a [u8],
    },
    /// Another frame of a message.
    Fragment,
    Ping(&'a [u8]),
    Pong,
    Close(&'a [u8]),
}

/// Takes frames from chunks of input, and joins fragments.
pub(super) struct FrameReader {
    max_message_bytes: usize,
    /// The header so far.
    header: [u8; MAX_HEADER_BYTES],
    header_bytes: usize,
    /// The frame whose payload is incomplete.
    current: Option<Current>,
    /// The payload of a control frame that did not arrive in one piece. Apart from the message,
    /// because a control frame may come between two fragments.
    control: Vec<u8>,
    /// The message so far, unless it arrived in one piece.
    message: Vec<u8>,
    /// The kind of the fragmented message that is not complete: whether it is text.
    fragmented: Option<bool>,
    /// Which of the buffers the last frame borrowed, so that they can be released.
    borrowed: Borrowed,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    opcode: u8,
    fin: bool,
    /// Bytes of the payload that have not arrived.
    missing: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Borrowed {
    Nothing,
    Control,
    Message,
}

impl FrameReader {
    pub(super) fn new(max_message_bytes: usize) -> Self {
        Self {
            max_message_bytes,
            header: [0; MAX_HEADER_BYTES],
            header_bytes: 0,
            current: None,
            control: Vec::new(),
            message: Vec::new(),
            fragmented: None,
            borrowed: Borrowed::Nothing,
        }
    }

    /// Takes bytes from the front of `input`: up to the end of one frame, or all of them. Returns
    /// their number, and the frame if it is complete.
    pub(super) fn next<'a>(
        &'a mut self,
        input: &'a [u8],
    ) -> Result<(usize, Option<Frame<'a>>), Violation> {
        // Releases the memory at once instead of keeping it for the next message: most messages
        // arrive in one piece and need none.
        match std::mem::replace(&mut self.borrowed, Borrowed::Nothing) {
            Borrowed::Nothing => {}
            Borrowed::Control => self.control = Vec::new(),
            Borrowed::Message => self.message = Vec::new(),
        }
        let (mut used, current) = match self.current.take() {
            Some(current) => (0, current),
            None => match self.read_header(input)? {
                (used, Some(current)) => (used, current),
                (used, None) => return Ok((used, None)),
            },
        };
        let rest = input.get(used..).unwrap_or_default();
        let payload = rest.get(..current.missing).unwrap_or(rest);
        used += payload.len();
        if payload.len() < current.missing {
            // Not reserved in advance: the length is only the server's announcement.
            match current.is_control() {
                true => self.control.extend_from_slice(payload),
                false => self.message.extend_from_slice(payload),
            }
            self.current = Some(Current {
                missing: current.missing - payload.len(),
                ..current
            });
            debug_assert_eq!(used, input.len(), "an incomplete frame takes all input");
            return Ok((used, None));
        }
        let frame = match current.is_control() {
            true => self.control_frame(current.opcode, payload),
            false => self.data_frame(current, payload),
        };
        Ok((used, Some(frame)))
    }

    /// Bytes of the message that is not complete.
    pub(super) fn partial_bytes(&self) -> usize {
        match self.borrowed {
            Borrowed::Message => 0,
            Borrowed::Nothing | Borrowed::Control => self.message.len(),
        }
    }

    /// Bytes of buffers that are kept.
    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.message.capacity() + self.control.capacity()
    }

    fn control_frame<'a>(&'a mut self, opcode: u8, payload: &'a [u8]) -> Frame<'a> {
        let payload = match self.control.is_empty() {
            true => payload,
            false => {
                self.control.extend_from_slice(payload);
                self.borrowed = Borrowed::Control;
                &self.control
            }
        };
        debug_assert!(payload.len() <= MAX_CONTROL_BYTES, "the header was checked");
        match opcode {
            opcode::CLOSE => Frame::Close(payload),
            opcode::PING => Frame::Ping(payload),
            _ => Frame::Pong,
        }
    }

    fn data_frame<'a>(&'a mut self, current: Current, payload: &'a [u8]) -> Frame<'a> {
        let text = self.fragmented.unwrap_or(current.opcode == opcode::TEXT);
        let is_whole = self.message.is_empty();
        if !current.fin {
            self.message.extend_from_slice(payload);
            self.fragmented = Some(text);
            return Frame::Fragment;
        }
        self.fragmented = None;
        let bytes = match is_whole {
            true => payload,
            false => {
                self.message.extend_from_slice(payload);
                self.borrowed = Borrowed::Message;
                &self.message
            }
        };
        debug_assert!(bytes.len() <= self.max_message_bytes, "headers are checked");
        Frame::Message { text, bytes }
    }

    /// Collects and checks a header. Returns the number of bytes that it took.
    fn read_header(&mut self, input: &[u8]) -> Result<(usize, Option<Current>), Violation> {
        for (taken, byte) in input.iter().enumerate() {
            if let Some(place) = self.header.get_mut(self.header_bytes) {
                *place = *byte;
            }
            self.header_bytes += 1;
            let [first, second, ..] = self.header;
            let length = match (self.header_bytes, second & 0x7f) {
                (1, _) => continue,
                (2, length) => {
                    // As early as possible: the rest of a header that breaks a rule may not follow.
                    self.check_header(first, second)?;
                    match length {
                        126 | 127 => continue,
                        length => u64::from(length),
                    }
                }
                (4, 126) | (10, 127) => self
                    .header
                    .get(2..self.header_bytes)
                    .unwrap_or_default()
                    .iter()
                    .fold(0, |length, byte| length << 8 | u64::from(*byte)),
                _ => continue,
            };
            self.header_bytes = 0;
            let current = Current {
                opcode: first & 0x0f,
                fin: first & 0x80 != 0,
                missing: self.check_length(first & 0x0f, length)?,
            };
            return Ok((taken + 1, Some(current)));
        }
        debug_assert!(
            self.header_bytes < MAX_HEADER_BYTES,
            "the longest header is complete"
        );
        Ok((input.len(), None))
    }

    /// Checks everything in a header but the length of a message. RFC 6455, 5.2, 5.4 and 5.5.
    fn check_header(&self, first: u8, second: u8) -> Result<(), Violation> {
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
        if first & 0x70 != 0 {
            return Err(Violation::protocol("reserved bits are set in a frame"));
        }
        if second & 0x80 != 0 {
            return Err(Violation::protocol("a frame of a server is masked"));
        }
        match (opcode, self.fragmented) {
            (opcode::CONTINUATION, None) => {
                Err(Violation::protocol("a fragment has nothing to continue"))
            }
            (opcode::TEXT | opcode::BINARY, Some(_)) => Err(Violation::protocol(
                "a message begins before the last fragment of another",
            )),
            (opcode::CONTINUATION | opcode::TEXT | opcode::BINARY, _) => Ok(()),
            (opcode::CLOSE | opcode::PING | opcode::PONG, _) if !fin => {
                Err(Violation::protocol("a control frame is fragmented"))
            }
            (opcode::CLOSE | opcode::PING | opcode::PONG, _)
                if usize::from(second & 0x7f) > MAX_CONTROL_BYTES =>
            {
                Err(Violation::protocol("a control frame is too long"))
            }
            (opcode::CLOSE | opcode::PING | opcode::PONG, _) => Ok(()),
            _ => Err(Violation::protocol(format!(
                "a frame has the invalid opcode {opcode}"
            ))),
        }
    }

    /// The length of a payload, if the message may have it.
    fn check_length(&self, opcode: u8, length: u64) -> Result<usize, Violation> {
        let before = match opcode < opcode::CLOSE {
            true => self.message.len(),
            false => 0,
        };
        let max_bytes = self.max_message_bytes;
        let total = length.saturating_add(before as u64);
        usize::try_from(length)
            .ok()
            .filter(|_| total <= max_bytes as u64 || opcode >= opcode::CLOSE)
            .ok_or_else(|| Violation::too_long(total, max_bytes))
    }
}

impl Current {
    const fn is_control(&self) -> bool {
        self.opcode >= opcode::CLOSE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All frames in `input`, which arrives in pieces, in a form that can be compared.
    fn frames(input: &[u8], piece: usize) -> Vec<String> {
        let mut reader = FrameReader::new(1_000);
        let mut seen = Vec::new();
        for chunk in input.chunks(piece) {
            let mut rest = chunk;
            while !rest.is_empty() {
                let (used, frame) = reader.next(rest).unwrap();
                assert!(used > 0, "each call makes progress");
                rest = &rest[used..];
                seen.extend(frame.map(|frame| format!("{frame:?}")));
            }
        }
        let _ = reader.next(&[]).unwrap();
        assert_eq!(reader.kept_bytes(), 0, "no memory is kept between messages");
        seen
    }

    #[test]
    fn frames_are_the_same_in_pieces_of_any_size() {
        let mut input = vec![0x82, 3, 1, 2, 3, 0x81, 0, 0x01, 2, b'a', b'b'];
        input.extend([
            0x89, 2, 7, 8, 0x00, 0, 0x8a, 0, 0x80, 1, b'c', 0x88, 2, 3, 0xe8,
        ]);
        input.extend([0x82, 126, 0, 200]);
        input.extend([9; 200]);
        input.extend([0x82, 127, 0, 0, 0, 0, 0, 0, 3, 0xe8]);
        input.extend([8; 1_000]);
        let whole = frames(&input, usize::MAX);
        assert_eq!(whole.len(), 10, "{whole:?}");
        let text = format!(
            "{:?}",
            Frame::Message {
                text: true,
                bytes: b"abc"
            }
        );
        assert_eq!(whole[6], text, "a ping may come between two fragments");
        assert_eq!(whole[3], "Ping([7, 8])");
        for piece in 1..20 {
            assert_eq!(frames(&input, piece), whole, "{piece}");
        }
    }

    #[test]
    fn the_limit_is_that_of_the_message_and_not_of_a_frame() {
        let mut reader = FrameReader::new(5);
        let (used, frame) = reader.next(&[0x02, 3, 1, 2, 3]).unwrap();
        assert_eq!((used, frame), (5, Some(Frame::Fragment)));
        // A control frame is no part of it.
        assert!(reader.next(&[0x89, 3, 1, 2, 3]).is_ok());
        assert!(reader.next(&[0x80, 3]).is_err());
    }

    /// Numbers that depend only on the seed.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 16) as usize % limit
        }
    }

    /// The end of a stream of frames.
    #[derive(Debug, PartialEq, Eq)]
    enum End {
        Input,
        Close,
        Refused,
    }

    const MAX_BYTES: usize = 300;

    /// Complete frames of a server, most of which keep the rules.
    fn stream(numbers: &mut Numbers) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut open = false;
        for _ in 0..numbers.below(30) {
            let broken = numbers.below(25) == 0;
            let (mut opcode, mut fin) = match numbers.below(20) {
                0..3 => (opcode::PING, true),
                3..5 => (opcode::PONG, true),
                5 if numbers.below(8) == 0 => (opcode::CLOSE, true),
                number if open => (opcode::CONTINUATION, number % 2 == 0),
                number => ([opcode::TEXT, opcode::BINARY][number % 2], number % 3 > 0),
            };
            let mut length = match (opcode < opcode::CLOSE, numbers.below(30)) {
                (true, 0) => MAX_BYTES,
                (true, 1..4) => numbers.below(MAX_BYTES),
                (true, 4..8) => 0,
                _ => numbers.below(20),
            };
            let (mut reserved, mut mask) = (0, 0);
            match numbers.below(7) {
                _ if !broken => {}
                0 => reserved = 1 << (4 + numbers.below(3)),
                1 => mask = 0x80,
                2 => opcode = [3, 7, 11, 15][numbers.below(4)],
                3 => {
                    opcode = if open {
                        opcode::TEXT
                    } else {
                        opcode::CONTINUATION
                    }
                }
                4 => (opcode, fin) = (opcode::PING, false),
                5 => (opcode, length) = (opcode::PONG, MAX_CONTROL_BYTES + 1),
                _ => length = MAX_BYTES + 1,
            }
            if opcode < opcode::CLOSE {
                open = !fin;
            }
            let mut payload = vec![b'a' + numbers.below(26) as u8; length];
            if opcode == opcode::CLOSE {
                payload.splice(.., [3, 0xe8, b'o', b'k']);
            }
            bytes.push(u8::from(fin) << 7 | reserved as u8 | opcode);
            // A length may have a longer form than it needs: RFC 6455, 5.2 only forbids to send it.
            match payload.len() {
                length @ ..126 => bytes.push(mask | length as u8),
                length => {
                    bytes.push(mask | 126);
                    bytes.extend((length as u16).to_be_bytes());
                }
            }
            if mask > 0 {
                bytes.extend([0; 4]);
            }
            bytes.extend(payload);
        }
        bytes
    }

    fn ours(input: &[u8], numbers: &mut Numbers) -> (Vec<String>, End) {
        let mut reader = FrameReader::new(MAX_BYTES);
        let mut seen = Vec::new();
        let mut left = input;
        while !left.is_empty() {
            let (mut piece, rest) = left.split_at((1 + numbers.below(40)).min(left.len()));
            left = rest;
            while !piece.is_empty() {
                match reader.next(piece) {
                    Ok((used, frame)) => {
                        match frame {
                            Some(Frame::Close(_)) => return (seen, End::Close),
                            Some(Frame::Fragment) | None => {}
                            Some(frame) => seen.push(match frame {
                                Frame::Message { text, bytes } => format!("{text} {bytes:?}"),
                                Frame::Ping(bytes) => format!("ping {bytes:?}"),
                                _ => "pong".to_owned(),
                            }),
                        }
                        piece = &piece[used..];
                    }
                    Err(_) => return (seen, End::Refused),
                }
            }
        }
        (seen, End::Input)
    }

    /// Input in pieces, and an output that takes everything.
    struct Pieces<'i> {
        left: &'i [u8],
        numbers: &'i mut Numbers,
    }

    impl std::io::Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.left.is_empty() {
                return Err(std::io::ErrorKind::WouldBlock.into());
            }
            let length = (1 + self.numbers.below(40)).min(buffer.len());
            let (piece, rest) = self.left.split_at(length.min(self.left.len()));
            buffer[..piece.len()].copy_from_slice(piece);
            self.left = rest;
            Ok(piece.len())
        }
    }

    impl std::io::Write for Pieces<'_> {
        fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
            Ok(buffer.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn tungstenites(input: &[u8], numbers: &mut Numbers) -> (Vec<String>, End) {
        use tungstenite::protocol::{Role, WebSocketConfig};
        use tungstenite::{Error, Message, WebSocket};

        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_BYTES))
            .max_frame_size(Some(MAX_BYTES));
        let pieces = Pieces {
            left: input,
            numbers,
        };
        let mut socket = WebSocket::from_raw_socket(pieces, Role::Client, Some(config));
        let mut seen = Vec::new();
        loop {
            seen.push(match socket.read() {
                Ok(Message::Text(text)) => format!("true {:?}", text.as_bytes()),
                Ok(Message::Binary(bytes)) => format!("false {:?}", &bytes[..]),
                Ok(Message::Ping(bytes)) => format!("ping {:?}", &bytes[..]),
                Ok(Message::Pong(_)) => "pong".to_owned(),
                Ok(_) => return (seen, End::Close),
                Err(Error::Io(_)) => return (seen, End::Input),
                Err(_) => return (seen, End::Refused),
            });
        }
    }

    /// Both readers get the same frames in different pieces. What they are known to differ in is left
    /// out: tungstenite checks the UTF-8 of texts and the code of a close (here `close.rs` and the
    /// client do), and it finds a broken rule only when the whole frame has arrived.
    #[test]
    fn sound06_frames_are_those_of_tungstenite() {
        let mut ends = [0; 3];
        for seed in 1..=4_000 {
            let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
            let input = stream(&mut numbers);
            let expected = tungstenites(&input, &mut numbers);
            assert_eq!(ours(&input, &mut numbers), expected, "seed {seed}");
            ends[expected.1 as usize] += 1;
        }
        assert!(ends.iter().all(|count| *count > 100), "{ends:?}");
    }
}
