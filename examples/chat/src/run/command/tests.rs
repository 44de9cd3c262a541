//! Every command with its arguments, and every mistake in a line.

use super::arguments::DEFAULT_WAIT;
use super::{Command, Filter, Message};
use crate::help;
use crate::run::condition::Condition;
use chat_core::{PrivateOptions, PublishOptions, State, SubscribeOptions};
use photon_proto::Value;
use std::collections::BTreeSet;
use std::time::Duration;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn fields(all: &[&str]) -> Filter {
    let condition = |text| Condition::take(text).unwrap().unwrap().0;
    Filter::Fields(all.iter().copied().map(condition).collect())
}

fn publish(channel: &str, content: impl Into<Value>, web: bool) -> Command {
    let options = PublishOptions::new().web_forward(web);
    Command::Publish {
        channel: channel.into(),
        content: content.into(),
        options,
    }
}

fn create(channel: &str, publish: bool, max: i32) -> Command {
    let options = SubscribeOptions::new()
        .publish_subscribers(publish)
        .max_subscribers(max);
    Command::Subscribe {
        channels: names(&[channel]),
        options,
    }
}

fn status(status: i32, message: Message) -> Command {
    Command::Status { status, message }
}

/// In channel `a`.
fn properties(user: Option<&str>, all: &[(&str, Value)]) -> Command {
    let properties = all
        .iter()
        .map(|(key, value)| ((*key).into(), value.clone()))
        .collect();
    Command::SetProperties {
        channel: "a".into(),
        user: user.map(str::to_owned),
        properties,
    }
}

fn operation(code: u8, parameters: &[(u8, Value)], encrypt: bool) -> Command {
    Command::Operation {
        code,
        parameters: parameters.to_vec(),
        encrypt,
    }
}

#[test]
fn commands_are_parsed() {
    let mut parsed = BTreeSet::new();
    let options = SubscribeOptions::new();
    let private = PrivateOptions::new();
    for (line, expected) in [
        ("connect", Command::Connect { stop: false }),
        (" connect\t- ", Command::Connect { stop: true }),
        ("regions", Command::Regions),
        ("region us/*", Command::Region("us/*".into())),
        (
            "subscribe a,b",
            Command::Subscribe {
                channels: names(&["a", "b"]),
                options: options.clone(),
            },
        ),
        (
            "subscribe a,,b -1 7,0,-3",
            Command::Subscribe {
                channels: names(&["a", "", "b"]),
                options: options.clone().history(-1).last_ids([7, 0, -3]),
            },
        ),
        (
            "subscribe ö 0",
            Command::Subscribe {
                channels: names(&["ö"]),
                options: options.history(0),
            },
        ),
        (
            "unsubscribe a,b",
            Command::Unsubscribe {
                channels: names(&["a", "b"]),
            },
        ),
        ("publish a hello", publish("a", "hello", false)),
        (
            "publish a  two  spaces ",
            publish("a", " two  spaces ", false),
        ),
        ("publish a ", publish("a", "", false)),
        ("publish-web a x", publish("a", "x", true)),
        (
            r#"publish a json:{"t":"short","v":-5}"#,
            publish("a", Value::Short(-5), false),
        ),
        ("publish a  json:no", publish("a", " json:no", false)),
        (
            "private bob hi there",
            Command::Private {
                user: "bob".into(),
                content: "hi there".into(),
                options: private,
            },
        ),
        (
            r#"private-encrypted bob json: {"t":"null"}"#,
            Command::Private {
                user: "bob".into(),
                content: Value::Null,
                options: private.encrypt(true),
            },
        ),
        (
            "subscribe-opts a publish=true max=20",
            create("a", true, 20),
        ),
        ("subscribe-opts a max=-1", create("a", false, -1)),
        ("subscribe-opts ö  publish=false ", create("ö", false, 0)),
        ("subscribe-opts a", create("a", false, 0)),
        ("status 2", status(2, Message::Clear)),
        ("status 2 ", status(2, Message::Set("".into()))),
        (
            "status -7 at  lunch ",
            status(-7, Message::Set("at  lunch ".into())),
        ),
        (
            r#"status 6 json:{"t":"int","v":3}"#,
            status(6, Message::Set(Value::Int(3))),
        ),
        ("status-keep 3", status(3, Message::Keep)),
        (
            "friends a,b",
            Command::AddFriends {
                users: names(&["a", "b"]),
            },
        ),
        (
            "unfriend ö",
            Command::RemoveFriends {
                users: names(&["ö"]),
            },
        ),
        ("setprops a k=v", properties(None, &[("k", "v".into())])),
        (
            "setprops a  one=1 two= three=a=b,json:{} ",
            properties(
                None,
                &[
                    ("one", "1".into()),
                    ("two", "".into()),
                    ("three", "a=b,json:{}".into()),
                ],
            ),
        ),
        (
            r#"setprops a k=json:{"t":"string","v":"two words } \" ="}  gone=json: {"t": "null"} last=x"#,
            properties(
                None,
                &[
                    ("k", "two words } \" =".into()),
                    ("gone", Value::Null),
                    ("last", "x".into()),
                ],
            ),
        ),
        (
            "setuserprops a bob k=v",
            properties(Some("bob"), &[("k", "v".into())]),
        ),
        ("op 4", operation(4, &[], false)),
        ("op 255 {}", operation(255, &[], false)),
        (
            r#"op 2 {"1": {"t":"string","v":"a b"}, "3": {"t":"null"}}"#,
            operation(2, &[(1, "a b".into()), (3, Value::Null)], false),
        ),
        (
            r#"op-encrypted 3 [[7,{"t":"byte","v":1}],[7,{"t":"byte","v":2}]]"#,
            operation(3, &[(7, Value::Byte(1)), (7, Value::Byte(2))], true),
        ),
        ("channels", Command::Channels),
        ("stats", Command::Stats),
        (
            "sleep 0.25",
            Command::Sleep {
                time: Duration::from_millis(250),
            },
        ),
        (
            "wait Error",
            Command::Wait {
                event: "Error",
                time: DEFAULT_WAIT,
                filter: Filter::Any,
            },
        ),
        (
            "wait Gap 2.5 \"b c\" ",
            Command::Wait {
                event: "Gap",
                time: Duration::from_millis(2500),
                filter: Filter::contains("\"b c\""),
            },
        ),
        (
            "wait Gap channel=a  after=5",
            Command::Wait {
                event: "Gap",
                time: DEFAULT_WAIT,
                filter: fields(&["channel=a", "after=5"]),
            },
        ),
        (
            "wait ChatMessages 2 content=\"b c\" sender=bob",
            Command::Wait {
                event: "ChatMessages",
                time: Duration::from_secs(2),
                filter: fields(&["content=\"b c\"", "sender=bob"]),
            },
        ),
        (
            "wait StateChanged to=ConnectedToFrontEnd 2",
            Command::Wait {
                event: "StateChanged",
                time: Duration::from_secs(2),
                filter: fields(&["to=ConnectedToFrontEnd"]),
            },
        ),
        (
            "wait-count Gap 3 1",
            Command::WaitCount {
                event: "Gap",
                count: 3,
                time: Duration::from_secs(1),
            },
        ),
        (
            "wait-state ConnectedToFrontEnd",
            Command::WaitState {
                state: State::ConnectedToFrontEnd,
                time: DEFAULT_WAIT,
            },
        ),
        (
            "wait-state error 2.5",
            Command::WaitState {
                state: State::Error,
                time: Duration::from_millis(2500),
            },
        ),
        (
            "freeze 12.5",
            Command::Freeze {
                time: Duration::from_millis(12_500),
            },
        ),
        ("drop", Command::Drop),
        ("disconnect", Command::Disconnect),
        ("reconnect", Command::Reconnect),
        ("suspend", Command::Suspend),
        ("resume", Command::Resume),
        ("network-changed", Command::NetworkChanged),
        ("forget", Command::Forget),
        ("help", Command::Help { command: None }),
        (
            "help wait",
            Command::Help {
                command: Some("wait".into()),
            },
        ),
        ("quit", Command::Quit),
    ] {
        assert_eq!(Command::parse(line), Ok(expected), "{line}");
        parsed.extend(line.split_whitespace().next());
    }
    // The lines above and both helps are written by hand.
    assert_eq!(parsed, commands_in_the_help());
    assert_eq!(parsed, commands_in_the_summary());
}

/// The commands that the help of `run` explains.
fn commands_in_the_help() -> BTreeSet<&'static str> {
    let (_, list) = help::RUN.split_once("\nCommands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    list.lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

/// The commands of `run` that the help of the program lists.
fn commands_in_the_summary() -> BTreeSet<&'static str> {
    let (_, list) = help::PROGRAM.split_once("events as JSON:").unwrap();
    let (list, _) = list.split_once('.').unwrap();
    list.split(',').map(str::trim).collect()
}

#[test]
fn examples_in_the_help_are_commands() {
    let is_example = |line: &&str| {
        line.strip_prefix("  ")
            .is_some_and(|line| line.starts_with(|first: char| first.is_ascii_lowercase()))
    };
    let after_the_list = help::RUN
        .lines()
        .skip_while(|line| !line.starts_with("Commands run in order"));
    let examples: Vec<&str> = after_the_list.filter(is_example).collect();
    assert!(examples.len() > 8, "{examples:?}");
    for line in examples {
        assert!(Command::parse(line).is_ok(), "{line}");
    }
}

#[test]
fn errors_name_the_faulty_argument() {
    for (line, expected) in [
        ("", "unknown"),
        ("Connect", "unknown"),
        ("conect", "did you mean connect?"),
        ("help discnnect", "did you mean disconnect?"),
        ("connect eu", "region"),
        ("regions all", "no further argument"),
        ("region", "a region is missing"),
        ("subscribe", "missing"),
        ("subscribe a many", "history"),
        ("subscribe a 1 1,x", "last id"),
        ("subscribe a 1 1 1", "no further argument"),
        ("subscribe a 3000000000", "range"),
        ("unsubscribe", "missing"),
        ("publish", "a channel is missing"),
        ("publish a", "a text is missing"),
        ("publish a json:{", "json"),
        (r#"publish a json:{"t":"byte","v":256}"#, "json: $"),
        ("private", "a user is missing"),
        ("private bob", "a text is missing"),
        ("subscribe-opts", "a channel is missing"),
        (
            "subscribe-opts a publish=yes",
            "publish=true or publish=false",
        ),
        ("subscribe-opts a max=", "max"),
        ("subscribe-opts a max=3000000000", "range"),
        ("subscribe-opts a 5", "publish=true|false"),
        ("subscribe-opts a history=5", "publish=true|false"),
        ("subscribe-opts a max=1 max=1", "once only"),
        (
            "subscribe-opts a publish=true max=1 publish=true",
            "once only",
        ),
        ("status", "a status is missing"),
        ("status away", "status"),
        ("status 2147483648", "range"),
        ("status 2 json:", "json"),
        ("status-keep", "a status is missing"),
        ("status-keep 2 text", "no further argument"),
        ("friends", "a list of users is missing"),
        ("friends a b", "no further argument"),
        ("unfriend", "missing"),
        ("setprops", "a channel is missing"),
        ("setprops a", "KEY=TEXT is missing"),
        ("setprops a k=v two", "\"two\" is not KEY=TEXT"),
        ("setprops a two words=1", "\"two\" is not KEY=TEXT"),
        ("setprops a k=v j=v k=w", "k appears twice"),
        ("setprops a =v", "a key is missing"),
        ("setprops a k=json:", "a value is missing"),
        ("setprops a k=json:7", "json: $"),
        (r#"setprops a k=json:{"t":"int""#, "json: EOF"),
        (r#"setprops a k=json:{"t":"null"}x"#, "a space"),
        ("setuserprops a", "a user is missing"),
        ("setuserprops a k=v", "KEY=TEXT is missing"),
        ("op", "an operation code is missing"),
        ("op 256 {}", "range"),
        ("op publish {}", "operation code"),
        ("op 2 {", "json"),
        ("op 2 {} {}", "json"),
        ("op 2 7", "json: $.params"),
        (r#"op 2 {"one":{"t":"null"}}"#, "json: $.params.one"),
        (r#"op 2 {"1":"text"}"#, "json: $.params.1"),
        ("freeze", "a time is missing"),
        ("freeze -1", "seconds"),
        ("drop it", "no further argument"),
        ("reconnect now", "no further argument"),
        ("suspend now", "no further argument"),
        ("resume now", "no further argument"),
        ("network-changed wifi", "no further argument"),
        ("forget all", "no further argument"),
        ("sleep", "missing"),
        ("sleep -1", "seconds"),
        ("sleep NaN", "seconds"),
        ("sleep 1e300", "seconds"),
        ("wait", "missing"),
        ("wait Gap soon", "seconds"),
        (
            "wait ChatMessages sender",
            "\"sender\" is neither a time in seconds nor FIELD=VALUE, such as sender=bob; write wait \
             EVENT [S] [FIELD=VALUE ..] or wait EVENT S SUBSTRING;",
        ),
        ("publish lobby", "write publish CH TEXT"),
        ("private bob", "write private USER TEXT"),
        ("wait Gaps", "use one of StateChanged, Error"),
        ("wait Command 1 x", "use one of StateChanged, Error"),
        ("wait-count gap 1 1", "use one of StateChanged, Error"),
        ("wait Gap channel=a b", "seconds"),
        ("wait Gap 1 channel=a b", "in quotes"),
        ("wait Gap channel=\"a", "in quotes"),
        ("help dance", "unknown command"),
        ("help wait now", "no further argument"),
        ("wait-count Gap", "missing"),
        ("wait-count Gap -1 1", "count"),
        ("wait-count Gap 1", "a time is missing"),
        ("wait-state", "the name of a state is missing"),
        ("wait-state Connected", "use one of Error, Uninitialized"),
        ("wait-state Error soon", "seconds"),
        ("wait-state Error 1 x", "no further argument"),
        ("quit now", "no further argument"),
    ] {
        let Err(error) = Command::parse(line) else {
            panic!("{line}: accepted")
        };
        assert!(error.contains(expected), "{line}: {error}");
    }
}
