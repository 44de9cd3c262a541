//! [`DatagramBuilder`]: fills a datagram with commands up to the MTU.

use crate::udp::command::{ACK_BYTES, Header};
use alloc::vec::Vec;

/// A datagram to which commands are appended.
pub(crate) struct DatagramBuilder<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) mtu: usize,
    /// The number of commands; the header has one byte for it.
    pub(crate) count: u8,
}

impl DatagramBuilder<'_> {
    /// The number of bytes that the next command may have.
    pub(crate) fn space(&self) -> usize {
        if self.count == u8::MAX {
            0
        } else {
            self.mtu.saturating_sub(self.out.len())
        }
    }

    /// Appends a command if it fits. Returns whether it did.
    pub(crate) fn push(&mut self, command: &[u8]) -> bool {
        let fits = command.len() <= self.space();
        if fits {
            self.out.extend_from_slice(command);
            self.count += 1;
        }
        fits
    }

    /// Appends an ack if it fits. Returns whether it did. Spec: udp.md 5.1.
    pub(crate) fn push_ack(&mut self, header: Header, rseq: u32, sent_time: u32) -> bool {
        let fits = ACK_BYTES <= self.space();
        if fits {
            // Appended at once: each call of `extend_from_slice` checks the capacity.
            let mut ack = [[0; 4]; ACK_BYTES / 4];
            let (start, rest) = ack.split_at_mut(3);
            start
                .as_flattened_mut()
                .copy_from_slice(&header.bytes(ACK_BYTES));
            rest.copy_from_slice(&[rseq.to_be_bytes(), sent_time.to_be_bytes()]);
            self.out.extend_from_slice(ack.as_flattened());
            self.count += 1;
        }
        fits
    }
}
