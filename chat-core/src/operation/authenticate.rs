//! Authenticate (230), on both servers. Spec: chat.md 2.4 and 2.9.

use crate::codes::{auth_type, operation, parameter, return_code};
use crate::config::ChatConfig;
use crate::secret::Secret;
use alloc::vec::Vec;
use photon_proto::message::MessageWriter;
use photon_proto::{DecodeError, EncodeError, Params, Text, Value, ValueRef};

/// The content of a response that accepts a login.
#[derive(Debug, Default)]
pub(crate) struct Login {
    pub(crate) address: Option<Text>,
    pub(crate) token: Option<Secret<Value>>,
    /// `None` if the server sent none or an empty one.
    pub(crate) user_id: Option<Text>,
    pub(crate) nickname: Option<Text>,
    pub(crate) data: Option<Value>,
}

/// Whether a front end refuses a token with this code because it is no longer valid. A new one helps.
/// Spec: chat.md 2.10.
pub(crate) const fn is_token_refusal(code: i16) -> bool {
    matches!(
        code,
        return_code::AUTHENTICATION_TICKET_EXPIRED | return_code::INVALID_AUTHENTICATION
    )
}

/// Writes the login on the name server. Spec: chat.md 2.4.
pub(crate) fn write_for_name_server(
    buffer: &mut Vec<u8>,
    config: &ChatConfig,
    region: &str,
) -> Result<(), EncodeError> {
    let mut request = MessageWriter::request(
        buffer,
        config.binary_protocol(),
        &config.peer.limits,
        operation::AUTHENTICATE,
    )?;
    request.put(parameter::APPLICATION_ID, &config.app_id)?;
    request.put(parameter::APP_VERSION, &config.app_version)?;
    request.put(parameter::REGION, region)?;
    // Without a user id the server, or the authentication service, assigns one.
    if !config.user_id.0.is_empty() {
        request.put(parameter::USER_ID, &config.user_id.0)?;
    }
    // Type "none" is not sent at all. Spec: chat.md 2.4.
    if let Some(authentication) = &config.authentication
        && authentication.auth_type != auth_type::NONE
    {
        request.put(parameter::AUTH_TYPE, &authentication.auth_type)?;
        if let Some(parameters) = &authentication.parameters.0 {
            request.put(parameter::AUTH_PARAMETERS, parameters)?;
        }
        if let Some(data) = &authentication.data.0 {
            request.put(parameter::AUTH_DATA, &data.to_value())?;
        }
    }
    request.finish()
}

/// Writes the login on the front end: the token and, if it is limited, the length of the private
/// history. Spec: chat.md 2.9.
pub(crate) fn write_for_front_end(
    buffer: &mut Vec<u8>,
    config: &ChatConfig,
    token: &Value,
) -> Result<(), EncodeError> {
    let mut request = MessageWriter::request(
        buffer,
        config.binary_protocol(),
        &config.peer.limits,
        operation::AUTHENTICATE,
    )?;
    request.put(parameter::SECRET, token)?;
    if let Some(limit) = config.private_history {
        request.put(parameter::HISTORY_LENGTH, &limit)?;
    }
    request.finish()
}

/// Reads a response with code 0. Address and token may be missing: the caller decides whether that
/// is an error, because only the name server must send them.
pub(crate) fn read(params: &mut Params<'_>, config: &ChatConfig) -> Result<Login, DecodeError> {
    let [address, token, user_id, nickname, data] = params.pick([
        parameter::ADDRESS,
        parameter::SECRET,
        parameter::USER_ID,
        parameter::NICKNAME,
        parameter::DATA,
    ])?;
    // Where a text is only shown, a bad byte in it does not matter. An address or token with one is
    // of no use, as if the server had sent none.
    let text = |value: Option<ValueRef<'_>>| value.and_then(|it| it.text_lossy()).map(Text::from);
    let limits = &config.peer.limits;
    let is_value = |value: &ValueRef<'_>| !matches!(value, ValueRef::Null);
    Ok(Login {
        // A valid address is shorter than an error text may be, and a shortened one is invalid.
        address: address
            .and_then(|address| address.as_str().map(Text::for_error))
            .filter(|address| !address.is_empty()),
        token: token
            .filter(is_value)
            .and_then(|token| token.to_value(limits).ok())
            .map(Secret),
        user_id: text(user_id).filter(|user_id| !user_id.is_empty()),
        nickname: text(nickname),
        data: data
            .filter(is_value)
            .map(|data| data.to_value_lossy(limits).0),
    })
}
