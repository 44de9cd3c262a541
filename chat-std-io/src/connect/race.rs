//! The race between the addresses of a name (RFC 8305, Happy Eyeballs), as a state machine without
//! sockets.
//!
//! ```text
//! waiting ──due──> open ──won──────────────────────────────> Step::Won, once the others closed
//!                    └──failed, limit, or too many open──> closed
//!                                                            └──none left──> Step::Failed
//! ```
//!
//! The owner opens and closes sockets as [`Race::next_step`] asks, and reports what became of them.
//! TCP and UDP use the same race. Over TCP a connect that completes wins. Over UDP a connect
//! exchanges nothing, so the first datagram that arrives wins.

use chat_core::{LinkError, LinkErrorKind, Timestamp};
use std::fmt::Write;
use std::net::SocketAddr;

/// Addresses that are tried at most. A server has a few; a resolver that returns thousands must not
/// cost a socket for each.
pub(crate) const MAX_ADDRESSES: usize = 64;
/// Attempts that are open at one time. At the delays below, the oldest has had two seconds over TCP
/// and eight over UDP when another needs its place.
const MAX_OPEN: usize = 8;
/// RFC 8305, 5: the recommended Connection Attempt Delay.
const TCP_DELAY_MS: u64 = 250;
/// An answer over UDP takes a round trip, and the connect command or the answer may be lost. The
/// client sends it three times within a second (udp.md 5.4).
const UDP_DELAY_MS: u64 = 1_000;
/// An error that lists the failed addresses stops growing at about this length.
pub(crate) const MAX_ERROR_BYTES: usize = 1_000;

/// A race between addresses.
#[derive(Debug)]
pub(crate) struct Race {
    /// In the order of the attempts.
    candidates: Vec<Candidate>,
    /// Index of the first candidate that was not tried.
    next: usize,
    /// When the next attempt is due.
    next_at: Timestamp,
    delay_ms: u64,
    /// When everything that is open has failed.
    limit: Option<Timestamp>,
    began: Timestamp,
    winner: Option<usize>,
    failures: Failures,
}

#[derive(Debug)]
struct Candidate {
    address: SocketAddr,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Open { since: Timestamp },
    Closed,
}

/// The next step of the owner of a race.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Open a socket to this address. The index identifies it from now on.
    Open(usize, SocketAddr),
    /// Close this socket.
    Close(usize),
    /// This socket has won, and all others are closed. The race is over.
    Won(usize),
    /// All addresses have failed. The race is over.
    Failed(LinkError),
}

impl Race {
    /// A race over TCP. At `limit` every attempt fails.
    pub(crate) fn tcp(addresses: &[SocketAddr], now: Timestamp, limit: Timestamp) -> Self {
        Self::new(addresses, now, TCP_DELAY_MS, Some(limit))
    }

    /// A race over UDP. It has no limit of its own: the client decides how long it waits for an
    /// answer.
    pub(crate) fn udp(addresses: &[SocketAddr], now: Timestamp) -> Self {
        Self::new(addresses, now, UDP_DELAY_MS, None)
    }

    fn new(
        addresses: &[SocketAddr],
        now: Timestamp,
        delay_ms: u64,
        limit: Option<Timestamp>,
    ) -> Self {
        debug_assert!(!addresses.is_empty(), "a name has at least one address");
        let candidate = |address| Candidate {
            address,
            state: State::Waiting,
        };
        Self {
            candidates: alternate(addresses).into_iter().map(candidate).collect(),
            next: 0,
            next_at: now,
            delay_ms,
            limit,
            began: now,
            winner: None,
            failures: Failures::default(),
        }
    }

    /// The next step, or `None` until [`Race::deadline`] or a report. Call it until it returns
    /// `None`, or the race is over.
    pub(crate) fn next_step(&mut self, now: Timestamp) -> Option<Step> {
        if let Some(winner) = self.winner {
            return Some(match self.first_open(|index| index != winner) {
                Some(loser) => self.close(loser),
                None => Step::Won(winner),
            });
        }
        if self.limit.is_some_and(|limit| limit <= now) {
            return Some(match self.first_open(|_| true) {
                Some(index) => self.give_up(index, now),
                None => self.fail(now),
            });
        }
        if let Some(candidate) = self.candidates.get(self.next) {
            if now < self.next_at {
                return None;
            }
            if self.open() >= MAX_OPEN {
                // Waiting for the oldest would let eight dead addresses hide a good one.
                return self
                    .first_open(|_| true)
                    .map(|oldest| self.give_up(oldest, now));
            }
            let (index, address) = (self.next, candidate.address);
            self.set(index, State::Open { since: now });
            self.next += 1;
            self.next_at = now.plus_millis(self.delay_ms);
            return Some(Step::Open(index, address));
        }
        (self.open() == 0).then(|| self.fail(now))
    }

    /// When [`Race::next_step`] has to be called although nothing happened. `None` if only a report
    /// can advance the race.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let next = (self.next < self.candidates.len()).then_some(self.next_at);
        match (next, self.limit) {
            (Some(next), Some(limit)) => Some(next.min(limit)),
            (next, limit) => next.or(limit),
        }
    }

    /// Reports that an attempt failed; the owner has dropped its socket. The next one is due at
    /// once (RFC 8305, 5).
    pub(crate) fn failed(&mut self, index: usize, error: &LinkError, now: Timestamp) {
        debug_assert!(self.is_open(index), "only an open attempt fails");
        if let Some(candidate) = self.candidates.get_mut(index) {
            candidate.state = State::Closed;
            self.failures.add(candidate.address, error);
        }
        self.hurry(now);
    }

    /// Makes the next attempt due at once, and keeps those that are open: one of them has probably
    /// failed, but may still win.
    pub(crate) fn hurry(&mut self, now: Timestamp) {
        self.next_at = self.next_at.min(now);
    }

    /// Reports that an attempt has won.
    pub(crate) fn won(&mut self, index: usize) {
        debug_assert!(self.is_open(index), "only an open attempt wins");
        self.winner.get_or_insert(index);
    }

    /// Number of open attempts.
    pub(crate) fn open(&self) -> usize {
        // At most `MAX_ADDRESSES` candidates, and only while a link is being opened.
        self.candidates.iter().filter(|one| one.is_open()).count()
    }

    fn is_open(&self, index: usize) -> bool {
        self.candidates.get(index).is_some_and(Candidate::is_open)
    }

    fn first_open(&self, wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let open = |(index, candidate): (usize, &Candidate)| {
            (candidate.is_open() && wanted(index)).then_some(index)
        };
        self.candidates.iter().enumerate().find_map(open)
    }

    fn close(&mut self, index: usize) -> Step {
        self.set(index, State::Closed);
        Step::Close(index)
    }

    /// Closes an attempt that was not answered.
    fn give_up(&mut self, index: usize, now: Timestamp) -> Step {
        if let Some(candidate) = self.candidates.get(index)
            && let State::Open { since } = candidate.state
        {
            let text = format!("no answer within {} ms", now.millis_since(since));
            let error = LinkError::new(LinkErrorKind::Unreachable, text);
            self.failures.add(candidate.address, &error);
        }
        self.close(index)
    }

    fn fail(&mut self, now: Timestamp) -> Step {
        let untried = self.candidates.len() - self.next;
        let elapsed_ms = now.millis_since(self.began);
        Step::Failed(self.failures.error(untried, elapsed_ms))
    }

    fn set(&mut self, index: usize, state: State) {
        if let Some(candidate) = self.candidates.get_mut(index) {
            candidate.state = state;
        }
    }
}

impl Candidate {
    fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }
}

/// The failures of a race, for its error.
#[derive(Debug, Default)]
struct Failures {
    text: String,
    count: usize,
    kind: Option<LinkErrorKind>,
}

impl Failures {
    fn add(&mut self, address: SocketAddr, error: &LinkError) {
        self.count += 1;
        if self
            .kind
            .is_none_or(|kind| weight(error.kind) > weight(kind))
        {
            self.kind = Some(error.kind);
        }
        if self.text.len() < MAX_ERROR_BYTES {
            let separator = if self.text.is_empty() { "" } else { "; " };
            // Writing to a string does not fail.
            let _ = write!(self.text, "{separator}{address}: {}", error.text);
        }
    }

    fn error(&self, untried: usize, elapsed_ms: u64) -> LinkError {
        let kind = self.kind.unwrap_or(LinkErrorKind::Unreachable);
        let advice = match kind {
            LinkErrorKind::Local => "check the network and the firewall of this machine",
            _ => "check the address, and that the server runs",
        };
        let untried = match untried {
            0 => String::new(),
            untried => format!("; {untried} more not tried within {elapsed_ms} ms"),
        };
        let text = format!(
            "no server accepted the connection ({}{untried}): {advice}",
            self.text
        );
        LinkError::new(kind, text)
    }
}

/// How telling a kind of failure is, if addresses fail in several ways: the error of a race has
/// the most telling kind. A refusal proves that the host runs and the network works. A local fault
/// is least telling, because a machine without IPv6 has one for each IPv6 address of any server.
fn weight(kind: LinkErrorKind) -> u8 {
    match kind {
        LinkErrorKind::Refused => 4,
        LinkErrorKind::Reset => 3,
        LinkErrorKind::Unreachable => 2,
        LinkErrorKind::Local => 0,
        _ => 1,
    }
}

/// The addresses so that families alternate, beginning with the family that the resolver put first
/// (RFC 8305, 4). Within a family the resolver's order stays: it knows which routes exist (RFC
/// 6724). Drops duplicates and addresses beyond [`MAX_ADDRESSES`].
fn alternate(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let family = |ipv6| addresses.iter().filter(move |one| one.is_ipv6() == ipv6);
    let (mut first, mut second) = (family(first_is_ipv6), family(!first_is_ipv6));
    let mut sorted = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return sorted;
        }
        for &address in pair.into_iter().flatten() {
            if sorted.len() >= MAX_ADDRESSES {
                return sorted;
            }
            if !sorted.contains(&address) {
                sorted.push(address);
            }
        }
    }
}

#[cfg(test)]
mod tests;
