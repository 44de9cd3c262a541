//! What tests expect of what has come, and of calls that are refused.

use super::{FRONT_END, Rig, Seen, Sent};
use chat_core::{ChatClient, DisconnectCause, Event, LinkCommand, LinkId, RequestError, State, Stats, Target, Wire};
use photon_proto::{Timestamp, Value};
use std::mem;

impl Rig {
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        mem::take(&mut self.events)
    }

    /// Exactly these events have come since the last look, in this order.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &[Seen]) {
        let seen: Vec<Seen> = self.take_events().iter().map(Seen::from).collect();
        assert_eq!(seen, expected);
    }

    /// No event, no request and no command has come since the last look.
    #[track_caller]
    pub(crate) fn expect_nothing(&mut self) {
        self.expect(&[]);
        self.expect_no_request();
        self.expect_no_command();
    }

    /// The last `Error` event: its documented number, cause and words.
    #[track_caller]
    pub(crate) fn error(&self) -> (i32, &DisconnectCause, &str) {
        let (code, cause, message) = self.error.as_ref().expect("there was an error");
        (code.code(), cause, message)
    }

    /// The server of the last link has received this operation, complete, and nothing else; order of parameters apart.
    #[track_caller]
    pub(crate) fn expect_request(&mut self, code: u8, encrypted: bool, parameters: &[(u8, Value)]) -> Sent {
        let sent = self.server().requests.pop_front().expect("a request");
        let mut expected = parameters.to_vec();
        expected.sort_by_key(|(key, _)| *key);
        assert_eq!((sent.code, &sent.parameters), (code, &expected));
        assert_eq!(sent.encrypted, encrypted, "encryption flag of operation {code}");
        // wire.md 6.1: channel 0, reliable.
        assert_eq!((sent.channel, sent.delivery), (0, 1));
        self.expect_no_request();
        sent
    }

    #[track_caller]
    pub(crate) fn expect_no_request(&self) {
        for link in &self.links {
            assert!(link.requests.is_empty(), "unexpected: {:?}", link.requests);
        }
    }

    #[track_caller]
    pub(crate) fn expect_no_command(&self) {
        assert!(self.commands.is_empty(), "unexpected: {:?}", self.commands);
    }

    /// The next command opens a link to this address.
    #[track_caller]
    pub(crate) fn expect_open(&mut self, host: &str, port: u16) -> LinkId {
        match self.commands.pop_front() {
            Some(LinkCommand::Open { link, target, wire: Wire::Stream }) => {
                assert_eq!(target, Target { host: host.into(), port, path: "".into() });
                link
            }
            other => panic!("no open command but {other:?}"),
        }
    }

    /// The open command of the front end was taken before: its link.
    #[track_caller]
    pub(crate) fn front_end(&mut self) -> LinkId {
        assert_eq!(self.server().target.to_string(), FRONT_END);
        self.link()
    }

    /// The next command closes this link.
    #[track_caller]
    pub(crate) fn expect_close(&mut self, link: LinkId) {
        assert_eq!(self.commands.pop_front(), Some(LinkCommand::Close { link }));
    }

    /// A call that has to be refused, and after which nothing may have changed: no byte, no event, no command, no
    /// deadline, no state.
    #[track_caller]
    pub(crate) fn refused<T: std::fmt::Debug>(
        &mut self,
        call: impl FnOnce(&mut ChatClient) -> Result<T, RequestError>,
    ) -> RequestError {
        let before = self.snapshot();
        let error = call(&mut self.client).expect_err("must be refused");
        assert_eq!(self.snapshot(), before, "after {error:?}");
        let events = self.events.len();
        let requests: Vec<usize> = self.links.iter().map(|link| link.requests.len()).collect();
        self.pump();
        assert_eq!(self.events.len(), events, "an event after {error:?}");
        assert_eq!(self.links.iter().map(|link| link.requests.len()).collect::<Vec<_>>(), requests);
        assert_eq!(self.snapshot(), before, "after {error:?} and a turn of the driver");
        error
    }

    fn snapshot(&mut self) -> Snapshot {
        assert_eq!(self.client.poll_command(), None, "pump first");
        let now = self.now;
        Snapshot {
            state: self.client.state(),
            timeout: self.client.poll_timeout(),
            queued_events: self.client.queued_events(),
            buffered_bytes: self.client.buffered_bytes(),
            stats: self.client.stats(),
            user_id: self.client.user_id().to_string(),
            channels: self.client.public_channels().map(|channel| channel.name().to_string()).collect(),
            unsent: self
                .links
                .iter()
                .map(|link| self.client.transmit(now, link.id).map(<[u8]>::to_vec).unwrap_or_default())
                .collect(),
        }
    }
}

#[derive(Debug, PartialEq)]
struct Snapshot {
    state: State,
    timeout: Option<Timestamp>,
    queued_events: usize,
    buffered_bytes: usize,
    stats: Stats,
    user_id: String,
    channels: Vec<String>,
    unsent: Vec<Vec<u8>>,
}
