//! Subscribers and properties of a channel. Spec: chat.md 4.4, 4.6 and 4.7.

use crate::budget::MemoryBudget;
use crate::codes::property;
use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use photon_proto::value::text_order;
use photon_proto::{Text, Value};

/// The charge for an entry in addition to its content: its share of a map's nodes.
const ENTRY_BYTES: usize = 64;
/// The charge for the map of a user's properties: its first node has space for eleven.
const MAP_BYTES: usize = 11 * 2 * size_of::<Value>() + ENTRY_BYTES;
/// From so many changes on, sorting them is cheaper than a search for each.
const MIN_SORTED_CHANGES: usize = 16;

type Properties = BTreeMap<Value, Value>;

/// The subscribers and properties of a channel. All memory is charged to the client's budget,
/// because servers decide how many entries there are and how large they are.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    pub(super) publishes_subscribers: bool,
    /// 0 means no limit.
    pub(super) max_subscribers: i32,
    pub(super) subscribers: BTreeSet<Text>,
    pub(super) properties: Properties,
    /// The properties of users. A user without properties has no entry.
    pub(super) users: BTreeMap<Text, Properties>,
}

impl Presence {
    /// Forgets everything and releases its memory.
    pub(super) fn clear(&mut self, budget: &mut MemoryBudget) {
        // Most channels have nothing, and a loop over three empty maps costs 400 instructions.
        if !self.is_empty() {
            for user in core::mem::take(&mut self.subscribers) {
                budget.release(user_bytes(&user));
            }
            clear(&mut self.properties, budget);
            for (user, mut properties) in core::mem::take(&mut self.users) {
                budget.release(MAP_BYTES + user_bytes(&user));
                clear(&mut properties, budget);
            }
        }
        (self.publishes_subscribers, self.max_subscribers) = (false, 0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.subscribers.is_empty() && self.properties.is_empty() && self.users.is_empty()
    }

    /// Whether there are more subscribers than the channel admits.
    pub(super) fn is_overfull(&self) -> bool {
        // Servers may send a number below 0; it limits as little as 0 does.
        usize::try_from(self.max_subscribers)
            .is_ok_and(|max| max > 0 && self.subscribers.len() > max)
    }

    /// Changes properties of the channel; well-known ones change its flags. Returns false if there
    /// was not enough memory for all of them.
    pub(super) fn set_properties(
        &mut self,
        budget: &mut MemoryBudget,
        changes: &[(Value, Value)],
    ) -> bool {
        for (key, value) in changes {
            match (well_known(key), value) {
                (Some(property::PUBLISH_SUBSCRIBERS), value) => {
                    self.publishes_subscribers = matches!(value, Value::Bool(true));
                }
                (Some(property::MAX_SUBSCRIBERS), Value::Int(max)) => self.max_subscribers = *max,
                // Null removes the property, and with it the limit.
                (Some(property::MAX_SUBSCRIBERS), _) => self.max_subscribers = 0,
                _ => {}
            }
        }
        set_all(&mut self.properties, budget, changes)
    }

    /// Changes properties of a user in the channel. Returns false if there was not enough memory
    /// for all of them.
    pub(super) fn set_user_properties(
        &mut self,
        budget: &mut MemoryBudget,
        user: &str,
        changes: &[(Value, Value)],
    ) -> bool {
        if let Some(properties) = self.users.get_mut(user) {
            let complete = set_all(properties, budget, changes);
            if properties.is_empty() {
                self.forget_user_properties(budget, user);
            }
            return complete;
        }
        let (properties, complete) = new_user(budget, user, changes);
        if let Some(properties) = properties {
            self.users.insert(user.into(), properties);
        }
        complete
    }

    /// Changes the properties of many users. Returns false if there was not enough memory for all of
    /// them.
    pub(super) fn set_properties_of_users(
        &mut self,
        budget: &mut MemoryBudget,
        users: &[(&str, &[(Value, Value)])],
    ) -> bool {
        let mut complete = true;
        if !self.users.is_empty() {
            for (user, changes) in users {
                complete &= self.set_user_properties(budget, user, changes);
            }
            return complete;
        }
        // As in `set_all`. The users are distinct, because they are the keys of a map.
        let names: Vec<&str> = users.iter().map(|(user, _)| *user).collect();
        let kept = text_order(&names).into_iter().filter_map(|index| {
            let (user, changes) = users.get(index)?;
            let (properties, all) = new_user(budget, user, changes);
            complete &= all;
            Some((Text::from(*user), properties?))
        });
        self.users = kept.collect();
        complete
    }

    fn forget_user_properties(&mut self, budget: &mut MemoryBudget, user: &str) {
        if let Some((user, mut properties)) = self.users.remove_entry(user) {
            budget.release(MAP_BYTES + user_bytes(&user));
            clear(&mut properties, budget);
        }
    }

    /// Adds the subscribers of a list. Returns false if there was not enough memory for all.
    pub(super) fn add_subscribers(&mut self, budget: &mut MemoryBudget, users: &[&str]) -> bool {
        if users.len() < MIN_SORTED_CHANGES || users.len() < self.subscribers.len() / 16 {
            let mut complete = true;
            for user in users {
                complete &= self.add_subscriber(budget, user);
            }
            return complete;
        }
        // As in `set_all`: a set that is filled in order is built without a search for each name.
        let mut complete = true;
        let mut known = self.subscribers.iter().peekable();
        let mut last = None;
        let kept = text_order(users).into_iter().filter_map(|index| {
            let user = *users.get(index)?;
            while known.next_if(|known| ***known < *user).is_some() {}
            if last.replace(user) == Some(user) || known.peek().is_some_and(|known| **known == user)
            {
                return None;
            }
            let fits = budget.try_charge(user_bytes(user));
            complete &= fits;
            fits.then(|| Text::from(user))
        });
        let mut kept: BTreeSet<Text> = kept.collect();
        if self.subscribers.is_empty() {
            self.subscribers = kept;
        } else {
            self.subscribers.append(&mut kept);
        }
        complete
    }

    /// Adds a subscriber. Returns false if there was not enough memory.
    pub(super) fn add_subscriber(&mut self, budget: &mut MemoryBudget, user: &str) -> bool {
        if !budget.try_charge(user_bytes(user)) {
            return self.subscribers.contains(user);
        }
        // One search instead of two: nearly all users that a server announces are new.
        if !self.subscribers.insert(user.into()) {
            budget.release(user_bytes(user));
        }
        true
    }

    /// Removes a subscriber and its properties. Returns whether it was one.
    pub(super) fn remove_subscriber(&mut self, budget: &mut MemoryBudget, user: &str) -> bool {
        self.forget_user_properties(budget, user);
        let known = self.subscribers.remove(user);
        if known {
            budget.release(user_bytes(user));
        }
        known
    }
}

/// Charges for a user and sets its properties. Returns none for a user without properties, and false
/// if there was not enough memory for all of them.
fn new_user(
    budget: &mut MemoryBudget,
    user: &str,
    changes: &[(Value, Value)],
) -> (Option<Properties>, bool) {
    if changes.is_empty() {
        return (None, true);
    }
    let bytes = MAP_BYTES + user_bytes(user);
    if !budget.try_charge(bytes) {
        return (None, false);
    }
    let mut properties = Properties::new();
    let complete = set_all(&mut properties, budget, changes);
    if properties.is_empty() {
        budget.release(bytes);
        return (None, complete);
    }
    (Some(properties), complete)
}

/// Sets properties; null removes one. Returns false if there was not enough memory for all.
fn set_all(
    properties: &mut Properties,
    budget: &mut MemoryBudget,
    changes: &[(Value, Value)],
) -> bool {
    // Many changes are sorted first. A map that is filled in order is built without a search for
    // each key, and without half-empty nodes. The keys of changes are distinct.
    if properties.is_empty() && changes.len() >= MIN_SORTED_CHANGES {
        let mut complete = true;
        let sorted = Value::key_order(changes).into_iter();
        let kept = sorted.filter_map(|index| {
            let (key, value) = changes.get(index)?;
            let is_set = !matches!(value, Value::Null);
            let fits = is_set && budget.try_charge(property_bytes(key, value));
            complete &= fits || !is_set;
            fits.then(|| (key.clone(), value.clone()))
        });
        *properties = kept.collect();
        return complete;
    }
    changes.iter().fold(true, |complete, (key, value)| {
        set(properties, budget, key, value) && complete
    })
}

/// Sets a property; null removes it. Returns false if there was not enough memory for it.
fn set(properties: &mut Properties, budget: &mut MemoryBudget, key: &Value, value: &Value) -> bool {
    if matches!(value, Value::Null) {
        if let Some((key, old)) = properties.remove_entry(key) {
            budget.release(property_bytes(&key, &old));
        }
        return true;
    }
    match properties.entry(key.clone()) {
        Entry::Occupied(mut old) => {
            budget.release(property_bytes(old.key(), old.get()));
            let fits = budget.try_charge(property_bytes(key, value));
            if fits {
                old.insert(value.clone());
            } else {
                // Even if the new value does not fit, the old one goes: it is no longer true.
                old.remove();
            }
            fits
        }
        Entry::Vacant(new) => {
            let fits = budget.try_charge(property_bytes(key, value));
            if fits {
                new.insert(value.clone());
            }
            fits
        }
    }
}

fn clear(properties: &mut Properties, budget: &mut MemoryBudget) {
    for (key, value) in core::mem::take(properties) {
        budget.release(property_bytes(&key, &value));
    }
}

fn property_bytes(key: &Value, value: &Value) -> usize {
    // Twice the size of the pair: a node of a map may be half empty.
    ENTRY_BYTES + 4 * size_of::<Value>() + key.heap_bytes() + value.heap_bytes()
}

fn user_bytes(user: &str) -> usize {
    ENTRY_BYTES + size_of::<Text>() + user.len()
}

/// The number of a well-known property. In JSON, keys are text, so the number comes as three
/// digits.
fn well_known(key: &Value) -> Option<u8> {
    match key {
        Value::Byte(number) => Some(*number),
        Value::String(text) if text.len() == 3 => text.parse().ok().filter(|number| {
            [property::PUBLISH_SUBSCRIBERS, property::MAX_SUBSCRIBERS].contains(number)
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{MemoryBudget, Presence};
    use alloc::format;
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;
    use photon_proto::Value;

    #[test]
    fn clear_releases_everything_that_was_charged() {
        let (mut presence, mut budget) = (Presence::default(), MemoryBudget::new(10_000));
        let changes = [
            ("a".into(), Value::Int(1)),
            ("b".into(), "text".into()),
            (Value::Byte(255), Value::Int(9)),
        ];
        for _ in 0..3 {
            assert!(presence.set_properties(&mut budget, &changes));
            assert!(presence.set_user_properties(&mut budget, "bob", &changes));
            assert!(presence.add_subscriber(&mut budget, "bob"));
            assert!(presence.add_subscriber(&mut budget, "eve"));
        }
        assert_eq!(presence.max_subscribers, 9);
        assert!(presence.remove_subscriber(&mut budget, "bob"));
        assert!(!presence.remove_subscriber(&mut budget, "bob"));
        assert!(presence.set_properties(&mut budget, &[("a".into(), Value::Null)]));
        assert_eq!(presence.properties.len(), 2);
        presence.clear(&mut budget);
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn sound07_a_list_of_subscribers_is_added_as_one_by_one() {
        let users: Vec<String> = (0..400_u32)
            .map(|number| format!("user{}", number.wrapping_mul(2_654_435_761) % 300))
            .collect();
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        for cap in [5_000, 1_000_000] {
            let (mut list, mut list_budget) = (Presence::default(), MemoryBudget::new(cap));
            let (mut single, mut single_budget) = (Presence::default(), MemoryBudget::new(cap));
            for part in [&users[..100], &users[50..53], &users[20..], &users[..]] {
                let complete = list.add_subscribers(&mut list_budget, part);
                let mut all = true;
                for user in part {
                    all &= single.add_subscriber(&mut single_budget, user);
                }
                assert_eq!(complete, all);
                assert_eq!(list.subscribers.len(), single.subscribers.len());
                assert_eq!(complete, list.subscribers == single.subscribers && all);
            }
            list.clear(&mut list_budget);
            assert_eq!(list_budget.used_bytes(), 0);
        }
    }

    #[test]
    fn sound07_the_properties_of_many_users_are_set_as_one_by_one() {
        let changes = [
            vec![],
            vec![(Value::Byte(1), Value::Null)],
            vec![(Value::Byte(1), Value::Int(7))],
        ];
        let names: Vec<String> = (0..60)
            .map(|number| format!("{}", number * 7 % 60))
            .collect();
        let users: Vec<(&str, &[(Value, Value)])> = names
            .iter()
            .zip(changes.iter().cycle())
            .map(|(name, changes)| (name.as_str(), changes.as_slice()))
            .collect();
        let (mut many, mut many_budget) = (Presence::default(), MemoryBudget::new(1_000_000));
        let (mut single, mut single_budget) = (Presence::default(), MemoryBudget::new(1_000_000));
        for _ in 0..2 {
            assert!(many.set_properties_of_users(&mut many_budget, &users));
            for (user, changes) in &users {
                assert!(single.set_user_properties(&mut single_budget, user, changes));
            }
            assert_eq!(many.users, single.users);
            assert_eq!(many.users.len(), 20);
            assert_eq!(many_budget.used_bytes(), single_budget.used_bytes());
        }
        many.clear(&mut many_budget);
        assert_eq!(many_budget.used_bytes(), 0);
        let mut small = MemoryBudget::new(2 * 1_600);
        assert!(!many.set_properties_of_users(&mut small, &users));
        many.clear(&mut small);
        assert_eq!(small.used_bytes(), 0);
    }

    #[test]
    fn entries_beyond_the_cap_are_not_kept() {
        let (mut presence, mut budget) = (Presence::default(), MemoryBudget::new(1_000));
        let kept = (0..100)
            .filter(|number| presence.add_subscriber(&mut budget, &alloc::format!("user{number}")))
            .count();
        assert!(kept > 2 && kept < 20, "{kept}");
        assert!(!presence.set_properties(
            &mut budget,
            &[("a".into(), Value::Bytes(vec![0; 2_000].into()))]
        ));
    }
}
