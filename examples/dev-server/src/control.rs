//! The control interface: one command, one answer, each of one line. What the program reads on standard input, and what
//! a test can say to a core.

use std::fmt::Write;

use crate::auth_text::words;
use crate::authentication::AuthRule;
use crate::config::ServerConfig;
use crate::core::ServerCore;
use crate::fault_names::{self, SERVER_LOGIC};
use crate::fault_spec::FaultSpec;
use crate::netem::ConditionsError;

/// How each command is written, and what it does.
const COMMANDS: [(&str, &str); 16] = [
    (
        "fault [N times] FAULT",
        "switch a fault on: STEP=FAULT or a short name, see `help faults`; for the next N times",
    ),
    (
        "fault off [FAULT|STEP]",
        "switch a fault off, or everything at a step, or all faults",
    ),
    ("faults", "list the faults that are on"),
    ("clear", "the same as fault off: all faults"),
    (
        "set SWITCH VALUE",
        "change a setting; counts for what begins after it",
    ),
    ("get SWITCH", "show a setting"),
    ("switches", "show all settings"),
    (
        "line [CONDITIONS|off]",
        "show or change what a bad line does to UDP datagrams, in both directions, for example line loss=20 delay=80",
    ),
    (
        "auth RULE",
        "add an authentication rule at the end of the table",
    ),
    ("auth clear", "drop all authentication rules"),
    ("channels", "list the channels"),
    ("users", "list the users"),
    ("stats", "show what the server holds and has counted"),
    (
        "kick USER [REASON [TEXT]]",
        "end all connections of a user (with \"..\" around an id that has spaces); REASON is a number or a name of `help reasons`, server-logic unless given",
    ),
    (
        "help [faults|switches|reasons]",
        "list commands, faults, settings or disconnect reasons",
    ),
    ("quit", "stop the server"),
];

/// What a command of [`ServerCore::control`] brought.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ControlAnswer {
    /// One line without its end: `ok ...`, or `error ...: what to do`.
    pub line: String,
    /// The server is to be stopped.
    pub quit: bool,
}

impl ServerCore {
    /// How each command of [`control`](Self::control) is written, with what it does.
    pub fn control_commands() -> impl Iterator<Item = (&'static str, &'static str)> {
        COMMANDS.into_iter()
    }

    /// Carries out a command of the control interface, at the time of the last call. Like any other call, it may give the
    /// driver something to drain.
    ///
    /// Names and texts in the answer that clients chose are quoted as Rust quotes them, so an answer is one line
    /// whatever they are.
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
            "switches" if rest.is_empty() => Ok(list_switches(self.config())),
            "line" => self.line(rest),
            "auth" => self.auth(rest),
            "channels" if rest.is_empty() => Ok(self.list_channels()),
            "users" if rest.is_empty() => Ok(self.list_users()),
            "stats" if rest.is_empty() => Ok(self.list_stats()),
            "kick" => self.kick_command(rest),
            "help" => help(rest),
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
        // What people write comes back in answers, and could contain anything but a line's end.
        ControlAnswer {
            line: line.replace(['\r', '\n'], " "),
            quit: command == "quit" && answer.is_ok(),
        }
    }

    fn fault(&mut self, text: &str) -> Result<String, String> {
        match split(text) {
            ("", _) => Err("no fault: write fault FAULT, `help faults` lists them".to_owned()),
            ("off", "") => {
                self.config_mut().switch_faults_off();
                Ok("all faults are off".to_owned())
            }
            ("off", what) => match self.config_mut().switch_fault_off(what) {
                Ok(true) => Ok(format!("{what} is off")),
                Ok(false) => Ok(format!("{what} was not on")),
                Err(error) => Err(error.to_string()),
            },
            (count, rest) if split(rest).0 == "times" => {
                let times = count.parse().ok().filter(|times| *times > 0);
                let times = times.ok_or_else(|| {
                    format!("{count:?} is no number of times: write fault 3 times FAULT")
                })?;
                let fault = split(rest).1;
                self.config_mut()
                    .switch_fault_on(fault, Some(times))
                    .map_err(|error| error.to_string())?;
                Ok(format!("{fault} is on, {times} times"))
            }
            _ => {
                self.config_mut()
                    .switch_fault_on(text, None)
                    .map_err(|error| error.to_string())?;
                Ok(format!("{text} is on"))
            }
        }
    }

    fn list_faults(&self) -> String {
        let mut all: Vec<String> = self
            .config()
            .faults
            .active()
            .map(|(step, fault, left)| {
                let spec = FaultSpec {
                    step,
                    fault: fault.clone(),
                };
                left.map_or_else(|| spec.to_string(), |left| format!("{spec} ({left} times)"))
            })
            .collect();
        if self.config().delay_ms > 0 {
            all.push(format!("delay {}", self.config().delay_ms));
        }
        listed("faults", &all)
    }

    fn set(&mut self, text: &str) -> Result<String, String> {
        // `set a=b` is what the command line says.
        let (name, value) = text.split_once(['=', ' ', '\t']).unwrap_or((text, ""));
        if name.is_empty() || value.trim().is_empty() {
            return Err(
                "no switch or no value: write set SWITCH VALUE, `switches` lists them".to_owned(),
            );
        }
        self.config_mut()
            .set_switch(name, value.trim())
            .map_err(|error| {
                format!(
                    "{error}{}",
                    if find(name) {
                        ""
                    } else {
                        ": `switches` lists them"
                    }
                )
            })?;
        Ok(format!(
            "{name}={}",
            self.config().switch(name).unwrap_or_default()
        ))
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

    fn list_channels(&self) -> String {
        let all: Vec<String> = self
            .channels()
            .iter()
            .map(|one| {
                let users: Vec<String> = one
                    .subscribers
                    .iter()
                    .map(|user| format!("{:?}", user.as_str()))
                    .collect();
                format!(
                    "{:?} app={:?} version={:?} last-id={} kept={} users=[{}]",
                    one.name.as_str(),
                    one.app_id.as_str(),
                    one.app_version.as_str(),
                    one.last_id,
                    one.history,
                    users.join(", ")
                )
            })
            .collect();
        listed("channels", &all)
    }

    fn list_users(&self) -> String {
        let all: Vec<String> = self
            .users()
            .iter()
            .map(|one| {
                format!(
                    "{:?} app={:?} version={:?} connections={} channels={} friends={} status={}",
                    one.user_id.as_str(),
                    one.app_id.as_str(),
                    one.app_version.as_str(),
                    one.connections,
                    one.channels,
                    one.friends,
                    one.status
                )
            })
            .collect();
        listed("users", &all)
    }

    fn list_stats(&self) -> String {
        let stats = self.stats();
        let mut line = String::from("stats:");
        for (name, value) in [
            ("connections", stats.connections as u64),
            ("users", stats.users as u64),
            ("channels", stats.channels as u64),
            ("conversations", stats.conversations as u64),
            ("history-bytes", stats.history_bytes as u64),
            ("accepted", stats.accepted),
            ("logins", stats.logins),
            ("sessions", stats.sessions),
            ("messages", stats.messages),
            ("private-messages", stats.private_messages),
            ("events", stats.events),
            ("bad-messages", stats.bad_messages),
            ("bad-connections", stats.bad_connections),
            ("overrun-connections", stats.overrun_connections),
            ("silent-connections", stats.silent_connections),
            ("half-open", stats.half_open as u64),
            ("expired", stats.expired),
            ("displaced", stats.displaced),
            ("strangers", stats.strangers),
            ("replaced", stats.replaced),
            ("refused", stats.refused),
            ("downgraded", stats.downgraded),
        ] {
            let _ = write!(line, " {name}={value}");
        }
        line
    }

    fn kick_command(&mut self, text: &str) -> Result<String, String> {
        let words = words(text).map_err(|error| error.to_string())?;
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        let (user, reason, text) = (
            word(0),
            word(1),
            words.get(2..).unwrap_or_default().join(" "),
        );
        if user.is_empty() {
            return Err("no user: write kick USER [REASON [TEXT]]".to_owned());
        }
        let known = fault_names::reasons()
            .find(|(name, _)| *name == reason)
            .map(|(_, code)| code);
        let reason = match (reason, known) {
            ("", _) => SERVER_LOGIC,
            (_, Some(code)) => code,
            (number, None) => number.parse::<i16>().map_err(|_| {
                format!("{number:?} is no reason: write a number from -32768 to 32767, or a name of `help reasons`")
            })?,
        };
        match self.kick(self.now, user, reason, &text) {
            0 => Err(format!(
                "no connection of a user {user:?}: `users` lists them"
            )),
            count => Ok(format!("{count} connections of {user:?} are ended")),
        }
    }
}

/// The first word, and what comes after it.
fn split(text: &str) -> (&str, &str) {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (first, rest.trim())
}

fn find(name: &str) -> bool {
    ServerConfig::switches().any(|(known, _)| known == name)
}

fn listed(what: &str, all: &[String]) -> String {
    if all.is_empty() {
        format!("0 {what}")
    } else {
        format!("{} {what}: {}", all.len(), all.join("; "))
    }
}

fn list_switches(config: &ServerConfig) -> String {
    let all: Vec<String> = ServerConfig::switches()
        .map(|(name, _)| format!("{name}={}", config.switch(name).unwrap_or_default()))
        .collect();
    listed("switches", &all)
}

fn help(about: &str) -> Result<String, String> {
    let all: Vec<String> = match about {
        "" => COMMANDS
            .iter()
            .map(|(form, _)| (*form).to_owned())
            .collect(),
        "faults" => {
            let steps = FaultSpec::step_names().collect::<Vec<_>>().join(" ");
            let faults = FaultSpec::fault_forms().collect::<Vec<_>>().join(" ");
            let names = ServerConfig::fault_names().map(str::to_owned);
            names
                .chain([format!(
                    "or STEP=FAULT with steps: {steps}, and faults: {faults}"
                )])
                .collect()
        }
        "switches" => ServerConfig::switches()
            .map(|(name, form)| format!("{name} {form}"))
            .collect(),
        "reasons" => fault_names::reasons()
            .map(|(name, code)| format!("{name} {code}"))
            .collect(),
        other => {
            return Err(format!(
                "there is no help about {other:?}: write help, or help faults|switches|reasons"
            ));
        }
    };
    Ok(all.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core() -> ServerCore {
        ServerCore::new(ServerConfig::new(), [9; 32])
    }

    #[test]
    fn commands_change_what_they_say() {
        let mut core = core();
        for (command, answer) in [
            ("faults", "ok 0 faults"),
            ("fault drop-auth-answer ns", "ok drop-auth-answer ns is on"),
            (
                "fault 2 times publish=refuse:32743:slow down",
                "ok publish=refuse:32743:slow down is on, 2 times",
            ),
            ("fault delay 7", "ok delay 7 is on"),
            (
                "faults",
                "ok 3 faults: authenticate-ns=silent; publish=refuse:32743:slow down (2 times); delay 7",
            ),
            ("fault off publish", "ok publish is off"),
            ("fault off hook-says-no", "ok hook-says-no was not on"),
            ("clear", "ok all faults are off"),
            ("faults", "ok 0 faults"),
            ("set grace-ms 500", "ok grace-ms=500"),
            ("set properties=on", "ok properties=on"),
            ("get grace-ms", "ok grace-ms=500"),
            ("set line-loss 2.5", "ok line-loss=2.5"),
            (
                "line",
                "ok line loss=2.5 duplicate=0 delay=0 jitter=0 corrupt=0",
            ),
            (
                "line delay=80 jitter=30",
                "ok line loss=0 duplicate=0 delay=80 jitter=30 corrupt=0",
            ),
            (
                "line off",
                "ok line loss=0 duplicate=0 delay=0 jitter=0 corrupt=0",
            ),
            (
                "auth params=user=alice result=ok",
                "ok 1 authentication rules",
            ),
            ("auth clear", "ok 0 authentication rules"),
            ("channels", "ok 0 channels"),
            ("users", "ok 0 users"),
            ("  quit  ", "ok stopping"),
        ] {
            assert_eq!(core.control(command).line, answer, "{command}");
        }
        assert_eq!(
            (core.config().grace_ms, core.config().properties),
            (500, true)
        );
        assert!(core.control("switches").line.contains("; grace-ms=500; "));
        assert!(
            core.control("stats")
                .line
                .starts_with("ok stats: connections=0 users=0 ")
        );
    }

    #[test]
    fn every_command_is_helped_and_wrong_ones_say_what_to_do() {
        let mut core = core();
        for about in ["", " faults", " switches", " reasons"] {
            assert!(
                core.control(&format!("help{about}"))
                    .line
                    .starts_with("ok "),
                "{about}"
            );
        }
        for (form, _) in ServerCore::control_commands() {
            assert!(core.control("help").line.contains(form));
            assert!(
                !core
                    .control(split(form).0)
                    .line
                    .contains("there is no command"),
                "{form}"
            );
        }
        for (command, part) in [
            ("", "write help"),
            ("halt", "there is no command \"halt\": write help"),
            ("faults all", "faults takes no arguments: write faults"),
            ("quit now", "write quit"),
            ("fault", "write fault FAULT"),
            ("fault nonsense", "there is no fault called \"nonsense\""),
            ("fault 0 times publish=silent", "write fault 3 times FAULT"),
            ("fault 2 times", "there is no fault called \"\""),
            (
                "fault off nonsense",
                "there is no fault called \"nonsense\"",
            ),
            ("set", "write set SWITCH VALUE"),
            ("set grace-ms", "write set SWITCH VALUE"),
            ("set grace 1", "`switches` lists them"),
            ("set grace-ms x", "write N"),
            ("get x", "`switches` lists them"),
            ("line loss", "write loss=PERCENT"),
            ("line loss=x", "write a number from 0 to 100"),
            ("auth", "write auth RULE"),
            ("auth result=x", "write ok or refused"),
            ("kick", "write kick USER"),
            ("kick bob soon", "write a number"),
            ("kick bob", "`users` lists them"),
            ("help me", "write help"),
        ] {
            let answer = core.control(command);
            assert!(
                answer.line.starts_with("error ") && answer.line.contains(part),
                "{command}: {}",
                answer.line
            );
            assert!(!answer.quit && !answer.line.contains('\n'));
        }
    }
}
