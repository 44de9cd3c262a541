use super::open::Queue;
use super::{ChannelRequests, Ended, MAX_PENDING, MAX_UNANSWERED, RequestId, RequestKind, Timer};
use crate::error::ServerError;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use photon_proto::{HashKeys, Random, Text, Timestamp};

/// The rules of contract 9, as searches through one list.
#[derive(Default)]
struct Searched(Vec<One>);

struct One {
    id: RequestId,
    names: Vec<String>,
    answered: bool,
    due: Timestamp,
}

impl Searched {
    fn settle(&mut self, name: &str) -> Option<RequestId> {
        let waits = |one: &&mut One| one.names.iter().any(|other| other == name);
        let one = self.0.iter_mut().find(waits)?;
        one.names.retain(|other| other != name);
        let id = one.id;
        self.forget();
        Some(id)
    }

    fn on_response(&mut self, code: i16) -> Vec<String> {
        let addressed = |one: &&mut One| !one.answered && (code == 0 || !one.names.is_empty());
        let Some(one) = self.0.iter_mut().find(addressed) else {
            return Vec::new();
        };
        one.answered = true;
        let failed = if code == 0 {
            Vec::new()
        } else {
            core::mem::take(&mut one.names)
        };
        self.forget();
        failed
    }

    fn time_out(&mut self, now: Timestamp) -> Vec<String> {
        let one = self.0.iter_mut().find(|one| !one.names.is_empty());
        let failed = one
            .filter(|one| one.due <= now)
            .map(|one| core::mem::take(&mut one.names))
            .unwrap_or_default();
        self.forget();
        failed
    }

    fn forget(&mut self) {
        self.0.retain(|one| !one.answered || !one.names.is_empty());
        let settled = |one: &One| one.names.is_empty();
        if self.0.iter().filter(|one| settled(one)).count() > MAX_UNANSWERED {
            let oldest = self.0.iter().position(settled).expect("one is settled");
            self.0.remove(oldest);
        }
    }
}

fn names(ended: Option<Ended>) -> Vec<String> {
    let failed = ended.map(|ended| ended.failed).unwrap_or_default();
    failed.iter().map(|one| one.channel.to_string()).collect()
}

/// The same random calls, for the queues and for the search.
#[test]
fn sound10_requests_in_queues_settle_like_requests_that_are_searched() {
    for seed in 0..40 {
        let mut random = Random::new([seed; 32]);
        let mut requests = ChannelRequests::new(HashKeys::new(&mut random));
        let mut searched = Searched::default();
        let mut draw = |below: u32| random.u32("test") % below;
        let mut now = Timestamp::from_millis(1);
        // Few names, so that many requests wait for the same one; or many.
        let name_count = if seed % 2 == 0 { 8 } else { 400 };
        for next_id in 1..1_500 {
            match draw(8) {
                0..=2 => {
                    let id = RequestId(next_id);
                    let mut called = Vec::new();
                    for _ in 0..=draw(3) {
                        called.push(draw(name_count).to_string());
                    }
                    let kind = [RequestKind::Application, RequestKind::Question][draw(2) as usize];
                    requests.push(id, kind, &called, Timer::Armed { after_ms: 50 });
                    called.sort();
                    called.dedup();
                    searched.0.push(One {
                        id,
                        names: called,
                        answered: false,
                        due: now.plus_millis(50),
                    });
                    requests.start_timers(now);
                }
                3 | 4 => {
                    let name = draw(name_count).to_string();
                    let settled = requests.settle(&name).map(|settled| settled.id);
                    assert_eq!(settled, searched.settle(&name));
                }
                5 | 6 => {
                    let code = i16::from(draw(4) == 0);
                    let error = || ServerError {
                        operation: 0,
                        code,
                        message: Text::EMPTY,
                    };
                    let mut failed = names(requests.on_response(code, error));
                    failed.sort();
                    assert_eq!(failed, searched.on_response(code));
                }
                _ => {
                    now = now.plus_millis(u64::from(draw(40)));
                    let mut failed = names(requests.time_out(now));
                    failed.sort();
                    assert_eq!(failed, searched.time_out(now));
                }
            }
            assert_eq!(requests.len(), searched.0.len());
            let open = requests.open.as_deref();
            let settled = requests.settled.iter();
            let count = settled
                .filter(|(_, kind)| *kind == RequestKind::Application)
                .count();
            let open_count = open.map_or(0, |open| open.of_application());
            assert_eq!(requests.of_application, open_count + count);
            let due = searched.0.iter().find(|one| !one.names.is_empty());
            assert_eq!(requests.deadline(now), due.map(|one| one.due));
            for queue in open
                .into_iter()
                .flat_map(|open| [&open.unanswered, &open.answered])
            {
                assert!(queue.ids.len() <= queue.live * 2 + Queue::MAX_STALE);
            }
        }
        let left = searched.0.iter().filter(|one| !one.names.is_empty());
        assert_eq!(requests.fail_all().count(), left.count());
        assert_eq!((requests.len(), requests.counters()), (0, [0, 0]));
    }
}

#[test]
fn requests_of_the_client_itself_take_no_space_of_the_application() {
    let mut requests = ChannelRequests::new(HashKeys::new(&mut Random::new([0; 32])));
    for id in 1..=MAX_PENDING as u64 + 1 {
        assert!(requests.check_space().is_ok());
        requests.push(RequestId(id), RequestKind::Question, ["a"], Timer::Off);
    }
    let first_own = MAX_PENDING as u64 + 2;
    for id in first_own..first_own + MAX_PENDING as u64 {
        assert!(requests.check_space().is_ok());
        requests.push(RequestId(id), RequestKind::Application, ["a"], Timer::Off);
    }
    assert!(requests.check_space().is_err());
    let kinds: Vec<_> =
        core::iter::from_fn(|| requests.settle("a").map(|settled| settled.kind)).collect();
    assert_eq!(kinds.len(), 2 * MAX_PENDING + 1);
    assert!(
        kinds[..=MAX_PENDING]
            .iter()
            .all(|kind| *kind == RequestKind::Question)
    );
    assert!(requests.check_space().is_ok());
}
