//! Scripts for `udp_connection`.

use photon_fuzz::script::{List, UpTo};
use photon_fuzz::udp_connection::{
    Attack, Call, Channel, Clock, Clocks, CommandKind, Datagram, End, ForgedCommand, Forgery,
    HalfOpen, HalfOpenTimeout, IncomingCap, LeapMs, Length, MaxConnections, MaxMessage, Mtu,
    NetworkStep, Outgoing, PingIntervals, Reason, Script, SendDelivery, SendWindow, Setup,
    ShutdownTimeout, Step,
};
use photon_proto::udp::Delivery;
use photon_proto::udp::command::kind;

const CLIENT: End = End::Client;
const SERVER: End = End::Server;

/// Chooses the peer id 0.
const NO_PEER_ID: u8 = 3;

/// A setup in which no attacker knows the challenge, and each end may close the connection.
fn honest() -> Setup {
    Setup {
        honest: true,
        ..Setup::default()
    }
}

/// A setup in which all messages must arrive.
fn delivers() -> Setup {
    Setup {
        honest: true,
        stays: true,
        ..Setup::default()
    }
}

/// A setup with an acceptor.
fn acceptor(setup: Setup) -> Setup {
    Setup {
        acceptor: true,
        ..setup
    }
}

/// A script that is being written.
struct Builder(Script);

impl Builder {
    const fn new(setup: Setup) -> Self {
        Self(Script {
            setup,
            steps: Vec::new(),
        })
    }

    fn then(mut self, step: impl Into<Step>) -> Self {
        self.0.steps.push(step.into());
        self
    }

    fn turn(self, ms: u8) -> Self {
        self.then(Clock::Turn { ms })
    }

    /// An end sends this number of messages.
    fn burst(self, end: End, channel: u8, delivery: Delivery, count: u8, length: u16) -> Self {
        self.then(Call::Burst {
            end,
            message: outgoing(channel, delivery, length),
            count,
        })
    }

    /// An end receives a forged datagram of one command.
    fn forge(self, to: End, command: ForgedCommand) -> Self {
        self.then(Attack::Forge {
            to,
            forgery: forgery(command),
        })
    }

    /// All datagrams of both ends leave. Some are lost, duplicated, delayed and changed.
    fn bad_network(mut self) -> Self {
        for end in [CLIENT, SERVER] {
            self = self.then(Datagram::Pull { end, max: 200 });
        }
        for to in [CLIENT, SERVER] {
            self = self
                .then(NetworkStep::DeliverCopy { to, which: 3 })
                .then(NetworkStep::Lose { to, which: 1 })
                .then(NetworkStep::Deliver { to, which: 7 })
                .then(NetworkStep::Lose { to, which: 0 })
                .then(NetworkStep::Corrupt {
                    to,
                    which: 2,
                    bit: 333,
                })
                .then(NetworkStep::DeliverCopy { to, which: 0 })
                .then(NetworkStep::Deliver { to, which: 0 });
        }
        self.then(Clock::Wait { ms: 60 })
            .then(Clock::Sleep(CLIENT))
            .then(Clock::Sleep(SERVER))
    }
}

fn outgoing(channel: u8, delivery: Delivery, length: u16) -> Outgoing {
    Outgoing {
        channel: Channel::of(channel),
        delivery: SendDelivery::of(delivery),
        length: Length::of(length),
    }
}

/// A datagram with a right header and one command.
fn forgery(first: ForgedCommand) -> Forgery {
    Forgery {
        peer_id: 0,
        crc: 0,
        count: 0,
        sent_time: 0,
        first,
        more: List::default(),
    }
}

/// A command with 36 bytes.
fn command(kind: u8, channel: u8, number: u8, other: u8, twist: u8) -> ForgedCommand {
    ForgedCommand {
        kind: CommandKind::of(kind),
        channel,
        flags: 0,
        number,
        other,
        twist,
        length: 9,
    }
}

/// The same without bytes.
fn empty_command(kind: u8, channel: u8, number: u8, other: u8) -> ForgedCommand {
    ForgedCommand {
        length: 0,
        ..command(kind, channel, number, other, 0)
    }
}

/// All of them by name. In those that begin with `delivers`, all messages arrive.
pub(super) fn all() -> Vec<(&'static str, Script)> {
    let mut all = Vec::new();
    all.extend(delivering());
    all.extend(clocks());
    all.extend(attacks());
    all.extend(endings());
    all.into_iter()
        .map(|(name, script)| (name, script.0))
        .collect()
}

fn delivering() -> Vec<(&'static str, Builder)> {
    let mut all = Vec::new();
    let window = |send_window| Setup {
        send_window: SendWindow::of(send_window),
        ..delivers()
    };
    let crc = || Setup {
        crc: true,
        ..delivers()
    };
    let shut_down = || Setup {
        shut_down: true,
        ..delivers()
    };
    let from_the_start = Setup {
        unconnected: true,
        ..delivers()
    };
    for (name, setup) in [
        ("delivers-direct", delivers()),
        ("delivers-crc", crc()),
        ("delivers-acceptor", acceptor(delivers())),
        ("delivers-acceptor-crc", acceptor(crc())),
        ("delivers-shutdown", shut_down()),
        ("delivers-acceptor-shutdown", acceptor(shut_down())),
        ("delivers-from-the-start", from_the_start),
        ("delivers-narrow-window", window(1)),
        ("delivers-no-window", window(0)),
    ] {
        let mut script = Builder::new(setup).turn(20);
        for delivery in [
            Delivery::Reliable,
            Delivery::Unreliable,
            Delivery::ReliableUnsequenced,
            Delivery::UnreliableUnsequenced,
        ] {
            script = script
                .burst(CLIENT, 0, delivery, 30, 100)
                .burst(SERVER, 0, delivery, 12, 1299);
        }
        script = script
            .burst(CLIENT, 1, Delivery::Reliable, 2, 30_000)
            .bad_network()
            .burst(SERVER, 0, Delivery::Unreliable, 3, 9000)
            .bad_network()
            .then(Call::TakeEvents {
                end: SERVER,
                max: 9,
            })
            .bad_network();
        all.push((name, script));
    }
    let small_caps = Setup {
        incoming_cap_bytes: IncomingCap::of(20_000),
        max_message_bytes: MaxMessage::of(3000),
        mtu: Mtu::of(576),
        ..delivers()
    };
    let small_caps = Builder::new(small_caps)
        .burst(CLIENT, 0, Delivery::Reliable, 40, 900)
        .bad_network()
        .burst(SERVER, 0, Delivery::ReliableUnsequenced, 40, 500)
        .bad_network();
    all.push(("delivers-small-caps", small_caps));
    all
}

fn clocks() -> Vec<(&'static str, Builder)> {
    // A clock wraps, and 2^32 ms pass while neither end sends.
    let wraps = Setup {
        ping: PingIntervals::of((0, 0)),
        clocks: Clocks::of((u32::MAX - 30, 0)),
        ..honest()
    };
    let wraps = Builder::new(wraps)
        .burst(CLIENT, 0, Delivery::Reliable, 9, 100)
        .turn(50)
        .then(Clock::Leap(LeapMs::of((1 << 31) - 20)))
        .burst(SERVER, 0, Delivery::Reliable, 9, 100)
        .then(Clock::Leap(LeapMs::of(1 << 32)))
        .turn(1)
        .burst(CLIENT, 0, Delivery::Reliable, 9, 100)
        .bad_network();
    let end_of_time = Builder::new(Setup::default())
        .burst(CLIENT, 0, Delivery::Reliable, 9, 100)
        .then(Clock::Leap(LeapMs::of(u64::MAX)))
        .turn(1)
        .bad_network();
    let goes_back = Builder::new(acceptor(honest()))
        .burst(CLIENT, 0, Delivery::Reliable, 9, 100)
        .bad_network()
        .then(Clock::Back {
            end: SERVER,
            ms: 9 << 8,
        })
        .then(Clock::Back {
            end: CLIENT,
            ms: u16::MAX,
        })
        .turn(1);
    vec![
        ("clock-wraps", wraps),
        ("end-of-time", end_of_time),
        ("time-goes-back", goes_back),
    ]
}

fn attacks() -> Vec<(&'static str, Builder)> {
    let mut all = Vec::new();
    for (name, setup, to) in [
        ("forged-to-client", Setup::default(), CLIENT),
        ("forged-to-server", Setup::default(), SERVER),
        ("forged-to-acceptor", acceptor(Setup::default()), SERVER),
    ] {
        let mut script = Builder::new(setup)
            .burst(CLIENT, 0, Delivery::Reliable, 9, 100)
            .burst(SERVER, 0, Delivery::Reliable, 9, 100)
            .bad_network();
        // A disconnect would end the script.
        let kinds = CommandKind::TABLE.iter().copied();
        for kind in kinds.filter(|it| *it != kind::DISCONNECT) {
            script = script
                .forge(to, command(kind, 0, 1, 0, 0))
                .forge(to, command(kind, 1, 225, 130, 210));
        }
        script = script
            .then(Call::TakeEvents { end: to, max: 50 })
            .forge(to, empty_command(kind::DISCONNECT, 255, 1, 3));
        all.push((name, script));
    }
    // Two fragments of a message, the second one first.
    let out_of_order = Builder::new(Setup::default())
        .forge(CLIENT, command(kind::FRAGMENT, 0, 1, 0, 0))
        .forge(CLIENT, command(kind::FRAGMENT, 0, 0, 120, 0))
        .then(Call::TakeEvents {
            end: CLIENT,
            max: 9,
        });
    all.push(("fragments-out-of-order", out_of_order));
    let mut contradict =
        Builder::new(Setup::default()).forge(SERVER, command(kind::FRAGMENT, 0, 0, 2, 0));
    for _ in 0..18 {
        contradict = contradict.forge(SERVER, command(kind::FRAGMENT, 0, 1, 120, 226));
    }
    all.push(("fragments-contradict", contradict.turn(9)));
    let one_place = Setup {
        unconnected: true,
        max_half_open: HalfOpen::of(1),
        half_open_timeout_ms: HalfOpenTimeout::of(0),
        max_connections: MaxConnections::of(2),
        ..acceptor(honest())
    };
    let mut strangers = Builder::new(one_place);
    for address in (0..4).map(UpTo::new) {
        let strange = |peer_id, command| Attack::Strange {
            to: SERVER,
            address,
            forgery: Forgery {
                peer_id,
                ..forgery(command)
            },
        };
        strangers = strangers
            // A connect has no peer id yet.
            .then(strange(NO_PEER_ID, empty_command(kind::CONNECT, 255, 1, 0)))
            .then(Datagram::Pull {
                end: SERVER,
                max: 9,
            })
            .then(strange(0, empty_command(kind::ACK, 0, 0, 0)));
    }
    strangers = strangers
        .turn(20)
        .burst(CLIENT, 0, Delivery::Reliable, 5, 100)
        .turn(20);
    all.push(("strangers", strangers));
    let raw = |to, known, bytes: &[u8]| Attack::Raw {
        to,
        known,
        bytes: List::new(bytes),
    };
    let raw = Builder::new(acceptor(Setup::default()))
        .then(raw(
            SERVER,
            true,
            &[0, 0x42, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0],
        ))
        .then(raw(CLIENT, false, &[1, 2, 3]))
        .turn(1);
    all.push(("raw", raw));
    all
}

fn endings() -> Vec<(&'static str, Builder)> {
    let mut all = Vec::new();
    for (name, setup, end) in [
        ("client-closes", honest(), CLIENT),
        ("server-closes", honest(), SERVER),
        ("acceptor-closes", acceptor(honest()), SERVER),
    ] {
        let script = Builder::new(setup)
            .burst(CLIENT, 0, Delivery::Reliable, 60, 100)
            .bad_network()
            .then(Call::Close(end))
            .then(Call::Send {
                end,
                message: outgoing(0, Delivery::Reliable, 9),
            })
            .bad_network()
            .turn(1);
        all.push((name, script));
    }
    let shut_down = |end, timeout_ms, reason| Call::ShutDown {
        end,
        timeout_ms: ShutdownTimeout::of(timeout_ms),
        reason: Reason::of(reason),
    };
    // The timeout of a shutdown ended while a command of the control channel was queued.
    let out_of_patience = Builder::new(honest())
        .then(Call::FetchTime)
        .then(shut_down(CLIENT, 0, 4))
        .turn(0);
    all.push((
        "found-shutdown-timeout-with-a-queued-command",
        out_of_patience,
    ));
    let server = Builder::new(acceptor(honest()))
        .burst(SERVER, 0, Delivery::Reliable, 60, 100)
        .then(shut_down(SERVER, 1000, 2))
        .bad_network()
        .turn(1);
    all.push(("server-shuts-down", server));
    let forgotten = Builder::new(acceptor(honest()))
        .burst(CLIENT, 0, Delivery::Reliable, 5, 100)
        .then(Call::Forget)
        .bad_network();
    all.push(("forgotten", forgotten));
    all
}
