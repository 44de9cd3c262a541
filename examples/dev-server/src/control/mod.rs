//! The control interface: one command, one answer, each of one line. The program reads commands from
//! standard input; a test passes them to a core.

mod lists;

use crate::auth_rules::AuthRule;
use crate::auth_text::words;
use crate::core::ServerCore;
use crate::netem::ConditionsError;
use crate::settings::{SERVER_LOGIC, parse_reason};
use photon_proto::Text;

/// The form of each command, and its effect.
const COMMANDS: [(&str, &str); 18] = [
    (
        "fault FAULT [xN]",
        "switch a fault on, for the next N times if given: STEP=FAULT or an alias, see `help faults`",
    ),
    (
        "fault off [FAULT|STEP]",
        "switch a fault off, or all faults at a step, or all faults",
    ),
    ("faults", "list the faults that are on"),
    ("clear", "switch all faults off"),
    (
        "set SWITCH VALUE",
        "change a switch, see `help switches`; it applies to everything that begins later",
    ),
    ("get SWITCH", "print the value of a switch"),
    ("switches", "list all switches with their values"),
    (
        "line [CONDITIONS|off]",
        "print or change the network conditions of UDP datagrams in both directions, for example line loss=20 delay=80",
    ),
    (
        "auth RULE",
        "add an authentication rule at the end of the table",
    ),
    ("auth clear", "remove all authentication rules"),
    ("channels", "list the channels"),
    ("users", "list the users"),
    ("stats", "print counters"),
    (
        "kick USER [REASON [TEXT]]",
        "disconnect a user (in \"..\" if the id has spaces); REASON is a number or a name of `help reasons`, server-logic by default",
    ),
    (
        "publish CHANNEL TEXT",
        "publish a text in each channel of this name (in \"..\" if it has spaces), as user operator",
    ),
    (
        "restart-channel CHANNEL [keep]",
        "drop the messages of each channel of this name: ids count from 1 again. keep: its users stay in it",
    ),
    (
        "help [faults|switches|reasons]",
        "list the commands, faults, switches or reasons",
    ),
    ("quit", "stop the server"),
];

/// The result of a command of [`ServerCore::control`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ControlAnswer {
    /// One line without its end: `ok ...`, or `error ...` with the next step for the user.
    pub line: String,
    /// Whether the command stops the server.
    pub quit: bool,
}

impl ServerCore {
    /// The form of each command of [`control`](Self::control), with its effect.
    pub fn control_commands() -> impl Iterator<Item = (&'static str, &'static str)> {
        COMMANDS.into_iter()
    }

    /// Executes a command of the control interface, at the time of the last call. Like any other
    /// call, it may leave output to drain.
    ///
    /// The answer quotes names and texts of clients as Rust does, so it stays one line whatever
    /// they contain.
    ///
    /// ```
    /// use dev_server::{ServerConfig, ServerCore};
    ///
    /// let mut core = ServerCore::new(ServerConfig::new(), [1; 32]);
    /// assert_eq!(core.control("fault drop-auth-answer").line, "ok drop-auth-answer is on");
    /// assert_eq!(core.control("faults").line, "ok 2 faults: authenticate-ns=silent; authenticate-fe=silent");
    /// assert!(core.control("fault drop-everything").line.starts_with("error "));
    /// ```
    pub fn control(&mut self, line: &str) -> ControlAnswer {
        let line = line.trim();
        let (command, rest) = split(line);
        let answer = match command {
            "fault" => self.fault(rest),
            "clear" if rest.is_empty() => self.fault("off"),
            "faults" if rest.is_empty() => Ok(self.list_faults()),
            "set" => self.set(rest),
            "get" => self.get(rest),
            "switches" if rest.is_empty() => Ok(self.list_switches()),
            "line" => self.line(rest),
            "auth" => self.auth(rest),
            "channels" if rest.is_empty() => Ok(self.list_channels()),
            "users" if rest.is_empty() => Ok(self.list_users()),
            "stats" if rest.is_empty() => Ok(self.list_stats()),
            "kick" => self.kick_command(rest),
            "publish" => self.publish_command(rest),
            "restart-channel" => self.restart_command(rest),
            "help" => lists::help(rest),
            "quit" if rest.is_empty() => Ok("stopping".to_owned()),
            "" => Err("no command: write help for a list".to_owned()),
            known if COMMANDS.iter().any(|(form, _)| split(form).0 == known) => {
                Err(format!("{known} takes no arguments: write {known}"))
            }
            other => Err(format!(
                "there is no command {other:?}: write help for a list"
            )),
        };
        let line = match &answer {
            Ok(text) => format!("ok {text}"),
            Err(text) => format!("error {text}"),
        };
        // An answer repeats parts of the command, which may contain a carriage return.
        ControlAnswer {
            line: line.replace(['\r', '\n'], " "),
            quit: command == "quit" && answer.is_ok(),
        }
    }

    fn fault(&mut self, text: &str) -> Result<String, String> {
        let config = self.config_mut();
        match split(text) {
            ("", _) => Err("no fault: write fault FAULT, `help faults` lists them".to_owned()),
            ("off", "") => {
                config.clear_faults();
                Ok("all faults are off".to_owned())
            }
            ("off", fault) => match config.revoke(fault) {
                Ok(true) => Ok(format!("{fault} is off")),
                Ok(false) => Ok(format!("{fault} was not on")),
                Err(error) => Err(error.to_string()),
            },
            // The old form, `fault 2 times FAULT`, stays for scripts that use it.
            (count, rest) if split(rest).0 == "times" => {
                let fault = split(rest).1;
                let error = match count.parse::<u32>() {
                    Ok(times) if times > 0 => match config.apply(&format!("{fault} x{times}")) {
                        Ok(_) => return Ok(format!("{fault} is on, {times} times")),
                        Err(error) => error.to_string(),
                    },
                    _ => format!("{count:?} is not a number of times: write fault FAULT x3"),
                };
                Err(error)
            }
            _ => {
                config.apply(text).map_err(|error| error.to_string())?;
                Ok(format!("{text} is on"))
            }
        }
    }

    fn set(&mut self, text: &str) -> Result<String, String> {
        // `set a b` and, as on the command line, `set a=b`.
        let (name, value) = text.split_once(['=', ' ', '\t']).unwrap_or((text, ""));
        let value = value.trim();
        if name.is_empty() || value.is_empty() {
            return Err(
                "no switch or no value: write set SWITCH VALUE, `switches` lists them".to_owned(),
            );
        }
        let settings = self
            .config_mut()
            .apply(&format!("{name}={value}"))
            .map_err(|error| error.to_string())?;
        let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        Ok(settings.join("; "))
    }

    fn get(&self, name: &str) -> Result<String, String> {
        let value = self.config().switch(name);
        value
            .map(|value| format!("{name}={value}"))
            .ok_or_else(|| format!("there is no switch {name:?}: `switches` lists them"))
    }

    fn line(&mut self, text: &str) -> Result<String, String> {
        if !text.is_empty() {
            self.config_mut().conditions = text
                .parse()
                .map_err(|error: ConditionsError| error.to_string())?;
        }
        Ok(format!("line {}", self.config().conditions))
    }

    fn auth(&mut self, text: &str) -> Result<String, String> {
        let rules = &mut self.config_mut().authentication;
        match text {
            "" => {
                return Err(
                    "no rule: write auth RULE, e.g. auth params=user=alice result=ok".to_owned(),
                );
            }
            "clear" => rules.clear(),
            rule => rules.push(
                rule.parse::<AuthRule>()
                    .map_err(|error| error.to_string())?,
            ),
        }
        Ok(format!("{} authentication rules", rules.len()))
    }

    fn kick_command(&mut self, text: &str) -> Result<String, String> {
        let words = words(text).map_err(|error| error.to_string())?;
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        let (user, reason) = (word(0), word(1));
        let text = words.get(2..).unwrap_or_default().join(" ");
        if user.is_empty() {
            return Err("no user: write kick USER [REASON [TEXT]]".to_owned());
        }
        let reason = match reason {
            "" => SERVER_LOGIC,
            reason => parse_reason(reason).ok_or_else(|| {
                format!(
                    "{reason:?} is not a reason: write a number from -32768 to 32767, or a name of `help reasons`"
                )
            })?,
        };
        match self.kick(self.now, user, reason, &text) {
            0 => Err(format!(
                "there is no connection of a user {user:?}: `users` lists them"
            )),
            count => Ok(format!("{count} connections of {user:?} are ended")),
        }
    }
}

/// The sender of messages that the operator publishes.
const OPERATOR: &str = "operator";

impl ServerCore {
    fn publish_command(&mut self, text: &str) -> Result<String, String> {
        let words = words(text).map_err(|error| error.to_string())?;
        let (channel, text) = words
            .split_first()
            .filter(|(_, text)| !text.is_empty())
            .ok_or("no channel or no text: write publish CHANNEL TEXT")?;
        let (now, text) = (self.now, text.join(" "));
        let apps = self.apps_with(channel)?;
        for (app_id, app_version) in &apps {
            let app = (app_id.as_str(), app_version.as_str());
            self.publish(now, app, channel, OPERATOR, text.as_str());
        }
        Ok(format!("published in {} channels", apps.len()))
    }

    fn restart_command(&mut self, text: &str) -> Result<String, String> {
        let words = words(text).map_err(|error| error.to_string())?;
        let (channel, keep) = match words.as_slice() {
            [channel] => (channel, false),
            [channel, keep] if keep == "keep" => (channel, true),
            _ => {
                return Err(
                    "write restart-channel CHANNEL, or restart-channel CHANNEL keep".into(),
                );
            }
        };
        let now = self.now;
        let apps = self.apps_with(channel)?;
        for (app_id, app_version) in &apps {
            self.restart_channel(now, (app_id.as_str(), app_version.as_str()), channel, keep);
        }
        Ok(format!("{} channels begin again", apps.len()))
    }

    /// App ids and versions in which a channel of this name exists.
    fn apps_with(&self, channel: &str) -> Result<Vec<(Text, Text)>, String> {
        let mut all = self.channels();
        all.retain(|one| one.name == channel);
        if all.is_empty() {
            return Err(format!(
                "there is no channel {channel:?}: `channels` lists them"
            ));
        }
        let apps = all.into_iter().map(|one| (one.app_id, one.app_version));
        Ok(apps.collect())
    }
}

/// The first word, and the text after it.
fn split(text: &str) -> (&str, &str) {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (first, rest.trim())
}

#[cfg(test)]
mod tests;
