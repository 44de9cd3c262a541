//! `photon-inspect` over its pipes: every binary vector in the directions that it names, wrong
//! lines and wrong arguments.

mod harness;

use harness::{convert, error, line, lines, run, text, texts, vectors};
use serde_json::{Value as Json, json};
use std::io::Write;
use std::process::{Command, Stdio};

fn wire_vectors() -> Vec<Json> {
    vectors("wire-vectors.json", "vectors")
}

/// Compares a vector with the program's output. Ignores keys that only vectors have, and the
/// decimal text of floats, because `bits` has their exact value.
fn same(expected: &Json, found: &Json) -> bool {
    const ONLY_IN_VECTORS: [&str; 9] = [
        "unregistered",
        "flags_byte8",
        "app_id_on_wire",
        "aes_key",
        "shared",
        "client_secret",
        "client_public",
        "server_secret_decimal",
        "server_public",
    ];
    match (expected, found) {
        (Json::Object(expected), Json::Object(found)) => {
            let float = matches!(
                expected.get("t").and_then(Json::as_str),
                Some("float" | "double")
            );
            found.keys().all(|key| expected.contains_key(key))
                && expected.iter().all(|(key, value)| match found.get(key) {
                    Some(found) => (float && key == "v") || same(value, found),
                    None => ONLY_IN_VECTORS.contains(&key.as_str()),
                })
        }
        (Json::Array(expected), Json::Array(found)) => {
            expected.len() == found.len()
                && expected
                    .iter()
                    .zip(found)
                    .all(|(expected, found)| same(expected, found))
        }
        _ => expected == found,
    }
}

/// The value that the specification recommends to decode where the official client fails or
/// differs. `None` means an error.
fn recommended(name: &str) -> Option<Json> {
    let empty = json!({"t": "array", "of": "object", "v": []});
    match name {
        "empty_array_of_array" | "array_in_array_empty" => Some(empty),
        "dict_value_array_rejected" => Some(
            json!({"t": "dict", "k": "string", "val": "array<int>", "v": [
                [{"t": "string", "v": "a"}, {"t": "array", "of": "int", "v": [{"t": "int", "v": 1}]}],
            ]}),
        ),
        "dict_bool_key_1.8" => Some(
            json!({"t": "dict", "k": "bool", "val": "int", "v": [[{"t": "bool", "v": true}, {"t": "int", "v": 1}]]}),
        ),
        "dict_value_dict_rejected" => None,
        other => panic!("no recommendation for {other}"),
    }
}

/// The expected result of decoding: `Some(None)` is an error, and `None` means that the vector does
/// not cover decoding.
fn decoded(vector: &Json) -> Option<Option<Json>> {
    match text(vector, "direction") {
        "both" | "decode" => Some(Some(vector["value"].clone())),
        "decode-error" => Some(None),
        "official-error" | "official-quirk" => Some(recommended(text(vector, "name"))),
        "encode" if vector["value"]["message"]["t"] == "http_init" => {
            Some(Some(vector["value"].clone()))
        }
        "encode" => None,
        other => panic!("direction {other}"),
    }
}

fn encoded(vector: &Json) -> bool {
    matches!(text(vector, "direction"), "both" | "encode")
        && vector["value"]["message"]["t"] != "http_init"
}

fn kind(vector: &Json) -> &'static str {
    match text(vector, "kind") {
        "value" => "value",
        "request" | "response" | "event" => "message",
        "frame" => "frame",
        other => panic!("kind {other}"),
    }
}

/// Corrects the one vector that names its message type wrongly: `resp_wild_ping` has type 7.
fn expected(vector: &Json, mut value: Json) -> Json {
    if text(vector, "name") == "resp_wild_ping" {
        value["t"] = json!("internal_response");
    }
    value
}

#[test]
fn every_vector_converts_in_the_directions_that_it_names() {
    let all = wire_vectors();
    let (mut decodings, mut encodings) = (0, 0);
    for protocol in ["1.6", "1.8"] {
        for kind in ["value", "message", "frame"] {
            let chosen: Vec<&Json> = all
                .iter()
                .filter(|one| text(one, "protocol") == protocol && self::kind(one) == kind)
                .collect();
            // Each encrypted vector has its own key.
            let (encrypted, plain): (Vec<&Json>, Vec<&Json>) = chosen
                .into_iter()
                .partition(|one| one["value"]["message"]["t"] == "encrypted");

            let decodable: Vec<&Json> = plain
                .iter()
                .copied()
                .filter(|one| decoded(one).is_some())
                .collect();
            let hex = texts(decodable.iter().copied(), "hex");
            let (found, status) = lines(&convert("decode", protocol, kind), &hex);
            assert_eq!(found.len(), decodable.len());
            let errors = decodable.iter().any(|one| decoded(one) == Some(None));
            assert_eq!(status, i32::from(errors));
            for (vector, found) in decodable.iter().zip(&found) {
                match decoded(vector).unwrap() {
                    Some(value) => {
                        assert!(same(&expected(vector, value), found), "{vector}\n{found}")
                    }
                    None => {
                        let error = &found["error"];
                        assert!(
                            error["kind"].is_string() && error["offset"].is_u64(),
                            "{vector}\n{found}"
                        );
                    }
                }
                decodings += 1;
            }

            let encodable: Vec<&Json> = plain.iter().copied().filter(|one| encoded(one)).collect();
            let json: Vec<String> = encodable
                .iter()
                .map(|one| one["value"].to_string())
                .collect();
            let json: Vec<&str> = json.iter().map(String::as_str).collect();
            let (found, status) = lines(&convert("encode", protocol, kind), &json);
            assert_eq!((found.len(), status), (encodable.len(), 0));
            for (vector, found) in encodable.iter().zip(&found) {
                assert_eq!(&vector["hex"], found, "{vector}");
                encodings += 1;
            }

            for vector in encrypted {
                let message = &vector["value"]["message"];
                let arguments = |command| {
                    [
                        command,
                        "--protocol",
                        protocol,
                        "--kind",
                        kind,
                        "--key",
                        text(message, "aes_key"),
                    ]
                };
                let found = line(&arguments("decode"), text(vector, "hex"));
                assert!(same(&vector["value"], &found), "{vector}\n{found}");
                // Both the output and the vector encode to the same bytes; the vector contains its
                // key.
                assert_eq!(
                    line(&arguments("encode"), &found.to_string()),
                    vector["hex"]
                );
                let keyless = &arguments("encode")[..5];
                assert_eq!(line(keyless, &vector["value"].to_string()), vector["hex"]);
                assert_eq!(line(keyless, &found.to_string())["error"]["kind"], "NoKey");
                let without_key = line(&arguments("decode")[..5], text(vector, "hex"));
                assert_eq!(without_key["message"]["t"], "encrypted");
                assert_eq!(line(keyless, &without_key.to_string()), vector["hex"]);
                decodings += 1;
                encodings += 1;
            }
        }
    }
    let binary: Vec<&Json> = all
        .iter()
        .filter(|one| text(one, "protocol") != "json")
        .collect();
    assert_eq!(binary.len(), 392);
    assert_eq!(
        decodings,
        binary.iter().filter(|one| decoded(one).is_some()).count()
    );
    // Two encrypted responses name only "decode", but are encoded above.
    assert_eq!(
        encodings,
        binary.iter().filter(|one| encoded(one)).count() + 2
    );
}

#[test]
fn a_stream_of_all_tcp_vectors_is_split() {
    for (protocol, role) in [
        ("1.6", "client"),
        ("1.8", "client"),
        ("1.6", "server"),
        ("1.8", "server"),
    ] {
        let all = wire_vectors();
        let mine: Vec<&Json> = all
            .iter()
            .filter(|one| text(one, "protocol") == protocol && text(one, "kind") == "frame")
            .filter(|one| match text(&one["value"], "t") {
                "tcp" => one["value"]["message"]["t"] != "encrypted",
                "tcp_ping_request" => role == "server",
                "tcp_ping_response" => role == "client",
                _ => false,
            })
            .collect();
        let stream = texts(mine.iter().copied(), "hex").concat();
        let (found, status) = lines(
            &["frames", "--protocol", protocol, "--role", role],
            &[&stream],
        );
        assert_eq!((found.len(), status), (mine.len(), 0));
        for (vector, found) in mine.iter().zip(&found) {
            let is_init = vector["value"]["message"]["t"] == "init";
            let equal = if is_init {
                text(&found["message"], "t") == "init"
            } else {
                same(&vector["value"], found)
            };
            assert!(equal, "{vector}\n{found}");
        }
    }
}

#[test]
fn an_init_sets_the_protocol_and_messages_show_the_role() {
    let vector = |name: &str| {
        wire_vectors()
            .into_iter()
            .find(|one| one["name"] == name)
            .unwrap()["hex"]
            .clone()
    };
    let hex = |name: &str| String::from(vector(name).as_str().unwrap());
    let client = hex("tcp_init_16") + "f00000002a" + &hex("tcp_unreliable_ch1_16");
    let server = hex("tcp_init_response") + "f00a0b0c0d0000002a" + &hex("tcp_dh_response_16");
    let (found, status) = lines(
        &["frames"],
        &[&client, &server, &hex("tcp_unreliable_ch1_16")],
    );
    assert_eq!(status, 0);
    let names: Vec<&str> = found
        .iter()
        .map(|one| match text(one, "t") {
            "tcp" => text(&one["message"], "t"),
            ping => ping,
        })
        .collect();
    assert_eq!(
        names,
        [
            "init",
            "tcp_ping_request",
            "request",
            "init_response",
            "tcp_ping_response",
            "internal_response",
            "request",
        ]
    );
    // Without an init the protocol is 1.8, in which these bytes have another meaning.
    let (found, status) = lines(&["frames"], &[&hex("tcp_unreliable_ch1_16")]);
    assert_eq!(
        (found[0]["message"]["t"].as_str(), status),
        (Some("request"), 0)
    );
    assert_eq!(found[0]["surplus_bytes"], 7);
    // Without messages the role is the one that parses more of the stream.
    let (found, status) = lines(&["frames"], &["f00000002af00000002b", "f00a0b0c0d0000002a"]);
    let names: Vec<&str> = found.iter().map(|one| text(one, "t")).collect();
    assert_eq!(
        (&names[..], status),
        (
            &["tcp_ping_request", "tcp_ping_request", "tcp_ping_response"][..],
            0
        )
    );
    // Messages show the role even if half a ping response looks like a request.
    let (found, status) = lines(&["frames"], &[&(hex("tcp_init_response") + "f00a0b0c0d")]);
    assert_eq!(
        (found[1]["error"]["kind"].as_str(), status),
        (Some("Truncated"), 1)
    );
    let (found, status) = lines(
        &["frames"],
        &[&(hex("tcp_unreliable_ch1_18") + "f00a0b0c0d")],
    );
    assert_eq!(
        (found[1]["t"].as_str(), status),
        (Some("tcp_ping_request"), 0)
    );
    // An init in text form also sets the protocol.
    let (found, _) = lines(
        &["frames"],
        &[&(hex("tcp_init_16") + &hex("tcp_http_style_init_18") + &hex("tcp_unreliable_ch1_18"))],
    );
    assert_eq!(found[1]["message"]["t"], "http_init");
    assert_eq!(found[2]["message"]["params"][0][1]["v"], "hi");
}

#[test]
fn errors_of_streams_have_their_position() {
    let role = |stream: &str| {
        lines(
            &["frames", "--protocol", "1.8", "--role", "client"],
            &[stream],
        )
    };
    let good = "fb0000000b0002f3020600";
    let (found, status) = role(&format!("{good}fb000000"));
    assert_eq!((found.len(), status), (2, 1));
    assert_eq!(
        found[1],
        json!({
            "error": {"kind": "Truncated", "offset": 11, "field": "frame"},
            "hint": "needed 5 bytes, have 4",
        })
    );
    let (found, status) = role(&format!("{good}55{good}"));
    assert_eq!((found.len(), status), (2, 1));
    assert_eq!(found[1]["error"], error("BadFrame", 11, "frame start"));
    // After a bad message in a valid frame the stream continues.
    let (found, status) = role(&format!("{good}fb0000000c0001f302060101{good}"));
    assert_eq!((found.len(), status), (3, 1));
    assert_eq!(
        found[1],
        json!({
            "t": "tcp", "channel": 0, "reliability": 1,
            "error": {"kind": "Truncated", "offset": 21, "field": "parameter count"},
            "hint": "needed 6 bytes, have 5", "hex": "f302060101",
        })
    );
}

#[test]
fn errors_of_lines_have_their_position_and_the_next_line_is_read() {
    let input = [
        "0b07",
        "0",
        "0b 0x",
        "",
        "  ",
        "0b",
        "0b0707",
        "41",
        "07 02 c3 28",
        "\t0B 07\r",
    ];
    let (found, status) = lines(&convert("decode", "1.8", "value"), &input);
    let good = json!({"t": "int", "v": 7});
    let error_line = |kind: &str, offset, field: &str| json!({"error": error(kind, offset, field)});
    assert_eq!(status, 1);
    assert_eq!(
        found,
        [
            good.clone(),
            error_line("BadHex", 2, "hex digit"),
            error_line("BadHex", 4, "hex digit"),
            json!({"error": error("Truncated", 1, "int"), "hint": "needed 2 bytes, have 1"}),
            error_line("TrailingBytes", 2, "end of value"),
            error_line("UnknownType", 0, "type code"),
            error_line("NotUtf8", 2, "string"),
            good,
        ]
    );

    let input = [
        r#"{"t":"int","v":7}"#,
        "{",
        r#"{"t":"byte","v":256}"#,
        r#"{"t":"array","of":"object","v":[{"t":"array","of":"array<int>","v":[]}]}"#,
        r#"{"t":"hashtable","v":[[{"t":"null"},{"t":"null"}]]}"#,
        r#"{"t":"null"}"#,
    ];
    let (found, status) = lines(&convert("encode", "1.6", "value"), &input);
    assert_eq!(status, 1);
    assert_eq!(
        found,
        [
            json!("6900000007"),
            json!({"error": {"kind": "BadJson", "offset": 1, "field": "JSON"}}),
            json!({"error": {
                "kind": "BadNotation", "offset": null, "field": "$.v", "expected": "an integer from 0 to 255",
            }}),
            json!({"error": {"kind": "EmptyNestedArray", "offset": null, "field": "[0]"}}),
            json!({"error": {"kind": "NullKey", "offset": null, "field": "{0}"}}),
            json!("2a"),
        ]
    );
}

#[test]
fn errors_of_messages_and_frames_have_their_position() {
    let error_of =
        |command, kind, input| line(&convert(command, "1.8", kind), input)["error"].clone();
    let message = |hex| error_of("decode", "message", hex);
    assert_eq!(message("00"), error("BadMagic", 0, "message magic"));
    assert_eq!(message("f37f"), error("UnknownMessage", 1, "message type"));
    assert_eq!(message("f380"), error("NeverEncrypted", 1, "message type"));
    assert_eq!(
        message("f3020501010702ff"),
        error("Truncated", 6, "string length")
    );
    let key = "00".repeat(32);
    let arguments = [&convert("decode", "1.8", "message")[..], &["--key", &key]].concat();
    let wrong = line(&arguments, "f38200");
    assert_eq!(
        wrong["error"],
        error("BadCiphertext", 2, "ciphertext length")
    );

    let frame = |hex| error_of("decode", "frame", hex);
    assert_eq!(frame("f00000"), error("Truncated", 3, "frame"));
    assert_eq!(frame("f00000000000"), error("Truncated", 6, "frame"));
    assert_eq!(
        frame("fb0000000b0002f302060000"),
        error("TrailingBytes", 11, "end of frame")
    );
    assert_eq!(
        frame("fb000000080001f3"),
        error("BadLength", 1, "frame length")
    );
    assert_eq!(
        frame("fb0000000b0002f3020601"),
        error("Truncated", 10, "parameter count")
    );

    let encode = |json| error_of("encode", "message", json);
    let twice = r#"{"t":"event","code":1,"params":[[5,{"t":"null"}],[5,{"t":"null"}]]}"#;
    assert_eq!(
        encode(twice),
        json!({"kind": "DuplicateKey", "offset": null, "field": "(5)"})
    );
    let inside = r#"{"t":"event","code":1,"params":[[5,{"t":"array","of":"array<int>","v":[]}]]}"#;
    assert_eq!(
        encode(inside),
        json!({"kind": "EmptyNestedArray", "offset": null, "field": "(5)"})
    );
}

#[test]
fn input_that_is_not_text_or_too_deep_is_an_error() {
    let (found, _, status) = run(&convert("decode", "1.8", "value"), b"\xFF\xFE\n08\n");
    assert_eq!((found.len(), status), (2, 1));
    assert_eq!(found[1], r#"{"t":"null"}"#);
    let (found, _, status) = run(&convert("encode", "1.8", "value"), b"{\"t\":\"\xFF\"}\n");
    assert_eq!((found.len(), status), (1, 1));
    let deep = r#"{"t":"array","of":"object","v":["#.repeat(200_000);
    let (found, _, status) = run(&convert("encode", "1.8", "value"), deep.as_bytes());
    assert_eq!((found.len(), status), (1, 1));
    let deep = "1701".repeat(200_000);
    let (found, _, status) = run(&convert("decode", "1.8", "value"), deep.as_bytes());
    assert_eq!((found.len(), status), (1, 1));
}

#[test]
fn wrong_arguments_end_with_status_64_and_help_is_printed() {
    for (arguments, named) in [
        (&[][..], "decode, encode, frames or datagram"),
        (&["decode", "--kind", "value"], "--protocol"),
        (&["frames", "--key", "12"], "64 hex digits"),
    ] {
        let (lines, errors, status) = run(arguments, b"");
        assert_eq!((lines.len(), status), (0, 64));
        assert!(
            errors.contains(named) && errors.contains("--help"),
            "{errors}"
        );
    }
    let commands = ["decode", "encode", "frames", "datagram"].map(|command| [command, "--help"]);
    for arguments in commands
        .iter()
        .map(|both| &both[..])
        .chain([&["--help"][..], &["decode", "-h"]])
    {
        let (lines, errors, status) = run(arguments, b"");
        assert_eq!((errors.as_str(), status), ("", 0));
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("Usage: photon-inspect"))
        );
        assert!(lines.iter().all(|line| line.len() <= 100), "{arguments:?}");
    }
    let (lines, _, status) = run(&["--version"], b"");
    assert_eq!((lines.len(), status), (1, 0));
    assert_eq!(
        run(&convert("decode", "1.8", "value"), b""),
        (vec![], String::new(), 0)
    );
}

#[test]
fn each_line_is_converted_before_the_next_is_read() {
    use std::io::{BufRead, BufReader};
    let mut child = Command::new(env!("CARGO_BIN_EXE_photon-inspect"))
        .args(["decode", "--protocol", "1.8", "--kind", "value"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        stdin.write_all(b"08\n").unwrap();
        assert_eq!(output.next().unwrap().unwrap(), r#"{"t":"null"}"#);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_hint_gives_the_length_that_was_needed() {
    let hint = |protocol, kind, hex| line(&convert("decode", protocol, kind), hex)["hint"].clone();
    for (protocol, kind, hex, expected) in [
        // A double, a string, an array of ints.
        ("1.8", "value", "0600000000", "needed 9 bytes, have 5"),
        ("1.6", "value", "6400000000", "needed 9 bytes, have 5"),
        ("1.6", "value", "7300050068", "needed 8 bytes, have 5"),
        ("1.8", "value", "07056869", "needed 7 bytes, have 4"),
        ("1.6", "message", "f302", "needed 3 bytes, have 2"),
        ("1.8", "frame", "fb00000009", "needed 9 bytes, have 5"),
        ("1.8", "frame", "f00000", "needed 5 bytes, have 3"),
        ("1.8", "frame", "f00000000000", "needed 9 bytes, have 6"),
    ] {
        assert_eq!(hint(protocol, kind, hex), expected, "{kind} {hex}");
    }
    assert_eq!(hint("1.8", "value", "41"), Json::Null, "no length helps");
}

#[test]
fn a_hint_names_the_form_that_the_bytes_have() {
    let datagram = "00000001000003e811223344060001000000001300000001f3040301fc0303";
    let message = "f3020600";
    let frame = "fb0000000b0002f3020600";
    let hint = |arguments: &[&str], hex: &str| {
        let (found, _) = lines(arguments, &[hex]);
        found[0]["hint"].as_str().unwrap_or_default().to_owned()
    };
    let value = convert("decode", "1.8", "value");
    for arguments in [
        &value[..],
        &convert("decode", "1.6", "message"),
        &convert("decode", "1.8", "frame"),
        &["frames"],
    ] {
        // Whole, cut off, and with a checksum that may be wrong.
        let with_checksum = datagram.replacen("00000001", "0000cc01", 1);
        let with_checksum = with_checksum.replacen("11223344", "1122334400000000", 1);
        for hex in [datagram, &datagram[..50], &with_checksum] {
            let hint = hint(arguments, hex);
            assert!(
                hint.starts_with("this looks like a datagram: "),
                "{arguments:?} {hex}: {hint}"
            );
        }
    }
    for (arguments, hex, expected) in [
        (&value[..], message, "a message: use --kind message"),
        (&value, frame, "a TCP frame: use --kind frame"),
        (
            &["datagram"],
            frame,
            "a TCP stream: use `photon-inspect frames`",
        ),
        (
            &["datagram"],
            message,
            "a message: use `photon-inspect decode",
        ),
        (
            &["frames"],
            message,
            "a message: use `photon-inspect decode",
        ),
    ] {
        let hint = hint(arguments, hex);
        assert!(hint.contains(expected), "{arguments:?} {hex}: {hint}");
    }
}

#[test]
fn hex_is_read_as_tools_print_it() {
    let arguments = convert("decode", "1.8", "value");
    for hex in [
        "0b07",
        "0x0b07",
        "0x0B, 0x07",
        "0b:07",
        "0b 07",
        "0b,07",
        " 0X0b:0X07 ",
    ] {
        assert_eq!(line(&arguments, hex), json!({"t": "int", "v": 7}), "{hex}");
    }
}
