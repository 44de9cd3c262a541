//! Pools of few threads, with resolvers that hang until a test releases them.

use super::*;
use crate::connect::resolver::{QueryKind, Resolver};
use std::sync::Condvar;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(30);

/// A resolver whose lookups of names that begin with `hang` block until the gate opens. The others
/// return at once. `panic.test` panics.
#[derive(Clone, Default)]
struct Gate {
    shared: Arc<(Mutex<GateState>, Condvar)>,
}

#[derive(Default)]
struct GateState {
    open: bool,
    asked: Vec<String>,
}

impl Gate {
    fn resolver(&self) -> Resolver {
        let gate = self.clone();
        Resolver::new(move |host, port| {
            let (state, opened) = &*gate.shared;
            let mut state = lock(state);
            state.asked.push(host.to_owned());
            assert!(!host.starts_with("panic"), "as the test wants it");
            while host.starts_with("hang") && !state.open {
                state = opened.wait(state).unwrap();
            }
            Ok(vec![([127, 0, 0, 1], port).into()])
        })
    }

    fn open(&self) {
        lock(&self.shared.0).open = true;
        self.shared.1.notify_all();
    }

    /// The names that were looked up, in this order.
    fn asked(&self) -> Vec<String> {
        lock(&self.shared.0).asked.clone()
    }

    fn wait_for(&self, lookups: usize) {
        until(|| self.asked().len() == lookups, "lookups start");
    }
}

fn until(mut done: impl FnMut() -> bool, what: &str) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < LONG, "{what}");
        thread::yield_now();
    }
}

fn query(resolver: &Resolver, host: &str) -> Query {
    Query {
        resolver: resolver.clone(),
        host: host.into(),
        port: 4533,
        kind: QueryKind::Name,
    }
}

fn lookup(pool: &'static Pool, resolver: &Resolver, host: &str, session: SessionKey) -> Lookup {
    pool.submit(query(resolver, host), session, WakerSlot::default())
}

fn answer(lookup: &Lookup) -> Answer {
    let mut answer = None;
    until(
        || {
            answer = lookup.poll();
            answer.is_some()
        },
        "the lookup is answered",
    );
    answer.unwrap()
}

fn idle(pool: &'static Pool) {
    until(
        || {
            let inner = pool.lock();
            inner.running.is_empty() && inner.queue.is_empty()
        },
        "every thread ends",
    );
}

#[test]
fn abandoned_lookups_of_one_session_leave_threads_for_others() {
    static POOL: Pool = Pool::new(MAX_THREADS);
    let gate = Gate::default();
    let resolver = gate.resolver();
    let (greedy, other) = (SessionKey::new(), SessionKey::new());
    for number in 0..200 {
        let host = format!("hang{number}.test");
        drop(lookup(&POOL, &resolver, &host, greedy));
    }
    {
        let inner = POOL.lock();
        assert_eq!(inner.running.len(), MAX_PER_SESSION);
        assert!(inner.queue.len() <= 1, "cancelled lookups leave the queue");
    }
    assert!(answer(&lookup(&POOL, &resolver, "good.test", other)).is_ok());
    // The session itself waits for its own lookups to end.
    let own = lookup(&POOL, &resolver, "good.test", greedy);
    gate.wait_for(5);
    assert!(own.poll().is_none());
    gate.open();
    assert!(answer(&own).is_ok());
    idle(&POOL);
}

#[test]
fn the_more_sessions_hang_the_fewer_lookups_each_has() {
    static POOL: Pool = Pool::new(MAX_THREADS);
    let gate = Gate::default();
    let resolver = gate.resolver();
    let mut held = Vec::new();
    for session in 0..40 {
        let key = SessionKey::new();
        for number in 0..10 {
            let host = format!("hang{session}-{number}.test");
            held.push(lookup(&POOL, &resolver, &host, key));
        }
    }
    let running = POOL.lock().running.len();
    assert!((40..MAX_THREADS).contains(&running), "{running}");
    assert!(answer(&lookup(&POOL, &resolver, "good.test", SessionKey::new())).is_ok());
    gate.open();
    for one in &held {
        assert!(answer(one).is_ok());
    }
    idle(&POOL);
}

#[test]
fn sessions_with_a_hanging_name_do_not_delay_those_with_another() {
    static POOL: Pool = Pool::new(MAX_THREADS);
    let gate = Gate::default();
    let resolver = gate.resolver();
    let held: Vec<_> = (0..1_000)
        .map(|_| lookup(&POOL, &resolver, "hang.test", SessionKey::new()))
        .collect();
    assert_eq!(POOL.lock().running.len(), MAX_THREADS / 8);
    assert!(answer(&lookup(&POOL, &resolver, "good.test", SessionKey::new())).is_ok());
    gate.open();
    for one in &held {
        assert!(answer(one).is_ok());
    }
    idle(&POOL);
    // The answer of the first served all that waited.
    assert!(gate.asked().len() <= 2 * MAX_THREADS / 8 + 1);
}

#[test]
fn sessions_take_turns() {
    static POOL: Pool = Pool::new(1);
    let gate = Gate::default();
    let resolver = gate.resolver();
    let (one, two) = (SessionKey::new(), SessionKey::new());
    let mut held = vec![lookup(&POOL, &resolver, "hang.test", one)];
    gate.wait_for(1);
    for (host, session) in [("a.test", one), ("b.test", two)] {
        held.push(lookup(&POOL, &resolver, host, session));
    }
    // A cancelled lookup is skipped.
    let cancelled = lookup(&POOL, &resolver, "c.test", two);
    held.push(lookup(&POOL, &resolver, "d.test", two));
    drop(cancelled);
    gate.open();
    for one in &held {
        assert!(answer(one).is_ok());
    }
    assert_eq!(gate.asked(), ["hang.test", "a.test", "b.test", "d.test"]);
    idle(&POOL);
}

#[test]
fn the_session_with_fewer_running_lookups_comes_first() {
    let job = |session, slot: &Arc<Slot>, host: &str| Job {
        query: query(&Resolver::default(), host),
        session,
        slot: Arc::downgrade(slot),
    };
    let slot = Arc::new(Slot {
        answer: Mutex::new(None),
        waker: WakerSlot::default(),
    });
    let (busy, idle) = (SessionKey::new(), SessionKey::new());
    let mut inner = Inner {
        running: vec![(busy, query(&Resolver::default(), "x"))],
        queue: [
            job(busy, &slot, "a"),
            job(idle, &slot, "b"),
            job(idle, &slot, "c"),
        ]
        .into(),
    };
    let mut next = || inner.take_next(64).map(|job| job.query.host.to_string());
    assert_eq!(next().as_deref(), Some("b"));
    assert_eq!(next().as_deref(), Some("a"), "now both have one");
    assert_eq!(next().as_deref(), Some("c"));
    assert_eq!(next(), None);
}

#[test]
fn a_resolver_that_panics_is_an_error_and_costs_no_thread() {
    static POOL: Pool = Pool::new(2);
    let resolver = Gate::default().resolver();
    for _ in 0..3 {
        let error = answer(&lookup(&POOL, &resolver, "panic.test", SessionKey::new()));
        assert_eq!(error.unwrap_err().kind, LinkErrorKind::Resolve);
    }
    idle(&POOL);
}

#[test]
fn an_answer_wakes_the_session() {
    static POOL: Pool = Pool::new(1);
    let gate = Gate::default();
    let waker = WakerSlot::default();
    let mut poller = crate::poller::Poller::new(&waker).unwrap();
    let query = query(&gate.resolver(), "hang.test");
    let lookup = POOL.submit(query, SessionKey::new(), waker);
    gate.open();
    let began = Instant::now();
    while lookup.poll().is_none() {
        poller.sleep(LONG, |_| {}).unwrap();
        assert!(began.elapsed() < LONG, "nothing woke it");
    }
}
