//! Scenario 03: fewer messages missed than the server keeps, exactly as many, and more.

use soak::Loss;

use crate::row::on_every_row;
use crate::world::World;

#[test]
fn s03_a_gap_is_reported_for_what_the_server_no_longer_has() {
    on_every_row(|row| {
        for missed in [0, 1, 50, 96, 99, 100, 101, 104, 105, 250] {
            let mut world = World::new(row, missed as u64);
            let reader = world.reader("alice", &["c"]);
            world.publish_every("c", 7, 30);
            world.lose(reader, Loss::Reset);
            world.publish("c", missed);
            world.finish();
            let expected = match missed.saturating_sub(100) {
                0 => vec![],
                gone => vec![(7, Some(gone as u32))],
            };
            let gaps: Vec<(i32, Option<u32>)> = world.readers[reader]
                .gaps("c")
                .into_iter()
                .map(|(after, missing, ..)| (after, missing))
                .collect();
            assert_eq!(gaps, expected, "{missed} missed, {row:?}");
        }
    });
}
