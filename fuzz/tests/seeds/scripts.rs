//! Scripts made by hand: an ordinary chat, and everything that gets in its way.

use super::transport_scripts;
use photon_fuzz::chat_script::{Op, Say};

// Bits of the first byte.
pub(super) const V18: u8 = 1;
pub(super) const ENCRYPTED: u8 = 2;
pub(super) const AT_NAME_SERVER: u8 = 1 << 2;
pub(super) const AT_FRONT_END: u8 = 2 << 2;
pub(super) const TWO_ADDRESSES: u8 = 16;
pub(super) const TWICE: u8 = 32;
pub(super) const SMALL_MESSAGES: u8 = 64;

// Bits of the fourth byte: over what.
pub(super) const TCP: u8 = 0;
pub(super) const WS: u8 = 1 << 4;
pub(super) const WSS: u8 = 2 << 4;
pub(super) const JSON: u8 = 3 << 4;
pub(super) const UDP: u8 = 4 << 4;
pub(super) const JSON_OVER_WS: u8 = 5 << 4;
pub(super) const OVER: u8 = 7 << 4;
/// Datagrams carry a check sum.
pub(super) const CHECK_SUMS: u8 = 1 << 7;

// Names by number.
pub(super) const A: u8 = 0;
pub(super) const B: u8 = 1;
pub(super) const NOTHING: u8 = 4;
pub(super) const ME: u8 = 5;
pub(super) const BOB: u8 = 6;

// Contents by number.
pub(super) const TEXT: u8 = 0;
pub(super) const SECRET: u8 = 15;

/// 0, and the code of a token that is no longer good.
pub(super) const FINE: u8 = 0;
pub(super) const EXPIRED: u8 = 161;

pub(super) struct Script(pub(super) Vec<u8>);

impl Script {
    /// `first` is the first byte of the setup, `rest` the other three.
    pub(super) fn new(first: u8, rest: [u8; 3]) -> Self {
        Self([&[first], &rest[..]].concat())
    }

    pub(super) fn op(mut self, op: Op, belongings: &[u8]) -> Self {
        self.0.push(op.byte());
        self.0.extend_from_slice(belongings);
        self
    }

    /// The server says something, in clear and in one piece.
    pub(super) fn said(mut self, say: Say, belongings: &[u8]) -> Self {
        self.0.extend_from_slice(&[Op::Received.byte(), say.byte()]);
        self.0.extend_from_slice(belongings);
        self.0.extend_from_slice(&[0, 0]);
        self
    }

    /// The same encrypted, and in two pieces.
    pub(super) fn sealed(mut self, say: Say, belongings: &[u8]) -> Self {
        self.0.extend_from_slice(&[Op::Received.byte(), say.byte()]);
        self.0.extend_from_slice(belongings);
        self.0.extend_from_slice(&[200, 5, 1]);
        self
    }

    /// The same, and what comes of it is lost.
    pub(super) fn lost(mut self, say: Say, belongings: &[u8]) -> Self {
        self.0.extend_from_slice(&[Op::Received.byte(), say.byte()]);
        self.0.extend_from_slice(belongings);
        self.0.extend_from_slice(&[255, 0, 0]);
        self
    }

    fn over(&self) -> u8 {
        self.0[3] & OVER
    }

    pub(super) fn turn(self) -> Self {
        self.op(Op::Turn, &[4])
    }

    /// The link that was ordered is opened and greeted; keys are exchanged if they are.
    pub(super) fn opened(self, encrypted: bool) -> Self {
        let secure = matches!(self.over(), WSS | JSON);
        let opened = self.op(Op::Commands, &[]).op(Op::Opened, &[]);
        let opened = if opened.over() == UDP {
            opened.turn()
        } else {
            opened
        };
        let greeted = opened.said(Say::InitResponse, &[]).turn();
        if encrypted && !secure {
            greeted.said(Say::Key, &[15]).turn()
        } else {
            greeted
        }
    }

    pub(super) fn logged_in(self) -> Self {
        self.said(Say::Login, &[FINE, 0]).turn()
    }
}

/// Messages as they are on the front end, one after the other; too long ones are left out.
pub(super) fn messages(new: bool, messages: &[&[u8]]) -> Vec<u8> {
    let mut script = Script::new(AT_FRONT_END | u8::from(new), [0; 3]);
    for message in messages {
        if let [_, kind, body @ ..] = message
            && let Ok(length @ 0..=120) = u8::try_from(body.len())
        {
            script = script
                .said(Say::Framed, &[&[*kind, length], body].concat())
                .turn();
        }
    }
    script.0
}

pub(super) fn all() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for (first, over, which) in [
        (0, TCP, "v16"),
        (V18, TCP, "v18"),
        (ENCRYPTED, TCP, "v16-encrypted"),
        (V18 | ENCRYPTED | TWICE, TCP, "v18-encrypted"),
        (0, WS, "ws-v16"),
        (V18 | ENCRYPTED, WS, "ws-v18-encrypted"),
        (V18 | ENCRYPTED | TWICE, WSS, "wss-v18"),
        (V18 | ENCRYPTED | TWICE, JSON, "json"),
        (V18, JSON_OVER_WS, "json-over-ws"),
        (0, UDP, "udp-v16"),
        (
            V18 | ENCRYPTED | TWICE,
            UDP | CHECK_SUMS,
            "udp-v18-encrypted",
        ),
    ] {
        for (name, script) in [
            ("chat", chat(first, over)),
            ("presence", presence(first, over)),
            ("by-hand", by_hand(first, over)),
            ("pressure", pressure(first, over)),
            ("broken", broken(first, over)),
        ] {
            all.push((format!("{name}-{which}"), script.0));
        }
    }
    for (name, script) in [
        ("regions", regions()),
        ("no-answer", no_answer()),
        ("refused", refused()),
        ("reconnect", reconnect(TCP)),
        ("bad-calls", bad_calls()),
        ("bad-keys", bad_keys()),
        // Found by this target.
        (
            "found-causes-of-an-attempt-that-was-given-up",
            causes_of_an_attempt_that_was_given_up(),
        ),
        (
            "found-bytes-before-the-link-is-open",
            bytes_before_the_link_is_open(),
        ),
        (
            "found-input-that-waits-for-events-to-be-taken",
            input_that_waits_for_events_to_be_taken(),
        ),
    ]
    .into_iter()
    .chain(transport_scripts::all())
    {
        all.push((name.to_owned(), script.0));
    }
    all
}

fn chat(first: u8, over: u8) -> Script {
    Script::new(first | AT_FRONT_END, [0, 0, over])
        .op(Op::Subscribe, &[2, A, B, 3, 0, 1, 0, 0, 0])
        .op(Op::Subscribe, &[1, B, 24, 0])
        .turn()
        .said(Say::Response, &[0, FINE])
        .said(Say::Subscribed, &[2, A, B, 1])
        .said(Say::Subscribed, &[1, B, 9, 2, 1, 1, 0, 1, ME, BOB])
        .turn()
        .op(Op::Publish, &[A, TEXT, 0])
        .op(Op::Publish, &[A, 10, 0, 1])
        .op(Op::Private, &[BOB, SECRET, 1])
        .op(Op::Transmit, &[9])
        .op(Op::Transmit, &[70])
        .turn()
        .said(Say::Messages, &[A, ME, TEXT, 3, 7, 0, 0, 0])
        .sealed(Say::Messages, &[A, BOB, 7, 4, 11, 0, 0, 0])
        .said(Say::Private, &[ME, BOB, TEXT, 1, 0, 0, 0])
        .sealed(Say::Private, &[BOB, ME, 7, 2, 0, 0, 0])
        .said(Say::Pong, &[1, 2, 3, 4, 5, 0])
        .op(Op::Events, &[3])
        .turn()
        .op(Op::Clear, &[0, A])
        .op(Op::Clear, &[1, BOB])
        .op(Op::Unsubscribe, &[2, A, B])
        .said(Say::Unsubscribed, &[1, A])
        .turn()
        .op(Op::Disconnect, &[])
        .op(Op::Old, &[0, 0])
        .turn()
        .op(Op::Late, &[0])
        .turn()
}

fn presence(first: u8, over: u8) -> Script {
    Script::new(first | AT_FRONT_END, [0, 0, over | 8])
        .op(Op::Status, &[2, 2, TEXT])
        .op(Op::Status, &[3, 1])
        .op(Op::Status, &[6, 0])
        .op(Op::AddFriends, &[2, BOB, A])
        .op(Op::RemoveFriends, &[1, A])
        .turn()
        .said(Say::Status, &[BOB, 2, 1, TEXT])
        .said(Say::Status, &[BOB, 3, 1, 8])
        .sealed(Say::Status, &[BOB, 0, 0])
        .turn()
        .op(Op::Subscribe, &[1, A, 24, 1])
        .said(Say::Subscribed, &[1, A, 9, 3, 1, 1, 0, 2, 3, ME, BOB])
        .said(Say::Moved, &[1, A, 2, 1, 3])
        .said(Say::Moved, &[1, A, 3, 1, 5])
        .sealed(Say::Moved, &[0, A, 2, 0])
        .turn()
        .op(Op::ChannelProperties, &[A, 2, 3, 4, 1, TEXT, 1])
        .op(Op::UserProperties, &[A, ME, 1, 3, 0])
        .turn()
        .said(Say::Properties, &[A, 0, 3, 3, 0, 2, 5])
        .said(Say::Properties, &[A, 1, BOB, 1, 3])
        .sealed(Say::Properties, &[B, 0, 1, 3])
        .said(Say::Response, &[8, 163])
        .said(Say::ErrorInfo, &[3, A, 7])
        .sealed(Say::ErrorInfo, &[0])
        .said(Say::Event, &[99])
        .said(Say::Raw, &[3, 1, 2, 3])
        .op(Op::Operation, &[44, 2, 1, TEXT, 2, 4, 9, 1])
        .op(Op::Service, &[0])
        .op(Op::Forget, &[])
        .turn()
        .said(Say::Moved, &[1, A, 2, 0])
        .said(Say::Disconnect, &[FINE])
        .op(Op::Closed, &[])
        .turn()
}

fn by_hand(first: u8, over: u8) -> Script {
    let encrypted = first & ENCRYPTED != 0;
    Script::new(first, [1, 0, over])
        .op(Op::SetUserId, &[BOB])
        .op(Op::SetAuthentication, &[1])
        .op(Op::Connect, &[1])
        .opened(encrypted)
        .logged_in()
        .opened(encrypted)
        .said(Say::Login, &[FINE, 0xC0, ME])
        .turn()
        .op(Op::Subscribe, &[1, A, 0])
        .said(Say::Subscribed, &[1, A, 0])
        .op(Op::Sleep, &[7])
}

fn regions() -> Script {
    Script::new(V18 | AT_NAME_SERVER, [0; 3])
        .op(Op::GetRegions, &[])
        .op(Op::GetRegions, &[])
        .op(Op::GetRegions, &[])
        .turn()
        .said(Say::Regions, &[FINE, 1])
        .said(Say::Regions, &[FINE, 0])
        .said(Say::Regions, &[163, 1])
        .said(Say::Regions, &[FINE, 1])
        .turn()
        .op(Op::GetRegions, &[])
        .op(Op::Region, &[])
        .logged_in()
        .opened(false)
        .logged_in()
}

/// Nobody answers: at the first address, at the second, at the front end, to the requests, to anything.
fn no_answer() -> Script {
    Script::new(V18 | TWO_ADDRESSES, [0, 2, 0])
        .op(Op::Connect, &[1])
        .op(Op::Commands, &[])
        .op(Op::Sleep, &[1])
        .op(Op::Failed, &[1])
        .turn()
        .op(Op::Connect, &[1])
        .opened(false)
        .logged_in()
        .op(Op::Sleep, &[7])
        .op(Op::Connect, &[1])
        .opened(false)
        .logged_in()
        .opened(false)
        .logged_in()
        .op(Op::Subscribe, &[2, A, B, 0])
        .op(Op::Unsubscribe, &[1, A])
        .op(Op::Sleep, &[1])
        .said(Say::Subscribed, &[1, A, 1])
        .op(Op::Sleep, &[7])
        .op(Op::Jump, &[2])
}

fn refused() -> Script {
    let mut script = Script::new(AT_NAME_SERVER, [0; 3]);
    for belongings in [
        [EXPIRED, 0],
        [FINE, 15],
        [FINE, 14],
        [FINE, 13],
        [FINE, 0x70],
    ] {
        script = script
            .op(Op::Region, &[])
            .op(Op::Region, &[])
            .turn()
            .said(Say::Login, &belongings)
            .op(Op::GetRegions, &[])
            .turn()
            .op(Op::Connect, &[0])
            .opened(false);
    }
    script
        .op(Op::Region, &[])
        .logged_in()
        .opened(false)
        .said(Say::Login, &[163, 0])
        .turn()
}

pub(super) fn reconnect(over: u8) -> Script {
    Script::new(V18 | AT_FRONT_END | TWO_ADDRESSES, [0, 0, over])
        .op(Op::Subscribe, &[1, A, 0])
        .said(Say::Subscribed, &[1, A, 1])
        .turn()
        .op(Op::Closed, &[])
        .turn()
        .op(Op::Reconnect, &[])
        .opened(false)
        .logged_in()
        .op(Op::Failed, &[1])
        .turn()
        .op(Op::Reconnect, &[])
        .opened(false)
        .said(Say::Login, &[EXPIRED, 0])
        .turn()
        .opened(false)
        .logged_in()
        .op(Op::Disconnect, &[])
        .op(Op::Reconnect, &[])
        .op(Op::Commands, &[])
        .op(Op::Failed, &[0])
        .turn()
        .opened(false)
        .logged_in()
        .opened(false)
        .logged_in()
}

/// Everything full: what waits to be sent, to be processed, to be taken, to be kept.
fn pressure(first: u8, over: u8) -> Script {
    let mut script = Script::new(first | AT_FRONT_END | SMALL_MESSAGES, [0, 0, over | 15])
        .op(Op::Subscribe, &[1, A, 0]);
    for bytes in [0, 1, 2, 2, 2] {
        script = script
            .op(Op::Publish, &[A, 5, bytes, 0])
            .op(Op::Publish, &[A, 6, bytes, 0]);
    }
    script = script
        .op(Op::Transmit, &[50])
        .said(Say::Subscribed, &[1, A, 1])
        .op(Op::Service, &[1]);
    for id in 1..5 {
        script = script
            .said(Say::Messages, &[A, BOB, 5, 2, 4, id, 0, 0, 0])
            .said(Say::Flood, &[30]);
    }
    script = script
        .op(Op::Events, &[2])
        .op(Op::TransmittedTooMuch, &[])
        .turn();
    for _ in 0..4 {
        script = script.said(Say::Flood, &[255]);
    }
    script.turn()
}

/// Bytes that are no frames, no messages, or not those that were sent.
fn broken(first: u8, over: u8) -> Script {
    let mut script = Script::new(first | AT_FRONT_END, [0, 0, over]);
    script = script
        .said(Say::Framed, &[4, 3, 0, 1, 1])
        .said(
            Say::Framed,
            &[
                0x84, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
            ],
        )
        .said(Say::Framed, &[77, 1, 0])
        .said(Say::Framed, &[8, 2, 0x2A, 0])
        .said(Say::Framed, &[2, 2, 0, 0])
        .turn();
    let changed = [
        Op::Received.byte(),
        Say::Messages.byte(),
        A,
        BOB,
        TEXT,
        2,
        1,
        0,
        0,
        0,
        240,
        15,
        0x10,
        0,
    ];
    let cut = [
        Op::Received.byte(),
        Say::Private.byte(),
        BOB,
        ME,
        TEXT,
        1,
        0,
        0,
        0,
        255,
        2,
        0,
    ];
    script.0.extend_from_slice(&changed);
    script.0.extend_from_slice(&cut);
    script
        .said(Say::Garbage, &[4, 0xFB, 0, 0, 0])
        .turn()
        .said(Say::Garbage, &[3, 9, 9, 9])
        .turn()
}

fn bad_calls() -> Script {
    let mut script = Script::new(V18 | AT_FRONT_END, [0; 3]);
    for names in [
        &[0][..],
        &[1, NOTHING],
        &[2, A, NOTHING],
        &[1, 255],
        &[255, A],
    ] {
        script = script
            .op(Op::Subscribe, &[names, &[0]].concat())
            .op(Op::Unsubscribe, names)
            .op(Op::AddFriends, names)
            .op(Op::RemoveFriends, names);
    }
    for options in [&[6, 0, 0, 0, 0][..], &[8 | 16, 2], &[16, 3]] {
        script = script.op(Op::Subscribe, &[&[1, A], options].concat());
    }
    script = script.op(Op::Subscribe, &[2, A, B, 8]);
    for content in [&[6, 2][..], &[8], &[9], &[10, 2], &[10, 3], &[11]] {
        script = script
            .op(Op::Publish, &[&[A], content, &[0]].concat())
            .op(Op::Private, &[&[BOB], content, &[0]].concat())
            .op(Op::Status, &[&[2, 2], content].concat());
    }
    script
        .op(Op::Private, &[BOB, SECRET, 1])
        .op(Op::ChannelProperties, &[A, 0, 0])
        .op(Op::ChannelProperties, &[A, 1, 6, 0])
        .op(Op::ChannelProperties, &[NOTHING, 1, 3, 0])
        .op(Op::UserProperties, &[A, NOTHING, 1, 3, 0])
        .op(Op::Operation, &[230, 0, 0])
        .op(Op::SetUserId, &[A])
        .op(Op::Connect, &[0])
        .op(Op::Reconnect, &[])
        .turn()
}

fn bad_keys() -> Script {
    let mut script = Script::new(ENCRYPTED, [0; 3]);
    for key in 0..3 {
        script = script
            .op(Op::Connect, &[1])
            .op(Op::Commands, &[])
            .op(Op::Opened, &[])
            .said(Say::InitResponse, &[])
            .op(Op::Service, &[1])
            .said(Say::Key, &[key])
            .turn();
    }
    script
}

/// The causes of an attempt that `disconnect` ended were told as those of a later `reconnect`.
fn causes_of_an_attempt_that_was_given_up() -> Script {
    Script::new(V18 | AT_FRONT_END | TWO_ADDRESSES, [0; 3])
        .op(Op::Closed, &[])
        .turn()
        .op(Op::Connect, &[0])
        .op(Op::Commands, &[])
        .op(Op::Failed, &[0])
        .turn()
        .op(Op::Disconnect, &[])
        .op(Op::Reconnect, &[])
        .turn()
        .op(Op::Failed, &[0])
        .turn()
        .op(Op::Failed, &[0])
        .turn()
        .op(Op::Failed, &[0])
        .turn()
}

/// The client went on over a link that was not open, and sent a ping before its init.
fn bytes_before_the_link_is_open() -> Script {
    Script::new(V18, [0; 3])
        .op(Op::Connect, &[0])
        .op(Op::Commands, &[])
        .said(Say::InitResponse, &[])
        .turn()
        .op(Op::Opened, &[])
        .turn()
}

/// With the event queue full nothing more can be processed, and that is no busy deadline.
fn input_that_waits_for_events_to_be_taken() -> Script {
    Script::new(V18 | AT_FRONT_END, [2, 0, 2])
        .said(Say::Flood, &[40])
        .op(Op::Closed, &[])
        .op(Op::Sleep, &[1])
}
