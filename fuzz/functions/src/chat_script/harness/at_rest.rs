//! Checks for times at which nothing is on its way: after each turn, and at the end.

use super::Harness;
use crate::chat_script::samples::NAMES;
use crate::chat_script::server::ServerLink;
use chat_core::State;
use dev_server::Transport;
use std::collections::BTreeSet;

/// More than the deadlines of a link that sends its last bytes.
const MAX_FLUSHES: usize = 1_000;
/// Longer than a closed link may take to send its last bytes over a stream.
const FLUSH_MS: u64 = 2_000;

impl Harness {
    /// After a turn all events are taken, and all bytes have arrived.
    pub(super) fn check_at_rest(&self) {
        assert_eq!(
            (self.chat.state(), self.chat.queued_events()),
            (self.expectations.state(), 0)
        );
        self.check_arrived();
        self.check_channels();
    }

    fn check_arrived(&self) {
        let Some(link) = self.newest.and_then(|link| self.links.get(&link)) else {
            return;
        };
        let chatting = self.chat.state() == State::ConnectedToFrontEnd;
        let (arrived, accepted) = (link.arrived, self.accepted_on(link));
        // A client that comes back sends more requests by itself.
        let restores = self.setup.restore.is_some();
        assert!(
            arrived <= accepted || restores,
            "{arrived} arrived of {accepted}"
        );
        let all = !link.carrier().is_datagrams() || chatting && link.is_reliable();
        assert!(
            !all || arrived == accepted || restores && arrived > accepted,
            "{arrived} arrived of {accepted}"
        );
        let (stats, sent) = (self.chat.stats().udp, link.sent_messages());
        if let (true, Some(stats), Some(sent)) = (chatting, stats, sent) {
            let received = stats.received_messages;
            assert!(received <= sent, "{received} received of {sent}");
        }
    }

    /// The chat operations that the client has accepted on its newest link, and those that it sent by
    /// itself.
    fn accepted_on(&self, newest: &ServerLink) -> u64 {
        newest.accepted + self.chat.stats().questions - newest.earlier_questions
    }

    fn check_channels(&self) {
        let channels: BTreeSet<&str> = self
            .chat
            .public_channels()
            .map(|channel| channel.name().as_str())
            .collect();
        self.expectations.check_channels(&channels);
        let connected = self.chat.state() == State::ConnectedToFrontEnd;
        for name in NAMES {
            let can = self.chat.can_chat_in_channel(name);
            assert!(
                !can || connected && channels.contains(name),
                "can chat in {name:?}"
            );
        }
        let public = self.chat.public_channels();
        for channel in public.chain(self.chat.private_channels()) {
            assert_eq!(channel.messages().count(), channel.cached_messages());
            assert!(channel.cached_messages() <= self.setup.cache_messages());
        }
    }

    /// Ends the connection: each request has its outcome, no link is left, and all counters of the
    /// client are back at zero.
    pub(in crate::chat_script) fn finish(&mut self) {
        let chatting = self.chat.state() == State::ConnectedToFrontEnd;
        let cut_short = self.chat.stats().closed_with_unsent_data;
        self.chat.disconnect();
        self.take_events(usize::MAX);
        self.expectations.finish();
        assert_eq!(self.expectations.state(), self.chat.state());
        if self.setup.transport() == Transport::Udp {
            self.flush();
            let complete = self.chat.stats().closed_with_unsent_data == cut_short;
            let server = self.closed_newest.as_ref();
            if let Some(server) = server.filter(|server| server.was_closed_by_client()) {
                assert!(
                    !chatting || !complete || server.arrived >= self.accepted_on(server),
                    "lost, and not counted as cut short"
                );
            }
        }
        self.now = self.now.plus_millis(FLUSH_MS);
        self.turn();
        assert!(
            self.links.is_empty(),
            "links left open: {:?}",
            self.links.keys()
        );
        // Channels and their messages outlive the connection, until the application forgets them.
        self.chat.forget_channels();
        assert_eq!(self.chat.check_at_rest(), Ok(()));
    }

    /// Lets the links send their last bytes, as long as that takes.
    fn flush(&mut self) {
        for _ in 0..MAX_FLUSHES {
            self.turn();
            match self.chat.poll_timeout() {
                Some(deadline) => self.now = self.now.max(deadline),
                None => return,
            }
        }
        panic!("a link sends its last bytes for ever");
    }
}
