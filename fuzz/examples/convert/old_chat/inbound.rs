//! [`Inbound`]: what a server says and how it comes, and the bytes that a client receives of it.

use super::server_message::ServerMessage;
use crate::input::Input;
/// What a server says, and how it comes.
#[derive(Clone, Debug)]
pub(super) struct Inbound<'a> {
    pub(super) said: ServerMessage<'a>,
    pub(super) way: Way,
    /// If the connection has a key.
    pub(super) encrypted: bool,
}

/// How bytes come. Of several datagrams or WebSocket messages, the last is the one that something happens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Whole,
    /// In two pieces; datagrams in reverse, with an odd number each twice; WebSocket messages are never in pieces.
    Split(u8),
    /// One byte changed.
    Flipped {
        at: u8,
        bits: u8,
    },
    /// Without the last bytes; with an even number no datagram comes at all.
    Cut(u8),
}

impl<'a> Inbound<'a> {
    pub(super) fn read(input: &mut Input<'a>) -> Self {
        let said = ServerMessage::read(input);
        let way = match input.u8() {
            0..=199 => Way::Whole,
            200..=239 => Way::Split(input.u8()),
            240..=250 => Way::Flipped {
                at: input.u8(),
                bits: input.u8(),
            },
            _ => Way::Cut(input.u8()),
        };
        Self {
            said,
            way,
            encrypted: input.flag(),
        }
    }
}
