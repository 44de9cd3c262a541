//! Target [`kept`].

use crate::input::Input;
use chat_core::{ChatConfig, ConnectOptions, Kept, RequestError, Restore};
use dev_server::ServerConfig;
use dev_server::sim::StreamSettings;
use photon_proto::{Limits, Protocol, codec};
use soak::{Simulation, Transport};

/// Longer than a login and all that restore asks for; the network has no delay.
const RUN_MS: u64 = 3_000;
/// Longer than a client stays after a disconnect.
const END_MS: u64 = 20_000;
/// A client at rest, or between any two calls, buffers less.
const MAX_BUFFERED_BYTES: usize = 8 * 1024 * 1024;

/// Reads any bytes as state that a program kept, and lets a client go on with it.
///
/// The lowest bit of the first byte decides whether JSON follows or a value of GpBinary 1.8, which is
/// then stored as JSON.
///
/// - What is stored is kept state or an error.
/// - Kept state that is stored again is the same later.
/// - A client that takes it keeps nothing else, and the next one the same. It connects to a server, or refuses to because the state
///   belongs to another login, and is at rest once it has forgotten its channels.
///
/// # Panics
/// If one of these does not hold.
pub fn kept(data: &[u8]) {
    let mut input = Input::new(data);
    let is_value = input.flag();
    let stored = if is_value {
        let Ok(value) = codec::decode_value(Protocol::V18, &Limits::DEFAULT, input.rest()) else {
            return;
        };
        serde_json::to_vec(&value).expect("a value has a stored form")
    } else {
        input.rest().to_vec()
    };
    let Ok(kept) = serde_json::from_slice::<Kept>(&stored) else {
        return;
    };
    check_stored(&kept);
    resume(kept);
}

fn check_stored(kept: &Kept) {
    let stored = stored(kept);
    let read: Kept = serde_json::from_str(&stored).expect("the stored form is read");
    assert!(*kept == read, "{stored}");
}

fn resume(kept: Kept) {
    let mut simulation = Simulation::new(1, ServerConfig::new(), StreamSettings::default());
    let region = kept.region().clone();
    let earlier = add(&mut simulation, &kept);
    let first = simulation.chat(earlier).keep();
    assert!(first.channels() <= kept.channels(), "{}", stored(&first));
    // The first client may have dropped what means nothing, such as a channel without a position that
    // nobody wants.
    let client = add(&mut simulation, &first);
    let second = simulation.chat(client).keep();
    let both = || format!("{}\n{}", stored(&first), stored(&second));
    assert!(first == second, "{}", both());
    let chat = simulation.chat(client);
    let connected = chat.connect_to_name_server(ConnectOptions::new().region(region));
    // Changed state may have a region that no call takes, such as "/".
    let is_settled = matches!(
        connected,
        Ok(())
            | Err(RequestError::KeptByOther(_)
                | RequestError::InvalidId { .. }
                | RequestError::Empty("region"))
    );
    assert!(is_settled, "{connected:?}");
    simulation.run_for(RUN_MS);
    let chat = simulation.chat(client);
    assert!(chat.stats().buffered_bytes <= MAX_BUFFERED_BYTES);
    // Whatever became of it has a stored form that is read.
    check_stored(&chat.keep());
    chat.disconnect();
    simulation.run_for(END_MS);
    let chat = simulation.chat(client);
    chat.forget_channels();
    assert_eq!(chat.check_at_rest(), Ok(()));
}

fn add(simulation: &mut Simulation, kept: &Kept) -> usize {
    let change = |config: ChatConfig| config.restore(Restore::new()).resume(kept.clone());
    simulation.add_over(Transport::Tcp, kept.user_id(), change)
}

fn stored(kept: &Kept) -> String {
    serde_json::to_string(kept).expect("kept state has a stored form")
}
