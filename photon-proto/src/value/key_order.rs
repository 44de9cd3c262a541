//! Sorting many keys: for finding duplicates, and for filling sorted maps.

use super::Value;
use alloc::vec::Vec;

/// A key's place in the order: the beginning of its content as a number, and its index.
///
/// Comparing values one by one costs several times as much as comparing numbers, and a hostile map
/// has tens of thousands of keys. The numbers are in the order of the values, and equal numbers of
/// the types in [`is_exact`] are equal values.
type Prefixed = (u64, u32);

/// The bits of a prefix below the type.
const CONTENT_BITS: u32 = 56;

/// The beginning of a value as a number, in the order of values.
fn prefix(value: &Value) -> u64 {
    let text = |bytes: &[u8]| {
        let mut first = [0; 8];
        // The highest byte is the type's.
        first
            .iter_mut()
            .skip(1)
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        u64::from_be_bytes(first)
    };
    let content = match value {
        Value::Bool(value) => u64::from(*value),
        Value::Byte(value) => u64::from(*value),
        // Flipping the sign bit puts negative numbers first.
        Value::Short(value) => u64::from(value.cast_unsigned() ^ (1 << 15)),
        Value::Int(value) => u64::from(value.cast_unsigned() ^ (1 << 31)),
        Value::Long(value) => (value.cast_unsigned() ^ (1 << 63)) >> (64 - CONTENT_BITS),
        Value::Float(value) => u64::from(value.to_bits()),
        Value::Double(value) => value.to_bits() >> (64 - CONTENT_BITS),
        Value::String(value) => text(value.as_bytes()),
        Value::Bytes(value) => text(value),
        _ => 0,
    };
    (u64::from(value.rank()) << CONTENT_BITS) | content
}

/// Whether equal prefixes mean equal values.
const fn is_exact(value: &Value) -> bool {
    matches!(
        value,
        Value::Null
            | Value::Bool(_)
            | Value::Byte(_)
            | Value::Short(_)
            | Value::Int(_)
            | Value::Float(_)
    )
}

/// The entries with their keys in ascending order, equal ones in the order of the entries.
pub(crate) struct KeyOrder<'e, T, K> {
    entries: &'e [T],
    key: K,
    order: Vec<Prefixed>,
}

impl<'e, T, K: Fn(&T) -> &Value> KeyOrder<'e, T, K> {
    /// Sorts the entries by this key.
    pub(crate) fn new(entries: &'e [T], key: K) -> Self {
        debug_assert!(
            u32::try_from(entries.len()).is_ok(),
            "the entries of a message are limited"
        );
        let mut order: Vec<Prefixed> = entries
            .iter()
            .zip(0..)
            .map(|(entry, index)| (prefix(key(entry)), index))
            .collect();
        order.sort_unstable();
        for run in order.chunk_by_mut(|(left, _), (right, _)| left == right) {
            let value = |index: u32| entries.get(index as usize).map(&key);
            let exact = run
                .first()
                .and_then(|(_, index)| value(*index))
                .is_none_or(is_exact);
            if run.len() > 1 && !exact {
                run.sort_unstable_by(|(_, left), (_, right)| {
                    value(*left).cmp(&value(*right)).then(left.cmp(right))
                });
            }
        }
        Self {
            entries,
            key,
            order,
        }
    }

    /// The indices of the entries in order.
    pub(crate) fn indices(&self) -> impl Iterator<Item = usize> {
        self.order.iter().map(|(_, index)| *index as usize)
    }

    /// Each entry whose key an earlier entry has, as its index and that of the first such entry.
    pub(crate) fn duplicates(&self) -> impl Iterator<Item = (usize, usize)> {
        let mut first: Option<&Prefixed> = None;
        self.order.iter().filter_map(move |one| {
            match first {
                Some(kept) if self.are_equal(kept, one) => {
                    return Some((one.1 as usize, kept.1 as usize));
                }
                _ => first = Some(one),
            }
            None
        })
    }

    fn are_equal(&self, left: &Prefixed, right: &Prefixed) -> bool {
        let value = |index: u32| self.entries.get(index as usize).map(&self.key);
        left.0 == right.0
            && match (value(left.1), value(right.1)) {
                (Some(left), Some(right)) => is_exact(left) || left == right,
                _ => false,
            }
    }
}

impl Value {
    /// Returns the indices of pairs in ascending order of their keys; of equal keys the earlier pair
    /// comes first. Faster than sorting by [`Ord`], which compares values as a whole.
    #[must_use]
    pub fn key_order(pairs: &[(Self, Self)]) -> Vec<usize> {
        KeyOrder::new(pairs, |pair| &pair.0).indices().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::KeyOrder;
    use crate::{Custom, Hashtable, Random, Value};
    use alloc::vec::Vec;
    use bytes::Bytes;

    fn value(random: &mut Random) -> Value {
        let mut draw = |below: u32| random.u32("value") % below;
        let number = i64::from(draw(5)) - 2;
        let long = number << (8 * draw(8));
        let text = "a\0b\u{e9}".repeat(3);
        let text = text
            .get(..[0, 1, 2, 3, 5, 8, 10, 13][draw(8) as usize])
            .unwrap_or("\0");
        match draw(13) {
            0 => Value::Bool(number > 0),
            1 => Value::Byte(number as u8),
            2 => Value::Short(long as i16),
            3 => Value::Int(long as i32),
            4 => Value::Long(long),
            5 => Value::Float(number as f32 / 3.0),
            6 => Value::Double(number as f64 / 3.0),
            7 | 8 => Value::String(text.into()),
            9 => Value::Bytes(Bytes::copy_from_slice(text.as_bytes())),
            10 => Value::Custom(Custom {
                code: 1,
                data: Bytes::copy_from_slice(text.as_bytes()),
            }),
            11 => Value::Hashtable(Hashtable(alloc::vec![(text.into(), number.into())])),
            _ => Value::Null,
        }
    }

    #[test]
    fn sound07_the_order_of_keys_is_that_of_values() {
        let mut random = Random::new([5; 32]);
        for count in (0..60).chain([500]) {
            let values: Vec<Value> = (0..count).map(|_| value(&mut random)).collect();
            let order = KeyOrder::new(&values, |value| value);
            let mut expected: Vec<usize> = (0..values.len()).collect();
            expected.sort_by_key(|&index| (&values[index], index));
            assert_eq!(order.indices().collect::<Vec<_>>(), expected);
            let mut duplicates: Vec<_> = order.duplicates().collect();
            duplicates.sort_unstable();
            let expected: Vec<_> = (0..values.len())
                .filter_map(|index| {
                    let first = values.iter().position(|one| *one == values[index])?;
                    (first < index).then_some((index, first))
                })
                .collect();
            assert_eq!(duplicates, expected);
        }
    }
}
