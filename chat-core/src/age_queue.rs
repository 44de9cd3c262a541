//! [`AgeQueue`]: elements that enter one after the other, and leave in any order.

use alloc::collections::VecDeque;

/// The places for which a queue keeps memory, so that usual ones never shrink and grow again.
const KEPT_PLACES: usize = 64;

/// A queue in the order of age. Each element has a serial number, by which it can leave from the
/// middle. That is nearly always the oldest or one of few, so a ring costs less than a tree.
#[derive(Debug)]
pub(crate) struct AgeQueue<T> {
    /// Oldest first; `None` in the place of one that left. The front is never `None`.
    places: VecDeque<(u64, Option<T>)>,
    /// How many elements there are.
    live: usize,
    next: u64,
}

impl<T> AgeQueue<T> {
    /// The empty places for which no sweep is worth while.
    const MAX_EMPTY: usize = 32;

    pub(crate) const fn new() -> Self {
        Self {
            places: VecDeque::new(),
            live: 0,
            next: 0,
        }
    }

    /// Gets memory for one element, if there is none.
    pub(crate) fn reserve_one(&mut self) {
        if self.places.capacity() == 0 {
            self.places.reserve_exact(1);
        }
    }

    /// Appends an element. Returns its serial number, which is never used again.
    #[inline]
    pub(crate) fn push(&mut self, element: T) -> u64 {
        let serial = self.next;
        self.next += 1;
        self.places.push_back((serial, Some(element)));
        self.live += 1;
        serial
    }

    /// Removes the element with this serial number. Returns whether it was there.
    // Each message of a full cache removes the oldest one.
    #[inline]
    pub(crate) fn remove(&mut self, serial: u64) -> bool {
        let is_removed = match self.places.front() {
            Some((oldest, _)) if *oldest == serial => self.places.pop_front().is_some(),
            _ => self.take_from_the_middle(serial).is_some(),
        };
        if is_removed {
            self.live -= 1;
            if self.live < self.places.len() || self.is_oversized() {
                self.tidy();
            }
        }
        is_removed
    }

    /// Whether less than a quarter of the memory is in use: then each element pays for a move of few
    /// others.
    #[inline]
    fn is_oversized(&self) -> bool {
        self.places.capacity() > KEPT_PLACES.max(4 * self.places.len())
    }

    /// Removes empty places, and returns memory.
    #[inline(never)]
    fn tidy(&mut self) {
        while self.places.front().is_some_and(|(_, it)| it.is_none()) {
            self.places.pop_front();
        }
        // An element that stays for ever must not keep the places of all that came after it.
        if self.places.len() > 2 * self.live + Self::MAX_EMPTY {
            self.places.retain(|(_, element)| element.is_some());
        }
        if self.is_oversized() {
            self.places
                .shrink_to(KEPT_PLACES.max(2 * self.places.len()));
        }
    }

    #[inline(never)]
    fn take_from_the_middle(&mut self, serial: u64) -> Option<T> {
        let place = self.places.binary_search_by_key(&serial, |(at, _)| *at);
        self.places.get_mut(place.ok()?)?.1.take()
    }

    /// Removes all elements, and returns the memory.
    pub(crate) fn clear(&mut self) {
        (self.places, self.live) = (VecDeque::new(), 0);
    }

    pub(crate) fn oldest(&self) -> Option<&T> {
        self.places.front()?.1.as_ref()
    }

    /// The elements, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places
            .iter()
            .filter_map(|(_, element)| element.as_ref())
    }

    pub(crate) const fn len(&self) -> usize {
        self.live
    }

    /// The serial number of the next element.
    pub(crate) const fn next_serial(&self) -> u64 {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::AgeQueue;
    use alloc::vec::Vec;

    #[test]
    fn elements_leave_in_any_order_and_the_rest_stay_in_order() {
        let mut queue = AgeQueue::new();
        let serials: Vec<u64> = (0..10).map(|number| queue.push(number)).collect();
        for number in [4, 0, 9, 1] {
            assert!(queue.remove(serials[number]));
            assert!(!queue.remove(serials[number]));
        }
        assert_eq!(queue.oldest(), Some(&2));
        assert_eq!(
            queue.iter().copied().collect::<Vec<_>>(),
            [2, 3, 5, 6, 7, 8]
        );
        assert_eq!(queue.len(), 6);
        assert!(queue.push(10) > serials[9]);
    }

    #[test]
    fn an_old_element_does_not_keep_the_places_of_younger_ones() {
        let mut queue = AgeQueue::new();
        let first = queue.push(0);
        for number in 1..10_000 {
            let serial = queue.push(number);
            assert!(queue.remove(serial));
        }
        assert!(queue.places.len() <= 2 + AgeQueue::<i32>::MAX_EMPTY);
        assert!(queue.remove(first));
        assert_eq!((queue.len(), queue.places.len()), (0, 0));
    }

    #[test]
    fn memory_of_many_elements_is_returned() {
        let mut queue = AgeQueue::new();
        let serials: Vec<u64> = (0..10_000).map(|number| queue.push(number)).collect();
        for serial in serials {
            assert!(queue.remove(serial));
        }
        assert!(queue.places.capacity() <= 2 * super::KEPT_PLACES);
    }
}
