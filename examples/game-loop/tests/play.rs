//! Two players over real sockets: what one does, the other sees, also after an outage.

mod common;

use common::{Pair, pair};
use game_loop::model::{EntryKind, Input, Key, Phase, Target, Troubles};

fn said(pair: &Pair, text: &str) -> Option<EntryKind> {
    let tabs = pair.mia.game.tabs.iter();
    let mut entries = tabs.flat_map(|tab| &tab.entries);
    entries
        .find(|entry| entry.text == text)
        .map(|entry| entry.kind)
}

#[test]
fn players_see_each_other_walk_and_write() {
    let mut pair = pair();
    pair.bob.input = Input {
        direction: (0.0, 1.0),
        ..Input::default()
    };
    pair.until("bob is seen to walk", |pair| {
        pair.mia
            .game
            .others
            .iter()
            .any(|player| player.name == "bob" && player.walked > 40.0)
    });
    pair.bob.write("hello");
    pair.until("mia sees the bubble, and bob the receipt", |pair| {
        let bubble = pair.mia.game.others[0].bubble.as_ref();
        let kinds = pair
            .bob
            .game
            .tabs
            .current()
            .entries
            .iter()
            .map(|entry| entry.kind);
        bubble.is_some_and(|bubble| bubble.text == "hello")
            && kinds.clone().all(|kind| kind != EntryKind::Waiting)
            && kinds.clone().any(|kind| kind == EntryKind::Said)
    });
    pair.bob.press(Key::Tab);
    pair.bob.write("psst");
    pair.until("mia has a private text", |pair| {
        let private = Target::Private("bob".into());
        let mut tabs = pair.mia.game.tabs.iter();
        tabs.any(|tab| tab.target == private && tab.unread == 1)
    });
}

#[test]
fn the_server_gives_a_star_to_one_player() {
    let mut pair = pair();
    let at = game_loop::model::star(0);
    pair.mia.game.me.position = at;
    pair.bob.game.me.position = at;
    pair.until("both have the next star and the point", |pair| {
        [&pair.mia.game, &pair.bob.game]
            .iter()
            .all(|game| game.star == 1 && !game.points.is_empty())
    });
    let points: u32 = pair.mia.game.points.values().sum();
    assert_eq!((points, &pair.mia.game.points), (1, &pair.bob.game.points));
}

#[test]
fn after_a_cut_the_game_shows_what_was_missed() {
    let mut pair = pair();
    // The very first message of a channel could not be told from a live one.
    pair.bob.write("before");
    pair.until("the text has arrived", |pair| {
        said(pair, "before").is_some()
    });
    pair.host.disturb(Troubles {
        cut: true,
        ..Troubles::default()
    });
    pair.until("mia notices", |pair| {
        pair.mia.game.link.phase == Phase::Lost
    });
    // Not before: the cut takes a moment, and what overtakes it is not missed.
    pair.mia.write("waits for the line");
    let begin = pair.bob.game.me.position;
    pair.bob.input = Input {
        direction: (0.0, 1.0),
        ..Input::default()
    };
    pair.bob.write("are you there?");
    pair.until("bob has written and walked", |pair| {
        let entries = &pair.bob.game.tabs.current().entries;
        let is_sent = entries
            .iter()
            .any(|entry| entry.text == "are you there?" && entry.kind == EntryKind::Said);
        is_sent && pair.bob.game.me.position.y > begin.y + 150.0
    });
    assert_eq!(pair.bob.game.link.phase, Phase::Connected, "bob uses TCP");
    pair.host.disturb(Troubles::default());
    pair.until("mia is back, with the text and the way of bob", |pair| {
        let others = &pair.mia.game.others;
        pair.mia.game.link.phase == Phase::Connected
            && said(pair, "are you there?") == Some(EntryKind::Missed)
            && said(pair, "waits for the line") == Some(EntryKind::Said)
            && others
                .iter()
                .any(|player| player.footprints.iter().any(|print| print.missed))
    });
}

#[test]
fn a_server_that_stops_and_starts_again_is_found_again() {
    let mut pair = pair();
    pair.bob.write("before");
    pair.until("the text has arrived", |pair| {
        said(pair, "before").is_some()
    });
    pair.host.disturb(Troubles {
        stopped: true,
        ..Troubles::default()
    });
    pair.until("both notice", |pair| {
        [&pair.mia.game, &pair.bob.game]
            .iter()
            .all(|game| game.link.phase == Phase::Lost)
    });
    pair.host.disturb(Troubles::default());
    pair.until("both are back", |pair| {
        [&pair.mia.game, &pair.bob.game]
            .iter()
            .all(|game| game.link.phase == Phase::Connected)
    });
    pair.bob.write("after");
    pair.until("the next text arrives", |pair| {
        said(pair, "after").is_some()
    });
}

#[test]
fn texts_arrive_in_order_over_a_line_that_loses_and_delays() {
    let mut pair = pair();
    let troubles = Troubles {
        loss: true,
        delay: true,
        ..Troubles::default()
    };
    pair.host.disturb(troubles);
    for number in 0..10 {
        pair.mia.write(&number.to_string());
    }
    pair.until("bob has all, in order", |pair| {
        let entries = pair.bob.game.tabs.current().entries.iter();
        let texts = entries
            .filter(|entry| entry.sender == "mia")
            .map(|entry| entry.text.clone());
        texts.eq((0..10).map(|number| number.to_string()))
    });
}
