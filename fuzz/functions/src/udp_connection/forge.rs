//! [`Forgery`]: the choices of an attacker who knows the format of datagrams.

use crate::script::{List, choices, script_types};
use photon_proto::udp::command::kind;

script_types! {
    /// The choices of an attacker for one datagram. Its numbers become right or wrong values only
    /// when it is written, because the right ones depend on what the attacker has seen.
    pub struct Forgery {
        /// The peer id: right in half of all cases.
        pub peer_id: u8,
        /// Bit 7: whether bytes follow the last command. The rest: the flags, modulo 10, and whether
        /// the checksum is wrong, which every third number makes it.
        pub crc: u8,
        /// The command count: right up to 199, then off by one, then anything.
        pub count: u8,
        /// The sent time: the last one of the peer, or a constant.
        pub sent_time: u8,
        /// The first command.
        pub first: ForgedCommand,
        /// The other commands.
        pub more: List<ForgedCommand, 3>,
    }

    /// The choices of an attacker for one command. Small numbers are the usual values; above 200
    /// begin the wrong ones.
    #[derive(Copy, Eq)]
    pub struct ForgedCommand {
        /// The command type.
        pub kind: CommandKind,
        /// The channel.
        pub channel: u8,
        /// The flags.
        pub flags: u8,
        /// The reliable number, relative to the last one.
        pub number: u8,
        /// Another number of the body.
        pub other: u8,
        /// The error in the body or in the size.
        pub twist: u8,
        /// A quarter of the payload length.
        pub length: u8,
    }
}

choices! {
    /// All command types, the most important ones twice, and some unknown ones. Spec: udp.md 2.2
    #[derive(Eq)]
    pub struct CommandKind(u8) = [
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
    ];
}
