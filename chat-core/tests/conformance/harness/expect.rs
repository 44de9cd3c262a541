//! The expectations of tests: events, requests, commands, datagrams, and rejected calls.

use super::datagram::SentDatagram;
use super::json;
use super::{FRONT_END, Harness, Received, Seen, Sent};
use chat_core::{
    ChatClient, DisconnectCause, Event, LinkCommand, LinkId, RequestError, State, Stats, Target,
    Wire,
};
use photon_proto::{Timestamp, Value};
use std::mem;

/// Nothing happens until one millisecond before this time; then the expected events come.
#[track_caller]
pub(crate) fn exactly_after_ms(harness: &mut Harness, ms: u64, expected: &[Seen]) {
    harness.advance_ms(ms - 1);
    harness.expect(&[]);
    harness.advance_ms(1);
    harness.expect(expected);
}

/// The events of an end with this code, without open requests.
pub(crate) fn error(code: i32) -> [Seen; 2] {
    [Seen::State(State::Error), Seen::Error(code)]
}

impl Harness {
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        mem::take(&mut self.events)
    }

    /// Asserts that exactly these events came since the last check, in this order.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &[Seen]) {
        let seen: Vec<Seen> = self.take_events().iter().map(Seen::from).collect();
        if self.row.json {
            let expected: Vec<Seen> = expected.iter().map(Seen::in_json).collect();
            assert_eq!(seen, expected);
        } else {
            assert_eq!(seen, expected);
        }
    }

    /// Asserts that no event, request or command came since the last check.
    #[track_caller]
    pub(crate) fn expect_nothing(&mut self) {
        self.expect(&[]);
        self.expect_no_request();
        self.expect_no_command();
    }

    /// Asserts that nothing happens for an hour, and that the client holds neither a deadline nor bytes.
    #[track_caller]
    pub(crate) fn expect_rest(&mut self) {
        let now = self.now;
        self.advance_ms(3_600_000);
        self.expect_nothing();
        self.expect_datagrams(now, &[]);
        let held = (self.client.poll_timeout(), self.client.buffered_bytes());
        assert_eq!(held, (None, 0));
    }

    /// The last `Error` event: its documented number, cause and text.
    #[track_caller]
    pub(crate) fn error(&self) -> (i32, &DisconnectCause, &str) {
        let (code, cause, message) = self.error.as_ref().expect("there was an error");
        (code.code(), cause, message)
    }

    /// Asserts that the server of the last link received exactly this operation, in any order of
    /// parameters.
    #[track_caller]
    pub(crate) fn expect_request(
        &mut self,
        code: u8,
        encrypted: bool,
        parameters: &[(u8, Value)],
    ) -> Sent {
        let sent = self.server().requests.pop_front().expect("a request");
        let mut expected = if self.row.json {
            json::sorted(parameters)
        } else {
            parameters.to_vec()
        };
        expected.sort_by_key(|(key, _)| *key);
        assert_eq!((sent.code, &sent.parameters), (code, &expected));
        // wire.md 7.1: over a transport that encrypts, messages are not encrypted.
        let encrypted = encrypted && self.row.exchanges_keys();
        assert_eq!(
            sent.encrypted, encrypted,
            "encryption flag of operation {code}"
        );
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

    /// Asserts that the server received exactly these, in this order, except those that the row
    /// does not have.
    #[track_caller]
    pub(crate) fn expect_received(&mut self, expected: &[Received]) {
        let over = self.row;
        let there_is = |came: &Received| match came {
            Received::Init => over.has_init(),
            Received::Ping => !over.is_datagrams(),
            Received::Key => over.exchanges_keys(),
            Received::Request(_) => true,
        };
        let mut expected: Vec<Received> = expected.iter().copied().filter(there_is).collect();
        let mut came = self.server().received.clone();
        if over.json {
            // In JSON pings are sent only without other traffic. wire.md 7.2.
            expected.retain(|came| *came != Received::Ping);
            came.retain(|came| *came != Received::Ping);
        }
        assert_eq!(came, expected);
    }

    /// Asserts that the next command opens a link to this address.
    #[track_caller]
    pub(crate) fn expect_open(&mut self, host: &str, port: u16) -> LinkId {
        self.expect_open_over(self.row.wire(), host, port)
    }

    #[track_caller]
    pub(crate) fn expect_open_over(&mut self, over: Wire, host: &str, port: u16) -> LinkId {
        match self.commands.pop_front() {
            Some(LinkCommand::Open { link, target, wire }) => {
                // `ServerLink::new` checks the path: it stands for the init message of the link.
                let path = if matches!(over, Wire::WebSocket { .. }) {
                    target.path.clone()
                } else {
                    "".into()
                };
                assert_eq!(
                    (target, wire),
                    (
                        Target {
                            host: host.into(),
                            port,
                            path
                        },
                        over
                    )
                );
                link
            }
            other => panic!("expected an open command, found {other:?}"),
        }
    }

    /// Asserts that the next commands open a link and close the previous one. Over datagrams the
    /// previous link is closed after its server acknowledged the disconnect.
    #[track_caller]
    pub(crate) fn expect_move(&mut self, before: LinkId, host: &str, port: u16) -> LinkId {
        if !self.row.is_datagrams() {
            self.expect_close(before);
        }
        let opened = self.expect_open(host, port);
        if self.row.is_datagrams() {
            self.expect_close(before);
        }
        opened
    }

    /// The link to the front end, whose open command was taken before.
    #[track_caller]
    pub(crate) fn front_end(&mut self) -> LinkId {
        assert_eq!(self.server().target.to_string(), FRONT_END);
        self.link()
    }

    /// Asserts that the next command closes this link.
    #[track_caller]
    pub(crate) fn expect_close(&mut self, link: LinkId) {
        assert_eq!(self.commands.pop_front(), Some(LinkCommand::Close { link }));
    }

    /// Asserts that exactly these datagrams came from the client over the last link since the last
    /// check, each with its time in milliseconds after `since`.
    #[track_caller]
    pub(crate) fn expect_datagrams(&mut self, since: Timestamp, expected: &[(u64, &str)]) {
        let link = self.link();
        self.expect_datagrams_on(link, since, expected);
    }

    #[track_caller]
    pub(crate) fn expect_datagrams_on(
        &mut self,
        link: LinkId,
        since: Timestamp,
        expected: &[(u64, &str)],
    ) {
        let sent_datagrams = self.sent_datagrams(link);
        let sent_datagrams: Vec<_> = sent_datagrams
            .iter()
            .map(|one| (one.at_ms - since.as_millis(), one.names()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(ms, names)| (*ms, (*names).to_owned()))
            .collect();
        assert_eq!(sent_datagrams, expected);
    }

    /// Takes the datagrams that came from the client since the last check.
    #[track_caller]
    pub(crate) fn sent_datagrams(&mut self, link: LinkId) -> Vec<SentDatagram> {
        let known = self
            .links
            .iter_mut()
            .find(|known| known.id == link)
            .expect("a link that was opened");
        mem::take(&mut known.udp().sent_datagrams)
    }

    /// The times, in milliseconds after `since`, at which the client sent a command of this kind
    /// since the last check.
    #[track_caller]
    pub(crate) fn times_sent(&mut self, link: LinkId, kind: u8, since: Timestamp) -> Vec<u64> {
        let sent_datagrams = self.sent_datagrams(link);
        sent_datagrams
            .iter()
            .filter(|one| one.has(kind))
            .map(|one| one.at_ms - since.as_millis())
            .collect()
    }

    /// Asserts that the client rejects a call, and that nothing has changed: no byte, event,
    /// command, deadline or state.
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
        assert_eq!(
            self.links
                .iter()
                .map(|link| link.requests.len())
                .collect::<Vec<_>>(),
            requests
        );
        assert_eq!(
            self.snapshot(),
            before,
            "after {error:?} and a turn of the driver"
        );
        error
    }

    fn snapshot(&mut self) -> Snapshot {
        assert_eq!(self.client.poll_command(), None, "pump first");
        let now = self.now;
        // Pull now what is queued: a datagram that was built once is only restamped later, so two
        // snapshots are comparable.
        for link in &self.links {
            let _built = self.client.transmit(now, link.id);
        }
        Snapshot {
            state: self.client.state(),
            timeout: self.client.poll_timeout(),
            queued_events: self.client.queued_events(),
            buffered_bytes: self.client.buffered_bytes(),
            stats: self.client.stats(),
            user_id: self.client.user_id().to_string(),
            channels: self
                .client
                .public_channels()
                .map(|channel| channel.name().to_string())
                .collect(),
            unsent: self
                .links
                .iter()
                .map(|link| {
                    self.client
                        .transmit(now, link.id)
                        .map(<[u8]>::to_vec)
                        .unwrap_or_default()
                })
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
