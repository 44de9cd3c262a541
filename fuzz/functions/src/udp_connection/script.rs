//! [`Step`]: the calls of both ends, and the faults of the network and of attackers, of which scripts
//! are made.

use super::forge::Forgery;
use super::setup::Setup;
use crate::script::{Encode, List, UpTo, choices, script_types};
use arbitrary::Arbitrary;
use photon_proto::udp::Delivery;
use std::fmt;

/// A whole script.
pub type Script = crate::script::Script<Setup, Step>;

/// More steps are not played, so that each input ends in time.
const MAX_STEPS: usize = 400;

/// No end times out within this time, in the usual configuration.
const MAX_WAIT_MS: u16 = 500;

script_types! {
    /// One step of a script.
    pub enum Step {
        /// Time passes, or an end handles it.
        Clock(Clock),
        /// An end is called.
        Call(Call),
        /// An end sends datagrams, or an attacker does.
        Datagram(Datagram),
        /// A datagram on its way arrives, or is lost.
        Network(NetworkStep),
    }

    /// One of the two ends.
    #[derive(Copy, Eq)]
    pub enum End {
        /// The client.
        Client,
        /// The server: an accepted connection or an acceptor.
        Server,
    }

    /// Time passes, or an end handles it.
    pub enum Clock {
        /// Time passes; then all datagrams arrive in both directions until neither end has more.
        Turn {
            /// The number of milliseconds.
            ms: u8,
        },
        /// Time passes.
        Wait {
            /// The number of milliseconds.
            ms: u16,
        },
        /// A little time passes.
        Blink {
            /// The number of microseconds.
            micros: u16,
        },
        /// Time passes until the next deadline of an end, which handles it.
        Sleep(End),
        /// Much time passes.
        Leap(LeapMs),
        /// An end handles an earlier time.
        Back {
            /// The end.
            end: End,
            /// The number of milliseconds.
            ms: u16,
        },
        /// An end handles the time.
        Timeout(End),
    }

    /// An end is called.
    pub enum Call {
        /// An end sends a message.
        Send {
            /// The end.
            end: End,
            /// The message.
            message: Outgoing,
        },
        /// An end sends many messages.
        Burst {
            /// The end.
            end: End,
            /// Each message.
            message: Outgoing,
            /// The number of messages.
            count: u8,
        },
        /// An end begins a message, and its encoder fails.
        BreakOff(End),
        /// Events of an end are taken.
        TakeEvents {
            /// The end.
            end: End,
            /// The maximum of events.
            max: u8,
        },
        /// An end closes the connection.
        Close(End),
        /// An end shuts the connection down.
        ShutDown {
            /// The end.
            end: End,
            /// The maximum time for the acknowledgements.
            timeout_ms: ShutdownTimeout,
            /// The reason in the disconnect command.
            reason: Reason,
        },
        /// The client asks for the server's time.
        FetchTime,
        /// The acceptor forgets the client.
        Forget,
    }

    /// A message that an end sends.
    #[derive(Copy, Eq)]
    pub struct Outgoing {
        /// The channel.
        pub channel: Channel,
        /// The delivery.
        pub delivery: SendDelivery,
        /// The number of bytes.
        pub length: Length,
    }

    /// An end sends datagrams, or an attacker does.
    pub enum Datagram {
        /// Datagrams of an end leave.
        Pull {
            /// The end.
            end: End,
            /// The maximum of datagrams.
            max: u8,
        },
        /// A datagram of an end is looked at, and not reported as sent.
        Peek(End),
        /// The driver of an end reports a datagram as sent.
        Transmitted(End),
        /// An attacker sends a datagram.
        Attack(Attack),
    }

    /// An attacker sends a datagram.
    pub enum Attack {
        /// A forged datagram with the challenge of the connection.
        Forge {
            /// The end that receives it.
            to: End,
            /// The datagram.
            forgery: Forgery,
        },
        /// Any bytes.
        Raw {
            /// The end that receives them.
            to: End,
            /// Whether the challenge of the connection is written into them.
            known: bool,
            /// The bytes.
            bytes: List<u8, 255>,
        },
        /// A forged datagram with another challenge.
        Strange {
            /// The end that receives it.
            to: End,
            /// The address that an acceptor sees; 0 is the client's.
            address: UpTo<3>,
            /// The datagram.
            forgery: Forgery,
        },
    }

    /// A datagram on its way arrives, or is lost.
    pub enum NetworkStep {
        /// It arrives.
        Deliver {
            /// The end to which it is on its way.
            to: End,
            /// Its place, modulo the number of datagrams on their way.
            which: u8,
        },
        /// A copy of it arrives; it stays on its way.
        DeliverCopy {
            /// The end to which it is on its way.
            to: End,
            /// Its place, modulo the number of datagrams on their way.
            which: u8,
        },
        /// It is lost.
        Lose {
            /// The end to which it is on its way.
            to: End,
            /// Its place, modulo the number of datagrams on their way.
            which: u8,
        },
        /// A copy of it arrives with a changed bit; it stays on its way.
        Corrupt {
            /// The end to which it is on its way.
            to: End,
            /// Its place, modulo the number of datagrams on their way.
            which: u8,
            /// The place of the bit, modulo their number.
            bit: u16,
        },
    }
}

choices! {
    /// More than any timeout, and times at which clocks of 31, 32 and 64 bits wrap.
    #[derive(Eq)]
    pub struct LeapMs(u64) =
        [20_000, 1 << 31, 1 << 32, 86_400_000, (1 << 31) - 20, 1 << 52, u64::MAX];

    /// Mostly the first channel; also one that does not exist.
    #[derive(Eq)]
    pub struct Channel(u8) = [0, 0, 1, 0, 2, 255];

    /// The deliveries.
    #[derive(Eq)]
    pub struct SendDelivery(Delivery) = [
        Delivery::Reliable,
        Delivery::Unreliable,
        Delivery::ReliableUnsequenced,
        Delivery::UnreliableUnsequenced,
    ];

    /// No timeout, a short one, an immediate one, and a long one, in milliseconds.
    #[derive(Eq)]
    pub struct ShutdownTimeout(u64) = [u64::MAX, 1000, 0, 60_000];

    /// The client's reason, those of servers, and unknown ones. Spec: udp.md 7
    #[derive(Eq)]
    pub struct Reason(u8) = [4, 1, 0, 2, 3, 255];
}

/// The length of a message: 0, or at least 4 bytes, which identify it. Half of all numbers stand for
/// messages of one or two datagrams, the others for up to 32 KiB.
#[derive(Clone, Copy, PartialEq, Eq, Arbitrary)]
pub struct Length(u16);

/// Set for lengths of more than two datagrams.
const LONG: u16 = 0x8000;
/// Shorter messages are sent as at most two datagrams.
const SHORT_BYTES: u16 = 1300;
/// The bytes that identify a message.
const MIN_BYTES: u16 = 4;

impl Length {
    /// This number of bytes.
    ///
    /// # Panics
    /// If no script can have it.
    #[must_use]
    pub fn of(bytes: u16) -> Self {
        let length = if bytes < SHORT_BYTES {
            Self(bytes)
        } else {
            Self(LONG | bytes)
        };
        assert_eq!(
            length.bytes(),
            usize::from(bytes),
            "0, or 4 to 32,767 bytes"
        );
        length
    }

    pub(super) fn bytes(self) -> usize {
        usize::from(match self.0 {
            0 => 0,
            long @ LONG.. => (long & !LONG).max(MIN_BYTES),
            short => (short % SHORT_BYTES).max(MIN_BYTES),
        })
    }
}

impl fmt::Debug for Length {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(out)
    }
}

impl Encode for Length {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}

impl Script {
    /// The steps that are played: without those that break a promise of the setup.
    pub(super) fn played_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps
            .iter()
            .filter(|step| self.setup.allows(step))
            .take(MAX_STEPS)
    }
}

impl Setup {
    fn allows(&self, step: &Step) -> bool {
        match step {
            Step::Datagram(Datagram::Attack(
                Attack::Forge { .. } | Attack::Raw { known: true, .. },
            )) => !self.honest,
            // Without a checksum a changed datagram is a forged one.
            Step::Network(NetworkStep::Corrupt { .. }) => !self.honest || self.crc,
            Step::Call(Call::Close(_) | Call::ShutDown { .. } | Call::Forget)
            // The peer of an end that is not called for long times out.
            | Step::Clock(Clock::Leap(_)) => !self.stays,
            Step::Clock(Clock::Wait { ms }) => !self.stays || *ms <= MAX_WAIT_MS,
            _ => true,
        }
    }
}

/// Lets scripts name a step without the enum around it.
macro_rules! from_parts {
    ($($part:ident => $variant:ident),*) => {
        $(
            impl From<$part> for Step {
                fn from(part: $part) -> Self {
                    Self::$variant(part)
                }
            }
        )*
    };
}

from_parts!(Clock => Clock, Call => Call, Datagram => Datagram, NetworkStep => Network);

impl From<Attack> for Step {
    fn from(attack: Attack) -> Self {
        Self::Datagram(Datagram::Attack(attack))
    }
}
