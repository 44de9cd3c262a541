//! [`Frames`]: how long the last frames took, for the graph.

use std::collections::VecDeque;
use std::time::Duration;

/// The number of frames that are kept: three seconds of them.
const KEPT: usize = 180;

/// The times of one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// From the start of the frame before to the start of this one.
    pub whole: Duration,
    /// In `Session::service`.
    pub service: Duration,
}

/// The times of the last frames.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    frames: VecDeque<Frame>,
    longest_service: Duration,
}

impl Frames {
    /// Adds a frame.
    pub fn push(&mut self, frame: Frame) {
        if self.frames.len() == KEPT {
            self.frames.pop_front();
        }
        self.longest_service = self.longest_service.max(frame.service);
        self.frames.push_back(frame);
    }

    /// The last frames, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Frame> + ExactSizeIterator {
        self.frames.iter().copied()
    }

    /// The number of frames that are kept at most.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        KEPT
    }

    /// The longest `service` call of all frames so far.
    #[must_use]
    pub const fn longest_service(&self) -> Duration {
        self.longest_service
    }

    /// Frames per second, over the frames that are kept.
    #[must_use]
    pub fn rate(&self) -> f32 {
        let whole: Duration = self.frames.iter().map(|frame| frame.whole).sum();
        if whole.is_zero() {
            return 0.0;
        }
        self.frames.len() as f32 / whole.as_secs_f32()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graph_keeps_three_seconds_and_the_longest_call_of_all() {
        let mut frames = Frames::default();
        assert_eq!(frames.rate(), 0.0);
        let whole = Duration::from_millis(20);
        frames.push(Frame {
            whole,
            service: Duration::from_millis(3),
        });
        for _ in 0..500 {
            frames.push(Frame {
                whole,
                service: Duration::from_micros(40),
            });
        }
        assert_eq!(frames.iter().len(), frames.capacity());
        assert_eq!(frames.longest_service(), Duration::from_millis(3));
        assert!((frames.rate() - 50.0).abs() < 0.1);
    }
}
