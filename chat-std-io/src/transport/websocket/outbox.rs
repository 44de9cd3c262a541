//! Frames that wait to be sent. Spec: RFC 6455, 5.

use super::frame::{MAX_CONTROL_BYTES, opcode};
use std::io::{self, Write};

/// Capacity that is kept while nothing waits: enough for a ping or a short message, small enough
/// for thousands of idle connections.
const MAX_KEPT_BYTES: usize = 512;
/// Bytes of a masking key. RFC 6455, 5.3.
const MASK_BYTES: usize = 4;
/// Random bytes that are drawn from the system at one time: keys for 16 frames.
const POOL_BYTES: usize = 16 * MASK_BYTES;

/// Output of a client: framed, and not taken by the system yet.
pub(super) struct Outbox {
    bytes: Vec<u8>,
    /// How many of `bytes` were sent.
    sent: usize,
    /// The payload of the latest ping that is not answered. One answer is enough for several pings
    /// (RFC 6455, 5.5.3), so a server that sends pings and reads no pongs fills no memory.
    ping: Option<Vec<u8>>,
    keys: Keys,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            sent: 0,
            ping: None,
            keys: Keys {
                pool: [0; POOL_BYTES],
                used: POOL_BYTES,
            },
        }
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        debug_assert!(self.sent <= self.bytes.len(), "no more is sent than waits");
        self.bytes.len() - self.sent
    }

    /// Bytes of buffers that are kept.
    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.bytes.capacity() + self.ping.as_ref().map_or(0, Vec::capacity)
    }

    /// Appends a frame with all of a message or control frame. Fails if the system gives no random
    /// bytes.
    pub(super) fn push(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let key = self.keys.next()?;
        self.bytes.reserve(payload.len() + 2 + 8 + MASK_BYTES);
        // The final frame: a client has no reason to fragment.
        self.bytes.push(0x80 | opcode);
        // 0x80: masked.
        match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
            (Ok(length @ ..126), _) => self.bytes.push(0x80 | length),
            (_, Ok(length)) => {
                self.bytes.push(0x80 | 126);
                self.bytes.extend_from_slice(&length.to_be_bytes());
            }
            _ => {
                self.bytes.push(0x80 | 127);
                let length = payload.len() as u64;
                self.bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        self.bytes.extend_from_slice(&key);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        mask(self.bytes.get_mut(start..).unwrap_or_default(), key);
        Ok(())
    }

    /// Answers a ping as soon as output can be written.
    pub(super) fn answer_ping(&mut self, payload: &[u8]) {
        debug_assert!(payload.len() <= MAX_CONTROL_BYTES, "the reader checks it");
        let ping = self.ping.get_or_insert_default();
        ping.clear();
        ping.extend_from_slice(payload);
    }

    /// Writes what waits; [`io::ErrorKind::WouldBlock`] if some of it remains.
    pub(super) fn flush(&mut self, io: &mut impl Write) -> io::Result<()> {
        loop {
            // Only once everything before it was taken: until then a later ping may replace it.
            if self.len() == 0
                && let Some(payload) = self.ping.take()
            {
                self.push(opcode::PONG, &payload)?;
            }
            let Some(rest) = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty()) else {
                break;
            };
            self.sent += io.write(rest)?;
        }
        self.sent = 0;
        self.bytes.clear();
        self.bytes.shrink_to(MAX_KEPT_BYTES);
        io.flush()
    }

    /// Whether a pong or other output waits.
    pub(super) fn has_output(&self) -> bool {
        self.len() > 0 || self.ping.is_some()
    }
}

/// Masking keys, which no application can predict. RFC 6455, 5.3 and 10.3.
struct Keys {
    pool: [u8; POOL_BYTES],
    used: usize,
}

impl Keys {
    fn next(&mut self) -> io::Result<[u8; MASK_BYTES]> {
        if self.used >= POOL_BYTES {
            getrandom::fill(&mut self.pool).map_err(io::Error::from)?;
            self.used = 0;
        }
        let key = self
            .pool
            .get(self.used..)
            .and_then(|rest| rest.first_chunk());
        self.used += MASK_BYTES;
        debug_assert!(key.is_some(), "the pool holds whole keys");
        Ok(key.copied().unwrap_or_default())
    }
}

fn mask(payload: &mut [u8], key: [u8; MASK_BYTES]) {
    // In blocks, which the compiler turns into vector instructions.
    let mut block = [0; 4 * MASK_BYTES];
    for (place, byte) in block.iter_mut().zip(key.iter().cycle()) {
        *place = *byte;
    }
    for chunk in payload.chunks_mut(block.len()) {
        for (byte, key) in chunk.iter_mut().zip(block) {
            *byte ^= key;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at most `takes` bytes in all.
    struct Slow {
        taken: Vec<u8>,
        takes: usize,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let length = bytes.len().min(self.takes - self.taken.len());
            if length == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.taken.extend_from_slice(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn masking_is_that_of_the_rfc() {
        // RFC 6455, 5.7.
        let mut hello = *b"Hello";
        mask(&mut hello, [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(hello, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        let long: Vec<u8> = (0..100).collect();
        let mut masked = long.clone();
        mask(&mut masked, [1, 2, 3, 4]);
        assert!(
            masked
                .iter()
                .zip(&long)
                .enumerate()
                .all(|(at, (masked, byte))| { masked ^ byte == [1, 2, 3, 4][at % 4] })
        );
    }

    #[test]
    fn keys_differ() {
        let mut outbox = Outbox::new();
        let keys: std::collections::HashSet<_> =
            (0..100).map(|_| outbox.keys.next().unwrap()).collect();
        assert!(keys.len() > 90, "{}", keys.len());
    }

    #[test]
    fn the_latest_ping_wins_while_output_is_blocked() {
        let mut outbox = Outbox::new();
        let mut slow = Slow {
            taken: Vec::new(),
            takes: 3,
        };
        outbox.push(opcode::BINARY, b"begun").unwrap();
        assert!(outbox.flush(&mut slow).is_err());
        for number in 0..100 {
            outbox.answer_ping(&[number; 125]);
            assert!(outbox.flush(&mut slow).is_err());
        }
        assert!(outbox.has_output() && outbox.bytes.len() < 100);
        slow.takes = usize::MAX;
        outbox.flush(&mut slow).unwrap();
        assert!(!outbox.has_output());
        assert_eq!(slow.taken.len(), 2 + 4 + 5 + 2 + 4 + 125);
        assert!(outbox.bytes.capacity() <= MAX_KEPT_BYTES);
    }
}
