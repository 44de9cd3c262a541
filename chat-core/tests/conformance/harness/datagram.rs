//! Decodes and encodes datagrams by hand. udp.md 1, 2 and 5.4.

use chat_core::Timestamp;
use photon_proto::udp::command::{FLAG_RELIABLE, FLAG_UNSEQUENCED, HEADER_BYTES, kind, kind_name};
use photon_proto::udp::datagram::{self, Header};

/// A datagram that was sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SentDatagram {
    pub(crate) at_ms: u64,
    pub(crate) header: Header,
    pub(crate) commands: Vec<Command>,
    pub(crate) raw: Vec<u8>,
}

/// A command in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Command {
    pub(crate) kind: u8,
    pub(crate) channel: u8,
    pub(crate) flags: u8,
    pub(crate) reserved: u8,
    pub(crate) rseq: u32,
}

impl SentDatagram {
    #[track_caller]
    pub(crate) fn read(now: Timestamp, bytes: &[u8]) -> Self {
        let parsed = datagram::decode(bytes).expect("a valid datagram");
        assert_eq!(parsed.trailing_bytes(), 0);
        let commands = parsed.commands().map(|command| Command {
            kind: command.kind,
            channel: command.channel,
            flags: command.flags,
            reserved: command.reserved,
            rseq: command.rseq,
        });
        Self {
            at_ms: now.as_millis(),
            header: parsed.header,
            commands: commands.collect(),
            raw: bytes.to_vec(),
        }
    }

    /// The names of its commands. A disconnect is listed with its reserved byte and its form.
    pub(crate) fn names(&self) -> String {
        let names = self.commands.iter().map(|command| {
            let name = kind_name(command.kind).expect("a known command");
            let form = if command.flags & FLAG_UNSEQUENCED != 0 {
                " unsequenced"
            } else {
                ""
            };
            if command.kind == kind::DISCONNECT {
                format!("{name} {}{form}", command.reserved)
            } else {
                name.into()
            }
        });
        names.collect::<Vec<_>>().join(" + ")
    }

    pub(crate) fn has(&self, kind: u8) -> bool {
        self.commands.iter().any(|command| command.kind == kind)
    }
}

/// Encodes a datagram of a server with these commands.
pub(crate) fn of(challenge: u32, commands: impl AsRef<[Vec<u8>]>) -> Vec<u8> {
    let commands = commands.as_ref();
    let mut bytes = vec![
        0,
        0,
        0,
        u8::try_from(commands.len()).expect("not so many"),
        0,
        0,
        0,
        7,
    ];
    bytes.extend(challenge.to_be_bytes());
    bytes.extend(commands.concat());
    bytes
}

pub(crate) fn command(
    kind: u8,
    channel: u8,
    flags: u8,
    reserved: u8,
    rseq: u32,
    body: &[u8],
) -> Vec<u8> {
    let mut bytes = vec![kind, channel, flags, reserved];
    bytes.extend(
        u32::try_from(HEADER_BYTES + body.len())
            .expect("not so long")
            .to_be_bytes(),
    );
    bytes.extend(rseq.to_be_bytes());
    bytes.extend(body);
    bytes
}

/// Encodes a reliable message on channel 0.
pub(crate) fn reliable(rseq: u32, message: &[u8]) -> Vec<u8> {
    command(kind::RELIABLE, 0, FLAG_RELIABLE, 0, rseq, message)
}

/// Encodes a control command without a body.
pub(crate) fn control(kind: u8, flags: u8, reserved: u8, rseq: u32) -> Vec<u8> {
    command(kind, 0xFF, flags, reserved, rseq, &[])
}

/// The time without an acknowledgement that ends a connection. udp.md 5.6.
pub(crate) const GIVES_UP_MS: u64 = 10_000;

/// The times at which a command that is never acknowledged is sent, in milliseconds after the
/// first, as far as they are before `end_ms`. udp.md 5.4, with the settings of a chat client.
pub(crate) fn resends(first_timeout_ms: u64, end_ms: u64) -> Vec<u64> {
    let (mut sent, mut timeout, mut due) = (vec![0], first_timeout_ms, first_timeout_ms + 1);
    while due < end_ms {
        if sent.len() > 2 {
            timeout = (timeout * 2).min(first_timeout_ms.max(400));
        }
        sent.push(due);
        due += timeout + 1;
    }
    sent
}

#[test]
fn the_resend_times_match_the_specification() {
    let table: [(u64, &[u64]); 3] = [
        (160, &[0, 161, 322, 483, 804, 1205, 1606]),
        (35, &[0, 36, 72, 108, 179, 320, 601, 1002, 1403, 1804]),
        (666, &[0, 667, 1334]),
    ];
    for (first, sent) in table {
        assert_eq!(resends(first, 2_000), sent, "{first}");
    }
}
