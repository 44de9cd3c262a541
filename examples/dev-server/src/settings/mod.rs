//! The one grammar of faults and switches, for command lines, the control interface and tests.
//!
//! ```text
//! setting = STEP=FAULT[:ARG] [xN]     a fault at a step, for the next N times
//!         | SWITCH=VALUE              a field of the configuration
//!         | ALIAS                     a short name for some of the above
//! ```
//!
//! The tables of steps, faults, switches and aliases below are the only ones: parsing, printing,
//! `--help`, the command `help` and every error text read them.

mod aliases;
mod fault_spec;
mod switches;

use std::fmt::{self, Display, Formatter};

pub use aliases::Alias;
pub use fault_spec::{FaultSpec, Times};
pub(crate) use fault_spec::{SERVER_LOGIC, parse_reason, reasons};
pub use switches::SwitchSpec;

use crate::config::ServerConfig;
use fault_spec::{fault_forms, step, step_names};

/// One instruction to the server: a fault, or a switch with its value. Its text can be parsed again
/// and stands for the same.
///
/// ```
/// use dev_server::Setting;
///
/// let texts = |text| -> Result<Vec<String>, _> {
///     Ok::<_, dev_server::SettingError>(Setting::parse(text)?.iter().map(Setting::to_string).collect())
/// };
/// assert_eq!(texts("publish=refuse:32743:slow down x2")?, ["publish=refuse:32743:slow down x2"]);
/// assert_eq!(texts("properties=yes")?, ["properties=on"]);
/// assert_eq!(texts("drop-auth-answer")?, ["authenticate-ns=silent", "authenticate-fe=silent"]);
/// # Ok::<(), dev_server::SettingError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// Switches a fault on.
    Fault(FaultSpec),
    /// Sets a switch.
    Switch(SwitchSpec),
}

/// The error of parsing a [`Setting`]. Its text lists what is allowed instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// The text has no `=` and is not an alias.
    #[error(
        "there is no setting called {0:?}: write STEP=FAULT, SWITCH=VALUE or one of {list}",
        list = Alias::all().map(|alias| alias.form).collect::<Vec<_>>().join(", ")
    )]
    Name(String),
    /// The text before `=` is neither a step nor a switch.
    #[error(
        "there is no step or switch {0:?}: write one of the steps {steps}, or one of the switches {switches}",
        steps = step_names().collect::<Vec<_>>().join(" "),
        switches = SwitchSpec::all().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
    )]
    Key(String),
    /// The text after `STEP=` is not a fault.
    #[error(
        "there is no fault {0:?}: write one of {list}",
        list = fault_forms().collect::<Vec<_>>().join(" ")
    )]
    Fault(String),
    /// The fault has a missing or wrong argument.
    #[error(
        "the fault {name:?} is written {form}; a CODE is a number or one of {list}",
        list = reasons().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
    )]
    Argument {
        /// The name of the fault.
        name: &'static str,
        /// How the fault is written.
        form: &'static str,
    },
    /// The alias has a missing or wrong argument.
    #[error("write {0}")]
    Alias(String),
    /// The switch does not take this value.
    #[error("{value:?} is not a value of {name}: write {form}")]
    Value {
        /// The name of the switch.
        name: &'static str,
        /// The rejected value.
        value: String,
        /// How a value is written.
        form: &'static str,
    },
    /// The text before `=` is a step and a switch, and the text after it is neither a fault nor a
    /// value.
    #[error("{0}; as a switch, {1}")]
    Both(Box<Self>, Box<Self>),
    /// A number of times after something that is not a fault.
    #[error("{0} is a switch, which cannot be counted: leave out the number of times")]
    Counted(String),
    /// A number of times that is zero or too large.
    #[error("{0:?} is not a number of times: write x1 up to x4294967295, or x* for always")]
    Times(String),
}

impl Setting {
    /// Parses one setting, or an alias, which may stand for several.
    ///
    /// # Errors
    /// [`SettingError`] if any part is wrong.
    pub fn parse(text: &str) -> Result<Vec<Self>, SettingError> {
        let text = text.trim();
        // An alias first: those without an argument have no `=`, and an argument may have one.
        match aliases::expand(text)? {
            Some(texts) => texts.iter().map(|text| Self::parse_one(text)).collect(),
            None if text.contains('=') => Ok(vec![Self::parse_one(text)?]),
            None => Err(SettingError::Name(text.to_owned())),
        }
    }

    fn parse_one(text: &str) -> Result<Self, SettingError> {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        let (key, value) = (key.trim_end(), value.trim());
        let switch = SwitchSpec::parse(key, value);
        let Some(step) = step(key) else {
            return match switch {
                Some(Ok(switch)) => Ok(Self::Switch(switch)),
                // A value that ends in a number of times was meant to be counted.
                Some(Err(error)) => match Times::split(value)? {
                    (_, Some(_)) => Err(SettingError::Counted(key.to_owned())),
                    (_, None) => Err(error),
                },
                None => Err(SettingError::Key(key.to_owned())),
            };
        };
        // `regions` and `properties` are both a step and a switch; the value decides.
        match (FaultSpec::parse(step, value), switch) {
            (Ok(spec), _) => Ok(Self::Fault(spec)),
            (Err(_), Some(Ok(switch))) => Ok(Self::Switch(switch)),
            (Err(fault), Some(Err(switch))) => {
                Err(SettingError::Both(Box::new(fault), Box::new(switch)))
            }
            (Err(error), None) => Err(error),
        }
    }

    /// The names of all steps.
    pub fn steps() -> impl Iterator<Item = &'static str> {
        step_names()
    }

    /// The form of each fault, for example `refuse:CODE[:TEXT]`. CODE is a number or a name of
    /// [`reasons`](Self::reasons).
    pub fn faults() -> impl Iterator<Item = &'static str> {
        fault_forms()
    }

    /// The names that a CODE can have, with the numbers that are sent.
    pub fn reasons() -> impl Iterator<Item = (&'static str, i16)> {
        reasons()
    }
}

impl Display for Setting {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(spec) => spec.fmt(out),
            Self::Switch(switch) => switch.fmt(out),
        }
    }
}

impl ServerConfig {
    /// Applies a setting or an alias from text, and returns the settings that it stands for.
    ///
    /// # Errors
    /// [`SettingError`] if the text is wrong; nothing changes then.
    ///
    /// ```
    /// use dev_server::ServerConfig;
    ///
    /// let mut config = ServerConfig::new();
    /// config.apply("drop-auth-answer fe x1")?;
    /// config.apply("publish=refuse:32743:slow down")?;
    /// config.apply("max-users=20")?;
    /// assert_eq!((config.max_users, config.faults.active().count()), (Some(20), 2));
    /// # Ok::<(), dev_server::SettingError>(())
    /// ```
    pub fn apply(&mut self, text: &str) -> Result<Vec<Setting>, SettingError> {
        let settings = Setting::parse(text)?;
        for setting in &settings {
            match setting {
                Setting::Fault(spec) => spec.switch_on(&mut self.faults),
                Setting::Switch(switch) => switch.set(self),
            }
        }
        Ok(settings)
    }

    /// Revokes a setting: switches the faults off that this text switches on, whatever their number
    /// of times, and sets switches to their default. The name of a step alone stands for all faults
    /// at that step, the name of a switch (or `delay`) for any value of it. Returns whether anything
    /// changed.
    ///
    /// # Errors
    /// [`SettingError`] if the text is wrong.
    pub fn revoke(&mut self, text: &str) -> Result<bool, SettingError> {
        let text = text.trim();
        if let Some(step) = step(text) {
            let any = self.faults.active().any(|(at, ..)| at == step);
            self.faults.off(step);
            return Ok(any);
        }
        let settings = match Setting::parse(text) {
            // The alias `delay` without its argument.
            Err(SettingError::Alias(_)) if text == "delay" => Setting::parse("delay-ms=0")?,
            Err(SettingError::Name(name)) => match SwitchSpec::default_of(&name) {
                Some(switch) => vec![Setting::Switch(switch)],
                None => return Err(SettingError::Name(name)),
            },
            parsed => parsed?,
        };
        let mut any = false;
        for setting in settings {
            any |= match setting {
                Setting::Fault(spec) => self.faults.off_fault(spec.step, &spec.fault),
                Setting::Switch(switch) => self.reset(switch.name()),
            };
        }
        Ok(any)
    }

    /// Switches all faults off, and the delay of the alias `delay`.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
        self.delay_ms = 0;
    }

    /// The faults that are on, and the delay if there is one, as [`apply`](Self::apply) takes them.
    #[must_use]
    pub fn active_faults(&self) -> Vec<String> {
        let specs = self.faults.active().map(|(step, fault, left)| {
            let times = left.map_or(Times::Always, Times::Next);
            let fault = fault.clone();
            FaultSpec { step, fault, times }.to_string()
        });
        let delay = (self.delay_ms > 0).then(|| format!("delay-ms={}", self.delay_ms));
        specs.chain(delay).collect()
    }

    /// Sets a switch to its default; returns whether it had another value.
    fn reset(&mut self, switch: &str) -> bool {
        let before = self.switch(switch);
        let default = SwitchSpec::default_of(switch);
        debug_assert!(default.is_some(), "there is no switch {switch}");
        if let Some(default) = default {
            default.set(self);
        }
        before != self.switch(switch)
    }
}

#[cfg(test)]
mod tests;
