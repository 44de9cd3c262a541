//! Copying many texts at once.

use super::Protocol;
use super::direct::row;
use crate::limits::Budget;
use crate::reader::Reader;
use crate::text::Text;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Fewer texts than this are copied one by one: together, they need two allocations.
const MIN_SHARED: usize = 3;

/// Takes at most `count` texts and copies them into one allocation, of which each is a part: `make`
/// turns it into an element. Charges for their memory as if each had an allocation. Returns how many
/// there were.
///
/// # Errors
/// How many texts come next that have to be decoded one by one: because they are few, not UTF-8, or
/// too much for the budget. Nothing was taken.
pub(super) fn share<T, const TAGGED: bool>(
    protocol: Protocol,
    r: &mut Reader<'_>,
    b: &mut Budget,
    (count, all): (usize, &mut Vec<T>),
    make: impl Fn(Text) -> T,
) -> Result<usize, usize> {
    let (start, spent, begun) = (*r, b.spent(), all.len());
    // They are measured first. Growing memory would be copied several times, and as much as the
    // message has left would be reserved by each of thousands of small arrays.
    let (mut length, mut memory) = (0_usize, 0_usize);
    let found = row::<TAGGED>(protocol, &mut start.clone(), count, |text| {
        length += text.len();
        memory += Text::memory_bytes(text.len());
    });
    if found < MIN_SHARED {
        return Err(found);
    }
    // Those of an array of strings were charged with it.
    let values = if TAGGED { found } else { 0 };
    let charged = b
        .values(values, r.offset(), "value")
        .and_then(|()| b.memory(memory, 1, r.offset(), "string"));
    // They are joined before they are shared, so that there has to be space for both.
    let has_space = charged.is_ok() && length <= b.memory_left();
    let joined = has_space.then(|| join::<TAGGED>(protocol, start, found, length));
    let Some(joined) = joined.flatten() else {
        b.refund(spent);
        return Err(found);
    };
    let (mut from, mut is_whole) = (0, true);
    row::<TAGGED>(protocol, r, found, |text| {
        let to = from + text.len();
        match joined.slice(from, to) {
            Some(part) => all.push(make(part)),
            // Cut inside a character, and so valid only together with its neighbour.
            None => is_whole = false,
        }
        from = to;
    });
    if !is_whole {
        all.truncate(begun);
        b.refund(spent);
        *r = start;
        return Err(found);
    }
    Ok(found)
}

/// The next `count` texts, `length` bytes in all, as one; `None` if they are not UTF-8.
fn join<const TAGGED: bool>(
    protocol: Protocol,
    mut r: Reader<'_>,
    count: usize,
    length: usize,
) -> Option<Text> {
    let mut bytes = Vec::with_capacity(length);
    row::<TAGGED>(protocol, &mut r, count, |text| {
        bytes.extend_from_slice(text)
    });
    debug_assert!(bytes.len() == length, "the same texts were measured");
    let text = core::str::from_utf8(&bytes).ok()?;
    Some(Text::from_shared(Arc::from(text)))
}
