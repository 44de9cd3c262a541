//! [`Command`]: a parsed line of input. `help::RUN` documents the grammar.

use super::condition::{Condition, Filter};
use super::event_name;
use crate::help;
use chat_core::{PrivateOptions, PublishOptions, State, SubscribeOptions};
use photon_inspect::notation;
use photon_proto::{Parameters, Value};
use serde_json::{Deserializer, Value as Json, json};
use std::time::Duration;

/// The timeout of a `wait` that does not name one.
const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// A command. `run::Run` executes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    Connect {
        /// Stay at the name server.
        stop: bool,
    },
    Regions,
    Region(String),
    Subscribe {
        channels: Vec<String>,
        options: SubscribeOptions,
    },
    Unsubscribe {
        channels: Vec<String>,
    },
    Publish {
        channel: String,
        content: Value,
        options: PublishOptions,
    },
    Private {
        user: String,
        content: Value,
        options: PrivateOptions,
    },
    Status {
        status: i32,
        message: Message,
    },
    AddFriends {
        users: Vec<String>,
    },
    RemoveFriends {
        users: Vec<String>,
    },
    SetProperties {
        channel: String,
        user: Option<String>,
        properties: Vec<(Value, Value)>,
    },
    Operation {
        code: u8,
        parameters: Parameters,
        encrypt: bool,
    },
    Channels,
    Stats,
    Sleep {
        time: Duration,
    },
    Wait {
        event: &'static str,
        time: Duration,
        filter: Filter,
    },
    WaitCount {
        event: &'static str,
        count: usize,
        time: Duration,
    },
    WaitState {
        state: State,
        time: Duration,
    },
    Freeze {
        time: Duration,
    },
    Drop,
    Disconnect,
    Reconnect,
    Suspend,
    Resume,
    NetworkChanged,
    Forget,
    /// Explains all commands, or one.
    Help {
        command: Option<String>,
    },
    Quit,
}

/// The status message of a status command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    Set(Value),
    Clear,
    Keep,
}

impl Command {
    /// Parses a line.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        Self::parse_rest(Rest(line))
            .map_err(|error| format!("{error}; photon-chat run --help explains the commands"))
    }

    fn parse_rest(mut rest: Rest<'_>) -> Result<Self, String> {
        let name = rest.next().unwrap_or_default();
        let command = match name {
            "connect" => match rest.next() {
                None => Self::Connect { stop: false },
                Some("-") => Self::Connect { stop: true },
                Some(other) => {
                    return Err(format!(
                        "connect takes only -, not {other:?}: to choose a region use --region or the command region"
                    ));
                }
            },
            "regions" => Self::Regions,
            "region" => Self::Region(rest.needed("a region")?.to_owned()),
            "subscribe" => {
                let channels = list(rest.needed("a list of channels")?);
                let mut options = SubscribeOptions::new();
                if let Some(history) = rest.next() {
                    options = options.history(number(history, "history")?);
                }
                if let Some(ids) = rest.next() {
                    let ids: Result<Vec<i32>, String> =
                        ids.split(',').map(|id| number(id, "last id")).collect();
                    options = options.last_ids(ids?);
                }
                Self::Subscribe { channels, options }
            }
            "subscribe-opts" => {
                let channels = list(rest.needed("a channel")?);
                Self::Subscribe {
                    channels,
                    options: rest.creation_options()?,
                }
            }
            "unsubscribe" => Self::Unsubscribe {
                channels: list(rest.needed("a list of channels")?),
            },
            "publish" | "publish-web" => {
                let channel = rest.needed("a channel")?.to_owned();
                let options = PublishOptions::new().web_forward(name == "publish-web");
                return Ok(Self::Publish {
                    channel,
                    content: rest.content()?,
                    options,
                });
            }
            "private" | "private-encrypted" => {
                let user = rest.needed("a user")?.to_owned();
                let options = PrivateOptions::new().encrypt(name == "private-encrypted");
                return Ok(Self::Private {
                    user,
                    content: rest.content()?,
                    options,
                });
            }
            "status" => {
                let status = rest.status()?;
                let message = if rest.0.is_empty() {
                    Message::Clear
                } else {
                    Message::Set(rest.content()?)
                };
                return Ok(Self::Status { status, message });
            }
            "status-keep" => Self::Status {
                status: rest.status()?,
                message: Message::Keep,
            },
            "friends" => Self::AddFriends {
                users: list(rest.needed("a list of users")?),
            },
            "unfriend" => Self::RemoveFriends {
                users: list(rest.needed("a list of users")?),
            },
            "setprops" => {
                let channel = rest.needed("a channel")?.to_owned();
                Self::SetProperties {
                    channel,
                    user: None,
                    properties: rest.properties()?,
                }
            }
            "setuserprops" => {
                let channel = rest.needed("a channel")?.to_owned();
                let user = Some(rest.needed("a user")?.to_owned());
                Self::SetProperties {
                    channel,
                    user,
                    properties: rest.properties()?,
                }
            }
            "op" | "op-encrypted" => {
                let code = rest.needed("an operation code")?;
                let code = number(code, "operation code")?;
                return Ok(Self::Operation {
                    code,
                    parameters: parameters(rest.trimmed())?,
                    encrypt: name == "op-encrypted",
                });
            }
            "channels" => Self::Channels,
            "stats" => Self::Stats,
            "sleep" => Self::Sleep {
                time: time(rest.needed("a time")?)?,
            },
            "wait" => {
                let event = event_name::parse(rest.needed("the name of an event")?)?;
                let (time, filter) = rest.filter()?;
                return Ok(Self::Wait {
                    event,
                    time,
                    filter,
                });
            }
            "wait-count" => Self::WaitCount {
                event: event_name::parse(rest.needed("the name of an event")?)?,
                count: number(rest.needed("the number of events")?, "count")?,
                time: time(rest.needed("a time")?)?,
            },
            "wait-state" => Self::WaitState {
                state: state(rest.needed("the name of a state")?)?,
                time: rest.next().map_or(Ok(DEFAULT_WAIT), time)?,
            },
            "freeze" => Self::Freeze {
                time: time(rest.needed("a time")?)?,
            },
            "drop" => Self::Drop,
            "disconnect" => Self::Disconnect,
            "reconnect" => Self::Reconnect,
            "suspend" => Self::Suspend,
            "resume" => Self::Resume,
            "network-changed" => Self::NetworkChanged,
            "forget" => Self::Forget,
            "help" => Self::Help {
                command: rest.next().map(known_command).transpose()?,
            },
            "quit" => Self::Quit,
            _ => {
                return Err(format!("unknown command {name:?}"));
            }
        };
        match rest.next() {
            None => Ok(command),
            Some(surplus) => Err(format!("{name} takes no further argument {surplus:?}")),
        }
    }
}

/// The part of a line that is not parsed yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let line = self.0.trim_start();
        let (word, rest) = line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()));
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }

    fn needed(&mut self, what: &str) -> Result<&'a str, String> {
        self.next().ok_or_else(|| format!("{what} is missing"))
    }

    fn trimmed(&self) -> &'a str {
        self.0.trim()
    }

    /// The rest as the content of a message: everything after one separator, or a tagged value.
    fn content(&self) -> Result<Value, String> {
        let mut characters = self.0.chars();
        let (Some(_), text) = (characters.next(), characters.as_str()) else {
            return Err("a text is missing".into());
        };
        let Some(json) = text.strip_prefix("json:") else {
            return Ok(Value::String(text.into()));
        };
        value(&serde_json::from_str(json).map_err(|error| format!("json: {error}"))?)
    }

    /// The rest of a `wait`: a time and conditions, in any order; or a time and a text.
    fn filter(&mut self) -> Result<(Duration, Filter), String> {
        let (mut wait, mut conditions) = (None, Vec::new());
        while !self.trimmed().is_empty() {
            let line = self.0.trim_start();
            if let Some(condition) = Condition::take(line) {
                let (condition, rest) = condition?;
                conditions.push(condition);
                self.0 = rest;
            } else if wait.is_none() {
                wait = Some(time(self.next().unwrap_or_default())?);
            } else if conditions.is_empty() {
                let filter = Filter::contains(self.trimmed());
                return Ok((wait.unwrap_or(DEFAULT_WAIT), filter));
            } else {
                let word = self.next().unwrap_or_default();
                return Err(format!(
                    "{word:?} is not FIELD=VALUE: put a value with spaces in quotes, as in content=\"two words\""
                ));
            }
        }
        let filter = if conditions.is_empty() {
            Filter::Any
        } else {
            Filter::Fields(conditions)
        };
        Ok((wait.unwrap_or(DEFAULT_WAIT), filter))
    }

    fn status(&mut self) -> Result<i32, String> {
        number(self.needed("a status")?, "status")
    }

    /// `publish=true|false` and `max=N`, in any order.
    fn creation_options(&mut self) -> Result<SubscribeOptions, String> {
        let (mut publish, mut max) = (None, None);
        while let Some(word) = self.next() {
            let twice = match word.split_once('=') {
                Some(("publish", flag)) => {
                    let flag = flag
                        .parse()
                        .map_err(|_| format!("{word}: use publish=true or publish=false"))?;
                    publish.replace(flag).is_some()
                }
                Some(("max", subscribers)) => max.replace(number(subscribers, "max")?).is_some(),
                _ => {
                    return Err(format!("{word:?} is not publish=true|false or max=N"));
                }
            };
            if twice {
                return Err(format!("{word}: an option may appear once only"));
            }
        }
        let options = SubscribeOptions::new();
        Ok(options
            .publish_subscribers(publish.unwrap_or_default())
            .max_subscribers(max.unwrap_or_default()))
    }

    /// The rest as properties: each is a key, `=`, and a text up to the next space or `json:` and a
    /// tagged value.
    fn properties(&mut self) -> Result<Vec<(Value, Value)>, String> {
        let mut all: Vec<(Value, Value)> = Vec::new();
        while !self.trimmed().is_empty() {
            let line = self.0.trim_start();
            let key = line
                .split_once('=')
                .map(|(key, _)| key)
                .filter(|key| !key.contains(char::is_whitespace));
            let Some(key) = key else {
                return Err(format!(
                    "{:?} is not KEY=TEXT",
                    self.next().unwrap_or_default()
                ));
            };
            if key.is_empty() {
                return Err("a key is missing before =".into());
            }
            self.0 = line.get(key.len() + 1..).unwrap_or_default();
            let (key, value) = (Value::from(key), self.property()?);
            if all.iter().any(|(known, _)| *known == key) {
                return Err(format!(
                    "the key {} appears twice",
                    key.as_str().unwrap_or_default()
                ));
            }
            all.push((key, value));
        }
        if all.is_empty() {
            Err("KEY=TEXT is missing".into())
        } else {
            Ok(all)
        }
    }

    /// The value after `=`.
    fn property(&mut self) -> Result<Value, String> {
        let Some(json) = self.0.strip_prefix("json:") else {
            let (text, rest) = self
                .0
                .split_at(self.0.find(char::is_whitespace).unwrap_or(self.0.len()));
            self.0 = rest;
            return Ok(text.into());
        };
        // The JSON value may contain spaces, so it ends where the JSON parser stops.
        let mut values = Deserializer::from_str(json).into_iter::<Json>();
        let first = values
            .next()
            .ok_or("json: a value is missing")?
            .map_err(|error| format!("json: {error}"))?;
        self.0 = json.get(values.byte_offset()..).unwrap_or_default();
        if !self.0.is_empty() && !self.0.starts_with(char::is_whitespace) {
            return Err("json: a space must follow the value".into());
        }
        value(&first)
    }
}

/// Converts a tagged value.
fn value(json: &Json) -> Result<Value, String> {
    notation::value_from_json(json).map_err(|error| format!("json: {error}"))
}

/// Parameters: an object with their codes as keys, a list of pairs of code and value, or nothing.
fn parameters(text: &str) -> Result<Parameters, String> {
    if text.is_empty() {
        return Ok(Parameters::new());
    }
    let json: Json = serde_json::from_str(text).map_err(|error| format!("json: {error}"))?;
    // The notation has parameters only inside of messages, so they are read as those of a request.
    match value(&json!({"t": "request", "op": 0, "params": json}))? {
        Value::Request(request) => Ok(request.parameters),
        _ => Err("json: these are not parameters".into()),
    }
}

/// The name of a command, for `help`.
fn known_command(name: &str) -> Result<String, String> {
    if help::of_command(name).is_empty() {
        return Err(format!("unknown command {name:?}"));
    }
    Ok(name.to_owned())
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

fn number<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{what} {text:?} is not a number, or is out of range"))
}

/// A state by its documented name, in any case.
fn state(name: &str) -> Result<State, String> {
    const STATES: [State; 7] = [
        State::Error,
        State::Uninitialized,
        State::ConnectingToNameServer,
        State::ConnectedToNameServer,
        State::ConnectingToFrontEnd,
        State::ConnectedToFrontEnd,
        State::Disconnected,
    ];
    let found = STATES
        .into_iter()
        .find(|state| state.name().eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let names = STATES.map(State::name).join(", ");
        format!("unknown state {name:?}: use one of {names}")
    })
}

fn time(text: &str) -> Result<Duration, String> {
    command_line::parse_seconds(text)
}

#[cfg(test)]
mod tests {
    use super::{Command, Condition, DEFAULT_WAIT, Filter, Message};
    use crate::help;
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
}
