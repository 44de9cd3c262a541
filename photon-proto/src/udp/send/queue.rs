//! Accepting commands and messages into the queues. Spec: udp.md 4.1, 6.

use super::{LAST_NUMBER, Sender};
use crate::tcp::Delivery;
use crate::udp::SendError;
use crate::udp::command::{self, CONTROL_CHANNEL, FLAG_RELIABLE, FLAG_UNSEQUENCED, Header, kind};
use crate::udp::config::Rules;
use crate::udp::pool::Pool;
use alloc::vec::Vec;

impl Sender {
    /// Queues a control command. Returns false if the sequence numbers are used up.
    pub(crate) fn control(&mut self, kind: u8, reserved: u8, pool: &mut Pool) -> bool {
        self.control_with(kind, reserved, pool, |_| ())
    }

    /// Like [`Sender::control`], with a body.
    pub(crate) fn control_with(
        &mut self,
        kind: u8,
        reserved: u8,
        pool: &mut Pool,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let rseq = self.control.next_rseq;
        if rseq > LAST_NUMBER {
            return false;
        }
        self.control.next_rseq += 1;
        let mut bytes = pool.buffer(command::CONNECT_BYTES);
        bytes.resize(command::HEADER_BYTES, 0);
        write(&mut bytes);
        put_header(
            &mut bytes,
            Header {
                kind,
                channel: CONTROL_CHANNEL,
                flags: FLAG_RELIABLE,
                reserved,
                rseq,
            },
        );
        self.queued += 1;
        self.bytes += bytes.len();
        self.control.queue.push_back(bytes);
        true
    }

    /// Encodes a disconnect that bypasses the queues: it is sent once and its ack is not awaited.
    /// Spec: udp.md 7.1.
    pub(crate) fn disconnect_command(
        &self,
        reserved: u8,
        reliable: bool,
    ) -> [u8; command::HEADER_BYTES] {
        let (flags, rseq) = if reliable {
            (FLAG_RELIABLE, self.control.next_rseq)
        } else {
            (FLAG_UNSEQUENCED, self.control.next_unsequenced)
        };
        Header {
            kind: kind::DISCONNECT,
            channel: CONTROL_CHANNEL,
            flags,
            reserved,
            rseq,
        }
        .bytes(command::HEADER_BYTES)
    }

    /// # Errors
    /// [`SendError::Channel`] if there is no such channel.
    pub(crate) const fn check_channel(&self, channel: u8) -> Result<(), SendError> {
        if channel < self.channel_count {
            Ok(())
        } else {
            Err(SendError::Channel(channel))
        }
    }

    /// Queues a message. After an error nothing is queued.
    pub(crate) fn message(
        &mut self,
        channel: u8,
        delivery: Delivery,
        message: &[u8],
        rules: &Rules,
        pool: &mut Pool,
    ) -> Result<(), SendError> {
        self.check_channel(channel)?;
        if usize::from(channel) >= self.data.len() {
            self.add_channels(channel);
        }
        if message.len() > rules.max_message_bytes {
            let max_bytes = rules.max_message_bytes;
            return Err(SendError::TooLong { max_bytes });
        }
        let limit = rules.payload_limit();
        if message.len() > limit {
            return self.fragments(channel, delivery, message, limit, pool);
        }
        let header_bytes = match delivery {
            Delivery::Reliable | Delivery::ReliableUnsequenced => command::HEADER_BYTES,
            Delivery::Unreliable | Delivery::UnreliableUnsequenced => {
                command::NUMBERED_HEADER_BYTES
            }
        };
        let mut bytes = pool.buffer(header_bytes + message.len());
        bytes.extend_from_slice(&[0; command::NUMBERED_HEADER_BYTES]);
        bytes.truncate(header_bytes);
        bytes.extend_from_slice(message);
        self.single(channel, delivery, bytes)
    }

    /// Queues a message that fits into one command.
    fn single(
        &mut self,
        channel: u8,
        delivery: Delivery,
        mut bytes: Vec<u8>,
    ) -> Result<(), SendError> {
        let (reserved, group) = (self.reserved, &mut self.next_group);
        let Some(to) = self.data.get_mut(usize::from(channel)) else {
            return Err(SendError::Channel(channel));
        };
        let (kind, flags, rseq, number) = match delivery {
            Delivery::Reliable => {
                let rseq = take_numbers(&mut to.next_rseq, 1)?;
                (kind::RELIABLE, FLAG_RELIABLE, rseq, None)
            }
            Delivery::ReliableUnsequenced => {
                let flags = FLAG_RELIABLE | FLAG_UNSEQUENCED;
                let rseq = take_numbers(&mut to.next_unsequenced, 1)?;
                (kind::RELIABLE_UNSEQUENCED, flags, rseq, None)
            }
            Delivery::Unreliable => {
                // The reliable message that it follows; 0 for none, as numbers begin at 1.
                let after = to.next_rseq - 1;
                let number = take_numbers(&mut to.next_unreliable, 1)?;
                (kind::UNRELIABLE, 0, after, Some(number))
            }
            Delivery::UnreliableUnsequenced => {
                let number = take_numbers(group, 1)?;
                (kind::UNSEQUENCED, FLAG_UNSEQUENCED, 0, Some(number))
            }
        };
        if let Some(number) = number {
            put_number(&mut bytes, number);
        }
        put_header(
            &mut bytes,
            Header {
                kind,
                channel,
                flags,
                reserved,
                rseq,
            },
        );
        self.queued += 1;
        self.bytes += bytes.len();
        to.queue.push_back(bytes);
        Ok(())
    }

    /// Queues a message as fragments. They are always reliable: one lost fragment of an unreliable
    /// message would make the others useless. Spec: udp.md 6.
    fn fragments(
        &mut self,
        channel: u8,
        delivery: Delivery,
        message: &[u8],
        limit: usize,
        pool: &mut Pool,
    ) -> Result<(), SendError> {
        let reserved = self.reserved;
        let Some(to) = self.data.get_mut(usize::from(channel)) else {
            return Err(SendError::Channel(channel));
        };
        let (kind, flags, counter) = match delivery {
            Delivery::Reliable | Delivery::Unreliable => {
                (kind::FRAGMENT, FLAG_RELIABLE, &mut to.next_rseq)
            }
            Delivery::ReliableUnsequenced | Delivery::UnreliableUnsequenced => (
                kind::FRAGMENT_UNSEQUENCED,
                FLAG_RELIABLE | FLAG_UNSEQUENCED,
                &mut to.next_unsequenced,
            ),
        };
        let Ok(total) = u32::try_from(message.len()) else {
            // The header has 32 bits for the length. Spec: udp.md 6.
            let max_bytes = u32::MAX as usize;
            return Err(SendError::TooLong { max_bytes });
        };
        let count = message.len().div_ceil(limit) as u32;
        let start = take_numbers(counter, count)?;
        let mut offset = 0_u32;
        for (number, part) in (0_u32..).zip(message.chunks(limit)) {
            let mut bytes = pool.buffer(command::FRAGMENT_HEADER_BYTES + part.len());
            bytes.resize(command::HEADER_BYTES, 0);
            for field in [start, count, number, total, offset] {
                bytes.extend_from_slice(&field.to_be_bytes());
            }
            bytes.extend_from_slice(part);
            put_header(
                &mut bytes,
                Header {
                    kind,
                    channel,
                    flags,
                    reserved,
                    rseq: start + number,
                },
            );
            offset += part.len() as u32;
            self.queued += 1;
            self.bytes += bytes.len();
            to.queue.push_back(bytes);
        }
        debug_assert_eq!(offset, total, "the fragments make up the message");
        Ok(())
    }
}

/// Takes `count` sequence numbers and returns the first.
fn take_numbers(counter: &mut u32, count: u32) -> Result<u32, SendError> {
    let first = *counter;
    match first.checked_add(count) {
        Some(after) if after <= LAST_NUMBER => {
            *counter = after;
            Ok(first)
        }
        _ => Err(SendError::NumbersExhausted),
    }
}

fn put_header(command: &mut [u8], header: Header) {
    let size = command.len();
    let Some(place) = command.first_chunk_mut() else {
        debug_assert!(false, "the buffer was made for a header");
        return;
    };
    *place = header.bytes(size);
}

/// Writes the number that follows the header of an unreliable command.
fn put_number(command: &mut [u8], number: u32) {
    let place = command
        .get_mut(command::HEADER_BYTES..)
        .and_then(<[u8]>::first_chunk_mut);
    let Some(place) = place else {
        debug_assert!(false, "the buffer was made for a header with a number");
        return;
    };
    *place = number.to_be_bytes();
}
