//! Counts the heap memory of decoding: little for counts that announce more elements than follow,
//! and never much more than the limits.

mod harness;

use harness::{LIMITS, PROTOCOLS};
use photon_proto::{Limits, Protocol, codec};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

struct Counting;

thread_local! {
    /// Negative if this thread has freed memory that another one allocated.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    // Not accessible while a thread ends; its last allocations are not counted.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + change);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call is passed on to the system allocator as it came; counting allocates nothing
// itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most bytes that were on the heap at once because of `work`.
fn peak(work: impl FnOnce()) -> usize {
    let before = LIVE.get();
    PEAK.set(before);
    work();
    assert_eq!(LIVE.get(), before, "something leaked");
    usize::try_from(PEAK.get() - before).unwrap()
}

fn decode(protocol: Protocol, bytes: &[u8]) {
    drop(black_box(codec::decode_value(protocol, &LIMITS, bytes)));
    drop(black_box(
        codec::decode_value_ref(protocol, &LIMITS, bytes).and_then(|value| value.to_value(&LIMITS)),
    ));
}

#[test]
fn counting_counts() {
    assert_eq!(
        peak(|| drop(black_box(Vec::<u8>::with_capacity(black_box(12_345))))),
        12_345
    );
    assert_eq!(
        peak(|| decode(Protocol::V18, &[0x17, 3, 8, 8, 8])),
        3 * size_of::<photon_proto::Value>()
    );
}

#[test]
fn absurd_counts_allocate_next_to_nothing() {
    let counts_16 = [
        &b"\x7F\xFF"[..],
        b"\xFF\xFF",
        b"\x7F\xFF\xFF\xFF",
        b"\x80\0\0\0",
    ];
    let counts_18 = [
        &b"\xFF\xFF\xFF\xFF\x07"[..],
        b"\xFF\xFF\xFF\xFF\x0F",
        b"\xFF\x7F",
        b"\xFF\xFF\x03",
    ];
    for code in 0..=255_u8 {
        for (protocol, counts) in PROTOCOLS.into_iter().zip([counts_16, counts_18]) {
            for count in counts {
                for between in [
                    &[][..],
                    &[0, 0],
                    &[9, 9],
                    &[0x1E, 0x22],
                    &[9, 0x22],
                    b"ss",
                    b"**",
                    &[9, 0x14, 9, 9],
                    &[5],
                ] {
                    for tail in [&[][..], b"i", b"x12", b"D\0\0", b"c\x01"] {
                        let bytes = [&[code], between, count, tail].concat();
                        let taken = peak(|| decode(protocol, &bytes));
                        assert!(taken <= 1024, "{protocol:?} {bytes:x?}: {taken}");
                    }
                }
            }
        }
    }
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// An object array of as many equal elements as fit into a message and the count of values.
fn many(protocol: Protocol, element: &[u8], values: usize) -> Vec<u8> {
    let count =
        (LIMITS.max_received_bytes / element.len()).min((LIMITS.max_values as usize - 1) / values);
    match protocol {
        Protocol::V16 => {
            let count = count.min(32_767);
            [
                &b"z"[..],
                &(count as u16).to_be_bytes(),
                &element.repeat(count),
            ]
            .concat()
        }
        _ => [&[0x17][..], &varint(count), &element.repeat(count)].concat(),
    }
}

#[test]
fn memory_stays_within_the_limit_whatever_is_sent() {
    let deep_type = [&[0x14, 9][..], &[0x14, 9].repeat(25), &[9, 0]].concat();
    let arrays_type = [&[0x14, 9][..], &[0x40].repeat(25), &[0x49, 0]].concat();
    let hostile_18 = [
        many(Protocol::V18, &[8], 1),
        many(Protocol::V18, b"\x07\x01a", 1),
        many(Protocol::V18, b"\x43\x01a", 1),
        many(Protocol::V18, &[0xE4, 1, 0], 1),
        many(Protocol::V18, &[0x15, 0], 1),
        many(Protocol::V18, &[0x14, 9, 9, 0], 1),
        many(Protocol::V18, &[0x14, 9, 0x49, 0], 1),
        many(Protocol::V18, &[0x14, 9, 0x40, 0x43, 0], 1),
        many(Protocol::V18, &deep_type, 1),
        many(Protocol::V18, &arrays_type, 1),
        many(Protocol::V18, &[0x18, 1, 0], 1),
        many(Protocol::V18, &[0x18, 1, 1, 1, 8], 2),
        many(Protocol::V18, b"\x19\x01\0\0\x07\x01a\0", 1),
        many(Protocol::V18, b"\x47\x02\x01a\x01b", 3),
        many(Protocol::V18, &[0x53, 2, 0, 1, 0, 1, 0], 3),
        many(Protocol::V18, &[0x40, 1, 0x49, 1, 0], 2),
        many(Protocol::V18, &[0x40, 1, 0x43, 1, 0], 2),
        many(
            Protocol::V18,
            &[&[0x40, 65][..], &[0x49, 0].repeat(65)].concat(),
            66,
        ),
        many(Protocol::V18, &[0x55, 1, 0], 2),
        many(Protocol::V18, &[0x54, 9, 9, 1, 0], 2),
        many(Protocol::V18, &[0x15, 1, 0x1E, 8], 3),
        many(
            Protocol::V18,
            &[
                0x42, 200, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                0, 0,
            ],
            1,
        ),
        many(Protocol::V18, &[&[0x45, 65][..], &[0; 65 * 4]].concat(), 1),
        many(Protocol::V18, &[&[0x49, 65][..], &[0; 65]].concat(), 1),
        [&[0x47][..], &varint(60_000), &b"\x01a".repeat(60_000)].concat(),
        [
            (0..31)
                .flat_map(|_| [&[0x17][..], &varint(60_000)].concat())
                .collect(),
            vec![8; 100_000],
        ]
        .concat(),
    ];
    let hostile_16 = [
        many(Protocol::V16, b"*", 1),
        many(Protocol::V16, b"s\0\x01a", 1),
        many(Protocol::V16, b"x\0\0\0\x01a", 1),
        many(Protocol::V16, b"c\0\0\x01a", 1),
        many(Protocol::V16, b"h\0\0", 1),
        many(Protocol::V16, b"Dii\0\0", 1),
        many(Protocol::V16, b"Diz\0\0", 1),
        many(Protocol::V16, b"q\0\0\0", 1),
        many(Protocol::V16, b"p\0\0\0s\0\x01a\0\0", 1),
        many(Protocol::V16, b"y\0\x01s\0\x01a", 2),
        many(Protocol::V16, b"y\0\x01x\0\0\0\x01a", 2),
        many(Protocol::V16, b"y\0\x01c\0\0\x01a", 2),
        many(Protocol::V16, b"y\0\x01h\0\0", 2),
        many(Protocol::V16, b"y\0\x01y\0\0i", 2),
        many(Protocol::V16, b"y\0\x01z\0\x01*", 3),
        many(Protocol::V16, b"y\0\x01q\0\0\0", 2),
        many(Protocol::V16, b"y\0\x03o\0\x01\0", 1),
        many(Protocol::V16, &[&b"y\0\x41d"[..], &[0; 65 * 8]].concat(), 1),
        many(Protocol::V16, &[&b"y\0\x41o"[..], &[0; 65]].concat(), 1),
        many(Protocol::V16, b"n\0\0\0\x01\0\0\0\0", 1),
    ];
    for (protocol, hostile) in [
        (Protocol::V18, &hostile_18[..]),
        (Protocol::V16, &hostile_16),
    ] {
        for bytes in hostile {
            for max_memory_bytes in [
                1 << 10,
                1 << 14,
                1 << 18,
                1 << 20,
                1 << 21,
                3 << 20,
                LIMITS.max_memory_bytes,
            ] {
                let limits = Limits {
                    max_memory_bytes,
                    ..LIMITS
                };
                let taken = peak(|| drop(black_box(codec::decode_value(protocol, &limits, bytes))));
                assert!(
                    taken <= max_memory_bytes,
                    "{:x?}...: {taken} of {max_memory_bytes}",
                    &bytes[..20]
                );
            }
        }
    }
}

#[test]
fn sound06_short_messages_that_wait_take_no_multiple_of_the_cap() {
    use photon_proto::peer::{Peer, PeerConfig, SubProtocol, Wire};
    use photon_proto::{Random, Timestamp};
    use std::sync::Arc;

    let config = Arc::new(PeerConfig::default());
    let wire = Wire::WebSocket {
        secure: false,
        protocol: SubProtocol::GpBinaryV18,
    };
    for message in [&b""[..], b"!", &[0; 30]] {
        for server in [false, true] {
            let mut accepted = 0;
            let peak = peak(|| {
                let mut peer = match server {
                    true => Peer::server(Arc::clone(&config), wire),
                    false => Peer::client(Arc::clone(&config), wire, "", &mut Random::new([1; 32])),
                };
                peer.link_opened(Timestamp::ZERO, false);
                while accepted < 8_000_000 && peer.wants_input() {
                    peer.handle_bytes(Timestamp::ZERO, message);
                    accepted += 1;
                }
            });
            println!(
                "{accepted} messages of {} bytes: {peak} bytes",
                message.len()
            );
            // The buffer doubles, and the old one is freed only after the copy.
            assert!(peak <= 3 * config.incoming_cap_bytes, "{peak}");
        }
    }
}
