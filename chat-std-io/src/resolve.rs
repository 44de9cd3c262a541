//! What blocks happens here, off the caller's thread: resolving a name and connecting to it.
//!
//! One detached thread for each link that is being opened, at most [`MAX_THREADS`] in the process (threads are the
//! process's resource, whatever the number of sessions); the rest wait their turn. Nobody waits for a thread: a link
//! that is given up drops its [`Ticket`], and what the thread still brings is thrown away.

use crate::socket::{Setup, Socket};
use chat_core::{LinkError, LinkErrorKind, LinkId, Target, Wire};
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

/// Threads that open links at one time.
const MAX_THREADS: usize = 64;

static POOL: Pool = Pool::new(MAX_THREADS);

/// The addresses of a host, in the resolver's order; IP literals are not looked up.
pub(crate) fn addresses(
    target: &Target,
) -> Result<impl Iterator<Item = SocketAddr> + use<>, LinkError> {
    (&*target.host, target.port)
        .to_socket_addrs()
        .map_err(|error| {
            LinkError::new(LinkErrorKind::Resolve, format!("{}: {error}", target.host))
        })
}

/// A session's end of the threads.
pub(crate) struct Opener {
    sender: Sender<Opened>,
    receiver: Receiver<Opened>,
    /// What came while [`Opener::sleep`] slept.
    early: Option<Opened>,
}

/// A link that was opened, or could not be.
pub(crate) struct Opened {
    pub(crate) link: LinkId,
    pub(crate) result: Result<(Socket, SocketAddr), LinkError>,
}

/// Kept for as long as the link is wanted.
pub(crate) struct Ticket {
    _held: Arc<()>,
}

impl Opener {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = channel();
        Self {
            sender,
            receiver,
            early: None,
        }
    }

    /// Begins to open a link. What becomes of it comes from [`Opener::finished`].
    pub(crate) fn open(&self, link: LinkId, target: Target, wire: Wire, setup: Setup) -> Ticket {
        let held = Arc::new(());
        let wanted = Arc::downgrade(&held);
        let sender = self.sender.clone();
        let work = {
            let (wanted, sender) = (wanted.clone(), sender.clone());
            move || {
                let result = Socket::open(&target, wire, &setup, || wanted.strong_count() > 0);
                // Nobody listens once the session is gone: the socket is dropped.
                let _ = sender.send(Opened { link, result });
            }
        };
        if let Err(error) = POOL.run(wanted, Box::new(work)) {
            let _ = sender.send(Opened {
                link,
                result: Err(LinkError::from(&error)),
            });
        }
        Ticket { _held: held }
    }

    /// The next link that is done. Never blocks.
    pub(crate) fn finished(&mut self) -> Option<Opened> {
        self.early.take().or_else(|| self.receiver.try_recv().ok())
    }

    /// Sleeps until a link is done, at most this long; whether one is.
    pub(crate) fn sleep(&mut self, longest: Duration) -> bool {
        if self.early.is_none() {
            self.early = self.receiver.recv_timeout(longest).ok();
        }
        self.early.is_some()
    }
}

type Work = Box<dyn FnOnce() + Send>;

/// Threads that live as long as there is work for them.
struct Pool {
    max_threads: usize,
    inner: Mutex<Inner>,
}

struct Inner {
    threads: usize,
    waiting: VecDeque<(Weak<()>, Work)>,
}

impl Pool {
    const fn new(max_threads: usize) -> Self {
        Self {
            max_threads,
            inner: Mutex::new(Inner {
                threads: 0,
                waiting: VecDeque::new(),
            }),
        }
    }

    /// Runs it on a thread, now or when one is free and if it is still wanted then.
    fn run(&'static self, wanted: Weak<()>, work: Work) -> io::Result<()> {
        let mut inner = self.lock();
        if inner.threads >= self.max_threads {
            // Whatever was given up in the meantime does not pile up.
            inner
                .waiting
                .retain(|(wanted, _)| wanted.strong_count() > 0);
            inner.waiting.push_back((wanted, work));
            return Ok(());
        }
        inner.threads += 1;
        drop(inner);
        let spawned = thread::Builder::new()
            .name("photon-chat-open".to_owned())
            .spawn(move || {
                let mut work = work;
                loop {
                    work();
                    let Some(next) = self.next() else { break };
                    work = next;
                }
            });
        match spawned {
            Ok(_detached) => Ok(()),
            Err(error) => {
                self.lock().threads -= 1;
                Err(error)
            }
        }
    }

    /// More work for a thread that is done; without any the thread ends.
    fn next(&self) -> Option<Work> {
        let mut inner = self.lock();
        while let Some((wanted, work)) = inner.waiting.pop_front() {
            if wanted.strong_count() > 0 {
                return Some(work);
            }
        }
        inner.threads -= 1;
        None
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_threads_than_allowed_and_nothing_given_up_is_run() {
        static POOL: Pool = Pool::new(2);
        let held = Arc::new(());
        let (started, starts) = channel();
        let (release, gate) = channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let submit = |number: usize, wanted: Weak<()>| {
            let (started, gate) = (started.clone(), Arc::clone(&gate));
            let work = move || {
                started.send(number).unwrap();
                gate.lock().unwrap().recv().unwrap();
            };
            POOL.run(wanted, Box::new(work)).unwrap();
        };

        submit(1, Arc::downgrade(&held));
        submit(2, Arc::downgrade(&held));
        let mut running = [starts.recv().unwrap(), starts.recv().unwrap()];
        running.sort_unstable();
        assert_eq!(running, [1, 2]);

        let given_up = Arc::new(());
        submit(3, Arc::downgrade(&held));
        submit(4, Arc::downgrade(&given_up));
        drop(given_up);
        submit(5, Arc::downgrade(&held));
        assert_eq!(POOL.lock().threads, 2);
        assert_eq!(
            POOL.lock().waiting.len(),
            2,
            "what was given up left the queue"
        );
        assert!(
            starts.try_recv().is_err(),
            "nothing runs before a thread is free"
        );

        release.send(()).unwrap();
        assert_eq!(starts.recv().unwrap(), 3);
        release.send(()).unwrap();
        assert_eq!(starts.recv().unwrap(), 5);
        release.send(()).unwrap();
        release.send(()).unwrap();
        while POOL.lock().threads > 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn work_given_up_while_it_waited_is_skipped() {
        static POOL: Pool = Pool::new(1);
        let held = Arc::new(());
        let (release, gate) = channel::<()>();
        let (done, dones) = channel();
        POOL.run(
            Arc::downgrade(&held),
            Box::new(move || gate.recv().unwrap()),
        )
        .unwrap();
        let given_up = Arc::new(());
        let unwanted = done.clone();
        POOL.run(
            Arc::downgrade(&given_up),
            Box::new(move || unwanted.send("unwanted").unwrap()),
        )
        .unwrap();
        POOL.run(
            Arc::downgrade(&held),
            Box::new(move || done.send("wanted").unwrap()),
        )
        .unwrap();
        drop(given_up);
        release.send(()).unwrap();
        assert_eq!(dones.iter().collect::<Vec<_>>(), ["wanted"]);
    }
}
