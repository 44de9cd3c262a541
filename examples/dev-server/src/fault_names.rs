//! Short names for the faults that tests want most: `drop-auth-answer`, `delay 200`. Spec: chat.md 12, fault switches.

use crate::config::ServerConfig;
use crate::connections::ServerKind;
use crate::fault_spec::{FaultSpec, FaultSpecError};
use crate::faults::{Fault, Step};
use chat_core::codes::return_code;

const NAME_SERVER: Step = Step::Authenticate(ServerKind::NameServer);
const FRONT_END: Step = Step::Authenticate(ServerKind::FrontEnd);

/// What a name stands for.
enum Meaning {
    /// The answer to authenticate, on both servers or on the one given as `ns` or `fe`.
    Answer(Fault),
    /// This, wherever else it happens.
    Fault(&'static [Step], Fault),
    /// A fault made of the rest of the text.
    WithText(Step, fn(&str) -> Fault),
    /// Channels that nobody asked for, as given or of the server's choice.
    Foreign,
    /// A disconnect message with this reason, instead of the answer to authenticate on the front end or at the step
    /// given.
    Disconnect(i16),
    /// Everything is held back for as long as given.
    Delay,
}

/// The reason for ending a connection that the server's own rules want gone. Spec: udp.md 7.2.
pub(crate) const SERVER_LOGIC: i16 = 1;

/// Reasons of [`Meaning::Disconnect`] by name: those of udp.md 7.2, then return codes.
const REASONS: [(&str, i16); 11] = [
    ("server-logic", SERVER_LOGIC),
    ("server-timeout", 2),
    ("user-limit", 3),
    ("unknown", 99),
    ("internal-error", return_code::INTERNAL_SERVER_ERROR),
    ("not-allowed", return_code::NOT_ALLOWED_IN_STATE),
    (
        "invalid-authentication",
        return_code::INVALID_AUTHENTICATION,
    ),
    ("server-full", return_code::SERVER_FULL),
    ("max-ccu", return_code::MAX_CCU_REACHED),
    ("ticket-expired", return_code::AUTHENTICATION_TICKET_EXPIRED),
    ("operation-limit", return_code::OPERATION_LIMIT_REACHED),
];

/// Disconnect reasons by name. Only the numbers are sent.
pub(crate) fn reasons() -> impl Iterator<Item = (&'static str, i16)> {
    REASONS.into_iter()
}

/// How each name is written.
const FORMS: [&str; 18] = [
    "drop-auth-answer [ns|fe]",
    "close-after-auth [ns|fe]",
    "wrong-array-lengths",
    "duplicate-event-5",
    "split-event-5",
    "foreign-event-5 [CHANNEL,..]",
    "messages-before-event-5",
    "no-event-5",
    "hook-says-no",
    "delay MS",
    "disconnect-REASON [STEP]",
    "expire-tokens",
    "byte-array-token",
    "user-id-override ID",
    "missing-address",
    "missing-token",
    "wrong-auth-types",
    "mute",
];

fn meaning(name: &str) -> Option<Meaning> {
    const SUBSCRIBE: &[Step] = &[Step::Subscribe];
    const LOGIN: &[Step] = &[NAME_SERVER];
    Some(match name {
        "drop-auth-answer" => Meaning::Answer(Fault::Silent),
        "close-after-auth" => Meaning::Answer(Fault::CloseAfter),
        "wrong-array-lengths" => Meaning::Fault(
            &[Step::GetRegions, Step::Subscribe, Step::Publish],
            Fault::WrongLengths,
        ),
        "duplicate-event-5" => Meaning::Fault(SUBSCRIBE, Fault::Duplicate),
        "split-event-5" => Meaning::Fault(SUBSCRIBE, Fault::Split),
        "foreign-event-5" => Meaning::Foreign,
        "messages-before-event-5" => Meaning::Fault(SUBSCRIBE, Fault::MessagesFirst),
        "no-event-5" => Meaning::Fault(SUBSCRIBE, Fault::NoEvent),
        "hook-says-no" => Meaning::Fault(SUBSCRIBE, Fault::Deny),
        "delay" => Meaning::Delay,
        "expire-tokens" => Meaning::Fault(&[FRONT_END], Fault::ExpiredToken),
        "byte-array-token" => Meaning::Fault(LOGIN, Fault::BytesToken),
        "user-id-override" => Meaning::WithText(NAME_SERVER, |id| Fault::UserId(id.to_owned())),
        "missing-address" => Meaning::Fault(LOGIN, Fault::OmitAddress),
        "missing-token" => Meaning::Fault(LOGIN, Fault::OmitToken),
        "wrong-auth-types" => Meaning::Fault(LOGIN, Fault::WrongTypes),
        "mute" => Meaning::Fault(
            &[
                Step::Ping(ServerKind::NameServer),
                Step::Ping(ServerKind::FrontEnd),
            ],
            Fault::Mute,
        ),
        name => {
            let reason = name.strip_prefix("disconnect-")?;
            Meaning::Disconnect(REASONS.iter().find(|(known, _)| *known == reason)?.1)
        }
    })
}

/// What some text asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Wanted {
    Faults(Vec<FaultSpec>),
    DelayMs(u64),
}

/// Reads `STEP=FAULT`, or a short name with its argument.
pub(crate) fn wanted(text: &str) -> Result<Wanted, FaultSpecError> {
    let text = text.trim();
    let (name, argument) = match text.split_once(char::is_whitespace) {
        Some((name, argument)) => (name, argument.trim()),
        None => (text, ""),
    };
    let Some(meaning) = meaning(name) else {
        return if name.contains('=') {
            text.parse().map(|spec| Wanted::Faults(vec![spec]))
        } else {
            Err(FaultSpecError::Name(name.to_owned()))
        };
    };
    let form = FORMS
        .iter()
        .copied()
        .find(|form| form.split(' ').next() == Some(name))
        .unwrap_or(DISCONNECT_FORM);
    let wrong = || FaultSpecError::ShortForm(form);
    let all = |steps: &[Step], fault: &Fault| {
        steps
            .iter()
            .map(|step| FaultSpec {
                step: *step,
                fault: fault.clone(),
            })
            .collect::<Vec<_>>()
    };
    Ok(Wanted::Faults(match meaning {
        Meaning::Answer(fault) => match argument {
            "" => all(&[NAME_SERVER, FRONT_END], &fault),
            "ns" => all(&[NAME_SERVER], &fault),
            "fe" => all(&[FRONT_END], &fault),
            _ => return Err(wrong()),
        },
        Meaning::Fault(steps, fault) if argument.is_empty() => all(steps, &fault),
        Meaning::Fault(..) => return Err(wrong()),
        Meaning::WithText(..) if argument.is_empty() => return Err(wrong()),
        Meaning::WithText(step, fault) => all(&[step], &fault(argument)),
        Meaning::Foreign => {
            let names = if argument.is_empty() {
                "never-asked-for"
            } else {
                argument
            };
            let names = names
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect();
            all(&[Step::Subscribe], &Fault::ForeignChannels(names))
        }
        Meaning::Disconnect(code) => {
            let step = match argument {
                "" => FRONT_END,
                step => {
                    FaultSpec::step(step).ok_or_else(|| FaultSpecError::Step(step.to_owned()))?
                }
            };
            all(
                &[step],
                &Fault::Disconnect {
                    code,
                    text: String::new(),
                },
            )
        }
        Meaning::Delay => return argument.parse().map(Wanted::DelayMs).map_err(|_| wrong()),
    }))
}

const DISCONNECT_FORM: &str = "disconnect-REASON [STEP]";

impl ServerConfig {
    /// How the short names of faults are written.
    pub fn fault_names() -> impl Iterator<Item = &'static str> {
        FORMS.into_iter()
    }

    /// What REASON in [`fault_names`](Self::fault_names) can be, with the number that is sent.
    pub fn disconnect_reasons() -> impl Iterator<Item = (&'static str, i16)> {
        reasons()
    }

    /// Switches a fault on: `STEP=FAULT` as [`FaultSpec`] has it, or a short name. With `times` it happens that often,
    /// else until it is switched off; `delay`, which sets [`delay_ms`](Self::delay_ms), cannot be counted.
    ///
    /// # Errors
    /// [`FaultSpecError`] for anything else; nothing is switched on then.
    ///
    /// ```
    /// use dev_server::ServerConfig;
    ///
    /// let mut config = ServerConfig::new();
    /// config.switch_fault_on("drop-auth-answer fe", Some(1))?;
    /// config.switch_fault_on("publish=refuse:32743:slow down", None)?;
    /// config.switch_fault_on("delay 200", None)?;
    /// assert_eq!(config.delay_ms, 200);
    /// # Ok::<(), dev_server::FaultSpecError>(())
    /// ```
    pub fn switch_fault_on(
        &mut self,
        text: &str,
        times: Option<u32>,
    ) -> Result<(), FaultSpecError> {
        match (wanted(text)?, times) {
            (Wanted::DelayMs(ms), None) => self.delay_ms = ms,
            (Wanted::DelayMs(_), Some(_)) => return Err(FaultSpecError::Uncounted),
            (Wanted::Faults(all), times) => {
                for FaultSpec { step, fault } in all {
                    match times {
                        Some(times) => self.faults.times(step, fault, times),
                        None => self.faults.on(step, fault),
                    };
                }
            }
        }
        Ok(())
    }

    /// Switches a fault off: what was switched on with this text, or everything at a step. Whether any was on.
    ///
    /// # Errors
    /// [`FaultSpecError`] if the text is neither a step nor a fault. A name that needs an argument is given with the same
    /// one, `delay` with any or none.
    pub fn switch_fault_off(&mut self, text: &str) -> Result<bool, FaultSpecError> {
        let text = text.trim();
        if let Some(step) = FaultSpec::step(text) {
            let any = self.faults.active().any(|(at, ..)| at == step);
            self.faults.off(step);
            return Ok(any);
        }
        let wanted = if text == "delay" {
            Wanted::DelayMs(0)
        } else {
            wanted(text)?
        };
        Ok(match wanted {
            Wanted::DelayMs(_) => std::mem::take(&mut self.delay_ms) > 0,
            Wanted::Faults(all) => {
                let mut any = false;
                for FaultSpec { step, fault } in all {
                    any |= self.faults.off_fault(step, &fault);
                }
                any
            }
        })
    }

    /// Switches all faults off, `delay` included.
    pub fn switch_faults_off(&mut self) {
        self.faults.clear();
        self.delay_ms = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs(text: &str) -> String {
        match wanted(text).unwrap() {
            Wanted::Faults(all) => all
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
            Wanted::DelayMs(ms) => format!("{ms} ms"),
        }
    }

    #[test]
    fn names_stand_for_faults() {
        for (text, expected) in [
            (
                "drop-auth-answer",
                "authenticate-ns=silent authenticate-fe=silent",
            ),
            ("drop-auth-answer  ns ", "authenticate-ns=silent"),
            ("close-after-auth fe", "authenticate-fe=close-after"),
            (
                "wrong-array-lengths",
                "regions=wrong-lengths subscribe=wrong-lengths publish=wrong-lengths",
            ),
            ("duplicate-event-5", "subscribe=duplicate"),
            ("foreign-event-5", "subscribe=foreign:never-asked-for"),
            ("foreign-event-5 a,b c", "subscribe=foreign:a,b c"),
            ("messages-before-event-5", "subscribe=messages-first"),
            ("hook-says-no", "subscribe=deny"),
            ("delay 250", "250 ms"),
            ("disconnect-user-limit", "authenticate-fe=disconnect:3"),
            (
                "disconnect-max-ccu authenticate-ns",
                "authenticate-ns=disconnect:32757",
            ),
            ("expire-tokens", "authenticate-fe=expired-token"),
            ("byte-array-token", "authenticate-ns=bytes-token"),
            (
                "user-id-override Some One",
                "authenticate-ns=user-id:Some One",
            ),
            ("missing-address", "authenticate-ns=no-address"),
            ("missing-token", "authenticate-ns=no-token"),
            (
                "publish=refuse:-1:no: not now",
                "publish=refuse:-1:no: not now",
            ),
        ] {
            assert_eq!(specs(text), expected, "{text}");
        }
        for form in ServerConfig::fault_names() {
            let text = form
                .split(" [")
                .next()
                .unwrap()
                .replace("MS", "5")
                .replace("REASON", "server-logic");
            assert!(wanted(&text).is_ok(), "{form}");
        }
        for (reason, code) in ServerConfig::disconnect_reasons() {
            let fault = Fault::Disconnect {
                code,
                text: String::new(),
            };
            let expected = Wanted::Faults(vec![FaultSpec {
                step: Step::Publish,
                fault,
            }]);
            assert_eq!(
                wanted(&format!("disconnect-{reason} publish")),
                Ok(expected)
            );
        }
    }

    #[test]
    fn anything_else_says_what_to_write() {
        for (text, part) in [
            ("", "there is no fault called \"\""),
            ("drop-answer", "there is no fault called \"drop-answer\""),
            ("drop-auth-answer xx", "write drop-auth-answer [ns|fe]"),
            ("delay", "write delay MS"),
            ("delay soon", "write delay MS"),
            ("user-id-override", "write user-id-override ID"),
            ("missing-token now", "write missing-token"),
            ("disconnect-why", "there is no fault called"),
            ("disconnect-max-ccu there", "there is no step \"there\""),
        ] {
            let error = wanted(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn what_was_switched_on_can_be_switched_off() {
        let mut config = ServerConfig::new();
        for text in [
            "drop-auth-answer",
            "delay 5",
            "publish=silent",
            "publish=close",
            "hook-says-no",
        ] {
            config.switch_fault_on(text, None).unwrap();
        }
        assert_eq!(
            config.switch_fault_on("delay 5", Some(1)),
            Err(FaultSpecError::Uncounted)
        );
        assert_eq!(config.faults.active().count(), 5);
        assert_eq!(config.switch_fault_off("drop-auth-answer"), Ok(true));
        assert_eq!(config.switch_fault_off("drop-auth-answer"), Ok(false));
        assert_eq!(config.switch_fault_off("publish=close"), Ok(true));
        assert_eq!(config.switch_fault_off("publish"), Ok(true));
        assert_eq!(config.faults.active().count(), 1);
        assert_eq!(config.switch_fault_off("delay"), Ok(true));
        assert_eq!(config.switch_fault_off("delay"), Ok(false));
        config.switch_faults_off();
        assert!(config.faults.is_empty());
    }
}
