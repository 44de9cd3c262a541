//! What the network asks of a link, whatever kind it is.

use photon_proto::Timestamp;

use super::rng::Rng;
use super::{End, FateFn, LinkEvent};
use crate::netem::{Conditions, NetemStats, Pipe};

pub(super) trait Link: Send {
    /// How many bytes were taken.
    fn send(&mut self, now: Timestamp, rng: &mut Rng, from: End, bytes: &[u8]) -> usize;

    fn close(&mut self, now: Timestamp, rng: &mut Rng, end: End);

    fn reset(&mut self, now: Timestamp, rng: &mut Rng);

    fn set_reading(&mut self, end: End, reading: bool);

    fn stall(&mut self, until: Timestamp);

    fn cut(&mut self, towards: End);

    fn set_conditions(&mut self, towards: End, conditions: Conditions);

    fn set_fate(&mut self, fate: Option<FateFn>);

    /// Sends a datagram that arrives after this delay, under no conditions.
    fn send_after(&mut self, now: Timestamp, from: End, delay_micros: u64, bytes: &[u8]);

    /// The datagrams on their way to this end; none on a stream link.
    fn in_flight(&self, to: End) -> Option<&Pipe<()>>;

    fn in_flight_mut(&mut self, to: End) -> Option<&mut Pipe<()>>;

    /// When something is to be delivered to this end next.
    fn next_due(&self, to: End) -> Option<Timestamp>;

    /// What is to be delivered now, and whether the sender is to be told of room.
    fn take(&mut self, now: Timestamp, rng: &mut Rng, to: End) -> Option<(LinkEvent, bool)>;

    /// Nobody listens any more.
    fn is_over(&self) -> bool;

    /// What became of its datagrams.
    fn stats(&self) -> NetemStats;
}
