//! [`Settings`]: how to reach a server and who logs in, from options, the environment and a file.
//!
//! An option is stronger than an environment variable, which is stronger than the file. A secret
//! on a command line is visible to every user of the machine, so each can also come from the others.

use chat_core::{AuthValues, ChatConfig, Encryption};
use chat_std_io::Tls;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};
use dev_server::{SubProtocol, Transport};
use std::env;
use std::path::PathBuf;
use std::str::FromStr;

/// The settings: the name of the option and the key of the file, and the variable.
const SETTINGS: [(&str, &str); 12] = [
    ("server", "PHOTON_SERVER"),
    ("app-id", "PHOTON_APP_ID"),
    ("app-version", "PHOTON_APP_VERSION"),
    ("user", "PHOTON_USER"),
    ("region", "PHOTON_REGION"),
    ("transport", "PHOTON_TRANSPORT"),
    ("protocol", "PHOTON_PROTOCOL"),
    ("auth-type", "PHOTON_AUTH_TYPE"),
    ("auth-params", "PHOTON_AUTH_PARAMS"),
    ("private-history", "PHOTON_PRIVATE_HISTORY"),
    ("ca", "PHOTON_CA"),
    ("channel", "PHOTON_CHANNEL"),
];
/// Settings that are true or false.
const FLAGS: [&str; 2] = ["no-encryption", "crc"];

/// A server and a login.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The addresses with their schemes, to be shown.
    pub(crate) server: String,
    pub(crate) config: ChatConfig,
    /// The certificates that `wss://` trusts.
    pub(crate) tls: Tls,
    pub(crate) region: String,
}

/// The options for all settings and for the file.
pub(crate) fn options() -> Vec<Arg> {
    let mut options: Vec<Arg> = SETTINGS
        .into_iter()
        .chain([("config", "PHOTON_CONFIG")])
        .map(|(name, variable)| {
            Arg::new(name)
                .long(name)
                .env(variable)
                // A negative number is a wrong value and not an unknown option.
                .allow_hyphen_values(true)
        })
        .collect();
    options.extend(FLAGS.map(|name| Arg::new(name).long(name).action(ArgAction::SetTrue)));
    options
}

/// The values of the settings, before they are parsed.
pub(crate) struct Sources<'a> {
    matches: &'a ArgMatches,
    file: toml::Table,
}

impl<'a> Sources<'a> {
    /// Reads the file: that of `--config` or `PHOTON_CONFIG`, else with `by_default` the user's own
    /// if there is one. (A script must not depend on it.)
    pub(crate) fn read(matches: &'a ArgMatches, by_default: bool) -> Result<Self, String> {
        let chosen = matches.get_one::<String>("config").map(PathBuf::from);
        let path = match chosen {
            None if by_default => user_file().filter(|path| path.exists()),
            chosen => chosen,
        };
        let file = match path {
            None => toml::Table::new(),
            Some(path) => {
                let problem = |error: String| format!("--config {}: {error}", path.display());
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| problem(format!("{error}: name a readable TOML file")))?;
                parse_file(&text).map_err(problem)?
            }
        };
        Ok(Self { matches, file })
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        debug_assert!(is_setting(name), "{name}");
        self.matches.get_one::<String>(name).cloned().or_else(|| {
            // A number may be written without quotes.
            let value = self.file.get(name)?;
            let number = || value.as_integer().map(|number| number.to_string());
            value.as_str().map(str::to_owned).or_else(number)
        })
    }

    /// The setting parsed by its type; `accepted` describes what it accepts.
    fn number<T: FromStr>(&self, name: &str, accepted: &str) -> Result<Option<T>, String> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let number = text
            .parse()
            .map_err(|_| format!("--{name} {text:?} is not {accepted}"))?;
        Ok(Some(number))
    }

    fn flag(&self, name: &str) -> bool {
        debug_assert!(FLAGS.contains(&name), "{name}");
        let in_file = self.file.get(name).and_then(toml::Value::as_bool);
        self.matches.get_flag(name) || in_file == Some(true)
    }

    /// An option of the command line that means nothing without a server. (A variable or a file may
    /// be there for other runs.)
    pub(crate) fn option_for_a_server(&self) -> Option<&'static str> {
        let of_command_line =
            |name: &&str| self.matches.value_source(name) == Some(ValueSource::CommandLine);
        let settings = SETTINGS.into_iter().map(|(name, _)| name).chain(FLAGS);
        settings
            .filter(|name| !["user", "transport", "channel"].contains(name))
            .find(of_command_line)
    }

    /// The transport, if one is chosen.
    pub(crate) fn transport(&self) -> Result<Option<Transport>, String> {
        let chosen = self.get("transport").map(|text| text.parse::<Transport>());
        chosen
            .transpose()
            .map_err(|error| format!("--transport: {error}"))
    }
}

impl Settings {
    /// The settings of a user of a server.
    pub(crate) fn of(sources: &Sources<'_>) -> Result<Self, String> {
        let server = sources
            .get("server")
            .ok_or("--server is missing, for example --server udp://127.0.0.1:5058")?;
        let app_id = sources
            .get("app-id")
            .ok_or("--app-id is missing; a development server accepts any")?;
        let transport = sources.transport()?;
        let addresses = server
            .split(',')
            .map(|address| with_scheme(address.trim(), transport))
            .collect::<Result<Vec<String>, String>>()?;
        let app_version = sources.get("app-version").unwrap_or_else(|| "1.0".into());
        let protocol = match sources.get("protocol") {
            None => SubProtocol::GpBinaryV18,
            Some(text) => text
                .parse()
                .map_err(|error| format!("--protocol: {error}"))?,
        };
        let config = ChatConfig::new(addresses.clone(), app_id, app_version);
        let mut config = with_protocol(config, protocol).crc(sources.flag("crc"));
        if sources.flag("no-encryption") {
            config = config.encryption(Encryption::Off);
        }
        if let Some(user) = sources.get("user") {
            config = config.user_id(user);
        }
        let auth_type = sources.number::<u8>("auth-type", "a number from 0 to 255")?;
        let auth_parameters = sources.get("auth-params");
        if auth_type.is_some() || auth_parameters.is_some() {
            let values = auth_parameters.map_or_else(AuthValues::none, AuthValues::new);
            config = config.authentication(match auth_type {
                Some(auth_type) => values.auth_type(auth_type),
                None => values,
            });
        }
        if let Some(messages) = sources.number("private-history", "a number of messages")? {
            config = config.private_history(messages);
        }
        Ok(Self {
            server: shown(&addresses),
            config,
            tls: sources
                .get("ca")
                .map_or(Ok(Tls::default()), |path| trusted_certificates(&path))?,
            region: sources.get("region").unwrap_or_else(|| "eu".into()),
        })
    }

    /// The settings of a user of the embedded server.
    pub(crate) fn embedded(url: &str, user: &str, certificate: &str) -> Result<Self, String> {
        let tls = Tls::with_root(certificate.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Self {
            server: url.to_owned(),
            config: ChatConfig::new(url, "terminal", "1.0").user_id(user),
            tls,
            region: "eu".into(),
        })
    }
}

/// The address with the scheme of the chosen transport.
fn with_scheme(address: &str, transport: Option<Transport>) -> Result<String, String> {
    match (address.split_once("://"), transport) {
        (_, None) => Ok(address.to_owned()),
        (None, Some(transport)) => Ok(format!("{}://{address}", transport.scheme())),
        (Some((scheme, _)), Some(transport)) if scheme == transport.scheme() => {
            Ok(address.to_owned())
        }
        (Some((scheme, _)), Some(transport)) => Err(format!(
            "--transport {} contradicts the address {scheme}://..: leave one of them out",
            transport.scheme()
        )),
    }
}

/// The addresses with the scheme that the client takes if there is none. Spec: chat.md 2.1.
fn shown(addresses: &[String]) -> String {
    let shown = addresses.iter().map(|address| {
        if address.contains("://") {
            address.clone()
        } else {
            format!("{}://{address}", Transport::Udp.scheme())
        }
    });
    shown.collect::<Vec<String>>().join(",")
}

fn is_setting(name: &str) -> bool {
    SETTINGS.iter().any(|(known, _)| *known == name)
}

fn parse_file(text: &str) -> Result<toml::Table, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        // The error's own text repeats the line, in which may be a secret.
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.unwrap_or_default().matches('\n').count() + 1;
        format!("line {line}: {}", error.message())
    })?;
    for (key, value) in &table {
        if FLAGS.contains(&key.as_str()) {
            if !value.is_bool() {
                return Err(format!("{key} is true or false"));
            }
        } else if !is_setting(key) {
            let all: Vec<&str> = SETTINGS
                .iter()
                .map(|(name, _)| *name)
                .chain(FLAGS)
                .collect();
            return Err(format!(
                "there is no setting {key:?}: use {}",
                all.join(", ")
            ));
        } else if !value.is_str() && !value.is_integer() {
            return Err(format!("{key} is a text: write {key} = \"..\""));
        }
    }
    Ok(table)
}

/// The user's own file, where the system keeps such files.
fn user_file() -> Option<PathBuf> {
    let directory = |variable: &str| {
        env::var_os(variable)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = directory("XDG_CONFIG_HOME")
        .or_else(|| directory("APPDATA"))
        .or_else(|| directory("HOME").map(|home| home.join(".config")))?;
    Some(base.join("photon-chat.toml"))
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
    use super::{SETTINGS, parse_file, with_scheme};
    use crate::help;
    use dev_server::Transport;

    #[test]
    fn a_file_has_the_names_of_the_options() {
        let file = "server = \"tcp://h:1\"\napp-id = \"x\" # mine\nauth-type = 5\ncrc = true\n";
        assert_eq!(parse_file(file).map(|table| table.len()), Ok(4));
        for (file, expected) in [
            ("sever = \"x\"", "server, app-id"),
            ("crc = 1", "true or false"),
            ("server = [1]", "server = \"..\""),
            ("crc = true\nserver = ", "line 2"),
            ("auth-params = token=hidden", "line 1"),
        ] {
            let error = parse_file(file).unwrap_err();
            assert!(error.contains(expected), "{file}: {error}");
            assert!(!error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn a_transport_is_the_scheme_of_addresses_without_one() {
        let with = |address, transport| with_scheme(address, transport);
        assert_eq!(with("h:1", Some(Transport::Tcp)), Ok("tcp://h:1".into()));
        assert_eq!(with("h:1", None), Ok("h:1".into()));
        assert_eq!(with("ws://h:1", Some(Transport::Ws)), Ok("ws://h:1".into()));
        assert!(
            with("ws://h:1", Some(Transport::Tcp)).is_err_and(|error| error.contains("leave one"))
        );
    }

    #[test]
    fn the_help_explains_every_setting() {
        for (name, variable) in SETTINGS {
            assert!(help::PROGRAM.contains(&format!("--{name}")), "{name}");
            let expected = format!("PHOTON_{}", name.to_uppercase().replace('-', "_"));
            assert_eq!(variable, expected);
        }
    }
}
