//! [`Expectations`]: the messages that one honest end has sent, and which of them may arrive at the
//! other end, in which order and how often.

use photon_proto::udp::{Delivery, Message};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The bytes of a message that identify it.
const ID_BYTES: usize = 4;

#[derive(Debug)]
struct Sent {
    channel: u8,
    promise: Promise,
    length: usize,
    /// The number of messages with [`Promise::InOrder`] before it on its channel.
    after: usize,
}

/// The promise of a delivery. Messages that do not fit into one datagram are sent as fragments, which
/// are reliable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    /// Once and in order.
    InOrder,
    /// Once.
    Once,
    /// At most once, between the reliable messages before and after it.
    AtMostOnceInOrder,
    /// At most once.
    AtMostOnce,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    sent: Vec<Sent>,
    /// By channel: those with [`Promise::InOrder`] that have not arrived; the number of those that have;
    /// the last unreliable one.
    in_order: BTreeMap<u8, VecDeque<u32>>,
    arrived: BTreeMap<u8, usize>,
    last_unreliable: BTreeMap<u8, u32>,
    once: BTreeSet<u32>,
    /// Unreliable ones that have not arrived.
    unreliable: BTreeSet<u32>,
}

impl Expectations {
    /// The bytes of the next message. It is expected once it is [`accepted`](Self::accepted).
    pub(super) fn next_message(&self, length: usize) -> Vec<u8> {
        let id = u32::try_from(self.sent.len()).expect("few messages");
        content(id, length)
    }

    /// The end has accepted the message. Messages longer than `limit` are sent as fragments.
    pub(super) fn accepted(
        &mut self,
        channel: u8,
        delivery: Delivery,
        length: usize,
        limit: usize,
    ) {
        let id = u32::try_from(self.sent.len()).expect("few messages");
        let promise = match (delivery, length > limit) {
            (Delivery::Reliable, _) | (Delivery::Unreliable, true) => Promise::InOrder,
            (Delivery::ReliableUnsequenced, _) | (Delivery::UnreliableUnsequenced, true) => {
                Promise::Once
            }
            (Delivery::Unreliable, false) => Promise::AtMostOnceInOrder,
            (Delivery::UnreliableUnsequenced, false) => Promise::AtMostOnce,
        };
        let expected = self.in_order.entry(channel).or_default();
        let after = self.arrived.get(&channel).copied().unwrap_or(0) + expected.len();
        self.sent.push(Sent {
            channel,
            promise,
            length,
            after,
        });
        // Empty messages take a number and do not arrive.
        if length > 0 {
            match promise {
                Promise::InOrder => expected.push_back(id),
                Promise::Once => {
                    self.once.insert(id);
                }
                Promise::AtMostOnceInOrder | Promise::AtMostOnce => {
                    self.unreliable.insert(id);
                }
            }
        }
    }

    /// Checks a message that has arrived.
    pub(super) fn arrived(&mut self, message: &Message) {
        let id = message
            .bytes
            .first_chunk::<ID_BYTES>()
            .map(|id| u32::from_le_bytes(*id))
            .expect("a message with an id");
        let sent = self
            .sent
            .get(id as usize)
            .unwrap_or_else(|| panic!("{id} was never sent"));
        assert_eq!(
            (message.channel, message.bytes.len()),
            (sent.channel, sent.length),
            "message {id}"
        );
        assert_eq!(message.bytes, content(id, sent.length), "message {id}");
        match sent.promise {
            Promise::InOrder => {
                assert_eq!(message.delivery, Delivery::Reliable);
                let expected = self.in_order.entry(sent.channel).or_default().pop_front();
                assert_eq!(Some(id), expected, "out of order, or twice");
                *self.arrived.entry(sent.channel).or_default() += 1;
            }
            Promise::Once => {
                assert_eq!(message.delivery, Delivery::ReliableUnsequenced);
                assert!(self.once.remove(&id), "{id} twice");
            }
            Promise::AtMostOnceInOrder => {
                assert_eq!(message.delivery, Delivery::Unreliable);
                assert!(self.unreliable.remove(&id), "{id} twice");
                let last = self.last_unreliable.insert(sent.channel, id);
                assert!(last < Some(id), "{id} after {last:?}");
                let arrived = self.arrived.get(&sent.channel).copied().unwrap_or(0);
                assert_eq!(
                    arrived, sent.after,
                    "{id} is not between its reliable neighbours"
                );
            }
            Promise::AtMostOnce => {
                assert_eq!(message.delivery, Delivery::UnreliableUnsequenced);
                assert!(self.unreliable.remove(&id), "{id} twice");
            }
        }
    }

    /// Checks that all promised messages have arrived.
    pub(super) fn check_complete(&self) {
        let missing: Vec<u32> = self
            .in_order
            .values()
            .flatten()
            .chain(&self.once)
            .copied()
            .collect();
        assert!(
            missing.is_empty(),
            "lost: {missing:?} of {}",
            self.sent.len()
        );
    }

    pub(super) fn sent(&self) -> usize {
        self.sent.len()
    }
}

/// An id and bytes that no other message has at the same places.
fn content(id: u32, length: usize) -> Vec<u8> {
    let filler = (0_u32..).map(|at| (at.wrapping_mul(31) ^ id).to_le_bytes()[0]);
    id.to_le_bytes()
        .into_iter()
        .chain(filler)
        .take(length)
        .collect()
}
