//! Bytes on their way to one client of a stream, some of them held back for a while.

use photon_proto::Timestamp;

use crate::delayed::Delayed;

/// Memory that an idle connection may keep for what it sends next.
const KEPT_CAPACITY: usize = 16 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    buffer: Vec<u8>,
    sent: usize,
    delayed: Delayed,
}

impl Outgoing {
    /// What may be sent now.
    pub(crate) fn unsent(&self) -> &[u8] {
        self.buffer.get(self.sent..).unwrap_or_default()
    }

    /// Everything that has not been sent, what is held back included.
    pub(crate) fn len(&self) -> usize {
        self.unsent().len().saturating_add(self.delayed.bytes())
    }

    /// Appends what `write` writes, held back until `due` if that is later than `now`.
    pub(crate) fn write(
        &mut self,
        now: Timestamp,
        due: Timestamp,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        if !self.delayed.holds(now, due) {
            write(&mut self.buffer);
            return;
        }
        let mut bytes = Vec::new();
        write(&mut bytes);
        self.delayed.push(due, bytes);
    }

    /// Lets go what is due; whether there was any.
    pub(crate) fn release(&mut self, now: Timestamp) -> bool {
        let mut any = false;
        while let Some(bytes) = self.delayed.pop(now) {
            self.buffer.extend_from_slice(&bytes);
            any = true;
        }
        any
    }

    /// When the next bytes are let go.
    pub(crate) fn next_release(&self) -> Option<Timestamp> {
        self.delayed.next_release()
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes).min(self.buffer.len());
        if self.sent == self.buffer.len() {
            self.buffer.clear();
            self.sent = 0;
            if self.buffer.capacity() > KEPT_CAPACITY {
                self.buffer.shrink_to(KEPT_CAPACITY);
            }
        } else if self.sent >= self.buffer.len() / 2 {
            self.buffer.drain(..self.sent);
            self.sent = 0;
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_sends_and_delays_keep_the_order() {
        let at = Timestamp::from_millis;
        let mut out = Outgoing::default();
        out.write(at(0), at(0), |bytes| bytes.extend(b"abc"));
        out.write(at(0), at(10), |bytes| bytes.extend(b"def"));
        out.write(at(0), at(0), |bytes| bytes.extend(b"gh"));
        assert_eq!((out.unsent(), out.len()), (&b"abc"[..], 8));
        out.sent(2);
        assert!(!out.release(at(9)));
        assert_eq!(out.next_release(), Some(at(10)));
        assert!(out.release(at(10)));
        assert_eq!(out.unsent(), b"cdefgh");
        out.sent(100);
        assert_eq!(
            (out.unsent(), out.len(), out.next_release()),
            (&b""[..], 0, None)
        );
    }
}
