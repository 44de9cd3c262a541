//! [`OrderedNames`]: a map from names to values that remembers the order of insertion.

use alloc::vec::Vec;
use core::hash::BuildHasher;
use hashbrown::HashTable;
use photon_proto::{HashKeys, Text};

/// Empty slots that a table keeps without being compacted.
const MAX_EMPTY: usize = 32;

/// Names with values, in the order of insertion.
///
/// Each entry has a place: a number that ascends with the order of insertion, by which a walk over
/// the entries continues after a pause. Entries may come and go meanwhile; only
/// [`OrderedNames::compact`] changes places.
///
/// The table of places holds numbers instead of names, because applications keep ten thousand
/// channels: a map with names as keys would need twice the memory. For the same reason the slots
/// grow by an eighth: a vector that doubles is half empty at the worst.
#[derive(Debug)]
pub(crate) struct OrderedNames<V> {
    keys: HashKeys,
    slots: Vec<Option<(Text, V)>>,
    places: HashTable<u32>,
    /// No slot before this one is in use.
    first: usize,
}

impl<V> OrderedNames<V> {
    pub(crate) const fn new(keys: HashKeys) -> Self {
        Self {
            keys,
            slots: Vec::new(),
            places: HashTable::new(),
            first: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The place of a name.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        let hash = self.keys.hash_one(name);
        let is_name = |place: &u32| {
            let slot = self.at(*place as usize);
            slot.is_some_and(|(one, _)| **one == *name)
        };
        self.places.find(hash, is_name).map(|place| *place as usize)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&V> {
        self.at(self.place(name)?).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        let place = self.place(name)?;
        self.at_mut(place)
    }

    pub(crate) fn at(&self, place: usize) -> Option<(&Text, &V)> {
        let (name, value) = self.slots.get(place)?.as_ref()?;
        Some((name, value))
    }

    pub(crate) fn at_mut(&mut self, place: usize) -> Option<&mut V> {
        let (_, value) = self.slots.get_mut(place)?.as_mut()?;
        Some(value)
    }

    /// Sets the value of a name. A new name comes last; a known one keeps its place.
    pub(crate) fn insert(&mut self, name: &str, value: V) {
        if let Some(known) = self.get_mut(name) {
            *known = value;
            return;
        }
        let place = number(self.slots.len());
        if self.slots.len() == self.slots.capacity() {
            self.slots.reserve_exact(4.max(self.slots.len() / 8));
        }
        self.slots.push(Some((name.into(), value)));
        let (slots, keys) = (&self.slots, self.keys);
        self.places
            .insert_unique(keys.hash_one(name), place, |place| {
                let slot = slots.get(*place as usize).and_then(Option::as_ref);
                debug_assert!(slot.is_some(), "the table holds places in use");
                slot.map_or(0, |(name, _)| keys.hash_one(&**name))
            });
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<V> {
        let place = self.place(name)?;
        let hash = self.keys.hash_one(name);
        match self.places.find_entry(hash, |one| *one as usize == place) {
            Ok(entry) => drop(entry.remove()),
            Err(_) => debug_assert!(false, "the place was found by the same hash"),
        }
        let (_, value) = self.slots.get_mut(place)?.take()?;
        while self.slots.get(self.first).is_some_and(Option::is_none) {
            self.first += 1;
        }
        Some(value)
    }

    /// Shares the memory of a name that is kept elsewhere.
    pub(crate) fn share_name(&mut self, name: &Text) {
        let place = self.place(name);
        if let Some(Some((kept, _))) = place.and_then(|place| self.slots.get_mut(place)) {
            *kept = name.clone();
        }
    }

    /// All names, in their order.
    pub(crate) fn names(&self) -> Vec<Text> {
        self.from(0).map(|(_, name, _)| name.clone()).collect()
    }

    /// The name that was inserted first.
    pub(crate) fn first(&self) -> Option<&Text> {
        self.from(0).next().map(|(_, name, _)| name)
    }

    /// The place after the last one.
    pub(crate) const fn end(&self) -> usize {
        self.slots.len()
    }

    /// The entries from this place on, with their places.
    pub(crate) fn from(&self, place: usize) -> impl Iterator<Item = (usize, &Text, &V)> {
        let start = place.max(self.first);
        let slots = self.slots.get(start..).unwrap_or_default();
        slots.iter().enumerate().filter_map(move |(index, slot)| {
            let (name, value) = slot.as_ref()?;
            Some((start + index, name, value))
        })
    }

    /// Removes empty slots once they are the larger part, which changes places.
    pub(crate) fn compact(&mut self) {
        if self.is_empty() {
            return self.clear();
        }
        if self.slots.len() <= 2 * self.len() + MAX_EMPTY {
            return;
        }
        self.slots.retain(Option::is_some);
        self.slots.shrink_to(2 * self.places.len());
        self.first = 0;
        self.places = HashTable::new();
        let (slots, keys) = (&self.slots, self.keys);
        let hash = |place: &u32| {
            let slot = slots.get(*place as usize).and_then(Option::as_ref);
            slot.map_or(0, |(name, _)| keys.hash_one(&**name))
        };
        self.places.reserve(slots.len(), hash);
        for place in 0..number(slots.len()) {
            self.places.insert_unique(hash(&place), place, hash);
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.keys);
    }
}

/// A place as the table holds it.
fn number(place: usize) -> u32 {
    debug_assert!(
        u32::try_from(place).is_ok(),
        "each slot takes tens of bytes"
    );
    place as u32
}

#[cfg(test)]
mod tests {
    use super::OrderedNames;
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec::Vec;
    use photon_proto::{HashKeys, Random};

    fn names() -> OrderedNames<usize> {
        OrderedNames::new(HashKeys::new(&mut Random::new([3; 32])))
    }

    fn listed(names: &OrderedNames<usize>) -> Vec<(alloc::string::String, usize)> {
        names
            .from(0)
            .map(|(_, name, value)| (name.to_string(), *value))
            .collect()
    }

    #[test]
    fn names_keep_the_order_of_their_first_insertion() {
        let mut names = names();
        for (value, name) in ["b", "a", "c", "a"].into_iter().enumerate() {
            names.insert(name, value);
        }
        let expected =
            [("b", 0), ("a", 3), ("c", 2)].map(|(name, value)| (name.to_string(), value));
        assert_eq!(listed(&names), expected);
        assert_eq!(names.remove("b"), Some(0));
        assert_eq!(names.remove("b"), None);
        assert_eq!(names.first().map(|name| name.as_str()), Some("a"));
        names.insert("b", 7);
        assert_eq!(listed(&names).last(), Some(&("b".to_string(), 7)));
        assert_eq!(names.len(), 3);
    }

    #[test]
    fn a_walk_continues_at_its_place_although_names_come_and_go() {
        let mut names = names();
        for value in 0..10 {
            names.insert(&format!("n{value}"), value);
        }
        let place = names.place("n4").unwrap();
        names.remove("n1");
        names.remove("n5");
        names.insert("new", 10);
        let rest: Vec<_> = names.from(place + 1).map(|(_, _, value)| *value).collect();
        assert_eq!(rest, [6, 7, 8, 9, 10]);
    }

    #[test]
    fn ten_thousand_rounds_leave_no_memory_behind() {
        let mut names = names();
        names.insert("kept", 0);
        for round in 0..10_000 {
            names.insert(&format!("n{round}"), round);
            assert_eq!(names.remove(&format!("n{round}")), Some(round));
            names.compact();
            assert!(names.slots.len() <= 40, "{}", names.slots.len());
        }
        assert_eq!(listed(&names), [("kept".to_string(), 0)]);
        assert_eq!(names.get("kept"), Some(&0));
        names.remove("kept");
        names.compact();
        assert_eq!(names.end(), 0);
        assert_eq!(names.slots.capacity(), 0);
    }

    #[test]
    fn compacting_keeps_names_order_and_values() {
        let mut names = names();
        for value in 0..1_000 {
            names.insert(&format!("n{value}"), value);
        }
        for value in (0..1_000).filter(|value| value % 10 != 0) {
            names.remove(&format!("n{value}"));
        }
        names.compact();
        assert_eq!(names.end(), 100);
        for value in (0..1_000).step_by(10) {
            assert_eq!(names.get(&format!("n{value}")), Some(&value));
        }
        assert_eq!(listed(&names).len(), 100);
    }
}
