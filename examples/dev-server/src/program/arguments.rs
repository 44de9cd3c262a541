//! The command line.

use std::fmt::{Display, Write};
use std::str::FromStr;

use dev_server::server::{Certificate, ServerOptions, UdpPorts, WsPorts, WssOptions};
use dev_server::{AuthRule, FaultSpec, ServerConfig, ServerCore};
use lexopt::{Arg, Parser};
use log::LevelFilter;

const HELP: &str = "\
A Photon Chat name server and chat front end in one program, for development and tests.
It is no production server (that is the Photon cloud): it keeps everything in memory and checks nobody's password.

Usage: photon-dev-server [OPTION]...

When it listens, it prints one line on standard output:
    photon-dev-server ready name-server=tcp://HOST:PORT front-end=tcp://HOST:PORT
        udp-name-server=udp://HOST:PORT udp-front-end=udp://HOST:PORT
        ws-name-server=ws://HOST:PORT ws-front-end=ws://HOST:PORT
        wss-name-server=wss://HOST:PORT wss-front-end=wss://HOST:PORT
(in one line; without what --no-udp, --no-ws and --no-wss switch off).
It runs until Ctrl-C, SIGTERM or the command quit, and then ends with status 0. Clients connect to the name server.
Every TCP or WebSocket client takes one open file (ulimit -n), all UDP clients together two.

Options:
    --host HOST                  Host name or address to listen on. Default 127.0.0.1
    --tcp-port N                 TCP port of the name server, 0 for any free one. Default 4533
    --tcp-front-end-port N       TCP port of the front end, 0 for any free one. Default 4534
    --udp-port N                 UDP port of the name server, 0 for any free one. Default 5058, or any free one with
                                 --tcp-port 0
    --udp-front-end-port N       UDP port of the front end, 0 for any free one. Default 5055, or any free one with
                                 --tcp-front-end-port 0
    --no-udp                     Without UDP
    --ws-port N                  WebSocket port of the name server, 0 for any free one. Default 9093, or any free one with
                                 --tcp-port 0
    --ws-front-end-port N        WebSocket port of the front end, 0 for any free one. Default 9094, or any free one with
                                 --tcp-front-end-port 0
    --no-ws                      Without WebSocket that everyone on the way can read
    --wss-port N                 The same with TLS. Default 19093, or any free one with --tcp-port 0
    --wss-front-end-port N       The same with TLS. Default 19094, or any free one with --tcp-front-end-port 0
    --no-wss                     Without WebSocket over TLS
    --cert FILE                  Certificate for wss, PEM, with those between it and what clients trust. Default: one is made
                                 for this run, for localhost, 127.0.0.1, ::1, --host and --public-host
    --key FILE                   Its private key, PEM
    --write-cert FILE            Write to this file what clients have to trust, as PEM
    --public-host HOST           Host that clients are told for the front end. Default: the one they used themselves
    --app-id ID                  Accept this app id; may be given several times. Default: accept any
    --region CODE                Offer this region; may be given several times. Default: eu, us and asia
    --token-lifetime SECONDS     How long the way from name server to front end may take. Default 3600
    --properties                 Let clients set channel and user properties (operation 8)
    --encrypt-answers            Encrypt everything once a connection has keys, as real servers do
    --set SWITCH=VALUE           Change any setting, see below; may be given several times
    --fault FAULT                Misbehave, see below; may be given several times
    --auth RULE                  Custom authentication, see below; may be given several times
    --auth-file FILE             The same from a file, one rule on each line; # begins a comment
    --loss PERCENT               What a bad line does to UDP datagrams, in both directions. So many never arrive
    --duplicate PERCENT          So many arrive twice
    --delay MS                   Each takes so long, in milliseconds
    --jitter MS                  Each takes up to so much longer: later ones overtake earlier ones
    --corrupt PERCENT            In so many one bit is flipped
    --seed N                     The same number, the same line; does not make tokens or keys predictable
    --no-control                 Do not read commands from standard input. Needed to run in the background of a
                                 terminal: reading from it would stop the program
    --log-level LEVEL            off, error, warn, info, debug or trace, on standard error. Default warn
    --help                       Print this
    --version                    Print the version
";

pub(crate) struct Arguments {
    pub(crate) server: ServerOptions,
    udp: bool,
    udp_name_server_port: Option<u16>,
    udp_front_end_port: Option<u16>,
    ws: Web,
    wss: Web,
    certificate_file: Option<String>,
    key_file: Option<String>,
    /// Where what clients have to trust is to be written.
    pub(crate) write_certificate: Option<String>,
    pub(crate) log_level: LevelFilter,
    /// Whether commands are read from standard input.
    pub(crate) control: bool,
}

/// What is said about one kind of WebSocket.
#[derive(Default)]
struct Web {
    off: bool,
    name_server: Option<u16>,
    front_end: Option<u16>,
}

impl Web {
    /// Whoever wants any free port for TCP does not want a certain one for this.
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

/// Reads the command line; an error says which option it is about.
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
    /// Whoever wants any free port for TCP does not want a certain one for UDP.
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
            "--properties" => server.config.properties = true,
            "--encrypt-answers" => server.config.encrypt_answers = true,
            "--set" => {
                let text = text(parser, option)?;
                server
                    .config
                    .set_switch_spec(&text)
                    .map_err(|error| format!("{option} {text}: {error}"))?;
            }
            "--fault" => {
                let text = text(parser, option)?;
                server
                    .config
                    .switch_fault_on(&text, None)
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
            "--log-level" => self.log_level = value(parser, option)?,
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

fn help() -> String {
    let mut help = HELP.to_owned();
    let config = ServerConfig::new();
    let switches: Vec<String> = ServerConfig::switches()
        .map(|(name, form)| {
            format!(
                "{name}={form} [{}]",
                config.switch(name).unwrap_or_default()
            )
        })
        .collect();
    section(
        &mut help,
        "Switches of --set, with their defaults",
        switches,
    );
    section(&mut help, "Faults by name", ServerConfig::fault_names());
    section(
        &mut help,
        "REASON is one of",
        ServerConfig::disconnect_reasons().map(|(name, _)| name),
    );
    help.push_str(
        "\nOther faults are written STEP=FAULT (-ns: on the name server, -fe: on the front end).\n",
    );
    section(&mut help, "Steps", FaultSpec::step_names());
    section(&mut help, "Faults", FaultSpec::fault_forms());
    help.push_str(
        "For example: --fault \"authenticate-ns=refuse:32755:not you\" --fault drop-auth-answer\n",
    );
    help.push_str(AUTHENTICATION);
    help.push_str(CONTROL);
    let width = ServerCore::control_commands()
        .map(|(form, _)| form.len())
        .max()
        .unwrap_or_default();
    for (form, what) in ServerCore::control_commands() {
        let _ = writeln!(help, "    {form:width$}  {what}");
    }
    help.truncate(help.trim_end().len());
    help
}

const AUTHENTICATION: &str = "
Custom authentication:
A rule is words KEY=VALUE in any order, with \"..\" around values that contain spaces.
    type=N  sent-user=ID  params=QUERY  data=TEXT    Whom it is for; what is left out fits everyone. The query string of
                                                     the client has to contain all pairs of QUERY
    result=ok [user=ID] [nickname=NAME] [extra.NAME=TEXT]    Let in, under this user id, with this extra data
    result=refused [code=N] [message=TEXT]                   Refused; the code is 32755 unless given
The first rule that fits decides; with rules, whoever fits none is refused. Without rules everyone is let in. Users who do
not ask for custom authentication are let in unless allow-anonymous=off. For example:
    --auth \"type=0 params=user=alice&pass=x result=ok user=alice42 nickname=Al\"
";

const CONTROL: &str = "
Commands, one on each line of standard input; each is answered with one line, ok ... or error ... The server goes on when
standard input ends:
";

/// A title, and names below it in lines of bounded length.
fn section<T: AsRef<str>>(help: &mut String, title: &str, names: impl IntoIterator<Item = T>) {
    let _ = write!(help, "\n{title}:");
    let mut width = usize::MAX;
    for name in names {
        let name = name.as_ref();
        if width.saturating_add(name.len()) > 110 {
            help.push_str("\n   ");
            width = 4;
        } else {
            help.push(',');
        }
        let _ = write!(help, " {name}");
        width += name.len() + 2;
    }
    help.push('\n');
}
