//! The threads that resolve names: one pool for the process.
//!
//! They are detached, and nothing joins them: no system can cancel a name lookup, and a program
//! must not wait for one when it ends a session.
//!
//! Threads are a resource of the process, so the limit does not depend on the number of sessions. A
//! thread lives while there is work for it. Lookups that hang must not delay others, so each
//! session, and each name, gets a share (see [`Inner::may_run`]).

use super::resolver::Query;
use crate::waker::WakerSlot;
use chat_core::{LinkError, LinkErrorKind};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

/// Threads at one time. A lookup may hang for half a minute, so a server with many sessions needs
/// more than a few; without a limit it would start one per session when its network fails.
const MAX_THREADS: usize = 64;
/// Threads of one session at one time.
const MAX_PER_SESSION: usize = 4;

static POOL: Pool = Pool::new(MAX_THREADS);

/// The addresses of a name, or why there are none.
pub(super) type Answer = Result<Vec<SocketAddr>, LinkError>;

/// A number of its own for each session, so that lookups are shared fairly between sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionKey(u64);

impl SessionKey {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A lookup that is queued or runs on a thread. Dropping it cancels it: it leaves the queue, or its
/// answer is dropped.
pub(super) struct Lookup {
    slot: Arc<Slot>,
}

/// Where a thread stores an answer.
struct Slot {
    answer: Mutex<Option<Answer>>,
    waker: WakerSlot,
}

impl Lookup {
    /// Starts a lookup on a thread, or queues it.
    pub(super) fn start(query: Query, session: SessionKey, waker: WakerSlot) -> Self {
        POOL.submit(query, session, waker)
    }

    /// Takes the answer, once it has arrived. Never blocks.
    pub(super) fn poll(&self) -> Option<Answer> {
        lock(&self.slot.answer).take()
    }
}

impl Slot {
    fn store(&self, answer: Answer) {
        *lock(&self.answer) = Some(answer);
        self.waker.wake();
    }
}

struct Job {
    query: Query,
    session: SessionKey,
    /// Dead once the lookup is cancelled.
    slot: Weak<Slot>,
}

struct Pool {
    max_threads: usize,
    inner: Mutex<Inner>,
}

struct Inner {
    /// The lookups that run, one for each thread, also those that were cancelled meanwhile.
    running: Vec<(SessionKey, Query)>,
    /// Lookups without a thread, oldest first.
    queue: VecDeque<Job>,
}

impl Pool {
    const fn new(max_threads: usize) -> Self {
        Self {
            max_threads,
            inner: Mutex::new(Inner {
                running: Vec::new(),
                queue: VecDeque::new(),
            }),
        }
    }

    fn submit(&'static self, query: Query, session: SessionKey, waker: WakerSlot) -> Lookup {
        let slot = Arc::new(Slot {
            answer: Mutex::new(None),
            waker,
        });
        let mut inner = self.lock();
        inner.queue.push_back(Job {
            query,
            session,
            slot: Arc::downgrade(&slot),
        });
        let Some(job) = inner.take_next(self.max_threads) else {
            return Lookup { slot };
        };
        // Spawning may take long, and sessions on other threads need the pool meanwhile.
        drop(inner);
        let (session, query) = (job.session, job.query.clone());
        let spawned = thread::Builder::new()
            .name("photon-resolve".into())
            .spawn(move || self.work(job));
        if let Err(error) = spawned {
            let text = format!(
                "the system started no thread to resolve names ({error}): end other programs, or \
                 connect to an IP address"
            );
            let failed = Err(LinkError::new(LinkErrorKind::Io, text));
            // The job went with the thread's closure; whoever waits for this name is answered.
            let mut inner = self.lock();
            inner.finish(session, &query);
            inner.deliver(&query, &failed);
            slot.store(failed);
        }
        Lookup { slot }
    }

    /// The life of a thread.
    fn work(&self, first: Job) {
        let mut job = Some(first);
        while let Some(Job {
            query,
            session,
            slot,
        }) = job
        {
            // A resolver of the application may panic. The thread must go on, or its place in the
            // pool would be lost.
            let answer = catch_unwind(AssertUnwindSafe(|| query.run())).unwrap_or_else(|_panic| {
                let text = format!("{}: the resolver of this program panicked", query.host);
                Err(LinkError::new(LinkErrorKind::Resolve, text))
            });
            let mut inner = self.lock();
            inner.finish(session, &query);
            inner.deliver(&query, &answer);
            if let Some(slot) = slot.upgrade() {
                slot.store(answer);
            }
            job = inner.take_next(self.max_threads);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

impl Inner {
    /// Removes the job that runs next from the queue, and counts it as running. Sessions take
    /// turns: the one with the fewest running lookups is first, and of its lookups the oldest.
    fn take_next(&mut self, max_threads: usize) -> Option<Job> {
        // Cancelled ones leave at each call, or a session that reconnects while its lookups hang
        // would grow the queue without limit.
        self.queue.retain(Job::is_wanted);
        let mut best: Option<(usize, usize)> = None;
        for (index, job) in self.queue.iter().enumerate() {
            let own = self.running_of(job.session);
            let first = best.is_none_or(|(fewest, _)| own < fewest);
            if first && self.may_run(job, own, max_threads) {
                best = Some((own, index));
                if own == 0 {
                    break;
                }
            }
        }
        let job = self.queue.remove(best?.1)?;
        self.running.push((job.session, job.query.clone()));
        debug_assert!(
            self.running.len() <= max_threads,
            "each lookup has a thread of the pool"
        );
        Some(job)
    }

    /// Whether a job may take a thread now. `own` is the number of lookups of its session that run,
    /// whether they are still wanted or not: nothing can end one that hangs.
    ///
    /// - The more lookups of a session run, the more threads it leaves to others: a second one
    ///   starts only while half of them are free, a third one while three quarters are, and a fifth
    ///   one never. A session that abandons hundreds of connects thus delays only itself.
    /// - Lookups of one name take at most an eighth, so that ten thousand sessions whose server
    ///   cannot be resolved do not stop one with another server. Those that wait get the answer of
    ///   the first that ends.
    fn may_run(&self, job: &Job, own: usize, max_threads: usize) -> bool {
        let same = self.running.iter().filter(|(_, query)| *query == job.query);
        let share = if own < MAX_PER_SESSION {
            max_threads >> own
        } else {
            0
        };
        self.running.len() < share && same.count() < max_threads.div_ceil(8)
    }

    fn running_of(&self, session: SessionKey) -> usize {
        self.running.iter().filter(|one| one.0 == session).count()
    }

    fn finish(&mut self, session: SessionKey, query: &Query) {
        let index = self
            .running
            .iter()
            .position(|one| (one.0, &one.1) == (session, query));
        debug_assert!(index.is_some(), "a lookup that ends was running");
        if let Some(index) = index {
            self.running.swap_remove(index);
        }
    }

    /// Answers all queued lookups of a name, which need no thread then.
    fn deliver(&mut self, query: &Query, answer: &Answer) {
        self.queue.retain(|job| {
            if job.query != *query {
                return true;
            }
            if let Some(slot) = job.slot.upgrade() {
                slot.store(answer.clone());
            }
            false
        });
    }
}

impl Job {
    fn is_wanted(&self) -> bool {
        self.slot.strong_count() > 0
    }
}

/// Locks a mutex. A panic while a lock was held cannot leave these values half changed, so a
/// poisoned lock is used as it is.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
