//! [`Command`]: one line of input.

use chat_core::{PrivateOptions, PublishOptions, SubscribeOptions};
use photon_inspect::notation;
use photon_proto::Value;
use std::time::Duration;

/// How long a `wait` waits that does not say it.
const WAIT: Duration = Duration::from_secs(10);

/// What one line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    Connect { stop: bool },
    Regions,
    Region(String),
    Subscribe { channels: Vec<String>, options: SubscribeOptions },
    Unsubscribe { channels: Vec<String> },
    Publish { channel: String, content: Value, options: PublishOptions },
    Private { user: String, content: Value, options: PrivateOptions },
    Channels,
    Stats,
    Sleep { time: Duration },
    Wait { event: String, time: Duration, substring: Option<String> },
    WaitCount { event: String, count: usize, time: Duration },
    Disconnect,
    Quit,
}

impl Command {
    /// Reads a line; an error says what is wrong with it.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let mut words = Words(line);
        let name = words.next().unwrap_or_default();
        let command = match name {
            "connect" => match words.next() {
                None => Self::Connect { stop: false },
                Some("-") => Self::Connect { stop: true },
                Some(other) => {
                    return Err(format!(
                        "connect {other}: neither nothing nor -; the region is an option of the program, or use region R"
                    ));
                }
            },
            "regions" => Self::Regions,
            "region" => Self::Region(words.needed("a region")?.to_owned()),
            "subscribe" => {
                let channels = list(words.needed("channels")?);
                let mut options = SubscribeOptions::new();
                if let Some(history) = words.next() {
                    options = options.history(number(history, "history")?);
                }
                if let Some(ids) = words.next() {
                    let ids: Result<Vec<i32>, String> = ids.split(',').map(|id| number(id, "last id")).collect();
                    options = options.last_ids(ids?);
                }
                Self::Subscribe { channels, options }
            }
            "unsubscribe" => Self::Unsubscribe { channels: list(words.needed("channels")?) },
            "publish" | "publish-web" => {
                let channel = words.needed("a channel")?.to_owned();
                let options = PublishOptions::new().web_forward(name == "publish-web");
                return Ok(Self::Publish { channel, content: words.content()?, options });
            }
            "private" | "private-encrypted" => {
                let user = words.needed("a user")?.to_owned();
                let options = PrivateOptions::new().encrypt(name == "private-encrypted");
                return Ok(Self::Private { user, content: words.content()?, options });
            }
            "channels" => Self::Channels,
            "stats" => Self::Stats,
            "sleep" => Self::Sleep { time: time(words.needed("a time")?)? },
            "wait" => {
                let event = words.needed("the name of an event")?.to_owned();
                let time = words.next().map_or(Ok(WAIT), time)?;
                let substring = words.rest();
                return Ok(Self::Wait {
                    event,
                    time,
                    substring: (!substring.is_empty()).then(|| substring.to_owned()),
                });
            }
            "wait-count" => Self::WaitCount {
                event: words.needed("the name of an event")?.to_owned(),
                count: number(words.needed("how many events")?, "count")?,
                time: time(words.needed("a time")?)?,
            },
            "disconnect" => Self::Disconnect,
            "quit" => Self::Quit,
            _ => return Err(format!("unknown command {name:?}; photon-chat run --help lists the commands")),
        };
        match words.next() {
            None => Ok(command),
            Some(surplus) => Err(format!("{surplus:?} is too much for {name}")),
        }
    }
}

/// What is left of a line.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let line = self.0.trim_start();
        let (word, rest) = line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()));
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }

    fn needed(&mut self, what: &str) -> Result<&'a str, String> {
        self.next().ok_or_else(|| format!("{what} is missing"))
    }

    fn rest(&self) -> &'a str {
        self.0.trim()
    }

    /// The rest as the content of a message: everything behind one separator, or a tagged value.
    fn content(&self) -> Result<Value, String> {
        let mut characters = self.0.chars();
        let (Some(_), text) = (characters.next(), characters.as_str()) else { return Err("a text is missing".into()) };
        let Some(json) = text.strip_prefix("json:") else { return Ok(Value::String(text.into())) };
        let json = serde_json::from_str(json).map_err(|error| format!("json: {error}"))?;
        notation::value_from_json(&json).map_err(|error| format!("json: {error}"))
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

fn number<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{what} {text:?} is no number, or out of range"))
}

fn time(text: &str) -> Result<Duration, String> {
    seconds(text).ok_or_else(|| format!("{text:?} is no time in seconds"))
}

/// A time in seconds, with decimals if need be.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::{Command, WAIT};
    use chat_core::{PrivateOptions, PublishOptions, SubscribeOptions};
    use photon_proto::Value;
    use std::time::Duration;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn publish(channel: &str, content: impl Into<Value>, web: bool) -> Command {
        let options = PublishOptions::new().web_forward(web);
        Command::Publish { channel: channel.into(), content: content.into(), options }
    }

    #[test]
    fn commands() {
        let options = SubscribeOptions::new();
        let private = PrivateOptions::new();
        for (line, expected) in [
            ("connect", Command::Connect { stop: false }),
            (" connect\t- ", Command::Connect { stop: true }),
            ("regions", Command::Regions),
            ("region us/*", Command::Region("us/*".into())),
            ("subscribe a,b", Command::Subscribe { channels: names(&["a", "b"]), options: options.clone() }),
            (
                "subscribe a,,b -1 7,0,-3",
                Command::Subscribe {
                    channels: names(&["a", "", "b"]),
                    options: options.clone().history(-1).last_ids([7, 0, -3]),
                },
            ),
            ("subscribe ö 0", Command::Subscribe { channels: names(&["ö"]), options: options.history(0) }),
            ("unsubscribe a,b", Command::Unsubscribe { channels: names(&["a", "b"]) }),
            ("publish a hello", publish("a", "hello", false)),
            ("publish a  two  spaces ", publish("a", " two  spaces ", false)),
            ("publish a ", publish("a", "", false)),
            ("publish-web a x", publish("a", "x", true)),
            (r#"publish a json:{"t":"short","v":-5}"#, publish("a", Value::Short(-5), false)),
            ("publish a  json:no", publish("a", " json:no", false)),
            (
                "private bob hi there",
                Command::Private { user: "bob".into(), content: "hi there".into(), options: private },
            ),
            (
                r#"private-encrypted bob json: {"t":"null"}"#,
                Command::Private { user: "bob".into(), content: Value::Null, options: private.encrypt(true) },
            ),
            ("channels", Command::Channels),
            ("stats", Command::Stats),
            ("sleep 0.25", Command::Sleep { time: Duration::from_millis(250) }),
            ("wait Error", Command::Wait { event: "Error".into(), time: WAIT, substring: None }),
            (
                "wait A 2.5 \"b c\" ",
                Command::Wait {
                    event: "A".into(),
                    time: Duration::from_millis(2500),
                    substring: Some("\"b c\"".into()),
                },
            ),
            ("wait-count A 3 1", Command::WaitCount { event: "A".into(), count: 3, time: Duration::from_secs(1) }),
            ("disconnect", Command::Disconnect),
            ("quit", Command::Quit),
        ] {
            assert_eq!(Command::parse(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn errors() {
        for (line, expected) in [
            ("", "unknown"),
            ("Connect", "unknown"),
            ("connect eu", "region"),
            ("regions all", "too much"),
            ("region", "a region is missing"),
            ("subscribe", "missing"),
            ("subscribe a many", "history"),
            ("subscribe a 1 1,x", "last id"),
            ("subscribe a 1 1 1", "too much"),
            ("subscribe a 3000000000", "range"),
            ("unsubscribe", "missing"),
            ("publish", "a channel is missing"),
            ("publish a", "a text is missing"),
            ("publish a json:{", "json"),
            (r#"publish a json:{"t":"byte","v":256}"#, "json: $"),
            ("private", "a user is missing"),
            ("private bob", "a text is missing"),
            ("sleep", "missing"),
            ("sleep -1", "seconds"),
            ("sleep NaN", "seconds"),
            ("sleep 1e300", "seconds"),
            ("wait", "missing"),
            ("wait A soon", "seconds"),
            ("wait-count A", "missing"),
            ("wait-count A -1 1", "count"),
            ("wait-count A 1", "a time is missing"),
            ("quit now", "too much"),
        ] {
            let Err(error) = Command::parse(line) else { panic!("{line}: accepted") };
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
