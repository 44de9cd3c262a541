//! Scripts for `peer`: a conversation over every wire, and what disturbs it.

use dev_server::{SubProtocol, Transport};
use photon_fuzz::peer::{
    Answer, AnyProtocol, AnyTransport, Arrival, Disturbance, Handshake, Link, Script, Sending,
    Setup, Side, Step,
};
use photon_fuzz::script::{List, OneIn};

const CARRY_ALL: u8 = 255;

fn carry(from: Side, count: u8) -> Step {
    Step::Carry { from, count }
}

fn receive(side: Side) -> Step {
    Step::Receive { side, times: 20 }
}

fn send(side: Side, length: u16, encrypt: bool) -> Step {
    Step::Send {
        side,
        sending: Sending {
            length,
            encrypt,
            uncapped: false,
            fails: OneIn(false),
        },
    }
}

fn arrive(side: Side, arrival: Arrival) -> Step {
    Step::Disturb(Disturbance::Arrive { side, arrival })
}

fn link(side: Side, event: Link) -> Step {
    Step::Disturb(Disturbance::Link { side, event })
}

/// Everything arrives, and both owners take it.
fn round() -> Vec<Step> {
    vec![
        carry(Side::Client, CARRY_ALL),
        receive(Side::Server),
        carry(Side::Server, CARRY_ALL),
        receive(Side::Client),
    ]
}

/// The handshake, then messages in both directions.
fn conversation() -> Vec<Step> {
    let mut steps = Vec::new();
    for _ in 0..4 {
        steps.extend(round());
    }
    for encrypt in [false, true] {
        steps.push(send(Side::Client, 30, encrypt));
        steps.push(send(Side::Server, 300, encrypt));
        steps.push(Step::Wait(120));
        steps.extend(round());
    }
    steps
}

/// The wires and formats, by name.
fn variants() -> Vec<(&'static str, Setup)> {
    let setup = |transport, protocol| Setup {
        transport: AnyTransport::of(transport),
        protocol: AnyProtocol::of(protocol),
        ..Setup::default()
    };
    vec![
        ("tcp-v16", setup(Transport::Tcp, SubProtocol::GpBinaryV16)),
        ("tcp-v18", setup(Transport::Tcp, SubProtocol::GpBinaryV18)),
        ("udp-v16", setup(Transport::Udp, SubProtocol::GpBinaryV16)),
        ("udp-v18", setup(Transport::Udp, SubProtocol::GpBinaryV18)),
        ("ws-v16", setup(Transport::Ws, SubProtocol::GpBinaryV16)),
        ("ws-v18", setup(Transport::Ws, SubProtocol::GpBinaryV18)),
        ("wss-json", setup(Transport::Wss, SubProtocol::Json)),
        ("wss-v18", setup(Transport::Wss, SubProtocol::GpBinaryV18)),
    ]
}

pub(crate) fn all() -> Vec<(String, Script)> {
    let mut all = Vec::new();
    for (name, setup) in variants() {
        all.push((
            format!("conversation-{name}"),
            Script {
                setup,
                steps: conversation(),
            },
        ));
        let mut plain = Script {
            setup: Setup {
                is_plain: true,
                is_tight: true,
                ..setup
            },
            steps: vec![carry(Side::Client, 9), receive(Side::Server)],
        };
        plain.steps.extend(conversation());
        for _ in 0..4 {
            plain.steps.push(send(Side::Server, 290, false));
            plain.steps.push(carry(Side::Server, 3));
        }
        all.push((format!("tight-{name}"), plain));
    }
    let tcp = |steps| Script {
        setup: Setup::default(),
        steps,
    };
    let disturbed = |disturbance| {
        let mut steps = conversation();
        steps.insert(6, Step::Disturb(disturbance));
        tcp(steps)
    };
    let everything_early = [
        Handshake::Init,
        Handshake::InitResponse,
        Handshake::KeyRequest,
        Handshake::KeyResponse,
        Handshake::Ping,
        Handshake::PingAnswer,
        Handshake::BarePing,
        Handshake::BarePingAnswer,
        Handshake::Session,
    ];
    for (side, name) in [(Side::Client, "client"), (Side::Server, "server")] {
        let mut steps = Vec::new();
        for message in everything_early {
            steps.push(arrive(side, Arrival::Handshake(message)));
            steps.push(receive(side));
        }
        steps.extend(conversation());
        all.push((format!("early-{name}"), tcp(steps)));
        for (event, what) in [
            (Link::Close, "closed"),
            (Link::ShutDown, "shut-down"),
            (Link::Abort, "aborted"),
        ] {
            let mut steps = conversation();
            steps.insert(18, link(side, event));
            all.push((format!("{what}-{name}"), tcp(steps)));
        }
    }
    all.push((
        "bad-key".into(),
        disturbed(Disturbance::Answer(Answer::BadKey)),
    ));
    all.push((
        "refused-key".into(),
        disturbed(Disturbance::Answer(Answer::Refuse)),
    ));
    let garbage = Arrival::Bytes(List::new([0xFB, 0, 0, 0, 8, 0, 1, 0x50]));
    all.push((
        "garbage".into(),
        disturbed(Disturbance::Arrive {
            side: Side::Server,
            arrival: garbage,
        }),
    ));
    all
}
