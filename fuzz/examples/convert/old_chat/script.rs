//! [`Script`]: what happens to a client, read from bytes.

use super::inbound::Inbound;
use super::samples::{Content, Name, Properties, names};
use super::transport::Transport;
use crate::input::Input;
use chat_core::{Encryption, Protocol};

/// What happens next; each begins with one byte of the script, the likelier ones with many a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `connect_to_name_server`; a flag: with a region.
    Connect,
    /// `connect_to_region_front_end`.
    Region,
    /// `reconnect`.
    Reconnect,
    /// `disconnect`.
    Disconnect,
    /// `get_regions`.
    GetRegions,
    /// `subscribe`: names, what options, their numbers.
    Subscribe,
    /// `unsubscribe`: names.
    Unsubscribe,
    /// `publish_message`: name, content, flag.
    Publish,
    /// `send_private_message`: name, content, flags.
    Private,
    /// `set_user_status`: number, what message.
    Status,
    /// `add_friends`: names.
    AddFriends,
    /// `remove_friends`: names.
    RemoveFriends,
    /// `set_channel_properties`: name, properties, flag.
    ChannelProperties,
    /// `set_user_properties`: two names, properties, flag.
    UserProperties,
    /// `send_operation`: code, how many parameters with key and content each, flag: encrypted.
    Operation,
    /// `set_user_id`: name.
    SetUserId,
    /// `set_custom_authentication`: flag.
    SetAuthentication,
    /// `clear_messages` or `clear_private_messages`: flag, name.
    Clear,
    /// `forget_channels`.
    Forget,
    /// The driver has opened the newest link.
    Opened,
    /// The newest link's server says something: a [`Say`](super::Say), how it comes, a flag: encrypted.
    Received,
    /// The newest link is closed by the other side.
    Closed,
    /// The newest link breaks: flag.
    Failed,
    /// Something happens to a link that is only flushing: which; 1 closes it, 2 is as much as a client takes at once.
    Old,
    /// Something comes of a link that is no more: which.
    Late,
    /// `service`, after some milliseconds.
    Service,
    /// `service` at any time, also an earlier one.
    Jump,
    /// Turns of the driver, each at the client's next deadline: how many.
    Sleep,
    /// The links take some bytes: how many at most. Of datagrams and WebSocket messages they take one, whole, if it is any
    /// number above 0; with 3 beyond a multiple of 4 the datagram is lost, with 2 it comes twice.
    Transmit,
    /// The driver says that it sent more than there was.
    TransmittedTooMuch,
    /// The driver takes the commands.
    Commands,
    /// The application takes some events: how many.
    Events,
    /// `service` until there is no more to do, and a full drain, after some milliseconds. Datagrams come and go without loss.
    Turn,
}

const OPS: [(Op, u16); 33] = [
    (Op::Connect, 8),
    (Op::Region, 4),
    (Op::Reconnect, 4),
    (Op::Disconnect, 3),
    (Op::GetRegions, 5),
    (Op::Subscribe, 12),
    (Op::Unsubscribe, 8),
    (Op::Publish, 6),
    (Op::Private, 6),
    (Op::Status, 4),
    (Op::AddFriends, 3),
    (Op::RemoveFriends, 3),
    (Op::ChannelProperties, 4),
    (Op::UserProperties, 4),
    (Op::Operation, 3),
    (Op::SetUserId, 2),
    (Op::SetAuthentication, 2),
    (Op::Clear, 3),
    (Op::Forget, 2),
    (Op::Opened, 16),
    (Op::Received, 73),
    (Op::Closed, 3),
    (Op::Failed, 3),
    (Op::Old, 4),
    (Op::Late, 3),
    (Op::Service, 16),
    (Op::Jump, 2),
    (Op::Sleep, 4),
    (Op::Transmit, 7),
    (Op::TransmittedTooMuch, 3),
    (Op::Commands, 9),
    (Op::Events, 5),
    (Op::Turn, 22),
];

impl Op {
    /// A byte that begins it.
    #[must_use]
    pub fn byte(self) -> u8 {
        byte_of(self, &OPS)
    }
}

/// The entry that a byte falls on, each as wide as its weight; the weights are 256 in all.
pub(super) fn chosen<T: Copy>(byte: u8, table: &[(T, u16)]) -> T {
    let mut below = u16::from(byte);
    for (one, weight) in table {
        match below.checked_sub(*weight) {
            Some(rest) => below = rest,
            None => return *one,
        }
    }
    unreachable!("the weights are 256 in all")
}

/// The first byte that falls on an entry.
pub(super) fn byte_of<T: Copy + PartialEq>(wanted: T, table: &[(T, u16)]) -> u8 {
    let before: u16 = table
        .iter()
        .take_while(|(one, _)| *one != wanted)
        .map(|(_, weight)| weight)
        .sum();
    u8::try_from(before).expect("the weights are 256 in all")
}

/// How far the client is when the script begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Nowhere,
    NameServer,
    FrontEnd,
}

/// How the client is set up: four bytes.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) protocol: Protocol,
    pub(super) encryption: Encryption,
    pub(super) start: Start,
    pub(super) addresses: usize,
    /// Whether all is done twice, to see whether the same comes of it.
    pub(super) twice: bool,
    pub(super) small_messages: bool,
    pub(super) messages_per_service: u32,
    pub(super) request_timeout_ms: u64,
    pub(super) outgoing_cap: usize,
    pub(super) small_events: bool,
    pub(super) cache_messages: usize,
    pub(super) presence_cap: usize,
    pub(super) transport: Transport,
    /// Whether datagrams carry a check sum.
    pub(super) crc: bool,
}

impl Setup {
    fn read(input: &mut Input<'_>) -> Self {
        let choices = input.u8();
        let set = |bit: u8| choices >> bit & 1 == 1;
        let messages_per_service = input.pick([3, 1, 1000]);
        let request_timeout_ms = input.pick([15_000, 0, 500]);
        let caps = input.u8();
        let small = |bit: u8| caps >> bit & 1 == 1;
        let transport = Transport::of(caps >> 4 & 7);
        Self {
            // JSON is transcoded from and to the newer one.
            protocol: if set(0) || transport.is_json() {
                Protocol::V18
            } else {
                Protocol::V16
            },
            encryption: if set(1) {
                Encryption::On
            } else {
                Encryption::Off
            },
            start: [
                Start::Nowhere,
                Start::NameServer,
                Start::FrontEnd,
                Start::FrontEnd,
            ][usize::from(choices >> 2 & 3)],
            addresses: if set(4) { 2 } else { 1 },
            twice: set(5),
            small_messages: set(6),
            messages_per_service,
            request_timeout_ms,
            outgoing_cap: if small(0) { 1_000 } else { 100_000 },
            small_events: small(1),
            cache_messages: if small(2) { 0 } else { 3 },
            presence_cap: if small(3) { 400 } else { 4 << 20 },
            transport,
            crc: small(7),
        }
    }
}

/// What happens next, with everything that belongs to it.
#[derive(Clone, Debug)]
pub(super) enum Step<'a> {
    Connect {
        region: bool,
    },
    Region,
    Reconnect,
    Disconnect,
    GetRegions,
    Subscribe {
        channels: Vec<Name>,
        history: Option<i32>,
        last_ids: Option<Vec<i32>>,
        publish: bool,
        most: i32,
    },
    Unsubscribe(Vec<Name>),
    Publish {
        channel: Name,
        content: Content,
        web: bool,
    },
    Private {
        user: Name,
        content: Content,
        encrypt: bool,
        web: bool,
    },
    Status {
        status: i32,
        message: Message,
    },
    AddFriends(Vec<Name>),
    RemoveFriends(Vec<Name>),
    ChannelProperties {
        channel: Name,
        properties: Properties,
        expected: bool,
    },
    UserProperties {
        channel: Name,
        user: Name,
        properties: Properties,
        expected: bool,
    },
    Operation {
        code: u8,
        parameters: Vec<(u8, Content)>,
        encrypt: bool,
    },
    SetUserId(Name),
    SetAuthentication {
        custom: bool,
    },
    Clear {
        private: bool,
        name: Name,
    },
    Forget,
    Opened,
    Received(Inbound<'a>),
    Closed,
    Failed {
        reset: bool,
    },
    Old {
        which: u8,
        what: Old,
    },
    Late {
        which: u8,
    },
    Service {
        ms: u64,
    },
    Jump {
        ms: u64,
    },
    Sleep {
        turns: u8,
    },
    Transmit {
        most: usize,
    },
    TransmittedTooMuch,
    Commands,
    Events {
        most: usize,
    },
    Turn {
        ms: u64,
    },
}

/// What happens to a link that is only flushing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Old {
    Closed,
    Little,
    Much,
}

/// What becomes of a status message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Message {
    Set(Content),
    Clear,
    Keep,
}

impl<'a> Step<'a> {
    fn read(input: &mut Input<'a>) -> Self {
        match chosen(input.u8(), &OPS) {
            Op::Connect => Self::Connect {
                region: input.flag(),
            },
            Op::Region => Self::Region,
            Op::Reconnect => Self::Reconnect,
            Op::Disconnect => Self::Disconnect,
            Op::GetRegions => Self::GetRegions,
            Op::Subscribe => {
                let channels = names(input);
                let options = input.u8();
                Self::Subscribe {
                    history: (options & 1 != 0).then(|| input.pick([-1, 0, 1, 100, -7, i32::MAX])),
                    // Now and then one too many.
                    last_ids: (options & 2 != 0)
                        .then(|| vec![input.i32(); channels.len() + usize::from(options & 4 != 0)]),
                    publish: options & 8 != 0,
                    most: if options & 16 != 0 {
                        input.pick([5, 100, 101, -1])
                    } else {
                        0
                    },
                    channels,
                }
            }
            Op::Unsubscribe => Self::Unsubscribe(names(input)),
            Op::Publish => Self::Publish {
                channel: Name::read(input),
                content: Content::read(input),
                web: input.flag(),
            },
            Op::Private => {
                let (user, content, flags) = (Name::read(input), Content::read(input), input.u8());
                Self::Private {
                    user,
                    content,
                    encrypt: flags & 1 != 0,
                    web: flags & 2 != 0,
                }
            }
            Op::Status => Self::Status {
                status: input.u8().into(),
                message: match input.below(3) {
                    0 => Message::Keep,
                    1 => Message::Clear,
                    _ => Message::Set(Content::read(input)),
                },
            },
            Op::AddFriends => Self::AddFriends(names(input)),
            Op::RemoveFriends => Self::RemoveFriends(names(input)),
            Op::ChannelProperties => Self::ChannelProperties {
                channel: Name::read(input),
                properties: Properties::read(input),
                expected: input.flag(),
            },
            Op::UserProperties => Self::UserProperties {
                channel: Name::read(input),
                user: Name::read(input),
                properties: Properties::read(input),
                expected: input.flag(),
            },
            Op::Operation => {
                let (code, count) = (input.u8(), input.below(4));
                let parameters = (0..count)
                    .map(|_| (input.u8(), Content::read(input)))
                    .collect();
                Self::Operation {
                    code,
                    parameters,
                    encrypt: input.flag(),
                }
            }
            Op::SetUserId => Self::SetUserId(Name::read(input)),
            Op::SetAuthentication => Self::SetAuthentication {
                custom: input.flag(),
            },
            Op::Clear => Self::Clear {
                private: input.flag(),
                name: Name::read(input),
            },
            Op::Forget => Self::Forget,
            Op::Opened => Self::Opened,
            Op::Received => Self::Received(Inbound::read(input)),
            Op::Closed => Self::Closed,
            Op::Failed => Self::Failed {
                reset: input.flag(),
            },
            Op::Old => Self::Old {
                which: input.u8(),
                what: match input.u8() {
                    byte if byte & 1 == 1 => Old::Closed,
                    byte if byte & 2 == 2 => Old::Much,
                    _ => Old::Little,
                },
            },
            Op::Late => Self::Late { which: input.u8() },
            Op::Service => Self::Service {
                ms: input.u8().into(),
            },
            Op::Jump => Self::Jump {
                ms: input.pick([0, 20_000, u64::MAX]),
            },
            Op::Sleep => Self::Sleep {
                turns: 1 + input.below(8),
            },
            Op::Transmit => Self::Transmit {
                most: input.u8().into(),
            },
            Op::TransmittedTooMuch => Self::TransmittedTooMuch,
            Op::Commands => Self::Commands,
            Op::Events => Self::Events {
                most: input.below(4).into(),
            },
            Op::Turn => Self::Turn {
                ms: u64::from(input.u8()).pow(2) / 4,
            },
        }
    }
}

/// A whole script.
#[derive(Clone, Debug)]
pub(super) struct Script<'a> {
    pub(super) setup: Setup,
    pub(super) steps: Vec<Step<'a>>,
}

impl<'a> Script<'a> {
    pub(super) fn read(data: &'a [u8]) -> Self {
        let mut input = Input::new(data);
        let setup = Setup::read(&mut input);
        let mut steps = Vec::new();
        while !input.is_empty() {
            steps.push(Step::read(&mut input));
        }
        Self { setup, steps }
    }
}
