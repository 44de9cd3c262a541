//! Hostile inputs, and what they cost a client: limits bound memory and work by the size of the
//! input, and each call by 5 ms.

mod inputs;
mod instructions;
mod shapes;
mod transfer;

use crate::client::{Calls, Carrier, Connected, frame};
use crate::measure::slowest;
use chat_core::ChatClient;
pub use inputs::{Content, Input, all};
pub use instructions::{GLIBC_TUNABLES, Instructions, count};
use std::time::{Duration, Instant};
pub use transfer::{receive, send};

/// How much of a stream a driver reads at once.
const READ_BYTES: usize = 64 * 1024;

/// The cost of one input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// The bytes of the input, with what the carrier adds.
    pub input_bytes: u64,
    /// How often a part of it was passed to the client.
    pub passed: u64,
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
    let before = (connected.received_bytes, connected.received);
    let mut measure = Measure::default();
    let info = allocation_counter::measure(|| pass(&mut connected, &mut measure, input));
    let stats = connected.chat.stats();
    Cost {
        kept_bytes: (stats.cached_bytes + stats.channel_bytes) as u64,
        input_bytes: connected.received_bytes - before.0,
        passed: connected.received - before.1,
        heap_bytes: info.bytes_max,
        ..measure.0
    }
}

/// The numbers of the `count` calls that seem to be the longest: those that took the most time in
/// each of two passes. Callgrind counts the instructions of these calls one by one; of tens of
/// thousands it would take minutes.
#[must_use]
pub fn longest_calls(input: &Input, count: usize) -> Vec<u64> {
    let times = || {
        let mut times = Times::default();
        pass(
            &mut Connected::new(input.carrier, input.protocol),
            &mut times,
            input,
        );
        times.0
    };
    slowest(times, count)
}

/// Passes the input to a connected client, for callgrind: it collects inside of `one_call` and
/// `one_long_call`, which makes the calls with the numbers in `longest`.
pub fn run(input: &Input, longest: &[u64]) {
    let mut connected = Connected::new(input.carrier, input.protocol);
    let mut counted = Counted {
        made: 0,
        longest: longest.to_vec(),
    };
    pass(&mut connected, &mut counted, input);
}

fn pass(connected: &mut Connected, calls: &mut impl Calls, input: &Input) {
    match &input.content {
        // As a driver reads a stream.
        Content::Messages(messages) if input.carrier == Carrier::Stream => {
            let mut stream = Vec::new();
            allocation_counter::opt_out(|| {
                for message in messages {
                    frame(&mut stream, |out| out.extend_from_slice(message));
                }
            });
            for bytes in stream.chunks(READ_BYTES) {
                connected.input_with(calls, bytes);
            }
            allocation_counter::opt_out(|| drop(stream));
        }
        Content::Messages(messages) => {
            for message in messages {
                connected.deliver_with(calls, message);
            }
        }
        Content::Raw(all) => {
            for bytes in all {
                let mut bytes = bytes.clone();
                // Without the challenge a datagram is dropped at once. Spec: udp.md 2.
                if let Some(challenge) = bytes.get_mut(8..12)
                    && *challenge == inputs::CHALLENGE
                {
                    challenge.copy_from_slice(&connected.challenge);
                }
                connected.input_with(calls, &bytes);
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

#[derive(Default)]
struct Times(Vec<Duration>);

impl Calls for Times {
    fn call(&mut self, chat: &mut ChatClient, call: impl FnOnce(&mut ChatClient) -> bool) -> bool {
        let start = Instant::now();
        let more = call(chat);
        self.0.push(start.elapsed());
        more
    }
}

struct Counted {
    made: u64,
    longest: Vec<u64>,
}

impl Calls for Counted {
    fn call(&mut self, chat: &mut ChatClient, call: impl FnOnce(&mut ChatClient) -> bool) -> bool {
        let is_long = self.longest.contains(&self.made);
        self.made += 1;
        if is_long {
            one_long_call(chat, call)
        } else {
            one_call(chat, call)
        }
    }
}

/// Makes one call. Not inlined, so that callgrind finds it by its name.
#[inline(never)]
fn one_call(chat: &mut ChatClient, call: impl FnOnce(&mut ChatClient) -> bool) -> bool {
    std::hint::black_box(call(chat))
}

/// Like [`one_call`], for a call that is counted by itself.
#[inline(never)]
fn one_long_call(chat: &mut ChatClient, call: impl FnOnce(&mut ChatClient) -> bool) -> bool {
    // The compiler merges functions with the same code, and then this name would not exist.
    std::hint::black_box("a long call");
    std::hint::black_box(call(chat))
}
