//! GetRegions (220), on the name server. Spec: chat.md 2.5.

use crate::codes::{operation, parameter};
use crate::config::ChatConfig;
use crate::error::RegionsError;
use crate::event::Region;
use alloc::vec::Vec;
use photon_proto::message::MessageWriter;
use photon_proto::{DecodeError, DecodeErrorKind, Element, EncodeError, Params, Text};

pub(crate) fn write(buffer: &mut Vec<u8>, config: &ChatConfig) -> Result<(), EncodeError> {
    let mut request = MessageWriter::request(
        buffer,
        config.binary_protocol(),
        &config.peer.limits,
        operation::GET_REGIONS,
    )?;
    request.put(parameter::APPLICATION_ID, &config.app_id)?;
    request.finish()
}

/// Reads the regions of a response with code 0. A region whose code or address is no text, or not
/// UTF-8, is left out: nobody can connect to it.
///
/// # Errors
/// [`RegionsError::Malformed`] if the lists are missing, differ in length, or cannot be decoded.
pub(crate) fn read(params: &mut Params<'_>) -> Result<Vec<Region>, RegionsError> {
    // No error of decoding is passed on: it would leave the request open until its timeout.
    let (Some(codes), Some(addresses)) = lists(params).map_err(|_| RegionsError::Malformed)? else {
        return Err(RegionsError::Malformed);
    };
    if codes.len() != addresses.len() {
        return Err(RegionsError::Malformed);
    }
    let region = |(code, address): (Option<&str>, Option<&str>)| {
        // "EU/cluster1" becomes "eu". Spec: chat.md 2.5.
        let code = code?.split('/').next().unwrap_or_default();
        Some(Region {
            code: Text::from(code.to_lowercase()),
            address: Text::from(address?),
        })
    };
    Ok(codes
        .into_iter()
        .zip(addresses)
        .filter_map(region)
        .collect())
}

/// The elements of a list, as far as they are texts.
type Texts<'a> = Vec<Option<&'a str>>;

/// Codes and addresses; `None` for one that is missing.
fn lists<'a>(
    params: &mut Params<'a>,
) -> Result<(Option<Texts<'a>>, Option<Texts<'a>>), DecodeError> {
    let (mut codes, mut addresses) = (None, None);
    while let Some(key) = params.next_key()? {
        match key {
            parameter::REGION => codes = texts(params)?,
            parameter::ADDRESS => addresses = texts(params)?,
            _ => {}
        }
    }
    Ok((codes, addresses))
}

/// `None` if there is no list.
fn texts<'a>(params: &mut Params<'a>) -> Result<Option<Texts<'a>>, DecodeError> {
    let mut texts = Vec::new();
    let read = params.elements("regions", |element| {
        texts.push(match element {
            Element::Text(bytes) => core::str::from_utf8(bytes).ok(),
            Element::Other(_) => None,
        });
    });
    match read {
        Ok(()) => Ok(Some(texts)),
        Err(error) if matches!(error.kind, DecodeErrorKind::WrongType(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
