//! A chat server over WebSocket for one client: a name server, then a front end, on a thread of its own.

use super::{
    LONG, PROTOCOL, chat_message, config_for, drive, entered, frame, message, parameter, subscribed,
};
use chat_core::State;
use chat_core::codes::operation;
use chat_core::photon_proto::message::{Message, MessageWriter};
use chat_core::photon_proto::tcp::HEADER_BYTES;
use chat_core::photon_proto::{Limits, internal};
use chat_std_io::{ChatConfig, Event, Session, SessionOptions, SubscribeOptions, chat_core};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};

thread_local! {
    /// Whether this is a server's thread.
    pub static IS_SERVER: Cell<bool> = const { Cell::new(false) };
}

pub trait Duplex: Read + Write + Send {}
impl<T: Read + Write + Send> Duplex for T {}

/// How the server is reached.
pub struct Server {
    pub address: String,
    pub options: SessionOptions,
    pub thread: JoinHandle<Seen>,
}

/// What the server has seen.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    /// The paths that were asked for.
    pub paths: Vec<String>,
    /// The codes of the closes.
    pub closes: Vec<u16>,
    /// Messages that were published.
    pub published: usize,
}

impl Server {
    #[expect(clippy::result_large_err, reason = "tungstenite wants it so")]
    pub fn start(secure: bool) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let scheme = if secure { "wss" } else { "ws" };
        let address = format!(
            "{scheme}://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let (options, wrap) = if secure {
            tls::pair()
        } else {
            (SessionOptions::new(), plain as Wrap)
        };
        let front_end = address.clone();
        let thread = thread::spawn(move || {
            IS_SERVER.set(true);
            let mut seen = Seen::default();
            for is_name_server in [true, false] {
                let (stream, _) = listener.accept().unwrap();
                stream.set_read_timeout(Some(LONG)).unwrap();
                stream.set_nodelay(true).unwrap();
                let socket = tungstenite::accept_hdr(
                    wrap(stream),
                    |request: &Request, mut response: Response| {
                        seen.paths.push(request.uri().to_string());
                        let protocol = request.headers()["sec-websocket-protocol"].clone();
                        response
                            .headers_mut()
                            .insert("sec-websocket-protocol", protocol);
                        Ok::<_, ErrorResponse>(response)
                    },
                );
                let mut link = Link {
                    socket: socket.unwrap(),
                    front_end: is_name_server.then(|| front_end.clone()),
                };
                link.serve(&mut seen);
            }
            seen
        });
        Self {
            address,
            options,
            thread,
        }
    }

    pub fn config(&self) -> ChatConfig {
        config_for(&self.address)
    }

    /// A session in a channel, and no event left.
    pub fn in_channel(&self, config: ChatConfig, channel: &str) -> Session {
        let mut session =
            Session::with_options(config, self.options.clone().seed([1; 32])).unwrap();
        session.chat.connect_to_region_front_end("eu").unwrap();
        drive(&mut session, |_, event| {
            entered(event, State::ConnectedToFrontEnd)
        });
        session
            .chat
            .subscribe([channel], &SubscribeOptions::new())
            .unwrap();
        drive(&mut session, |_, event| {
            matches!(event, Event::SubscribeResult(_))
        });
        session
    }
}

type Wrap = fn(TcpStream) -> Box<dyn Duplex>;

fn plain(stream: TcpStream) -> Box<dyn Duplex> {
    Box::new(stream)
}

struct Link {
    socket: tungstenite::WebSocket<Box<dyn Duplex>>,
    /// Where a name server sends clients.
    front_end: Option<String>,
}

impl Link {
    fn serve(&mut self, seen: &mut Seen) {
        self.send(&[message::MAGIC, message::MessageKind::InitResponse as u8, 0]);
        loop {
            match self.socket.read() {
                Ok(tungstenite::Message::Binary(bytes)) => self.answer(&mut bytes.to_vec(), seen),
                Ok(tungstenite::Message::Close(close)) => {
                    seen.closes
                        .push(close.map_or(1005, |close| close.code.into()));
                    let _ = self.socket.flush();
                    return;
                }
                Ok(other) => panic!("{other:?}"),
                Err(_cut) => return,
            }
        }
    }

    fn answer(&mut self, bytes: &mut [u8], seen: &mut Seen) {
        let (kind, body) = message::decrypt(bytes, None).unwrap();
        match Message::decode(kind, PROTOCOL, &Limits::DEFAULT, body).unwrap() {
            Message::Request {
                internal: true,
                code: internal::PING,
                mut params,
            } => {
                let (client_time, _) = internal::ping_times(&mut params).unwrap();
                let mut out = Vec::new();
                internal::encode_ping_response(
                    &mut out,
                    PROTOCOL,
                    &Limits::DEFAULT,
                    client_time.unwrap(),
                    1,
                )
                .unwrap();
                self.send(&out);
            }
            Message::Request {
                code: operation::AUTHENTICATE,
                ..
            } => {
                let front_end = self.front_end.clone();
                self.send_frame(&frame(|buffer| {
                    let code = operation::AUTHENTICATE;
                    let mut writer =
                        MessageWriter::response(buffer, PROTOCOL, &Limits::DEFAULT, code, 0, None)?;
                    if let Some(front_end) = &front_end {
                        writer.put(parameter::ADDRESS, front_end.as_str())?;
                        writer.put(parameter::SECRET, "token")?;
                        writer.put(parameter::USER_ID, "alice")?;
                    }
                    writer.finish()
                }));
            }
            Message::Request {
                code: operation::SUBSCRIBE,
                ..
            } => self.send_frame(&subscribed("lobby")),
            Message::Request {
                code: operation::PUBLISH,
                ..
            } => {
                seen.published += 1;
                let id = i32::try_from(seen.published).unwrap();
                self.send_frame(&chat_message("lobby", id, "heard"));
            }
            other => panic!("not expected here: {other:?}"),
        }
    }

    /// Over WebSocket a message is what a frame of TCP has in it.
    fn send_frame(&mut self, frame: &[u8]) {
        self.send(&frame[HEADER_BYTES..]);
    }

    fn send(&mut self, message: &[u8]) {
        self.socket
            .send(tungstenite::Message::binary(message.to_vec()))
            .unwrap();
    }
}

#[cfg(not(feature = "tls"))]
mod tls {
    pub(super) fn pair() -> (chat_std_io::SessionOptions, super::Wrap) {
        panic!("without TLS")
    }
}

#[cfg(feature = "tls")]
mod tls {
    use super::{Duplex, Wrap};
    use chat_std_io::{SessionOptions, Tls};
    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ServerConfig, ServerConnection, StreamOwned};
    use std::net::TcpStream;
    use std::sync::{Arc, OnceLock};

    /// A certificate that is its own root, and the configuration of a server that has it.
    fn server() -> &'static (CertificateDer<'static>, Arc<ServerConfig>) {
        static SERVER: OnceLock<(CertificateDer<'static>, Arc<ServerConfig>)> = OnceLock::new();
        SERVER.get_or_init(|| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            let certificate = params.self_signed(&key).unwrap().der().clone();
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            let config = ServerConfig::builder_with_provider(Arc::new(
                rustls::crypto::ring::default_provider(),
            ))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
            (certificate, Arc::new(config))
        })
    }

    pub(super) fn pair() -> (SessionOptions, Wrap) {
        (
            SessionOptions::new().tls(Tls::with_root(&server().0).unwrap()),
            wrap,
        )
    }

    fn wrap(stream: TcpStream) -> Box<dyn Duplex> {
        let connection = ServerConnection::new(Arc::clone(&server().1)).unwrap();
        Box::new(StreamOwned::new(connection, stream))
    }
}
