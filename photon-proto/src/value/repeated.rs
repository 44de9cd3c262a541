//! Finding the keys that occur more than once in a map.

use super::{KeyOrder, Value};
use alloc::vec::Vec;

/// So many entries are compared pairwise, which allocates nothing.
const MAX_PAIRWISE: usize = 12;

/// Returns each entry whose key an earlier entry has, as its index and that of the first such entry.
/// Those of one key are in order.
///
/// The keys of a large map are looked up in a table by their hash values, which takes a quarter of
/// the time of sorting them. The hash has no secret: the decoder has no source of random numbers, and
/// the same bytes are to take the same time. A peer can therefore choose keys of equal hash values.
/// The table is given up when it is searched for too long, and the keys are sorted.
#[inline]
pub(crate) fn repeated<T>(entries: &[T], key: impl Fn(&T) -> &Value) -> Vec<(usize, usize)> {
    match entries.len() {
        // A hostile message has thousands of maps of one pair.
        0 | 1 => Vec::new(),
        2..=MAX_PAIRWISE => in_pairs(entries, key),
        _ => in_table(entries, &key, hash).unwrap_or_else(|| sorted(entries, key)),
    }
}

/// Like [`repeated`], by comparing each key with all before it.
fn in_pairs<T>(entries: &[T], key: impl Fn(&T) -> &Value) -> Vec<(usize, usize)> {
    let indexed = entries.iter().enumerate();
    let repeated = indexed.filter_map(|(index, entry)| {
        let mut earlier = entries.iter().take(index);
        let first = earlier.position(|earlier| key(earlier) == key(entry))?;
        Some((index, first))
    });
    repeated.collect()
}

/// Like [`repeated`], by sorting.
fn sorted<T>(entries: &[T], key: impl Fn(&T) -> &Value) -> Vec<(usize, usize)> {
    KeyOrder::new(entries, key).duplicates().collect()
}

/// Like [`repeated`], with a table. Returns `None` if it has passed more slots of other keys than there
/// are entries, or compared more than a few keys with a different one: of hash values without a pattern,
/// it passes less than half as many, and compares nearly none.
fn in_table<T>(
    entries: &[T],
    key: impl Fn(&T) -> &Value,
    hash: impl Fn(&Value) -> u32,
) -> Option<Vec<(usize, usize)>> {
    // At most half of it is used. A slot holds the number of an entry, from 1 on, and in the bits above
    // it those of the hash value, so that a different key is rarely looked at.
    let size = (entries.len() * 2).next_power_of_two();
    let number_bits = u32::try_from(size - 1).ok()?;
    let mut slots = alloc::vec![0_u32; size];
    let mut repeated = Vec::new();
    let (mut passed, mut compared) = (entries.len(), entries.len() / 64 + 16);
    for (entry, number) in entries.iter().zip(1_u32..) {
        debug_assert!(
            number <= number_bits,
            "the table is larger than the entries"
        );
        let one = key(entry);
        let hash = hash(one);
        let mut at = hash & number_bits;
        loop {
            let slot = slots.get_mut(at as usize)?;
            if *slot == 0 {
                *slot = (hash & !number_bits) | number;
                break;
            }
            if (*slot ^ hash) & !number_bits == 0 {
                let first = (*slot & number_bits) as usize - 1;
                if entries.get(first).is_some_and(|entry| key(entry) == one) {
                    repeated.push((number as usize - 1, first));
                    break;
                }
                compared = compared.checked_sub(1)?;
            }
            passed = passed.checked_sub(1)?;
            at = (at + 1) & number_bits;
        }
    }
    Some(repeated)
}

/// A number without a pattern, which equal keys have in common.
fn hash(key: &Value) -> u32 {
    let content = match key {
        Value::Bool(value) => u64::from(*value),
        Value::Byte(value) => u64::from(*value),
        Value::Short(value) => u64::from(value.cast_unsigned()),
        Value::Int(value) => u64::from(value.cast_unsigned()),
        Value::Long(value) => value.cast_unsigned(),
        // Floats are equal if their bits are.
        Value::Float(value) => u64::from(value.to_bits()),
        Value::Double(value) => value.to_bits(),
        Value::String(value) => hash_bytes(value.as_bytes()),
        Value::Bytes(value) => hash_bytes(value),
        Value::Custom(value) => hash_bytes(&value.data) ^ u64::from(value.code),
        // No key of a map.
        _ => 0,
    };
    (mixed(content, u64::from(key.rank())) >> 32) as u32
}

fn hash_bytes(bytes: &[u8]) -> u64 {
    let length = bytes.len() as u64;
    let (pairs, rest) = bytes.as_chunks::<16>();
    let start = pairs.iter().fold(length, |state, pair| {
        let [first, second] = halves(pair);
        mixed(state ^ first, second)
    });
    // The last bytes, which may overlap those before them: with the length, it is clear where they begin.
    let [first, second] = match (bytes.last_chunk(), bytes.first_chunk(), bytes.last_chunk()) {
        _ if rest.is_empty() => return start,
        (Some(last), ..) => halves(last),
        (None, Some(first), Some(last)) => [first, last].map(|word| u64::from_le_bytes(*word)),
        _ => {
            let fold = |word, byte: &u8| (word << 8) | u64::from(*byte);
            [rest.iter().fold(0, fold), 0]
        }
    };
    mixed(start ^ first, second)
}

/// The two words of so many bytes.
fn halves(bytes: &[u8; 16]) -> [u64; 2] {
    let word = |half: Option<&[u8; 8]>| half.map_or(0, |word| u64::from_le_bytes(*word));
    [word(bytes.first_chunk()), word(bytes.last_chunk())]
}

/// Lets each bit of the result depend on each of the two numbers.
const fn mixed(one: u64, other: u64) -> u64 {
    // Two odd numbers without a pattern: the fraction of the golden ratio, and one like it.
    let (one, other) = (one ^ 0x9E37_79B9_7F4A_7C15, other ^ 0xD6E8_FEB8_6659_FD93);
    let product = one as u128 * other as u128;
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::{MAX_PAIRWISE, hash, in_table, repeated, sorted};
    use crate::{Custom, Random, Value};
    use alloc::format;
    use alloc::vec::Vec;
    use bytes::Bytes;

    /// The definition.
    fn expected(keys: &[Value]) -> Vec<(usize, usize)> {
        let indexed = keys.iter().enumerate();
        let first = |key| keys.iter().position(|one| one == key);
        indexed
            .filter_map(|(index, key)| Some((index, first(key)?)))
            .filter(|(index, first)| first < index)
            .collect()
    }

    fn key(random: &mut Random) -> Value {
        let mut draw = |below: u32| random.u32("key") % below;
        let number = (i64::from(draw(9)) - 4) << (8 * draw(8));
        let text = "a\0b\u{e9}".repeat(8);
        let text = text.get(..draw(33) as usize).unwrap_or("\0");
        match draw(10) {
            0 => Value::Bool(number > 0),
            1 => Value::Byte(number as u8),
            2 => Value::Short(number as i16),
            3 => Value::Int(number as i32),
            4 => Value::Long(number),
            5 => Value::Float(f32::from_bits(number as u32)),
            6 => Value::Double(f64::from_bits(number.cast_unsigned())),
            7 => Value::String(text.into()),
            8 => Value::Bytes(Bytes::copy_from_slice(text.as_bytes())),
            _ => Value::Custom(Custom {
                code: draw(2) as u8,
                data: Bytes::copy_from_slice(text.as_bytes()),
            }),
        }
    }

    #[test]
    fn sound07_repeated_keys_are_those_that_an_earlier_entry_has() {
        let mut random = Random::new([7; 32]);
        for count in (0..80).chain([1_000, 2_000]) {
            let keys: Vec<Value> = (0..count).map(|_| key(&mut random)).collect();
            let expected = expected(&keys);
            for mut found in [repeated(&keys, |key| key), sorted(&keys, |key| key)] {
                // Those of one key are in order.
                found.sort_by_key(|(_, first)| *first);
                let mut expected = expected.clone();
                expected.sort_by_key(|(_, first)| *first);
                assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn sound07_keys_of_equal_hash_values_are_found_or_sorted() {
        let keys: Vec<Value> = (0..500)
            .map(|number| Value::from(format!("key {}", number % 300)))
            .collect();
        let few = keys.get(..MAX_PAIRWISE + 4).unwrap_or_default();
        // The table is given up for many keys of one hash value, or of one slot, and not for a few.
        let in_slot = |key: &Value| hash(key) & !0xFFFF;
        let of_two = |key: &Value| hash(key) & !1;
        assert_eq!(in_table(&keys, |key| key, |_| 7), None);
        assert_eq!(in_table(&keys, |key| key, in_slot), None);
        assert_eq!(in_table(few, |key| key, of_two), Some(expected(few)));
        assert_eq!(in_table(&keys, |key| key, hash), Some(expected(&keys)));
        // Values that are made to have one hash value are sorted, with the same result.
        let start = 0x9E37_79B9_7F4A_7C15_u64 ^ 16;
        let keys: Vec<Value> = (0..500_u64)
            .map(|number| {
                Bytes::copy_from_slice(&[start, number % 300].map(u64::to_le_bytes).concat())
            })
            .map(Value::Bytes)
            .collect();
        assert_eq!(in_table(&keys, |key| key, hash), None);
        let mut found = repeated(&keys, |key| key);
        found.sort_unstable();
        assert_eq!(found, expected(&keys));
    }

    #[test]
    fn sound07_the_table_is_enough_for_keys_that_nobody_chose() {
        const COUNT: u32 = 8_000;
        let made: [fn(u32) -> Value; 9] = [
            |number| Value::Int(number as i32),
            |number| Value::Int((number << 16) as i32),
            |number| Value::Long(i64::from(number) << 40),
            |number| Value::Double(f64::from(number)),
            |number| Value::Float(number as f32 / 8.0),
            |number| Value::from(format!("{number}")),
            |number| Value::from(format!("{number:x}")),
            |number| Value::from(format!("property{:08x}", number.wrapping_mul(0x9E37_79B1))),
            |number| Value::from(format!("{number:04}{}", "x".repeat(120))),
        ];
        for make in made {
            let keys: Vec<Value> = (0..COUNT).map(|number| make(number / 2)).collect();
            let found = in_table(&keys, |key| key, hash).map(|found| found.len());
            assert_eq!(found, Some(COUNT as usize / 2), "{:?}", keys.get(2));
        }
    }
}
