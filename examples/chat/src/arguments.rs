//! The command line.

use crate::demo::Options as DemoOptions;
use crate::help;
use crate::run::Options as RunOptions;
use crate::settings::{self, Settings, Sources};
use crate::terminal::{Options as TerminalOptions, default_channels};
use chat_core::Restore;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches};
use command_line::{LevelFilter, error_of_clap, parse_log_level, parse_seconds};
use dev_server::netem::Percent;
use dev_server::{SubProtocol, Transport};
use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// The parsed command line.
#[derive(Debug)]
pub(crate) enum Command {
    /// Without a command.
    Terminal(Box<TerminalOptions>),
    Demo(Box<DemoOptions>),
    Run(Box<RunOptions>),
    Print(String),
}

/// Parses the arguments after the program's name.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<Command, String> {
    let arguments = arguments.into_iter().map(Into::into);
    let all = std::iter::once(OsString::from(crate::NAME)).chain(arguments);
    let matches = match program().try_get_matches_from(all) {
        Ok(matches) => matches,
        Err(error) => return refused(&error),
    };
    match matches.subcommand() {
        None => parse_terminal(&matches).map(|options| Command::Terminal(Box::new(options))),
        Some(("demo", matches)) => {
            parse_demo(matches).map(|options| Command::Demo(Box::new(options)))
        }
        Some((_, matches)) => parse_run(matches).map(|options| Command::Run(Box::new(options))),
    }
}

/// The texts of `--help` are written by hand, because they explain more than options.
fn program() -> clap::Command {
    let command = |name: &'static str, help: &'static str| {
        // The last one counts, so that a script can add to a line that it was given.
        clap::Command::new(name)
            .override_help(help)
            .args_override_self(true)
            .disable_help_subcommand(true)
    };
    let level = || option("log-level", parse_log_level);
    let demo = command("demo", help::DEMO)
        .arg(option("transport", parsed::<Transport>))
        .arg(option("protocol", parsed::<SubProtocol>))
        .arg(flag("all"))
        .arg(flag("crc"))
        .args(["loss", "duplicate", "corrupt"].map(|name| option(name, parsed::<Percent>)))
        .args(["delay", "jitter"].map(|name| {
            option(name, |text| {
                number::<u64>(text, "a whole number of milliseconds")
            })
        }))
        .arg(option("seed", |text| {
            number::<u64>(text, "a number from 0 to 2^64-1")
        }))
        .arg(level());
    let run = command("run", help::RUN)
        .args(settings::options())
        .args(["restore", "confirm", "strict"].map(flag))
        .arg(option("queue-bytes", |text| {
            number::<usize>(text, "a number of bytes")
        }))
        .arg(option("max-seconds", parse_seconds))
        .arg(level());
    command(crate::NAME, help::PROGRAM)
        .version(env!("CARGO_PKG_VERSION"))
        .args(settings::options())
        .arg(level())
        .subcommand(demo)
        .subcommand(run)
}

fn flag(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

fn option<T: Clone + Send + Sync + 'static>(
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
) -> Arg {
    // A negative number is a wrong value and not an unknown option.
    Arg::new(name)
        .long(name)
        .allow_hyphen_values(true)
        .value_parser(move |text: &str| parse(text))
}

fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn number<T: FromStr>(text: &str, accepted: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not {accepted}"))
}

/// A help that was asked for, or the error of clap without its repetition of the usage.
fn refused(error: &clap::Error) -> Result<Command, String> {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Command::Print(text)),
        kind => {
            let text = error_of_clap(&text);
            let advice = match kind {
                ErrorKind::InvalidSubcommand => {
                    "\n  use demo or run, or no command for the terminal chat"
                }
                _ => "",
            };
            Err(format!("{text}{advice}"))
        }
    }
}

/// The chosen level. A client reports events by itself, so that a log is off.
fn level(matches: &ArgMatches) -> LevelFilter {
    let level = matches.get_one("log-level").copied();
    level.unwrap_or(LevelFilter::Off)
}

fn parse_terminal(matches: &ArgMatches) -> Result<TerminalOptions, String> {
    let sources = Sources::read(matches, true)?;
    let has_server = sources.get("server").is_some();
    let user = sources.get("user").unwrap_or_else(user_name);
    let channels = match sources.get("channel") {
        Some(names) => names
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        None => default_channels(),
    };
    let settings = if has_server {
        let mut settings = Settings::of(&sources)?;
        // A server would choose a name that nobody knows, and another one next time.
        settings.config = settings.config.user_id(user.as_str());
        Some(settings)
    } else if let Some(option) = sources.option_for_a_server() {
        return Err(format!(
            "--{option} is for a server: add --server, for example --server ns.photonengine.io for the cloud; \
             without it a development server runs in this program"
        ));
    } else {
        None
    };
    Ok(TerminalOptions {
        settings,
        transport: sources.transport()?.unwrap_or(Transport::Udp),
        user,
        channels,
        log_level: level(matches),
    })
}

/// The name of the user of this machine, so that nothing has to be chosen for a first try.
fn user_name() -> String {
    let of = |variable| {
        env::var(variable)
            .ok()
            .filter(|name| !name.trim().is_empty())
    };
    let name = of("USER").or_else(|| of("USERNAME"));
    name.map_or_else(|| "guest".into(), |name| name.trim().to_owned())
}

fn parse_demo(matches: &ArgMatches) -> Result<DemoOptions, String> {
    let defaults = DemoOptions::default();
    let mut options = DemoOptions {
        transport: matches
            .get_one("transport")
            .copied()
            .unwrap_or(defaults.transport),
        protocol: matches
            .get_one("protocol")
            .copied()
            .unwrap_or(defaults.protocol),
        all: matches.get_flag("all"),
        crc: matches.get_flag("crc"),
        seed: matches.get_one("seed").copied(),
        log_level: level(matches),
        ..defaults
    };
    let conditions = &mut options.conditions;
    for (name, condition) in [
        ("loss", &mut conditions.loss),
        ("duplicate", &mut conditions.duplicate),
        ("corrupt", &mut conditions.corrupt),
    ] {
        *condition = matches.get_one(name).copied().unwrap_or(*condition);
    }
    for (name, condition) in [
        ("delay", &mut conditions.delay_ms),
        ("jitter", &mut conditions.jitter_ms),
    ] {
        *condition = matches.get_one(name).copied().unwrap_or(*condition);
    }
    let simulates = options.crc || !options.conditions.is_clear();
    if options.transport != Transport::Udp && simulates {
        return Err("--crc and network conditions apply to UDP only: use --transport udp".into());
    }
    if !options.all && !options.transport.carries(options.protocol) {
        return Err("JSON is available over WebSocket only: use --transport wss or ws".into());
    }
    Ok(options)
}

fn parse_run(matches: &ArgMatches) -> Result<RunOptions, String> {
    let Settings {
        mut config,
        tls,
        region,
        ..
    } = Settings::of(&Sources::read(matches, false)?)?;
    let queue_cap_bytes = matches.get_one::<usize>("queue-bytes").copied();
    if matches.get_flag("restore") {
        config = config.restore(Restore::new().queue_cap_bytes(queue_cap_bytes.unwrap_or(0)));
    } else if queue_cap_bytes.is_some() {
        return Err(
            "--queue-bytes needs --restore: only a client that comes back has a queue".into(),
        );
    }
    if matches.get_flag("confirm") {
        config = config.confirm_messages(true);
    }
    Ok(RunOptions {
        config,
        tls,
        region,
        max: matches.get_one::<Duration>("max-seconds").copied(),
        strict: matches.get_flag("strict"),
        log_level: level(matches),
    })
}

#[cfg(test)]
mod tests {
    use super::{Command, parse};
    use crate::help;
    use dev_server::Transport;
    use std::time::Duration;

    fn line(text: &str) -> Result<Command, String> {
        parse(text.split_whitespace())
    }

    #[test]
    fn options_are_parsed() {
        let Ok(Command::Demo(options)) = line("demo") else {
            panic!()
        };
        assert_eq!(
            (
                options.transport,
                options.conditions.is_clear(),
                options.crc
            ),
            (Transport::Udp, true, false)
        );
        let Ok(Command::Demo(options)) = line("demo --transport=tcp") else {
            panic!()
        };
        assert_eq!(options.transport, Transport::Tcp);
        let bad =
            "demo --loss 10 --duplicate 5 --delay 20 --jitter 30 --corrupt 0.5 --seed 3 --crc";
        let Ok(Command::Demo(options)) = line(bad) else {
            panic!()
        };
        assert_eq!(
            Ok(options.conditions),
            "loss=10 duplicate=5 delay=20 jitter=30 corrupt=0.5".parse()
        );
        assert_eq!((options.seed, options.crc), (Some(3), true));
        let Ok(Command::Run(options)) = line("run --server tcp://h:1,tcp://h:2 --app-id a") else {
            panic!()
        };
        assert_eq!((options.region.as_str(), options.max), ("eu", None));
        let all = "run --server h --app-id a --app-version 2 --user u --region us --protocol 1.6 --auth-type 1 \
                   --auth-params a=1&b=2 --private-history 5 --crc --max-seconds 1.5";
        let Ok(Command::Run(options)) = line(all) else {
            panic!()
        };
        assert_eq!(
            (options.region.as_str(), options.max),
            ("us", Some(Duration::from_millis(1500)))
        );
    }

    #[test]
    fn without_a_command_it_is_the_terminal_chat() {
        let Ok(Command::Terminal(options)) = line("") else {
            panic!()
        };
        assert!(options.settings.is_none() && !options.user.is_empty());
        assert_eq!(options.channels, ["lobby"]);
        let all = "--server h,g:1 --app-id a --user bob --transport tcp --channel a,b --region us";
        let Ok(Command::Terminal(options)) = line(all) else {
            panic!()
        };
        let settings = options.settings.unwrap();
        assert_eq!(settings.server, "tcp://h,tcp://g:1");
        assert_eq!(settings.region, "us");
        assert_eq!((options.user.as_str(), options.channels.len()), ("bob", 2));
        let Ok(Command::Terminal(options)) = line("--server h --app-id a") else {
            panic!()
        };
        assert_eq!(options.settings.unwrap().server, "udp://h");
        for option in [
            "--app-id a",
            "--region us",
            "--protocol json",
            "--crc",
            "--ca f",
        ] {
            let error = line(option).unwrap_err();
            let name = option.split(' ').next().unwrap();
            assert!(
                error.starts_with(name) && error.contains("--server"),
                "{error}"
            );
        }
    }

    #[test]
    fn help_is_printed() {
        for (arguments, text) in [
            ("--help", help::PROGRAM),
            ("-h", help::PROGRAM),
            ("demo --help", help::DEMO),
            ("run --help", help::RUN),
            ("run --server x -h", help::RUN),
            ("--version", help::VERSION),
        ] {
            assert!(
                matches!(line(arguments), Ok(Command::Print(found)) if found.trim_end() == text.trim_end()),
                "{arguments}"
            );
        }
        let long = [help::PROGRAM, help::DEMO, help::RUN]
            .iter()
            .flat_map(|text| text.lines())
            .find(|line| line.len() > 100);
        assert_eq!(long, None);
    }

    #[test]
    fn errors_tell_the_user_what_to_do() {
        for (arguments, expected) in [
            ("dance", "demo or run"),
            ("--loud", "--loud"),
            ("demo --transport pigeon", "udp, tcp, ws or wss"),
            ("demo --protocol json", "use --transport wss or ws"),
            ("demo --protocol yaml", "1.6, 1.8 or json"),
            ("demo --transport tcp --loss 5", "use --transport udp"),
            ("demo --loss 101", "from 0 to 100"),
            ("demo --delay soon", "milliseconds"),
            ("demo --loud", "--loud"),
            ("demo now", "now"),
            ("run --sever s --app-id a", "--server"),
            ("demo --transprt tcp", "--transport"),
            ("dem", "demo"),
            (
                "--server h --app-id a --transport pigeon",
                "udp, tcp, ws or wss",
            ),
            ("--server udp://h --app-id a --transport tcp", "contradicts"),
            ("--server h", "--app-id is missing"),
            ("--config /nowhere/at-all.toml", "name a readable TOML file"),
            ("run --app-id a", "--server is missing"),
            ("run --server s", "--app-id is missing"),
            ("run --server", "--server"),
            (
                "run --server s --app-id a --protocol 1.7",
                "1.6, 1.8 or json",
            ),
            (
                "run --server s --app-id a --ca /nowhere/at-all.pem",
                "name a readable PEM file",
            ),
            ("run --server s --app-id a --auth-type 256", "0 to 255"),
            (
                "run --server s --app-id a --private-history x",
                "is not a number",
            ),
            ("run --server s --app-id a --max-seconds -1", "seconds"),
            ("run --server s --app-id a --max-seconds inf", "seconds"),
        ] {
            let Err(error) = line(arguments) else {
                panic!("{arguments}: accepted")
            };
            assert!(error.contains(expected), "{arguments}: {error}");
        }
    }
}
