//! Hostile inputs, and what they cost a client: DESIGN 9 limits memory and work by the size of the
//! input, and each call by 5 ms.

mod inputs;

use crate::client::{Calls, Connected};
use chat_core::ChatClient;
pub use inputs::{Content, Input, all};

/// The cost of one input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// The bytes of the input.
    pub input_bytes: usize,
    /// The most memory that the client used in addition to what it had before.
    pub heap_bytes: u64,
    /// The part of it that caches and channels hold and count at the end.
    pub kept_bytes: u64,
    /// The calls of the client.
    pub calls: u64,
    /// The client's own estimate of its work, in instructions.
    pub work: u64,
    /// The most of it in one call.
    pub longest_work: u64,
}

/// Passes the input to a connected client, and measures memory and work.
#[must_use]
pub fn cost(input: &Input) -> Cost {
    let mut connected = Connected::new(input.carrier, input.protocol);
    let mut measure = Measure::default();
    let info = allocation_counter::measure(|| pass(&mut connected, &mut measure, input));
    let stats = connected.chat.stats();
    Cost {
        kept_bytes: (stats.cached_bytes + stats.channel_bytes) as u64,
        input_bytes: input.content.bytes(),
        heap_bytes: info.bytes_max,
        ..measure.0
    }
}

/// Passes the input to a connected client, for callgrind: it collects inside of [`one_call`].
pub fn run(input: &Input) {
    let mut connected = Connected::new(input.carrier, input.protocol);
    pass(&mut connected, &mut Counted, input);
}

fn pass(connected: &mut Connected, calls: &mut impl Calls, input: &Input) {
    match &input.content {
        Content::Messages(messages) => {
            for message in messages {
                connected.deliver_with(calls, message);
            }
        }
        Content::Raw(all) => {
            for bytes in all {
                connected.input_with(calls, bytes);
            }
        }
    }
}

#[derive(Default)]
struct Measure(Cost);

impl Calls for Measure {
    fn call(&mut self, chat: &mut ChatClient, call: impl FnOnce(&mut ChatClient) -> bool) -> bool {
        let before = chat.stats().work;
        let more = call(chat);
        let work = chat.stats().work - before;
        self.0.calls += 1;
        self.0.work += work;
        self.0.longest_work = self.0.longest_work.max(work);
        more
    }
}

struct Counted;

impl Calls for Counted {
    fn call(&mut self, chat: &mut ChatClient, call: impl FnOnce(&mut ChatClient) -> bool) -> bool {
        one_call(chat, call)
    }
}

/// Makes one call. Not inlined, so that callgrind finds it by its name.
#[inline(never)]
pub fn one_call(chat: &mut ChatClient, call: impl FnOnce(&mut ChatClient) -> bool) -> bool {
    std::hint::black_box(call(chat))
}
