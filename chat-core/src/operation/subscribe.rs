//! Subscribe (0) and Unsubscribe (1). Spec: chat.md 3.1 and 3.2.

use crate::client::ChatClient;
use crate::codes::{operation, parameter};
use crate::config::SubscribeOptions;
use crate::error::RequestError;
use crate::event::RequestId;
use crate::timers::Timer;
use photon_proto::message::MessageWriter;
use photon_proto::{Encode, EncodeError, ValueWriter, Written};

/// A string array from an iterator that is walked twice: to count, then to write.
struct Names<I>(I);

impl<I> Encode for Names<I>
where
    I: Iterator<Item: AsRef<str>> + Clone,
{
    fn encode(&self, out: ValueWriter<'_>) -> Result<Written, EncodeError> {
        /// An iterator and how many items it is going to give.
        struct Counted<I>(I, usize);

        impl<I: Iterator> Iterator for Counted<I> {
            type Item = I::Item;

            fn next(&mut self) -> Option<I::Item> {
                self.1 = self.1.saturating_sub(1);
                self.0.next()
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.1, Some(self.1))
            }
        }

        impl<I: Iterator> ExactSizeIterator for Counted<I> {}

        out.strings(Counted(self.0.clone(), self.0.clone().count()))
    }
}

/// Counts the names; none may be empty.
fn check_names(names: impl Iterator<Item: AsRef<str>>) -> Result<usize, RequestError> {
    let mut count = 0_usize;
    for name in names {
        if name.as_ref().is_empty() {
            return Err(RequestError::Empty("channel name"));
        }
        count = count.saturating_add(1);
    }
    if count == 0 { Err(RequestError::Empty("list of channels")) } else { Ok(count) }
}

/// What of the options goes on the wire: history length (p14) and last ids (p9). Spec: chat.md 3.1.
fn history(options: &SubscribeOptions, channels: usize) -> Result<(Option<i32>, Option<&[i32]>), RequestError> {
    if let Some(ids) = options.last_ids.as_ref().filter(|ids| ids.len() != channels) {
        return Err(RequestError::LastIds { ids: ids.len(), channels });
    }
    let length = options.history.map(|length| length.max(-1));
    Ok(match (length, options.last_ids.as_deref()) {
        (Some(0), _) | (None, None) => (None, None),
        (None, ids) => (Some(-1), ids),
        (length, ids) => (length, ids),
    })
}

impl ChatClient {
    pub(crate) fn send_subscribe<I>(&mut self, names: I, options: &SubscribeOptions) -> Result<RequestId, RequestError>
    where
        I: Iterator<Item: AsRef<str>> + Clone,
    {
        self.chatting()?;
        let channels = check_names(names.clone())?;
        let (length, last_ids) = history(options, channels)?;
        if options.history.is_some_and(|length| length < -1) {
            self.log(log::Level::Warn, format_args!("a history length below -1 is sent as -1"));
        }
        let timer = self.request_timer();
        self.requests.subscribe.check_room()?;
        let (config, peer) = self.chatting()?;
        peer.send(false, true, |buffer| {
            let mut request = MessageWriter::request(buffer, config.protocol, &config.limits, operation::SUBSCRIBE)?;
            request.put(parameter::CHANNELS, &Names(names.clone()))?;
            if let Some(length) = length {
                request.put(parameter::HISTORY_LENGTH, &length)?;
            }
            if let Some(ids) = last_ids {
                request.put_with(parameter::MESSAGE_IDS, |out| out.ints(ids))?;
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
        check_names(names.clone())?;
        let timer = self.request_timer();
        self.requests.unsubscribe.check_room()?;
        let (config, peer) = self.chatting()?;
        peer.send(false, true, |buffer| {
            let mut request = MessageWriter::request(buffer, config.protocol, &config.limits, operation::UNSUBSCRIBE)?;
            request.put(parameter::CHANNELS, &Names(names.clone()))?;
            Ok(request.finish()?)
        })?;
        let id = self.next_request();
        for name in names.clone() {
            self.model.leaving(name.as_ref());
        }
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
