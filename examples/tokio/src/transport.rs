//! [`Transport`]: one connection to a server, over UDP, TCP or WebSocket.

use crate::error::{link_error, opening_error, tls_config};
use chat_core::{LinkError, LinkErrorKind, LinkInput, Target, Wire};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use rustls::ClientConfig;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

/// Buffers of a WebSocket. The defaults take 256 KiB for each connection.
const WEB_SOCKET_BUFFER_BYTES: usize = 8 * 1024;

/// A connection that is being opened.
pub(crate) type Opening = Pin<Box<dyn Future<Output = Result<Transport, LinkError>> + Send>>;

pub(crate) enum Transport {
    Udp(UdpSocket),
    Tcp(TcpStream),
    WebSocket(Box<WebSocket>),
}

pub(crate) struct WebSocket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// JSON is sent as text, everything else as binary.
    is_text: bool,
    /// The message that was received last.
    received: Bytes,
}

impl Transport {
    /// Resolves the name and connects. The client limits the time.
    pub(crate) async fn open(
        target: Target,
        wire: Wire,
        tls: Option<Arc<ClientConfig>>,
        max_message_bytes: usize,
    ) -> Result<Self, LinkError> {
        let addresses = resolve(&target).await?;
        match wire {
            Wire::Datagram => first(addresses, connect_udp).await.map(Self::Udp),
            Wire::Stream => first(addresses, connect_tcp).await.map(Self::Tcp),
            Wire::WebSocket { secure, protocol } => {
                let tcp = first(addresses, connect_tcp).await?;
                let scheme = if secure { "wss" } else { "ws" };
                let url = format!("{scheme}://{target}{}", target.path);
                let mut request = url.into_client_request().map_err(opening_error)?;
                let name = HeaderValue::from_static(protocol.name());
                request.headers_mut().insert("Sec-WebSocket-Protocol", name);
                let config = WebSocketConfig::default()
                    .read_buffer_size(WEB_SOCKET_BUFFER_BYTES)
                    .write_buffer_size(WEB_SOCKET_BUFFER_BYTES)
                    .max_message_size(Some(max_message_bytes))
                    .max_frame_size(Some(max_message_bytes));
                let connector = if secure {
                    Connector::Rustls(tls.map_or_else(tls_config, Ok)?)
                } else {
                    Connector::Plain
                };
                let connected =
                    client_async_tls_with_config(request, tcp, Some(config), Some(connector));
                let (stream, _response) = connected.await.map_err(opening_error)?;
                Ok(Self::WebSocket(Box::new(WebSocket {
                    stream,
                    is_text: protocol.is_text(),
                    received: Bytes::new(),
                })))
            }
            _ => {
                let text = "this driver has udp://, tcp://, ws:// and wss://";
                Err(LinkError::new(LinkErrorKind::Unsupported, text))
            }
        }
    }

    /// Whether the connection uses IPv6.
    pub(crate) fn is_ipv6(&self) -> bool {
        let address = match self {
            Self::Udp(socket) => socket.peer_addr(),
            Self::Tcp(stream) => stream.peer_addr(),
            Self::WebSocket(socket) => match socket.stream.get_ref() {
                MaybeTlsStream::Plain(tcp) => tcp.peer_addr(),
                MaybeTlsStream::Rustls(tls) => tls.get_ref().0.peer_addr(),
                _ => return false,
            },
        };
        address.is_ok_and(|address| address.is_ipv6())
    }

    /// Receives some bytes, a datagram, a message, or the end.
    pub(crate) fn poll_receive<'a>(
        &'a mut self,
        context: &mut Context<'_>,
        buffer: &'a mut [u8],
    ) -> Poll<LinkInput<'a>> {
        let mut read = ReadBuf::new(buffer);
        match self {
            Self::Udp(socket) => {
                // Nobody listened on the port when an earlier datagram arrived. The client resends, and
                // decides when it has waited long enough.
                while ready!(socket.poll_recv(context, &mut read)).is_err() {}
                let bytes = read.filled().len();
                Poll::Ready(LinkInput::Received(&buffer[..bytes]))
            }
            Self::Tcp(stream) => {
                let result = ready!(Pin::new(stream).poll_read(context, &mut read));
                let bytes = read.filled().len();
                Poll::Ready(match result {
                    Ok(()) if bytes == 0 => LinkInput::Closed,
                    Ok(()) => LinkInput::Received(&buffer[..bytes]),
                    Err(error) => LinkInput::Failed(LinkError::from(&error)),
                })
            }
            Self::WebSocket(socket) => socket.poll_receive(context),
        }
    }

    /// Sends what the system takes now. Returns how many bytes that was.
    pub(crate) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, LinkError>> {
        match self {
            // A datagram that the system refuses counts as sent, and lost: the client resends it.
            Self::Udp(socket) => socket
                .poll_send(context, bytes)
                .map(|sent| Ok(sent.unwrap_or(bytes.len()))),
            Self::Tcp(stream) => Pin::new(stream)
                .poll_write(context, bytes)
                .map_err(|error| LinkError::from(&error)),
            Self::WebSocket(socket) => socket.poll_send(context, bytes),
        }
    }

    /// Sends what a WebSocket holds back.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        match self {
            Self::Udp(_) | Self::Tcp(_) => Poll::Ready(Ok(())),
            Self::WebSocket(socket) => Pin::new(&mut socket.stream)
                .poll_flush(context)
                .map_err(link_error),
        }
    }

    /// Ends this side, and waits for the end of the other.
    pub(crate) async fn close(self) -> io::Result<()> {
        match self {
            // The client has sent its disconnect, and seen the answer.
            Self::Udp(_) => Ok(()),
            Self::Tcp(mut stream) => {
                stream.shutdown().await?;
                let mut buffer = [0; 1_024];
                while stream.read(&mut buffer).await? > 0 {}
                Ok(())
            }
            Self::WebSocket(mut socket) => {
                let frame = CloseFrame {
                    code: CloseCode::Normal,
                    reason: Utf8Bytes::default(),
                };
                // Fails if the server closed first: its frame then only has to be answered, below.
                let _ = socket.stream.close(Some(frame)).await;
                while let Some(Ok(_)) = socket.stream.next().await {}
                Ok(())
            }
        }
    }
}

impl WebSocket {
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<LinkInput<'_>> {
        let failed = |kind, text: &str| Poll::Ready(LinkInput::Failed(LinkError::new(kind, text)));
        loop {
            let message = match ready!(Pin::new(&mut self.stream).poll_next(context)) {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Poll::Ready(LinkInput::Failed(link_error(error))),
                None => return failed(LinkErrorKind::Reset, "the server ended the connection"),
            };
            match message {
                Message::Text(text) if self.is_text => self.received = text.into(),
                Message::Binary(bytes) if !self.is_text => self.received = bytes,
                Message::Text(_) | Message::Binary(_) => {
                    let text =
                        "the server sent a message of the wrong kind: check the sub-protocol";
                    return failed(LinkErrorKind::Protocol, text);
                }
                Message::Close(Some(frame)) if frame.code == CloseCode::Normal => {
                    return Poll::Ready(LinkInput::Closed);
                }
                Message::Close(frame) => {
                    let text = frame.map_or_else(String::new, |frame| frame.to_string());
                    return failed(
                        LinkErrorKind::Reset,
                        &format!("the server closed it: {text}"),
                    );
                }
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            }
            return Poll::Ready(LinkInput::Received(&self.received));
        }
    }

    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, LinkError>> {
        ready!(Pin::new(&mut self.stream).poll_ready(context)).map_err(link_error)?;
        let message = if self.is_text {
            // The client writes JSON, which is UTF-8.
            Message::text(String::from_utf8_lossy(bytes).into_owned())
        } else {
            Message::binary(Bytes::copy_from_slice(bytes))
        };
        Poll::Ready(
            self.stream
                .start_send_unpin(message)
                .map(|()| bytes.len())
                .map_err(link_error),
        )
    }
}

/// The addresses of a server, IPv4 first: over UDP nothing shows that an address leads nowhere, and
/// `::1` is the first address of `localhost`, on which few servers listen. An application with needs
/// of its own (RFC 8305, split DNS) changes this.
async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, LinkError> {
    let found = lookup_host((&*target.host, target.port)).await;
    let mut addresses: Vec<SocketAddr> = match found {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            let text = format!("cannot resolve {}: {error}", target.host);
            return Err(LinkError::new(LinkErrorKind::Resolve, text.as_str()));
        }
    };
    addresses.sort_by_key(SocketAddr::is_ipv6);
    Ok(addresses)
}

/// Connects to the first address that accepts. The error is the last one.
async fn first<T, F: Future<Output = io::Result<T>>>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, LinkError> {
    let mut last = LinkError::new(LinkErrorKind::Resolve, "the name has no address");
    for address in addresses {
        match connect(address).await {
            Ok(connected) => return Ok(connected),
            Err(error) => {
                let kind = LinkError::from(&error).kind;
                last = LinkError::new(kind, format!("{address}: {error}").as_str());
            }
        }
    }
    Err(last)
}

async fn connect_tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // The client writes whole messages; waiting for more would only delay them.
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn connect_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    // From now on the socket receives from this address only.
    socket.connect(address).await?;
    Ok(socket)
}
