//! [`Waker`]: ends a session's `wait` from another thread.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Ends [`Session::wait`](crate::Session::wait) from another thread. Clones wake the same session.
///
/// A waker does not keep its session alive. After the session was dropped it does nothing.
#[derive(Clone)]
pub struct Waker {
    slot: WakerSlot,
}

/// The place of a session's waker, which is empty until the session has a poller. Threads that work
/// for a session get a clone before anyone knows whether the session will ever sleep.
#[derive(Clone, Default)]
pub(crate) struct WakerSlot {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// A wake that the poller has not taken yet. Later wakes then need no system call: a thread may
    /// wake for each of a million messages.
    pending: AtomicBool,
    poller: OnceLock<mio::Waker>,
}

impl Waker {
    /// Makes the [`wait`](crate::Session::wait) that runs now return at once, or else the next one
    /// that would sleep. Several wakes before that count as one. Never blocks.
    ///
    /// It does not wake an event loop of your own: such a loop has its own means.
    pub fn wake(&self) {
        self.slot.wake();
    }
}

impl WakerSlot {
    /// Fills the slot. It stays filled: a session keeps its poller.
    pub(crate) fn fill(&self, poller: mio::Waker) {
        let filled = self.shared.poller.set(poller);
        debug_assert!(filled.is_ok(), "a slot has one poller");
    }

    /// A waker of the session, whose slot must be filled.
    pub(crate) fn waker(&self) -> Waker {
        debug_assert!(
            self.shared.poller.get().is_some(),
            "a waker needs a poller to wake"
        );
        Waker { slot: self.clone() }
    }

    /// Takes the wake that ended a sleep, so that the next one counts again.
    // Acquire and release: the caller then sees all that the waking thread did before.
    pub(crate) fn take(&self) {
        self.shared.pending.swap(false, Ordering::AcqRel);
    }

    /// Wakes the poller of the session, if there is one. A thread first stores the result of its
    /// work where the session looks before it sleeps, and then calls this.
    pub(crate) fn wake(&self) {
        let Some(poller) = self.shared.poller.get() else {
            return;
        };
        if self.shared.pending.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = poller.wake() {
            // The next wake tries again.
            self.shared.pending.store(false, Ordering::Release);
            log::debug!(target: "photon_chat::net", "the system did not wake a session: {error}");
        }
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Waker").finish_non_exhaustive()
    }
}
