//! [`Script`]: what the bytes of an input mean.

use super::forge::Forgery;
use crate::input::Input;
use photon_fuzz::udp_connection as new;
use photon_proto::udp::Delivery;

/// More than that is not read, so that an input has an end in time.
const MAX_STEPS: usize = 400;

/// Nobody gives up a connection for this, in the usual settings.
const MAX_WAIT_MICROS: u64 = 500_000;

/// What a step begins with; what belongs to it follows. A byte stands for the operation at its place in [`Op::ALL`],
/// counted round and round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Time goes on by this many milliseconds (1 byte); then everything goes both ways without a fault.
    Turn,
    /// Time goes on by this many milliseconds (2 bytes).
    Wait,
    /// Time goes on by this many microseconds (2 bytes).
    Blink,
    /// Time goes on to the next deadline of an end (1 byte), which looks at it.
    Sleep,
    /// Time goes on by more than anybody waits (1 byte: how much more).
    Leap,
    /// An end (1 byte) is told a time that is this many milliseconds (2 bytes) back.
    Back,
    /// An end (1 byte) looks at the time.
    Timeout,
    /// An end sends a message: which end, channel, delivery (1 byte each), length (2 bytes).
    Send,
    /// The same many times: end, channel, delivery, how many (1 byte each), length (2 bytes).
    Burst,
    /// An end (1 byte) begins a message and breaks off.
    BreakOff,
    /// Datagrams of an end (1 byte), at most so many (1 byte), go on their way.
    Pull,
    /// A datagram of an end (1 byte) is looked at and stays.
    Peek,
    /// An end (1 byte) is told that a datagram was sent.
    Transmitted,
    /// A datagram on the way to an end (1 byte), whichever (1 byte), arrives.
    Deliver,
    /// The same, and it will arrive again.
    DeliverAgain,
    /// The same, and it is lost.
    Lose,
    /// A datagram on the way to an end (1 byte), whichever (1 byte), arrives with a bit changed (2 bytes), and will
    /// arrive again as it was.
    Corrupt,
    /// A datagram made up by somebody who knows the connection arrives at an end (1 byte): see `Forgery`.
    Forge,
    /// Bytes arrive at an end (1 byte): whether with its challenge (1 byte), how many (1 byte), the bytes.
    Raw,
    /// A datagram made up by somebody who does not know the connection arrives at an end (1 byte), at an acceptor from
    /// an address (1 byte): see `Forgery`.
    Strange,
    /// Events of an end (1 byte), at most so many (1 byte), are taken.
    Events,
    /// An end (1 byte) closes.
    Close,
    /// An end (1 byte) shuts down: patience (1 byte), reason (1 byte).
    Shutdown,
    /// The client asks for the time.
    FetchTime,
    /// The acceptor forgets the client.
    Forget,
}

impl Op {
    /// All of them; what a script is made of comes more than once.
    pub const ALL: [Self; 32] = [
        Self::Turn,
        Self::Wait,
        Self::Blink,
        Self::Sleep,
        Self::Leap,
        Self::Back,
        Self::Timeout,
        Self::Send,
        Self::Burst,
        Self::BreakOff,
        Self::Pull,
        Self::Peek,
        Self::Transmitted,
        Self::Deliver,
        Self::DeliverAgain,
        Self::Lose,
        Self::Corrupt,
        Self::Forge,
        Self::Raw,
        Self::Strange,
        Self::Events,
        Self::Close,
        Self::Shutdown,
        Self::FetchTime,
        Self::Forget,
        Self::Turn,
        Self::Sleep,
        Self::Send,
        Self::Pull,
        Self::Deliver,
        Self::DeliverAgain,
        Self::Lose,
    ];

    /// The byte of this operation.
    #[must_use]
    pub fn byte(self) -> u8 {
        let place = Self::ALL.iter().position(|one| *one == self);
        place
            .and_then(|place| u8::try_from(place).ok())
            .unwrap_or(0)
    }
}

/// One of the two ends of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Client,
    Server,
}

#[derive(Clone, Debug)]
pub(super) enum Step<'a> {
    Turn {
        ms: u64,
    },
    Wait {
        micros: u64,
    },
    Sleep(End),
    Back {
        end: End,
        ms: u64,
    },
    Timeout(End),
    Send {
        end: End,
        channel: u8,
        delivery: Delivery,
        count: u8,
        length: usize,
    },
    BreakOff(End),
    Pull {
        end: End,
        most: u8,
    },
    Peek(End),
    Transmitted(End),
    Deliver {
        to: End,
        which: u8,
        again: bool,
    },
    Lose {
        to: End,
        which: u8,
    },
    Corrupt {
        to: End,
        which: u8,
        bit: u16,
    },
    Forge {
        to: End,
        craft: Forgery,
    },
    Raw {
        to: End,
        known: bool,
        bytes: &'a [u8],
    },
    Strange {
        to: End,
        address: u8,
        craft: Forgery,
    },
    Events {
        end: End,
        most: u8,
    },
    Close(End),
    Shutdown {
        end: End,
        ms: u64,
        reason: u8,
    },
    FetchTime,
    Forget,
}

#[derive(Clone, Debug)]
pub(super) struct Setup(pub(super) new::Setup);

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
            let step = Step::read(&mut input);
            let left_out = false;
            if !left_out {
                steps.push(step);
            }
        }
        Self { setup, steps }
    }
}

impl Setup {
    fn read(input: &mut Input<'_>) -> Self {
        let [choices, without, sizes, times, table] = [(); 5].map(|()| input.u8());
        let one = |byte: u8, shift: u8| usize::from(byte >> shift & 3);
        Self(new::Setup {
            acceptor: choices & 1 != 0,
            unconnected: choices & 2 != 0,
            shut_down: choices & 4 != 0,
            honest: without & 1 != 0,
            stays: without & 2 != 0,
            crc: choices & 8 != 0,
            channels: new::Channels::of([2, 1, 3, 8][one(choices, 4)]),
            send_window: new::SendWindow::of([50, 3, 0, 1][one(choices, 6)]),
            mtu: new::Mtu::of([1200, 576, 2048, 1199][one(sizes, 0)]),
            incoming_cap_bytes: new::IncomingCap::of([4 << 20, 20_000, 3000, 100][one(sizes, 2)]),
            max_message_bytes: new::MaxMessage::of([512_000, 20_000, 3000, 100_000][one(sizes, 4)]),
            max_violations: new::MaxViolations::of([1000, 0, 10, u32::MAX][one(sizes, 6)]),
            ping: new::PingIntervals::of(
                [(3000, 1000), (0, 0), (1, 3000), (500, 1)][one(times, 0)],
            ),
            disconnect_timeout_ms: new::DisconnectTimeout::of(
                [10_000, 1000, u64::MAX, 0][one(times, 2)],
            ),
            connect_timeout_ms: new::ConnectTimeout::of([15_000, 0, 1000, u64::MAX][one(times, 4)]),
            resends: new::Resends::of([(7, 2), (7, 0), (0, 0), (u32::MAX, 3)][one(times, 6)]),
            max_half_open: new::HalfOpen::of([1024, 1, 2, 0][one(table, 0)]),
            half_open_timeout_ms: new::HalfOpenTimeout::of([5000, 0, 50, u64::MAX][one(table, 2)]),
            max_connections: new::MaxConnections::of([65_536, 1, 2, 0][one(table, 4)]),
            clocks: new::Clocks::of(
                [
                    (5_000_000, 86_400_000_000),
                    (u32::MAX - 30, 0),
                    (0x7FFF_FFF0, 999),
                    (0, 1 << 62),
                ][one(table, 6)],
            ),
        })
    }
}

fn end(input: &mut Input<'_>) -> End {
    if input.flag() {
        End::Server
    } else {
        End::Client
    }
}

impl<'a> Step<'a> {
    fn read(input: &mut Input<'a>) -> Self {
        let op = Op::ALL[usize::from(input.u8()) % Op::ALL.len()];
        match op {
            Op::Turn => Self::Turn {
                ms: input.u8().into(),
            },
            Op::Wait => Self::Wait {
                micros: u64::from(input.u16()) * 1000,
            },
            Op::Blink => Self::Wait {
                micros: input.u16().into(),
            },
            Op::Sleep => Self::Sleep(end(input)),
            Op::Leap => {
                let ms: u64 = input.pick([
                    20_000,
                    1 << 31,
                    1 << 32,
                    86_400_000,
                    (1 << 31) - 20,
                    1 << 52,
                    u64::MAX,
                ]);
                Self::Wait {
                    micros: ms.saturating_mul(1000),
                }
            }
            Op::Back => Self::Back {
                end: end(input),
                ms: input.u16().into(),
            },
            Op::Timeout => Self::Timeout(end(input)),
            Op::Send | Op::Burst => Self::Send {
                end: end(input),
                channel: input.pick([0, 0, 1, 0, 2, 255]),
                delivery: input.pick([
                    Delivery::Reliable,
                    Delivery::Unreliable,
                    Delivery::ReliableUnsequenced,
                    Delivery::UnreliableUnsequenced,
                ]),
                count: if op == Op::Send { 1 } else { input.u8() },
                length: length(input),
            },
            Op::BreakOff => Self::BreakOff(end(input)),
            Op::Pull => Self::Pull {
                end: end(input),
                most: input.u8(),
            },
            Op::Peek => Self::Peek(end(input)),
            Op::Transmitted => Self::Transmitted(end(input)),
            Op::Deliver => Self::Deliver {
                to: end(input),
                which: input.u8(),
                again: false,
            },
            Op::DeliverAgain => Self::Deliver {
                to: end(input),
                which: input.u8(),
                again: true,
            },
            Op::Lose => Self::Lose {
                to: end(input),
                which: input.u8(),
            },
            Op::Corrupt => Self::Corrupt {
                to: end(input),
                which: input.u8(),
                bit: input.u16(),
            },
            Op::Forge => Self::Forge {
                to: end(input),
                craft: Forgery::read(input),
            },
            Op::Raw => Self::Raw {
                to: end(input),
                known: input.flag(),
                bytes: input.bytes(255),
            },
            Op::Strange => Self::Strange {
                to: end(input),
                address: input.below(4),
                craft: Forgery::read(input),
            },
            Op::Events => Self::Events {
                end: end(input),
                most: input.u8(),
            },
            Op::Close => Self::Close(end(input)),
            Op::Shutdown => Self::Shutdown {
                end: end(input),
                ms: input.pick([u64::MAX, 1000, 0, 60_000]),
                reason: input.pick([4, 1, 0, 2, 3, 255]),
            },
            Op::FetchTime => Self::FetchTime,
            Op::Forget => Self::Forget,
        }
    }
}

/// Nothing, or enough to tell one message from another.
fn length(input: &mut Input<'_>) -> usize {
    match input.u16() {
        0 => 0,
        // Longer ones are seldom.
        given @ 0x8000.. => usize::from(given & 0x7FFF).max(4),
        given => usize::from(given % 1300).max(4),
    }
}
