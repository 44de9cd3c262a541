//! One TLS connection over a [`Raw`] stream. rustls does no input or output itself.

use super::words;
use crate::line::Raw;
use chat_core::{LinkError, LinkErrorKind, Target};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

/// What rustls may hold that the system has not taken, or nearly. Its own limit is 64 KiB.
const MAX_UNSENT_BYTES: usize = 16 * 1024;

pub(crate) struct Secure {
    connection: ClientConnection,
    /// The other side broke the rules. What arrived before that may still have to be read.
    broken: Option<LinkError>,
}

impl Secure {
    /// Begins with a hello that names the host, and sends nothing yet.
    pub(crate) fn new(config: Arc<ClientConfig>, target: &Target) -> Result<Self, LinkError> {
        let name = ServerName::try_from(String::from(&*target.host)).map_err(|error| {
            LinkError::new(
                LinkErrorKind::Tls,
                format!(
                    "{:?} cannot be the name in a certificate: {error}",
                    target.host
                ),
            )
        })?;
        let mut connection = ClientConnection::new(config, name).map_err(|error| {
            LinkError::new(
                LinkErrorKind::Tls,
                format!("TLS does not work with this configuration: {error}"),
            )
        })?;
        connection.set_buffer_limit(Some(MAX_UNSENT_BYTES));
        Ok(Self {
            connection,
            broken: None,
        })
    }

    /// Goes on with the handshake; [`ErrorKind::WouldBlock`] until it is done. Before that, nothing but the handshake is
    /// sent: it ends with the check of the certificate and of the server's possession of its key.
    pub(crate) fn establish(&mut self, raw: &mut Raw<'_>) -> io::Result<()> {
        while self.connection.is_handshaking() {
            self.flush(raw)?;
            if self.receive(raw)? == 0 {
                let text = "the server ended the connection during the TLS handshake: is it a port for wss://?";
                return Err(raw.turn.fail(LinkError::new(LinkErrorKind::Tls, text)));
            }
        }
        Ok(())
    }

    /// Reads what was received, and more as far as needed. 0 is the end, announced by the other side; an end that is not
    /// is [`ErrorKind::UnexpectedEof`].
    pub(crate) fn read(&mut self, raw: &mut Raw<'_>, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            if let Some(broken) = self.broken.take() {
                return Err(raw.turn.fail(broken));
            }
            if self.receive(raw)? == 0 {
                return self
                    .connection
                    .reader()
                    .read(buffer)
                    .map_err(|_| ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Takes over what arrived; how many bytes, 0 at the end.
    fn receive(&mut self, raw: &mut Raw<'_>) -> io::Result<usize> {
        let handshaking = self.connection.is_handshaking();
        let bytes = self.connection.read_tls(raw)?;
        if let Err(error) = self.connection.process_new_packets() {
            // The other side is told, if it listens.
            let _ = self.flush(raw);
            let error = words::link_error(&error, handshaking);
            if handshaking {
                return Err(raw.turn.fail(error));
            }
            self.broken = Some(error);
        }
        Ok(bytes)
    }

    /// Takes what fits. The rest is for later.
    pub(crate) fn write(&mut self, raw: &mut Raw<'_>, bytes: &[u8]) -> io::Result<usize> {
        match self.flush(raw) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        match self.connection.writer().write(bytes)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            written => Ok(written),
        }
    }

    pub(crate) fn flush(&mut self, raw: &mut Raw<'_>) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(raw)?;
        }
        Ok(())
    }

    /// Says that nothing more follows, as far as the system takes it.
    pub(crate) fn finish(&mut self, raw: &mut Raw<'_>) {
        self.connection.send_close_notify();
        let _ = self.flush(raw);
    }
}
