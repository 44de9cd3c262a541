//! The rules against the servers of [`super::world`].

use super::world::{Broken, Case, Order, play};
use std::println;

/// The kinds of servers whose answers are never later than the waiting time.
fn cases() -> [(&'static str, Case); 24] {
    let usual = Case::USUAL;
    let order = |order| Case { order, ..usual };
    let late = |order, part, losses| Case {
        part,
        losses,
        burst: 3,
        joins_late: true,
        ..Case { order, ..usual }
    };
    [
        ("history behind event 5, session gone", usual),
        ("session kept", Case { keep: 100, ..usual }),
        ("history before event 5", order(Order::Before)),
        (
            "history made later",
            Case {
                keep: 50,
                ..order(Order::Later)
            },
        ),
        (
            "history copied early",
            Case {
                keep: 50,
                burst: 4,
                ..order(Order::CopiedEarly)
            },
        ),
        (
            "copied early, new life",
            Case {
                rebirth: 100,
                burst: 4,
                ..order(Order::CopiedEarly)
            },
        ),
        (
            "slow data",
            Case {
                slow_ms: 1_200,
                ..usual
            },
        ),
        (
            "new life, session gone",
            Case {
                rebirth: 100,
                ..usual
            },
        ),
        (
            "new life, made later",
            Case {
                rebirth: 100,
                ..order(Order::Later)
            },
        ),
        ("copied, then entered", order(Order::BeforeEntering)),
        (
            "reborn while subscribed",
            Case {
                reborn_later: true,
                ..usual
            },
        ),
        (
            "ids go up by two",
            Case {
                keep: 50,
                step: 2,
                burst: 5,
                ..usual
            },
        ),
        (
            "entered late, with a burst",
            Case {
                burst: 5,
                ..order(Order::BeforeEntering)
            },
        ),
        (
            "batched, session kept",
            Case {
                keep: 100,
                batched: true,
                ..usual
            },
        ),
        (
            "server without history",
            Case {
                has_history: false,
                ..usual
            },
        ),
        (
            "server ignores last ids",
            Case {
                rebirth: 30,
                honours_last_ids: false,
                ..usual
            },
        ),
        ("joins late", late(Order::Behind, 0, 0)),
        ("joins late, split", late(Order::CopiedEarly, 2, 0)),
        ("joins late, split, a loss", late(Order::CopiedEarly, 2, 1)),
        ("joins late, split small", late(Order::CopiedEarly, 1, 1)),
        ("joins late, made later", late(Order::Later, 2, 2)),
        (
            "joins late, shuffled",
            Case {
                shuffled: true,
                ..late(Order::CopiedEarly, 1, 0)
            },
        ),
        (
            "joins late, session kept",
            Case {
                keep: 50,
                ..late(Order::CopiedEarly, 3, 3)
            },
        ),
        (
            "three losses",
            Case {
                keep: 50,
                rebirth: 30,
                losses: 3,
                ..usual
            },
        ),
    ]
}

#[test]
fn s02_s03_s04_s21_no_order_of_answers_loses_or_doubles_a_message() {
    for (name, case) in cases() {
        let (mut asked, mut most) = (0, 0);
        for seed in 0..2_000 {
            let (broken, questions) = play(case, seed);
            assert_eq!(broken, Broken::new(), "{name}, seed {seed}");
            asked += questions;
            most = most.max(questions);
        }
        println!("{name}: {} questions in 2,000 runs, at most {most}", asked);
    }
}

/// With answers later than the waiting time and a server that copies early or before the
/// client enters, at most 5 % of the runs break a promise, and 15 % have an avoidable gap.
#[test]
fn s23_late_answers_break_few_promises() {
    let (mut runs, mut bad, mut avoidable) = (0, 0, 0);
    let mut kinds = Broken::new();
    for order in [
        Order::Behind,
        Order::Before,
        Order::Later,
        Order::CopiedEarly,
        Order::BeforeEntering,
    ] {
        for slow_ms in [40, 3_500, 6_000] {
            let mut broken_here = 0;
            for (keep, rebirth) in [(50, 30), (0, 100)] {
                for losses in [1, 2] {
                    let case = Case {
                        order,
                        slow_ms,
                        keep,
                        rebirth,
                        losses,
                        burst: 3,
                        ..Case::USUAL
                    };
                    for seed in 0..250 {
                        let (mut broken, _) = play(case, seed);
                        runs += 1;
                        avoidable += u32::from(broken.remove("avoidable gap").is_some());
                        bad += u32::from(!broken.is_empty());
                        broken_here += u32::from(!broken.is_empty());
                        for (kind, count) in broken {
                            *kinds.entry(kind).or_default() += count;
                        }
                    }
                }
            }
            println!("{order:?}, {slow_ms} ms: {broken_here} of 1,000");
            // The order of answers alone breaks nothing.
            assert!(slow_ms > 40 || broken_here == 0);
        }
    }
    println!("{bad} of {runs} runs: {kinds:?}; {avoidable} avoidable gaps");
    assert!(bad * 100 <= runs * 5 && avoidable * 100 <= runs * 15);
}
