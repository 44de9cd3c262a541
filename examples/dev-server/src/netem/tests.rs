use super::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn conditions(text: &str) -> Conditions {
    text.parse().unwrap()
}

/// Sends numbered datagrams, one each millisecond. Returns those that arrive with their times.
fn send(conditions: &Conditions, seed: u64, count: u32) -> (Vec<(Timestamp, u32)>, NetemStats) {
    let (mut line, mut rng) = (Pipe::new(usize::MAX), Rng::new(seed));
    let mut seen = Vec::new();
    let mut take = |line: &mut Pipe<u32>, until: Timestamp| {
        while let Some(due) = line.next_time().filter(|due| *due <= until) {
            let before = Timestamp::from_micros(due.as_micros().saturating_sub(1));
            assert!(
                before == due || line.poll(before).is_none(),
                "before its time"
            );
            let (to, datagram) = line.poll(due).unwrap();
            assert_eq!(datagram.len(), 100);
            if conditions.corrupt == Percent::ZERO {
                assert_eq!(datagram, [7; 100]);
            }
            seen.push((due, to));
        }
    };
    for number in 0..count {
        take(&mut line, at(u64::from(number)));
        line.send(
            at(u64::from(number)),
            conditions,
            &mut rng,
            number,
            &[7; 100],
        );
    }
    take(&mut line, Timestamp::MAX);
    assert!(line.is_empty() && line.bytes == 0);
    (seen, *line.stats())
}

#[test]
fn clear_conditions_change_nothing_and_draw_no_numbers() {
    let (seen, stats) = send(&Conditions::default(), 1, 1000);
    assert!(
        seen.iter()
            .enumerate()
            .all(|(number, seen)| *seen == (at(number as u64), number as u32))
    );
    assert_eq!(
        stats,
        NetemStats {
            sent: 1000,
            ..NetemStats::default()
        }
    );
    let (mut rng, mut untouched) = (Rng::new(1), Rng::new(1));
    let _ = Conditions::default().pass(&mut rng, 100);
    assert_eq!(rng.next(), untouched.next());
}

#[test]
fn losses_and_duplicates_are_as_frequent_as_configured() {
    const COUNT: u32 = 100_000;
    let near = |number: u64, percent: f64| {
        (number as f64 / f64::from(COUNT) - percent / 100.0).abs() < 0.005
    };
    for seed in 0..5 {
        let (seen, stats) = send(
            &conditions("loss=20 duplicate=5 delay=80 jitter=30 corrupt=1"),
            seed,
            COUNT,
        );
        assert!(near(stats.lost, 20.0), "{stats:?}");
        assert!(near(stats.duplicated, 5.0 * 0.8), "{stats:?}");
        assert!(near(stats.corrupted, 1.0 * 0.8 * 1.05), "{stats:?}");
        assert_eq!(
            seen.len() as u64,
            stats.sent - stats.lost + stats.duplicated
        );
        let took = seen
            .iter()
            .map(|(due, number)| due.micros_since(at(u64::from(*number))));
        assert!(
            took.clone()
                .all(|micros| (80_000..=110_000).contains(&micros))
        );
        let mean = took.sum::<u64>() / seen.len() as u64;
        assert!(mean.abs_diff(95_000) < 300, "{mean}");
    }
    for (text, seen) in [
        ("loss=100", 0),
        ("duplicate=100", 2000),
        ("loss=0.001", 1000),
    ] {
        assert_eq!(send(&conditions(text), 3, 1000).0.len(), seen, "{text}");
    }
}

#[test]
fn jitter_reorders_and_delay_alone_does_not() {
    let overtaken = |text| {
        let (seen, _) = send(&conditions(text), 4, 1000);
        seen.windows(2).filter(|pair| pair[0].1 > pair[1].1).count()
    };
    assert_eq!(overtaken("delay=80"), 0);
    assert!(overtaken("delay=80 jitter=30") > 100);
    assert!(overtaken("delay=1 jitter=200") > 300);
}

#[test]
fn exactly_one_bit_is_flipped_and_every_bit_can_be() {
    let (mut rng, corrupt) = (Rng::new(5), conditions("corrupt=100"));
    let mut flipped = [0_u8; 4];
    for _ in 0..1000 {
        let [Some(fate), None] = corrupt.pass(&mut rng, 4) else {
            panic!()
        };
        let copy = fate.copy(&[0; 4]);
        assert_eq!(copy.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
        flipped
            .iter_mut()
            .zip(copy)
            .for_each(|(all, bits)| *all |= bits);
    }
    assert_eq!(flipped, [0xFF; 4]);
    let [Some(fate), None] = corrupt.pass(&mut rng, 0) else {
        panic!()
    };
    assert_eq!(fate.copy(&[]), []);
}

#[test]
fn the_same_seed_gives_the_same_fates() {
    let conditions = conditions("loss=20 duplicate=5 delay=80 jitter=30 corrupt=1");
    assert_eq!(send(&conditions, 6, 1000), send(&conditions, 6, 1000));
    assert_ne!(send(&conditions, 6, 1000), send(&conditions, 7, 1000));
}

#[test]
fn bytes_in_flight_are_limited() {
    let (mut line, mut rng) = (Pipe::new(3 * (100 + DATAGRAM_OVERHEAD_BYTES)), Rng::new(8));
    let slow = conditions("delay=10");
    for number in 0..5 {
        line.send(at(0), &slow, &mut rng, number, &[0; 100]);
    }
    assert_eq!((line.len(), line.stats().overrun), (3, 2));
    assert_eq!(line.poll(at(10)).map(|(number, _)| number), Some(0));
    line.send(at(10), &slow, &mut rng, 5, &[0; 100]);
    assert_eq!((line.len(), line.stats().overrun), (3, 2));
    line.clear();
    assert_eq!((line.len(), line.next_time()), (0, None));
    line.send(
        Timestamp::MAX,
        &conditions("delay=18446744073709551615 jitter=18446744073709551615"),
        &mut rng,
        6,
        &[],
    );
    assert_eq!(line.next_time(), Some(Timestamp::MAX));
}

#[test]
fn conditions_parse_and_wrong_text_gets_advice() {
    for text in [
        "loss=20 duplicate=5 delay=80 jitter=30 corrupt=1",
        "loss=0.5 duplicate=0 delay=0 jitter=0 corrupt=99.999",
    ] {
        assert_eq!(conditions(text).to_string(), text);
    }
    assert_eq!(
        conditions(" jitter=3,loss=12.5% "),
        Conditions {
            jitter_ms: 3,
            loss: Percent::from_thousandths(12_500),
            ..Conditions::default()
        }
    );
    assert!(conditions("off").is_clear() && conditions("").is_clear());
    for (text, part) in [
        ("loss", "\"loss\" is not a condition: write loss=PERCENT"),
        ("lost=3", "\"lost=3\" is not a condition"),
        ("off delay=3", "\"off\" is not a condition"),
        (
            "loss=101",
            "loss: \"101\" is not a percentage: write a number from 0 to 100",
        ),
        ("loss=100.001", "is not a percentage"),
        ("duplicate=-1", "duplicate: \"-1\" is not a percentage"),
        ("corrupt=0.0001", "at most three decimals"),
        ("corrupt=.5", "is not a percentage"),
        ("corrupt=1.", "is not a percentage"),
        ("corrupt=", "is not a percentage"),
        ("loss=99999999999", "is not a percentage"),
        ("loss=+5", "is not a percentage"),
        (
            "delay=1.5",
            "delay: \"1.5\" is not a number of milliseconds: write a whole number",
        ),
        (
            "jitter=-3",
            "jitter: \"-3\" is not a number of milliseconds",
        ),
    ] {
        let error = text.parse::<Conditions>().unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}
