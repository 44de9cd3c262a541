//! The memory of a client that waits for messages.

use crate::client::{Carrier, Connected};
use crate::measure::Case;
use chat_core::{ChatClient, ChatConfig, Restore};
use photon_proto::Protocol;

pub(super) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for carrier in [
        Carrier::Stream,
        Carrier::Messages,
        Carrier::Json,
        Carrier::Datagrams,
    ] {
        let name = carrier.name();
        cases.push(Case::memory(
            format!("memory of an idle client with one channel, {name}"),
            move || bytes(carrier, |config| config),
        ));
    }
    cases.push(Case::memory(
        "memory of an idle client with one channel, tcp, restore",
        || bytes(Carrier::Stream, |config| config.restore(Restore::new())),
    ));
    cases
}

/// The bytes of a client that is subscribed to one channel and has received no message: its own,
/// and those that it has allocated.
fn bytes(carrier: Carrier, change: fn(ChatConfig) -> ChatConfig) -> u64 {
    let mut connected = None;
    let info = allocation_counter::measure(|| {
        let mut new = Connected::with(carrier, Protocol::V18, change);
        new.idle();
        connected = Some(new);
    });
    drop(connected);
    u64::try_from(info.bytes_current).unwrap_or_default() + size_of::<ChatClient>() as u64
}
