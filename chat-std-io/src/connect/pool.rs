//! The threads that connect: one pool for the process.
//!
//! They are detached, and nothing joins them: no system can cancel a name lookup, and a program
//! must not wait for one when it ends a session.
//!
//! Threads are a resource of the process, so the limit does not depend on the number of sessions. A
//! thread lives while there is work for it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

/// Threads at one time. A lookup may hang for half a minute, so a server with many sessions needs
/// more than a few; without a limit it would start one per session when its network fails.
const MAX_THREADS: usize = 64;

pub(super) static POOL: Pool = Pool::new(MAX_THREADS);

/// Work that may block.
pub(super) type Work = Box<dyn FnOnce() + Send>;

pub(super) struct Pool {
    max_threads: usize,
    inner: Mutex<Inner>,
}

struct Inner {
    threads: usize,
    /// Work without a thread yet, oldest first, each with a token that is dead once it is
    /// cancelled.
    queue: VecDeque<(Weak<()>, Work)>,
}

impl Pool {
    const fn new(max_threads: usize) -> Self {
        Self {
            max_threads,
            inner: Mutex::new(Inner {
                threads: 0,
                queue: VecDeque::new(),
            }),
        }
    }

    /// Runs the work on a thread: at once, or when one is free and `alive` still has an owner.
    pub(super) fn run(&'static self, alive: Weak<()>, work: Work) -> io::Result<()> {
        let mut inner = self.lock();
        if inner.threads >= self.max_threads {
            // Remove cancelled work here, or a session that reconnects while all threads are busy
            // would grow the queue without limit.
            inner.queue.retain(|(alive, _)| alive.strong_count() > 0);
            inner.queue.push_back((alive, work));
            return Ok(());
        }
        inner.threads += 1;
        debug_assert!(
            inner.threads <= self.max_threads,
            "work is queued while all threads are busy"
        );
        // Spawning may take long, and sessions on other threads need the pool meanwhile.
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
            // Work that was queued meanwhile goes to one of the other threads.
            Err(error) => {
                self.lock().threads -= 1;
                Err(error)
            }
        }
    }

    /// The next work for a thread that has finished. `None` ends the thread.
    fn next(&self) -> Option<Work> {
        let mut inner = self.lock();
        while let Some((alive, work)) = inner.queue.pop_front() {
            if alive.strong_count() > 0 {
                return Some(work);
            }
        }
        debug_assert!(inner.threads > 0, "the calling thread is counted");
        inner.threads -= 1;
        None
    }

    /// Locks the pool. A panic while the lock was held cannot leave `Inner` half changed, so a
    /// poisoned lock is used as it is.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    #[test]
    fn the_pool_starts_no_extra_thread_and_runs_no_cancelled_work() {
        static POOL: Pool = Pool::new(2);
        let held = Arc::new(());
        let (started, starts) = channel();
        let (release, gate) = channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let submit = |number: usize, alive: Weak<()>| {
            let (started, gate) = (started.clone(), Arc::clone(&gate));
            let work = move || {
                started.send(number).unwrap();
                gate.lock().unwrap().recv().unwrap();
            };
            POOL.run(alive, Box::new(work)).unwrap();
        };

        submit(1, Arc::downgrade(&held));
        submit(2, Arc::downgrade(&held));
        let mut running = [starts.recv().unwrap(), starts.recv().unwrap()];
        running.sort_unstable();
        assert_eq!(running, [1, 2]);

        let cancelled = Arc::new(());
        submit(3, Arc::downgrade(&held));
        submit(4, Arc::downgrade(&cancelled));
        drop(cancelled);
        submit(5, Arc::downgrade(&held));
        assert_eq!(POOL.lock().threads, 2);
        assert_eq!(POOL.lock().queue.len(), 2, "cancelled work left the queue");
        assert!(
            starts.try_recv().is_err(),
            "queued work waits for a free thread"
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
    fn work_cancelled_in_the_queue_is_skipped() {
        static POOL: Pool = Pool::new(1);
        let held = Arc::new(());
        let (release, gate) = channel::<()>();
        let (done, dones) = channel();
        POOL.run(
            Arc::downgrade(&held),
            Box::new(move || gate.recv().unwrap()),
        )
        .unwrap();
        let cancelled = Arc::new(());
        let cancelled_done = done.clone();
        POOL.run(
            Arc::downgrade(&cancelled),
            Box::new(move || cancelled_done.send("cancelled").unwrap()),
        )
        .unwrap();
        POOL.run(
            Arc::downgrade(&held),
            Box::new(move || done.send("wanted").unwrap()),
        )
        .unwrap();
        drop(cancelled);
        release.send(()).unwrap();
        assert_eq!(dones.iter().collect::<Vec<_>>(), ["wanted"]);
    }
}
