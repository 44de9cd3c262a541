//! [`SwitchSpec`]: a field of the configuration as text, `grace-ms=500`.

use std::fmt::{self, Display, Formatter};

use super::SettingError;
use crate::config::ServerConfig;
use crate::history_order::HistoryOrder;
use crate::netem::Percent;

/// A switch with a value. As text: `SWITCH=VALUE`.
#[derive(Clone, PartialEq, Eq)]
pub struct SwitchSpec {
    switch: &'static Switch,
    value: String,
}

/// A type that a switch can have.
trait Field: Sized {
    /// How a value is written.
    const FORM: &'static str;

    fn read(text: &str) -> Option<Self>;

    fn show(&self) -> String;
}

impl Field for bool {
    const FORM: &'static str = "on|off";

    fn read(text: &str) -> Option<Self> {
        match text {
            "on" | "true" | "yes" | "1" => Some(true),
            "off" | "false" | "no" | "0" => Some(false),
            _ => None,
        }
    }

    fn show(&self) -> String {
        if *self { "on" } else { "off" }.to_owned()
    }
}

macro_rules! numbers {
    ($($number:ty => $form:literal),*) => {$(
        impl Field for $number {
            const FORM: &'static str = $form;

            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }

        impl Field for Option<$number> {
            const FORM: &'static str = concat!($form, "|none");

            fn read(text: &str) -> Option<Self> {
                if text == "none" { Some(None) } else { text.parse().ok().map(Some) }
            }

            fn show(&self) -> String {
                self.map_or_else(|| "none".to_owned(), |number| number.to_string())
            }
        }
    )*};
}

numbers! { usize => "N", u64 => "N", u32 => "N", i32 => "N (32 bit, signed)" }

impl Field for Percent {
    const FORM: &'static str = Self::FORM;

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Field for Option<String> {
    const FORM: &'static str = "TEXT|none";

    fn read(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| (text != "none").then(|| text.to_owned()))
    }

    fn show(&self) -> String {
        self.clone().unwrap_or_else(|| "none".to_owned())
    }
}

impl Field for Vec<String> {
    const FORM: &'static str = "TEXT[,TEXT]|none";

    fn read(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self::new()),
            text => {
                let all: Self = text.split(',').map(|one| one.trim().to_owned()).collect();
                all.iter().all(|one| !one.is_empty()).then_some(all)
            }
        }
    }

    fn show(&self) -> String {
        if self.is_empty() {
            "none".to_owned()
        } else {
            self.join(",")
        }
    }
}

impl Field for Vec<(String, usize)> {
    const FORM: &'static str = "NAME:N[,NAME:N]|none";

    fn read(text: &str) -> Option<Self> {
        let pair = |one: &str| {
            let (name, number) = one.trim().rsplit_once(':')?;
            (!name.is_empty()).then_some(())?;
            Some((name.to_owned(), number.parse().ok()?))
        };
        match text {
            "none" => Some(Self::new()),
            text => text.split(',').map(pair).collect(),
        }
    }

    fn show(&self) -> String {
        let all: Vec<String> = self
            .iter()
            .map(|(name, number)| format!("{name}:{number}"))
            .collect();
        if all.is_empty() {
            "none".to_owned()
        } else {
            all.join(",")
        }
    }
}

impl Field for HistoryOrder {
    const FORM: &'static str = "after|first|split|backwards|twice|late|copied-early|race";

    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.name() == text)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

struct Switch {
    name: &'static str,
    form: &'static str,
    get: fn(&ServerConfig) -> String,
    /// `None` if the text is not a value of this switch.
    set: fn(&mut ServerConfig, &str) -> Option<()>,
}

// Names are unique, and functions cannot be compared.
impl PartialEq for Switch {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Switch {}

const fn form<T: Field>(_: fn(&ServerConfig) -> &T) -> &'static str {
    T::FORM
}

macro_rules! switches {
    ($($name:literal => $($field:ident).+),* $(,)?) => {
        &[$(Switch {
            name: $name,
            form: form(|config| &config.$($field).+),
            get: |config| config.$($field).+.show(),
            set: |config, text| {
                config.$($field).+ = Field::read(text)?;
                Some(())
            },
        }),*]
    };
}

/// Every field of the configuration but the authentication rules and the faults, which have texts
/// of their own, and the front-end ports, which the driver sets.
const SWITCHES: &[Switch] = switches! {
    "app-ids" => app_ids,
    "regions" => regions,
    "allow-anonymous" => allow_anonymous,
    "token-lifetime-ms" => token_lifetime_ms,
    "token-as-bytes" => token_as_bytes,
    "renew-token" => renew_token,
    "public-host" => public_host,
    "web-socket-prefix" => web_socket_prefix,
    "max-received-bytes" => limits.max_received_bytes,
    "max-sent-bytes" => limits.max_sent_bytes,
    "max-depth" => limits.max_depth,
    "max-values" => limits.max_values,
    "max-memory-bytes" => limits.max_memory_bytes,
    "max-message-bytes" => max_message_bytes,
    "max-string-bytes" => max_string_bytes,
    "max-outgoing-bytes" => max_outgoing_bytes,
    "max-total-outgoing-bytes" => max_total_outgoing_bytes,
    "max-connections-before-login" => max_connections_before_login,
    "max-unfinished-bytes" => max_unfinished_bytes,
    "max-total-unfinished-bytes" => max_total_unfinished_bytes,
    "max-id-bytes" => max_id_bytes,
    "history-length" => history_length,
    "history-lengths" => history_lengths,
    "history-order" => history_order,
    "history-delay-ms" => history_delay_ms,
    "ignore-last-ids" => ignore_last_ids,
    "message-id-step" => message_id_step,
    "max-history-bytes" => max_history_bytes,
    "max-total-history-bytes" => max_total_history_bytes,
    "max-users" => max_users,
    "max-subscribers" => max_subscribers,
    "max-channels" => max_channels,
    "max-subscriptions" => max_subscriptions,
    "max-conversations" => max_conversations,
    "max-friends-per-request" => max_friends_per_request,
    "max-friends" => max_friends,
    "max-property-bytes" => max_property_bytes,
    "max-operations-per-second" => max_operations_per_second,
    "disconnect-over-rate" => disconnect_over_rate,
    "silence-timeout-ms" => silence_timeout_ms,
    "name-server-idle-ms" => name_server_idle_ms,
    "login-timeout-ms" => login_timeout_ms,
    "linger-ms" => linger_ms,
    "grace-ms" => grace_ms,
    "keep-channels" => keep_channels,
    "keep-sessions" => keep_sessions,
    "channel-linger-ms" => channel_linger_ms,
    "encrypt-answers" => encrypt_answers,
    "empty-responses" => empty_responses,
    "split-event-5" => split_event_5,
    "event-5-on-login" => event_5_on_login,
    "spoiled-text" => spoiled_text,
    "single-login" => single_login,
    "status-on-login" => status_on_login,
    "report-offline-friends" => report_offline_friends,
    "properties" => properties,
    "batch-messages" => batch_messages,
    "batch-ms" => batch_ms,
    "delay-ms" => delay_ms,
    "line-loss" => conditions.loss,
    "line-duplicate" => conditions.duplicate,
    "line-delay-ms" => conditions.delay_ms,
    "line-jitter-ms" => conditions.jitter_ms,
    "line-corrupt" => conditions.corrupt,
    "server-time-at-zero" => server_time_at_zero,
};

fn find(name: &str) -> Option<&'static Switch> {
    SWITCHES.iter().find(|switch| switch.name == name)
}

impl SwitchSpec {
    /// The names of all switches, each with the form of its values. A switch is a field of
    /// [`ServerConfig`]: the name has `-` for `_`. Those that begin with `line-` are fields of
    /// [`conditions`](ServerConfig::conditions).
    pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
        SWITCHES.iter().map(|switch| (switch.name, switch.form))
    }

    /// The name of the switch.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.switch.name
    }

    /// The value as text.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Parses the two sides of `SWITCH=VALUE`; `None` if there is no such switch.
    pub(super) fn parse(name: &str, value: &str) -> Option<Result<Self, SettingError>> {
        let switch = find(name)?;
        let mut config = ServerConfig::new();
        Some(match (switch.set)(&mut config, value) {
            Some(()) => Ok(Self {
                switch,
                value: (switch.get)(&config),
            }),
            None => Err(SettingError::Value {
                name: switch.name,
                value: value.to_owned(),
                form: switch.form,
            }),
        })
    }

    /// The switch of this name with its default.
    pub(super) fn default_of(name: &str) -> Option<Self> {
        let switch = find(name)?;
        let value = (switch.get)(&ServerConfig::new());
        Some(Self { switch, value })
    }

    pub(super) fn set(&self, config: &mut ServerConfig) {
        let set = (self.switch.set)(config, &self.value);
        debug_assert!(set.is_some(), "{self} was parsed before");
    }
}

impl Display for SwitchSpec {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}={}", self.switch.name, self.value)
    }
}

impl fmt::Debug for SwitchSpec {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "SwitchSpec({self})")
    }
}

impl ServerConfig {
    /// The value of a switch as text; `None` if there is no switch of this name.
    #[must_use]
    pub fn switch(&self, name: &str) -> Option<String> {
        find(name).map(|switch| (switch.get)(self))
    }
}
