//! [`Alias`]: the short names of the settings that tests and users need most.

use super::SettingError;
use super::fault_spec::Times;

/// A short name and the settings that it stands for. A word in capital letters in both is the
/// argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The alias with its argument, for example `delay MS`.
    pub form: &'static str,
    /// The settings, for example `delay-ms=MS`.
    pub settings: &'static [&'static str],
}

/// Every alias. One with an argument follows the same name without one.
const ALIASES: [Alias; 24] = [
    alias(
        "drop-auth-answer",
        &["authenticate-ns=silent", "authenticate-fe=silent"],
    ),
    alias("drop-auth-answer ns", &["authenticate-ns=silent"]),
    alias("drop-auth-answer fe", &["authenticate-fe=silent"]),
    alias(
        "close-after-auth",
        &["authenticate-ns=close-after", "authenticate-fe=close-after"],
    ),
    alias("close-after-auth ns", &["authenticate-ns=close-after"]),
    alias("close-after-auth fe", &["authenticate-fe=close-after"]),
    alias(
        "wrong-array-lengths",
        &[
            "regions=wrong-lengths",
            "subscribe=wrong-lengths",
            "publish=wrong-lengths",
        ],
    ),
    alias("duplicate-event-5", &["subscribe=duplicate"]),
    alias("split-event-5", &["subscribe=split"]),
    alias("foreign-event-5", &["subscribe=foreign:never-asked-for"]),
    alias("foreign-event-5 CHANNELS", &["subscribe=foreign:CHANNELS"]),
    alias("messages-before-event-5", &["subscribe=messages-first"]),
    alias("no-event-5", &["subscribe=no-event"]),
    alias("hook-says-no", &["subscribe=deny"]),
    alias("delay MS", &["delay-ms=MS"]),
    alias("disconnect-REASON", &["authenticate-fe=disconnect:REASON"]),
    alias("disconnect-REASON STEP", &["STEP=disconnect:REASON"]),
    alias("expire-tokens", &["authenticate-fe=expired-token"]),
    alias("byte-array-token", &["authenticate-ns=bytes-token"]),
    alias("user-id-override ID", &["authenticate-ns=user-id:ID"]),
    alias("missing-address", &["authenticate-ns=no-address"]),
    alias("missing-token", &["authenticate-ns=no-token"]),
    alias("wrong-auth-types", &["authenticate-ns=wrong-types"]),
    alias("mute", &["ping-ns=mute", "ping-fe=mute"]),
];

const fn alias(form: &'static str, settings: &'static [&'static str]) -> Alias {
    Alias { form, settings }
}

impl Alias {
    /// All aliases.
    pub fn all() -> impl Iterator<Item = Self> {
        ALIASES.into_iter()
    }

    fn name(self) -> &'static str {
        self.form.split(' ').next().unwrap_or(self.form)
    }

    fn argument(self) -> &'static str {
        self.form
            .split_once(' ')
            .map_or("", |(_, argument)| argument)
    }

    /// The settings for this text, if it has the form of the alias.
    fn settings_of(self, name: &str, argument: &str) -> Option<Vec<String>> {
        let mut values = Vec::new();
        values.extend(captured(self.name(), name)?);
        values.extend(match self.argument() {
            "" if !argument.is_empty() => return None,
            form if is_placeholder(form) && argument.is_empty() => return None,
            form => captured(form, argument)?,
        });
        let fill = |setting: &&str| {
            values
                .iter()
                .fold((*setting).to_owned(), |text, (placeholder, value)| {
                    text.replacen(placeholder, value, 1)
                })
        };
        Some(self.settings.iter().map(fill).collect())
    }
}

/// Whether a word stands for an argument.
fn is_placeholder(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Compares a text with a form, the end of which may be a placeholder in capital letters. `None` if
/// they differ; otherwise the placeholder, if there is one, and its value.
fn captured<'a>(form: &'static str, text: &'a str) -> Option<Option<(&'static str, &'a str)>> {
    let at = form
        .find(|letter: char| letter.is_ascii_uppercase())
        .unwrap_or(form.len());
    let (fixed, placeholder) = form.split_at(at);
    let value = text.strip_prefix(fixed)?;
    match placeholder {
        "" => value.is_empty().then_some(None),
        placeholder => (!value.is_empty()).then_some(Some((placeholder, value))),
    }
}

/// The settings that a text stands for, each with the number of times at its end. `None` if the
/// text does not begin with an alias.
pub(super) fn expand(text: &str) -> Result<Option<Vec<String>>, SettingError> {
    let name = text.split(char::is_whitespace).next().unwrap_or(text);
    // A first word with an equals sign is a setting.
    if name.contains('=') {
        return Ok(None);
    }
    let named: Vec<Alias> = Alias::all()
        .filter(|alias| captured(alias.name(), name).is_some())
        .collect();
    if named.is_empty() {
        return Ok(None);
    }
    let (body, times) = Times::split(text)?;
    let argument = body.strip_prefix(name).unwrap_or_default().trim();
    let matching = named
        .iter()
        .find_map(|alias| alias.settings_of(name, argument));
    let Some(mut settings) = matching else {
        let forms: Vec<&str> = named.iter().map(|alias| alias.form).collect();
        return Err(SettingError::Alias(forms.join(", or ")));
    };
    if let Some(times) = times {
        for setting in &mut settings {
            setting.push_str(&format!(" {times}"));
        }
    }
    Ok(Some(settings))
}
