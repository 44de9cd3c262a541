//! Scripts made by hand for `udp_connection`.

use photon_fuzz::udp_connection::Op;

/// Bits of the first byte of a script.
const ACCEPTOR: u8 = 1;
const NOT_CONNECTED: u8 = 2;
const SHUT_DOWN: u8 = 4;
const CRC: u8 = 8;
/// Bits of the second: nobody forges, nobody goes.
const HONEST: u8 = 1;
const STAYS: u8 = 2;

const CLIENT: u8 = 0;
const SERVER: u8 = 1;

/// A script that is being written.
struct Script(Vec<u8>);

impl Script {
    fn new(choices: u8, without: u8) -> Self {
        Self(vec![choices, without, 0, 0, 0])
    }

    fn setup(mut self, sizes: u8, times: u8, table: u8) -> Self {
        self.0[2..5].copy_from_slice(&[sizes, times, table]);
        self
    }

    fn op(mut self, op: Op, rest: &[u8]) -> Self {
        self.0.push(op.byte());
        self.0.extend_from_slice(rest);
        self
    }

    /// A burst of this many messages of a channel and a delivery.
    fn burst(self, end: u8, channel: u8, delivery: u8, count: u8, length: u16) -> Self {
        let [low, high] = length.to_le_bytes();
        self.op(Op::Burst, &[end, channel, delivery, count, low, high])
    }

    /// A datagram of one command for an end: its kind (by place), channel, number, other, twist, length in fours.
    fn forge(self, to: u8, [kind, channel, number, other, twist, length]: [u8; 6]) -> Self {
        self.op(
            Op::Forge,
            &[
                to, 0, 0, 0, 0, 0, kind, channel, 0, number, other, twist, length,
            ],
        )
    }

    /// Everything that both ends have to say is on its way, and some of it gets lost, comes twice and late.
    fn weather(mut self) -> Self {
        for end in [CLIENT, SERVER] {
            self = self.op(Op::Pull, &[end, 200]);
        }
        for to in [CLIENT, SERVER] {
            self = self
                .op(Op::DeliverAgain, &[to, 3])
                .op(Op::Lose, &[to, 1])
                .op(Op::Deliver, &[to, 7])
                .op(Op::Lose, &[to, 0])
                .op(Op::Corrupt, &[to, 2, 77, 1])
                .op(Op::DeliverAgain, &[to, 0])
                .op(Op::Deliver, &[to, 0]);
        }
        self.op(Op::Wait, &[60, 0])
            .op(Op::Sleep, &[CLIENT])
            .op(Op::Sleep, &[SERVER])
    }
}

/// All of them by name. Those that begin with `delivers` are honest, and everything arrives.
pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let mut all = Vec::new();
    let mut add = |name, script: Script| all.push((name, script.0));
    for (name, choices) in [
        ("delivers-direct", 0),
        ("delivers-crc", CRC),
        ("delivers-acceptor", ACCEPTOR),
        ("delivers-acceptor-crc", ACCEPTOR | CRC),
        ("delivers-shutdown", SHUT_DOWN),
        ("delivers-acceptor-shutdown", ACCEPTOR | SHUT_DOWN),
        ("delivers-from-the-start", NOT_CONNECTED),
        ("delivers-narrow-window", 0b1100_0000),
        ("delivers-no-window", 0b1000_0000),
    ] {
        let mut script = Script::new(choices, HONEST | STAYS);
        script = script.op(Op::Turn, &[20]);
        for delivery in 0..4 {
            script = script
                .burst(CLIENT, 0, delivery, 30, 100)
                .burst(SERVER, 1, delivery, 12, 1299);
        }
        script = script
            .burst(CLIENT, 2, 0, 2, 0x8000 | 30_000)
            .weather()
            .burst(SERVER, 0, 1, 3, 0x8000 | 9000);
        add(
            name,
            script.weather().op(Op::Events, &[SERVER, 9]).weather(),
        );
    }
    let small = Script::new(0, HONEST | STAYS).setup(0b0010_0101, 0, 0);
    add(
        "delivers-small-caps",
        small
            .burst(CLIENT, 0, 0, 40, 900)
            .weather()
            .burst(SERVER, 0, 2, 40, 500)
            .weather(),
    );
    // 2^32 milliseconds go by while everything is quiet, and a clock wraps.
    let wraps = Script::new(0, HONEST)
        .setup(0, 1, 0b0100_0000)
        .burst(CLIENT, 0, 0, 9, 100)
        .op(Op::Turn, &[50]);
    let wraps = wraps
        .op(Op::Leap, &[4])
        .burst(SERVER, 0, 0, 9, 100)
        .op(Op::Leap, &[2])
        .op(Op::Turn, &[1]);
    add("clock-wraps", wraps.burst(CLIENT, 0, 0, 9, 100).weather());
    add(
        "end-of-time",
        Script::new(0, 0)
            .burst(CLIENT, 0, 0, 9, 100)
            .op(Op::Leap, &[6])
            .op(Op::Turn, &[1])
            .weather(),
    );
    let back = Script::new(ACCEPTOR, HONEST)
        .burst(CLIENT, 0, 0, 9, 100)
        .weather();
    add(
        "time-goes-back",
        back.op(Op::Back, &[SERVER, 0, 9])
            .op(Op::Back, &[CLIENT, 255, 255])
            .op(Op::Turn, &[1]),
    );
    for (name, choices, to) in [
        ("forged-to-client", 0, CLIENT),
        ("forged-to-server", 0, SERVER),
        ("forged-to-acceptor", ACCEPTOR, SERVER),
    ] {
        let mut script = Script::new(choices, 0)
            .burst(CLIENT, 0, 0, 9, 100)
            .burst(SERVER, 0, 0, 9, 100)
            .weather();
        for kind in 0..22 {
            // The last but a few end it.
            if kind != 14 {
                script = script
                    .forge(to, [kind, 0, 1, 0, 0, 9])
                    .forge(to, [kind, 1, 225, 130, 210, 9]);
            }
        }
        add(
            name,
            script
                .op(Op::Events, &[to, 50])
                .forge(to, [14, 255, 1, 3, 0, 0]),
        );
    }
    // Two parts of a message, the second first; then parts that contradict each other.
    let parts = Script::new(0, 0)
        .forge(CLIENT, [2, 0, 1, 0, 0, 9])
        .forge(CLIENT, [2, 0, 0, 120, 0, 9]);
    let mut mismatches = Script::new(0, 0).forge(SERVER, [2, 0, 0, 2, 0, 9]);
    for _ in 0..18 {
        mismatches = mismatches.forge(SERVER, [2, 0, 1, 120, 226, 9]);
    }
    add("fragments-out-of-order", parts.op(Op::Events, &[CLIENT, 9]));
    add("fragments-contradict", mismatches.op(Op::Turn, &[9]));
    let mut strangers = Script::new(ACCEPTOR | NOT_CONNECTED, HONEST).setup(0, 0, 0b0010_0101);
    for address in 0..4 {
        strangers = strangers
            .op(
                Op::Strange,
                &[SERVER, address, 0, 3, 0, 0, 0, 3, 255, 0, 1, 0, 0, 0],
            )
            .op(Op::Pull, &[SERVER, 9])
            .op(
                Op::Strange,
                &[SERVER, address, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
            );
    }
    add(
        "strangers",
        strangers
            .op(Op::Turn, &[20])
            .burst(CLIENT, 0, 0, 5, 100)
            .op(Op::Turn, &[20]),
    );
    for (name, choices, end) in [
        ("client-closes", 0, CLIENT),
        ("server-closes", 0, SERVER),
        ("acceptor-closes", ACCEPTOR, SERVER),
    ] {
        let script = Script::new(choices, HONEST)
            .burst(CLIENT, 0, 0, 60, 100)
            .weather();
        add(
            name,
            script
                .op(Op::Close, &[end])
                .burst(end, 0, 0, 1, 9)
                .weather()
                .op(Op::Turn, &[1]),
        );
    }
    // A shutdown whose patience ends while something of the control channel is queued.
    let shutdown = Script::new(0, HONEST)
        .op(Op::FetchTime, &[])
        .op(Op::Shutdown, &[CLIENT, 2, 0]);
    add(
        "found-shutdown-runs-out-of-patience",
        shutdown.op(Op::Turn, &[0]),
    );
    let shutdown = Script::new(ACCEPTOR, HONEST)
        .burst(SERVER, 0, 0, 60, 100)
        .op(Op::Shutdown, &[SERVER, 1, 3]);
    add("server-shuts-down", shutdown.weather().op(Op::Turn, &[1]));
    add(
        "forgotten",
        Script::new(ACCEPTOR, HONEST)
            .burst(CLIENT, 0, 0, 5, 100)
            .op(Op::Forget, &[])
            .weather(),
    );
    let raw = [&[SERVER, 1, 12, 0, 0x42, 0, 255][..], &[0; 8]].concat();
    add(
        "raw",
        Script::new(ACCEPTOR, 0)
            .op(Op::Raw, &raw)
            .op(Op::Raw, &[CLIENT, 0, 3, 1, 2, 3])
            .op(Op::Turn, &[1]),
    );
    all
}
