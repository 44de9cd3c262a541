//! The command line.

use crate::demo::Options as DemoOptions;
use crate::help;
use crate::run::Options;
use chat_core::{AuthValues, ChatConfig, Encryption, Restore};
use chat_std_io::Tls;
use command_line::{LevelFilter, log_level, number, parsed, seconds, text};
use dev_server::{SubProtocol, Transport};
use lexopt::{Arg, Parser};
use std::ffi::OsString;

/// The parsed command line.
#[derive(Debug)]
pub(crate) enum Command {
    Demo(DemoOptions),
    Run(Box<Options>),
    Print(&'static str),
}

/// Parses the arguments after the program's name.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<Command, String> {
    let mut parser = Parser::from_args(arguments);
    match command_line::next(&mut parser)? {
        None => Err("the command is missing: use demo or run".into()),
        Some(Arg::Short('h') | Arg::Long("help")) => Ok(Command::Print(help::PROGRAM)),
        Some(Arg::Short('V') | Arg::Long("version")) => Ok(Command::Print(help::VERSION)),
        Some(Arg::Value(name)) => match name.to_str() {
            Some("demo") => parse_demo(&mut parser),
            Some("run") => parse_run(&mut parser),
            _ => Err(format!("unknown command {name:?}: use demo or run")),
        },
        Some(other) => Err(other.unexpected().to_string()),
    }
}

fn parse_demo(parser: &mut Parser) -> Result<Command, String> {
    const MILLISECONDS: &str = "a whole number of milliseconds";
    let mut options = DemoOptions::default();
    while let Some(argument) = command_line::next(parser)? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Print(help::DEMO)),
            Arg::Long("transport") => options.transport = parsed(parser, "transport")?,
            Arg::Long("protocol") => options.protocol = parsed(parser, "protocol")?,
            Arg::Long("all") => options.all = true,
            Arg::Long("crc") => options.crc = true,
            Arg::Long("loss") => options.conditions.loss = parsed(parser, "loss")?,
            Arg::Long("duplicate") => options.conditions.duplicate = parsed(parser, "duplicate")?,
            Arg::Long("corrupt") => options.conditions.corrupt = parsed(parser, "corrupt")?,
            Arg::Long("delay") => {
                options.conditions.delay_ms = number(parser, "delay", MILLISECONDS)?;
            }
            Arg::Long("jitter") => {
                options.conditions.jitter_ms = number(parser, "jitter", MILLISECONDS)?;
            }
            Arg::Long("log-level") => options.log_level = log_level(parser)?,
            Arg::Long("seed") => {
                options.seed = Some(number(parser, "seed", "a number from 0 to 2^64-1")?);
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    let simulates = options.crc || !options.conditions.is_clear();
    if options.transport != Transport::Udp && simulates {
        return Err("--crc and network conditions apply to UDP only: use --transport udp".into());
    }
    if !options.all && !options.transport.carries(options.protocol) {
        return Err("JSON is available over WebSocket only: use --transport wss or ws".into());
    }
    Ok(Command::Demo(options))
}

fn parse_run(parser: &mut Parser) -> Result<Command, String> {
    let (mut server, mut app_id, mut app_version, mut user) = (None, None, None, None);
    let (mut region, mut protocol) = (None, SubProtocol::GpBinaryV18);
    let (mut auth_type, mut auth_parameters) = (None, None);
    let (mut private_history, mut max, mut crc) = (None, None, false);
    let mut strict = false;
    let (mut encrypted, mut tls) = (true, Tls::default());
    let (mut restore, mut queue_cap_bytes, mut confirm) = (false, None, false);
    // Events already report what a log could add by default.
    let mut level = LevelFilter::Off;
    while let Some(argument) = command_line::next(parser)? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Print(help::RUN)),
            Arg::Long("server") => server = Some(text(parser)?),
            Arg::Long("app-id") => app_id = Some(text(parser)?),
            Arg::Long("app-version") => app_version = Some(text(parser)?),
            Arg::Long("user") => user = Some(text(parser)?),
            Arg::Long("region") => region = Some(text(parser)?),
            Arg::Long("protocol") => protocol = parsed(parser, "protocol")?,
            Arg::Long("no-encryption") => encrypted = false,
            Arg::Long("ca") => tls = trusted_certificates(&text(parser)?)?,
            Arg::Long("auth-type") => {
                let accepted = "a number from 0 to 255";
                auth_type = Some(number::<u8>(parser, "auth-type", accepted)?);
            }
            Arg::Long("auth-params") => auth_parameters = Some(text(parser)?),
            Arg::Long("private-history") => {
                let accepted = "a number of messages";
                private_history = Some(number::<i32>(parser, "private-history", accepted)?);
            }
            Arg::Long("crc") => crc = true,
            Arg::Long("restore") => restore = true,
            Arg::Long("queue-bytes") => {
                queue_cap_bytes = Some(number(parser, "queue-bytes", "a number of bytes")?);
            }
            Arg::Long("confirm") => confirm = true,
            Arg::Long("log-level") => level = log_level(parser)?,
            Arg::Long("strict") => strict = true,
            Arg::Long("max-seconds") => max = Some(seconds(parser, "max-seconds")?),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let server = server.ok_or("--server is missing, for example --server udp://127.0.0.1:5058")?;
    let app_id = app_id.ok_or("--app-id is missing; a development server accepts any")?;
    let addresses: Vec<&str> = server.split(',').map(str::trim).collect();
    let app_version = app_version.unwrap_or_else(|| "1.0".into());
    let mut config = with_protocol(ChatConfig::new(addresses, app_id, app_version), protocol);
    config = config.crc(crc);
    if !encrypted {
        config = config.encryption(Encryption::Off);
    }
    if let Some(user) = user {
        config = config.user_id(user);
    }
    if auth_type.is_some() || auth_parameters.is_some() {
        let values = auth_parameters.map_or_else(AuthValues::none, AuthValues::new);
        config = config.authentication(match auth_type {
            Some(auth_type) => values.auth_type(auth_type),
            None => values,
        });
    }
    if restore {
        config = config.restore(Restore::new().queue_cap_bytes(queue_cap_bytes.unwrap_or(0)));
    } else if queue_cap_bytes.is_some() {
        return Err(
            "--queue-bytes needs --restore: only a client that comes back has a queue".into(),
        );
    }
    if confirm {
        config = config.confirm_messages(true);
    }
    if let Some(messages) = private_history {
        config = config.private_history(messages);
    }
    Ok(Command::Run(Box::new(Options {
        config,
        tls,
        region: region.unwrap_or_else(|| "eu".into()),
        max,
        strict,
        log_level: level,
    })))
}

/// Reads the `--ca` file.
fn trusted_certificates(path: &str) -> Result<Tls, String> {
    let pem = std::fs::read(path)
        .map_err(|error| format!("--ca {path:?}: {error}: name a readable PEM file"))?;
    Tls::with_root(&pem).map_err(|error| format!("--ca {path:?}: {error}"))
}

/// Applies the value of `--protocol`.
pub(crate) fn with_protocol(config: ChatConfig, protocol: SubProtocol) -> ChatConfig {
    match protocol {
        SubProtocol::Json => config.json(),
        binary => config.protocol(binary.binary()),
    }
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
                matches!(line(arguments), Ok(Command::Print(found)) if found == text),
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
            ("", "demo or run"),
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
