//! The heap memory of decoding: the message itself, and nothing that a sender only announces.

use crate::harness::LIMITS;
use crate::{framed, heap};
use photon_proto::Limits;
use photon_proto::Role;
use photon_proto::json::Reader;
use std::hint::black_box;

fn read(limits: &Limits, text: &str) {
    let mut out = Vec::new();
    if let Ok(mut reader) = Reader::new(Role::Client, limits, text.as_bytes()) {
        for _ in 0..3 {
            drop(black_box(reader.next(&mut out)));
        }
    }
}

#[test]
fn counting_counts() {
    assert_eq!(
        heap::largest(|| drop(black_box(Vec::<u8>::with_capacity(black_box(12_345))))),
        12_345
    );
    assert!(heap::largest(|| read(&LIMITS, &framed("~j~{\"evt\":1}"))) >= 4);
}

#[test]
fn promises_allocate_nothing() {
    for text in [
        format!("~m~{}~m~~j~{{\"evt\":1}}", u32::MAX),
        format!("~m~{}~m~~j~{{\"evt\":1}}", usize::MAX),
        framed("id"),
        framed("~j~x"),
        framed("~j~{\"evt\":1e400}"),
        framed(&format!(
            "~j~{{\"evt\":1,\"vals\":[1,{}",
            "[".repeat(500_000)
        )),
        framed(&format!("~j~{{\"evt\":1,\"vals\":[{}", "9".repeat(900_000))),
    ] {
        let taken = heap::largest(|| read(&LIMITS, &text));
        assert!(taken <= 256, "{}: {taken}", &text[..text.len().min(60)]);
    }
}

#[test]
fn memory_stays_within_the_limit() {
    let filled = |piece: &str, bytes: usize| vec![piece; bytes / (piece.len() + 1)].join(",");
    for max_received_bytes in [10_000, 100_000, 1 << 20] {
        let limits = Limits {
            max_received_bytes,
            max_values: u32::MAX,
            ..LIMITS
        };
        let room = max_received_bytes - 60;
        for piece in [
            "5e0",
            "\"\"",
            "[]",
            "{}",
            "[\"\"]",
            "{\"\":5e0}",
            "\"\\n\"",
            "0",
            "null",
            "1e9,\"a\"",
        ] {
            for text in [
                format!("~j~{{\"evt\":1,\"vals\":[1,[{}]]}}", filled(piece, room)),
                format!("~j~{{\"evt\":1,\"unknown\":[{}]}}", filled(piece, room)),
                format!("~j~{{\"evt\":1,\"vals\":[1,[\"a\",{}", filled(piece, room)),
            ] {
                let text = framed(&text);
                assert!(text.len() <= max_received_bytes);
                let taken = heap::largest(|| read(&limits, &text));
                // A growing vector is at most twice as large as its content.
                assert!(
                    taken <= 2 * max_received_bytes,
                    "{piece} {max_received_bytes}: {taken}"
                );
            }
        }
        // Without NULs the text is not copied, with them once.
        let text = framed(&"x".repeat(room));
        assert_eq!(heap::largest(|| read(&limits, &text)), 0);
        let text = format!("\0{}", framed(&"x".repeat(room)));
        assert!(heap::largest(|| read(&limits, &text)) <= text.len());
    }
}
