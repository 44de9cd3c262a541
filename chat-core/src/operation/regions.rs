//! GetRegions (220), on the name server. Spec: chat.md 2.5.

use crate::client::ChatClient;
use crate::codes::{operation, parameter};
use crate::error::{RegionsError, RequestError};
use crate::event::{Event, Region};
use crate::operation::pending::MAX_PENDING;
use crate::state::State;
use crate::timers::Timer;
use alloc::boxed::Box;
use alloc::vec::Vec;
use photon_proto::message::MessageWriter;
use photon_proto::{Array, DecodeError, Limits, Params, Text, Value, ValueRef};

impl ChatClient {
    /// Every call ends in exactly one result.
    pub(crate) fn request_regions(&mut self) {
        let result = self.send_regions_request();
        if let Err(error) = result {
            self.events.push(Event::RegionsResult(Err(error)));
        }
    }

    fn send_regions_request(&mut self) -> Result<(), RegionsError> {
        let (State::ConnectedToNameServer, Some(peer)) = (self.state, &mut self.peer) else {
            return Err(RegionsError::NotConnected);
        };
        if self.regions.len() >= MAX_PENDING {
            return Err(RegionsError::NotSent(Box::new(RequestError::QueueFull)));
        }
        let encrypt = peer.is_encrypted();
        peer.send(encrypt, true, |buffer| {
            let config = &self.config;
            let mut request = MessageWriter::request(
                buffer,
                config.protocol,
                &config.limits,
                operation::GET_REGIONS,
            )?;
            request.put(parameter::APPLICATION_ID, &config.app_id)?;
            Ok(request.finish()?)
        })
        .map_err(|error| RegionsError::NotSent(Box::new(error)))?;
        self.arm(
            |client, after_ms| client.regions.push_back(Timer::Armed { after_ms }),
            self.config.regions_timeout_ms,
        );
        Ok(())
    }
}

/// The regions of an answer; `Malformed` if the lists are missing or differ in length.
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
        let code = code.split('/').next().unwrap_or_default();
        Region {
            code: Text::from(code.to_lowercase()),
            address,
        }
    };
    Ok(Ok(codes.into_iter().zip(addresses).map(region).collect()))
}

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
