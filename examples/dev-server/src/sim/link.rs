//! [`Link`]: the operations of every kind of link.

use photon_proto::Timestamp;

use super::{End, FateFn, LinkEvent};
use crate::netem::{Conditions, NetemStats, Pipe};
use crate::rng::Rng;

pub(super) trait Link: Send {
    /// Sends bytes; returns how many were accepted.
    fn send(&mut self, now: Timestamp, rng: &mut Rng, from: End, bytes: &[u8]) -> usize;

    fn close(&mut self, now: Timestamp, rng: &mut Rng, end: End);

    fn reset(&mut self, now: Timestamp, rng: &mut Rng);

    fn set_reading(&mut self, end: End, reading: bool);

    fn stall(&mut self, until: Timestamp);

    fn cut(&mut self, towards: End);

    fn set_conditions(&mut self, towards: End, conditions: Conditions);

    fn set_fate(&mut self, fate: Option<FateFn>);

    /// Sends a datagram that arrives after this delay, whatever the conditions.
    fn send_after(&mut self, now: Timestamp, from: End, delay_micros: u64, bytes: &[u8]);

    /// The datagrams in flight towards this end; `None` for a stream link.
    fn in_flight(&self, to: End) -> Option<&Pipe<()>>;

    fn in_flight_mut(&mut self, to: End) -> Option<&mut Pipe<()>>;

    /// The time of the next delivery to this end.
    fn next_due(&self, to: End) -> Option<Timestamp>;

    /// The next delivery that is due, and whether the sender can now send again.
    fn take(&mut self, now: Timestamp, rng: &mut Rng, to: End) -> Option<(LinkEvent, bool)>;

    /// Whether both ends have closed, so that nothing more can be delivered.
    fn is_over(&self) -> bool;

    /// The counters of its datagrams.
    fn stats(&self) -> NetemStats;
}
