//! Counting messages, which may have several commands, at the end of a connection.

use super::{Channel, FIRST_NUMBER, Sender};
use crate::udp::command::kind;

impl Sender {
    /// The number of the next reliable message of a channel.
    pub(crate) fn next_number(&self, channel: u8) -> u32 {
        let channel = self.data.get(usize::from(channel));
        channel.map_or(FIRST_NUMBER, |channel| channel.next_rseq)
    }

    /// Excludes the reliable message with this first number from the count.
    pub(crate) fn exclude(&mut self, channel: u8, first: u32) {
        if let Some(channel) = self.data.get_mut(usize::from(channel)) {
            let base = channel.sequenced.base();
            channel.excluded.retain(|number| *number >= base);
            channel.excluded.push(first);
        }
    }

    /// The number of messages that are unsent or unacknowledged. Walks over them: it is asked for
    /// once, at the end, so that messages cost nothing before.
    pub(crate) fn unacknowledged_messages(&self) -> u64 {
        self.data.iter().map(Channel::unacknowledged_messages).sum()
    }
}

impl Channel {
    fn unacknowledged_messages(&self) -> u64 {
        let in_flight = self.sequenced.commands().chain(self.unsequenced.commands());
        let commands = in_flight
            .map(|command| &command.bytes)
            .chain(&self.queue)
            .filter_map(|bytes| Some((*bytes.first()?, bytes)));
        let number_at = |bytes: &[u8], at: usize| {
            let number = bytes.get(at..)?.first_chunk()?;
            Some(u32::from_be_bytes(*number))
        };
        let (mut count, mut last_sequenced, mut last_unsequenced) = (0, None, None);
        for (kind, bytes) in commands {
            // Fragments of one message follow each other, and begin with the same number.
            let (first, last) = match kind {
                kind::FRAGMENT => (number_at(bytes, 12), Some(&mut last_sequenced)),
                kind::FRAGMENT_UNSEQUENCED => (number_at(bytes, 12), Some(&mut last_unsequenced)),
                _ => (number_at(bytes, 8), None),
            };
            let repeats = last.is_some_and(|last| core::mem::replace(last, first) == first);
            let excluded = matches!(kind, kind::RELIABLE | kind::FRAGMENT)
                && first.is_some_and(|first| self.excluded.contains(&first));
            count += u64::from(!repeats && !excluded);
        }
        count
    }
}
