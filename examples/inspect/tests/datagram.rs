//! `photon-inspect datagram`: every recorded datagram, invalid datagrams, and fragments.

mod harness;

use harness::{convert, error, line, lines, run, text, texts, vectors};
use serde_json::{Value as Json, json};

fn sessions() -> Vec<Json> {
    vectors("udp-handshake.json", "sessions")
}

fn datagrams(session: &Json) -> &[Json] {
    session["datagrams"].as_array().unwrap()
}

/// Builds a datagram of these commands, without a checksum.
fn datagram(commands: &[&str]) -> String {
    format!(
        "004200{:02x}0000019000000065{}",
        commands.len(),
        commands.concat()
    )
}

/// Builds a command with the right size field.
fn command(kind: u8, channel: u8, rseq: u32, body: &str) -> String {
    format!(
        "{kind:02x}{channel:02x}0104{:08x}{rseq:08x}{body}",
        12 + body.len() / 2
    )
}

/// Builds a fragment on channel 0.
fn fragment([start, count, number, total, offset]: [u32; 5], part: &str) -> String {
    let header = [start, count, number, total, offset]
        .map(|field| format!("{field:08x}"))
        .concat();
    command(8, 0, start.wrapping_add(number), &(header + part))
}

/// The commands of a datagram with a valid header.
fn commands(found: &Json) -> &[Json] {
    assert_eq!(found["t"], "datagram", "{found}");
    found["commands"].as_array().unwrap()
}

/// Removes what the program's output has in addition to a recording: the message, and fields that
/// the recordings omit for some types.
fn as_recorded(expected: &Json, mut found: Json) -> Json {
    assert_eq!(
        found.as_object_mut().unwrap().shift_remove("t"),
        Some(json!("datagram"))
    );
    let commands = found["commands"].as_array_mut().unwrap();
    for (command, expected) in commands
        .iter_mut()
        .zip(expected["commands"].as_array().unwrap())
    {
        let name = text(expected, "name").to_owned();
        let command = command.as_object_mut().unwrap();
        let additions: &[&str] = match name.as_str() {
            "send_reliable" | "send_reliable_unsequenced" => &["message", "surplus_bytes"],
            "send_unreliable" | "send_unsequenced" => &["message", "surplus_bytes", "payload_head"],
            "verify_connect" => &[
                "mtu",
                "window_size",
                "channel_count",
                "bandwidth_in",
                "bandwidth_out",
                "throttle_interval",
                "throttle_accel",
                "throttle_decel",
            ],
            "unknown_9" => &["hex"],
            _ => &[],
        };
        for addition in additions {
            command.shift_remove(*addition);
        }
    }
    found
}

#[test]
fn every_recorded_datagram_has_the_recorded_fields() {
    let (mut good, mut bad) = (0, Vec::new());
    for session in sessions() {
        let protocol = text(&session["client_settings"], "serialization");
        let hex = texts(datagrams(&session), "hex");
        let (found, status) = lines(&["datagram", "--protocol", protocol], &hex);
        let mut found = found.into_iter().filter(|one| one["t"] != "reassembled");
        let before = bad.len();
        for recorded in datagrams(&session) {
            let (found, expected) = (found.next().unwrap(), &recorded["decoded"]);
            if found.get("error").is_some() {
                bad.push((text(recorded, "note").to_owned(), found["error"].clone()));
                continue;
            }
            assert_eq!(&as_recorded(expected, found), expected, "{recorded}");
            good += 1;
        }
        assert_eq!(
            (found.next(), status),
            (None, i32::from(bad.len() > before))
        );
    }
    assert_eq!(good, 322);
    assert_eq!(
        bad,
        [
            (
                "zero commands".into(),
                error("NoCommands", 3, "command count")
            ),
            (
                "count says 2, only one command present".into(),
                error("BadCommand", 29, "command 1")
            ),
            (
                "command size larger than remaining bytes".into(),
                error("BadCommand", 12, "command 0")
            ),
        ]
    );
}

#[test]
fn commands_contain_their_messages_and_reassembled_ones_follow_the_last_fragment() {
    let all = sessions();
    let session = all
        .iter()
        .find(|one| one["name"] == "operations_all_delivery_modes")
        .unwrap();
    let hex = texts(datagrams(session), "hex");
    // The init of the session sets the protocol.
    let (found, status) = lines(&["datagram"], &hex);
    assert_eq!(status, 0);
    let sent: Vec<&Json> = found
        .iter()
        .filter(|one| one["t"] == "datagram")
        .flat_map(commands)
        .collect();
    let message = |name: &str| {
        &sent
            .iter()
            .find(|one| one["name"] == name && one["payload_length"] == 27)
            .unwrap()["message"]
    };
    assert_eq!(message("send_reliable")["op"], 10);
    assert_eq!(message("send_reliable")["params"][0][1]["t"], "bytes");
    let ops = |name: &str| -> Vec<u64> {
        sent.iter()
            .filter(|one| one["name"] == name)
            .filter_map(|one| one["message"]["op"].as_u64())
            .collect()
    };
    assert_eq!(
        (ops("send_unreliable"), ops("send_unsequenced")),
        (vec![11, 14, 16], vec![12])
    );
    assert_eq!(ops("send_reliable_unsequenced"), [13]);
    // Type, first number, count, bytes, operation; in the order of the last fragments.
    let summary = |one: &Json| {
        let number = |key: &str| one[key].as_u64().unwrap();
        let numbers = ["type", "start_seq", "fragment_count", "total_length"].map(number);
        (numbers, one["message"]["op"].as_u64().unwrap())
    };
    let reassembled: Vec<([u64; 4], u64)> = found
        .iter()
        .filter(|one| one["t"] == "reassembled")
        .map(summary)
        .collect();
    assert_eq!(
        reassembled,
        [
            ([8, 4, 3, 3011], 20),
            ([8, 7, 2, 1511], 21),
            ([15, 2, 2, 1511], 22),
            ([15, 4, 2, 1511], 24),
            ([8, 10, 2, 1153], 23),
        ]
    );
    for (index, one) in found
        .iter()
        .enumerate()
        .filter(|(_, one)| one["t"] == "reassembled")
    {
        let last = commands(&found[index - 1]).last().unwrap();
        assert_eq!(
            (&last["start_seq"], &last["type"]),
            (&one["start_seq"], &one["type"])
        );
        let value = &one["message"]["params"][0][1];
        let expected = one["total_length"].as_u64().unwrap() - 11;
        assert_eq!(
            text(value, "hex").len() as u64 / 2,
            expected,
            "{}",
            one["total_length"]
        );
    }
}

#[test]
fn a_lost_and_resent_fragment_completes_one_message() {
    let all = sessions();
    for (name, dropped) in [
        ("fragment_lost_once", true),
        ("incoming_ordering_rules", false),
    ] {
        let session = all.iter().find(|one| one["name"] == name).unwrap();
        let recorded: Vec<&Json> = datagrams(session)
            .iter()
            .filter(|one| one["note"] != "zero commands")
            .collect();
        let hex = texts(recorded.iter().copied(), "hex");
        let (found, _) = lines(&["datagram", "--protocol", "1.6"], &hex);
        assert_eq!(
            found.iter().filter(|one| one["t"] == "reassembled").count(),
            1,
            "{name}"
        );
        // Without the lost datagrams the resent ones complete the message.
        let arrived: Vec<&str> = recorded
            .iter()
            .filter(|one| {
                !one["note"]
                    .as_str()
                    .is_some_and(|note| note.starts_with("dropped"))
            })
            .map(|one| text(one, "hex"))
            .collect();
        assert_eq!(arrived.len() < hex.len(), dropped);
        let (found, _) = lines(&["datagram", "--protocol", "1.6"], &arrived);
        assert_eq!(
            found.iter().filter(|one| one["t"] == "reassembled").count(),
            1,
            "{name}"
        );
    }
}

#[test]
fn fragments_of_different_messages_are_kept_apart() {
    let message = "f304010001";
    let both = |challenge: &str, number: u32, part: &str| {
        datagram(&[&fragment(
            [5, 2, number, 5, if number == 0 { 0 } else { 2 }],
            part,
        )])
        .replacen("00000065", challenge, 1)
    };
    let (first, second) = message.split_at(4);
    // Two connections, duplicates, and both orders.
    let input = [
        both("00000065", 1, second),
        both("00000066", 0, first),
        both("00000065", 1, second),
        both("00000065", 0, first),
        both("00000065", 0, first),
        both("00000066", 1, second),
    ];
    let input: Vec<&str> = input.iter().map(String::as_str).collect();
    let (found, status) = lines(&["datagram", "--protocol", "1.6"], &input);
    let kinds: Vec<&str> = found.iter().map(|one| text(one, "t")).collect();
    let (one, all) = ("datagram", "reassembled");
    assert_eq!(
        (&kinds[..], status),
        (&[one, one, one, one, all, one, one, all][..], 1)
    );
    assert_eq!(
        found[4],
        json!({
            "t": "reassembled", "type": 8, "name": "send_fragment", "channel": 0, "start_seq": 5, "fragment_count": 2,
            "total_length": 5, "error": {"kind": "Truncated", "offset": 3, "field": "parameter count"},
            "hint": "needed 7 bytes, have 5", "hex": message,
        })
    );
}

#[test]
fn errors_of_fragments_name_the_field() {
    for (fields, part, field, at) in [
        ([5, 0, 0, 4, 0], "f3", "fragment count", 16),
        ([5, 5, 0, 4, 0], "f3", "fragment count", 16),
        ([5, 2, 2, 4, 0], "f3", "fragment number", 20),
        ([5, 2, 0, 0x7FFF_FFFF, 0], "f3", "total length", 24),
        ([5, 2, 0, 4, 0], "", "fragment part", 32),
        ([5, 2, 0, 4, 4], "f3", "fragment offset", 28),
        ([5, 2, 0, 4, 0xFFFF_FFFF], "f3", "fragment offset", 28),
    ] {
        let found = line(
            &["datagram"],
            &datagram(&[&command(5, 255, 1, ""), &fragment(fields, part)]),
        );
        let [_, found] = commands(&found) else {
            panic!("{found}")
        };
        let expected = json!({"kind": "BadFragment", "offset": 24 + at, "field": field});
        assert_eq!(
            (&found["error"], &found["hex"]),
            (&expected, &json!(part)),
            "{fields:?}"
        );
    }
    let moved = fragment([5, 2, 1, 4, 2], "f3").replacen("00000006", "00000007", 1);
    let found = line(&["datagram"], &datagram(&[&moved]));
    let expected = error("BadFragment", 24, "start sequence");
    assert_eq!(commands(&found)[0]["error"], expected);
    // All fragments have arrived, but there is a gap between their parts.
    let hole = datagram(&[
        &fragment([5, 2, 0, 6, 0], "f302"),
        &fragment([5, 2, 1, 6, 4], "0100"),
    ]);
    let (found, status) = lines(&["datagram"], &[&hole]);
    assert_eq!((found.len(), status), (1, 1));
    let [first, second] = commands(&found[0]) else {
        panic!("{found:?}")
    };
    assert_eq!(first.get("error"), None);
    assert_eq!(
        second["error"],
        error("BadFragment", 78, "parts of the message")
    );
}

#[test]
fn checksums_are_verified() {
    // The example of udp.md 1.2.
    let good = "ffffcc010000006568907453561dbb9b02ff01040000002c00000001000004b00000800000000002\
                0000000000000000000013880000000200000002";
    let found = line(&["datagram"], good);
    assert_eq!(
        (&found["flags"], &found["crc"], &found["crc_valid"]),
        (&json!(204), &json!("561dbb9b"), &json!(true))
    );
    assert_eq!(commands(&found)[0]["mtu"], 1200);
    let (found, status) = lines(
        &["datagram"],
        &[
            &good.replace("9b02ff", "9c02ff"),
            good,
            &good.replace("04b0", "04b1"),
        ],
    );
    assert_eq!((found.len(), status), (3, 1));
    assert_eq!(
        found[0]["error"],
        json!({"kind": "BadCrc", "offset": 12, "field": "crc", "expected": "561dbb9b"})
    );
    assert_eq!(found[1]["crc_valid"], true);
    assert_eq!(found[2]["error"]["kind"], "BadCrc");
}

#[test]
fn errors_of_datagrams_have_their_position() {
    let ping = command(5, 255, 3, "");
    let whole = datagram(&[&ping]);
    let error_of = |hex: &str| {
        let (found, status) = lines(&["datagram"], &[hex]);
        assert_eq!((found.len(), status), (1, 1), "{hex}");
        found[0]["error"].clone()
    };
    assert_eq!(error_of("0042"), error("Truncated", 2, "datagram header"));
    assert_eq!(
        error_of("0042cc010000019000000065"),
        error("Truncated", 12, "datagram header")
    );
    assert_eq!(
        error_of(&whole[..whole.len() - 2]),
        error("BadCommand", 12, "command 0")
    );
    assert_eq!(
        error_of(&whole.replacen("0001", "0101", 1)),
        error("BadFlags", 2, "datagram flags")
    );
    assert_eq!(
        error_of(&(whole.clone() + &"00".repeat(2025))),
        error("TooLong", 2048, "datagram")
    );
    assert_eq!(error_of("00 4x"), error("BadHex", 4, "hex digit"));
    // An ack with the size of a ping.
    let short = datagram(&[&ping, &command(1, 255, 0, "")]);
    assert_eq!(error_of(&short), error("BadCommand", 24, "command 1"));
    // Bytes after the last command are not an error.
    let found = line(&["datagram"], &(whole.clone() + &"ab".repeat(2024)));
    assert_eq!(
        (&found["trailing_bytes"], commands(&found).len()),
        (&json!(2024), 1)
    );
    assert_eq!(line(&["datagram"], &whole).get("trailing_bytes"), None);
    // An invalid message does not affect the other commands of its datagram.
    let bad = datagram(&[
        &command(6, 0, 1, "f3020101"),
        &ping,
        &command(6, 1, 1, ""),
        &command(6, 0, 2, "f30100"),
    ]);
    let (found, status) = lines(&["datagram", "--protocol", "1.6"], &[&bad]);
    assert_eq!(status, 1);
    let [broken, _, empty, good] = commands(&found[0]) else {
        panic!("{found:?}")
    };
    assert_eq!(broken["error"], error("Truncated", 27, "parameter count"));
    assert_eq!(broken["hex"], "f3020101");
    assert_eq!(
        (
            empty.get("message"),
            empty.get("error"),
            &empty["payload_length"]
        ),
        (None, None, &json!(0))
    );
    assert_eq!(good["message"], json!({"t": "init_response"}));
}

#[test]
fn bytes_of_unknown_commands_are_printed() {
    let found = line(
        &["datagram"],
        &datagram(&[
            &command(9, 255, 3, "0102"),
            &command(200, 7, 0, ""),
            &command(13, 0, 0, ""),
        ]),
    );
    let [nine, other, named] = commands(&found) else {
        panic!("{found}")
    };
    assert_eq!(
        (&nine["name"], &nine["hex"]),
        (&json!("unknown_9"), &json!("0102"))
    );
    assert_eq!(
        (&other["name"], other.get("hex")),
        (&json!("unknown_200"), None)
    );
    assert_eq!(named["name"], "unreliable_processed");
}

#[test]
fn encrypted_messages_need_the_key() {
    // An event that `encode` encrypts with a key of zeros.
    let key = "00".repeat(32);
    let json = r#"{"t":"encrypted","inner":{"t":"event","code":1,"params":[]}}"#;
    let arguments = [&convert("encode", "1.8", "message")[..], &["--key", &key]].concat();
    let encrypted = line(&arguments, json);
    let carried = datagram(&[&command(6, 0, 1, encrypted.as_str().unwrap())]);
    let found = line(&["datagram", "--key", &key], &carried);
    assert_eq!(
        commands(&found)[0]["message"]["inner"],
        json!({"t": "event", "code": 1, "params": []})
    );
    let found = line(&["datagram"], &carried);
    assert_eq!(commands(&found)[0]["message"]["cipher_len"], 16);
    let (found, _, status) = run(&["datagram", "--key", &"11".repeat(32)], carried.as_bytes());
    assert_eq!((found.len(), status), (1, 1));
    assert!(found[0].contains("BadCiphertext"), "{}", found[0]);
}

#[test]
fn several_datagrams_in_one_payload_are_decoded_one_by_one() {
    let of = |count: u32, rseq: u32| {
        let message = command(6, 0, rseq, "f3040301fc0303");
        let header = datagram(&vec![message.as_str(); count as usize]);
        header.replacen("00000190", &format!("{rseq:08x}"), 1)
    };
    let payload = [of(1, 7), of(2, 8), of(1, 9)].concat();
    let (found, status) = lines(&["datagram"], &[&payload]);
    assert_eq!(status, 0);
    let seen: Vec<_> = found
        .iter()
        .map(|one| {
            assert_eq!(one.get("trailing_bytes"), None);
            (
                one["sent_time"].clone(),
                one["length"].clone(),
                commands(one).len(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (json!(7), json!(31), 1),
            (json!(8), json!(50), 2),
            (json!(9), json!(31), 1)
        ]
    );
    // A broken one does not hide the others.
    let ping = command(5, 255, 3, "");
    let wrong_checksum = format!("0042cc01000001900000006500000000{ping}");
    let payload = wrong_checksum + &of(1, 9);
    let (found, status) = lines(&["datagram"], &[&payload]);
    assert_eq!((found.len(), status), (2, 1), "{found:?}");
    assert_eq!(found[0]["error"]["kind"], "BadCrc");
    assert_eq!(found[1]["sent_time"], 9);
}

#[test]
fn a_cut_datagram_has_a_hint() {
    let whole = datagram(&[&command(5, 255, 3, ""), &command(6, 0, 1, "f3020101")]);
    for (bytes, expected) in [
        (2, "needed 12 bytes, have 2"),
        (20, "needed 12 bytes, have 8"),
        (30, "needed 12 bytes, have 6"),
        (38, "needed 16 bytes, have 14"),
    ] {
        let found = line(&["datagram"], &whole[..2 * bytes]);
        assert_eq!(found["hint"], expected, "{bytes}");
    }
}
