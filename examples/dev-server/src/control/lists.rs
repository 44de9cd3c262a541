//! The answers of the control interface that list something.

use std::fmt::Write;

use super::COMMANDS;
use crate::core::ServerCore;
use crate::settings::{Alias, Setting, SwitchSpec};

impl ServerCore {
    pub(super) fn list_faults(&self) -> String {
        listed("faults", &self.config().active_faults())
    }

    pub(super) fn list_switches(&self) -> String {
        let values = SwitchSpec::all().map(|(name, _)| {
            let value = self.config().switch(name);
            debug_assert!(value.is_some(), "{name} is in the table");
            format!("{name}={}", value.unwrap_or_default())
        });
        listed("switches", &values.collect::<Vec<_>>())
    }

    pub(super) fn list_channels(&self) -> String {
        let all: Vec<String> = self
            .channels()
            .iter()
            .map(|one| {
                let users: Vec<String> = one
                    .subscribers
                    .iter()
                    .map(|user| format!("{:?}", user.as_str()))
                    .collect();
                format!(
                    "{:?} app={:?} version={:?} last-id={} kept={} users=[{}]",
                    one.name.as_str(),
                    one.app_id.as_str(),
                    one.app_version.as_str(),
                    one.last_id,
                    one.history,
                    users.join(", ")
                )
            })
            .collect();
        listed("channels", &all)
    }

    pub(super) fn list_users(&self) -> String {
        let all: Vec<String> = self
            .users()
            .iter()
            .map(|one| {
                format!(
                    "{:?} app={:?} version={:?} connections={} channels={} friends={} status={}",
                    one.user_id.as_str(),
                    one.app_id.as_str(),
                    one.app_version.as_str(),
                    one.connections,
                    one.channels,
                    one.friends,
                    one.status
                )
            })
            .collect();
        listed("users", &all)
    }

    pub(super) fn list_stats(&self) -> String {
        let stats = self.stats();
        let mut line = String::from("stats:");
        for (name, value) in [
            ("connections", stats.connections as u64),
            ("users", stats.users as u64),
            ("channels", stats.channels as u64),
            ("conversations", stats.conversations as u64),
            ("history-bytes", stats.history_bytes as u64),
            ("accepted", stats.accepted),
            ("logins", stats.logins),
            ("sessions", stats.sessions),
            ("messages", stats.messages),
            ("private-messages", stats.private_messages),
            ("events", stats.events),
            ("bad-messages", stats.bad_messages),
            ("bad-connections", stats.bad_connections),
            ("overrun-connections", stats.overrun_connections),
            ("silent-connections", stats.silent_connections),
            ("half-open", stats.half_open as u64),
            ("expired", stats.expired),
            ("displaced", stats.displaced),
            ("strangers", stats.strangers),
            ("replaced", stats.replaced),
            ("refused", stats.refused),
            ("downgraded", stats.downgraded),
        ] {
            let _ = write!(line, " {name}={value}");
        }
        line
    }
}

/// The number of items, then the items.
fn listed(items: &str, all: &[String]) -> String {
    if all.is_empty() {
        format!("0 {items}")
    } else {
        format!("{} {items}: {}", all.len(), all.join("; "))
    }
}

pub(super) fn help(topic: &str) -> Result<String, String> {
    let all: Vec<String> = match topic {
        "" => COMMANDS
            .iter()
            .map(|(form, _)| (*form).to_owned())
            .collect(),
        "faults" => {
            let steps = Setting::steps().collect::<Vec<_>>().join(" ");
            let faults = Setting::faults().collect::<Vec<_>>().join(" ");
            let aliases = Alias::all().map(|alias| alias.form.to_owned());
            aliases
                .chain([format!(
                    "or STEP=FAULT with steps: {steps}, and faults: {faults}"
                )])
                .collect()
        }
        "switches" => SwitchSpec::all()
            .map(|(name, form)| format!("{name} {form}"))
            .collect(),
        "reasons" => Setting::reasons()
            .map(|(name, code)| format!("{name} {code}"))
            .collect(),
        other => {
            return Err(format!(
                "there is no help about {other:?}: write help, or help faults|switches|reasons"
            ));
        }
    };
    Ok(all.join("; "))
}
