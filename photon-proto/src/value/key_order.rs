//! Sorting many keys: for finding duplicates, and for filling sorted maps.

use super::Value;
use alloc::vec::Vec;

/// A key's place in the order: a part of its content as a number, and its index.
///
/// Comparing values one by one costs several times as much as comparing numbers, and a hostile map
/// has tens of thousands of keys. The part is the beginning of a value, and equal numbers of the
/// types in [`is_exact`] are equal values; of texts with the same beginning it is a later part.
type Prefixed = (u64, u32);

/// The bits of a prefix below the type.
const CONTENT_BITS: u32 = 56;

/// The beginning of a value as a number, in the order of values.
fn prefix(value: &Value) -> u64 {
    // The highest byte is the type's.
    let text = |bytes: &[u8]| word(bytes, 0) >> (64 - CONTENT_BITS);
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
        Value::Custom(value) => (u64::from(value.code) << 48) | (word(&value.data, 0) >> 16),
        _ => 0,
    };
    (u64::from(value.rank()) << CONTENT_BITS) | content
}

/// Eight bytes of a text as a number, zeros behind its end.
fn word(bytes: &[u8], offset: usize) -> u64 {
    let rest = bytes.get(offset..).unwrap_or_default();
    if let Some(word) = rest.first_chunk::<8>() {
        return u64::from_be_bytes(*word);
    }
    let mut word = [0; 8];
    word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(word)
}

/// The bytes of a text, byte array or custom value, and how many of them are in its prefix.
fn bytes(value: &Value) -> Option<(&[u8], usize)> {
    match value {
        Value::String(text) => Some((text.as_bytes(), 7)),
        Value::Bytes(bytes) => Some((bytes, 7)),
        Value::Custom(custom) => Some((&custom.data, 6)),
        _ => None,
    }
}

/// Sorts texts that agree in their first `offset` bytes by what follows, eight bytes at a time, and
/// equal ones by their indices. Its cost is bounded by the length of all texts, however many of their
/// bytes agree.
fn sort_texts<'t>(order: &mut [Prefixed], offset: usize, text: impl Fn(u32) -> &'t [u8]) {
    // A stack of its own: texts may agree in thousands of words.
    let mut unsorted = alloc::vec![(0, order.len(), offset)];
    while let Some((start, end, offset)) = unsorted.pop() {
        let run = order.get_mut(start..end).unwrap_or_default();
        debug_assert!(run.len() == end - start, "runs are parts of the order");
        if run.iter().all(|(_, index)| text(*index).len() <= offset) {
            // They differ at most in zeros at their ends.
            run.sort_unstable_by_key(|(_, index)| (text(*index).len(), *index));
            continue;
        }
        for (number, index) in &mut *run {
            *number = word(text(*index), offset);
        }
        run.sort_unstable();
        let (mut start, offset) = (start, offset + size_of::<u64>());
        for equal in run.chunk_by_mut(|(left, _), (right, _)| left == right) {
            match equal {
                [_] => {}
                // Nearly all runs of a map in which each key occurs twice.
                [left, right] => {
                    let rest = |index: u32| {
                        (
                            text(index).get(offset..).unwrap_or_default(),
                            text(index).len(),
                            index,
                        )
                    };
                    if rest(left.1) > rest(right.1) {
                        core::mem::swap(left, right);
                    }
                }
                _ => unsorted.push((start, start + equal.len(), offset)),
            }
            start += equal.len();
        }
    }
}

/// Returns the indices of texts in ascending order; of equal texts the earlier one comes first.
/// Faster than sorting by [`Ord`], and its cost is bounded by the length of all texts.
#[must_use]
pub fn text_order(texts: &[&str]) -> Vec<usize> {
    let mut order: Vec<Prefixed> = texts.iter().zip(0..).map(|(_, index)| (0, index)).collect();
    sort_texts(&mut order, 0, |index| {
        texts
            .get(index as usize)
            .map_or(&[], |text| text.as_bytes())
    });
    order.into_iter().map(|(_, index)| index as usize).collect()
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
            let first = run.first().and_then(|(_, index)| value(*index));
            if run.len() == 1 || first.is_none_or(is_exact) {
                continue;
            }
            if let Some((_, offset)) = first.and_then(bytes) {
                sort_texts(run, offset, |index| {
                    value(index).and_then(bytes).map_or(&[], |(bytes, _)| bytes)
                });
            } else {
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
                // The number of a text may be a later part of it, and that of another type.
                (Some(left), Some(right)) => (is_exact(left) && is_exact(right)) || left == right,
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
    use super::{KeyOrder, text_order};
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

    #[test]
    fn sound07_the_order_of_texts_is_that_of_strings() {
        let mut random = Random::new([6; 32]);
        for count in 0..200 {
            // They agree in many bytes, end in zeros, and repeat.
            let texts: Vec<alloc::string::String> = (0..count)
                .map(|_| {
                    let mut draw = |below: u32| random.u32("text") % below;
                    let mut text = "12345678\0".repeat(draw(4) as usize);
                    text.extend((0..draw(20)).map(|_| ['\0', '1', 'z'][draw(3) as usize]));
                    text
                })
                .collect();
            let texts: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
            let mut expected: Vec<usize> = (0..texts.len()).collect();
            expected.sort_by_key(|&index| (texts[index], index));
            assert_eq!(text_order(&texts), expected);
            let values: Vec<Value> = texts.iter().map(|text| Value::from(*text)).collect();
            let order = KeyOrder::new(&values, |value| value);
            assert_eq!(order.indices().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn sound07_texts_that_agree_in_many_bytes_are_sorted_in_time() {
        let same = "x".repeat(60_000);
        let texts = [same.as_str(); 200];
        assert_eq!(text_order(&texts), (0..200).collect::<Vec<_>>());
    }
}
