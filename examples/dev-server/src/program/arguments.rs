//! The command line.

use std::fmt::Display;
use std::str::FromStr;

use command_line::LevelFilter;
use dev_server::AuthRule;
use dev_server::server::{Certificate, ServerOptions, UdpPorts, WsPorts, WssOptions};
use lexopt::{Arg, Parser};

use crate::help::help;

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
    let mut parser = Parser::from_env();
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
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        let option = match argument {
            Arg::Long(name) => format!("--{name}"),
            Arg::Short(letter) => format!("-{letter}"),
            other => return Err(other.unexpected().to_string()),
        };
        match option.as_str() {
            "--help" | "-h" => return Ok(Parsed::Print(help())),
            "--version" | "-V" => {
                return Ok(Parsed::Print(format!(
                    "photon-dev-server {}",
                    env!("CARGO_PKG_VERSION")
                )));
            }
            "--region" => regions.push(text(&mut parser, &option)?),
            _ => arguments.take(&option, &mut parser)?,
        }
    }
    if !regions.is_empty() {
        arguments.server.config.regions = regions;
    }
    arguments.server.udp = arguments.udp_ports();
    arguments.server.ws = arguments.ws.ports(&arguments.server, WsPorts::default());
    arguments.server.wss = arguments.wss()?;
    Ok(Parsed::Run(Box::new(arguments)))
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

    fn take(&mut self, option: &str, parser: &mut Parser) -> Result<(), String> {
        let server = &mut self.server;
        match option {
            "--host" => server.host = text(parser, option)?,
            "--tcp-port" => server.name_server_port = value(parser, option)?,
            "--tcp-front-end-port" => server.front_end_port = value(parser, option)?,
            "--udp-port" => self.udp_name_server_port = Some(value(parser, option)?),
            "--udp-front-end-port" => self.udp_front_end_port = Some(value(parser, option)?),
            "--no-udp" => self.udp = false,
            "--ws-port" => self.ws.name_server = Some(value(parser, option)?),
            "--ws-front-end-port" => self.ws.front_end = Some(value(parser, option)?),
            "--no-ws" => self.ws.off = true,
            "--wss-port" => self.wss.name_server = Some(value(parser, option)?),
            "--wss-front-end-port" => self.wss.front_end = Some(value(parser, option)?),
            "--no-wss" => self.wss.off = true,
            "--cert" => self.certificate_file = Some(text(parser, option)?),
            "--key" => self.key_file = Some(text(parser, option)?),
            "--write-cert" => self.write_certificate = Some(text(parser, option)?),
            "--loss" => server.config.conditions.loss = value(parser, option)?,
            "--duplicate" => server.config.conditions.duplicate = value(parser, option)?,
            "--delay" => server.config.conditions.delay_ms = millis(parser, option)?,
            "--jitter" => server.config.conditions.jitter_ms = millis(parser, option)?,
            "--corrupt" => server.config.conditions.corrupt = value(parser, option)?,
            "--seed" => server.line_seed = Some(value(parser, option)?),
            "--public-host" => server.config.public_host = Some(text(parser, option)?),
            "--app-id" => server.config.app_ids.push(text(parser, option)?),
            "--token-lifetime" => {
                server.config.token_lifetime_ms =
                    value::<u64>(parser, option)?.saturating_mul(1000);
            }
            "--state" => server.state_file = Some(text(parser, option)?.into()),
            "--properties" => server.config.properties = true,
            "--encrypt-answers" => server.config.encrypt_answers = true,
            "--set" | "--fault" => {
                let text = text(parser, option)?;
                server
                    .config
                    .apply(&text)
                    .map_err(|error| format!("{option} {text}: {error}"))?;
            }
            "--auth" => server.config.authentication.push(value(parser, option)?),
            "--auth-file" => {
                let file = text(parser, option)?;
                let table = std::fs::read_to_string(&file).map_err(|error| {
                    format!("{option} {file}: {error}: name a file of rules that can be read")
                })?;
                let rules =
                    AuthRule::table(&table).map_err(|error| format!("{option} {file}: {error}"))?;
                server.config.authentication.extend(rules);
            }
            "--no-control" => self.control = false,
            "--log-level" => self.log_level = command_line::log_level(parser)?,
            _ => return Err(format!("there is no option {option}")),
        }
        Ok(())
    }
}

fn file(option: &str, name: &str) -> Result<String, String> {
    std::fs::read_to_string(name)
        .map_err(|error| format!("{option} {name}: {error}: name a PEM file that can be read"))
}

fn text(parser: &mut Parser, option: &str) -> Result<String, String> {
    let value = parser
        .value()
        .map_err(|_| format!("{option} needs a value"))?;
    value
        .into_string()
        .map_err(|_| format!("the value of {option} is not UTF-8"))
}

fn value<T: FromStr<Err: Display>>(parser: &mut Parser, option: &str) -> Result<T, String> {
    let text = text(parser, option)?;
    text.parse()
        .map_err(|error| format!("{option} {text}: {error}"))
}

fn millis(parser: &mut Parser, option: &str) -> Result<u64, String> {
    let text = text(parser, option)?;
    text.parse().map_err(|_| {
        format!("{option} {text}: write a whole number of milliseconds, e.g. {option} 80")
    })
}
