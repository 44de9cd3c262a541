//! Connections before their login: how many there are, how long they may take, and the bytes of
//! messages that they have begun and not finished.
//!
//! Anyone can open such a connection, so all of them together get a fixed share of the memory. When
//! it is used up, the oldest connection goes, or the one that holds most: refusing new ones instead
//! would let whoever came first lock out everybody else.

use std::collections::BTreeMap;

use crate::ids::ConnectionId;

/// The connections before their login, each with the bytes of its unfinished message. Ids grow, so
/// the first one is the oldest.
#[derive(Debug, Default)]
pub(crate) struct BeforeLogin {
    unfinished: BTreeMap<ConnectionId, usize>,
    total_bytes: usize,
}

impl BeforeLogin {
    pub(crate) fn len(&self) -> usize {
        self.unfinished.len()
    }

    pub(crate) const fn unfinished_bytes(&self) -> usize {
        self.total_bytes
    }

    pub(crate) fn contains(&self, id: ConnectionId) -> bool {
        self.unfinished.contains_key(&id)
    }

    pub(crate) fn insert(&mut self, id: ConnectionId) {
        let before = self.unfinished.insert(id, 0);
        debug_assert!(before.is_none(), "a connection is accepted once");
    }

    pub(crate) fn oldest(&self) -> Option<ConnectionId> {
        self.unfinished.first_key_value().map(|(id, _)| *id)
    }

    pub(crate) fn set(&mut self, id: ConnectionId, bytes: usize) {
        if let Some(known) = self.unfinished.get_mut(&id) {
            self.total_bytes = self.total_bytes - *known + bytes;
            *known = bytes;
        }
    }

    /// Removes a connection that has logged in or ended.
    pub(crate) fn remove(&mut self, id: ConnectionId) {
        if let Some(bytes) = self.unfinished.remove(&id) {
            self.total_bytes -= bytes;
        }
        debug_assert!(
            !self.unfinished.is_empty() || self.total_bytes == 0,
            "without connections nothing is unfinished"
        );
    }

    /// Those that hold most until the rest holds at most `bytes`.
    pub(crate) fn largest_above(&self, bytes: usize) -> Vec<ConnectionId> {
        let mut all: Vec<(ConnectionId, usize)> = self
            .unfinished
            .iter()
            .map(|(id, one)| (*id, *one))
            .collect();
        all.sort_unstable_by_key(|(_, one)| std::cmp::Reverse(*one));
        let mut rest = self.total_bytes;
        let surplus = all.into_iter().take_while(|(_, one)| {
            let ends = rest > bytes;
            rest = rest.saturating_sub(*one);
            ends
        });
        surplus.map(|(id, _)| id).collect()
    }

    /// Checks the sum.
    pub(crate) fn check(&self) -> Result<(), String> {
        let sum: usize = self.unfinished.values().sum();
        if sum == self.total_bytes {
            Ok(())
        } else {
            Err(format!(
                "{sum} bytes before a login, and {} are counted",
                self.total_bytes
            ))
        }
    }
}
