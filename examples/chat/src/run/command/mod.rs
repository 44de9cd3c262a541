//! [`Command`]: a parsed line of input. `help::RUN` documents the grammar.

mod arguments;
#[cfg(test)]
mod tests;

use super::condition::Filter;
use super::event_name;
use crate::{help, suggestion};
use arguments::{DEFAULT_WAIT, Rest, list, number, parameters, state, time};
use chat_core::{PrivateOptions, PublishOptions, State, SubscribeOptions};
use photon_proto::{Parameters, Value};
use std::time::Duration;

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
        Self::parse_rest(Rest(line)).map_err(|error| {
            let usages = help::usages(Rest(line).next().unwrap_or_default());
            let usage = if usages.is_empty() {
                String::new()
            } else {
                format!("; write {}", usages.join(" or "))
            };
            format!("{error}{usage}; photon-chat run --help explains the commands")
        })
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
                return Err(unknown(name));
            }
        };
        match rest.next() {
            None => Ok(command),
            Some(surplus) => Err(format!("{name} takes no further argument {surplus:?}")),
        }
    }
}

/// The name of a command, for `help`.
fn known_command(name: &str) -> Result<String, String> {
    if help::of_command(name).is_empty() {
        return Err(unknown(name));
    }
    Ok(name.to_owned())
}

fn unknown(name: &str) -> String {
    let commands = help::commands();
    // A command with two forms has two entries.
    let mut known: Vec<&str> = help::names(&commands).collect();
    known.dedup();
    let meant = suggestion::of(name, known.into_iter());
    let advice = meant.map_or_else(String::new, |meant| format!(": did you mean {meant}?"));
    format!("unknown command {name:?}{advice}")
}
