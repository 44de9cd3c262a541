//! Carrying out the faults that replace or follow an answer.

use photon_proto::message::{MAGIC, MessageKind};

use crate::connections::ConnectionId;
use crate::context::Context;
use crate::faults::{Fault, Step};
use crate::subprotocol::SubProtocol;

/// Neither a frame nor a ping, and no message either. Spec: wire.md 6.1.
const NO_FRAME: &[u8] = b"no frame at all";
/// A good frame of JSON that ends too early. Spec: wire.md 7.2.
const UNDECODABLE_TEXT: &[u8] = b"~m~10~m~~j~{\"res\":";

/// Whether a step is to be gone through as usual.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// As usual.
    Go,
    /// Refused with this return code and text.
    Refuse(i16, String),
    /// A fault has done everything there is to do.
    Done,
}

impl Context<'_> {
    /// Lets a fault take the place of an answer, which would be a message of this kind and code.
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
        log::debug!("fault at {step:?}: {fault:?}");
        match fault {
            Fault::Mute => {
                if let Some(connection) = self.connections.get_mut(id) {
                    connection.muted = true;
                    if connection.carrier.as_datagram().is_some() {
                        connection
                            .carrier
                            .vanish(self.acceptors.side_mut(connection.server_kind));
                        connection.closing = Some(self.now);
                        self.connections.end(id);
                    }
                }
            }
            Fault::Refuse { code, text } => return Verdict::Refuse(code, text),
            Fault::Close => self.close(id),
            Fault::Disconnect { code, text } => self.disconnect(id, code, &text),
            Fault::BadFrame => self.send_raw(id, NO_FRAME),
            // Ends in the middle of the return code or parameter count. A kind that no protocol knows stands for an
            // init response, whose content nobody reads.
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

    /// Lets a fault follow the usual answer.
    pub(crate) fn follow(&mut self, id: ConnectionId, step: Step) {
        match self.config.faults.take(step, Fault::follows) {
            Some(Fault::CloseAfter) => self.close(id),
            Some(Fault::DisconnectAfter { code, text }) => self.disconnect(id, code, &text),
            _ => {}
        }
    }
}
