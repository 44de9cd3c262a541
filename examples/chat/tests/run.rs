//! `photon-chat run`: scripts with one and two clients.

mod harness;

use dev_server::{ServerConfig, Transport};
use harness::{
    CONNECT, Output, Program, last_command, script, start_server, string, unused_address,
};
use serde_json::{Value as Json, json};
use std::io::Write;

/// The sender and the content of each message in public channels, in order.
fn messages(output: &Output) -> Vec<(String, Json)> {
    let mut all = Vec::new();
    for event in output.events("ChatMessages") {
        for message in event["messages"].as_array().unwrap() {
            all.push((
                message["sender"].as_str().unwrap().to_owned(),
                message["content"].clone(),
            ));
        }
    }
    all
}

/// Values of many types that both protocols can express exactly.
fn values() -> Vec<Json> {
    vec![
        json!({"t": "bool", "v": true}),
        json!({"t": "byte", "v": 200}),
        json!({"t": "short", "v": -300}),
        json!({"t": "int", "v": 70_000}),
        json!({"t": "long", "v": "-9007199254740993"}),
        json!({"t": "float", "v": "1.5", "bits": "3fc00000"}),
        json!({"t": "double", "v": "-0.1", "bits": "bfb999999999999a"}),
        json!({"t": "string", "v": "json:ünï \" \\ \u{1F3B2}"}),
        json!({"t": "bytes", "hex": "00ff10"}),
        json!({"t": "array", "of": "int", "v": [{"t": "int", "v": 1}, {"t": "int", "v": -1}]}),
        json!({"t": "array", "of": "string", "v": [{"t": "string", "v": ""}, {"t": "string", "v": "b"}]}),
        json!({"t": "array", "of": "object", "v": [{"t": "null"}, {"t": "byte", "v": 1}]}),
        json!({"t": "hashtable", "v": [[{"t": "string", "v": "k"}, {"t": "short", "v": 7}], [{"t": "byte", "v": 2}, {"t": "null"}]]}),
        json!({"t": "dict", "k": "string", "val": "int", "v": [[{"t": "string", "v": "a"}, {"t": "int", "v": 5}]]}),
        json!({"t": "custom", "code": 77, "hex": "c0ffee"}),
    ]
}

/// Two processes with these protocols exchange messages in a channel and privately.
fn exchange_messages(alice_protocol: &str, bob_protocol: &str) {
    let server = start_server(ServerConfig::new());
    let mut alice_lines = format!(
        "{CONNECT}subscribe general -1\nwait SubscribeResult\nwait ChatMessages 30 bob is here\n"
    );
    let mut bob_lines = format!(
        "{CONNECT}subscribe general -1\nwait SubscribeResult\npublish general bob is here\n"
    );
    let mut expected = vec![("bob".to_owned(), string("bob is here"))];
    for value in values() {
        alice_lines += &format!("publish general json:{value}\n");
        expected.push(("alice".into(), value));
    }
    alice_lines += "publish general that is all\nwait ChatMessages 30 answer\nprivate bob in clear\n\
                    private-encrypted bob in secret\nwait PrivateMessage 30 your turn\n";
    bob_lines += "wait ChatMessages 30 that is all\npublish general the answer\nwait ChatMessages 30 answer\n\
                  wait-count PrivateMessage 2 30\nprivate-encrypted alice your turn\nwait PrivateMessage\nchannels\n";
    expected.push(("alice".into(), string("that is all")));
    expected.push(("bob".into(), string("the answer")));

    let mut alice = Program::client(
        &server.url(Transport::Tcp),
        "alice",
        &["--protocol", alice_protocol],
    );
    let mut bob = Program::client(
        &server.url(Transport::Tcp),
        "bob",
        &["--protocol", bob_protocol],
    );
    alice.write(&alice_lines);
    bob.write(&bob_lines);
    let (alice, bob) = (alice.end(), bob.end());
    for output in [&alice, &bob] {
        assert_eq!(output.assert_success().states(), [1, 2, 3, 4, 10]);
        assert_eq!(messages(output), expected);
    }

    let private = |output: &Output| -> Vec<Json> {
        let all = output.events("PrivateMessage");
        all.iter()
            .map(|event| {
                json!([
                    event["channel"],
                    event["message"]["sender"],
                    event["message"]["content"]
                ])
            })
            .collect()
    };
    let texts = [
        ("alice", "in clear"),
        ("alice", "in secret"),
        ("bob", "your turn"),
    ];
    assert_eq!(
        private(&alice),
        texts.map(|(sender, text)| json!(["bob", sender, string(text)]))
    );
    assert_eq!(
        private(&bob),
        texts.map(|(sender, text)| json!(["alice", sender, string(text)]))
    );

    // The cache has the messages of the events.
    let channels = bob.events("Channels").remove(0);
    let general = &channels["public"][0];
    assert_eq!(
        (&general["name"], &general["last_id"]),
        (&json!("general"), &json!(expected.len()))
    );
    assert_eq!(
        general["messages"].as_array().unwrap().len(),
        expected.len()
    );
    assert_eq!(general["messages"][1]["content"], values()[0]);
    assert_eq!(channels["private"][0]["name"], "alice");
    assert_eq!(
        channels["private"][0]["messages"].as_array().unwrap().len(),
        3
    );
}

#[test]
fn two_processes_exchange_messages_in_1_8() {
    exchange_messages("1.8", "1.8");
}

#[test]
fn two_processes_exchange_messages_in_1_6() {
    exchange_messages("1.6", "1.6");
}

#[test]
fn two_processes_exchange_messages_in_both_protocols() {
    exchange_messages("1.6", "1.8");
    exchange_messages("1.8", "1.6");
}

#[test]
fn a_whole_run_prints_commands_and_events_in_order() {
    let server = start_server(ServerConfig::new());
    let lines = "connect -\n\nwait StateChanged 30 \"to\":{\"name\":\"ConnectedToNameServer\"\nregions\nwait RegionsResult\nregion us\n\
                 wait StateChanged 30 \"code\":4\nsubscribe a,b\nwait SubscribeResult\npublish a one\nwait ChatMessages\nstats\nunsubscribe a\n\
                 wait UnsubscribeResult\nchannels\ndisconnect\nwait StateChanged 30 Disconnected\nquit\n";
    let output = script(&server.url(Transport::Tcp), "alice", &[], lines);
    assert_eq!(output.assert_success().states(), [1, 2, 3, 4, 10]);
    let commands: Vec<Json> = output
        .events("Command")
        .iter()
        .map(|command| command["line"].clone())
        .collect();
    let expected: Vec<&str> = lines.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(commands, expected);

    let regions = output.events("RegionsResult").remove(0);
    assert_eq!(regions["code"], json!({"name": "Ok", "code": 0}));
    let codes: Vec<&Json> = regions["regions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|region| &region["code"])
        .collect();
    assert_eq!(codes, ["eu", "us", "asia"]);
    assert_eq!(output.events("Authenticated")[0]["user_id"], "alice");
    let subscribed = output.events("SubscribeResult");
    let outcomes: Vec<&Json> = subscribed
        .iter()
        .flat_map(|event| event["channels"].as_array().unwrap())
        .collect();
    assert_eq!(outcomes.len(), 2);
    assert_eq!(
        outcomes[0],
        &json!({"channel": "a", "outcome": "Done", "error": null, "request": 1})
    );
    let unsubscribed = output.events("UnsubscribeResult").remove(0);
    assert_eq!(
        unsubscribed["channels"][0],
        json!({"channel": "a", "outcome": "Done", "error": null, "request": 2})
    );
    let message = json!({"sender": "alice", "content": {"t": "string", "v": "one"}, "id": 1});
    assert_eq!(
        output.events("ChatMessages"),
        [json!({"event": "ChatMessages", "channel": "a", "messages": [message], "origin": "Live"})]
    );
    let stats = output.events("Stats").remove(0);
    assert_eq!(
        (&stats["state"]["code"], &stats["user_id"]),
        (&json!(4), &json!("alice"))
    );
    assert!(stats["received_messages"].as_u64().unwrap() > 0);
    assert_eq!(output.events("Channels")[0]["public"][0]["name"], "b");
}

#[test]
fn history_is_limited_by_last_ids() {
    let server = start_server(ServerConfig::new());
    let mut alice = Program::client(&server.url(Transport::Tcp), "alice", &[]);
    alice.write(CONNECT);
    alice.write("subscribe a\nwait SubscribeResult\npublish a one\npublish a two\npublish a three\nwait-count ChatMessages 3 30\n");
    alice.write("private bob ready\nwait PrivateMessage 30 enough\n");
    // Bob receives "ready" from the private history, so alice has published by then.
    let lines = format!(
        "{CONNECT}wait PrivateMessage 30 ready\nsubscribe a -1 1\nwait-count ChatMessages 2 30\nunsubscribe a\n\
         wait UnsubscribeResult\nsubscribe a 1\nwait-count ChatMessages 1 30\nprivate alice enough\nwait PrivateMessage 30 enough\n"
    );
    let bob = script(&server.url(Transport::Tcp), "bob", &[], &lines);
    alice.end().assert_success();
    let ids: Vec<Json> = bob
        .assert_success()
        .events("ChatMessages")
        .iter()
        .map(|event| event["messages"].clone())
        .collect();
    let ids: Vec<i64> = ids
        .iter()
        .flat_map(|all| all.as_array().unwrap())
        .map(|one| one["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [2, 3, 3]);
}

#[test]
fn private_history_is_limited_by_the_option() {
    let server = start_server(ServerConfig::new());
    let mut alice = Program::client(&server.url(Transport::Tcp), "alice", &[]);
    alice.write(CONNECT);
    alice.write(
        "private bob one\nprivate bob two\nprivate bob three\nwait-count PrivateMessage 3 30\n",
    );
    alice.write("subscribe a\npublish a ready\nwait PrivateMessage 30 enough\n");
    // Carol receives "ready", so alice has sent the private messages by then.
    let lines = format!("{CONNECT}subscribe a -1\nwait ChatMessages 30 ready\n");
    script(&server.url(Transport::Tcp), "carol", &[], &lines).assert_success();
    let lines = format!("{CONNECT}private alice enough\nwait PrivateMessage 30 enough\n");
    let bob = script(
        &server.url(Transport::Tcp),
        "bob",
        &["--private-history", "1"],
        &lines,
    );
    alice.end().assert_success();
    let all = bob.assert_success().events("PrivateMessage");
    let texts: Vec<&Json> = all
        .iter()
        .map(|event| &event["message"]["content"]["v"])
        .collect();
    assert_eq!(texts, ["three", "enough"]);
}

#[test]
fn a_wait_consumes_each_event_once() {
    let server = start_server(ServerConfig::new());
    let lines = format!(
        "{CONNECT}subscribe a\npublish a one\npublish a two\npublish a three\nwait ChatMessages 30 three\n\
         wait ChatMessages 30 one\nwait ChatMessages 30 two\nwait ChatMessages 0\npublish a four\n"
    );
    let output = script(&server.url(Transport::Tcp), "alice", &[], &lines);
    assert_eq!(output.status, 3);
    assert_eq!(messages(&output).len(), 3);
    let failed = last_command(&output);
    assert_eq!(
        (&failed["line"], &failed["ok"]),
        (&json!("wait ChatMessages 0"), &json!(false))
    );
    assert_eq!(
        output.states().last(),
        Some(&10),
        "the client still disconnects"
    );
}

#[test]
fn a_failed_wait_count_ends_with_status_3_and_the_number_of_events() {
    let server = start_server(ServerConfig::new());
    let lines = format!(
        "{CONNECT}subscribe a\npublish a one\nwait ChatMessages 30\npublish a two\nwait-count ChatMessages 2 0.3\n"
    );
    let output = script(&server.url(Transport::Tcp), "alice", &[], &lines);
    assert_eq!(output.status, 3);
    let failed = last_command(&output);
    assert_eq!(failed["error"], "1 of 2 events within 0.3 s");
}

#[test]
fn a_bad_command_ends_with_status_64() {
    for line in [
        "dance",
        "publish",
        "wait",
        "publish a json:{}",
        "sleep forever",
        "connect eu",
    ] {
        let output = script(
            "tcp://127.0.0.1:1",
            "alice",
            &[],
            &format!("channels\n{line}\nchannels\n"),
        );
        assert_eq!((output.status, output.stderr.as_str()), (64, ""), "{line}");
        let commands = output.events("Command");
        assert_eq!(commands.len(), 2);
        assert_eq!(
            (&commands[1]["line"], &commands[1]["ok"]),
            (&json!(line), &json!(false))
        );
        assert!(commands[1]["error"].is_string());
    }
    let mut program = Program::client("tcp://127.0.0.1:1", "alice", &[]);
    program
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"publish a \xff\n")
        .unwrap();
    let output = program.end();
    assert_eq!(
        (output.status, &output.events("Command")[0]["ok"]),
        (64, &json!(false))
    );
}

#[test]
fn rejected_commands_do_not_end_the_run() {
    let server = start_server(ServerConfig::new());
    let lines = format!(
        "publish a early\nsubscribe a\n{CONNECT}connect\nsubscribe a,,b\nsubscribe a 1 1,2\npublish a json:{{\"t\":\"null\"}}\n\
         private-encrypted bob json:{{\"t\":\"null\"}}\nquit\n"
    );
    let output = script(&server.url(Transport::Tcp), "alice", &[], &lines);
    assert_eq!((output.status, output.stderr.as_str()), (0, ""));
    let rejected: Vec<Json> = output
        .events("Command")
        .into_iter()
        .filter(|command| command["ok"] == false)
        .collect();
    assert_eq!(rejected.len(), 7, "{rejected:?}");
    let error = rejected[0]["error"].as_str().unwrap();
    assert!(
        error.starts_with("the call is not allowed in state Uninitialized: connect first"),
        "{error}"
    );
    assert_eq!(output.states(), [1, 2, 3, 4, 10]);
    assert!(output.events("ChatMessages").is_empty());
}

#[test]
fn a_refused_connection_is_state_error_with_code_3002() {
    let output = script(&unused_address(), "alice", &[], "connect\nwait Error 30\n");
    assert_eq!(output.assert_success().states(), [1, -1, 10]);
    let error = output.events("Error").remove(0);
    assert_eq!(
        error["code"],
        json!({"name": "NameServerConnectFailed", "code": 3002})
    );
    assert_eq!(error["cause"]["server"], "NameServer");
    assert_eq!(
        error["cause"]["kind"],
        json!({"name": "Link", "link": "Refused"})
    );
    assert_eq!(error["cause"]["earlier"], json!([]));
    assert!(error["message"].as_str().unwrap().contains("name server"));
}

#[test]
fn a_rejected_login_has_the_servers_return_code() {
    let server =
        start_server(ServerConfig::new().with(|config| config.app_ids = vec!["another".into()]));
    let output = script(
        &server.url(Transport::Tcp),
        "alice",
        &[],
        "connect\nwait Error 30\n",
    );
    assert_eq!(output.assert_success().states(), [1, 2, -1, 10]);
    let error = output.events("Error").remove(0);
    assert_eq!(error["code"]["code"], 3101);
    assert_eq!(
        error["cause"]["kind"],
        json!({"name": "AuthenticationRefused"})
    );
    assert_eq!(
        error["cause"]["return_code"],
        json!({"name": "InvalidAuthentication", "code": 32767})
    );
}

#[test]
fn invalid_addresses_are_rejected() {
    for (server, user) in [("pigeon://coop:1", "alice"), ("tcp://", "bob")] {
        let output = script(server, user, &[], "connect\n");
        assert_eq!(output.status, 0);
        let command = &output.events("Command")[0];
        assert_eq!(command["ok"], false);
        assert!(
            command["error"].as_str().unwrap().contains("address"),
            "{command}"
        );
        assert!(output.states().is_empty());
    }
}

#[test]
fn the_time_of_a_run_is_limited() {
    let waiting = script(
        "tcp://127.0.0.1:1",
        "alice",
        &["--max-seconds", "0.2"],
        "wait ChatMessages 30\n",
    );
    assert_eq!(
        (waiting.status, &waiting.events("Command")[0]["ok"]),
        (2, &json!(false))
    );
    let sleeping = script(
        "tcp://127.0.0.1:1",
        "alice",
        &["--max-seconds", "0.2"],
        "sleep 30\n",
    );
    assert_eq!(sleeping.status, 2);
    // The input is open, but there are no commands.
    let idle = Program::client("tcp://127.0.0.1:1", "alice", &["--max-seconds", "0.2"]);
    let idle = idle.wait();
    assert_eq!((idle.status, idle.stdout.as_str()), (2, ""));
    assert!(idle.stderr.contains("--max-seconds"));
}

#[test]
fn a_closed_output_ends_the_run_without_a_message() {
    let mut program = Program::start_with_closed_output(&[
        "run",
        "--server",
        "tcp://127.0.0.1:1",
        "--app-id",
        "test",
    ]);
    program.write("channels\nsleep 30\n");
    let output = program.wait();
    assert_eq!((output.status, output.stderr.as_str()), (1, ""));
}

#[test]
fn a_publish_at_the_end_of_the_input_arrives() {
    let server = start_server(ServerConfig::new());
    let mut bob = Program::client(&server.url(Transport::Tcp), "bob", &[]);
    bob.write(CONNECT);
    bob.write(
        "subscribe a\nwait SubscribeResult\nprivate alice come\nwait ChatMessages 30 last message\n",
    );
    // The input ends after the publish, which is sent before the disconnect.
    let lines =
        format!("{CONNECT}wait PrivateMessage 30 come\nsubscribe a\npublish a last message");
    script(&server.url(Transport::Tcp), "alice", &[], &lines).assert_success();
    bob.end().assert_success();
}

#[test]
fn a_wait_for_fields_ignores_the_event_that_leaves_the_state() {
    let server = start_server(ServerConfig::new());
    let lines = "connect\nwait StateChanged to=ConnectedToFrontEnd\nsubscribe a,b\n\
                 wait SubscribeResult channel=a outcome=Done\npublish a one\npublish a two words\n\
                 wait ChatMessages 30 sender=alice content=\"two words\"\ndisconnect\n\
                 wait StateChanged 30 from=ConnectedToFrontEnd to=Disconnected\n\
                 wait StateChanged 30 to=ConnectedToFrontEnd\n";
    let output = script(&server.url(Transport::Tcp), "alice", &[], lines);
    assert_eq!(output.status, 3, "only the last wait fails");
    let failed = last_command(&output);
    assert_eq!(
        failed["line"],
        "wait StateChanged 30 to=ConnectedToFrontEnd"
    );
}

#[test]
fn an_unknown_event_name_lists_the_valid_ones() {
    let output = script(
        "tcp://127.0.0.1:1",
        "alice",
        &[],
        "wait ChatMesages 30\nchannels\n",
    );
    assert_eq!((output.status, output.events("Channels").len()), (64, 0));
    let error = last_command(&output)["error"].as_str().unwrap().to_owned();
    assert!(
        error.contains("\"ChatMesages\"") && error.contains("ChatMessages, PrivateMessage"),
        "{error}"
    );
}

#[test]
fn waits_end_when_the_connection_has_ended() {
    // Each would otherwise wait for longer than the whole run may take.
    for wait in [
        "wait ChatMessages 3600",
        "wait-count ChatMessages 2 3600",
        "wait-state ConnectedToFrontEnd 3600",
    ] {
        let lines = format!("connect\n{wait}\n");
        let output = script(&unused_address(), "alice", &[], &lines);
        assert_eq!(output.status, 3, "{wait}: {}", output.stdout);
        let error = last_command(&output)["error"].as_str().unwrap().to_owned();
        assert!(error.contains("state Error"), "{error}");
    }
    let server = start_server(ServerConfig::new());
    let url = server.url(Transport::Tcp);
    let lines = format!("{CONNECT}disconnect\nwait ChatMessages 3600\n");
    let output = script(&url, "alice", &[], &lines);
    assert_eq!(output.status, 3);
    // With restore the client comes back, so the wait goes on.
    let lines = format!("{CONNECT}subscribe a\nwait SubscribeResult\ndrop\nwait Restored 30\n");
    script(&url, "alice", &["--restore"], &lines).assert_success();
}

#[test]
fn strict_ends_the_run_at_a_refused_command() {
    let lines = "publish a early\nchannels\n";
    let lax = script("tcp://127.0.0.1:1", "alice", &[], lines);
    assert_eq!((lax.status, lax.events("Channels").len()), (0, 1));
    let strict = script("tcp://127.0.0.1:1", "alice", &["--strict"], lines);
    assert_eq!((strict.status, strict.events("Channels").len()), (1, 0));
    assert_eq!(last_command(&strict)["ok"], false);
    assert!(strict.stderr.contains("--strict"), "{}", strict.stderr);
}

#[test]
fn max_seconds_0_is_no_limit() {
    let output = script(
        "tcp://127.0.0.1:1",
        "alice",
        &["--max-seconds", "0"],
        "sleep 0.05\n",
    );
    output.assert_success();
}

#[test]
fn comments_are_ignored_and_help_explains_commands() {
    let lines = "# a comment\n  # another: dance\nhelp\nhelp wait\n";
    let output = script("tcp://127.0.0.1:1", "alice", &[], lines);
    assert_eq!(output.assert_success().events("Command").len(), 2);
    let help = output.events("Help");
    let texts: Vec<&str> = help
        .iter()
        .map(|help| help["text"].as_str().unwrap())
        .collect();
    assert!(texts[0].contains("subscribe CH") && texts[0].contains("quit"));
    assert!(
        texts[1].trim_start().starts_with("wait EVENT") && !texts[1].contains("quit"),
        "{}",
        texts[1]
    );
}

#[test]
fn hidden_characters_do_not_split_or_disguise_a_line() {
    let server = start_server(ServerConfig::new());
    let text = "a\u{2028}b\u{85}c\u{202e}d\u{200b}e\u{9b}31m";
    let lines = format!(
        "{CONNECT}subscribe a\npublish a {text}\nwait ChatMessages 30 content={}\n",
        json!(text)
    );
    let output = script(&server.url(Transport::Tcp), "alice", &[], &lines);
    output.assert_success();
    assert!(
        output
            .stdout
            .chars()
            .all(|all| all == '\n' || (' '..='~').contains(&all))
    );
    assert_eq!(
        messages(&output),
        [("alice".to_owned(), string(text))],
        "and it is the same text"
    );
}

#[cfg(unix)]
#[test]
fn a_signal_disconnects_first() {
    let server = start_server(ServerConfig::new());
    for (signal, wait) in [
        ("-TERM", "sleep 3600\n"),
        ("-INT", ""),
        ("-TERM", "freeze 3600\n"),
    ] {
        let mut program = Program::client(&server.url(Transport::Tcp), "alice", &[]);
        program.write(CONNECT);
        program.read_until("\"ok\":true,\"error\":null}", 2);
        program.write(wait);
        let killed = std::process::Command::new("kill")
            .args([signal, &program.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        let output = program.wait();
        assert_eq!((output.status, output.stderr.as_str()), (130, ""));
        assert_eq!(output.states().last(), Some(&10), "{}", output.stdout);
    }
}

#[test]
fn settings_come_from_options_the_environment_and_a_file_in_this_order() {
    let server = start_server(ServerConfig::new());
    let url = server.url(Transport::Tcp);
    let file = std::env::temp_dir().join(format!("photon-chat-{}.toml", std::process::id()));
    let text = format!(
        "server = \"{url}\"\napp-id = \"secret\"\nuser = \"of-the-file\"\nregion = \"us\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let user = |variables: &[(&str, &str)], arguments: &[&str]| -> Json {
        let mut program = Program::start_in(variables, &[&["run"], arguments].concat());
        program.write("connect\nwait Authenticated 30\n");
        let output = program.end();
        output.assert_success().events("Authenticated")[0]["user_id"].clone()
    };
    assert_eq!(user(&[], &["--config", path]), "of-the-file");
    let of_file = ("PHOTON_CONFIG", path);
    assert_eq!(user(&[of_file], &[]), "of-the-file");
    let of_variable = ("PHOTON_USER", "of-a-variable");
    assert_eq!(user(&[of_file, of_variable], &[]), "of-a-variable");
    assert_eq!(user(&[of_file, of_variable], &["--user", "typed"]), "typed");
    std::fs::write(&file, "sever = \"x\"").unwrap();
    let output = Program::start(&["run", "--config", path]).end();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(output.status, 64);
    assert!(
        output.stderr.contains("no setting \"sever\""),
        "{}",
        output.stderr
    );
}
