//! A client's TCP stream, with or without TLS. Reads and writes never block.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};

/// The bytes that TLS buffers for the socket, approximately.
const MAX_UNSENT_BYTES: usize = 16 * 1024;

pub(super) struct MaybeTlsStream {
    pub(super) socket: TcpStream,
    /// Bytes read since the owner reset the counter, without those of TLS itself.
    pub(super) received_bytes: usize,
    tls: Option<Box<ServerConnection>>,
}

impl MaybeTlsStream {
    pub(super) fn new(
        socket: TcpStream,
        tls: Option<&Arc<ServerConfig>>,
    ) -> Result<Self, rustls::Error> {
        let tls = match tls {
            None => None,
            Some(config) => {
                let mut connection = ServerConnection::new(Arc::clone(config))?;
                connection.set_buffer_limit(Some(MAX_UNSENT_BYTES));
                Some(Box::new(connection))
            }
        };
        Ok(Self {
            socket,
            received_bytes: 0,
            tls,
        })
    }

    /// Sends the end of the stream, as far as the socket takes it.
    pub(super) fn finish(&mut self) {
        if let Some(connection) = &mut self.tls {
            connection.send_close_notify();
        }
        // An error here appears again at the next read.
        let _ = self.flush();
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}

/// Writes the TLS records that are ready.
fn push(connection: &mut ServerConnection, stream: &mut TcpStream) -> io::Result<()> {
    while connection.wants_write() {
        uninterrupted(|| connection.write_tls(stream))?;
    }
    Ok(())
}

fn uninterrupted(mut act: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match act() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Treats a blocked write as success: the poll reports when the socket takes more.
fn unless_blocked(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        other => other,
    }
}

impl Read for MaybeTlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.read_plain(buffer)?;
        self.received_bytes = self.received_bytes.saturating_add(count);
        Ok(count)
    }
}

impl MaybeTlsStream {
    fn read_plain(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(connection) = &mut self.tls else {
            return uninterrupted(|| self.socket.read(buffer));
        };
        loop {
            match connection.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            if uninterrupted(|| connection.read_tls(&mut self.socket))? == 0 {
                return connection
                    .reader()
                    .read(buffer)
                    .map_err(|_| ErrorKind::UnexpectedEof.into());
            }
            let result = connection.process_new_packets();
            // Handshake responses, or an alert.
            unless_blocked(push(connection, &mut self.socket))?;
            result.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }
}

impl Write for MaybeTlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(connection) = &mut self.tls else {
            return uninterrupted(|| self.socket.write(bytes));
        };
        unless_blocked(push(connection, &mut self.socket))?;
        match connection.writer().write(bytes)? {
            0 if !bytes.is_empty() => Err(ErrorKind::WouldBlock.into()),
            written => {
                unless_blocked(push(connection, &mut self.socket))?;
                Ok(written)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(connection) => push(connection, &mut self.socket),
            None => Ok(()),
        }
    }
}
