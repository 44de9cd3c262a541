//! The command line.

use std::ffi::OsString;
use std::fmt::Display;
use std::str::FromStr;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};
use command_line::LevelFilter;
use dev_server::AuthRule;
use dev_server::server::{Certificate, ServerOptions, UdpPorts, WsPorts, WssOptions};

use crate::help::help;

/// The options with a value, and the variable of the environment for each.
const VALUES: [(&str, &str); 28] = [
    ("host", "PHOTON_DEV_SERVER_HOST"),
    ("tcp-port", "PHOTON_DEV_SERVER_TCP_PORT"),
    ("tcp-front-end-port", "PHOTON_DEV_SERVER_TCP_FRONT_END_PORT"),
    ("udp-port", "PHOTON_DEV_SERVER_UDP_PORT"),
    ("udp-front-end-port", "PHOTON_DEV_SERVER_UDP_FRONT_END_PORT"),
    ("ws-port", "PHOTON_DEV_SERVER_WS_PORT"),
    ("ws-front-end-port", "PHOTON_DEV_SERVER_WS_FRONT_END_PORT"),
    ("wss-port", "PHOTON_DEV_SERVER_WSS_PORT"),
    ("wss-front-end-port", "PHOTON_DEV_SERVER_WSS_FRONT_END_PORT"),
    ("cert", "PHOTON_DEV_SERVER_CERT"),
    ("key", "PHOTON_DEV_SERVER_KEY"),
    ("write-cert", "PHOTON_DEV_SERVER_WRITE_CERT"),
    ("loss", "PHOTON_DEV_SERVER_LOSS"),
    ("duplicate", "PHOTON_DEV_SERVER_DUPLICATE"),
    ("delay", "PHOTON_DEV_SERVER_DELAY"),
    ("jitter", "PHOTON_DEV_SERVER_JITTER"),
    ("corrupt", "PHOTON_DEV_SERVER_CORRUPT"),
    ("seed", "PHOTON_DEV_SERVER_SEED"),
    ("public-host", "PHOTON_DEV_SERVER_PUBLIC_HOST"),
    ("app-id", "PHOTON_DEV_SERVER_APP_ID"),
    ("region", "PHOTON_DEV_SERVER_REGION"),
    ("token-lifetime", "PHOTON_DEV_SERVER_TOKEN_LIFETIME"),
    ("state", "PHOTON_DEV_SERVER_STATE"),
    ("set", "PHOTON_DEV_SERVER_SET"),
    ("fault", "PHOTON_DEV_SERVER_FAULT"),
    ("auth", "PHOTON_DEV_SERVER_AUTH"),
    ("auth-file", "PHOTON_DEV_SERVER_AUTH_FILE"),
    ("log-level", "PHOTON_DEV_SERVER_LOG_LEVEL"),
];
/// The options without a value.
const FLAGS: [&str; 6] = [
    "no-udp",
    "no-ws",
    "no-wss",
    "properties",
    "encrypt-answers",
    "no-control",
];

pub(crate) struct Arguments {
    pub(crate) server: ServerOptions,
    udp: bool,
    udp_name_server_port: Option<u16>,
    udp_front_end_port: Option<u16>,
    ws: Web,
    wss: Web,
    certificate_file: Option<String>,
    key_file: Option<String>,
    /// The file to which the certificate that clients must trust is written.
    pub(crate) write_certificate: Option<String>,
    pub(crate) log_level: LevelFilter,
    /// Whether commands are read from standard input.
    pub(crate) control: bool,
}

/// The options of one kind of WebSocket.
#[derive(Default)]
struct Web {
    off: bool,
    name_server: Option<u16>,
    front_end: Option<u16>,
}

impl Web {
    /// The ports; `None` if it is off. A user who asks for any free TCP port runs several servers
    /// or tests, in which a fixed default of another transport would collide.
    fn ports(&self, server: &ServerOptions, default: WsPorts) -> Option<WsPorts> {
        let or = |chosen: Option<u16>, tcp, default| {
            chosen.unwrap_or(if tcp == 0 { 0 } else { default })
        };
        (!self.off).then(|| WsPorts {
            name_server: or(
                self.name_server,
                server.name_server_port,
                default.name_server,
            ),
            front_end: or(self.front_end, server.front_end_port, default.front_end),
        })
    }
}

pub(crate) enum Parsed {
    Run(Box<Arguments>),
    Print(String),
}

/// Parses the command line. An error names the option.
pub(crate) fn parse() -> Result<Parsed, String> {
    let matches = match program().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return refused(&error),
    };
    let mut arguments = Arguments {
        server: ServerOptions::default(),
        udp: true,
        udp_name_server_port: None,
        udp_front_end_port: None,
        ws: Web::default(),
        wss: Web::default(),
        certificate_file: None,
        key_file: None,
        write_certificate: None,
        log_level: LevelFilter::Warn,
        control: true,
    };
    let mut regions = Vec::new();
    for (name, value) in values(&matches) {
        let option = format!("--{name}");
        let value = value
            .into_string()
            .map_err(|_| format!("the value of {option} is not UTF-8"))?;
        match name {
            "region" => regions.push(value),
            _ => arguments.take(&option, value)?,
        }
    }
    for name in FLAGS.into_iter().filter(|name| matches.get_flag(name)) {
        arguments.set(name);
    }
    if !regions.is_empty() {
        arguments.server.config.regions = regions;
    }
    arguments.server.udp = arguments.udp_ports();
    arguments.server.ws = arguments.ws.ports(&arguments.server, WsPorts::default());
    arguments.server.wss = arguments.wss()?;
    Ok(Parsed::Run(Box::new(arguments)))
}

/// The options without their meaning: each value is parsed when it is applied, in the order of the
/// command line, because a later switch or rule follows an earlier one.
fn program() -> Command {
    let values = VALUES.map(|(name, variable)| {
        Arg::new(name)
            .long(name)
            .env(variable)
            .action(ArgAction::Append)
            // A negative number is a wrong value and not an unknown option.
            .allow_hyphen_values(true)
            .value_parser(clap::value_parser!(OsString))
    });
    let flags = FLAGS.map(|name| Arg::new(name).long(name).action(ArgAction::SetTrue));
    Command::new("photon-dev-server")
        .version(env!("CARGO_PKG_VERSION"))
        .args_override_self(true)
        .args(values)
        .args(flags)
}

/// All options with a value, in the order of the command line.
fn values(matches: &ArgMatches) -> Vec<(&'static str, OsString)> {
    let mut all = Vec::new();
    for (name, _) in VALUES {
        let places = matches.indices_of(name).into_iter().flatten();
        let values = matches.get_many::<OsString>(name).into_iter().flatten();
        all.extend(
            places
                .zip(values)
                .map(|(at, value)| (at, name, value.clone())),
        );
    }
    all.sort_by_key(|(at, ..)| *at);
    all.into_iter()
        .map(|(_, name, value)| (name, value))
        .collect()
}

/// A help that was asked for, or the error of clap without its repetition of the usage.
fn refused(error: &clap::Error) -> Result<Parsed, String> {
    match error.kind() {
        ErrorKind::DisplayHelp => Ok(Parsed::Print(help())),
        ErrorKind::DisplayVersion => Ok(Parsed::Print(error.to_string().trim_end().to_owned())),
        ErrorKind::InvalidValue => match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(option)) => {
                let option = option.split(' ').next().unwrap_or(option);
                Err(format!("{option} needs a value"))
            }
            _ => Err(error.to_string()),
        },
        _ => {
            let text = error.to_string();
            Err(command_line::error_of_clap(&text).to_owned())
        }
    }
}

impl Arguments {
    /// The UDP ports; `None` if UDP is off. The defaults follow TCP as in [`Web::ports`].
    fn udp_ports(&self) -> Option<UdpPorts> {
        let default = |tcp, udp| if tcp == 0 { 0 } else { udp };
        let UdpPorts {
            name_server,
            front_end,
        } = UdpPorts::default();
        let name_server = self
            .udp_name_server_port
            .unwrap_or_else(|| default(self.server.name_server_port, name_server));
        let front_end = self
            .udp_front_end_port
            .unwrap_or_else(|| default(self.server.front_end_port, front_end));
        self.udp.then_some(UdpPorts {
            name_server,
            front_end,
        })
    }

    fn wss(&self) -> Result<Option<WssOptions>, String> {
        let certificate = match (&self.certificate_file, &self.key_file) {
            (None, None) => Certificate::SelfMade,
            (Some(chain), Some(key)) => Certificate::Pem {
                chain: file("--cert", chain)?,
                key: file("--key", key)?,
            },
            (Some(_), None) => {
                return Err("--cert needs --key, the file with its private key".to_owned());
            }
            (None, Some(_)) => {
                return Err("--key needs --cert, the file with the certificate".to_owned());
            }
        };
        let ports = self.wss.ports(&self.server, WsPorts::SECURE);
        if ports.is_none() && (self.certificate_file.is_some() || self.write_certificate.is_some())
        {
            return Err("--cert and --write-cert are for wss: leave out --no-wss".to_owned());
        }
        Ok(ports.map(|ports| WssOptions { ports, certificate }))
    }

    fn take(&mut self, option: &str, text: String) -> Result<(), String> {
        let server = &mut self.server;
        match option {
            "--host" => server.host = text,
            "--tcp-port" => server.name_server_port = value(&text, option)?,
            "--tcp-front-end-port" => server.front_end_port = value(&text, option)?,
            "--udp-port" => self.udp_name_server_port = Some(value(&text, option)?),
            "--udp-front-end-port" => self.udp_front_end_port = Some(value(&text, option)?),
            "--ws-port" => self.ws.name_server = Some(value(&text, option)?),
            "--ws-front-end-port" => self.ws.front_end = Some(value(&text, option)?),
            "--wss-port" => self.wss.name_server = Some(value(&text, option)?),
            "--wss-front-end-port" => self.wss.front_end = Some(value(&text, option)?),
            "--cert" => self.certificate_file = Some(text),
            "--key" => self.key_file = Some(text),
            "--write-cert" => self.write_certificate = Some(text),
            "--loss" => server.config.conditions.loss = value(&text, option)?,
            "--duplicate" => server.config.conditions.duplicate = value(&text, option)?,
            "--delay" => server.config.conditions.delay_ms = millis(&text, option)?,
            "--jitter" => server.config.conditions.jitter_ms = millis(&text, option)?,
            "--corrupt" => server.config.conditions.corrupt = value(&text, option)?,
            "--seed" => server.line_seed = Some(value(&text, option)?),
            "--public-host" => server.config.public_host = Some(text),
            "--app-id" => server.config.app_ids.push(text),
            "--token-lifetime" => {
                server.config.token_lifetime_ms = value::<u64>(&text, option)?.saturating_mul(1000);
            }
            "--state" => server.state_file = Some(text.into()),
            "--set" | "--fault" => {
                server
                    .config
                    .apply(&text)
                    .map_err(|error| format!("{option} {text}: {error}"))?;
            }
            "--auth" => server.config.authentication.push(value(&text, option)?),
            "--auth-file" => {
                let table = std::fs::read_to_string(&text).map_err(|error| {
                    format!("{option} {text}: {error}: name a file of rules that can be read")
                })?;
                let rules =
                    AuthRule::table(&table).map_err(|error| format!("{option} {text}: {error}"))?;
                server.config.authentication.extend(rules);
            }
            "--log-level" => {
                self.log_level = command_line::parse_log_level(&text)
                    .map_err(|error| format!("{option} {text}: {error}"))?;
            }
            _ => return Err(format!("there is no option {option}")),
        }
        Ok(())
    }

    fn set(&mut self, flag: &str) {
        match flag {
            "no-udp" => self.udp = false,
            "no-ws" => self.ws.off = true,
            "no-wss" => self.wss.off = true,
            "properties" => self.server.config.properties = true,
            "encrypt-answers" => self.server.config.encrypt_answers = true,
            "no-control" => self.control = false,
            _ => debug_assert!(false, "{flag} is in FLAGS"),
        }
    }
}

fn file(option: &str, name: &str) -> Result<String, String> {
    std::fs::read_to_string(name)
        .map_err(|error| format!("{option} {name}: {error}: name a PEM file that can be read"))
}

fn value<T: FromStr<Err: Display>>(text: &str, option: &str) -> Result<T, String> {
    text.parse()
        .map_err(|error| format!("{option} {text}: {error}"))
}

fn millis(text: &str, option: &str) -> Result<u64, String> {
    text.parse().map_err(|_| {
        format!("{option} {text}: write a whole number of milliseconds, e.g. {option} 80")
    })
}
