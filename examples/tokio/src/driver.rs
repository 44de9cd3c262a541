//! [`Driver`]: the task that moves bytes and time between the client and the sockets.

use crate::session::{Shared, lock};
use crate::transport::{Opening, Transport};
use chat_core::{ChatClient, LinkCommand, LinkId, LinkInput, Timestamp};
use rustls::ClientConfig;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, timeout};

/// Larger than any datagram.
const BUFFER_BYTES: usize = 64 * 1024;
/// Reads of one link in a pass. The next pass goes on: other tasks want the lock, too.
const READS_PER_PASS: usize = 32;
/// The time that the server has to close its side of a connection. A socket that is closed at once
/// answers late input with a reset, which may discard the last bytes that the server has not read.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// One pass for each poll. It never ends: the session aborts its task.
pub(crate) struct Driver {
    shared: Arc<Mutex<Shared>>,
    links: Links,
    /// The zero of the client's time.
    start: Instant,
    timer: Pin<Box<Sleep>>,
}

struct Links {
    open: Vec<Link>,
    closing: JoinSet<()>,
    tls: Option<Arc<ClientConfig>>,
    buffer: Box<[u8]>,
}

struct Link {
    id: LinkId,
    progress: Progress,
    /// The last pass did not read until the socket was empty, so nothing will wake the task for what
    /// is left.
    has_unread: bool,
}

enum Progress {
    Opening(Opening),
    Open(Transport),
}

impl Driver {
    pub(crate) fn new(shared: Arc<Mutex<Shared>>, tls: Option<Arc<ClientConfig>>) -> Self {
        let links = Links {
            open: Vec::new(),
            closing: JoinSet::new(),
            tls,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
        };
        Self {
            shared,
            links,
            start: Instant::now(),
            timer: Box::pin(sleep(Duration::ZERO)),
        }
    }

    /// Whether the next pass is due. If not, the timer wakes the task when it is.
    fn is_due(&mut self, context: &mut Context<'_>, deadline: Option<Timestamp>) -> bool {
        let deadline = deadline.map(|at| at.since(Timestamp::ZERO));
        // Nothing is due in a time that no clock reaches.
        let Some(at) = deadline.and_then(|at| self.start.checked_add(at)) else {
            return false;
        };
        self.timer.as_mut().reset(at);
        self.timer.as_mut().poll(context).is_ready()
    }
}

impl Future for Driver {
    type Output = Infallible;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Infallible> {
        let this = &mut *self;
        let mutex = Arc::clone(&this.shared);
        let mut shared = lock(&mutex);
        let now = Timestamp::ZERO.plus(this.start.elapsed());
        (shared.now, shared.driver) = (now, Some(context.waker().clone()));

        let chat = &mut shared.chat;
        this.links.receive(context, chat, now);
        chat.service(now);
        this.links.send(context, chat, now);
        let has_opened = this.links.apply_commands(chat);
        // Each `poll` above has arranged for a wake, except for these. A pass leaves some of them for
        // the next one, so that others get the lock and the application sees each state.
        let has_work = has_opened || this.links.can_read(chat);
        if this.is_due(context, chat.poll_timeout()) || has_work {
            context.waker().wake_by_ref();
        }

        while let Poll::Ready(Some(_)) = this.links.closing.poll_join_next(context) {}
        shared.sockets = this.links.open.len() + this.links.closing.len();
        if shared.chat.queued_events() > 0 || shared.sockets == 0 {
            shared.wake_reader();
        }
        Poll::Pending
    }
}

impl Links {
    /// Passes on what happened to the links.
    fn receive(&mut self, context: &mut Context<'_>, chat: &mut ChatClient, now: Timestamp) {
        for mut link in std::mem::take(&mut self.open) {
            if link.receive(context, chat, now, &mut self.buffer) {
                self.open.push(link);
            } else if let Progress::Open(transport) = link.progress {
                // The answer to a WebSocket close frame still has to leave.
                self.close(transport);
            }
        }
    }

    /// Sends what the sockets take. The rest stays in the client.
    fn send(&mut self, context: &mut Context<'_>, chat: &mut ChatClient, now: Timestamp) {
        self.open.retain_mut(|link| {
            let Progress::Open(transport) = &mut link.progress else {
                return true;
            };
            let result = loop {
                let Some(bytes) = chat.transmit(now, link.id) else {
                    break transport.poll_flush(context);
                };
                match transport.poll_send(context, bytes) {
                    Poll::Ready(Ok(sent)) => chat.transmitted(link.id, sent),
                    Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                    Poll::Pending => break Poll::Pending,
                }
            };
            if let Poll::Ready(Err(error)) = result {
                chat.handle_link(now, link.id, LinkInput::Failed(error));
                return false;
            }
            true
        });
    }

    /// Opens and closes links. Returns whether it has opened one, which was not polled yet.
    fn apply_commands(&mut self, chat: &mut ChatClient) -> bool {
        let mut has_opened = false;
        while let Some(command) = chat.poll_command() {
            match command {
                LinkCommand::Open { link, target, wire } => {
                    let max_bytes = chat.limits().max_received_bytes;
                    let opening = Transport::open(target, wire, self.tls.clone(), max_bytes);
                    let progress = Progress::Opening(Box::pin(opening));
                    self.open.push(Link {
                        id: link,
                        progress,
                        has_unread: false,
                    });
                    has_opened = true;
                }
                LinkCommand::Close { link } => {
                    if let Some(index) = self.open.iter().position(|open| open.id == link)
                        && let Progress::Open(transport) = self.open.swap_remove(index).progress
                    {
                        self.close(transport);
                    }
                }
            }
        }
        has_opened
    }

    /// Whether there is input that the client wants and nothing will wake the task for.
    fn can_read(&self, chat: &ChatClient) -> bool {
        self.open
            .iter()
            .any(|link| link.has_unread && chat.wants_input(link.id))
    }

    /// Closes a connection in order, in a task of its own.
    fn close(&mut self, transport: Transport) {
        self.closing.spawn(async {
            // The server may not answer, and the connection may be broken: it is over either way.
            let _ = timeout(CLOSE_TIMEOUT, transport.close()).await;
        });
    }
}

impl Link {
    /// Passes on what happened to the link. Returns whether it still exists.
    fn receive(
        &mut self,
        context: &mut Context<'_>,
        chat: &mut ChatClient,
        now: Timestamp,
        buffer: &mut [u8],
    ) -> bool {
        if let Progress::Opening(opening) = &mut self.progress {
            let (input, is_open) = match opening.as_mut().poll(context) {
                Poll::Pending => return true,
                Poll::Ready(Ok(transport)) => {
                    let ipv6 = transport.is_ipv6();
                    self.progress = Progress::Open(transport);
                    (LinkInput::Opened { ipv6 }, true)
                }
                Poll::Ready(Err(error)) => (LinkInput::Failed(error), false),
            };
            chat.handle_link(now, self.id, input);
            if !is_open {
                return false;
            }
        }
        let Progress::Open(transport) = &mut self.progress else {
            return true;
        };
        for _ in 0..READS_PER_PASS {
            if !chat.wants_input(self.id) {
                break;
            }
            let Poll::Ready(input) = transport.poll_receive(context, buffer) else {
                self.has_unread = false;
                return true;
            };
            let is_end = matches!(input, LinkInput::Closed | LinkInput::Failed(_));
            chat.handle_link(now, self.id, input);
            if is_end {
                return false;
            }
        }
        self.has_unread = true;
        true
    }
}
