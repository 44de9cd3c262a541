//! Who is in a channel, and its properties. Spec: chat.md 4.4, 4.6 and 4.7.

use crate::codes::property;
use alloc::collections::{BTreeMap, BTreeSet};
use photon_proto::{Text, Value};

/// What one entry costs beside its content.
const ENTRY_BYTES: usize = 64;

type Properties = BTreeMap<Value, Value>;

/// Memory that all channels of a client share for subscribers and properties.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    left: usize,
}

impl MemoryBudget {
    pub(super) const fn new(bytes: usize) -> Self {
        Self { left: bytes }
    }

    fn take(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    fn give_back(&mut self, bytes: usize) {
        self.left = self.left.saturating_add(bytes);
    }
}

/// What is known of a channel beside its messages.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    pub(super) publishes_subscribers: bool,
    pub(super) max_subscribers: i32,
    pub(super) subscribers: BTreeSet<Text>,
    pub(super) properties: Properties,
    pub(super) users: BTreeMap<Text, Properties>,
}

fn property_bytes(key: &Value, value: &Value) -> usize {
    ENTRY_BYTES + 2 * size_of::<Value>() + key.heap_bytes() + value.heap_bytes()
}

fn user_bytes(user: &str) -> usize {
    ENTRY_BYTES + size_of::<Text>() + user.len()
}

/// Null removes a property. False if there was no room for one.
fn set(properties: &mut Properties, budget: &mut MemoryBudget, key: &Value, value: &Value) -> bool {
    if let Some((key, old)) = properties.remove_entry(key) {
        budget.give_back(property_bytes(&key, &old));
    }
    if matches!(value, Value::Null) {
        return true;
    }
    let room = budget.take(property_bytes(key, value));
    if room {
        properties.insert(key.clone(), value.clone());
    }
    room
}

fn clear(properties: &mut Properties, budget: &mut MemoryBudget) {
    for (key, value) in core::mem::take(properties) {
        budget.give_back(property_bytes(&key, &value));
    }
}

impl Presence {
    /// As on a confirmed subscription: subscribers and properties are told anew.
    pub(super) fn clear(&mut self, budget: &mut MemoryBudget) {
        for user in core::mem::take(&mut self.subscribers) {
            budget.give_back(user_bytes(&user));
        }
        clear(&mut self.properties, budget);
        for (user, mut properties) in core::mem::take(&mut self.users) {
            budget.give_back(user_bytes(&user));
            clear(&mut properties, budget);
        }
        (self.publishes_subscribers, self.max_subscribers) = (false, 0);
    }

    /// Changes properties of the channel; well-known ones change its flags. False if there was no room for all.
    pub(super) fn set_properties(
        &mut self,
        budget: &mut MemoryBudget,
        changes: &[(Value, Value)],
    ) -> bool {
        let mut room = true;
        for (key, value) in changes {
            match (well_known(key), value) {
                (Some(property::PUBLISH_SUBSCRIBERS), value) => {
                    self.publishes_subscribers = matches!(value, Value::Bool(true));
                }
                (Some(property::MAX_SUBSCRIBERS), value) => {
                    self.max_subscribers = if let Value::Int(most) = value {
                        *most
                    } else {
                        0
                    };
                }
                _ => {}
            }
            room &= set(&mut self.properties, budget, key, value);
        }
        room
    }

    /// Changes properties of a user in the channel. False if there was no room for all.
    pub(super) fn set_user_properties(
        &mut self,
        budget: &mut MemoryBudget,
        user: &str,
        changes: &[(Value, Value)],
    ) -> bool {
        if !self.users.contains_key(user) {
            if !budget.take(user_bytes(user)) {
                return false;
            }
            self.users.insert(user.into(), Properties::new());
        }
        let Some(properties) = self.users.get_mut(user) else {
            return false;
        };
        let mut room = true;
        for (key, value) in changes {
            room &= set(properties, budget, key, value);
        }
        if properties.is_empty() {
            self.forget_user(budget, user);
        }
        room
    }

    fn forget_user(&mut self, budget: &mut MemoryBudget, user: &str) {
        if let Some((user, mut properties)) = self.users.remove_entry(user) {
            budget.give_back(user_bytes(&user));
            clear(&mut properties, budget);
        }
    }

    /// A user is in the channel. False if there was no room.
    pub(super) fn entered(&mut self, budget: &mut MemoryBudget, user: &str) -> bool {
        if self.subscribers.contains(user) {
            return true;
        }
        let room = budget.take(user_bytes(user));
        if room {
            self.subscribers.insert(user.into());
        }
        room
    }

    /// A user is no longer in the channel. False if it was not.
    pub(super) fn left(&mut self, budget: &mut MemoryBudget, user: &str) -> bool {
        self.forget_user(budget, user);
        let known = self.subscribers.remove(user);
        if known {
            budget.give_back(user_bytes(user));
        }
        known
    }
}

/// The number of a well-known property: JSON has only text for keys.
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
    use photon_proto::Value;

    #[test]
    fn what_is_taken_is_given_back() {
        let (mut presence, mut budget) = (Presence::default(), MemoryBudget::new(10_000));
        let changes = [
            ("a".into(), Value::Int(1)),
            ("b".into(), "text".into()),
            (Value::Byte(255), Value::Int(9)),
        ];
        for _ in 0..3 {
            assert!(presence.set_properties(&mut budget, &changes));
            assert!(presence.set_user_properties(&mut budget, "bob", &changes));
            assert!(presence.entered(&mut budget, "bob"));
            assert!(presence.entered(&mut budget, "eve"));
        }
        assert_eq!(presence.max_subscribers, 9);
        assert!(presence.left(&mut budget, "bob"));
        assert!(!presence.left(&mut budget, "bob"));
        assert!(presence.set_properties(&mut budget, &[("a".into(), Value::Null)]));
        assert_eq!(presence.properties.len(), 2);
        presence.clear(&mut budget);
        assert_eq!(budget.left, 10_000);
    }

    #[test]
    fn there_is_a_cap() {
        let (mut presence, mut budget) = (Presence::default(), MemoryBudget::new(1_000));
        let kept = (0..100)
            .filter(|number| presence.entered(&mut budget, &alloc::format!("user{number}")))
            .count();
        assert!(kept > 2 && kept < 20, "{kept}");
        assert!(!presence.set_properties(
            &mut budget,
            &[("a".into(), Value::Bytes(vec![0; 2_000].into()))]
        ));
    }
    use alloc::vec;
}
