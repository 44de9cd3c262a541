//! The command line.

use crate::demo::{Language, Options as DemoOptions, Transport};
use crate::help;
use crate::run::{MAX_SECONDS, Options, seconds};
use chat_core::{AuthValues, ChatConfig, Encryption};
use chat_std_io::Tls;
use dev_server::netem::Percent;
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::str::FromStr;

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    Demo(DemoOptions),
    Run(Box<Options>),
    Print(&'static str),
}

/// Reads the arguments behind the program's name; an error says what to do.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<Command, String> {
    let mut parser = Parser::from_args(arguments);
    match parser.next().map_err(|error| error.to_string())? {
        None => Err("a command is missing: demo or run".into()),
        Some(Arg::Short('h') | Arg::Long("help")) => Ok(Command::Print(help::PROGRAM)),
        Some(Arg::Short('V') | Arg::Long("version")) => Ok(Command::Print(help::VERSION)),
        Some(Arg::Value(name)) => match name.to_str() {
            Some("demo") => demo(&mut parser),
            Some("run") => run(&mut parser),
            _ => Err(format!("unknown command {name:?}; there are demo and run")),
        },
        Some(other) => Err(other.unexpected().to_string()),
    }
}

fn demo(parser: &mut Parser) -> Result<Command, String> {
    let mut options = DemoOptions::default();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        let name = match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Print(help::DEMO)),
            Arg::Long(name) => name.to_owned(),
            other => return Err(other.unexpected().to_string()),
        };
        match name.as_str() {
            "transport" => {
                let name = text(parser)?;
                let known = Transport::ALL
                    .into_iter()
                    .find(|transport| transport.name() == name);
                options.transport = known.ok_or_else(|| {
                    format!("unknown transport {name:?}; use --transport udp, tcp, ws or wss")
                })?;
            }
            "protocol" => options.language = language(parser)?,
            "all" => options.all = true,
            "crc" => options.crc = true,
            "loss" => options.line.loss = percent(parser, &name)?,
            "duplicate" => options.line.duplicate = percent(parser, &name)?,
            "corrupt" => options.line.corrupt = percent(parser, &name)?,
            "delay" => options.line.delay_ms = number(parser, &name, "of milliseconds")?,
            "jitter" => options.line.jitter_ms = number(parser, &name, "of milliseconds")?,
            "seed" => options.seed = Some(number(parser, &name, "from 0 to 2^64-1")?),
            _ => return Err(Arg::Long(&name).unexpected().to_string()),
        }
    }
    if options.transport != Transport::Udp && (options.crc || !options.line.is_clear()) {
        return Err("--crc and a bad line are for datagrams; use --transport udp".into());
    }
    if !options.all && !options.transport.speaks(options.language) {
        return Err("JSON is spoken over WebSocket only; use --transport wss or ws".into());
    }
    Ok(Command::Demo(options))
}

fn run(parser: &mut Parser) -> Result<Command, String> {
    let (mut server, mut app_id, mut app_version, mut user) = (None, None, None, None);
    let (mut region, mut protocol, mut auth_type, mut auth_params) = (None, None, None, None);
    let (mut private_history, mut max_seconds, mut crc) = (None, None, false);
    let (mut encrypted, mut tls) = (true, Tls::default());
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Print(help::RUN)),
            Arg::Long("server") => server = Some(text(parser)?),
            Arg::Long("app-id") => app_id = Some(text(parser)?),
            Arg::Long("app-version") => app_version = Some(text(parser)?),
            Arg::Long("user") => user = Some(text(parser)?),
            Arg::Long("region") => region = Some(text(parser)?),
            Arg::Long("protocol") => protocol = Some(language(parser)?),
            Arg::Long("no-encryption") => encrypted = false,
            Arg::Long("ca") => {
                let path = text(parser)?;
                let pem =
                    std::fs::read(&path).map_err(|error| format!("--ca {path:?}: {error}"))?;
                tls = Tls::with_root(&pem).map_err(|error| format!("--ca {path:?}: {error}"))?;
            }
            Arg::Long("auth-type") => {
                auth_type = Some(number::<u8>(parser, "auth-type", "from 0 to 255")?)
            }
            Arg::Long("auth-params") => auth_params = Some(text(parser)?),
            Arg::Long("private-history") => {
                private_history = Some(number::<i32>(parser, "private-history", "of messages")?);
            }
            Arg::Long("crc") => crc = true,
            Arg::Long("max-seconds") => {
                let text = text(parser)?;
                max_seconds = Some(
                    seconds(&text)
                        .ok_or_else(|| format!("--max-seconds {text:?} is no time in seconds"))?,
                );
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    let server = server.ok_or("--server is missing, for example --server udp://127.0.0.1:5058")?;
    let app_id = app_id.ok_or("--app-id is missing; a development server takes any")?;
    let addresses: Vec<&str> = server.split(',').map(str::trim).collect();
    let mut config =
        ChatConfig::new(addresses, app_id, app_version.as_deref().unwrap_or("1.0")).crc(crc);
    config = protocol.unwrap_or(Language::V18).apply(config);
    if !encrypted {
        config = config.encryption(Encryption::Off);
    }
    if let Some(user) = user {
        config = config.user_id(user);
    }
    if auth_type.is_some() || auth_params.is_some() {
        let values = auth_params.map_or_else(AuthValues::none, AuthValues::new);
        config = config.authentication(match auth_type {
            Some(auth_type) => values.auth_type(auth_type),
            None => values,
        });
    }
    if let Some(messages) = private_history {
        config = config.private_history(messages);
    }
    Ok(Command::Run(Box::new(Options {
        config,
        tls,
        region: region.unwrap_or_else(|| "eu".into()),
        max: max_seconds.unwrap_or(MAX_SECONDS),
    })))
}

fn language(parser: &mut Parser) -> Result<Language, String> {
    let name = text(parser)?;
    let known = Language::ALL
        .into_iter()
        .find(|language| language.name() == name);
    known.ok_or_else(|| format!("--protocol {name:?} is not one of: 1.6, 1.8, json"))
}

fn percent(parser: &mut Parser, option: &str) -> Result<Percent, String> {
    text(parser)?
        .parse()
        .map_err(|error| format!("--{option}: {error}"))
}

fn text(parser: &mut Parser) -> Result<String, String> {
    parser
        .value()
        .and_then(|value| value.string())
        .map_err(|error| error.to_string())
}

fn number<T: FromStr>(parser: &mut Parser, option: &str, kind: &str) -> Result<T, String> {
    let text = text(parser)?;
    text.parse()
        .map_err(|_| format!("--{option} {text:?} is no number {kind}"))
}

#[cfg(test)]
mod tests {
    use super::{Command, Transport, parse};
    use crate::help;
    use std::time::Duration;

    fn line(text: &str) -> Result<Command, String> {
        parse(text.split_whitespace())
    }

    #[test]
    fn commands() {
        let Ok(Command::Demo(options)) = line("demo") else {
            panic!()
        };
        assert_eq!(
            (options.transport, options.line.is_clear(), options.crc),
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
            Ok(options.line),
            "loss=10 duplicate=5 delay=20 jitter=30 corrupt=0.5".parse()
        );
        assert_eq!((options.seed, options.crc), (Some(3), true));
        let Ok(Command::Run(options)) = line("run --server tcp://h:1,tcp://h:2 --app-id a") else {
            panic!()
        };
        assert_eq!(
            (options.region.as_str(), options.max),
            ("eu", Duration::from_secs(300))
        );
        let all = "run --server h --app-id a --app-version 2 --user u --region us --protocol 1.6 --auth-type 1 \
                   --auth-params a=1&b=2 --private-history 5 --crc --max-seconds 1.5";
        let Ok(Command::Run(options)) = line(all) else {
            panic!()
        };
        assert_eq!(
            (options.region.as_str(), options.max),
            ("us", Duration::from_millis(1500))
        );
    }

    #[test]
    fn help_is_there() {
        for (arguments, text) in [
            ("--help", help::PROGRAM),
            ("-h", help::PROGRAM),
            ("demo --help", help::DEMO),
            ("run --help", help::RUN),
            ("run --server x -h", help::RUN),
            ("--version", help::VERSION),
        ] {
            assert!(
                matches!(line(arguments), Ok(Command::Print(found)) if found == text),
                "{arguments}"
            );
        }
        let long = [help::PROGRAM, help::DEMO, help::RUN]
            .iter()
            .flat_map(|text| text.lines())
            .find(|line| line.len() > 120);
        assert_eq!(long, None);
    }

    #[test]
    fn errors_say_what_to_do() {
        for (arguments, expected) in [
            ("", "demo or run"),
            ("dance", "demo and run"),
            ("--loud", "--loud"),
            (
                "demo --transport pigeon",
                "use --transport udp, tcp, ws or wss",
            ),
            ("demo --protocol json", "use --transport wss or ws"),
            ("demo --protocol yaml", "1.6, 1.8, json"),
            ("demo --transport tcp --loss 5", "use --transport udp"),
            ("demo --loss 101", "from 0 to 100"),
            ("demo --delay soon", "milliseconds"),
            ("demo --loud", "--loud"),
            ("demo now", "now"),
            ("run --app-id a", "--server is missing"),
            ("run --server s", "--app-id is missing"),
            ("run --server", "--server"),
            ("run --server s --app-id a --protocol 1.7", "1.6, 1.8, json"),
            ("run --server s --app-id a --ca /nowhere/at-all.pem", "--ca"),
            ("run --server s --app-id a --auth-type 256", "0 to 255"),
            ("run --server s --app-id a --private-history x", "no number"),
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
