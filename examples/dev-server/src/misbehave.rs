//! Execution of the faults that replace or follow a response.

use photon_proto::message::{MAGIC, MessageKind};

use crate::context::Context;
use crate::faults::Fault;
use crate::ids::ConnectionId;
use crate::steps::Step;
use photon_proto::peer::SubProtocol;

/// Bytes that are neither a frame nor a ping nor a message. Spec: wire.md 6.1.
const NO_FRAME: &[u8] = b"no frame at all";
/// A valid JSON frame whose JSON text ends too early. Spec: wire.md 7.2.
const UNDECODABLE_TEXT: &[u8] = b"~m~10~m~~j~{\"res\":";

/// The reason of a connection's end that a fault demands.
pub(crate) const FAULT: &str = "a fault that is switched on";

/// The decision of a fault about a step.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The step proceeds normally.
    Go,
    /// The step is refused with this return code and text.
    Refuse(i16, String),
    /// The fault has replaced the response.
    Done,
}

impl Context<'_> {
    /// Applies a fault that replaces the response, which would be a message of this kind and code.
    pub(crate) fn intercept(
        &mut self,
        id: ConnectionId,
        step: Step,
        kind: MessageKind,
        code: u8,
    ) -> Verdict {
        let Some(fault) = self.config.faults.take(step, Fault::replaces) else {
            return Verdict::Go;
        };
        log::debug!("{id}: fault at {step:?}");
        log::trace!("{id}: fault at {step:?}: {fault:?}");
        match fault {
            Fault::Mute => {
                if let Some(connection) = self.connections.get_mut(id) {
                    connection.muted = true;
                    if connection.handle.is_some() {
                        connection.vanish(self.acceptors.side_mut(connection.server_kind));
                        connection.closing = Some(self.now);
                        connection.end_reason = FAULT.into();
                        self.connections.end(id);
                    }
                }
            }
            Fault::Refuse { code, text } => return Verdict::Refuse(code, text),
            Fault::Close => self.close(id, FAULT),
            Fault::Disconnect { code, text } => self.disconnect(id, code, &text),
            Fault::BadFrame => self.send_raw(id, NO_FRAME),
            // The message ends in the middle of the return code or parameter count. Clients do not
            // read the content of an init response, so that one gets an unknown message kind
            // instead.
            Fault::Undecodable if self.connections.subprotocol(id) == Some(SubProtocol::Json) => {
                self.send_raw(id, UNDECODABLE_TEXT);
            }
            Fault::Undecodable if kind == MessageKind::InitResponse => {
                self.send_plain(id, &[MAGIC, 0x7F, code])
            }
            Fault::Undecodable => self.send_plain(id, &[MAGIC, kind as u8, code]),
            _ => {}
        }
        Verdict::Done
    }

    /// Applies a fault that follows the normal response.
    pub(crate) fn follow(&mut self, id: ConnectionId, step: Step) {
        match self.config.faults.take(step, Fault::follows) {
            Some(Fault::CloseAfter) => self.close(id, FAULT),
            Some(Fault::DisconnectAfter { code, text }) => self.disconnect(id, code, &text),
            _ => {}
        }
    }
}
