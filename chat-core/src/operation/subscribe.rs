//! Subscribe (0). Spec: chat.md 3.1.

use super::names::NameList;
use super::pending::RequestedHistory;
use crate::codes::{operation, parameter, property};
use crate::config::ChatConfig;
use crate::error::RequestError;
use crate::options::SubscribeOptions;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use photon_proto::message::MessageWriter;
use photon_proto::{EncodeError, Value};

/// Servers keep this many messages, so no greater history length is sent. Spec: chat.md 3.1.
pub(crate) const MAX_HISTORY: i32 = 100;

/// Subscribe options that were checked against the number of channels, as they are sent.
pub(crate) struct CheckedOptions<'o> {
    /// History length (p14).
    history: Option<i32>,
    /// Whether the client asks for the newest message although the application wants none.
    has_anchor: bool,
    /// Last ids (p9).
    last_ids: Option<Cow<'o, [i32]>>,
    /// Properties that the channel is created with (p22).
    creation: [Option<(u8, Value)>; 2],
    /// Whether the history length was outside of -1 to [`MAX_HISTORY`].
    pub(crate) history_was_clamped: bool,
}

impl<'o> CheckedOptions<'o> {
    /// The options of a question: all messages of a channel behind an id.
    pub(crate) fn for_missing(last_ids: &'o [i32]) -> Self {
        Self {
            history: Some(-1),
            has_anchor: false,
            last_ids: Some(Cow::Borrowed(last_ids)),
            creation: [None, None],
            history_was_clamped: false,
        }
    }

    /// The history that the request counts as, if it asks for any.
    pub(crate) fn requested_history(&self) -> Option<i32> {
        if self.has_anchor {
            Some(RequestedHistory::ANCHOR)
        } else {
            self.history
        }
    }

    /// Asks for the newest message if the options ask for no history: the application does not get
    /// it, but without a position the client could not notice a hole. Spec: chat.md 4.1.
    pub(crate) fn set_anchor(&mut self) {
        if self.history.is_none() {
            (self.history, self.has_anchor) = (Some(1), true);
        }
    }

    pub(crate) fn last_ids(&self) -> Option<&[i32]> {
        self.last_ids.as_deref()
    }

    /// Replaces the last ids, of which there are as many.
    pub(crate) fn set_last_ids(&mut self, ids: Vec<i32>) {
        debug_assert_eq!(self.last_ids().map(<[i32]>::len), Some(ids.len()));
        self.last_ids = Some(Cow::Owned(ids));
    }
}

/// Checks the options of a request for this many channels.
///
/// # Errors
/// [`RequestError::LastIds`], [`RequestError::CreationOptions`].
pub(crate) fn check(
    options: &SubscribeOptions,
    channels: usize,
) -> Result<CheckedOptions<'_>, RequestError> {
    let last_ids = options.last_ids.as_deref();
    if let Some(ids) = last_ids.filter(|ids| ids.len() != channels) {
        return Err(RequestError::LastIds {
            ids: ids.len(),
            channels,
        });
    }
    let length = options.history.map(|length| length.clamp(-1, MAX_HISTORY));
    let history_was_clamped = length != options.history;
    let (history, last_ids) = match (length, last_ids) {
        // A history length of 0 asks for nothing, whatever the last ids are.
        (Some(0), _) | (None, None) => (None, None),
        (None, ids) => (Some(-1), ids),
        (length, ids) => (length, ids),
    };
    Ok(CheckedOptions {
        history,
        has_anchor: false,
        last_ids: last_ids.map(Cow::Borrowed),
        creation: creation_properties(options, channels)?,
        history_was_clamped,
    })
}

/// Returns the properties that the channel is created with: none if the options set none.
fn creation_properties(
    options: &SubscribeOptions,
    channels: usize,
) -> Result<[Option<(u8, Value)>; 2], RequestError> {
    let (publish, max) = (options.publish_subscribers, options.max_subscribers);
    if !publish && max == 0 {
        return Ok([None, None]);
    }
    if channels != 1 {
        return Err(RequestError::CreationOptions(
            "they are for one channel; subscribe to each channel in a call of its own",
        ));
    }
    if max < 0 {
        return Err(RequestError::CreationOptions(
            "the number of subscribers is below 0; 0 means no limit",
        ));
    }
    if publish && max > property::MAX_PUBLISHED_SUBSCRIBERS {
        return Err(RequestError::CreationOptions(
            "a channel that publishes its subscribers has at most 100; lower the maximum",
        ));
    }
    Ok([
        publish.then_some((property::PUBLISH_SUBSCRIBERS, Value::Bool(true))),
        (max > 0).then_some((property::MAX_SUBSCRIBERS, Value::Int(max))),
    ])
}

pub(crate) fn write(
    buffer: &mut Vec<u8>,
    config: &ChatConfig,
    channels: impl Iterator<Item: AsRef<str>> + Clone,
    options: &CheckedOptions<'_>,
) -> Result<(), EncodeError> {
    let mut request = MessageWriter::request(
        buffer,
        config.binary_protocol(),
        &config.peer.limits,
        operation::SUBSCRIBE,
    )?;
    request.put(parameter::CHANNELS, &NameList(channels))?;
    if let Some(length) = options.history {
        request.put(parameter::HISTORY_LENGTH, &length)?;
    }
    if let Some(ids) = &options.last_ids {
        request.put_with(parameter::MESSAGE_IDS, |out| out.ints(ids))?;
    }
    if options.creation.iter().any(Option::is_some) {
        let pairs: Vec<_> = options.creation.iter().flatten().collect();
        request.put_with(parameter::PROPERTIES, |out| {
            out.dictionary(pairs.iter().map(|(key, value)| (key, value)))
        })?;
    }
    request.finish()
}
