//! Any order of calls, any input and any clock keep the contract at the top of the crate.

use chat_core::photon_proto::message::MessageWriter;
use chat_core::photon_proto::tcp::{self, Delivery};
use chat_core::{
    ChatClient, ChatConfig, ConnectOptions, Encryption, Event, Limits, LinkCommand, LinkError, LinkErrorKind, LinkId,
    LinkInput, PrivateOptions, Protocol, PublishOptions, RequestId, State, SubscribeOptions, Timestamp,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// One step of a script: an intent, an input, or a turn of the driver.
#[derive(Clone, Debug)]
enum Step {
    Connect {
        region: bool,
    },
    Region,
    Disconnect,
    GetRegions,
    Subscribe(Vec<&'static str>),
    Unsubscribe(Vec<&'static str>),
    Publish {
        channel: &'static str,
        bytes: usize,
    },
    Private {
        user: &'static str,
        encrypt: bool,
    },
    SetUserId,
    Clear,
    Opened,
    Received(Input),
    Closed,
    Failed(bool),
    /// Input for a link that is retired or never was.
    Late(u64),
    Service {
        ms: u64,
    },
    /// A clock that jumps, also back.
    Jump(u64),
    Transmit {
        most: usize,
    },
    TransmittedTooMuch,
    Commands,
    Events(usize),
    /// Service until it has no more to do, and a full drain.
    Turn {
        ms: u64,
    },
}

#[derive(Clone, Debug)]
enum Input {
    InitResponse,
    Login { code: i16, address: bool, token: bool },
    Regions { code: i16, same: bool },
    Subscribed { channels: Vec<&'static str>, yes: bool },
    Unsubscribed(Vec<&'static str>),
    Messages { channel: &'static str, lines: usize, id: i32 },
    Private { sender: &'static str },
    Response { code: u8, return_code: i16 },
    Unknown(u8),
    Disconnect,
    Garbage(Vec<u8>),
    Framed(Vec<u8>),
}

const NAMES: [&str; 5] = ["a", "b", "general", "ünï", ""];

fn names() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(&NAMES[..]), 0..5)
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES[..])
}

fn input() -> impl Strategy<Value = Input> {
    let code = || prop_oneof![3 => Just(0_i16), 1 => Just(32767), 1 => Just(-3)];
    prop_oneof![
        6 => Just(Input::InitResponse),
        6 => (code(), prop::bool::weighted(0.9), prop::bool::weighted(0.9))
            .prop_map(|(code, address, token)| Input::Login { code, address, token }),
        2 => (code(), any::<bool>()).prop_map(|(code, same)| Input::Regions { code, same }),
        4 => (names(), prop::bool::weighted(0.8)).prop_map(|(channels, yes)| Input::Subscribed { channels, yes }),
        2 => names().prop_map(Input::Unsubscribed),
        4 => (name(), 0..5_usize, any::<i32>()).prop_map(|(channel, lines, id)| Input::Messages { channel, lines, id }),
        2 => name().prop_map(|sender| Input::Private { sender }),
        3 => (0..10_u8, code()).prop_map(|(code, return_code)| Input::Response { code, return_code }),
        1 => any::<u8>().prop_map(Input::Unknown),
        1 => Just(Input::Disconnect),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Input::Garbage),
        2 => prop::collection::vec(any::<u8>(), 2..40).prop_map(Input::Framed),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(|region| Step::Connect { region }),
        2 => Just(Step::Region),
        1 => Just(Step::Disconnect),
        2 => Just(Step::GetRegions),
        4 => names().prop_map(Step::Subscribe),
        3 => names().prop_map(Step::Unsubscribe),
        2 => (name(), prop_oneof![Just(3_usize), Just(40_000), Just(600_000)])
            .prop_map(|(channel, bytes)| Step::Publish { channel, bytes }),
        2 => (name(), any::<bool>()).prop_map(|(user, encrypt)| Step::Private { user, encrypt }),
        1 => Just(Step::SetUserId),
        1 => Just(Step::Clear),
        8 => Just(Step::Opened),
        24 => input().prop_map(Step::Received),
        1 => Just(Step::Closed),
        1 => any::<bool>().prop_map(Step::Failed),
        1 => (0..6_u64).prop_map(Step::Late),
        8 => (0..200_u64).prop_map(|ms| Step::Service { ms }),
        1 => prop_oneof![Just(0_u64), Just(20_000), Just(u64::MAX)].prop_map(Step::Jump),
        3 => (0..100_usize).prop_map(|most| Step::Transmit { most }),
        1 => Just(Step::TransmittedTooMuch),
        4 => Just(Step::Commands),
        2 => (0..4_usize).prop_map(Step::Events),
        12 => prop_oneof![Just(0_u64), 1..500_u64, 500..4_000_u64].prop_map(|ms| Step::Turn { ms }),
    ]
}

fn encode(input: &Input, protocol: Protocol) -> Vec<u8> {
    let mut out = Vec::new();
    if let Input::Garbage(bytes) = input {
        return bytes.clone();
    }
    let start = tcp::begin_frame(&mut out, 0, Delivery::Reliable);
    let limits = &Limits::DEFAULT;
    let written = (|| {
        match input {
            Input::InitResponse => out.extend_from_slice(&[0xF3, 1, 0]),
            Input::Framed(bytes) => out.extend_from_slice(bytes),
            Input::Garbage(_) => {}
            Input::Login { code, address, token } => {
                let mut answer = MessageWriter::response(&mut out, protocol, limits, 230, *code, None)?;
                if *address {
                    answer.put(230, "127.0.0.1:5")?;
                }
                if *token {
                    answer.put(221, "token")?;
                }
                answer.finish()?;
            }
            Input::Regions { code, same } => {
                let mut answer = MessageWriter::response(&mut out, protocol, limits, 220, *code, Some("regions"))?;
                answer.put_with(210, |out| out.strings(["eu", "us"].iter()))?;
                answer.put_with(230, |out| out.strings(["x", "y"].iter().take(if *same { 2 } else { 1 })))?;
                answer.finish()?;
            }
            Input::Subscribed { channels, yes } => {
                let mut event = MessageWriter::event(&mut out, protocol, limits, 5)?;
                event.put_with(0, |out| out.strings(channels.iter()))?;
                event.put_with(15, |out| out.bools(&vec![*yes; channels.len()]))?;
                event.finish()?;
            }
            Input::Unsubscribed(channels) => {
                let mut event = MessageWriter::event(&mut out, protocol, limits, 6)?;
                event.put_with(0, |out| out.strings(channels.iter()))?;
                event.finish()?;
            }
            Input::Messages { channel, lines, id } => {
                let mut event = MessageWriter::event(&mut out, protocol, limits, 0)?;
                event.put(1, *channel)?;
                event.put_with(4, |out| out.strings((0..*lines).map(|_| "bob")))?;
                event.put_with(2, |out| out.objects((0..*lines).map(|_| "hello")))?;
                event.put(8, id)?;
                event.finish()?;
            }
            Input::Private { sender } => {
                let mut event = MessageWriter::event(&mut out, protocol, limits, 2)?;
                event.put(5, *sender)?;
                event.put(3, &7)?;
                event.finish()?;
            }
            Input::Response { code, return_code } => {
                MessageWriter::response(&mut out, protocol, limits, *code, *return_code, Some("no"))?.finish()?;
            }
            Input::Unknown(code) => MessageWriter::event(&mut out, protocol, limits, *code)?.finish()?,
            Input::Disconnect => {
                MessageWriter::disconnect(&mut out, protocol, limits, 3, Some("bye"))?.finish()?;
            }
        }
        Ok::<(), chat_core::EncodeError>(())
    })();
    written.expect("a small message");
    tcp::end_frame(&mut out, start);
    out
}

/// A client, what its driver knows, and what has been promised.
struct World {
    chat: ChatClient,
    protocol: Protocol,
    now: Timestamp,
    links: BTreeSet<LinkId>,
    newest: Option<LinkId>,
    opened_ever: BTreeSet<LinkId>,
    /// State as the events tell it.
    told: State,
    error_due: bool,
    open: BTreeMap<RequestId, BTreeSet<String>>,
    regions_asked: usize,
    regions_told: usize,
}

impl World {
    fn new(protocol: Protocol, encryption: Encryption) -> Self {
        let config = ChatConfig::new("tcp://127.0.0.1:1", "app", "1")
            .user_id("me")
            .protocol(protocol)
            .encryption(encryption)
            .outgoing_cap_bytes(100_000)
            .channel_cache_messages(3)
            .cache_cap_bytes(2_000)
            .max_messages_per_service(3);
        Self {
            chat: ChatClient::new(config, [9; 32]),
            protocol,
            now: Timestamp::ZERO,
            links: BTreeSet::new(),
            newest: None,
            opened_ever: BTreeSet::new(),
            told: State::Uninitialized,
            error_due: false,
            open: BTreeMap::new(),
            regions_asked: 0,
            regions_told: 0,
        }
    }

    fn event(&mut self, event: &Event) {
        if self.error_due {
            assert!(matches!(event, Event::Error { .. }), "{event:?} where the error should be");
        }
        match event {
            Event::StateChanged { from, to } => {
                assert_eq!(*from, self.told, "a state was skipped");
                assert_ne!(from, to);
                if matches!(to, State::Error | State::Disconnected) {
                    assert!(self.open.is_empty(), "requests without an outcome at the end: {:?}", self.open);
                }
                self.told = *to;
                self.error_due = *to == State::Error;
            }
            Event::Error { code, cause, .. } => {
                assert!(self.error_due, "an error without the state");
                assert_ne!(code.code(), 0);
                assert!(cause.earlier.is_empty());
                self.error_due = false;
            }
            Event::RegionsResult(_) => {
                self.regions_told += 1;
                assert!(self.regions_told <= self.regions_asked);
            }
            Event::SubscribeResult(outcomes) | Event::UnsubscribeResult(outcomes) => {
                for outcome in outcomes {
                    if let Some(request) = outcome.request {
                        let names = self.open.get_mut(&request).expect("an outcome of an open request");
                        assert!(names.remove(outcome.channel.as_str()), "settled twice: {outcome:?}");
                        if names.is_empty() {
                            self.open.remove(&request);
                        }
                    }
                }
            }
            Event::ChatMessages { messages, .. } => {
                assert!(self.told == State::ConnectedToFrontEnd, "messages in {:?}", self.told);
                assert!(!messages.is_empty());
            }
            _ => {}
        }
    }

    fn events(&mut self, most: usize) {
        for _ in 0..most {
            let Some(event) = self.chat.poll_event() else { break };
            self.event(&event);
        }
    }

    fn commands(&mut self) {
        while let Some(command) = self.chat.poll_command() {
            match command {
                LinkCommand::Open { link, target, .. } => {
                    assert!(self.opened_ever.insert(link), "a link was reused");
                    assert!(target.port > 0);
                    self.links.insert(link);
                    self.newest = Some(link);
                }
                LinkCommand::Close { link } => assert!(self.links.remove(&link), "closed a link that is not there"),
            }
        }
    }

    fn transmit(&mut self, most: usize) {
        for link in self.links.clone() {
            let Some(bytes) = self.chat.transmit(self.now, link) else { continue };
            assert!(!bytes.is_empty());
            let (first, count) = (bytes.to_vec(), bytes.len().min(most));
            assert_eq!(self.chat.transmit(self.now, link), Some(first.as_slice()), "not the same bytes again");
            self.chat.transmitted(link, count);
        }
    }

    fn turn(&mut self) {
        for _ in 0..1_000 {
            let serviced = self.chat.service(self.now);
            self.events(usize::MAX);
            self.transmit(usize::MAX);
            self.commands();
            if !serviced.more {
                let deadline = self.chat.poll_timeout();
                assert!(
                    self.now == Timestamp::MAX || deadline.is_none_or(|at| at > self.now),
                    "a busy deadline: {deadline:?} at {:?}",
                    self.now
                );
                return;
            }
        }
        panic!("service never has enough");
    }

    /// An intent: after an error nothing has changed.
    fn intent<T>(&mut self, call: impl FnOnce(&mut ChatClient) -> Result<T, chat_core::RequestError>) -> Option<T> {
        let before =
            (self.chat.state(), self.chat.queued_events(), self.chat.buffered_bytes(), self.chat.poll_timeout());
        let result = call(&mut self.chat);
        if result.is_err() {
            let after =
                (self.chat.state(), self.chat.queued_events(), self.chat.buffered_bytes(), self.chat.poll_timeout());
            assert_eq!(before, after, "changed after Err");
        }
        result.ok()
    }

    fn request(&mut self, names: &[&str], id: Option<RequestId>) {
        if let Some(id) = id {
            let names = names.iter().map(|&name| name.to_owned()).collect();
            assert!(self.open.insert(id, names).is_none(), "a request id was reused");
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Connect { region } => {
                let options = if *region { ConnectOptions::new().region("eu") } else { ConnectOptions::new() };
                self.intent(|chat| chat.connect_to_name_server(options));
            }
            Step::Region => drop(self.intent(|chat| chat.connect_to_region_front_end("us"))),
            Step::Disconnect => self.chat.disconnect(),
            Step::GetRegions => {
                self.regions_asked += 1;
                self.chat.get_regions();
            }
            Step::Subscribe(names) => {
                let id = self.intent(|chat| chat.subscribe(names, &SubscribeOptions::new().history(-1)));
                self.request(names, id);
            }
            Step::Unsubscribe(names) => {
                let id = self.intent(|chat| chat.unsubscribe(names));
                self.request(names, id);
            }
            Step::Publish { channel, bytes } => {
                let content = vec![7_u8; *bytes];
                self.intent(|chat| chat.publish_message(channel, &content, &PublishOptions::new()));
            }
            Step::Private { user, encrypt } => {
                let options = PrivateOptions::new().encrypt(*encrypt);
                self.intent(|chat| chat.send_private_message(user, "psst", &options));
            }
            Step::SetUserId => drop(self.intent(|chat| chat.set_user_id("me"))),
            Step::Clear => {
                self.chat.clear_messages("a");
                self.chat.clear_private_messages("b");
            }
            Step::Opened => self.input(LinkInput::Opened { ipv6: false }),
            Step::Received(input) => {
                let bytes = encode(input, self.protocol);
                self.input(LinkInput::Received(&bytes));
            }
            Step::Closed => self.input(LinkInput::Closed),
            Step::Failed(reset) => {
                let kind = if *reset { LinkErrorKind::Reset } else { LinkErrorKind::Io };
                self.input(LinkInput::Failed(LinkError::new(kind, "broken")));
            }
            Step::Late(number) => {
                let late = self.opened_ever.iter().copied().find(|link| link.number() == *number);
                if let Some(link) = late.filter(|link| !self.links.contains(link)) {
                    self.chat.handle_link(self.now, link, LinkInput::Received(&[0; 9]));
                    self.chat.handle_link(self.now, link, LinkInput::Closed);
                }
            }
            Step::Service { ms } => {
                self.now = self.now.plus_millis(*ms);
                let _serviced = self.chat.service(self.now);
            }
            Step::Jump(ms) => {
                let _serviced = self.chat.service(Timestamp::from_millis(*ms));
                self.now = self.now.max(Timestamp::from_millis(*ms));
            }
            Step::Transmit { most } => self.transmit(*most),
            Step::TransmittedTooMuch => {
                if let Some(link) = self.newest {
                    self.chat.transmitted(link, usize::MAX);
                }
            }
            Step::Commands => self.commands(),
            Step::Events(most) => self.events(*most),
            Step::Turn { ms } => {
                self.now = self.now.plus_millis(*ms);
                self.turn();
            }
        }
        // Outgoing and incoming caps, the messages above the caps included.
        assert!(self.chat.buffered_bytes() <= 9 * 100_600 + 4 * 1024 * 1024 + 64 * 1024);
        assert!(self.chat.stats().cached_bytes <= 2_000);
    }

    fn input(&mut self, input: LinkInput<'_>) {
        let Some(link) = self.newest.filter(|link| self.links.contains(link)) else { return };
        if matches!(input, LinkInput::Closed | LinkInput::Failed(_)) {
            self.links.remove(&link);
        }
        self.chat.handle_link(self.now, link, input);
    }

    /// Everything that was asked has its outcome in the end.
    fn finish(mut self) {
        self.chat.disconnect();
        self.events(usize::MAX);
        assert!(!self.error_due, "the error never came");
        assert!(self.open.is_empty(), "requests without an outcome: {:?}", self.open);
        assert_eq!(self.regions_asked, self.regions_told);
        assert_eq!(self.told, self.chat.state());
        self.now = self.now.plus_millis(2_000);
        self.turn();
        assert!(self.links.is_empty(), "links left open: {:?}", self.links);
        assert_eq!((self.chat.buffered_bytes(), self.chat.poll_timeout()), (0, None));
    }
}

/// How an application gets from nothing to the front end, so that scripts reach what is behind it.
fn connect_quickly() -> Vec<Step> {
    let login = Step::Received(Input::Login { code: 0, address: true, token: true });
    let server = || [Step::Commands, Step::Opened, Step::Received(Input::InitResponse), Step::Turn { ms: 1 }];
    let mut steps = vec![Step::Connect { region: true }];
    steps.extend(server());
    steps.extend([login.clone(), Step::Turn { ms: 1 }]);
    steps.extend(server());
    steps.extend([login, Step::Turn { ms: 1 }]);
    steps
}

/// 3,000 scripts, or as many as `PROPTEST_CASES` says.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_calls_keeps_the_contract(
        v18 in any::<bool>(),
        encrypted in prop::bool::weighted(0.3),
        connected in prop::bool::weighted(0.7),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let encryption = if encrypted { Encryption::On } else { Encryption::Off };
        let mut world = World::new(if v18 { Protocol::V18 } else { Protocol::V16 }, encryption);
        if connected {
            for step in connect_quickly() {
                world.step(&step);
            }
        }
        for step in &steps {
            world.step(step);
        }
        world.finish();
    }
}

#[test]
fn the_quick_connect_gets_to_the_front_end() {
    let mut world = World::new(Protocol::V18, Encryption::Off);
    for step in connect_quickly() {
        world.step(&step);
    }
    assert_eq!(world.chat.state(), State::ConnectedToFrontEnd);
}

#[test]
fn the_same_seed_and_calls_give_the_same_bytes() {
    let bytes = || {
        let mut world = World::new(Protocol::V16, Encryption::On);
        for step in [Step::Connect { region: true }, Step::Commands, Step::Opened, Step::Received(Input::InitResponse)]
        {
            world.step(&step);
        }
        let _serviced = world.chat.service(Timestamp::from_millis(5));
        let link = world.newest.expect("a link");
        world.chat.transmit(Timestamp::from_millis(5), link).map(<[u8]>::to_vec)
    };
    let first = bytes().expect("init, ping and key");
    assert!(first.len() > 100);
    assert_eq!(Some(first), bytes());
}
