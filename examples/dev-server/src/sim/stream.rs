//! A stream link: an ordered stream of bytes, or of whole messages, with delay, chunking and a
//! window.

use std::collections::VecDeque;

use photon_proto::Timestamp;

use super::link::Link;
use super::{End, FateFn, LinkEvent};
use crate::netem::{Conditions, NetemStats, Pipe};
use crate::rng::Rng;

/// The settings of a stream link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// The one-way delay, in milliseconds. Default 0.
    pub delay_ms: u64,
    /// The maximum additional delay, in milliseconds, drawn for each send. The order stays. Default
    /// 0.
    pub jitter_ms: u64,
    /// Bytes are delivered in random chunks of 1 to this many, however they were sent. Default 0:
    /// as they were sent.
    pub max_chunk: usize,
    /// The bytes that may be in flight, or wait for an end that does not read, in each direction.
    /// Default 64 KiB.
    pub window_bytes: usize,
    /// The bandwidth in each direction. Default 0: no limit.
    pub bytes_per_second: u64,
    /// Whether the server refuses the connection. Default false.
    pub refused: bool,
    /// Whether the connection attempt gets no response. Default false.
    pub unanswered: bool,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            delay_ms: 0,
            jitter_ms: 0,
            max_chunk: 0,
            window_bytes: 64 * 1024,
            bytes_per_second: 0,
            refused: false,
            unanswered: false,
        }
    }
}

impl StreamSettings {
    /// Draws the one-way delay of one send.
    fn one_way_ms(&self, rng: &mut Rng) -> u64 {
        self.delay_ms
            .saturating_add(rng.below(self.jitter_ms.saturating_add(1)))
    }
}

/// One direction of the link.
#[derive(Debug, Default)]
struct Direction {
    /// Whether bytes that are sent together arrive together.
    whole: bool,
    /// Events with the times at which they are due. An event waits for those before it even if they
    /// are due later.
    queue: VecDeque<(Timestamp, LinkEvent)>,
    in_flight: usize,
    /// The time at which the bandwidth is free for the next send.
    busy_until: Timestamp,
    not_before: Timestamp,
    paused: bool,
    /// Everything in this direction is lost.
    cut: bool,
    /// The receiving end has closed, or received the last event.
    closed: bool,
    /// The sender was refused space, and waits for [`LinkEvent::Writable`].
    sender_blocked: bool,
}

impl Direction {
    /// Queues an event that is not limited by the window.
    fn push(&mut self, due: Timestamp, event: LinkEvent) {
        if !self.closed && !self.cut {
            self.queue.push_back((due, event));
        }
    }

    /// Accepts as many bytes as fit into the window.
    fn send(
        &mut self,
        now: Timestamp,
        settings: &StreamSettings,
        rng: &mut Rng,
        bytes: &[u8],
    ) -> usize {
        if self.closed {
            return bytes.len();
        }
        // A single long message may exceed the window.
        let space = settings.window_bytes.saturating_sub(self.in_flight);
        let taken = match bytes.get(..space) {
            // A message longer than the window is sent alone.
            Some(_) if self.whole => {
                if self.in_flight == 0 {
                    bytes
                } else {
                    &[]
                }
            }
            part => part.unwrap_or(bytes),
        };
        self.sender_blocked = taken.len() < bytes.len();
        if taken.is_empty() {
            return 0;
        }
        self.in_flight += taken.len();
        let send_micros = match settings.bytes_per_second {
            0 => 0,
            rate => (taken.len() as u64).saturating_mul(1_000_000) / rate,
        };
        self.busy_until = self.busy_until.max(now).plus_micros(send_micros);
        self.push(
            self.busy_until.plus_millis(settings.one_way_ms(rng)),
            LinkEvent::Bytes(taken.to_vec()),
        );
        taken.len()
    }

    /// The sender closes: the event follows everything sent before.
    fn close(&mut self, now: Timestamp, settings: &StreamSettings, rng: &mut Rng) {
        self.push(
            self.busy_until
                .max(now)
                .plus_millis(settings.one_way_ms(rng)),
            LinkEvent::Closed,
        );
    }

    /// Drops everything in flight and queues the reset for `at`. The end receives it even if the
    /// link was cut or stalled, or if the end does not read.
    fn reset(&mut self, at: Timestamp) {
        *self = Self {
            whole: self.whole,
            closed: self.closed,
            ..Self::default()
        };
        self.push(at, LinkEvent::Reset);
    }

    /// Loses everything from now on. The sender notices only when its window is full.
    fn cut(&mut self) {
        self.queue.clear();
        self.cut = true;
    }

    fn hold_until(&mut self, at: Timestamp) {
        self.not_before = self.not_before.max(at);
    }

    const fn set_reading(&mut self, reading: bool) {
        self.paused = !reading;
    }

    /// Stops delivery to this end, and drops everything in flight to it.
    fn stop_receiving(&mut self) {
        self.queue.clear();
        self.closed = true;
    }

    /// The time of the next delivery.
    fn next_due(&self) -> Option<Timestamp> {
        let (due, event) = self.queue.front()?;
        let held = self.paused && matches!(event, LinkEvent::Bytes(_) | LinkEvent::Closed);
        (!held).then(|| (*due).max(self.not_before))
    }

    /// The next event that is due, and whether the sender can now send again.
    fn take(
        &mut self,
        now: Timestamp,
        settings: &StreamSettings,
        rng: &mut Rng,
    ) -> Option<(LinkEvent, bool)> {
        if self.next_due()? > now {
            return None;
        }
        debug_assert!(!self.closed && !self.cut, "nothing is queued then");
        let event = match self.queue.pop_front()?.1 {
            LinkEvent::Bytes(bytes) => LinkEvent::Bytes(self.chunk(now, settings, rng, bytes)),
            other => other,
        };
        if matches!(
            event,
            LinkEvent::Closed | LinkEvent::Reset | LinkEvent::Refused
        ) {
            self.stop_receiving();
        }
        let has_space = self.in_flight < settings.window_bytes;
        Some((event, has_space && std::mem::take(&mut self.sender_blocked)))
    }

    /// A chunk of random size from the bytes that are due, beginning with `first`.
    fn chunk(
        &mut self,
        now: Timestamp,
        settings: &StreamSettings,
        rng: &mut Rng,
        first: Vec<u8>,
    ) -> Vec<u8> {
        let mut chunk = first;
        if settings.max_chunk > 0 && !self.whole {
            let most = settings.max_chunk as u64;
            let size =
                usize::try_from(rng.below(most).saturating_add(1)).unwrap_or(settings.max_chunk);
            while chunk.len() < size
                && matches!(self.queue.front(), Some((due, LinkEvent::Bytes(_))) if *due <= now)
                && let Some((_, LinkEvent::Bytes(more))) = self.queue.pop_front()
            {
                chunk.extend(more);
            }
            if chunk.len() > size {
                self.queue
                    .push_front((now, LinkEvent::Bytes(chunk.split_off(size))));
            }
        }
        debug_assert!(self.in_flight >= chunk.len(), "a chunk was sent before");
        self.in_flight -= chunk.len();
        chunk
    }
}

pub(super) struct StreamLink {
    settings: StreamSettings,
    to_server: Direction,
    to_client: Direction,
}

impl StreamLink {
    /// Opens a link. `whole` makes it a message link.
    pub(super) fn connect(
        now: Timestamp,
        rng: &mut Rng,
        settings: StreamSettings,
        whole: bool,
    ) -> Self {
        let [mut to_server, mut to_client] = [(); 2].map(|()| Direction {
            whole,
            ..Direction::default()
        });
        // The connection request travels one way, the response the other.
        let there = now.plus_millis(settings.one_way_ms(rng));
        let back = there.plus_millis(settings.one_way_ms(rng));
        if settings.refused || settings.unanswered {
            to_server.stop_receiving();
        }
        if settings.refused {
            to_client.push(back, LinkEvent::Refused);
        } else if !settings.unanswered {
            to_server.push(there, LinkEvent::Accepted);
            to_client.push(back, LinkEvent::Opened);
        }
        Self {
            settings,
            to_server,
            to_client,
        }
    }

    const fn towards(&mut self, end: End) -> &mut Direction {
        match end {
            End::Server => &mut self.to_server,
            End::Client => &mut self.to_client,
        }
    }
}

impl Link for StreamLink {
    fn send(&mut self, now: Timestamp, rng: &mut Rng, from: End, bytes: &[u8]) -> usize {
        let Self {
            settings,
            to_server,
            to_client,
        } = self;
        let (direction, own) = match from {
            End::Client => (to_server, to_client),
            End::Server => (to_client, to_server),
        };
        if own.closed {
            bytes.len()
        } else {
            direction.send(now, settings, rng, bytes)
        }
    }

    fn close(&mut self, now: Timestamp, rng: &mut Rng, end: End) {
        if !self.towards(end).closed {
            self.towards(end).stop_receiving();
            let settings = self.settings.clone();
            self.towards(end.other()).close(now, &settings, rng);
        }
    }

    fn reset(&mut self, now: Timestamp, rng: &mut Rng) {
        let Self {
            settings,
            to_server,
            to_client,
        } = self;
        for direction in [to_server, to_client] {
            direction.reset(now.plus_millis(settings.one_way_ms(rng)));
        }
    }

    fn set_reading(&mut self, end: End, reading: bool) {
        self.towards(end).set_reading(reading);
    }

    fn stall(&mut self, until: Timestamp) {
        self.to_server.hold_until(until);
        self.to_client.hold_until(until);
    }

    fn cut(&mut self, towards: End) {
        self.towards(towards).cut();
    }

    fn set_conditions(&mut self, _towards: End, _conditions: Conditions) {}

    fn set_fate(&mut self, _fate: Option<FateFn>) {}

    fn send_after(&mut self, _now: Timestamp, _from: End, _delay_micros: u64, _bytes: &[u8]) {}

    fn in_flight(&self, _to: End) -> Option<&Pipe<()>> {
        None
    }

    fn in_flight_mut(&mut self, _to: End) -> Option<&mut Pipe<()>> {
        None
    }

    fn next_due(&self, to: End) -> Option<Timestamp> {
        match to {
            End::Server => self.to_server.next_due(),
            End::Client => self.to_client.next_due(),
        }
    }

    fn take(&mut self, now: Timestamp, rng: &mut Rng, to: End) -> Option<(LinkEvent, bool)> {
        let settings = self.settings.clone();
        let (event, has_space) = self.towards(to).take(now, &settings, rng)?;
        let sender_is_there = !self.towards(to.other()).closed;
        Some((event, has_space && sender_is_there))
    }

    fn is_over(&self) -> bool {
        self.to_server.closed && self.to_client.closed
    }

    fn stats(&self) -> NetemStats {
        NetemStats::default()
    }
}
