//! [`Forgery`]: datagrams made up by somebody who knows how they look, and [`Seen`]: what he has seen.

use crate::input::Input;
use photon_proto::udp::command::kind;

/// So many of the last reliable commands of an end are remembered.
const MAX_RECENT: usize = 64;

/// What a datagram is made up of, as far as it was chosen beforehand.
#[derive(Clone, Debug)]
pub(super) struct Forgery {
    pub(super) peer_id: u8,
    pub(super) crc: u8,
    pub(super) count: u8,
    pub(super) sent_time: u8,
    trailing: u8,
    pub(super) commands: Vec<Choice>,
}

/// One command; each number is chosen when it is made up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) kind: u8,
    pub(super) channel: u8,
    pub(super) flags: u8,
    pub(super) number: u8,
    /// For the body: another number, and what is wrong with it.
    pub(super) other: u8,
    pub(super) twist: u8,
    pub(super) length: usize,
}

impl Forgery {
    /// How many commands, and five choices about the header; then seven bytes for each command.
    pub(super) fn read(input: &mut Input<'_>) -> Self {
        let commands = 1 + input.below(4);
        let header = [input.u8(), input.u8(), input.u8(), input.u8()];
        let [peer_id, crc, count, sent_time] = header;
        let trailing = if crc & 0x80 == 0 { 0 } else { 3 };
        let commands = (0..commands).map(|_| Choice::read(input)).collect();
        Self {
            peer_id,
            crc,
            count,
            sent_time,
            trailing,
            commands,
        }
    }
}

impl Choice {
    fn read(input: &mut Input<'_>) -> Self {
        Self {
            kind: input.pick([
                kind::RELIABLE,
                kind::ACK,
                kind::FRAGMENT,
                kind::CONNECT,
                kind::VERIFY_CONNECT,
                kind::UNRELIABLE,
                kind::UNSEQUENCED,
                kind::RELIABLE_UNSEQUENCED,
                kind::FRAGMENT_UNSEQUENCED,
                kind::ACK_UNSEQUENCED,
                kind::PING,
                kind::SERVER_TIME,
                kind::RELIABLE,
                kind::FRAGMENT,
                kind::DISCONNECT,
                9,
                13,
                17,
                18,
                19,
                0,
                200,
            ]),
            channel: input.u8(),
            flags: input.u8(),
            number: input.u8(),
            other: input.u8(),
            twist: input.u8(),
            length: usize::from(input.u8()) * 4,
        }
    }
}
