//! Settings by name and as text, for command lines and the control interface: `grace-ms=500`.

use crate::config::ServerConfig;
use crate::netem::Percent;

/// Text that sets no switch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SwitchError {
    /// Not of the form `SWITCH=VALUE`.
    #[error("a switch is set with SWITCH=VALUE, e.g. grace-ms=500")]
    Form,
    /// No switch has this name.
    #[error("there is no switch {0:?}")]
    Unknown(String),
    /// The switch does not take this value.
    #[error("{value:?} is no value of {name}: write {form}")]
    Value {
        /// The switch.
        name: &'static str,
        /// What was written.
        value: String,
        /// What can be written.
        form: &'static str,
    },
}

/// A type of settings.
trait Setting: Sized {
    /// How a value is written.
    const FORM: &'static str;

    fn read(text: &str) -> Option<Self>;

    fn show(&self) -> String;
}

impl Setting for bool {
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
        impl Setting for $number {
            const FORM: &'static str = $form;

            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }

        impl Setting for Option<$number> {
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

impl Setting for Percent {
    const FORM: &'static str = Self::FORM;

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for Option<String> {
    const FORM: &'static str = "TEXT|none";

    fn read(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| (text != "none").then(|| text.to_owned()))
    }

    fn show(&self) -> String {
        self.clone().unwrap_or_else(|| "none".to_owned())
    }
}

impl Setting for Vec<String> {
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

struct Switch {
    name: &'static str,
    form: &'static str,
    get: fn(&ServerConfig) -> String,
    set: fn(&mut ServerConfig, &str) -> Option<()>,
}

const fn form<T: Setting>(_: fn(&ServerConfig) -> &T) -> &'static str {
    T::FORM
}

macro_rules! switches {
    ($($name:literal => $($field:ident).+),* $(,)?) => {
        &[$(Switch {
            name: $name,
            form: form(|config| &config.$($field).+),
            get: |config| config.$($field).+.show(),
            set: |config, text| {
                config.$($field).+ = Setting::read(text)?;
                Some(())
            },
        }),*]
    };
}

/// Every setting but the two tables, which have their own texts (`AuthRule` and `FaultSpec`), and the front-end port,
/// which is the driver's.
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
    "max-id-bytes" => max_id_bytes,
    "history-length" => history_length,
    "max-history-bytes" => max_history_bytes,
    "max-total-history-bytes" => max_total_history_bytes,
    "max-users" => max_users,
    "max-subscribers" => max_subscribers,
    "max-subscriptions" => max_subscriptions,
    "max-conversations" => max_conversations,
    "max-friends-per-request" => max_friends_per_request,
    "max-friends" => max_friends,
    "max-property-bytes" => max_property_bytes,
    "max-operations-per-second" => max_operations_per_second,
    "disconnect-over-rate" => disconnect_over_rate,
    "silence-timeout-ms" => silence_timeout_ms,
    "name-server-idle-ms" => name_server_idle_ms,
    "linger-ms" => linger_ms,
    "grace-ms" => grace_ms,
    "channel-linger-ms" => channel_linger_ms,
    "encrypt-answers" => encrypt_answers,
    "empty-responses" => empty_responses,
    "split-event-5" => split_event_5,
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

impl ServerConfig {
    /// The names of all switches, each with how its values are written. A switch is a field of this type: the name has
    /// `-` for `_`. Those that begin with `line-` are fields of [`line`](Self::line).
    pub fn switches() -> impl Iterator<Item = (&'static str, &'static str)> {
        SWITCHES.iter().map(|switch| (switch.name, switch.form))
    }

    /// The value of a switch as text; `None` if there is no switch of this name.
    #[must_use]
    pub fn switch(&self, name: &str) -> Option<String> {
        find(name).map(|switch| (switch.get)(self))
    }

    /// Sets a switch from text.
    ///
    /// # Errors
    /// [`SwitchError`] if there is no such switch, or if it does not take this value; nothing changes then.
    ///
    /// ```
    /// use dev_server::ServerConfig;
    ///
    /// let mut config = ServerConfig::new();
    /// config.set_switch("max-users", "20")?;
    /// assert_eq!((config.max_users, config.switch("max-users")), (Some(20), Some("20".to_owned())));
    /// # Ok::<(), dev_server::SwitchError>(())
    /// ```
    pub fn set_switch(&mut self, name: &str, value: &str) -> Result<(), SwitchError> {
        let switch = find(name).ok_or_else(|| SwitchError::Unknown(name.to_owned()))?;
        (switch.set)(self, value).ok_or_else(|| SwitchError::Value {
            name: switch.name,
            value: value.to_owned(),
            form: switch.form,
        })
    }

    /// Sets a switch from text of the form `SWITCH=VALUE`.
    ///
    /// # Errors
    /// As [`set_switch`](Self::set_switch), and [`SwitchError::Form`].
    pub fn set_switch_spec(&mut self, text: &str) -> Result<(), SwitchError> {
        let (name, value) = text.split_once('=').ok_or(SwitchError::Form)?;
        self.set_switch(name.trim(), value.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_takes_what_it_shows_and_is_a_field_by_that_name() {
        let mut config = ServerConfig::new();
        let fields = format!("{config:?}");
        for (name, form) in ServerConfig::switches() {
            let shown = config.switch(name).unwrap();
            config.set_switch(name, &shown).unwrap();
            assert_eq!(config.switch(name), Some(shown), "{name}");
            let field = name.strip_prefix("line-").unwrap_or(name).replace('-', "_");
            assert!(
                !form.is_empty() && fields.contains(&format!("{field}: ")),
                "{name}"
            );
            let other = match form {
                "on|off" if config.switch(name).unwrap() == "on" => "off",
                "on|off" => "on",
                _ => "17",
            };
            config.set_switch(name, other).unwrap();
            assert_eq!(config.switch(name).as_deref(), Some(other), "{name}");
        }
    }

    #[test]
    fn wrong_text_says_what_to_write_and_changes_nothing() {
        let mut config = ServerConfig::new();
        let mut error = |text: &str| config.set_switch_spec(text).unwrap_err().to_string();
        assert_eq!(
            error("grace-ms"),
            "a switch is set with SWITCH=VALUE, e.g. grace-ms=500"
        );
        assert_eq!(error("grace=1"), "there is no switch \"grace\"");
        assert_eq!(
            error("grace-ms=-1"),
            "\"-1\" is no value of grace-ms: write N"
        );
        assert_eq!(
            error("properties=maybe"),
            "\"maybe\" is no value of properties: write on|off"
        );
        assert_eq!(
            error("max-users=x"),
            "\"x\" is no value of max-users: write N|none"
        );
        assert_eq!(
            error("line-loss=101"),
            "\"101\" is no value of line-loss: write PERCENT (0 to 100)"
        );
        assert_eq!(
            error("regions=eu,,us"),
            "\"eu,,us\" is no value of regions: write TEXT[,TEXT]|none"
        );
        assert_eq!(
            error("public-host="),
            "\"\" is no value of public-host: write TEXT|none"
        );
        assert_eq!(
            (config.grace_ms, config.regions.len(), config.max_users),
            (10_000, 3, None)
        );
    }
}
