//! Subscribe (0) and Unsubscribe (1). Spec: chat.md 3.1 and 3.2.

use super::names::{NameList, check_names};
use crate::client::ChatClient;
use crate::codes::{operation, parameter, property};
use crate::error::RequestError;
use crate::event::RequestId;
use crate::options::SubscribeOptions;
use crate::timers::Timer;
use alloc::vec::Vec;
use photon_proto::Value;
use photon_proto::message::MessageWriter;

/// What servers keep: no greater history length is sent. Spec: chat.md 3.1.
const MAX_HISTORY: i32 = 100;

/// What of the options goes on the wire: history length (p14) and last ids (p9). Spec: chat.md 3.1.
fn history(
    options: &SubscribeOptions,
    channels: usize,
) -> Result<(Option<i32>, Option<&[i32]>), RequestError> {
    if let Some(ids) = options
        .last_ids
        .as_ref()
        .filter(|ids| ids.len() != channels)
    {
        return Err(RequestError::LastIds {
            ids: ids.len(),
            channels,
        });
    }
    let length = options.history.map(|length| length.clamp(-1, MAX_HISTORY));
    Ok(match (length, options.last_ids.as_deref()) {
        (Some(0), _) | (None, None) => (None, None),
        (None, ids) => (Some(-1), ids),
        (length, ids) => (length, ids),
    })
}

/// The properties that a channel is created with (p22): none of them if the options ask for nothing. Spec: chat.md 3.1.
fn creation_properties(
    options: &SubscribeOptions,
    channels: usize,
) -> Result<[Option<(u8, Value)>; 2], RequestError> {
    let (publish, most) = (options.publish_subscribers, options.max_subscribers);
    if !publish && most == 0 {
        return Ok([None, None]);
    }
    if channels != 1 {
        return Err(RequestError::CreationOptions(
            "they are for one channel at a time",
        ));
    }
    if most < 0 {
        return Err(RequestError::CreationOptions(
            "the number of subscribers is below 0",
        ));
    }
    if publish && most > property::MAX_PUBLISHED_SUBSCRIBERS {
        return Err(RequestError::CreationOptions(
            "a channel that publishes its subscribers has at most 100",
        ));
    }
    Ok([
        publish.then_some((property::PUBLISH_SUBSCRIBERS, Value::Bool(true))),
        (most > 0).then_some((property::MAX_SUBSCRIBERS, Value::Int(most))),
    ])
}

impl ChatClient {
    pub(crate) fn send_subscribe<I>(
        &mut self,
        names: I,
        options: &SubscribeOptions,
    ) -> Result<RequestId, RequestError>
    where
        I: Iterator<Item: AsRef<str>> + Clone,
    {
        self.chatting()?;
        let channels = check_names(names.clone(), "list of channels", "channel name")?;
        let (length, last_ids) = history(options, channels)?;
        if options
            .history
            .is_some_and(|asked| length.is_some_and(|sent| sent != asked))
        {
            self.log(
                log::Level::Warn,
                format_args!("a history length out of -1 to {MAX_HISTORY} is sent as the nearest"),
            );
        }
        let creation = creation_properties(options, channels)?;
        let timer = self.request_timer();
        self.requests.subscribe.check_room()?;
        let (config, peer) = self.chatting()?;
        peer.send(false, true, |buffer| {
            let mut request = MessageWriter::request(
                buffer,
                config.protocol,
                &config.limits,
                operation::SUBSCRIBE,
            )?;
            request.put(parameter::CHANNELS, &NameList(names.clone()))?;
            if let Some(length) = length {
                request.put(parameter::HISTORY_LENGTH, &length)?;
            }
            if let Some(ids) = last_ids {
                request.put_with(parameter::MESSAGE_IDS, |out| out.ints(ids))?;
            }
            if creation.iter().any(Option::is_some) {
                let pairs: Vec<_> = creation.iter().flatten().collect();
                request.put_with(parameter::PROPERTIES, |out| {
                    out.dictionary(pairs.iter().map(|(key, value)| (key, value)))
                })?;
            }
            Ok(request.finish()?)
        })?;
        let id = self.next_request();
        self.requests.subscribe.push(id, names, timer);
        Ok(id)
    }

    pub(crate) fn send_unsubscribe<I>(&mut self, names: I) -> Result<RequestId, RequestError>
    where
        I: Iterator<Item: AsRef<str>> + Clone,
    {
        self.chatting()?;
        check_names(names.clone(), "list of channels", "channel name")?;
        let timer = self.request_timer();
        self.requests.unsubscribe.check_room()?;
        let (config, peer) = self.chatting()?;
        peer.send(false, true, |buffer| {
            let mut request = MessageWriter::request(
                buffer,
                config.protocol,
                &config.limits,
                operation::UNSUBSCRIBE,
            )?;
            request.put(parameter::CHANNELS, &NameList(names.clone()))?;
            Ok(request.finish()?)
        })?;
        let id = self.next_request();
        self.requests.unsubscribe.push(id, names, timer);
        Ok(id)
    }

    fn request_timer(&self) -> Timer {
        match self.config.request_timeout_ms {
            0 => Timer::Off,
            after_ms => Timer::Armed { after_ms },
        }
    }
}
