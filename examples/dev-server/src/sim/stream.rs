//! Links that keep the order: bytes, late, in pieces, up to a window; or messages, each whole.

use std::collections::VecDeque;

use photon_proto::Timestamp;

use super::link::Link;
use super::rng::Rng;
use super::{End, FateFn, LinkEvent};
use crate::netem::{Conditions, NetemStats, Pipe};

/// How a stream link behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// How long everything takes one way. Default 0.
    pub delay_ms: u64,
    /// Up to this much more, anew for each send; the order stays. Default 0.
    pub jitter_ms: u64,
    /// Bytes are delivered in random pieces of 1 to this many, whatever they were sent in. Default 0: as they were sent.
    pub max_chunk: usize,
    /// Bytes that may be on their way, or wait for an end that does not read, in each direction. Default 64 KiB.
    pub window_bytes: usize,
    /// Bytes a second, in each direction. Default 0: no limit.
    pub bytes_per_second: u64,
    /// The server refuses the connection. Default false.
    pub refused: bool,
    /// Nobody answers the connection. Default false.
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
    /// How long one way takes this time.
    fn trip_ms(&self, rng: &mut Rng) -> u64 {
        self.delay_ms
            .saturating_add(rng.below(self.jitter_ms.saturating_add(1)))
    }
}

/// What is on its way towards one end.
#[derive(Debug, Default)]
struct Direction {
    /// What is sent at once arrives at once.
    whole: bool,
    /// With due times; nothing overtakes what was sent before it, even if that is due later.
    queue: VecDeque<(Timestamp, LinkEvent)>,
    in_flight: usize,
    /// When the line has sent what it was given.
    line_free: Timestamp,
    not_before: Timestamp,
    paused: bool,
    /// Everything vanishes.
    cut: bool,
    /// The end takes nothing any more.
    deaf: bool,
    /// The sender was refused room, and waits to be told of some.
    sender_waits: bool,
}

impl Direction {
    /// Adds something that is no bytes, behind everything else.
    fn push(&mut self, due: Timestamp, event: LinkEvent) {
        if !self.deaf && !self.cut {
            self.queue.push_back((due, event));
        }
    }

    /// Takes as many bytes as fit the window.
    fn send(
        &mut self,
        now: Timestamp,
        settings: &StreamSettings,
        rng: &mut Rng,
        bytes: &[u8],
    ) -> usize {
        if self.deaf {
            return bytes.len();
        }
        let room = settings.window_bytes.saturating_sub(self.in_flight);
        let taken = match bytes.get(..room) {
            // One that is longer than the window goes alone.
            Some(_) if self.whole => {
                if self.in_flight == 0 {
                    bytes
                } else {
                    &[]
                }
            }
            part => part.unwrap_or(bytes),
        };
        self.sender_waits = taken.len() < bytes.len();
        if taken.is_empty() {
            return 0;
        }
        self.in_flight = self.in_flight.saturating_add(taken.len());
        let on_line = match settings.bytes_per_second {
            0 => 0,
            rate => (taken.len() as u64).saturating_mul(1_000_000) / rate,
        };
        self.line_free = self.line_free.max(now).plus_micros(on_line);
        self.push(
            self.line_free.plus_millis(settings.trip_ms(rng)),
            LinkEvent::Bytes(taken.to_vec()),
        );
        taken.len()
    }

    /// The sender closes, when everything before has left.
    fn close(&mut self, now: Timestamp, settings: &StreamSettings, rng: &mut Rng) {
        self.push(
            self.line_free.max(now).plus_millis(settings.trip_ms(rng)),
            LinkEvent::Closed,
        );
    }

    /// Loses everything; the end is told at `at`, even if the link was cut, stalled, or the end does not read.
    fn reset(&mut self, at: Timestamp) {
        *self = Self {
            whole: self.whole,
            deaf: self.deaf,
            ..Self::default()
        };
        self.push(at, LinkEvent::Reset);
    }

    /// From now on everything vanishes. The sender does not notice, until its window is full.
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

    /// The end takes nothing any more; what was for it is dropped.
    fn deafen(&mut self) {
        self.queue.clear();
        self.deaf = true;
    }

    /// When something is to be delivered next.
    fn next_due(&self) -> Option<Timestamp> {
        let (due, event) = self.queue.front()?;
        let held = self.paused && matches!(event, LinkEvent::Bytes(_) | LinkEvent::Closed);
        (!held).then(|| (*due).max(self.not_before))
    }

    /// What is to be delivered now, and whether the sender is to be told of room.
    fn take(
        &mut self,
        now: Timestamp,
        settings: &StreamSettings,
        rng: &mut Rng,
    ) -> Option<(LinkEvent, bool)> {
        if self.next_due()? > now {
            return None;
        }
        let event = match self.queue.pop_front()?.1 {
            LinkEvent::Bytes(bytes) => LinkEvent::Bytes(self.piece(now, settings, rng, bytes)),
            other => other,
        };
        if matches!(
            event,
            LinkEvent::Closed | LinkEvent::Reset | LinkEvent::Refused
        ) {
            self.deafen();
        }
        let has_room = self.in_flight < settings.window_bytes;
        Some((event, has_room && std::mem::take(&mut self.sender_waits)))
    }

    /// A piece of random size from the bytes that are due, beginning with `first`.
    fn piece(
        &mut self,
        now: Timestamp,
        settings: &StreamSettings,
        rng: &mut Rng,
        first: Vec<u8>,
    ) -> Vec<u8> {
        let mut piece = first;
        if settings.max_chunk > 0 && !self.whole {
            let most = settings.max_chunk as u64;
            let size =
                usize::try_from(rng.below(most).saturating_add(1)).unwrap_or(settings.max_chunk);
            while piece.len() < size
                && matches!(self.queue.front(), Some((due, LinkEvent::Bytes(_))) if *due <= now)
                && let Some((_, LinkEvent::Bytes(more))) = self.queue.pop_front()
            {
                piece.extend(more);
            }
            if piece.len() > size {
                self.queue
                    .push_front((now, LinkEvent::Bytes(piece.split_off(size))));
            }
        }
        self.in_flight = self.in_flight.saturating_sub(piece.len());
        piece
    }
}

pub(super) struct StreamLink {
    settings: StreamSettings,
    to_server: Direction,
    to_client: Direction,
}

impl StreamLink {
    /// A client begins to connect; `whole` if it is messages that are sent.
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
        // The request goes one way, the answer the other.
        let there = now.plus_millis(settings.trip_ms(rng));
        let back = there.plus_millis(settings.trip_ms(rng));
        if settings.refused || settings.unanswered {
            to_server.deafen();
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
        if own.deaf {
            bytes.len()
        } else {
            direction.send(now, settings, rng, bytes)
        }
    }

    fn close(&mut self, now: Timestamp, rng: &mut Rng, end: End) {
        if !self.towards(end).deaf {
            self.towards(end).deafen();
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
            direction.reset(now.plus_millis(settings.trip_ms(rng)));
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
        let (event, has_room) = self.towards(to).take(now, &settings, rng)?;
        let sender_is_there = !self.towards(to.other()).deaf;
        Some((event, has_room && sender_is_there))
    }

    fn is_over(&self) -> bool {
        self.to_server.deaf && self.to_client.deaf
    }

    fn stats(&self) -> NetemStats {
        NetemStats::default()
    }
}
