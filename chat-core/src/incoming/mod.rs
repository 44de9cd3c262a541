//! Messages from the servers: they change the model, raise events, or make the client take the next
//! step. One file per event family. Spec: chat.md 4.

mod deferred;
mod error_info;
mod listed;
mod messages;
mod properties;
mod status;
mod subscriptions;
mod values;

use crate::codes::{event, operation, return_code};
use crate::config::ChatConfig;
use crate::error::{RegionsError, ServerError};
use crate::event::Event;
use crate::event_queue::EventQueue;
use crate::messages::MessagesBuilder;
use crate::model::Model;
use crate::operation::authenticate::Login;
use crate::operation::pending::{PendingRequests, RequestKind};
use crate::operation::{authenticate, regions};
use crate::restore::{Resubscription, report_subscribe, report_unsubscribe};
use crate::state::{Server, State};
use crate::stats::Counters;
use alloc::boxed::Box;
use alloc::vec::Vec;
pub(crate) use deferred::Deferred;
use photon_proto::message::{Message, MessageKind};
use photon_proto::{DecodeError, DecodeErrorKind, Params, Text, Timestamp, Value};

/// The work of a value of a message, from decoding to dropping it, in the unit of
/// [`Stats::work`].
const WORK_PER_VALUE: u64 = 400;

/// The parts of the client that a message may change. The peer is not among them: the message is
/// borrowed from it. So whatever concerns the connection is returned as an [`Action`].
pub(crate) struct Incoming<'c> {
    pub(crate) config: &'c ChatConfig,
    pub(crate) state: State,
    pub(crate) server: Server,
    /// Whether a login waits for its response.
    pub(crate) expects_login: bool,
    /// Whether a message of this user may be the echo of one that waits for its result.
    pub(crate) awaits_echo: bool,
    pub(crate) events: &'c mut EventQueue,
    pub(crate) model: &'c mut Model,
    pub(crate) pending: &'c mut PendingRequests,
    pub(crate) builder: &'c mut MessagesBuilder,
    pub(crate) stats: &'c mut Counters,
    pub(crate) restore: Option<&'c mut Resubscription>,
    /// What an event leaves for later calls.
    pub(crate) deferred: &'c mut Option<Box<Deferred>>,
    pub(crate) now: Timestamp,
    /// Set if the message has changed no timer.
    pub(crate) keeps_timers: bool,
}

/// The next step of the client after a message. The client takes it once the message is no longer
/// borrowed.
#[derive(Debug)]
pub(crate) enum Action {
    Nothing,
    /// Nothing, and the call is to end: the message takes more than one.
    Unfinished,
    /// The login was accepted.
    LoggedIn(Box<Login>),
    /// The login was refused.
    LoginRefused(Box<Refusal>),
    /// The server announced that it closes the connection, and why.
    Disconnected(Box<Refusal>),
}

/// A code of the server, and its text.
// Boxed in an `Action`, because nearly all are `Nothing`, and each is moved through several results.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: i16,
    pub(crate) text: Text,
}

impl Incoming<'_> {
    /// Handles one message. An error means that it cannot be decoded; the connection survives that.
    pub(crate) fn message(
        &mut self,
        kind: MessageKind,
        body: &[u8],
    ) -> Result<Action, DecodeError> {
        let protocol = self.config.binary_protocol();
        let limits = &self.config.peer.limits;
        if kind == MessageKind::Event {
            let code = Message::event_code(limits, body)?;
            let mut params = Message::event_params(protocol, limits, body);
            if self.state == State::ConnectedToFrontEnd {
                self.event(code, &mut params)?;
            } else {
                self.stats.rare().ignored_messages += 1;
            }
            return Ok(Action::Nothing);
        }
        self.other_message(kind, body)
    }

    /// Handles a message that is no event.
    // Not inlined: events are most of the messages, and would pay for its registers.
    #[inline(never)]
    fn other_message(&mut self, kind: MessageKind, body: &[u8]) -> Result<Action, DecodeError> {
        let protocol = self.config.binary_protocol();
        let limits = &self.config.peer.limits;
        match Message::decode_tolerant(kind, protocol, limits, body)? {
            Message::Response {
                internal: false,
                code,
                return_code,
                debug_message,
                params,
            } => self.response(code, return_code, debug_message.as_deref(), params),
            Message::Disconnect {
                code,
                debug_message,
                ..
            } => Ok(Action::Disconnected(Box::new(Refusal {
                code,
                text: debug_message
                    .as_deref()
                    .map_or(Text::EMPTY, Text::for_error),
            }))),
            Message::Raw(_) => {
                // Server plug-ins of other products send them; Chat has no use for them.
                // Spec: chat.md 4.10.
                self.stats.rare().raw_messages += 1;
                self.config
                    .log_net(log::Level::Debug, format_args!("a raw message was dropped"));
                Ok(Action::Nothing)
            }
            // Bare values have no meaning in Chat, and clients get no requests. Internal responses
            // are the peer's. Events were handled above. Spec: wire.md 1.1.
            _ => {
                self.stats.rare().ignored_messages += 1;
                Ok(Action::Nothing)
            }
        }
    }

    fn response(
        &mut self,
        code: u8,
        return_code: i16,
        debug_message: Option<&str>,
        mut params: Params<'_>,
    ) -> Result<Action, DecodeError> {
        // Without the server's text, which may contain a user id.
        self.config.log(
            log::Level::Debug,
            format_args!(
                "response to {} ({code}): {} ({return_code})",
                operation::name(code).unwrap_or("operation"),
                return_code::name(return_code).unwrap_or("code")
            ),
        );
        match (self.server, code) {
            (_, operation::AUTHENTICATE) => {
                // A late response must not log the client in over another connection.
                if !self.expects_login {
                    self.stats.rare().ignored_messages += 1;
                    return Ok(Action::Nothing);
                }
                if return_code != return_code::OK {
                    return Ok(Action::LoginRefused(Box::new(Refusal {
                        code: return_code,
                        text: debug_message.map_or(Text::EMPTY, Text::for_error),
                    })));
                }
                let login = authenticate::read(&mut params, self.config)?;
                self.count_surplus(&mut params)?;
                Ok(Action::LoggedIn(Box::new(login)))
            }
            (Server::NameServer, operation::GET_REGIONS) => {
                if self.pending.regions.is_empty() {
                    self.stats.rare().ignored_messages += 1;
                    return Ok(Action::Nothing);
                }
                let result = if return_code == return_code::OK {
                    regions::read(&mut params)
                } else {
                    Err(RegionsError::Server(server_error(
                        code,
                        return_code,
                        debug_message,
                    )))
                };
                let settled = self.pending.regions.settle();
                debug_assert!(settled, "checked above");
                self.events.push(Event::RegionsResult(result));
                Ok(Action::Nothing)
            }
            (Server::FrontEnd, _) if self.state == State::ConnectedToFrontEnd => {
                let parameters = params.to_parameters();
                self.count_work(&params);
                let parameters = parameters?;
                self.count_surplus(&mut params)?;
                self.chat_response(code, return_code, debug_message, parameters);
                Ok(Action::Nothing)
            }
            _ => {
                self.stats.rare().ignored_messages += 1;
                Ok(Action::Nothing)
            }
        }
    }

    fn chat_response(
        &mut self,
        code: u8,
        return_code: i16,
        message: Option<&str>,
        parameters: Vec<(u8, Value)>,
    ) {
        if return_code != return_code::OK {
            let hint = if return_code == return_code::INVALID_OPERATION {
                " (is the app id of kind Chat? app ids of other kinds get this code for every chat \
                 operation)"
            } else {
                ""
            };
            self.config.log(
                log::Level::Warn,
                format_args!("operation {code}: return code {return_code}{hint}"),
            );
        }
        let pending = match code {
            operation::SUBSCRIBE => Some(&mut self.pending.subscribe),
            operation::UNSUBSCRIBE => Some(&mut self.pending.unsubscribe),
            _ => None,
        };
        let ended = pending.and_then(|pending| {
            pending.on_response(return_code, || server_error(code, return_code, message))
        });
        if let Some(ended) = ended {
            let is_internal = ended.kind != RequestKind::Application;
            let restore = self.restore.as_deref_mut();
            let (reports, event): (_, fn(_) -> _) = if code == operation::SUBSCRIBE {
                let reports = report_subscribe(restore, self.now, ended);
                (reports, Event::SubscribeResult)
            } else {
                let reports = report_unsubscribe(restore, self.now, ended);
                (reports, Event::UnsubscribeResult)
            };
            if !reports.is_empty() {
                self.events.push(event(reports));
            }
            // The application did not make the request, so its response is not for it either.
            if is_internal {
                return;
            }
        }
        let parameters = Some(parameters)
            .filter(|parameters| !parameters.is_empty())
            .map(Box::new);
        self.events.push(Event::OperationResponse {
            operation: code,
            return_code,
            message: text(message),
            parameters,
        });
    }

    /// Counts the work of the values that were decoded or skipped.
    fn count_work(&mut self, params: &Params<'_>) {
        let limit = self.config.peer.limits.max_values;
        let values = limit.saturating_sub(params.values_left());
        self.stats.work += WORK_PER_VALUE * u64::from(values);
    }

    /// Counts the bytes after the last parameter, which are tolerated because newer servers may
    /// append data (wire.md 10), and the values that could not be decoded.
    #[inline]
    fn count_surplus(&mut self, params: &mut Params<'_>) -> Result<(), DecodeError> {
        self.stats
            .add(params.finish()? as u64, |rare| &mut rare.surplus_bytes);
        let undecodable = params.undecodable();
        if undecodable > 0 {
            self.stats.add(u64::from(undecodable), |rare| {
                &mut rare.undecodable_elements
            });
            self.config.log(
                log::Level::Warn,
                format_args!("{undecodable} values of a message could not be decoded"),
            );
        }
        Ok(())
    }

    #[inline(always)]
    fn event(&mut self, code: u8, params: &mut Params<'_>) -> Result<(), DecodeError> {
        let handled = match code {
            event::CHAT_MESSAGES => self.chat_messages(params),
            event::PRIVATE_MESSAGE => self.private_message(params),
            event::SUBSCRIBE => self.subscribe_event(params),
            event::UNSUBSCRIBE => self.unsubscribe_event(params),
            event::STATUS_UPDATE => self.status_event(params),
            event::PROPERTIES_CHANGED => self.properties_event(params),
            event::USER_SUBSCRIBED => self.user_event(true, params),
            event::USER_UNSUBSCRIBED => self.user_event(false, params),
            event::ERROR_INFO => self.error_info_event(params),
            _ => {
                let parameters = params.to_parameters()?;
                self.events.push(Event::Other { code, parameters });
                Ok(())
            }
        };
        self.count_work(params);
        match handled {
            Ok(()) => {
                self.config.log_event(code);
                self.count_surplus(params)
            }
            // The rest of the event could not be read, and too much was in it.
            Err(error) if error.kind == DecodeErrorKind::Missing && params.damage().is_some() => {
                Err(params.damage().unwrap_or(error))
            }
            // The bytes are well formed but the event lacks what it needs: it is dropped and not
            // reported as a bad message. Spec: chat.md 4.9.
            Err(error)
                if matches!(
                    error.kind,
                    DecodeErrorKind::WrongType(_) | DecodeErrorKind::Missing
                ) =>
            {
                self.stats.rare().malformed_events += 1;
                self.config.log(
                    log::Level::Warn,
                    format_args!("event {code} was dropped: {error}"),
                );
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

fn text(message: Option<&str>) -> Text {
    message.map_or(Text::EMPTY, Text::from)
}

fn server_error(operation: u8, code: i16, message: Option<&str>) -> ServerError {
    ServerError {
        operation,
        code,
        message: message.map_or(Text::EMPTY, Text::for_error),
    }
}
