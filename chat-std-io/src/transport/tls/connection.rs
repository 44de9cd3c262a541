//! One TLS connection over any [`Read`] and [`Write`] that never blocks.

use super::error::link_error;
use super::records::Records;
use crate::transport::io_error::to_io_error;
use chat_core::{LinkError, LinkErrorKind, Target};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

/// Bytes that rustls may hold while the system takes none, or nearly. Its default is 64 KiB.
const MAX_UNSENT_BYTES: usize = 16 * 1024;

/// Work of a byte that TLS receives and that is not data, in bytes of data: a record has 22 of them,
/// and costs about as much to decrypt as 350 bytes of data.
const OVERHEAD_COST: usize = 16;

/// A stream below TLS, with a limit for the work of a pass.
pub(crate) trait Metered: Read + Write {
    /// Takes work that has no bytes of its own from the limit.
    fn charge(&mut self, bytes: usize);
}

/// One TLS connection. rustls does no I/O of its own, so each call takes the stream below.
pub(crate) struct TlsConnection {
    connection: ClientConnection,
    records: Records,
    /// How the server broke the protocol, until [`TlsConnection::read`] reports it: everything that
    /// arrived before is read first.
    broken: Option<LinkError>,
}

impl TlsConnection {
    /// Prepares a handshake that names the host. Sends nothing yet.
    pub(crate) fn new(config: Arc<ClientConfig>, target: &Target) -> Result<Self, LinkError> {
        let name = ServerName::try_from(String::from(&*target.host)).map_err(|error| {
            let text = format!(
                "no certificate can be for the host {:?} ({error}): check the server address",
                target.host
            );
            LinkError::new(LinkErrorKind::Tls, text)
        })?;
        let mut connection = ClientConnection::new(config, name).map_err(|error| {
            let text = format!("this TLS configuration does not work ({error}): check Tls::config");
            LinkError::new(LinkErrorKind::Tls, text)
        })?;
        connection.set_buffer_limit(Some(MAX_UNSENT_BYTES));
        Ok(Self {
            connection,
            records: Records::default(),
            broken: None,
        })
    }

    /// Continues the handshake; [`ErrorKind::WouldBlock`] until it is complete. It ends with the
    /// check of the certificate and of the server's possession of its key. Nothing else is sent
    /// before.
    pub(crate) fn handshake(&mut self, stream: &mut impl Metered) -> io::Result<()> {
        while self.connection.is_handshaking() {
            self.flush(stream)?;
            if self.receive(stream)? == 0 {
                let text = "the server ended the connection during the TLS handshake: check that \
                            the port is one for wss://";
                return Err(to_io_error(LinkError::new(LinkErrorKind::Tls, text)));
            }
        }
        Ok(())
    }

    /// Reads decrypted bytes, and more from the stream as needed. 0 is an end that the server
    /// announced; an end without a `close_notify` is [`ErrorKind::UnexpectedEof`].
    pub(crate) fn read(
        &mut self,
        stream: &mut impl Metered,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            if let Some(broken) = self.broken.take() {
                return Err(to_io_error(broken));
            }
            if self.receive(stream)? == 0 {
                return self
                    .connection
                    .reader()
                    .read(buffer)
                    .map_err(|_| ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads records from the stream. Returns the number of bytes, 0 at the end.
    fn receive(&mut self, stream: &mut impl Metered) -> io::Result<usize> {
        let handshaking = self.connection.is_handshaking();
        let bytes = self
            .connection
            .read_tls(&mut self.records.following(stream))?;
        match self.connection.process_new_packets() {
            Ok(state) => {
                // All data of earlier records was read before, so this is that of the new ones.
                let data = state.plaintext_bytes_to_read();
                let overhead = self.records.take_completed().saturating_sub(data);
                stream.charge(overhead.saturating_mul(OVERHEAD_COST));
            }
            Err(error) => {
                // Sends the alert that explains it. The server may be gone already.
                let _ = self.flush(stream);
                let error = link_error(&error, handshaking);
                if handshaking {
                    return Err(to_io_error(error));
                }
                self.broken = Some(error);
            }
        }
        Ok(bytes)
    }

    /// Takes as many bytes as fit; [`ErrorKind::WouldBlock`] if none do.
    pub(crate) fn write(
        &mut self,
        stream: &mut (impl Read + Write),
        bytes: &[u8],
    ) -> io::Result<usize> {
        debug_assert!(
            !self.connection.is_handshaking(),
            "nothing is sent before the handshake"
        );
        // Makes space in rustls first. If the system takes nothing, rustls may still have some.
        match self.flush(stream) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        match self.connection.writer().write(bytes)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            written => Ok(written),
        }
    }

    pub(crate) fn flush(&mut self, stream: &mut (impl Read + Write)) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(stream)?;
        }
        Ok(())
    }

    /// Sends a `close_notify`, as far as the system takes it.
    pub(crate) fn close(&mut self, stream: &mut (impl Read + Write)) {
        self.connection.send_close_notify();
        // The rest is lost with the connection: the WebSocket close, which was sent before, already
        // told the server that nothing follows.
        let _ = self.flush(stream);
    }
}
