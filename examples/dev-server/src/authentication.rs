//! Checks of credentials and tokens. Spec: chat.md 2.4, 9 (custom authentication), 12.

use chat_core::codes::{auth_type, return_code};
use photon_proto::{Random, Text, Timestamp, Value};

use crate::auth_rules::AuthResult;
use crate::config::ServerConfig;
use crate::requests::Login;
use crate::tokens::{BadToken, Identity, Tokens};

/// The result for an accepted user.
#[derive(Debug)]
pub(crate) struct Welcome {
    pub(crate) identity: Identity,
    pub(crate) nickname: Option<Text>,
    pub(crate) data: Vec<(String, Value)>,
}

/// The result for a refused user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: i16,
    pub(crate) text: String,
}

impl Refusal {
    pub(crate) fn new(code: i16, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }
}

/// Checks a token, or the full credentials if there is no token.
pub(crate) fn check(
    config: &ServerConfig,
    tokens: &Tokens,
    random: &mut Random,
    now: Timestamp,
    login: &Login,
) -> Result<Welcome, Refusal> {
    if let Some(token) = &login.token {
        let identity = tokens.check(token, now).map_err(|bad| match bad {
            BadToken::Expired => Refusal::new(
                return_code::AUTHENTICATION_TICKET_EXPIRED,
                "the token has expired",
            ),
            BadToken::Unknown => Refusal::new(
                return_code::INVALID_AUTHENTICATION,
                "the token is not valid",
            ),
        })?;
        // Again, because the setting may have changed since the token was issued.
        check_app_id(config, &identity.app_id)?;
        return Ok(Welcome {
            identity,
            nickname: None,
            data: Vec::new(),
        });
    }
    let Some(app_id) = login.app_id.clone().filter(|id| !id.is_empty()) else {
        return Err(Refusal::new(
            return_code::INVALID_AUTHENTICATION,
            "no app id",
        ));
    };
    check_app_id(config, &app_id)?;
    let app_version = login.app_version.clone().unwrap_or_default();
    let (chosen, nickname, data) = provider(config, login)?;
    // The provider's user id takes precedence over the client's. Spec: chat.md 9.
    let user_id = chosen
        .or_else(|| login.user_id.clone())
        .filter(|id| !id.is_empty())
        .unwrap_or_else(|| guid(random));
    if [&app_id, &app_version, &user_id]
        .iter()
        .any(|id| id.len() > config.max_id_bytes)
    {
        let text = format!(
            "user id, app id and app version are limited to {} bytes",
            config.max_id_bytes
        );
        return Err(Refusal::new(return_code::INVALID_OPERATION, text));
    }
    Ok(Welcome {
        identity: Identity {
            app_id,
            app_version,
            user_id,
        },
        nickname,
        data,
    })
}

/// Checks whether an app id exists.
pub(crate) fn check_app_id(config: &ServerConfig, app_id: &str) -> Result<(), Refusal> {
    if config.app_ids.is_empty() || config.app_ids.iter().any(|known| known == app_id) {
        Ok(())
    } else {
        Err(Refusal::new(
            return_code::INVALID_AUTHENTICATION,
            "unknown app id",
        ))
    }
}

type Chosen = (Option<Text>, Option<Text>, Vec<(String, Value)>);

fn provider(config: &ServerConfig, login: &Login) -> Result<Chosen, Refusal> {
    let refused = |text: &str| Refusal::new(return_code::CUSTOM_AUTHENTICATION_FAILED, text);
    let Some(kind) = login.auth_type.filter(|kind| *kind != auth_type::NONE) else {
        return if config.allow_anonymous {
            Ok((None, None, Vec::new()))
        } else {
            Err(refused("custom authentication is required"))
        };
    };
    // Without rules there is no provider, so that a client with credentials needs no setup here.
    if config.authentication.is_empty() {
        return Ok((None, None, Vec::new()));
    }
    match config
        .authentication
        .iter()
        .find(|rule| rule.fits(login, kind))
        .map(|rule| &rule.result)
    {
        Some(AuthResult::Accept {
            user_id,
            nickname,
            data,
        }) => {
            let text = |text: &Option<String>| text.as_deref().map(Text::from);
            Ok((text(user_id), text(nickname), data.clone()))
        }
        Some(AuthResult::Refuse { code, text }) => Err(Refusal::new(*code, text)),
        None => Err(refused("custom authentication failed")),
    }
}

/// Creates a user id for a client without one: a GUID. Spec: chat.md 12.
fn guid(random: &mut Random) -> Text {
    let mut bytes = [0; 16];
    random.fill("user id", &mut bytes);
    let number = u128::from_be_bytes(bytes);
    // RFC 9562: version 4 (random), variant 1.
    let number = number & !(0xF << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62;
    let digits = format!("{number:032x}");
    let part = |from, to| digits.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth_rules::AuthRule;

    fn checked(config: &ServerConfig, login: &Login) -> Result<Welcome, Refusal> {
        let mut random = Random::new([3; 32]);
        let tokens = Tokens::new(&mut random);
        check(config, &tokens, &mut random, Timestamp::ZERO, login)
    }

    fn login() -> Login {
        Login {
            app_id: Some("app".into()),
            user_id: Some("alice".into()),
            ..Login::default()
        }
    }

    fn code(config: &ServerConfig, login: &Login) -> i16 {
        checked(config, login).expect_err("refused").code
    }

    #[test]
    fn without_rules_every_authentication_type_is_accepted() {
        let config = ServerConfig::new();
        for auth_type in [None, Some(0), Some(77), Some(255)] {
            let welcome = checked(
                &config,
                &Login {
                    auth_type,
                    ..login()
                },
            )
            .unwrap();
            assert_eq!(welcome.identity.user_id, "alice");
        }
    }

    #[test]
    fn a_user_without_an_id_gets_a_guid() {
        let welcome = checked(
            &ServerConfig::new(),
            &Login {
                user_id: Some("".into()),
                ..login()
            },
        )
        .unwrap();
        let id = welcome.identity.user_id;
        let shape: String = id
            .chars()
            .map(|c| if c == '-' { '-' } else { 'x' })
            .collect();
        assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
        assert_eq!(id.get(14..15), Some("4"));
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let accepted = AuthResult::Accept {
            user_id: Some("provided".into()),
            nickname: Some("Ally".into()),
            data: Vec::new(),
        };
        let config = ServerConfig::new().with(|config| {
            config.authentication = vec![
                AuthRule::any(AuthResult::Refuse {
                    code: 32755,
                    text: "go away".into(),
                })
                .parameter("user", "mal lory"),
                AuthRule {
                    auth_type: Some(1),
                    ..AuthRule::any(accepted).parameter("token", "a=b&c")
                },
            ];
        });
        let with = |kind, parameters: &str| Login {
            auth_type: Some(kind),
            auth_parameters: Some(parameters.into()),
            ..login()
        };
        let refusal = checked(&config, &with(0, "x=1&user=mal+lory")).unwrap_err();
        assert_eq!(refusal, Refusal::new(32755, "go away"));
        let welcome = checked(&config, &with(1, "token=a%3Db%26c")).unwrap();
        assert_eq!(welcome.identity.user_id, "provided");
        assert_eq!(welcome.nickname.as_deref(), Some("Ally"));
        assert_eq!(code(&config, &with(0, "token=a%3Db%26c")), 32755);
        assert!(checked(&config, &login()).is_ok());
        assert_eq!(
            code(
                &config.with(|config| config.allow_anonymous = false),
                &login()
            ),
            32755
        );
    }

    #[test]
    fn unknown_app_ids_and_long_ids_are_refused() {
        let config = ServerConfig::new().with(|config| config.app_ids = vec!["other".into()]);
        assert_eq!(code(&config, &login()), 32767);
        assert_eq!(code(&ServerConfig::new(), &Login::default()), 32767);
        let long = Login {
            user_id: Some("x".repeat(4097).into()),
            ..login()
        };
        assert_eq!(code(&ServerConfig::new(), &long), -2);
    }
}
