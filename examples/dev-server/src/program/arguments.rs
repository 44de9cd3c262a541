//! The command line.

use std::fmt::{Display, Write};
use std::str::FromStr;

use dev_server::FaultSpec;
use dev_server::server::ServerOptions;
use lexopt::{Arg, Parser};
use log::LevelFilter;

const HELP: &str = "\
A Photon Chat name server and chat front end in one program, for development and tests.
It is no production server (that is the Photon cloud): it keeps everything in memory and checks nobody's password.

Usage: photon-dev-server [OPTION]...

When it listens, it prints one line on standard output:
    photon-dev-server ready name-server=tcp://HOST:PORT front-end=tcp://HOST:PORT
It runs until Ctrl-C or SIGTERM, and then ends with status 0. Clients connect to the name server.

Options:
    --host HOST                  Host name or address to listen on. Default 127.0.0.1
    --tcp-port N                 TCP port of the name server, 0 for any free one. Default 4533
    --tcp-front-end-port N       TCP port of the front end, 0 for any free one. Default 4534
    --public-host HOST           Host that clients are told for the front end. Default: the one they used themselves
    --app-id ID                  Accept this app id; may be given several times. Default: accept any
    --region CODE                Offer this region; may be given several times. Default: eu, us and asia
    --token-lifetime SECONDS     How long the way from name server to front end may take. Default 3600
    --properties                 Let clients set channel and user properties (operation 8)
    --encrypt-answers            Encrypt everything once a connection has keys, as real servers do
    --fault STEP=FAULT           Misbehave at a step, see below; may be given several times
    --log-level LEVEL            off, error, warn, info, debug or trace, on standard error. Default warn
    --help                       Print this
    --version                    Print the version
";

pub(crate) struct Arguments {
    pub(crate) server: ServerOptions,
    pub(crate) log_level: LevelFilter,
}

pub(crate) enum Parsed {
    Run(Box<Arguments>),
    Print(String),
}

/// Reads the command line; an error says which option it is about.
pub(crate) fn parse() -> Result<Parsed, String> {
    let mut parser = Parser::from_env();
    let mut arguments = Arguments { server: ServerOptions::default(), log_level: LevelFilter::Warn };
    let mut regions = Vec::new();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        let option = match argument {
            Arg::Long(name) => format!("--{name}"),
            Arg::Short(letter) => format!("-{letter}"),
            other => return Err(other.unexpected().to_string()),
        };
        match option.as_str() {
            "--help" | "-h" => return Ok(Parsed::Print(help())),
            "--version" | "-V" => {
                return Ok(Parsed::Print(format!("photon-dev-server {}", env!("CARGO_PKG_VERSION"))));
            }
            "--region" => regions.push(text(&mut parser, &option)?),
            _ => arguments.take(&option, &mut parser)?,
        }
    }
    if !regions.is_empty() {
        arguments.server.config.regions = regions;
    }
    Ok(Parsed::Run(Box::new(arguments)))
}

impl Arguments {
    fn take(&mut self, option: &str, parser: &mut Parser) -> Result<(), String> {
        let server = &mut self.server;
        match option {
            "--host" => server.host = text(parser, option)?,
            "--tcp-port" => server.name_server_port = value(parser, option)?,
            "--tcp-front-end-port" => server.front_end_port = value(parser, option)?,
            "--public-host" => server.config.public_host = Some(text(parser, option)?),
            "--app-id" => server.config.app_ids.push(text(parser, option)?),
            "--token-lifetime" => {
                server.config.token_lifetime_ms = value::<u64>(parser, option)?.saturating_mul(1000);
            }
            "--properties" => server.config.properties = true,
            "--encrypt-answers" => server.config.encrypt_answers = true,
            "--fault" => {
                let FaultSpec { step, fault } = value(parser, option)?;
                server.config.faults.on(step, fault);
            }
            "--log-level" => self.log_level = value(parser, option)?,
            _ => return Err(format!("there is no option {option}")),
        }
        Ok(())
    }
}

fn text(parser: &mut Parser, option: &str) -> Result<String, String> {
    let value = parser.value().map_err(|_| format!("{option} needs a value"))?;
    value.into_string().map_err(|_| format!("the value of {option} is not UTF-8"))
}

fn value<T: FromStr<Err: Display>>(parser: &mut Parser, option: &str) -> Result<T, String> {
    let text = text(parser, option)?;
    text.parse().map_err(|error| format!("{option} {text}: {error}"))
}

fn help() -> String {
    let mut help = HELP.to_owned();
    for (title, names) in [
        ("Steps of --fault", FaultSpec::step_names().collect::<Vec<_>>()),
        ("Faults of --fault", FaultSpec::fault_forms().collect()),
    ] {
        let _ = write!(help, "\n{title}:");
        let mut width = usize::MAX;
        for name in names {
            if width > 90 {
                help.push_str("\n   ");
                width = 4;
            }
            let _ = write!(help, " {name}");
            width += name.len() + 1;
        }
        help.push('\n');
    }
    help.push_str(
        "(-ns: on the name server, -fe: on the front end.) For example: --fault \"authenticate-ns=refuse:32755:not you\"",
    );
    help
}
