//! [`Rest`]: the arguments of a command, taken from its line one by one.

use crate::run::condition::{Condition, Filter};
use chat_core::{State, SubscribeOptions};
use photon_inspect::notation;
use photon_proto::{Parameters, Value};
use serde_json::{Deserializer, Value as Json, json};
use std::time::Duration;

/// The timeout of a `wait` that does not name one.
pub(super) const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// The part of a line that is not parsed yet.
pub(super) struct Rest<'a>(pub(super) &'a str);

impl<'a> Rest<'a> {
    pub(super) fn next(&mut self) -> Option<&'a str> {
        let line = self.0.trim_start();
        let (word, rest) = line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()));
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }

    pub(super) fn needed(&mut self, what: &str) -> Result<&'a str, String> {
        self.next().ok_or_else(|| format!("{what} is missing"))
    }

    pub(super) fn trimmed(&self) -> &'a str {
        self.0.trim()
    }

    /// The rest as the content of a message: everything after one separator, or a tagged value.
    pub(super) fn content(&self) -> Result<Value, String> {
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
    pub(super) fn filter(&mut self) -> Result<(Duration, Filter), String> {
        let (mut wait, mut conditions) = (None, Vec::new());
        while !self.trimmed().is_empty() {
            let line = self.0.trim_start();
            if let Some(condition) = Condition::take(line) {
                let (condition, rest) = condition?;
                conditions.push(condition);
                self.0 = rest;
            } else if wait.is_none() {
                let word = self.next().unwrap_or_default();
                wait = Some(time(word).map_err(|_| {
                    format!(
                        "{word:?} is neither a time in seconds nor FIELD=VALUE, such as sender=bob"
                    )
                })?);
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

    pub(super) fn status(&mut self) -> Result<i32, String> {
        number(self.needed("a status")?, "status")
    }

    /// `publish=true|false` and `max=N`, in any order.
    pub(super) fn creation_options(&mut self) -> Result<SubscribeOptions, String> {
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
    pub(super) fn properties(&mut self) -> Result<Vec<(Value, Value)>, String> {
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
pub(super) fn parameters(text: &str) -> Result<Parameters, String> {
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

pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

pub(super) fn number<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{what} {text:?} is not a number, or is out of range"))
}

/// A state by its documented name, in any case.
pub(super) fn state(name: &str) -> Result<State, String> {
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

pub(super) fn time(text: &str) -> Result<Duration, String> {
    command_line::parse_seconds(text)
}
