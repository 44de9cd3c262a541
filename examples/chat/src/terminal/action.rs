//! [`Action`]: what a line of input asks for.

use super::conversation::Target;
use crate::suggestion;
use chat_core::UserStatus;

/// The commands, as `/help` shows them.
///
/// All of them and the keys fit on a screen of 80x24: each takes one row beside the members.
pub(crate) const COMMANDS: [(&str, &str); 14] = [
    ("/join CHANNEL ..", "subscribe to channels and show them"),
    ("/part [CHANNEL]", "leave a channel, or close this tab"),
    ("/msg USER TEXT", "write a private message"),
    ("/status NAME [TEXT]", "online, away, dnd, lfg, playing .."),
    ("/friend [-]USER ..", "watch users' status, or no longer"),
    ("/prop [KEY[=TEXT]]", "show, set, remove (KEY) properties"),
    ("/region NAME", "move to another region"),
    ("/reconnect", "connect again now"),
    ("/drop", "cut the connection: see it come back"),
    ("/stats", "show counters of the connection"),
    ("/clear", "empty this conversation"),
    ("/help", "show this list and the keys"),
    ("/quit", "disconnect and leave (also Ctrl-C)"),
    ("//TEXT", "write a message that begins with /"),
];

/// The keys, as `/help` shows them.
pub(crate) const KEYS: [(&str, &str); 4] = [
    ("Ctrl-N, Ctrl-P, Alt-1..9", "next, previous, numbered tab"),
    ("PageUp, PageDown", "scroll"),
    ("Up, Down", "lines written before"),
    ("Tab", "complete a command or a name"),
];

/// The commands and the keys, a row each.
pub(crate) fn help() -> impl Iterator<Item = String> {
    let all = COMMANDS.iter().chain(&KEYS);
    all.map(|(usage, explanation)| format!("{usage}: {explanation}"))
}

/// The statuses that have a name.
const STATUSES: [UserStatus; 7] = [
    UserStatus::OFFLINE,
    UserStatus::INVISIBLE,
    UserStatus::ONLINE,
    UserStatus::AWAY,
    UserStatus::DND,
    UserStatus::LFG,
    UserStatus::PLAYING,
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
            Err(format!("/{name} needs {what}: write {}", usage_of(name)))
        } else {
            Ok(rest)
        }
    };
    // Tabs show names as #channel and @user, so that is how they are written, too.
    let names = |text: &str, sign: char| {
        let names = text.split([' ', ',']).map(|name| without(sign, name));
        let names = names.filter(|name| !name.is_empty()).map(str::to_owned);
        let names: Vec<_> = names.collect();
        if names.is_empty() {
            Err(format!("/{name} needs a name: write {}", usage_of(name)))
        } else {
            Ok(names)
        }
    };
    let channel = || match target {
        Target::Channel(channel) => Ok(channel.clone()),
        _ => Err(format!("/{name} is for channels: choose the tab of one")),
    };
    Ok(match name {
        "join" | "j" => Action::Join(names(needed("a channel")?, '#')?),
        "part" | "close" => match (rest, target) {
            ("", Target::Channel(channel)) => Action::Part(channel.clone()),
            ("", Target::Private(_)) => Action::Close,
            ("", Target::Log) => return Err("this tab stays".into()),
            (channel, _) => Action::Part(without('#', channel).to_owned()),
        },
        "msg" | "m" => {
            let (user, text) = needed("a user and a text")?
                .split_once(' ')
                .unwrap_or((rest, ""));
            let (user, text) = (without('@', user), text.trim());
            let usage = usage_of(name);
            if user.is_empty() {
                return Err(format!(
                    "the user is missing: write {usage}, as /msg bob hello"
                ));
            }
            if text.is_empty() {
                return Err(format!(
                    "the text for {user} is missing: write {usage}, as /msg {user} hello"
                ));
            }
            Action::Private {
                user: user.into(),
                text: text.into(),
            }
        }
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
                Some(users) => Action::RemoveFriends(names(users, '@')?),
                None => Action::AddFriends(names(users, '@')?),
            }
        }
        "prop" | "props" => {
            let channel = channel()?;
            if rest.is_empty() {
                return Ok(Action::ShowProperties(channel));
            }
            let (key, value) = match rest.split_once('=') {
                Some((key, value)) => (key.trim(), Some(value.trim())),
                None => (rest, None),
            };
            // `topic rust` means `topic=rust`, and not to remove a property of that name.
            if key.is_empty() || (value.is_none() && key.contains(' ')) {
                return Err(
                    "write /prop KEY=TEXT to set a property, /prop KEY to remove it".into(),
                );
            }
            Action::SetProperty {
                channel,
                key: key.into(),
                value: value.map(str::to_owned),
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
            let known = COMMANDS.iter().map(|(usage, _)| command_of(usage));
            let known = known.map(|command| command.trim_start_matches('/'));
            let advice = match suggestion::of(name, known) {
                Some(meant) => format!("did you mean /{meant}?"),
                None => "/help lists them;".into(),
            };
            return Err(format!(
                "there is no command /{name}: {advice} //{name} sends it as text"
            ));
        }
    })
}

/// The name as the server knows it. A name that begins with the sign itself needs it twice.
fn without(sign: char, name: &str) -> &str {
    name.strip_prefix(sign).unwrap_or(name)
}

/// How a command is written: `/msg USER TEXT`. A short form of it is shown as the long one.
fn usage_of(name: &str) -> &'static str {
    let long = match name {
        "j" => "join",
        "m" => "msg",
        "friends" => "friend",
        "props" => "prop",
        name => name,
    };
    let mut usages = COMMANDS.iter().map(|(usage, _)| *usage);
    let is_meant = |usage: &&str| command_of(usage).strip_prefix('/') == Some(long);
    usages.find(is_meant).unwrap_or("/help lists the commands")
}

/// The command of a usage, with its slash.
fn command_of(usage: &str) -> &str {
    usage.split(' ').next().unwrap_or(usage)
}

/// The commands, as Tab completes them.
pub(crate) fn command_names() -> impl Iterator<Item = String> {
    let commands = COMMANDS.iter().map(|(usage, _)| command_of(usage));
    commands.filter(|name| *name != "//TEXT").map(str::to_owned)
}

/// The names of statuses, as `/status` accepts them.
pub(crate) fn status_names() -> impl Iterator<Item = String> {
    STATUSES.iter().map(|status| status.name().to_lowercase())
}

fn status_named(name: &str) -> Result<UserStatus, String> {
    let found = STATUSES
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
            ("/part #a", &ada, Action::Part("a".into())),
            (
                "/join #a, ##b #",
                &lobby,
                Action::Join(vec!["a".into(), "#b".into()]),
            ),
            (
                "/friend -@bob",
                &ada,
                Action::RemoveFriends(vec!["bob".into()]),
            ),
            (
                "/msg @bob hi",
                &lobby,
                Action::Private {
                    user: "bob".into(),
                    text: "hi".into(),
                },
            ),
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
            ("/re", "/help lists them"),
            ("/jo", "did you mean /join?"),
            ("/joim", "did you mean /join?"),
            ("/joiin a", "did you mean /join?"),
            ("/jin a", "did you mean /join?"),
            (
                "/msg bob",
                "the text for bob is missing: write /msg USER TEXT",
            ),
            ("/m bob", "/msg bob hello"),
            ("/msg", "needs a user and a text: write /msg USER TEXT"),
            ("/m", "/msg USER TEXT"),
            ("/join", "a channel: write /join CHANNEL .."),
            ("/join ,", "/join CHANNEL"),
            ("/friend -", "/friend [-]USER"),
            ("/msg @ hi", "/msg USER TEXT"),
            ("/status sleepy", "online, away"),
            ("/prop k=v", "choose the tab"),
            ("/part", "stays"),
        ] {
            let error = parse(line, &Target::Log).unwrap().unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn a_property_needs_a_key_and_an_equals_sign() {
        let lobby = Target::Channel("lobby".into());
        for line in ["/prop topic rust", "/prop =rust", "/prop ="] {
            let error = parse(line, &lobby).unwrap().unwrap_err();
            assert!(error.contains("/prop KEY=TEXT"), "{line}: {error}");
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
