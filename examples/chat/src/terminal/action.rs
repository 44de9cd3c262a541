//! [`Action`]: what a line of input asks for.

use super::conversation::Target;
use chat_core::UserStatus;

/// The commands, as `/help` shows them.
pub(crate) const COMMANDS: [(&str, &str); 14] = [
    ("/join CHANNEL ..", "subscribe to channels and show them"),
    ("/part [CHANNEL]", "unsubscribe, or close this conversation"),
    ("/msg USER TEXT", "write a private message"),
    (
        "/status NAME [TEXT]",
        "online, away, dnd, lfg, playing, invisible, or a number",
    ),
    (
        "/friend [-]USER ..",
        "watch the status of users, or (-) no longer",
    ),
    (
        "/prop [KEY[=TEXT]]",
        "show, set or (KEY alone) remove properties of the channel",
    ),
    ("/region NAME", "move to another region"),
    ("/reconnect", "connect again now"),
    ("/drop", "cut the connection, to see the client come back"),
    ("/stats", "show counters of the connection"),
    ("/clear", "empty this conversation"),
    ("/help", "show this list and the keys"),
    ("/quit", "disconnect and leave (also Ctrl-C)"),
    ("//TEXT", "write a message that begins with /"),
];

/// The keys, as `/help` shows them.
pub(crate) const KEYS: [(&str, &str); 4] = [
    (
        "Ctrl-N, Ctrl-P, Alt-1 to Alt-9",
        "the next, previous, first to ninth tab",
    ),
    ("PageUp, PageDown", "scroll"),
    ("Up, Down", "lines written before"),
    ("Tab", "complete a command or a name"),
];

/// Something that the session or the program has to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Join(Vec<String>),
    /// Unsubscribe from a channel.
    Part(String),
    Publish {
        channel: String,
        text: String,
    },
    Private {
        user: String,
        text: String,
    },
    Status {
        status: UserStatus,
        text: Option<String>,
    },
    AddFriends(Vec<String>),
    RemoveFriends(Vec<String>),
    ShowProperties(String),
    SetProperty {
        channel: String,
        key: String,
        value: Option<String>,
    },
    Region(String),
    Reconnect,
    Drop,
    Stats,
    Quit,
    // These change the screen alone.
    Close,
    Clear,
    Help,
}

/// Parses a line that was written in a conversation with `target`. `None` for an empty line.
pub(crate) fn parse(line: &str, target: &Target) -> Option<Result<Action, String>> {
    let line = line.trim();
    if line.is_empty() {
        return None;
    }
    let text = match line.strip_prefix('/') {
        Some(rest) if rest.starts_with('/') => rest,
        Some(command) => return Some(parse_command(command, target)),
        None => line,
    };
    let text = text.to_owned();
    Some(match target.clone() {
        Target::Channel(channel) => Ok(Action::Publish { channel, text }),
        Target::Private(user) => Ok(Action::Private { user, text }),
        Target::Log => {
            Err("nobody reads this tab: choose another with Ctrl-N, or /join CHANNEL".into())
        }
    })
}

fn parse_command(command: &str, target: &Target) -> Result<Action, String> {
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    let rest = rest.trim();
    let needed = |what: &str| -> Result<&str, String> {
        if rest.is_empty() {
            Err(format!("/{name} needs {what}"))
        } else {
            Ok(rest)
        }
    };
    let names = |text: &str| {
        text.split([' ', ','])
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let channel = || match target {
        Target::Channel(channel) => Ok(channel.clone()),
        _ => Err(format!("/{name} is for channels: choose the tab of one")),
    };
    Ok(match name {
        "join" | "j" => Action::Join(names(needed("a channel")?)),
        "part" | "close" => match (rest, target) {
            ("", Target::Channel(channel)) => Action::Part(channel.clone()),
            ("", Target::Private(_)) => Action::Close,
            ("", Target::Log) => return Err("this tab stays".into()),
            (channel, _) => Action::Part(channel.to_owned()),
        },
        "msg" | "m" => match needed("a user and a text")?.split_once(' ') {
            Some((user, text)) => Action::Private {
                user: user.into(),
                text: text.trim().into(),
            },
            None => return Err(format!("the text is missing: /msg {rest} hello")),
        },
        "status" => {
            let (status, text) = needed("a status: online, away, dnd, lfg, playing, invisible")?
                .split_once(' ')
                .unwrap_or((rest, ""));
            let text = text.trim();
            Action::Status {
                status: status_named(status)?,
                text: (!text.is_empty()).then(|| text.into()),
            }
        }
        "friend" | "friends" => {
            let users = needed("a user; -USER removes one")?;
            match users.strip_prefix('-') {
                Some(users) => Action::RemoveFriends(names(users)),
                None => Action::AddFriends(names(users)),
            }
        }
        "prop" | "props" => {
            let channel = channel()?;
            match (rest, rest.split_once('=')) {
                ("", _) => Action::ShowProperties(channel),
                (_, Some((key, value))) => Action::SetProperty {
                    channel,
                    key: key.trim().into(),
                    value: Some(value.trim().into()),
                },
                (key, None) => Action::SetProperty {
                    channel,
                    key: key.into(),
                    value: None,
                },
            }
        }
        "region" => Action::Region(needed("a region, for example us")?.to_owned()),
        "reconnect" => Action::Reconnect,
        "drop" => Action::Drop,
        "stats" => Action::Stats,
        "clear" => Action::Clear,
        "help" | "h" | "?" => Action::Help,
        "quit" | "q" | "exit" => Action::Quit,
        _ => {
            return Err(format!(
                "there is no command /{name}: /help lists them; //{name} sends it as text"
            ));
        }
    })
}

fn status_named(name: &str) -> Result<UserStatus, String> {
    const NAMED: [UserStatus; 7] = [
        UserStatus::OFFLINE,
        UserStatus::INVISIBLE,
        UserStatus::ONLINE,
        UserStatus::AWAY,
        UserStatus::DND,
        UserStatus::LFG,
        UserStatus::PLAYING,
    ];
    let found = NAMED
        .into_iter()
        .find(|status| status.name().eq_ignore_ascii_case(name));
    found.or_else(|| name.parse().ok().map(UserStatus::new)).ok_or_else(|| {
        format!("there is no status {name:?}: use online, away, dnd, lfg, playing, invisible, or a number")
    })
}

#[cfg(test)]
mod tests {
    use super::{Action, COMMANDS, parse};
    use crate::terminal::conversation::Target;
    use chat_core::UserStatus;

    #[test]
    fn lines_become_actions() {
        let lobby = Target::Channel("lobby".into());
        let ada = Target::Private("ada".into());
        let publish = |text: &str| Action::Publish {
            channel: "lobby".into(),
            text: text.into(),
        };
        let set = |value: Option<&str>| Action::SetProperty {
            channel: "lobby".into(),
            key: "k".into(),
            value: value.map(str::to_owned),
        };
        for (line, target, expected) in [
            ("hello there ", &lobby, publish("hello there")),
            ("//me", &lobby, publish("/me")),
            (
                "hi",
                &ada,
                Action::Private {
                    user: "ada".into(),
                    text: "hi".into(),
                },
            ),
            (
                "/msg bob two  words",
                &lobby,
                Action::Private {
                    user: "bob".into(),
                    text: "two  words".into(),
                },
            ),
            (
                "/join a,b c",
                &lobby,
                Action::Join(vec!["a".into(), "b".into(), "c".into()]),
            ),
            ("/part", &lobby, Action::Part("lobby".into())),
            ("/part a b", &ada, Action::Part("a b".into())),
            ("/part", &ada, Action::Close),
            (
                "/status away at lunch",
                &ada,
                Action::Status {
                    status: UserStatus::AWAY,
                    text: Some("at lunch".into()),
                },
            ),
            (
                "/status 77",
                &ada,
                Action::Status {
                    status: UserStatus::new(77),
                    text: None,
                },
            ),
            (
                "/friend bob eve",
                &ada,
                Action::AddFriends(vec!["bob".into(), "eve".into()]),
            ),
            (
                "/friend -bob",
                &ada,
                Action::RemoveFriends(vec!["bob".into()]),
            ),
            ("/prop", &lobby, Action::ShowProperties("lobby".into())),
            ("/prop k = v", &lobby, set(Some("v"))),
            ("/prop k", &lobby, set(None)),
            ("/region us", &ada, Action::Region("us".into())),
            ("/quit", &ada, Action::Quit),
        ] {
            assert_eq!(parse(line, target), Some(Ok(expected)), "{line}");
        }
        assert_eq!(parse("  ", &lobby), None);
    }

    #[test]
    fn errors_explain_what_to_do() {
        for (line, expected) in [
            ("hello", "/join CHANNEL"),
            ("/dance", "/help lists them"),
            ("/msg bob", "/msg bob hello"),
            ("/join", "a channel"),
            ("/status sleepy", "online, away"),
            ("/prop k=v", "choose the tab"),
            ("/part", "stays"),
        ] {
            let error = parse(line, &Target::Log).unwrap().unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn every_command_of_the_help_is_known() {
        for (usage, _) in COMMANDS {
            let name = usage.split(' ').next().unwrap();
            let error = parse(name, &Target::Channel("a".into()))
                .unwrap()
                .err()
                .unwrap_or_default();
            assert!(!error.contains("no command"), "{name}: {error}");
        }
    }
}
