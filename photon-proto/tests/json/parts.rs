//! `Reader::next_part`: a frame that is read in parts is the same as one that is read at once.

use crate::harness::{LIMITS, properties};
use crate::{Read, framed};
use photon_proto::json::{Frame, Part, Reader};
use photon_proto::{DecodeError, Limits, Role};
use proptest::prelude::*;

/// All frames of a text message, read in parts of these sizes, and the number of calls.
fn read_in_parts(
    mut reader: Reader<'_>,
    mut share: impl FnMut() -> usize,
) -> (Vec<Result<Read, DecodeError>>, usize) {
    let mut out = vec![7; 3];
    let (mut all, mut calls) = (Vec::new(), 0);
    loop {
        out.truncate(3);
        let frame = loop {
            calls += 1;
            let parsed = reader.parsed_bytes();
            match reader.next_part(share(), &mut out) {
                Ok(Part::Unfinished) => {
                    assert!(reader.parsed_bytes() > parsed, "each part has a byte");
                    assert!(!reader.is_at_end());
                }
                Ok(Part::End) => {
                    assert!(reader.is_at_end() && out.len() == 3);
                    return (all, calls);
                }
                Ok(Part::Frame(frame)) => break Ok(frame),
                Err(error) => break Err(error),
            }
        };
        all.push(frame.map(|frame| match frame {
            Frame::Session(id) => Read::Session(id.into()),
            Frame::Message(at) => {
                assert_eq!(at, 3..out.len());
                Read::Message(out[at].to_vec())
            }
            Frame::PingRequest { client_time } => Read::PingRequest(client_time),
            Frame::PingResponse {
                client_time,
                server_time,
            } => Read::PingResponse(client_time, server_time),
            other => panic!("{other:?}"),
        }));
        if !matches!(all.last(), Some(Ok(Read::Message(_)))) {
            assert_eq!(out, [7; 3], "only messages are appended");
        }
    }
}

/// The reader of each kind.
fn readers<'t>(limits: &Limits, text: &'t [u8]) -> Vec<Reader<'t>> {
    let mut all = Vec::new();
    for role in [Role::Client, Role::Server] {
        all.extend(Reader::new(role, limits, text));
        all.extend(Reader::tolerant(role, limits, text.to_vec()));
    }
    all
}

fn check(limits: &Limits, text: &[u8], shares: &[usize]) {
    for reader in readers(limits, text) {
        let (whole, _) = read_in_parts(reader.clone(), || usize::MAX);
        for share in 1..6 {
            let (parts, _) = read_in_parts(reader.clone(), || share);
            assert_eq!(parts, whole, "{share}: {}", String::from_utf8_lossy(text));
        }
        let mut shares = shares.iter().cycle();
        let share = || *shares.next().unwrap();
        let (parts, _) = read_in_parts(reader.clone(), share);
        assert_eq!(parts, whole, "{}", String::from_utf8_lossy(text));
    }
}

/// Limits that short texts reach, so that a message is transcoded again.
const TIGHT: Limits = Limits {
    max_received_bytes: 200,
    max_depth: 2,
    max_values: 12,
    ..LIMITS
};

#[test]
fn sound07_every_stop_gives_the_same_frames_and_errors() {
    for json in [
        "{}",
        " { } ",
        "{\"evt\":1}",
        "{\"evt\":1,\"vals\":null}",
        "{\"evt\":1,\"vals\":[]}",
        "{\"vals\":[1,2,3,\"a\"],\"evt\":7}",
        "{\"evt\":1,\"vals\":[1,[1,2,3],2,[\"a\",\"b\"],3,[\"a\",\"b\",3,\"c\",[\"d\"]]]}",
        "{\"evt\":1,\"vals\":[1,[[\"a\",\"b\",[\"c\",\"d\",{}]],\"e\"],2,{\"a\":[],\"b\":{\"c\":{}}}]}",
        "{\"evt\":1,\"vals\":[1,[[[[[\"deep\",[1,2,{\"a\":[3]}]]]]],5],2,[{\"k\":{\"l\":{\"m\":[1]}}}]]}",
        "{\"evt\":1,\"vals\":[256,[1,[2]],\"x\",{\"a\":[1,2]},1,5,[3],4]}",
        "{\"evt\":1,\"vals\":[1,5,[1,[2]]]}",
        "{\"evt\":1,\"vals\":[1,2],\"other\":[1,[2,{\"a\":3}],[]],\"vals\":[1,[3]],\"evt\":\"2\"}",
        "{\"res\":1,\"err\":[1,[2]],\"msg\":\"d\\u00e9bug\",\"vals\":[1,[2,3]]}",
        "{\"msg\":[1,[2,3]],\"err\":-3,\"vals\":[1,[2,3]],\"res\":1}",
        "{\"msg\":-1.5e3,\"err\":true,\"vals\":[1,[2,3]],\"res\":1}",
        "{\"msg\":\"a\",\"msg\":{\"b\":[1,2]},\"res\":1}",
        "{\"irs\":1,\"vals\":[1,5,2,6]}",
        "{\"irs\":1,\"vals\":[1,[5],2,6]}",
        "{\"irs\":3,\"vals\":[1,[5],2,6]}",
        "{\"irq\":1,\"vals\":[1,77]}",
        "{\"req\":2,\"vals\":[1,[1,2],2,{\"a\":[\"b\",1]}]}",
        "{\"evt\":1,\"vals\":[1,[1,2,,3]]}",
        "{\"evt\":1,\"vals\":[1,[\"a\",\"b\",]]}",
        "{\"evt\":1,\"vals\":[1,[\"a\",x]]}",
        "{\"evt\":1,\"vals\":[1,{\"a\":1,2}]}",
        "{\"evt\":1,\"x\":[1,{\"a\":1,2}]}",
        "{\"evt\":1,\"vals\":[1,[1,2",
        "{\"evt\":1,\"vals\":[1,[\"a\",\"b\"",
        "{\"evt\":1,\"vals\":[1,[1e9,2e9,3e9,4e9,5e9,6e9,7e9,8e9,9e9,1e8,2e8,3e8,4e8,5e8]]}",
        "{\"evt\":1,\"vals\":[1,[[1e9,2e9,3e9],\"a\",{\"k\":4e9}],2,[5e9,6e9]],\"other\":[1]}x",
    ] {
        let one = framed(&format!("~j~{json}"));
        for text in [one.clone(), format!("{}{one}{one}", framed("id"))] {
            for limits in [LIMITS, TIGHT] {
                check(&limits, text.as_bytes(), &[7, 1, 30]);
            }
        }
        // Numbers that become longer than the limit, at each length of it.
        for max_received_bytes in 0..150 {
            let limits = Limits {
                max_received_bytes,
                ..LIMITS
            };
            check(&limits, one.as_bytes(), &[11]);
        }
    }
}

#[test]
fn sound07_the_corpus_gives_the_same_frames_in_parts() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/json");
    // The published package has no corpus.
    for entry in std::fs::read_dir(corpus).into_iter().flatten() {
        let data = std::fs::read(entry.unwrap().path()).unwrap();
        let text = data.get(1..).unwrap_or_default();
        check(&LIMITS, text, &[3, 1, 9, 64]);
        check(&TIGHT, text, &[2]);
    }
}

#[test]
fn a_part_is_as_long_as_it_was_asked_for() {
    for element in ["1", "\"a\"", "[]", "{\"a\":\"b\"}", "1.5", "[[[]]]", "null"] {
        for before in ["", "\"a\",", "1,"] {
            let list = vec![element; 1_000].join(",");
            for json in [
                format!("{{\"evt\":1,\"vals\":[1,[{before}{list}]]}}"),
                format!("{{\"evt\":1,\"vals\":[1,[[{before}{list}]]]}}"),
                format!("{{\"evt\":1,\"other\":[{before}{list}]}}"),
            ] {
                let text = framed(&format!("~j~{json}"));
                for share in [1, 100, 700] {
                    for mut reader in readers(&LIMITS, text.as_bytes()) {
                        let mut out = Vec::new();
                        loop {
                            let parsed = reader.parsed_bytes();
                            let part = reader.next_part(share, &mut out);
                            let is_unfinished = part == Ok(Part::Unfinished);
                            let taken = (reader.parsed_bytes() - parsed) as usize;
                            // What is begun again counts twice, and the frame has a mark and a key.
                            let most = share + 2 * element.len() + 30;
                            assert!(taken <= most, "{taken} of {share}: {}", &json[..40]);
                            if !is_unfinished {
                                break;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A caller that takes the wrong buffer gets the frame all the same.
#[test]
fn another_buffer_begins_the_frame_anew() {
    let text = framed("~j~{\"evt\":1,\"vals\":[1,[1,2,3,4,5,6,7,8]]}");
    let mut whole = Vec::new();
    let frame = Reader::new(Role::Client, &LIMITS, text.as_bytes())
        .unwrap()
        .next(&mut whole)
        .map(|frame| frame.is_some());
    assert_eq!(frame, Ok(true));
    for before in 0..3 {
        let mut reader = Reader::new(Role::Client, &LIMITS, text.as_bytes()).unwrap();
        assert_eq!(reader.next_part(25, &mut Vec::new()), Ok(Part::Unfinished));
        let mut out = vec![7; before];
        while reader.next_part(25, &mut out) == Ok(Part::Unfinished) {}
        assert_eq!(out[before..], whole);
        assert!(reader.is_at_end());
        assert_eq!(reader.next_part(25, &mut out), Ok(Part::End));
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let pieces = vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"a\":",
        "1",
        "-2.5",
        "1e9",
        "null",
        "true",
        " ",
        "\n",
        "\"\\u00e9\"",
        "\u{1f600}",
        "[]",
        "{}",
        "[1,2]",
        "[\"a\",\"b\"]",
        "[\"a\",1]",
        "{\"a\":1}",
        "[[[]]]",
        "\"evt\":1",
        "\"vals\":[1,[2]]",
        "\"res\":2",
        "\"msg\":\"m\"",
        "\"err\":[]",
    ];
    proptest::collection::vec(prop::sample::select(pieces), 0..14)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(properties(600))]

    #[test]
    fn sound07_any_text_gives_the_same_frames_in_parts(
        text in pieces(),
        shares in proptest::collection::vec(1..40_usize, 1..5),
    ) {
        for json in [
            text.clone(),
            format!("{{{text}}}"),
            format!("{{\"evt\":1,{text}}}"),
            format!("{{\"evt\":1,\"vals\":[{text}]}}"),
            format!("{{\"evt\":1,\"vals\":[1,[{text}],2,[\"a\",{text}]]}}"),
        ] {
            let text = framed(&format!("~j~{json}"));
            check(&LIMITS, text.as_bytes(), &shares);
            check(&TIGHT, text.as_bytes(), &shares);
        }
    }
}
