//! Any operation, with its parameters unchanged.

use crate::config::ChatConfig;
use alloc::vec::Vec;
use photon_proto::message::MessageWriter;
use photon_proto::{EncodeError, Value};

pub(crate) fn write(
    buffer: &mut Vec<u8>,
    config: &ChatConfig,
    code: u8,
    parameters: &[(u8, Value)],
) -> Result<(), EncodeError> {
    let mut request =
        MessageWriter::request(buffer, config.binary_protocol(), &config.peer.limits, code)?;
    for (key, value) in parameters {
        request.put(*key, value)?;
    }
    request.finish()
}
