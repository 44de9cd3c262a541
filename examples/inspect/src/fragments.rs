//! [`Fragments`]: reassembles messages from the fragments of several datagrams.

use photon_proto::udp::command::{FRAGMENT_HEADER_BYTES, Fragment};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Identifies a fragmented message among those of all connections and directions in the input.
///
/// Both directions of a connection have the same challenge, but servers write peer id 0. Should a
/// server write another one, `count` and `total` very likely differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct MessageKey {
    challenge: u32,
    peer_id: u16,
    kind: u8,
    channel: u8,
    start: u32,
    count: u32,
    total: u32,
}

#[derive(Debug)]
enum Progress {
    /// The offset and the bytes of each received fragment, by fragment number.
    Open(BTreeMap<u32, (u32, Vec<u8>)>),
    /// The message was returned; further fragments are duplicates.
    Done,
}

/// The fragments of all datagrams so far. Incomplete messages are kept: a capture is finite.
#[derive(Debug, Default)]
pub(crate) struct Fragments(BTreeMap<MessageKey, Progress>);

/// A fragment whose header contradicts itself, or fragments that do not fill their message.
pub(crate) struct BadFragment {
    pub(crate) field: &'static str,
    /// The offset of the field in the command.
    pub(crate) at: usize,
}

impl Fragments {
    /// Adds a fragment. Returns the message if no other fragment was missing. Spec: udp.md 6, 9
    /// (items 15, 18).
    pub(crate) fn add(
        &mut self,
        (challenge, peer_id): (u32, u16),
        (kind, channel, rseq): (u8, u8, u32),
        it: &Fragment<'_>,
        max_bytes: usize,
    ) -> Result<Option<Vec<u8>>, BadFragment> {
        let part = u32::try_from(it.part.len()).unwrap_or(u32::MAX);
        let checks = [
            (
                it.start.checked_add(it.number) == Some(rseq),
                "start sequence",
                12,
            ),
            (it.count >= 1 && it.count <= it.total, "fragment count", 16),
            (it.number < it.count, "fragment number", 20),
            (
                usize::try_from(it.total).is_ok_and(|total| total <= max_bytes),
                "total length",
                24,
            ),
            (
                it.offset
                    .checked_add(part)
                    .is_some_and(|end| end <= it.total),
                "fragment offset",
                28,
            ),
            (part >= 1, "fragment part", FRAGMENT_HEADER_BYTES),
        ];
        if let Some((_, field, at)) = checks.into_iter().find(|(good, ..)| !good) {
            return Err(BadFragment { field, at });
        }
        let key = MessageKey {
            challenge,
            peer_id,
            kind,
            channel,
            start: it.start,
            count: it.count,
            total: it.total,
        };
        let progress = self
            .0
            .entry(key)
            .or_insert_with(|| Progress::Open(BTreeMap::new()));
        let Progress::Open(parts) = progress else {
            return Ok(None);
        };
        if let Entry::Vacant(vacant) = parts.entry(it.number) {
            vacant.insert((it.offset, it.part.to_vec()));
        }
        debug_assert!(parts.len() <= it.count as usize, "numbers are below count");
        if parts.len() != it.count as usize {
            return Ok(None);
        }
        let mut message = Vec::new();
        let mut contiguous = true;
        for (offset, part) in parts.values() {
            contiguous &= *offset as usize == message.len();
            message.extend_from_slice(part);
        }
        *progress = Progress::Done;
        if contiguous && message.len() == it.total as usize {
            Ok(Some(message))
        } else {
            Err(BadFragment {
                field: "parts of the message",
                at: FRAGMENT_HEADER_BYTES,
            })
        }
    }
}
