//! `photon-chat run`: status, friends, subscribers of a channel, and properties.

mod harness;

use dev_server::server::LocalServer;
use dev_server::{ServerConfig, Transport};
use harness::{CONNECT, Output, Program, script, start_server, string};
use serde_json::{Value as Json, json};

fn with_properties() -> LocalServer {
    start_server(ServerConfig::new().with(|config| config.properties = true))
}

fn int(number: i32) -> Json {
    json!({"t": "int", "v": number})
}

/// The line and the error of each rejected command.
fn rejected(output: &Output) -> Vec<(String, String)> {
    let rejected = output
        .events("Command")
        .into_iter()
        .filter(|command| command["ok"] == false);
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    rejected
        .map(|command| (text(&command["line"]), text(&command["error"])))
        .collect()
}

/// Friends receive every change of a status, whatever the protocols.
fn watch_status(alice_protocol: &str, bob_protocol: &str) {
    let server = start_server(ServerConfig::new());
    let mut alice = Program::client(
        &server.url(Transport::Tcp),
        "alice",
        &["--protocol", alice_protocol],
    );
    alice.write(CONNECT);
    alice.write("friends bob,carol\nwait-count UserStatusUpdate 2 30\n");
    // Bob receives it from the private history when he connects.
    alice.write(
        "private bob go\nwait PrivateMessage 30 done\nunfriend bob\nprivate bob again\nwait PrivateMessage 30 end\n",
    );
    let lines = format!(
        "{CONNECT}wait PrivateMessage 30 go\nstatus 2 at  lunch\nstatus-keep 3\nstatus 77 json:{{\"t\":\"int\",\"v\":5}}\nstatus 4\n\
         status 1 unseen\nprivate alice done\nwait PrivateMessage 30 again\nstatus 2 no friend is left\nprivate alice end\n\
         wait PrivateMessage 30 end\n"
    );
    script(
        &server.url(Transport::Tcp),
        "bob",
        &["--protocol", bob_protocol],
        &lines,
    )
    .assert_success();
    let update = |user, name, code, message| {
        let status = json!({"name": name, "code": code});
        json!({"event": "UserStatusUpdate", "user": user, "status": status, "message": message})
    };
    assert_eq!(
        alice.end().assert_success().events("UserStatusUpdate"),
        [
            update("bob", "Offline", 0, json!({"name": "Kept"})),
            update("carol", "Offline", 0, json!({"name": "Kept"})),
            update(
                "bob",
                "Online",
                2,
                json!({"name": "Set", "value": string("at  lunch")})
            ),
            update("bob", "Away", 3, json!({"name": "Kept"})),
            update("bob", "Custom", 77, json!({"name": "Set", "value": int(5)})),
            update("bob", "Dnd", 4, json!({"name": "Cleared"})),
            update("bob", "Offline", 0, json!({"name": "Kept"})),
        ]
    );
}

#[test]
fn friends_receive_a_status_and_its_message() {
    watch_status("1.8", "1.8");
    watch_status("1.6", "1.8");
    watch_status("1.8", "1.6");
}

/// Two users in a channel that publishes its subscribers.
fn meet(alice_protocol: &str, bob_protocol: &str) {
    let server = with_properties();
    let mut alice = Program::client(
        &server.url(Transport::Tcp),
        "alice",
        &["--protocol", alice_protocol],
    );
    alice.write(CONNECT);
    alice.write(
        "subscribe-opts table publish=true max=2\nwait SubscribeResult\nprivate bob come\nwait UserSubscribed 30 bob\nwait PrivateMessage 30 here\n",
    );
    alice.write("setprops table topic=dice stake=json:{\"t\": \"int\", \"v\": 3} motto=json:{\"t\":\"string\",\"v\":\"two words\"}\n");
    alice.write("wait PropertiesChanged\nsetprops table topic=json:{\"t\":\"null\"}\nwait PropertiesChanged\n");
    alice.write("setuserprops table bob seat=2\nwait PropertiesChanged\nchannels\n");
    alice.write("private bob go\nwait UserUnsubscribed 30 bob\nchannels\n");
    let lines = format!(
        "{CONNECT}wait PrivateMessage 30 come\nsubscribe table\nwait SubscribeResult\nchannels\nprivate alice here\n\
         wait-count PropertiesChanged 3 30\nwait PrivateMessage 30 go\nchannels\nunsubscribe table\nwait UnsubscribeResult\n"
    );
    let bob = script(
        &server.url(Transport::Tcp),
        "bob",
        &["--protocol", bob_protocol],
        &lines,
    );
    let alice = alice.end();

    let changed = |user: Option<&str>, properties: &[(&str, Json)]| {
        let properties: Vec<Json> = properties
            .iter()
            .map(|(key, value)| json!([string(key), value]))
            .collect();
        json!({"event": "PropertiesChanged", "channel": "table", "user": user, "by": "alice", "properties": properties})
    };
    for output in [&alice, &bob] {
        assert_eq!(
            output.assert_success().events("PropertiesChanged"),
            [
                changed(
                    None,
                    &[
                        ("topic", string("dice")),
                        ("stake", int(3)),
                        ("motto", string("two words"))
                    ]
                ),
                changed(None, &[("topic", json!({"t": "null"}))]),
                changed(Some("bob"), &[("seat", string("2"))]),
            ]
        );
    }
    let event = |name| json!({"event": name, "channel": "table", "user": "bob", "properties": []});
    assert_eq!(alice.events("UserSubscribed"), [event("UserSubscribed")]);
    assert_eq!(
        alice.events("UserUnsubscribed"),
        [event("UserUnsubscribed")]
    );
    assert!(bob.events("UserSubscribed").is_empty() && bob.events("UserUnsubscribed").is_empty());

    let subscribers = |output: &Output| -> Vec<Json> {
        output
            .events("Channels")
            .iter()
            .map(|all| all["public"][0]["subscribers"].clone())
            .collect()
    };
    assert_eq!(
        subscribers(&alice),
        [json!(["alice", "bob"]), json!(["alice"])]
    );
    assert_eq!(
        subscribers(&bob),
        [json!(["alice", "bob"]), json!(["alice", "bob"])]
    );
    let known = |output: &Output, at: usize| {
        let mut all = output.events("Channels")[at]["public"][0]["properties"]
            .as_array()
            .unwrap()
            .clone();
        all.sort_by_key(Json::to_string);
        all
    };
    let created = [
        json!([{"t": "byte", "v": 254}, {"t": "bool", "v": true}]),
        json!([{"t": "byte", "v": 255}, int(2)]),
    ];
    assert_eq!(known(&bob, 0), created);
    let set = [
        json!([string("motto"), string("two words")]),
        json!([string("stake"), int(3)]),
    ];
    assert_eq!(known(&bob, 1), [created, set].concat());
    assert_eq!(known(&alice, 0), known(&bob, 1));
}

#[test]
fn subscribers_and_properties_are_reported() {
    meet("1.8", "1.8");
    meet("1.6", "1.8");
    meet("1.8", "1.6");
}

#[test]
fn a_full_channel_refuses_subscribers() {
    let server = start_server(ServerConfig::new());
    let mut alice = Program::client(&server.url(Transport::Tcp), "alice", &[]);
    alice.write(CONNECT);
    alice.write("subscribe-opts small max=1\nwait SubscribeResult\nprivate bob come\nwait PrivateMessage 30 enough\n");
    let lines = format!(
        "{CONNECT}wait PrivateMessage 30 come\nsubscribe small\nwait SubscribeResult 30 Refused\nprivate alice enough\n\
         wait PrivateMessage 30 enough\n"
    );
    script(&server.url(Transport::Tcp), "bob", &[], &lines).assert_success();
    // `max` alone does not make a channel publish its subscribers.
    let alice = alice.end();
    assert!(alice.assert_success().events("UserSubscribed").is_empty());
    assert_eq!(
        alice.events("SubscribeResult")[0]["channels"][0]["outcome"],
        "Done"
    );
}

#[test]
fn a_server_without_properties_responds_with_an_error() {
    let server = start_server(ServerConfig::new());
    let lines = format!(
        "{CONNECT}subscribe a\nwait SubscribeResult\nsetprops a k=v\nwait OperationResponse 30 \"operation\":8\n\
         setuserprops a alice k=v\nwait OperationResponse 30 \"operation\":8\n"
    );
    let output = script(&server.url(Transport::Tcp), "alice", &[], &lines);
    let responses = output.assert_success().events("OperationResponse");
    let codes: Vec<&Json> = responses
        .iter()
        .filter(|response| response["operation"] == 8)
        .map(|response| &response["return_code"]["code"])
        .collect();
    assert_eq!(codes, [-2, -2]);
    assert!(output.events("PropertiesChanged").is_empty());
}

#[test]
fn operations_are_sent_unchanged() {
    let server = with_properties();
    let lines = format!(
        "{CONNECT}op 199\nwait OperationResponse 30 \"operation\":199\n\
         op 0 {{\"0\":{{\"t\":\"array\",\"of\":\"string\",\"v\":[{{\"t\":\"string\",\"v\":\"a\"}}]}}}}\nwait SubscribeResult\n\
         op 2 {{\"1\":{{\"t\":\"string\",\"v\":\"a\"}},\"3\":{{\"t\":\"string\",\"v\":\"two words\"}}}}\nwait ChatMessages 30 two words\n\
         op-encrypted 3 [[225,{{\"t\":\"string\",\"v\":\"alice\"}},],[3,{{\"t\":\"int\",\"v\":7}}]]\n"
    )
    .replace("},]", "}]");
    // Compare and swap, for which there is no command.
    let swap = |old: &str, new: &str| {
        let map = |value: &str| json!({"t": "dict", "k": "object", "val": "object", "v": [[string("k"), if value.is_empty() { json!({"t": "null"}) } else { string(value) }]]});
        let parameters = json!({"1": string("a"), "22": map(new), "25": map(old), "26": {"t": "bool", "v": true}});
        format!("op 8 {parameters}\n")
    };
    let lines = lines
        + "wait PrivateMessage\n"
        + &swap("", "one")
        + "wait PropertiesChanged 30 one\n"
        + &swap("", "two")
        + "wait OperationResponse 30 \"code\":-2\n"
        + &swap("one", "three")
        + "wait PropertiesChanged 30 three\n";
    let output = script(&server.url(Transport::Tcp), "alice", &[], &lines);
    let codes = |operation: u8| {
        let all = output
            .events("OperationResponse")
            .into_iter()
            .filter(move |response| response["operation"] == operation);
        all.map(|response| response["return_code"]["code"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    output.assert_success();
    assert_eq!(
        (codes(199), codes(0), codes(3), codes(8)),
        (vec![-2], vec![0], vec![0], vec![0, -2, 0])
    );
    assert_eq!(
        output.events("SubscribeResult")[0]["channels"][0]["request"],
        Json::Null
    );
    assert_eq!(
        output.events("PrivateMessage")[0]["message"]["content"],
        int(7)
    );
}

#[test]
fn rejected_commands_are_not_sent() {
    let server = with_properties();
    let early = "status 2\nstatus-keep 2\nfriends a\nunfriend a\nsetprops a k=v\nsetuserprops a b k=v\nop 199\nsubscribe-opts a\nreconnect\n";
    let late = "friends a,,b\nunfriend ,\nsubscribe-opts a,b publish=true\nsubscribe-opts a max=-1\nsubscribe-opts a publish=true max=101\n\
                op 230\nop 3 {\"1\":{\"t\":\"hashtable\",\"v\":[[{\"t\":\"null\"},{\"t\":\"null\"}]]}}\nreconnect\n";
    let output = script(
        &server.url(Transport::Tcp),
        "alice",
        &[],
        &format!("{early}{CONNECT}{late}"),
    );
    assert_eq!((output.status, output.stderr.as_str()), (0, ""));
    let rejected = rejected(&output);
    let lines: Vec<&str> = early.lines().chain(late.lines()).collect();
    assert_eq!(
        rejected
            .iter()
            .map(|(line, _)| line.as_str())
            .collect::<Vec<_>>(),
        lines
    );
    let reason = |line: &str| {
        rejected
            .iter()
            .rev()
            .find(|(found, _)| found == line)
            .unwrap()
            .1
            .clone()
    };
    for (line, expected) in [
        (
            "op 199",
            "the call is not allowed in state Uninitialized: connect first",
        ),
        (
            "reconnect",
            "the call is not allowed in state ConnectedToFrontEnd: call disconnect first",
        ),
        ("friends a,,b", "user id must not be empty"),
        ("subscribe-opts a,b publish=true", "for one channel"),
        ("subscribe-opts a publish=true max=101", "100"),
        ("op 230", "operation 230"),
    ] {
        assert!(reason(line).contains(expected), "{line}: {}", reason(line));
    }
    assert!(output.events("OperationResponse").is_empty());
}
