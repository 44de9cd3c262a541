//! GetRegions (220), on the name server. Spec: chat.md 2.5.

use crate::codes::{operation, parameter};
use crate::config::ChatConfig;
use crate::error::RegionsError;
use crate::event::Region;
use alloc::vec::Vec;
use photon_proto::message::MessageWriter;
use photon_proto::{Array, DecodeError, EncodeError, Limits, Params, Text, Value, ValueRef};

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

/// Reads the regions of a response with code 0. The outer error means that the message cannot be
/// decoded; [`RegionsError::Malformed`] that its lists are missing or differ in length.
pub(crate) fn read(
    params: &mut Params<'_>,
    limits: &Limits,
) -> Result<Result<Vec<Region>, RegionsError>, DecodeError> {
    let [codes, addresses] = params.pick([parameter::REGION, parameter::ADDRESS])?;
    let (Some(codes), Some(addresses)) = (texts(codes, limits), texts(addresses, limits)) else {
        return Ok(Err(RegionsError::Malformed));
    };
    if codes.len() != addresses.len() {
        return Ok(Err(RegionsError::Malformed));
    }
    let region = |(code, address): (Text, Text)| {
        // "EU/cluster1" becomes "eu". Spec: chat.md 2.5.
        let code = code.split('/').next().unwrap_or_default();
        Region {
            code: Text::from(code.to_lowercase()),
            address,
        }
    };
    Ok(Ok(codes.into_iter().zip(addresses).map(region).collect()))
}

/// The texts of a string array, or of an object array that holds nothing but strings.
fn texts(value: Option<ValueRef<'_>>, limits: &Limits) -> Option<Vec<Text>> {
    match value?.to_value(limits).ok()? {
        Value::Array(Array::String(texts)) => Some(texts),
        Value::Array(Array::Object(values)) => values
            .into_iter()
            .map(|value| Text::try_from(value).ok())
            .collect(),
        _ => None,
    }
}
