//! The number of channels of all apps together. Each channel counts itself, also when it is dropped
//! with its partition.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Clone, Debug, Default)]
pub(crate) struct ChannelCount(Arc<AtomicUsize>);

/// One channel's share of the count.
#[derive(Debug)]
pub(crate) struct CountedChannel(ChannelCount);

impl ChannelCount {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self) -> CountedChannel {
        self.0.fetch_add(1, Ordering::Relaxed);
        CountedChannel(self.clone())
    }
}

impl Drop for CountedChannel {
    fn drop(&mut self) {
        let before = self.0.0.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "every channel was counted");
    }
}
